import { assertEquals } from "@std/assert";
import type { Diagnostic } from "../../src/core/diagnostic.ts";
import { CATALOGUE } from "../../src/core/catalogue.ts";
import { explanationUrl } from "../../src/core/program.ts";
import type { Check, Plan } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { checkResult, checkSchema, type FileVerdict, type PartVerdict } from "../../src/render/check.ts";
import { junitXml } from "../../src/render/junit.ts";
import { renderOpenMetrics } from "../../src/render/openmetrics.ts";
import { matrixSchema } from "../../src/render/matrix.ts";
import { originSchema } from "../../src/render/origin.ts";
import { outcomeSchema } from "../../src/render/outcome.ts";
import { renderPlanSvg } from "../../src/render/pictures.ts";
import { checkLines, headline, isExplicit, isReady, passedText, renderPlan, verdict } from "../../src/render/plan.ts";
import { callText, renderPlanBrief, segmentsText } from "../../src/render/plan_brief.ts";
import { messageOf, sarifLog } from "../../src/render/sarif.ts";
import { renderStatus } from "../../src/render/status.ts";
import { PLAIN } from "../../src/render/style.ts";
import type { ImageStatus, Status } from "../../src/state/status.ts";
import { assertCommittedSchema, committed } from "../support/committed.ts";
import { crashHost } from "../support/crash_host.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, initrdFile, PART_DIGESTS, profileOf } from "../support/profiles.ts";
import { SCENES } from "./scenes.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const LAYOUT = { style: PLAIN, width: 100 };

const IMAGE: ImageStatus = {
  image: "reboot",
  loaded: "yes",
  record: "matches",
  note: "The note",
  profile: "web",
  release: "6.12.0",
  cmdline: "ro quiet",
  loadedAt: "2026-11-22T10:00:00Z",
  user: "anna",
};
const STATUS: Status = {
  format: "warmboot.status/1",
  host: { hostname: "web1", machine: "x86_64", release: "6.1.0" },
  images: [IMAGE],
  crash: { state: "none", size: 0, ranges: [], note: "Nothing is reserved" },
  allows: [{ rule: "lockdown", status: "pass", message: "Not locked down" }],
  rebootIsKexec: false,
};

