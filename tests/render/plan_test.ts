import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { planBoot } from "../../src/plan/planner.ts";
import type { Profile } from "../../src/profile/profile.ts";
import type { Check, Plan } from "../../src/plan/plan.ts";
import { type PlanRow, planRows, renderComplaints, renderPlan } from "../../src/render/plan.ts";
import { renderPlanBrief } from "../../src/render/plan_brief.ts";
import { COLOURED, PLAIN } from "../../src/render/style.ts";
import { wrap } from "../../src/render/wrap.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, kernelFile, PART_DIGESTS, profileOf } from "../support/profiles.ts";
import { SCENES } from "./scenes.ts";

const plain = { style: PLAIN, width: 80 };
const plan = planBoot({
  profile: profileOf(),
  facts: hostFacts({ kexec: { ...hostFacts().kexec, loaded: true } }),
  images: images(),
}).value;
const failing = planBoot({
  profile: profileOf({ crash: true }),
  facts: hostFacts({ capEff: 0n }),
  images: images({ kernel: kernelFile({ pinned: "c".repeat(64) }) }),
}).value;
if (plan === undefined || failing === undefined) throw new Error("Cannot plan");

Deno.test({
  name: "a plan reads as what runs, what will run, the call and why, and the checks",
  permissions: "none",
  fn() {
    assertEquals(
      renderPlan(plan, plain),
      `web: boot 6.12.107+deb13-amd64 on web1

  Running now   6.1.0-50-amd64 on x86_64
                BOOT_IMAGE=/boot/vmlinuz-6.1.0-50-amd64 root=LABEL=root ro quiet
  Will run      6.12.107+deb13-amd64
                root=LABEL=root ro
  Kernel        /boot/vmlinuz
                Linux 6.12.107+deb13-amd64, bzImage 2.15, zstd payload, signed,
                12 MiB
                ${"a".repeat(64)}
  Initrd        /boot/initrd.img
                zstd-compressed, 30 MiB
                ${"b".repeat(64)}
  Call          kexec_file_load, no flags
  Because       Nothing in the profile needs kexec_load; with kexec_file_load,
                the kernel itself checks and places the image

Checks
  12 checks passed; -v lists them
  warn  already-loaded     An image is already loaded; this one replaces it
                           If the load fails, the old one stays loaded

Ready to load, with 1 warning: already-loaded
`,
    );
  },
});

Deno.test({
  name: "with -v the checks that passed are listed, before those that warn",
  permissions: "none",
  fn() {
    const text = renderPlan(plan, plain, { verbose: true });
    assertEquals(
      text.slice(text.indexOf("Checks\n")),
      `Checks
  ok    file-size          /boot/vmlinuz has 12 MiB, /boot/initrd.img has 30 MiB
  ok    kernel-image       /boot/vmlinuz is Linux 6.12.107+deb13-amd64, bzImage
                           2.15, zstd payload, signed
  ok    architecture       /boot/vmlinuz and this host are both x86_64
  ok    initrd-content     /boot/initrd.img is zstd-compressed
  ok    cmdline-length     The command line takes 19 of 2017 bytes
  ok    half-of-memory     The image takes about 91 MiB of 4 GiB; half is the
                           limit
  ok    memory-available   Loading takes about 133 MiB, and more is available
  ok    capability         This process has CAP_SYS_BOOT
  ok    load-disabled      kernel.kexec_load_disabled is 0
  ok    load-limit         kernel.kexec_load_limit_reboot is unlimited
  ok    call-available     The running kernel has kexec_file_load
                           (CONFIG_KEXEC_FILE=y)
  ok    lockdown           The running kernel is not locked down
  warn  already-loaded     An image is already loaded; this one replaces it
                           If the load fails, the old one stays loaded

Ready to load, with 1 warning: already-loaded
`,
    );
  },
});

Deno.test({
  name: "a plan ends with what failed, above a verdict that names it",
  permissions: "none",
  fn() {
    const { checks } = failing;
    const failed = checks.filter(({ status }) => status === "fail").map(({ rule }) => rule);
    for (const verbose of [false, true]) {
      const lines = renderPlan(failing, plain, { verbose }).trimEnd().split("\n");
      assertEquals(lines.at(-1), `Not ready: ${failed.join(", ")}`);
      const marks = lines.slice(lines.indexOf("Checks") + 1).flatMap((line) =>
        /^ {2}(ok|warn|FAIL) /.exec(line)?.[1] ?? []
      );
      const order = ["ok", "warn", "FAIL"];
      assertEquals(marks, marks.toSorted((a, b) => order.indexOf(a) - order.indexOf(b)));
      assertEquals(marks.filter((mark) => mark === "ok").length, verbose ? checks.length - failed.length : 0);
    }
  },
});

