import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { sha256 } from "@noble/hashes/sha2.js";
import { hasErrors } from "../../src/core/diagnostic.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { Plan, PlannedSegment, SegmentLoadCall } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { recheck } from "../../src/plan/stored.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { readBootParams } from "../arch/read_boot_params.ts";
import { readElfCore } from "../arch/read_elf_core.ts";
import { crashHost, HIGH } from "../support/crash_host.ts";
import { bzImage, images, initrdFile, kernelFile, PART_DIGESTS, profileOf } from "../support/profiles.ts";
import type { Images } from "../../src/image/boot_files.ts";

function planned(facts: HostFacts = crashHost(), profile: Partial<Profile> = {}, files: Partial<Images> = {}) {
  return planBoot({
    profile: profileOf({ crash: true, load: "kexec_load", ...profile }),
    facts,
    images: images(files),
    partDigests: PART_DIGESTS,
  });
}

function planOf(...input: Parameters<typeof planned>): Plan & { readonly call: SegmentLoadCall } {
  const { value, diagnostics } = planned(...input);
  if (value?.call.syscall !== "kexec_load") throw new Error(JSON.stringify(diagnostics));
  return { ...value, call: value.call };
}

function segment({ call }: { readonly call: SegmentLoadCall }, name: string): PlannedSegment {
  const found = call.segments.find((each) => each.name === name);
  if (found === undefined) throw new Error(`There is no segment ${name}`);
  return found;
}

function bytesOf({ source }: PlannedSegment): Uint8Array {
  if (source.kind !== "bytes") throw new Error("No bytes");
  return Uint8Array.fromBase64(source.base64);
}

/** The addresses that purgatory verifies (purgatory.S: the number at 0x20, from 0x28 on 48 bytes each). */
function verified(plan: Plan & { readonly call: SegmentLoadCall }): readonly bigint[] {
  const view = new DataView(bytesOf(segment(plan, "purgatory")).buffer);
  return Array.from({ length: view.getUint32(0x20, true) }, (_, row) => view.getBigUint64(0x28 + row * 48, true));
}

function hotplug(): HostFacts {
  return crashHost({ kexec: { ...crashHost().kexec, crashElfcorehdrSize: 917_616n } });
}

Deno.test({
  name: "a crash kernel lies whole in the high reservation, and every check passes",
  permissions: "none",
  fn() {
    const plan = planOf();
    assertEquals(plan.call.flags, ["KEXEC_ON_CRASH", "KEXEC_ARCH_DEFAULT"]);
    assertEquals(plan.call.segments.map(({ name }) => name), [
      "kernel",
      "initrd",
      "elfcorehdr",
      "boot_params",
      "purgatory",
    ]);
    for (const { mem, memsz } of plan.call.segments) {
      assert(BigInt(mem) >= HIGH[0] && BigInt(mem) + BigInt(memsz) <= HIGH[1]);
    }
    assertEquals(plan.checks.filter(({ status }) => status !== "pass"), []);
  },
});

Deno.test({
  name: "the command line says where elfcorehdr lies, before what is init's",
  permissions: "none",
  fn() {
    const plan = planOf(crashHost(), {
      cmdline: { kind: "parameters", parameters: ["ro", "irqpoll", "--", "single"] },
    });
    const { mem } = segment(plan, "elfcorehdr");
    assertEquals(plan.call.cmdline, `ro irqpoll elfcorehdr=${mem} -- single`);
    const params = segment(plan, "boot_params");
    assertEquals(readBootParams(bytesOf(params), BigInt(params.mem)).cmdline, plan.call.cmdline);
  },
});

Deno.test({
  name: "elfcorehdr is a core header of this host, and no memory to the crash kernel",
  permissions: "none",
  fn() {
    const plan = planOf();
    const header = segment(plan, "elfcorehdr");
    assertEquals(readElfCore(bytesOf(header)).headers.filter(({ type }) => type === "NOTE").length, 3);
    const [start, end] = [BigInt(header.mem), BigInt(header.mem) + BigInt(header.memsz)];
    const params = segment(plan, "boot_params");
    const memory = readBootParams(bytesOf(params), BigInt(params.mem)).e820.filter(({ type }) => type === 1);
    assertEquals(memory.some((range) => range.start < end && start < range.end), false);
    assertEquals(memory.some((range) => range.end === start), true);
    assertEquals(memory.some((range) => range.start === end), true);
  },
});