pure("a status as a person reads it: each state of an image, and of the reservation", () => {
  const lines = (changes: Partial<Status>) => renderStatus({ ...STATUS, ...changes }, LAYOUT).split("\n");
  assertEquals(lines({}), [
    "web1: 6.1.0 on x86_64",
    "",
    "  Next reboot   6.12.0, from profile web",
    "                ro quiet",
    "                loaded 2026-11-22T10:00:00Z by anna",
    "  Crash memory  Nothing is reserved",
    "",
    "The host allows",
    "  ok    lockdown           Not locked down",
    "",
  ]);
  const image = (changes: Partial<ImageStatus>) => lines({ images: [{ ...IMAGE, ...changes }] }).slice(2, -5);
  assertEquals(image({ record: "none", loaded: "no" }), ["  Next reboot   no image is loaded"]);
  assertEquals(image({ record: "none", loaded: "yes" }), [
    "  Next reboot   an image is loaded",
    "                The note",
  ]);
  assertEquals(image({ record: "none", loaded: "unknown" }), [
    "  Next reboot   the kernel does not report it",
    "                The note",
  ]);
  assertEquals(image({ record: "unconfirmed", loaded: "unknown" }), [
    "  Next reboot   6.12.0, from profile web",
    "                ro quiet",
    "                loaded 2026-11-22T10:00:00Z by anna",
    "                The note",
  ]);
  const { release: _release, ...unnamed } = IMAGE;
  assertEquals(lines({ images: [unnamed] })[2], "  Next reboot   an image, from profile web");
  assertEquals(image({ record: "stale", loaded: "yes", image: "crash" }), [
    "  On a panic    an image is loaded",
    "                The note",
  ]);
  assertEquals(image({ record: "interrupted", cmdline: "", runs: "often" }), [
    "  Next reboot   an image is loaded",
    "                The note",
  ]);
  assertEquals(image({ cmdline: "", runs: "often" }), [
    "  Next reboot   6.12.0, from profile web",
    "                `warmboot exec` runs it as often as you like, and the running system continues",
    "                loaded 2026-11-22T10:00:00Z by anna",
  ]);
  assertEquals(image({ runs: "once" }), [
    "  Next reboot   6.12.0, from profile web",
    "                ro quiet",
    "                `warmboot exec` runs it once, and the running system continues; load it again before",
    "                each further run",
    "                loaded 2026-11-22T10:00:00Z by anna",
  ]);
  assertEquals(image({ runs: "spent", changes: ["a changed", "b changed"] }), [
    "  Next reboot   6.12.0, from profile web",
    "                ro quiet",
    "                it has run: load it again before the next `warmboot exec`",
    "                loaded 2026-11-22T10:00:00Z by anna",
    "                a changed",
    "                b changed",
    "                Load profile web again; until then a reboot boots what was loaded",
  ]);
  assertEquals(image({ image: "crash", changes: ["a changed"] }), [
    "  On a panic    6.12.0, from profile web",
    "                ro quiet",
    "                loaded 2026-11-22T10:00:00Z by anna",
    "                a changed",
    "                Load profile web again; until then a panic boots what was loaded",
  ]);
  const { hostname: _, ...host } = STATUS.host;
  assertEquals(lines({ host })[0], "This host: 6.1.0 on x86_64");
  const auto = (changes: Partial<ImageStatus>) =>
    lines({ rebootIsKexec: true, images: [{ ...IMAGE, ...changes }] }).slice(-6);
  assertEquals(auto({}), [
    "",
    "  `systemctl reboot` will boot the loaded image; `warmboot unload` prevents that",
    "",
    "The host allows",
    "  ok    lockdown           Not locked down",
    "",
  ]);
  assertEquals(auto({ returns: true }), [
    "",
    "  `systemctl reboot` will run the loaded payload on its way down; `warmboot unload` prevents that",
    "",
    "The host allows",
    "  ok    lockdown           Not locked down",
    "",
  ]);
  assertEquals(auto({ returns: true, record: "unconfirmed" })[1], auto({})[1]);
  assertEquals(auto({ returns: true, image: "crash" })[1], auto({})[1]);
  const crash = (changes: object) => lines({ images: [], crash: { ...STATUS.crash, ...changes } }).slice(2, -4);
  assertEquals(crash({ size: undefined }), ["  Crash memory  Nothing is reserved"]);
  assertEquals(crash({ size: 1 << 20 }), ["  Crash memory  1 MiB. Nothing is reserved"]);
  const range = (start: string, use: "image" | "low" | "borrowed") => ({ start, size: 1 << 20, use });
  assertEquals(crash({ ranges: [range("0x1", "image")] }), ["  Crash memory  1 MiB at 0x1"]);
  assertEquals(crash({ ranges: [range("0x1", "low"), range("0x2", "image"), range("0x3", "borrowed")] }), [
    "  Crash memory  1 MiB at 0x1, for the crash kernel's devices",
    "                1 MiB at 0x2, for the crash image",
    "                1 MiB at 0x3, used by the crash kernel after a panic",
  ]);
});