Deno.test({
  name: "the verdict names each rule once, and the line of passed checks counts them",
  permissions: "none",
  fn() {
    const check = (rule: string, status: Check["status"]): Check => ({ rule, status, message: "m" });
    const shown = (...checks: readonly Check[]) => renderPlan({ ...plan, checks }, plain).split("Checks\n")[1];
    assertEquals(shown(check("a", "pass")), "  1 check passed; -v lists it\n\nReady to load\n");
    assertEquals(
      shown(check("b", "fail"), check("a", "warn"), check("b", "fail"), check("c", "fail"), check("d", "warn")),
      `  warn  a                  m
  warn  d                  m
  FAIL  b                  m
  FAIL  b                  m
  FAIL  c                  m

Not ready: b, c; 2 warnings: a, d
`,
    );
    const many = Array.from({ length: 12 }, (_, index) => check(`a-long-rule-${index}`, "fail"));
    const lines = (shown(...many) ?? "").split("\n");
    assert(lines.every((line) => line.length <= 80), lines.join("\n"));
  },
});

Deno.test({
  name: "on a narrow terminal the message of a check is below its name",
  permissions: "none",
  fn() {
    const narrow = { style: PLAIN, width: 40 };
    assertEquals(
      renderComplaints(plan.checks, narrow),
      `  warn  already-loaded
        An image is already loaded; this
        one replaces it
        If the load fails, the old one
        stays loaded`,
    );
    const firstOf = (width: number) => renderComplaints(plan.checks, { style: PLAIN, width }).split("\n")[0];
    assertEquals([firstOf(59), firstOf(60)], [
      "  warn  already-loaded",
      "  warn  already-loaded     An image is already loaded; this",
    ]);
    for (const scene of Object.values(SCENES)) {
      const lines = renderPlan(scene.plan, narrow, { facts: scene.facts, verbose: true }).split("\n");
      const wide = lines.filter((line) => line.length > 40 && /\S \S/.test(line.trim()));
      assertEquals(wide, []);
    }
  },
});

Deno.test({
  name: "a plan in brief is five lines",
  permissions: "none",
  fn() {
    assertEquals(
      renderPlanBrief(plan, plain),
      `web: boot 6.12.107+deb13-amd64 on web1
From 6.1.0-50-amd64 on x86_64, by kexec_file_load, no flags
Files: /boot/vmlinuz (12 MiB), /boot/initrd.img (30 MiB)
Command line: root=LABEL=root ro
Ready to load, with 1 warning: already-loaded. An image is already loaded; this one replaces it
`,
    );
    const mute = { ...plan, call: { ...plan.call, cmdline: "" } };
    assertMatch(renderPlanBrief(mute, plain), /\nCommand line: empty\n/);
    for (const { plan: each } of Object.values(SCENES)) {
      assertEquals(renderPlanBrief(each, plain).split("\n").length, 6);
    }
    const brief = renderPlanBrief(failing, plain).split("\n");
    assertMatch(brief[4] ?? "", /^Not ready: [a-z-]+, [a-z-]+, [a-z-]+\. [A-Z\/]/);
    assertMatch(renderPlanBrief(SCENES.overlap.plan, plain), /\n3 segments, entered at 0x1000000\n/);
  },
});

Deno.test({
  name: "a plan of kexec_load says where it is entered, and by what purgatory verifies",
  permissions: "none",
  fn() {
    const rows = (checksum: Profile["checksum"]): readonly string[] => {
      const { value } = planBoot({
        profile: profileOf({ load: "kexec_load", checksum }),
        facts: hostFacts(),
        images: images(),
        partDigests: PART_DIGESTS,
      });
      return (value === undefined ? "" : renderPlan(value, plain)).match(/^ {2}(?:Entry|Verified) .*$/gm) ?? [];
    };
    const [entry, verified] = rows(true);
    assertMatch(entry ?? "", /^ {2}Entry {9}0x[0-9a-f]+$/);
    assertEquals(verified, "  Verified      by XXH64, just before the jump");
    assertEquals(rows("sha256")[1], "  Verified      by SHA-256, just before the jump");
    assertEquals(rows(false).length, 1);
  },
});

