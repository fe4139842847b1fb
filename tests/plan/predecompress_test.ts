import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describeVmlinux } from "../../src/arch/x86_64/vmlinux.ts";
import { sha256 } from "@noble/hashes/sha2.js";
import type { HostFacts } from "../../src/host/facts.ts";
import type { BzImage } from "../../src/image/image.ts";
import { countBases, kernelRange, physicalBase } from "../../src/plan/bases.ts";
import { estimatedGain, initrdPlacements } from "../../src/plan/initrd_placement.ts";
import { partKey, type PlanInput } from "../../src/plan/input.ts";
import {
  type Plan,
  type PlannedBases,
  type PlannedRange,
  planText,
  type SegmentLoadCall,
} from "../../src/plan/plan.ts";
import { decodePlan } from "../../src/plan/plan_shape.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { segmentReasons } from "../../src/plan/predecompress_reasons.ts";
import { unpackingOf } from "../../src/plan/unpacking.ts";
import { partsNeeded } from "../../src/plan/segment_call.ts";
import { recheck } from "../../src/plan/stored.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { hostFacts } from "../support/host_facts.ts";
import { bzImage, images as someImages, initrdFile, kernelFile, profileOf, wholeInitrd } from "../support/profiles.ts";
import { listed, vmlinux } from "../support/small_kernel.ts";
import type { Packing } from "../../src/formats/unpacked.ts";
import type { Images, InitrdFile, KernelFile } from "../../src/image/boot_files.ts";

const IMAGE = vmlinux({ add64: [listed(8)], add32: [listed(0x100)] });

function kernelOf(info: Partial<BzImage> = {}, image: Uint8Array = IMAGE): KernelFile {
  const described = describeVmlinux(image);
  assert(described.kind === "vmlinux");
  return { ...kernelFile({ info: bzImage(info) }), unpacked: { ...described.vmlinux, size: image.length } };
}

interface Case {
  readonly cmdline?: string;
  readonly facts?: Partial<HostFacts>;
  readonly info?: Partial<BzImage>;
  readonly files?: Partial<Images>;
  readonly profile?: Parameters<typeof profileOf>[0];
  readonly image?: Uint8Array;
}

function inputOf({ cmdline = "ro", facts = {}, info = {}, files = {}, profile = {}, image = IMAGE }: Case): PlanInput {
  const input: PlanInput = {
    profile: profileOf({
      predecompress: true,
      cmdline: { kind: "parameters", parameters: cmdline.split(" ") },
      ...profile,
    }),
    facts: hostFacts(facts),
    images: someImages({ kernel: kernelOf(info, image), ...files }),
  };
  const partDigests = new Map(
    partsNeeded(input).map((part) => {
      const bytes = part.unpacked === true && part.path === "/boot/vmlinuz"
        ? image.subarray(part.offset, part.offset + part.length)
        : new Uint8Array();
      return [partKey(part), sha256(bytes).toHex()];
    }),
  );
  return { ...input, partDigests };
}

function planOf(one: Case = {}): Plan {
  const { value, diagnostics } = planBoot(inputOf(one));
  assert(value !== undefined, JSON.stringify(diagnostics));
  return value;
}

function callOf(plan: Plan): SegmentLoadCall {
  assert(plan.call.syscall === "kexec_load");
  return plan.call;
}

const failedOf = (plan: Plan, rule: string) =>
  plan.checks.find((check) => check.rule === rule && check.status === "fail");

const reasonsOf = (plan: Plan, code: string) => plan.reasons.filter((reason) => reason.code === code);

Deno.test({
  name: "the unpacked kernel is placed by its parts, on 2 MiB, and entered behind purgatory at its own entry",
  permissions: "none",
  fn() {
    const plan = planOf();
    const call = callOf(plan);
    const [kernel] = call.segments;
    assertEquals([kernel?.name, kernel?.mem, kernel?.memsz, kernel?.bufsz], ["kernel", "0x1000000", 0x4000, 0x2000]);
    assertEquals(kernel?.source.kind, "unpacked");
    assertEquals(call.files.map(({ sha256 }) => sha256)[0], "a".repeat(64));
    assertEquals(plan.checks.filter(({ status }) => status === "fail"), []);
    assertStringIncludes(
      reasonsOf(plan, "kernel-unpacked")[0]?.message ?? "",
      "zstd payload is unpacked before the reboot, and 8 KiB of it are placed, which is estimated to save ",
    );
    // That was with a payload larger than what is placed. What grows as little as this does not gain a millisecond.
    const small = planOf({ info: { payload: { compression: "zstd", offset: 0, length: 4096 } } });
    assertStringIncludes(
      reasonsOf(small, "kernel-unpacked")[0]?.message ?? "",
      "8 KiB of it are placed, which is estimated to save no time",
    );
  },
});

