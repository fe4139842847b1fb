import { assertEquals, assertStringIncludes } from "@std/assert";
import { type Plan, planText } from "../../src/plan/plan.ts";
import { decodePlan } from "../../src/plan/plan_shape.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { lowerPlan, lowerUnload, REBOOT_NOW } from "../../src/plan/lower.ts";
import { recheck } from "../../src/plan/stored.ts";
import { formatSyscall } from "../../src/plan/syscall.ts";
import type { Profile } from "../../src/profile/profile.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { KEXEC_ARCHITECTURES } from "../../src/core/kexec_arch.ts";
import { hostFacts } from "../support/host_facts.ts";
import { bzImage, elf64Image, images, initrdFile, kernelFile, PART_DIGESTS, profileOf } from "../support/profiles.ts";
import type { Images } from "../../src/image/boot_files.ts";

function planOf(
  profile: Partial<Profile> = {},
  facts: Partial<HostFacts> = {},
  files: Partial<Images> = {},
): Plan {
  const { value } = planBoot({
    profile: profileOf(profile),
    facts: hostFacts(facts),
    images: images(files),
    partDigests: PART_DIGESTS,
  });
  if (value === undefined) throw new Error("Cannot plan");
  return value;
}

Deno.test({
  name: "a plain profile becomes one kexec_file_load call with no flags",
  permissions: "none",
  fn() {
    const plan = planOf();
    assertEquals(plan.call, {
      syscall: "kexec_file_load",
      flags: [],
      flagBits: "0x0",
      kernel: {
        path: "/boot/vmlinuz",
        size: 12 << 20,
        sha256: "a".repeat(64),
        about: "Linux 6.12.107+deb13-amd64, bzImage 2.15, zstd payload, signed",
      },
      initrd: [{ path: "/boot/initrd.img", size: 30 << 20, sha256: "b".repeat(64), about: "zstd-compressed" }],
      cmdline: "root=LABEL=root ro",
    });
    assertEquals(plan.release, "6.12.107+deb13-amd64");
    assertEquals(plan.host.release, "6.1.0-50-amd64");
  },
});

Deno.test({
  name: "crash and a missing initrd are flags of the call",
  permissions: "none",
  fn() {
    const { call } = planOf({ crash: true }, {}, { initrd: [] });
    assertEquals([call.flags, call.flagBits], [["KEXEC_FILE_ON_CRASH", "KEXEC_FILE_NO_INITRAMFS"], "0x6"]);
  },
});

Deno.test({
  name: "the running command line is reused where the profile says so",
  permissions: "none",
  fn() {
    const { call } = planOf({
      cmdline: { kind: "edit", reuse: true, remove: ["quiet"], set: ["root=/dev/vda1"], append: ["console=ttyS0"] },
    });
    assertEquals(call.cmdline, "root=/dev/vda1 ro console=ttyS0");
  },
});

Deno.test({
  name: "the choice of the call is reasoned",
  permissions: "none",
  fn() {
    const cases: [Partial<Profile>, Partial<HostFacts>, Partial<Images>, string, string][] = [
      [{}, {}, {}, "kexec_file_load", "kernel-does-it"],
      [{ load: "kexec_load" }, {}, {}, "kexec_load", "profile-names-call"],
      [{ load: "kexec_file_load" }, {}, {}, "kexec_file_load", "profile-names-call"],
      [{ checksum: false, stated: ["checksum"] }, {}, {}, "kexec_load", "profile-demands"],
      [{}, { kernelConfig: { CONFIG_KEXEC_FILE: "n" } }, {}, "kexec_load", "host-lacks-file-load"],
      [{}, { lockdown: "integrity" }, {}, "kexec_file_load", "host-locked-down"],
      [{}, { secureBoot: "enabled" }, {}, "kexec_file_load", "host-secure-boot"],
      [{}, { secureBoot: "enabled", kernelConfig: { CONFIG_IMA: "n" } }, {}, "kexec_file_load", "kernel-does-it"],
      [{}, { kernelConfig: { CONFIG_IMA_APPRAISE_REQUIRE_KEXEC_SIGS: "y" } }, {}, "kexec_file_load", "host-appraises"],
    ];
    for (const [profile, facts, files, syscall, code] of cases) {
      const plan = planOf(profile, facts, files);
      assertEquals([plan.call.syscall, plan.reasons[0]?.code], [syscall, code]);
    }
  },
});