pure("a status as metrics: the whole text", () => {
  const text = (changes: Partial<Status>) => renderOpenMetrics({ ...STATUS, ...changes }).split("\n");
  const allows: readonly Check[] = [
    { rule: "a", status: "pass", message: "" },
    { rule: "b", status: "pass", message: "" },
    { rule: "c", status: "warn", message: "" },
  ];
  assertEquals(
    text({
      images: [{ ...IMAGE, runs: "spent", changes: ["x", "y"], profile: 'a\\"\n' }, {
        image: "crash",
        loaded: "no",
        record: "none",
        note: "",
      }],
      allows,
      rebootIsKexec: true,
      crash: { ...STATUS.crash, size: 7 },
    }),
    [
      "# HELP warmboot_image_loaded Whether the kernel reports a loaded image; absent where it does not say",
      "# TYPE warmboot_image_loaded gauge",
      'warmboot_image_loaded{image="reboot"} 1',
      'warmboot_image_loaded{image="crash"} 0',
      "# HELP warmboot_image_record Whether the record of the load is in this state: 1 for one state, 0 for the others",
      "# TYPE warmboot_image_record gauge",
      'warmboot_image_record{image="reboot",record="matches"} 1',
      'warmboot_image_record{image="reboot",record="unconfirmed"} 0',
      'warmboot_image_record{image="reboot",record="none"} 0',
      'warmboot_image_record{image="reboot",record="stale"} 0',
      'warmboot_image_record{image="reboot",record="interrupted"} 0',
      'warmboot_image_record{image="reboot",record="unreadable"} 0',
      'warmboot_image_record{image="crash",record="matches"} 0',
      'warmboot_image_record{image="crash",record="unconfirmed"} 0',
      'warmboot_image_record{image="crash",record="none"} 1',
      'warmboot_image_record{image="crash",record="stale"} 0',
      'warmboot_image_record{image="crash",record="interrupted"} 0',
      'warmboot_image_record{image="crash",record="unreadable"} 0',
      "# HELP warmboot_image_info What warmboot loaded, in the labels; absent where the record is not about the loaded image",
      "# TYPE warmboot_image_info gauge",
      'warmboot_image_info{image="reboot",profile="a\\\\\\"\\n",release="6.12.0",user="anna"} 1',
      "# HELP warmboot_image_load_timestamp_seconds When the image was loaded, seconds since 1970",
      "# TYPE warmboot_image_load_timestamp_seconds gauge",
      'warmboot_image_load_timestamp_seconds{image="reboot"} 1795341600',
      "# HELP warmboot_image_changes How many changes of files, memory and CPUs the loaded image does not have",
      "# TYPE warmboot_image_changes gauge",
      'warmboot_image_changes{image="reboot"} 2',
      "# HELP warmboot_image_spent Whether a payload that returns has run, and must be loaded again before the next run",
      "# TYPE warmboot_image_spent gauge",
      'warmboot_image_spent{image="reboot"} 1',
      "# HELP warmboot_crash_reserved_bytes Memory that is reserved for a crash kernel; absent where the host does not say",
      "# TYPE warmboot_crash_reserved_bytes gauge",
      "warmboot_crash_reserved_bytes 7",
      "# HELP warmboot_host_checks How many checks of what the host allows have this result",
      "# TYPE warmboot_host_checks gauge",
      'warmboot_host_checks{result="pass"} 2',
      'warmboot_host_checks{result="warn"} 1',
      'warmboot_host_checks{result="fail"} 0',
      "# HELP warmboot_reboot_is_kexec Whether an ordinary systemctl reboot boots the loaded image",
      "# TYPE warmboot_reboot_is_kexec gauge",
      "warmboot_reboot_is_kexec 1",
      "# EOF",
      "",
    ],
  );
  const { size: _, ...unknown } = { ...STATUS.crash };
  assertEquals(
    text({
      images: [{ ...IMAGE, loaded: "unknown", record: "unconfirmed", runs: "once", changes: [], loadedAt: "never" }],
      crash: unknown,
    }),
    [
      "# HELP warmboot_image_record Whether the record of the load is in this state: 1 for one state, 0 for the others",
      "# TYPE warmboot_image_record gauge",
      'warmboot_image_record{image="reboot",record="matches"} 0',
      'warmboot_image_record{image="reboot",record="unconfirmed"} 1',
      'warmboot_image_record{image="reboot",record="none"} 0',
      'warmboot_image_record{image="reboot",record="stale"} 0',
      'warmboot_image_record{image="reboot",record="interrupted"} 0',
      'warmboot_image_record{image="reboot",record="unreadable"} 0',
      "# HELP warmboot_image_info What warmboot loaded, in the labels; absent where the record is not about the loaded image",
      "# TYPE warmboot_image_info gauge",
      'warmboot_image_info{image="reboot",profile="web",release="6.12.0",user="anna"} 1',
      "# HELP warmboot_image_changes How many changes of files, memory and CPUs the loaded image does not have",
      "# TYPE warmboot_image_changes gauge",
      'warmboot_image_changes{image="reboot"} 0',
      "# HELP warmboot_image_spent Whether a payload that returns has run, and must be loaded again before the next run",
      "# TYPE warmboot_image_spent gauge",
      'warmboot_image_spent{image="reboot"} 0',
      "# HELP warmboot_host_checks How many checks of what the host allows have this result",
      "# TYPE warmboot_host_checks gauge",
      'warmboot_host_checks{result="pass"} 1',
      'warmboot_host_checks{result="warn"} 0',
      'warmboot_host_checks{result="fail"} 0',
      "# HELP warmboot_reboot_is_kexec Whether an ordinary systemctl reboot boots the loaded image",
      "# TYPE warmboot_reboot_is_kexec gauge",
      "warmboot_reboot_is_kexec 0",
      "# EOF",
      "",
    ],
  );
  assertEquals(
    text({ images: [{ ...IMAGE, record: "stale" }] }).filter((line) => /^warmboot_image_(info|load_t)/.test(line)),
    [],
  );
});