Deno.test({
  name: "purgatory verifies elfcorehdr, unless the kernel may rewrite it",
  permissions: "none",
  fn() {
    const plain = planOf();
    assert(verified(plain).includes(BigInt(segment(plain, "elfcorehdr").mem)));
    const changing = planOf(hotplug());
    assertEquals(verified(changing).includes(BigInt(segment(changing, "elfcorehdr").mem)), false);
    assert(verified(changing).includes(BigInt(segment(changing, "kernel").mem)));
  },
});

Deno.test({
  name: "where the kernel keeps elfcorehdr up to date, the segment has the size that it asks for, and the flag is set",
  permissions: "none",
  fn() {
    const plan = planOf(hotplug());
    assertEquals(plan.call.flags, ["KEXEC_ON_CRASH", "KEXEC_UPDATE_ELFCOREHDR", "KEXEC_ARCH_DEFAULT"]);
    assertEquals(plan.call.flagBits, "0x5");
    assertEquals(segment(plan, "elfcorehdr").memsz, 921_600);
    assertEquals(planOf().call.flagBits, "0x1");
  },
});

Deno.test({
  name: "on a kernel before 5.5 purgatory copies the first 640 KiB to a segment of their own",
  permissions: "none",
  fn() {
    const plan = planOf(crashHost({ release: "5.4.0-190-generic" }));
    const backup = segment(plan, "backup");
    assertEquals([backup.memsz, backup.source], [640 << 10, { kind: "zero" }]);
    assertEquals(plan.checks.filter(({ status }) => status === "fail"), []);
    const view = new DataView(bytesOf(segment(plan, "purgatory")).buffer);
    const copied = [0x328, 0x330, 0x338].map((offset) => view.getBigUint64(offset, true));
    assertEquals(copied, [0n, BigInt(backup.mem), 640n << 10n]);
    const [low] = readElfCore(bytesOf(segment(plan, "elfcorehdr"))).headers.filter(({ paddr }) => paddr === 0x1000n);
    assertEquals(low?.offset, BigInt(backup.mem) + 0x1000n);
    const params = segment(plan, "boot_params");
    const memory = readBootParams(bytesOf(params), BigInt(params.mem)).e820.filter(({ type }) => type === 1);
    assertEquals(memory.some(({ start, end }) => start <= BigInt(backup.mem) && BigInt(backup.mem) < end), false);
  },
});

Deno.test({
  name: "of a reservation that was shrunk, only what the kernel still has, its beginning, takes segments",
  permissions: "none",
  fn() {
    const left = 256n << 20n;
    const plan = planOf(crashHost({ kexec: { ...crashHost().kexec, crashSize: left } }));
    for (const { name, mem, memsz } of plan.call.segments) {
      const end = BigInt(mem) + BigInt(memsz);
      assert(HIGH[0] <= BigInt(mem) && end <= HIGH[0] + left, `${name} at ${mem}`);
    }
    assertEquals(plan.checks.filter(({ rule, status }) => rule.startsWith("segment") && status === "fail"), []);
  },
});

Deno.test({
  name: "without a reservation nothing is laid out, and the check says what to reserve",
  permissions: "none",
  fn() {
    const { iomem, kexec } = crashHost();
    const roots = iomem.roots.map((root) => ({ ...root, children: [] }));
    const plan = planOf(crashHost({ iomem: { ...iomem, roots }, kexec: { ...kexec, crashSize: 0n } }));
    assertEquals(plan.call.segments, []);
    const failed = plan.checks.filter(({ status }) => status === "fail");
    assertEquals(failed.map(({ rule }) => rule), ["crash-reservation"]);
    assertStringIncludes(failed[0]?.hint ?? "", "crashkernel=320M");
  },
});