Deno.test({
  name: "a plan says what else happens: devices, volumes, the guard, and what the next initrd gets",
  permissions: "none",
  fn() {
    const rows = (more: Partial<Plan>) =>
      planRows({ ...plan, ...more }).filter(([label]) => /^(Adds|Unbinds|Unlocks|Guard|Carries|Initrd)$/.test(label));
    const initrd: PlanRow = ["Initrd", ["/boot/initrd.img", "zstd-compressed, 30 MiB", "b".repeat(64)]];
    assertEquals(rows({}), [initrd]);
    const planned = { milliseconds: 6_000, basis: "measured", attempts: 1 } as const;
    assertEquals(planRows(plan, { planned }).filter(([label]) => label === "Expected"), [
      ["Expected", ["about 6 s, as the last time, until user space is up"]],
    ]);
    assertEquals(rows({ unbind: { targets: ["driver:e1000", "0000:00:03.0"], failure: "stop" } }), [
      initrd,
      ["Unbinds", ["driver:e1000, 0000:00:03.0, just before the jump"]],
    ]);
    assertEquals(rows({ unbind: { targets: ["driver:e1000"], failure: "continue" } })[1], [
      "Unbinds",
      ["driver:e1000, just before the jump; goes on if that fails"],
    ]);
    assertEquals(
      rows({
        unlock: [
          { volume: "root", key: { kind: "ask", prompt: "PIN" } },
          {
            volume: "home",
            key: { kind: "command", argv: ["/bin/key", "home"] },
            opened: { name: "home", device: "/dev/vdb", file: "/etc/home.key" },
          },
        ],
      })[1],
      ["Unlocks", [
        "root: the key asked for at load",
        "home: the key printed by /bin/key, at /etc/home.key in the initrd",
      ]],
    );
    assertEquals(
      rows({ guard: { parameters: [], panic: 60 } })[1]?.[1]?.[1],
      "If the kernel panics: reset after 1 min",
    );
    assertEquals(rows({ carry: { network: { tool: "connman", files: [], omitted: [] } } })[1], [
      "Carries",
      ["the network, for connman:"],
    ]);
    // The digest of an archive with secrets would be that without them.
    const overlay = { path: "/boot/initrd.img", size: 512, files: [], folders: ["etc"] };
    assertEquals(rows({ overlays: [overlay] }), [
      ["Initrd", ["/boot/initrd.img", "zstd-compressed, 30 MiB"]],
      ["Adds", ["makes the folders etc"]],
    ]);
    assertEquals(rows({ overlays: [{ ...overlay, sha256: "c".repeat(64) }] })[0]?.[1]?.[2], "c".repeat(64));
  },
});

Deno.test({
  name: "the verdict is green where the plan is ready, and red where it is not, in brief too",
  permissions: "none",
  fn() {
    const colours = { style: COLOURED, width: 80 };
    for (const [shown, verdict] of [[plan, "\x1b[32mReady to load"], [failing, "\x1b[31mNot ready: "]] as const) {
      assertStringIncludes(renderPlan(shown, colours), `\n${verdict}`);
      assertStringIncludes(renderPlanBrief(shown, colours), `\n${verdict}`);
    }
  },
});

Deno.test({
  name: "a plan that fails says so in its last line",
  permissions: "none",
  fn() {
    const text = renderPlan(failing, plain);
    assertMatch(text, /\n\nNot ready: [a-z-]+, [a-z-]+, [a-z-]+\n$/);
    assertStringIncludes(text, "web: load crash kernel 6.12.107+deb13-amd64 on web1");
    assertStringIncludes(text, "FAIL  crash-reservation  No memory is reserved");
  },
});

Deno.test({
  name: "complaints are the checks that did not pass, and nothing else",
  permissions: "none",
  fn() {
    const marks = renderComplaints(failing.checks, plain).split("\n").flatMap((line) =>
      /^ {2}(\S+)/.exec(line)?.[1] ?? []
    );
    assertEquals(marks, ["FAIL", "FAIL", "FAIL"]);
  },
});

Deno.test({
  name: "no line of a plan is wider than the terminal, except a word that cannot be broken",
  permissions: "none",
  fn() {
    for (const width of [60, 80, 110]) {
      const long = renderPlan(plan, { style: PLAIN, width }).split("\n").filter((line) => line.length > width);
      assert(long.every((line) => line.trim().split(" ").length === 1), long.join("\n"));
    }
  },
});

Deno.test({
  name: "colours change no text",
  permissions: "none",
  fn() {
    // deno-lint-ignore no-control-regex
    const stripped = renderPlan(plan, { style: COLOURED, width: 80 }).replaceAll(/\u001b\[\d+m/g, "");
    assertEquals(stripped, renderPlan(plan, plain));
  },
});

Deno.test({
  name: "wrap() breaks at spaces only and keeps long words whole",
  permissions: "none",
  fn() {
    assertEquals(wrap("aa bb cc", 5, 0), "aa bb\ncc");
    assertEquals(wrap("aa bb cc", 7, 2), "aa bb\n  cc");
    assertEquals(wrap("/a/very/long/path x", 5, 0), "/a/very/long/path\nx");
    assertEquals(wrap("", 5, 0), "");
  },
});

Deno.test({
  name: "no text of a plan can drive the terminal",
  permissions: "none",
  fn() {
    const hostile = {
      ...plan,
      profile: "\u001b[2Jp",
      host: { ...plan.host, hostname: "h\u0007", cmdline: "a\u202eb" },
      checks: [{ rule: "r\u001b", status: "fail" as const, message: "m\u001b]0;x", hint: "h\u009b" }],
    };
    for (const text of [renderPlan(hostile, plain), renderPlanBrief(hostile, plain)]) {
      // deno-lint-ignore no-control-regex
      assertEquals(text.match(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/g), null);
    }
    assertEquals(renderPlanBrief(hostile, plain).split("\n").length, 6);
  },
});