Deno.test({
  name: "both bases are left to the load: the plan is the same twice, says so, and is read back as it was",
  permissions: "none",
  fn() {
    const plan = planOf();
    assertEquals(planText(plan), planText(planOf()));
    assertStringIncludes(
      reasonsOf(plan, "bases-at-load")[0]?.message ?? "",
      "physical and virtual base are chosen at load",
    );
    const problems: unknown[] = [];
    assertEquals(decodePlan(JSON.parse(planText(plan)), [], (problem) => problems.push(problem)), plan);
    assertEquals(problems, []);
    assertEquals(recheck(plan, hostFacts(), inputOf({}).images, inputOf({}).partDigests).checks[0]?.status, "pass");
  },
});

Deno.test({
  name: "every physical base keeps clear of the other segments and within what may be taken",
  permissions: "none",
  fn() {
    const call = callOf(planOf({ cmdline: "mem=2G memmap=256M$512M", profile: { memory: { max: 0x9000_0000n } } }));
    const { bases } = call;
    const kernel = kernelRange(call);
    assert(bases !== undefined && kernel !== undefined);
    const size = kernel.end - kernel.start;
    const { physical } = countBases(bases, size);
    assert(physical > 400n);
    for (let index = 0n; index < physical; index++) {
      const start = physicalBase(bases, size, index);
      assert(start !== undefined && start % 0x20_0000n === 0n);
      assert(start >= 0x100_0000n && start + size <= 0x8000_0000n, `${start}`);
      assert(start + size <= 0x2000_0000n || start >= 0x3000_0000n, `${start} is in what memmap= takes`);
      for (const { name, mem, memsz } of call.segments.slice(1)) {
        assert(start + size <= BigInt(mem) || start >= BigInt(mem) + BigInt(memsz), `${name} at ${mem}`);
      }
    }
    assertEquals(physicalBase(bases, size, physical), undefined);
  },
});

Deno.test({
  name: "a kernel of exactly the size of a range has one place there, and the last place ends where the range ends",
  permissions: "none",
  fn() {
    const size = 0x60_0000n;
    const range = (start: string, end: string) => ({ start, end });
    const bases = (...physical: PlannedRange[]): PlannedBases => (
      { alignment: "0x200000", physical, virtual: range("0xffffffff81000000", "0xffffffffc0000000") }
    );
    const counted = (...physical: PlannedRange[]) => countBases(bases(...physical), size).physical;
    assertEquals(counted(range("0x1000000", "0x15fffff")), 0n);
    assertEquals(counted(range("0x1000000", "0x1600000")), 1n);
    assertEquals(counted(range("0x1000000", "0x17fffff")), 1n);
    assertEquals(counted(range("0x1000000", "0x1800000")), 2n);
    const two = bases(range("0x1000000", "0x1600000"), range("0x4000000", "0x4800000"));
    assertEquals(countBases(two, size), { physical: 3n, virtual: 502n });
    const places = [0n, 1n, 2n, 3n].map((index) => physicalBase(two, size, index));
    assertEquals(places, [0x100_0000n, 0x400_0000n, 0x420_0000n, undefined]);
  },
});

Deno.test({
  name: "the new kernel is told that its bases are random exactly when they are",
  permissions: "none",
  fn() {
    const flags = (one: Case) => {
      const params = callOf(planOf(one)).segments.find(({ name }) => name === "boot_params");
      assert(params?.source.kind === "bytes");
      return Uint8Array.fromBase64(params.source.base64)[0x211];
    };
    assertEquals(flags({}), 2);
    assertEquals(flags({ cmdline: "nokaslr" }), 0);
    assertEquals(flags({ profile: { predecompress: false, load: "kexec_load" } }), 0);
  },
});