function planned(profile: Partial<Profile>, facts = hostFacts(), files = images()): Plan {
  const { value, diagnostics } = planBoot({
    profile: profileOf(profile),
    facts,
    images: files,
    partDigests: PART_DIGESTS,
  });
  if (value === undefined) throw new Error(JSON.stringify(diagnostics));
  return value;
}

const CHECKS: readonly Check[] = [
  { rule: "a", status: "pass", message: "A" },
  { rule: "b", status: "warn", message: "B", hint: "Do b" },
  { rule: "c", status: "fail", message: "C", hint: "Do c" },
  { rule: "c", status: "fail", message: "C2" },
  { rule: "d", status: "warn", message: "D" },
];

pure("a plan as a person reads it: labels, call, verdict, checks", () => {
  const without = ({ checks: _, ...rest }: Plan, checks: readonly Check[]): Plan => ({ ...rest, checks });
  const text = (plan: Plan, checks = CHECKS, options = {}) =>
    renderPlan(without(plan, checks), LAYOUT, options).split("\n");
  const two = planned(
    { load: "kexec_load", checksum: "sha256" },
    hostFacts(),
    images({ initrd: [initrdFile({ path: "/1" }), initrdFile({ path: "/2" })] }),
  );
  assertEquals(text(two), [
    "web: boot 6.12.107+deb13-amd64 on web1",
    "",
    "  Running now   6.1.0-50-amd64 on x86_64",
    "                BOOT_IMAGE=/boot/vmlinuz-6.1.0-50-amd64 root=LABEL=root ro quiet",
    "  Will run      6.12.107+deb13-amd64",
    "                root=LABEL=root ro",
    "  Files         /boot/vmlinuz",
    "                Linux 6.12.107+deb13-amd64, bzImage 2.15, zstd payload, signed, 12 MiB",
    "                aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "                /1",
    "                zstd-compressed, 30 MiB",
    "                bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "                /2",
    "                zstd-compressed, 30 MiB",
    "                bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "  Call          kexec_load, KEXEC_ARCH_DEFAULT",
    "  Entry         0x8802000",
    "  Verified      by SHA-256, just before the jump",
    "                a mismatch is reported on I/O port 0x3f8 (ttyS0), as it was left, since no command",
    "                line names a serial console",
    "  Because       The profile says `load: kexec_load`",
    "",
    "Memory",
    "  Where the segments go, about 1.5 MiB a character",
    "   0x800000       0x2000000            0x4000000           0x6000000                      0x9800000",
    "  |?????AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBBBBCCCCCCCCCCCCCCCCCCCCDE???????????|",
    "",
    "  ?  not known          no map of this memory",
    "  A  kernel             0x1000000 to 0x4c00000, 60 MiB, 12 MiB copied",
    "  B  initrd 1           0x4c00000 to 0x6a00000, 30 MiB",
    "  C  initrd 2           0x6a00000 to 0x8800000, 30 MiB",
    "  D  boot_params *      0x8800000 to 0x8802000, 8 KiB, 4.1 KiB copied",
    "  E  purgatory *        0x8802000 to 0x8809000, 28 KiB, 12 KiB copied",
    "  * drawn larger than to scale",
    "  The memory map of web1 is not available here; give its facts with --facts FILE",
    "",
    "Checks",
    "  1 check passed; -v lists it",
    "  warn  b                  B",
    "                           Do b",
    "  warn  d                  D",
    "  FAIL  c                  C",
    "                           Do c",
    "  FAIL  c                  C2",
    "",
    "Not ready: c; 2 warnings: b, d",
    "",
  ]);
  assertEquals(
    text(
      planned({ cmdline: { kind: "parameters", parameters: [] } }, hostFacts(), images({ initrd: [] })),
      CHECKS.slice(0, 1),
    ),
    [
      "web: boot 6.12.107+deb13-amd64 on web1",
      "",
      "  Running now   6.1.0-50-amd64 on x86_64",
      "                BOOT_IMAGE=/boot/vmlinuz-6.1.0-50-amd64 root=LABEL=root ro quiet",
      "  Will run      6.12.107+deb13-amd64",
      "                (empty command line)",
      "  Kernel        /boot/vmlinuz",
      "                Linux 6.12.107+deb13-amd64, bzImage 2.15, zstd payload, signed, 12 MiB",
      "                aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "  Initrd        none",
      "  Call          kexec_file_load, KEXEC_FILE_NO_INITRAMFS",
      "  Because       Nothing in the profile needs kexec_load; with kexec_file_load, the kernel itself",
      "                checks and places the image",
      "",
      "Checks",
      "  1 check passed; -v lists it",
      "",
      "Ready to load",
      "",
    ],
  );
  assertEquals(
    text(
      planned(
        { crash: true },
        crashHost(),
        images({ initrd: [initrdFile({ path: "/1" }), initrdFile({ path: "/2" })] }),
      ),
      CHECKS.slice(1, 2),
      { verbose: true },
    ),
    [
      "web: load crash kernel 6.12.107+deb13-amd64 on web1",
      "",
      "  Running now   6.12.107+deb13-amd64 on x86_64",
      "                BOOT_IMAGE=/boot/vmlinuz-6.1.0-50-amd64 root=LABEL=root ro quiet",
      "  On a panic    6.12.107+deb13-amd64",
      "                root=LABEL=root ro",
      "  Kernel        /boot/vmlinuz",
      "                Linux 6.12.107+deb13-amd64, bzImage 2.15, zstd payload, signed, 12 MiB",
      "                aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "  Initrd 1      /1",
      "                zstd-compressed, 30 MiB",
      "                bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
      "  Initrd 2      /2",
      "                zstd-compressed, 30 MiB",
      "                bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
      "  Call          kexec_file_load, KEXEC_FILE_ON_CRASH",
      "  Because       Nothing in the profile needs kexec_load; with kexec_file_load, the kernel itself",
      "                checks and places the image",
      "",
      "Checks",
      "  warn  b                  B",
      "                           Do b",
      "",
      "Ready to load, with 1 warning: b",
      "",
    ],
  );
  const { kernel: _, ...bare } = profileOf({
    initrd: [],
    load: "kexec_load",
    checksum: false,
    entry: 0x10_0000n,
    segments: [{ name: "x", at: 0x10_0000n, source: { kind: "bytes", bytes: Uint8Array.of(1) } }],
  });
  const { value: explicit } = planBoot({ profile: bare, facts: hostFacts(), images: { initrd: [] } });
  if (explicit === undefined) throw new Error("Cannot plan");
  assertEquals(text(explicit, []), [
    "web: boot explicit segments on web1",
    "",
    "  Running now   6.1.0-50-amd64 on x86_64",
    "                BOOT_IMAGE=/boot/vmlinuz-6.1.0-50-amd64 root=LABEL=root ro quiet",
    "  Will run      explicit segments",
    "  Call          kexec_load, KEXEC_ARCH_DEFAULT",
    "  Entry         0x100000",
    "  Because       The profile says `load: kexec_load`",
    "",
    "Memory",
    "  Where the segments go, about 128 bytes a character",
    "   0xff000         0xff800         0x100000        0x100800        0x101000                0x102000",
    "  |????????????????????????????????AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA????????????????????????????????|",
    "",
    "  ?  not known          no map of this memory",
    "  A  x                  0x100000 to 0x101000, 4 KiB, 1 byte copied",
    "  The memory map of web1 is not available here; give its facts with --facts FILE",
    "",
    "Checks",
    "",
    "Ready to load",
    "",
  ]);
  assertEquals([headline(two), headline(explicit), headline(planned({ crash: true }, crashHost()))], [
    "web: boot 6.12.107+deb13-amd64 on web1",
    "web: boot explicit segments on web1",
    "web: load crash kernel 6.12.107+deb13-amd64 on web1",
  ]);
  assertEquals([isExplicit(two), isExplicit(explicit)], [false, true]);
  // A kernel for whose segments there is no room has none.
  if (explicit.call.syscall !== "kexec_load") throw new Error("Another call");
  assertEquals(isExplicit({ ...explicit, call: { ...explicit.call, segments: [] } }), false);
  assertEquals([
    callText(two),
    callText(planned({})),
    segmentsText(explicit),
    segmentsText(two),
    segmentsText(planned({})),
  ], [
    "kexec_load, KEXEC_ARCH_DEFAULT",
    "kexec_file_load, no flags",
    "1 segment, entered at 0x100000",
    "5 segments, entered at 0x8802000",
    "No segments",
  ]);
  const brief = (plan: Plan, checks: readonly Check[]) => renderPlanBrief(without(plan, checks), LAYOUT).split("\n");
  assertEquals([brief(two, CHECKS), brief(explicit, CHECKS.slice(0, 2)), brief(planned({}), [])], [[
    "web: boot 6.12.107+deb13-amd64 on web1",
    "From 6.1.0-50-amd64 on x86_64, by kexec_load, KEXEC_ARCH_DEFAULT",
    "Files: /boot/vmlinuz (12 MiB), /1 (30 MiB), /2 (30 MiB)",
    "Command line: root=LABEL=root ro",
    "Not ready: c; 2 warnings: b, d. C",
    "",
  ], [
    "web: boot explicit segments on web1",
    "From 6.1.0-50-amd64 on x86_64, by kexec_load, KEXEC_ARCH_DEFAULT",
    "Files: none",
    "1 segment, entered at 0x100000",
    "Ready to load, with 1 warning: b. B",
    "",
  ], [
    "web: boot 6.12.107+deb13-amd64 on web1",
    "From 6.1.0-50-amd64 on x86_64, by kexec_file_load, no flags",
    "Files: /boot/vmlinuz (12 MiB), /boot/initrd.img (30 MiB)",
    "Command line: root=LABEL=root ro",
    "Ready to load",
    "",
  ]]);
  const verdicts = [CHECKS, CHECKS.slice(0, 2), CHECKS.slice(0, 1), CHECKS.slice(2, 4), [
    ...CHECKS.slice(1, 2),
    ...CHECKS.slice(4),
  ]];
  assertEquals(verdicts.map((checks) => verdict(without(two, checks))), [
    "Not ready: c; 2 warnings: b, d",
    "Ready to load, with 1 warning: b",
    "Ready to load",
    "Not ready: c",
    "Ready to load, with 2 warnings: b, d",
  ]);
  assertEquals(verdicts.map((checks) => isReady(without(two, checks))), [false, true, true, false, true]);
  assertEquals([passedText(CHECKS), passedText([]), passedText([...CHECKS, ...CHECKS])], [
    "1 check passed",
    "0 checks passed",
    "2 checks passed",
  ]);
  const lines = CHECKS.slice(0, 3).flatMap((check) => checkLines(check, LAYOUT));
  assertEquals(lines, [
    "  ok    a                  A",
    "  warn  b                  B",
    "                           Do b",
    "  FAIL  c                  C",
    "                           Do c",
  ]);
  assertEquals(CHECKS.slice(2, 3).flatMap((check) => checkLines(check, { style: PLAIN, width: 40 })), [
    "  FAIL  c",
    "        C",
    "        Do c",
  ]);
});