Deno.test({
  name: "kexec_load gets kernel, initrd, boot_params and purgatory, each where nothing else lies",
  permissions: "none",
  fn() {
    const plan = planOf({ load: "kexec_load" });
    if (plan.call.syscall !== "kexec_load") throw new Error("The other call");
    assertEquals(plan.call.segments.map(({ name, mem, memsz, bufsz }) => [name, mem, memsz, bufsz]), [
      ["kernel", "0x1000000", 60 << 20, 12562432],
      ["initrd", "0x4c00000", 30 << 20, 30 << 20],
      ["boot_params", "0x6a00000", 8192, plan.call.segments[2]?.bufsz],
      ["purgatory", "0x6a02000", plan.call.segments[3]?.memsz, plan.call.segments[3]?.bufsz],
    ]);
    assertEquals(plan.call.entry, "0x6a02000");
    assertEquals(plan.call.segments[0]?.source, {
      kind: "file",
      path: "/boot/vmlinuz",
      offset: 20480,
      length: 12562432,
    });
    assertEquals(plan.checks.filter(({ status }) => status !== "pass"), []);
    assertEquals(lowerPlan(plan).map(({ name }) => name), ["kexec_load"]);
  },
});

Deno.test({
  name: "every architecture of kexec_load is refused with a reason where it is not the host's own",
  permissions: "none",
  fn() {
    for (const { name } of KEXEC_ARCHITECTURES) {
      const plan = planOf({ load: "kexec_load", arch: name });
      const verdict = plan.checks.find(({ rule }) => rule === "architecture-flag")?.status;
      assertEquals(verdict, name === "default" ? undefined : name === "x86_64" ? "pass" : "fail", name);
      const machine = KEXEC_ARCHITECTURES.find((row) => row.name === name)?.machine ?? 0;
      assertEquals(BigInt(plan.call.flagBits), BigInt(machine) << 16n);
    }
  },
});

Deno.test({
  name: "what is placed keeps to the memory that the profile allows",
  permissions: "none",
  fn() {
    const { call } = planOf({ load: "kexec_load", memory: { min: 0x1_0000_0000n, max: 0x1_3000_0000n } });
    if (call.syscall !== "kexec_load") throw new Error("The other call");
    for (const { mem, memsz } of call.segments) {
      assertEquals(BigInt(mem) >= 0x1_0000_0000n && BigInt(mem) + BigInt(memsz) <= 0x1_3000_0000n, true);
    }
  },
});

Deno.test({
  name: "the same input gives the same bytes, and they decode to the same plan",
  permissions: "none",
  fn() {
    const text = planText(planOf());
    assertEquals(planText(planOf()), text);
    const problems: unknown[] = [];
    assertEquals(decodePlan(JSON.parse(text), [], (problem) => problems.push(problem)), planOf());
    assertEquals(problems, []);
  },
});

Deno.test({
  name: "a stored plan with a wrong value is refused with its path",
  permissions: "none",
  fn() {
    const paths: unknown[] = [];
    const plan = { ...planOf(), call: { ...planOf().call, flagBits: 2 }, extra: true };
    assertEquals(decodePlan(plan, [], (problem) => paths.push([problem.code, problem.path])), undefined);
    assertEquals(paths, [["unknown-key", ["extra"]], ["wrong-type", ["call", "flagBits"]]]);
  },
});

Deno.test({
  name: "a plan is lowered to the calls that a dry run prints",
  permissions: "none",
  fn() {
    const two = planOf({ crash: true }, {}, { initrd: [initrdFile(), initrdFile({ path: "/boot/extra.img" })] });
    assertEquals(lowerPlan(planOf()).map(formatSyscall), [
      'kexec_file_load(open("/boot/vmlinuz"), open("/boot/initrd.img"), 19, "root=LABEL=root ro", 0)',
    ]);
    assertEquals(lowerPlan(two).map(formatSyscall), [
      'kexec_file_load(open("/boot/vmlinuz"), memfd("/boot/initrd.img" + "/boot/extra.img"), 19, "root=LABEL=root ro", KEXEC_FILE_ON_CRASH)',
    ]);
    assertEquals(
      formatSyscall(lowerUnload(true, false)),
      "kexec_file_load(-1, -1, 0, NULL, KEXEC_FILE_UNLOAD|KEXEC_FILE_ON_CRASH)",
    );
    assertEquals(formatSyscall(lowerUnload(false, true)), "kexec_load(0, 0, NULL, 0)");
    assertEquals(REBOOT_NOW.map(({ name }) => name), ["sync", "reboot_kexec"]);
  },
});