Deno.test({
  name: "without KASLR the kernel lies where it was linked for, and the plan says why",
  permissions: "none",
  fn() {
    for (
      const [one, why] of [
        [{ cmdline: "nokaslr" }, "`nokaslr`"],
        [{ image: vmlinux({ fixed: true }) }, "built without KASLR"],
      ] as const
    ) {
      const plan = planOf(one);
      assertEquals(callOf(plan).bases, undefined);
      assertStringIncludes(reasonsOf(plan, "bases-fixed")[0]?.message ?? "", why);
    }
    assertEquals(callOf(planOf({ cmdline: "ro -- nokaslr" })).bases !== undefined, true);
    const gigantic = planOf({ cmdline: "hugepagesz=1G hugepages=2" });
    assertEquals(callOf(gigantic).bases?.physical, []);
    assertStringIncludes(reasonsOf(gigantic, "bases-at-load")[0]?.message ?? "", "pages of 1 GiB");
  },
});

Deno.test({
  name: "what only the decompressor can do leaves the work to it, with the reason in the plan",
  permissions: "none",
  fn() {
    const cases: readonly (readonly [Case, string])[] = [
      [{ facts: { cpuFlags: ["lm", "la57"] }, cmdline: "no5lvl" }, "`no5lvl` has it go from 5-level paging"],
      [{ facts: { cpuFlags: ["lm", "la57"] }, info: { xloadflags: 0x3f } }, "does not run with 5-level paging"],
      [{ facts: { cmdline: "ro no5lvl" } }, "without `no5lvl`"],
      [{ cmdline: "mem_encrypt=on" }, "memory encrypted"],
      [{ facts: { cmdline: "mem_encrypt=on" } }, "memory encrypted"],
      [{ facts: { cpuFlags: ["hypervisor", "sev"] } }, "encrypted (sev)"],
      [{ facts: { cpuFlags: ["tdx_guest"] } }, "encrypted (tdx_guest)"],
      [{ cmdline: "memmap=exactmap memmap=64M@16M" }, "overrides the memory map"],
      [{ cmdline: "memmap=1M*2M" }, "not understood"],
      [{ info: { payload: { offset: 1, length: 9, compression: "unknown" } } }, "how its payload is packed"],
    ];
    for (const [one, why] of cases) {
      const plan = planOf(one);
      const call = callOf(plan);
      assertEquals([call.segments[0]?.source.kind, call.bases], ["file", undefined], why);
      assertStringIncludes(reasonsOf(plan, "kernel-packed")[0]?.message ?? "", why);
      assertEquals(unpackingOf(inputOf(one)).kernel, undefined);
      // Whoever insists gets no plan that could be carried out; else the packed kernel is loaded as without the key.
      assertStringIncludes(failedOf(plan, "predecompress")?.message ?? "", `insists on \`predecompress: true\`, but`);
      assertStringIncludes(failedOf(plan, "predecompress")?.message ?? "", why);
      const auto = planOf({ ...one, profile: { ...one.profile, predecompress: "auto" } });
      assert(auto.call.syscall === "kexec_file_load" && auto.call.built === undefined, why);
      assertEquals([failedOf(auto, "predecompress"), auto.reasons.map(({ code }) => code)], [
        undefined,
        ["kernel-does-it", "kernel-packed"],
      ]);
      assertStringIncludes(reasonsOf(auto, "kernel-packed")[0]?.message ?? "", why);
    }
    for (
      const one of [
        {},
        { facts: { cpuFlags: ["lm", "la57"] } },
        { facts: { cmdline: "no5lvl" }, cmdline: "no5lvl" },
        { cmdline: "ro -- mem_encrypt=on memmap=exactmap" },
        { facts: { cpuFlags: ["lm", "la57"] }, cmdline: "ro -- no5lvl" },
        { facts: { cpuFlags: ["lm", "sme", "sev"] } },
      ]
    ) assertEquals(unpackingOf(inputOf(one)).kernel, "segments");
  },
});

Deno.test({
  name: "a kernel that was not unpacked is an error where it is to be",
  permissions: "none",
  fn() {
    const { value, diagnostics } = planBoot(inputOf({ files: { kernel: kernelFile() } }));
    assertEquals([value, diagnostics.map(({ code }) => code)], [undefined, ["image-not-captured"]]);
  },
});