Deno.test({
  name: "a reservation without room is told as one, with what to do",
  permissions: "none",
  fn() {
    const { diagnostics } = planned(crashHost(), {}, { initrd: [initrdFile({ size: 600 << 20 })] });
    assertMatch(diagnostics[0]?.hint ?? "", /^Reserve `crashkernel=\d+M`/);
    assertEquals(diagnostics.map(({ code, message }) => [code, message]), [[
      "no-room",
      'The crash reservation has no room for the segment "initrd" of 600 MiB',
    ]]);
  },
});

Deno.test({
  name: "a profile that states elfcorehdr= itself is refused, by either call",
  permissions: "none",
  fn() {
    for (const load of ["kexec_load", "kexec_file_load"] as const) {
      const { value, diagnostics } = planned(crashHost(), {
        load,
        cmdline: { kind: "parameters", parameters: ["ro", "elfcorehdr=0x1000"] },
      });
      assertEquals([value, diagnostics.map(({ code }) => code)], [undefined, ["crash-cmdline"]]);
    }
  },
});

Deno.test({
  name: "elfcorehdr= after `--` is init's, and the image has its own",
  permissions: "none",
  fn() {
    const plan = planOf(crashHost(), {
      cmdline: { kind: "parameters", parameters: ["ro", "--", "elfcorehdr=1", "mem=1G"] },
    });
    const { mem } = segment(plan, "elfcorehdr");
    assertEquals(plan.call.cmdline, `ro elfcorehdr=${mem} -- elfcorehdr=1 mem=1G`);
    assertEquals(plan.checks.find(({ rule }) => rule === "crash-cmdline")?.status, "pass");
  },
});

Deno.test({
  name: "more initrds than segments are left for are refused before anything is placed",
  permissions: "none",
  fn() {
    const initrd = (count: number) => Array.from({ length: count }, (_, index) => initrdFile({ path: `/${index}` }));
    const small = (count: number) => initrd(count).map((file) => ({ ...file, size: 1 << 20 }));
    assertEquals(hasErrors(planned(crashHost(), {}, { initrd: small(12) }).diagnostics), false);
    const { diagnostics } = planned(crashHost(), {}, { initrd: small(13) });
    assertStringIncludes(diagnostics[0]?.message ?? "", "at most 12");
  },
});

Deno.test({
  name: "a stored crash plan is refused once memory, CPUs or a reboot made its description wrong",
  permissions: "none",
  fn() {
    const plan = planOf();
    const verdict = (facts: HostFacts) =>
      recheck(plan, facts, images(), PART_DIGESTS).checks.find(({ rule }) => rule === "crash-description")?.status;
    assertEquals(verdict(crashHost()), "pass");
    assertEquals(verdict(crashHost({ vmcoreinfo: { address: 0x1_01ab_d000n, size: 0x1024n } })), "fail");
    assertEquals(verdict(crashHost({ crashNotes: crashHost().crashNotes.slice(1) })), "fail");
    assertEquals(verdict(crashHost({ crashNotes: [] })), "fail");
  },
});

Deno.test({
  name: "the same crash profile on the same host gives the same plan, and its digests are those of its bytes",
  permissions: "none",
  fn() {
    const plan = planOf();
    assertEquals(plan, planOf());
    const header = segment(plan, "elfcorehdr");
    assertEquals(header.sha256, sha256(bytesOf(header)).toHex());
  },
});

Deno.test({
  name: "a kernel that runs at one address only cannot be a crash kernel",
  permissions: "none",
  fn() {
    const kernel = kernelFile({ info: bzImage({ relocatable: false }) });
    assertEquals(planned(crashHost(), {}, { kernel }).diagnostics.map(({ code }) => code), ["no-room"]);
    const byFile = planned(crashHost(), { load: "kexec_file_load" }, { kernel }).value;
    assertEquals(byFile?.checks.filter(({ status }) => status === "fail").map(({ rule }) => rule), ["crash-kernel"]);
  },
});