Deno.test({
  name: "a stored plan is carried out as it is, while nothing has changed",
  permissions: "none",
  fn() {
    const plan = planOf();
    const again = recheck(plan, hostFacts(), images(), PART_DIGESTS);
    assertEquals([again.call, again.reasons], [plan.call, plan.reasons]);
    assertEquals(again.checks.filter(({ status }) => status !== "pass"), []);
  },
});

Deno.test({
  name: "a stored plan is refused with what has changed since",
  permissions: "none",
  fn() {
    const changes: [Partial<HostFacts>, Partial<Images>, string][] = [
      [{ release: "6.1.0-51-amd64" }, {}, "the running kernel changed from 6.1.0-50-amd64 to 6.1.0-51-amd64"],
      [{ hostname: "web2" }, {}, "the host's name changed from web1 to web2"],
      [{}, { kernel: kernelFile({ sha256: "d".repeat(64) }) }, "the SHA-256 of /boot/vmlinuz changed"],
      [{}, { initrd: [initrdFile({ sha256: "d".repeat(64) })] }, "the SHA-256 of /boot/initrd.img changed"],
      [
        {},
        { initrd: [initrdFile({ size: 7 })] },
        "the size of /boot/initrd.img changed from 31457280 bytes to 7 bytes",
      ],
      [
        {},
        { kernel: kernelFile({ info: bzImage({ release: "6.13" }) }) },
        "the new kernel's release changed from 6.12.107+deb13-amd64 to 6.13",
      ],
    ];
    for (const [facts, files, says] of changes) {
      const check = recheck(planOf(), hostFacts(facts), images(files), PART_DIGESTS).checks[0];
      assertEquals([check?.rule, check?.status], ["stored-plan", "fail"]);
      assertStringIncludes(check?.message ?? "", says);
    }
  },
});

Deno.test({
  name: "a stored plan without a host's name is for hosts without one",
  permissions: "none",
  fn() {
    const { hostname: _, ...host } = planOf().host;
    const { hostname: __, ...facts } = hostFacts();
    const plan = { ...planOf(), host };
    assertStringIncludes(
      recheck(plan, hostFacts(), images(), PART_DIGESTS).checks[0]?.message ?? "",
      "from unknown to web1",
    );
    assertEquals(recheck(plan, facts, images(), PART_DIGESTS).checks[0]?.status, "pass");
  },
});

Deno.test({
  name: "a stored plan is checked anew against the host as it is",
  permissions: "none",
  fn() {
    const kexec = { ...hostFacts().kexec, loadDisabled: true };
    const again = recheck(
      planOf(),
      hostFacts({ kexec }),
      images({ kernel: kernelFile({ info: bzImage() }) }),
      PART_DIGESTS,
    );
    assertEquals(again.checks.find(({ rule }) => rule === "load-disabled")?.status, "fail");
  },
});

Deno.test({
  name: "a parameter of the network is refused where the network is carried only, before `--` and after it",
  permissions: "none",
  fn() {
    const of = (carry: Profile["carry"], ...parameters: readonly string[]) =>
      planBoot({
        profile: profileOf({ carry, cmdline: { kind: "parameters", parameters } }),
        facts: hostFacts(),
        images: images(),
        partDigests: PART_DIGESTS,
      });
    assertEquals(of([], "ip=dhcp", "--", "rd.neednet=1").value?.call.cmdline, "ip=dhcp -- rd.neednet=1");
    for (const parameters of [["ro", "ip=dhcp"], ["ro", "--", "ip=dhcp"]]) {
      const { value, diagnostics } = of(["network"], ...parameters);
      assertEquals([value, diagnostics.length], [undefined, 1]);
      assertStringIncludes(diagnostics[0]?.message ?? "", "`ip=dhcp`");
    }
  },
});

Deno.test({
  name: "which entry of the boot loader the files are from is the first reason",
  permissions: "none",
  fn() {
    const found = "the entry `debian`, which is the default (default_entry)";
    const { reasons } = planOf({ bootEntry: { id: "default", found } });
    assertEquals(reasons[0], { code: "boot-entry", message: found });
  },
});

Deno.test({
  name: "`predecompress: true` insists on nothing where the kernel is not packed",
  permissions: "none",
  fn() {
    const unmet = (info: NonNullable<Images["kernel"]>["info"]) =>
      planOf({ predecompress: true, load: "kexec_file_load" }, {}, { kernel: kernelFile({ info }) }).checks
        .some(({ rule }) => rule === "predecompress");
    assertEquals([unmet(elf64Image()), unmet(bzImage({ entry64: false }))], [false, true]);
  },
});