Deno.test({
  name: "a crash kernel is unpacked into its reservation, and moves only within that",
  permissions: "none",
  fn() {
    const reserved = { start: 0x3000_0000n, end: 0x4000_0000n, name: "Crash kernel", children: [] };
    const facts: Partial<HostFacts> = {
      iomem: {
        visibility: "full",
        roots: [{ start: 0x10_0000n, end: 0xc000_0000n, name: "System RAM", children: [reserved] }],
      },
      firmwareMap: [{ start: 0x10_0000n, end: 0xc000_0000n, type: "System RAM" }],
      kexec: { ...hostFacts().kexec, crashSize: 0x1000_0000n },
      vmcoreinfo: { address: 0x200_0000n, size: 4096n },
      crashNotes: [{ cpu: 0, address: 0x300_0000n, size: 368n }],
      kernelMap: [
        { vaddr: 0xffff_ffff_8100_0000n, paddr: 0x100_0000n, size: 0x100_0000n },
        { vaddr: 0xffff_8880_0000_0000n, paddr: 0n, size: 0xc000_0000n },
      ],
    };
    const { value, diagnostics } = planBoot(inputOf({ facts, profile: { crash: true } }));
    assert(value !== undefined, JSON.stringify(diagnostics));
    const call = callOf(value);
    assert(call.bases !== undefined && call.bases.physical.length > 0);
    for (const { start, end } of call.bases.physical) {
      assert(BigInt(start) >= reserved.start && BigInt(end) <= reserved.end);
    }
    assertStringIncludes(reasonsOf(value, "initrd-form")[0]?.message ?? "", "room in the crash reservation twice");
  },
});

Deno.test({
  name: "bases of a stored plan that lead elsewhere fail its checks",
  permissions: "none",
  fn() {
    const plan = planOf();
    const call = callOf(plan);
    const { bases } = call;
    assert(bases !== undefined);
    const [, initrd] = call.segments;
    const [range] = bases.physical;
    assert(range !== undefined && initrd !== undefined);
    // From the last step of 2 MiB before it on.
    const purgatory = `0x${(BigInt(call.entry) / 0x20_0000n * 0x20_0000n).toString(16)}`;
    const cases: readonly (readonly [Partial<typeof bases>, string])[] = [
      [{ physical: [{ start: "0x0", end: "0x100000000" }] }, "overlaps segment"],
      [{ physical: [{ start: purgatory, end: "0x40000000" }] }, 'overlaps segment "boot_params"'],
      [{ physical: [{ start: "0x4000000000", end: "0x4000800000" }] }, "not entirely free"],
      [{ physical: [{ start: "0x40001000", end: "0x50000000" }] }, "multiple of 0x200000"],
      [{ physical: [{ start: "0x40000000", end: "0x40100000" }] }, "No physical base has room"],
      [{ virtual: { start: "0xffffffff81000000", end: "0xffffffffc1000000" } }, "virtual addresses"],
      [{ virtual: { start: "0xffff800000000000", end: "0xffff800010000000" } }, "virtual addresses"],
      [{ virtual: { start: "0xffffffff81001000", end: "0xffffffffb0000000" } }, "virtual addresses"],
      [{ alignment: "0x1000" }, "not a power of two of at least 2 MiB"],
      [{ alignment: "0x300000" }, "not a power of two of at least 2 MiB"],
    ];
    for (const [change, says] of cases) {
      const changed = { ...plan, call: { ...call, bases: { ...bases, ...change } } };
      const check = recheck(changed, hostFacts(), inputOf({}).images, inputOf({}).partDigests).checks.find(({ rule }) =>
        rule === "kernel-bases"
      );
      assertEquals(check?.status, "fail", says);
      assertStringIncludes(check?.message ?? "", says);
    }
  },
});

Deno.test({
  name: "an initrd is unpacked where that helps and fits, else it stays as it is with the reason",
  permissions: "none",
  fn() {
    const size = 90 << 20;
    const content = (packing: Packing, bytes = size) =>
      wholeInitrd({ size: bytes, packed: [{ packing, size: bytes }] });
    const cases: readonly (readonly [Partial<InitrdFile>, string, string])[] = [
      [{ content: content("xz") }, "unpacked", "estimated to save"],
      [{ content: content("lz4", 30 << 20) }, "file", "takes about as long as unpacking it"],
      [{ content: content("xz", 3 * 2 ** 30) }, "file", "exceed half of the memory"],
      [{ content: content("xz"), kept: "the capture does not hold it whole" }, "file", "the capture does not hold it"],
      [{ content: wholeInitrd({ packed: [] }) }, "file", "it is not compressed"],
      [{ content: { kind: "damaged", why: "ends within a file" } }, "file", "it ends within a file"],
      [{ content: { kind: "unread", why: "libx is not installed" } }, "file", "not read through: libx"],
    ];
    for (const [changes, kind, says] of cases) {
      const plan = planOf({
        files: { initrd: [initrdFile({}), { ...initrdFile({ path: "/boot/two" }), ...changes }] },
      });
      const segment = callOf(plan).segments.find(({ name }) => name === "initrd 2");
      assertEquals(segment?.source.kind, kind);
      assertEquals(segment?.bufsz, kind === "unpacked" ? size : initrdFile().size);
      assertStringIncludes(reasonsOf(plan, "initrd-form").at(-1)?.message ?? "", says);
    }
  },
});