const ERROR: Diagnostic = {
  code: "unknown-key",
  severity: "error",
  message: "Unknown key `kernal`",
  expected: "a key",
  found: "kernal",
  path: ["kernal"],
  position: { file: "p/a b.yaml", line: 3, column: 5, length: 6, source: "kernal: <&\"'>" },
  hint: "Did you mean [kernel](x)?",
  related: [{ message: "Here too", position: { file: "b.yaml", line: 1, column: 2, length: 1 } }],
  fix: { replacement: "kernel", position: { file: "p/a b.yaml", line: 3, column: 5, length: 6 } },
};
const WARNING: Diagnostic = { code: "no-version", severity: "warning", message: "x & y" };
const VERDICTS: readonly FileVerdict[] = [
  { file: "p/a b.yaml", valid: false, diagnostics: [WARNING, ERROR] },
  { file: "/srv/ü.yaml", valid: true, diagnostics: [WARNING, WARNING] },
  { file: ".//ok.yaml", valid: true, diagnostics: [] },
];
const PARTS: readonly PartVerdict[] = [
  { file: "part.yaml", used: false, diagnostics: [{ ...WARNING, message: "part" }] },
  { file: "used.yaml", used: true, diagnostics: [] },
];

pure("a check as JUnit, SARIF and data: the whole documents", () => {
  assertEquals(junitXml(VERDICTS, PARTS).split("\n"), [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites name="warmboot check" tests="3" failures="1" errors="0">',
    '  <testsuite name="warmboot check" tests="3" failures="1" errors="0" skipped="0">',
    '    <testcase classname="warmboot.check" name="p/a b.yaml" file="p/a b.yaml">',
    '      <failure type="unknown-key" message="Unknown key `kernal`">warning: x &amp; y [no-version]',
    "",
    "p/a b.yaml:3:5: error: Unknown key `kernal`",
    "expected: a key",
    "found: kernal",
    "hint: Did you mean [kernel](x)? [unknown-key]</failure>",
    "    </testcase>",
    '    <testcase classname="warmboot.check" name="/srv/ü.yaml" file="/srv/ü.yaml">',
    "      <system-out>warning: x &amp; y [no-version]",
    "",
    "warning: x &amp; y [no-version]</system-out>",
    "    </testcase>",
    '    <testcase classname="warmboot.check" name=".//ok.yaml" file=".//ok.yaml"/>',
    "    <system-out>warning: part [no-version]</system-out>",
    "  </testsuite>",
    "</testsuites>",
    "",
  ]);
  assertEquals(junitXml([], []).split("\n"), [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites name="warmboot check" tests="0" failures="0" errors="0">',
    '  <testsuite name="warmboot check" tests="0" failures="0" errors="0" skipped="0">',
    "  </testsuite>",
    "</testsuites>",
    "",
  ]);
  const { runs: [run] } = sarifLog(VERDICTS, "1.2.3");
  assertEquals(run?.results, [{
    ruleId: "no-version",
    ruleIndex: Object.keys(CATALOGUE).indexOf("no-version"),
    level: "warning",
    message: { text: "x & y" },
    locations: [{
      physicalLocation: {
        artifactLocation: { uri: "p/a%20b.yaml" },
        region: { startLine: 1, startColumn: 1, endColumn: 1 },
      },
    }],
  }, {
    ruleId: "unknown-key",
    ruleIndex: Object.keys(CATALOGUE).indexOf("unknown-key"),
    level: "error",
    message: { text: "Unknown key `kernal`\nexpected: a key\nfound: kernal\nhint: Did you mean \\[kernel\\](x)?" },
    locations: [{
      physicalLocation: {
        artifactLocation: { uri: "p/a%20b.yaml" },
        region: { startLine: 3, startColumn: 5, endColumn: 11, snippet: { text: "kernal: <&\"'>" } },
      },
    }],
    relatedLocations: [{
      id: 0,
      message: { text: "Here too" },
      physicalLocation: { artifactLocation: { uri: "b.yaml" }, region: { startLine: 1, startColumn: 2, endColumn: 3 } },
    }],
    fixes: [{
      description: { text: "Write `kernel`" },
      artifactChanges: [{
        artifactLocation: { uri: "p/a%20b.yaml" },
        replacements: [{
          deletedRegion: { startLine: 3, startColumn: 5, endColumn: 11 },
          insertedContent: { text: "kernel" },
        }],
      }],
    }],
  }, {
    ruleId: "no-version",
    ruleIndex: Object.keys(CATALOGUE).indexOf("no-version"),
    level: "warning",
    message: { text: "x & y" },
    locations: [{
      physicalLocation: {
        artifactLocation: { uri: "file:///srv/%C3%BC.yaml" },
        region: { startLine: 1, startColumn: 1, endColumn: 1 },
      },
    }],
  }]);
  assertEquals([run?.tool.driver.name, run?.tool.driver.version, run?.columnKind], [
    "warmboot",
    "1.2.3",
    "utf16CodeUnits",
  ]);
  assertEquals(
    messageOf(ERROR),
    "Unknown key `kernal`\nexpected: a key\nfound: kernal\nhint: Did you mean [kernel](x)?",
  );
  assertEquals(checkResult(VERDICTS, PARTS), {
    format: "warmboot.check/1",
    summary: { profiles: 3, invalid: 1, warnings: 4, parts: 2 },
    files: [{
      file: "p/a b.yaml",
      valid: false,
      diagnostics: [{
        code: "no-version",
        severity: "warning",
        message: "x & y",
        link: explanationUrl("no-version"),
      }, {
        code: "unknown-key",
        severity: "error",
        message: "Unknown key `kernal`",
        expected: "a key",
        found: "kernal",
        path: ["kernal"],
        position: { file: "p/a b.yaml", line: 3, column: 5, length: 6, source: "kernal: <&\"'>" },
        hint: "Did you mean [kernel](x)?",
        related: [{ message: "Here too", position: { file: "b.yaml", line: 1, column: 2, length: 1 } }],
        fix: { replacement: "kernel", position: { file: "p/a b.yaml", line: 3, column: 5, length: 6 } },
        link: explanationUrl("unknown-key"),
      }],
    }, {
      file: "/srv/ü.yaml",
      valid: true,
      diagnostics: [{
        code: "no-version",
        severity: "warning",
        message: "x & y",
        link: explanationUrl("no-version"),
      }, {
        code: "no-version",
        severity: "warning",
        message: "x & y",
        link: explanationUrl("no-version"),
      }],
    }, { file: ".//ok.yaml", valid: true, diagnostics: [] }],
    parts: [{
      file: "part.yaml",
      used: false,
      diagnostics: [{
        code: "no-version",
        severity: "warning",
        message: "part",
        link: explanationUrl("no-version"),
      }],
    }, { file: "used.yaml", used: true, diagnostics: [] }],
  });
});

for (const [name, schema] of Object.entries({ outcomeSchema, checkSchema, originSchema, matrixSchema })) {
  Deno.test(`${name} gives the committed schema`, () => assertCommittedSchema(name.replace("Schema", ""), schema()));
}

Deno.test("the picture of a plan with all kinds of memory is the committed one", () => {
  const { plan, facts } = SCENES.crash;
  // Its first line says where it is from.
  assertEquals(renderPlanSvg(plan, facts), committed("docs/plan.svg").replace(/^.*\n/, ""));
});