Deno.test({
  name: "initrds of which each would fit unpacked, and not both, are not both unpacked",
  permissions: "none",
  fn() {
    const size = 600 << 20;
    const content = wholeInitrd({ size, packed: [{ packing: "xz", size }] });
    const initrd = ["/boot/one", "/boot/two"].map((path) => ({ ...initrdFile({ path }), content }));
    const unpacked = (memTotal: bigint, files: readonly InitrdFile[]) =>
      initrdPlacements(inputOf({ facts: { memTotal }, files: { initrd: files } }), 64n << 20n)
        .map((each) => each.unpacked);
    for (const each of initrd) assertEquals(unpacked(2n << 30n, [each]), [true]);
    assertEquals(unpacked(2n << 30n, initrd), [true, false]);
    assertEquals(unpacked(4n << 30n, initrd), [true, true]);
  },
});

Deno.test({
  name: "what unpacking an initrd gains depends on its packing, on the check, and on the processor that checks",
  permissions: "none",
  fn() {
    const gain = (packing: string, checksum: Profile["checksum"], ...cpuFlags: string[]) =>
      estimatedGain([{ packing, size: 120_000_000 }], 90_000_000, {
        profile: profileOf({ load: "kexec_load", predecompress: true, checksum }),
        facts: hostFacts({ cpuFlags }),
      });
    const sha = ["sha_ni", "ssse3", "sse4_1"];
    for (const packing of ["gzip", "bzip2", "lzma", "xz", "lzo", "lz4", "zstd"]) {
      const hashed = [gain(packing, "sha256"), gain(packing, "sha256", ...sha)];
      const gains = [...hashed, gain(packing, "xxh64"), gain(packing, false)];
      assertEquals(gains, gains.toSorted((a, b) => a - b), packing);
      assertEquals([gain(packing, true), gain(packing, true, ...sha)], [gains[2], gains[2]]);
      assertEquals(gain(packing, false, ...sha), gains[3]);
    }
    assert(gain("xz", "sha256") > 1000);
    // By SHA-256 with integer instructions, verifying what grew takes as long as unpacking it.
    assert(gain("zstd", "sha256") < 0 && gain("zstd", "sha256", ...sha) > 100 && gain("zstd", true) > 150);
    assert(gain("lz4", "sha256", ...sha) < 20 && gain("lz4", true) > 20);
    assert(gain("not known", false) < 0);
  },
});

Deno.test({
  name: "where SHA-256 takes as long as unpacking, what the quickest sums would save is said",
  permissions: "none",
  fn() {
    const placed = 64 << 20;
    const said = (checksum: Profile["checksum"], ...cpuFlags: readonly string[]) =>
      segmentReasons(
        inputOf({ profile: { checksum }, facts: { cpuFlags: ["lm", ...cpuFlags] } }),
        placed,
        undefined,
        "ro",
      )[0]
        ?.message.split("are placed")[1];
    const gain = (checksum: Profile["checksum"], ...cpuFlags: readonly string[]) =>
      estimatedGain([{ packing: "zstd", size: placed }], placed - (11 << 20), {
        profile: { checksum },
        facts: hostFacts({ cpuFlags: ["lm", ...cpuFlags] }),
      });
    const sha = ["sha_ni", "ssse3", "sse4_1"];
    assertEquals(
      said("sha256"),
      `; its SHA-256 is estimated to take as long as unpacking it on this processor; \`checksum: true\` saves ${
        gain(true)
      } ms`,
    );
    assertEquals(said("sha256", ...sha), `, which is estimated to save ${gain("sha256", ...sha)} ms on a fast core`);
    assertEquals(said(true), `, which is estimated to save ${gain(true)} ms on a fast core`);
    assert(gain("sha256") <= 0 && gain(true) < gain(false));
  },
});
