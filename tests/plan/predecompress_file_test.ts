/** `predecompress` by kexec_file_load: which call is made, what is handed over, and who refuses it. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describeVmlinux } from "../../src/arch/x86_64/vmlinux.ts";
import { diffPlans } from "../../src/diff/compare.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { parseImaRules } from "../../src/host/ima.ts";
import type { BzImage } from "../../src/image/image.ts";
import type { KernelFile } from "../../src/image/boot_files.ts";
import { estimatedGain } from "../../src/plan/initrd_placement.ts";
import type { PlanInput } from "../../src/plan/input.ts";
import { lowerPlan } from "../../src/plan/lower.ts";
import { type FileLoadCall, type Plan, planText } from "../../src/plan/plan.ts";
import { decodePlan } from "../../src/plan/plan_shape.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { recheck } from "../../src/plan/stored.ts";
import { formatSyscall } from "../../src/plan/syscall.ts";
import { hostFacts } from "../support/host_facts.ts";
import { bzImage, images as someImages, kernelFile, profileOf } from "../support/profiles.ts";
import { listed, vmlinux } from "../support/small_kernel.ts";

const pure = (name: string, fn: () => void) => Deno.test({ name, permissions: "none", fn });

const BUILT = { size: 0x20_2400, sha256: "b".repeat(64), memory: 0x40_0000 } as const;
const IMAGE = vmlinux({ add64: [listed(8)], add32: [listed(0x100)] });

interface Case {
  readonly cmdline?: string;
  readonly facts?: Partial<HostFacts>;
  readonly info?: Partial<BzImage>;
  readonly kernel?: Partial<KernelFile>;
  readonly image?: Uint8Array;
  readonly profile?: Parameters<typeof profileOf>[0];
}

function inputOf({ cmdline = "ro", facts = {}, info = {}, kernel = {}, image = IMAGE, profile = {} }: Case): PlanInput {
  const described = describeVmlinux(image);
  assert(described.kind === "vmlinux");
  return {
    profile: profileOf({
      predecompress: true,
      load: "kexec_file_load",
      cmdline: { kind: "parameters", parameters: cmdline.split(" ") },
      ...profile,
    }),
    facts: hostFacts(facts),
    images: someImages({
      kernel: {
        ...kernelFile({ info: bzImage(info) }),
        unpacked: { ...described.vmlinux, size: image.length },
        built: BUILT,
        ...kernel,
      },
    }),
  };
}

function planOf(one: Case = {}): Plan {
  const { value, diagnostics } = planBoot(inputOf(one));
  assert(value !== undefined, JSON.stringify(diagnostics));
  return value;
}

function callOf(plan: Plan): FileLoadCall {
  assert(plan.call.syscall === "kexec_file_load");
  return plan.call;
}

const reasonOf = (plan: Plan, code: string) => plan.reasons.find((reason) => reason.code === code)?.message;
const checkOf = (plan: Plan, rule: string) => plan.checks.find((check) => check.rule === rule);

/** The host whose kernel has no kexec_load. */
const FILE_ONLY = { kernelConfig: { ...hostFacts().kernelConfig, CONFIG_KEXEC: "n" } } as const;

pure("what is built is in the plan, by its digest, with the virtual bases that the kernel may take", () => {
  const plan = planOf();
  const call = callOf(plan);
  assertEquals(call.built, BUILT);
  assertEquals(call.bases, {
    physical: [],
    virtual: { start: "0xffffffff81000000", end: "0xffffffffc0000000" },
    alignment: "0x200000",
  });
  assertEquals([call.kernel.sha256, call.unpacked], ["a".repeat(64), undefined]);
  assertEquals(plan.checks.filter(({ status }) => status === "fail"), []);
  assertEquals(
    checkOf(plan, "kernel-bases")?.message,
    "The kernel's physical base is where kexec_file_load places it, its virtual base one of 503",
  );
  assertStringIncludes(reasonOf(plan, "kernel-unpacked") ?? "", "a bzImage of 2 MiB without a decompressor is built");
  assertStringIncludes(reasonOf(plan, "bases-at-load") ?? "", "its physical one is where kexec_file_load places it");
  assertEquals(
    reasonOf(plan, "image-measured"),
    "If IMA measures kexec images, it measures the one that is built, not /boot/vmlinuz",
  );
  assertEquals(planText(plan), planText(planOf()));
  const problems: unknown[] = [];
  assertEquals(decodePlan(JSON.parse(planText(plan)), [], (problem) => problems.push(problem)), plan);
  assertEquals(problems, []);
  assertEquals(
    lowerPlan(plan).map(formatSyscall)[0],
    'kexec_file_load(memfd(bzImage(unpacked("/boot/vmlinuz"))), open("/boot/initrd.img"), 3, "ro", 0)',
  );
});

pure("without IMA nothing is measured; without KASLR there is nothing to choose, and the plan says why", () => {
  const kernelConfig = { ...hostFacts().kernelConfig, CONFIG_IMA: "n" as const };
  assertEquals(reasonOf(planOf({ facts: { kernelConfig } }), "image-measured"), undefined);
  for (const one of [{ cmdline: "nokaslr" }, { image: vmlinux({ fixed: true }) }]) {
    const plan = planOf(one);
    assertEquals([callOf(plan).built, callOf(plan).bases], [BUILT, undefined]);
    assertStringIncludes(
      reasonOf(plan, "bases-fixed") ?? "",
      "at the virtual addresses that it was linked for, without",
    );
    assertEquals(checkOf(plan, "kernel-bases"), undefined);
  }
});

pure("a stored plan is made again and compared: what is built, and where it may run", () => {
  const { images } = inputOf({});
  const plan = planOf();
  assertEquals(recheck(plan, hostFacts(), images).checks[0]?.status, "pass");
  const other = inputOf({ kernel: { built: { ...BUILT, sha256: "c".repeat(64) } } }).images;
  assertStringIncludes(recheck(plan, hostFacts(), other).checks[0]?.message ?? "", "`call.built.sha256` is");
  const call = callOf(plan);
  for (
    const [bases, says] of [
      [{ alignment: "0x1000" }, "steps of 0x1000"],
      [{ virtual: { start: "0xffffffff81000000", end: "0xffffffff81100000" } }, "cannot run at virtual addresses"],
      [{ virtual: { start: "0xffffffff80100000", end: "0xffffffffc0000000" } }, "cannot run at virtual addresses"],
    ] as const
  ) {
    const changed = { ...plan, call: { ...call, bases: { ...call.bases, physical: [], ...bases } } } as Plan;
    const found = recheck(changed, hostFacts(), images).checks.find(({ rule }) => rule === "kernel-bases");
    assertEquals(found?.status, "fail");
    assertStringIncludes(found?.message ?? "", says);
  }
  const problems: { readonly message: string }[] = [];
  for (const edit of [{ unpacked: { size: 1, sha256: "d".repeat(64) } }, { built: undefined }]) {
    decodePlan(JSON.parse(JSON.stringify({ ...plan, call: { ...call, ...edit } })), [], (each) => problems.push(each));
  }
  assertEquals(problems.map(({ message }) => message), [
    "`built` and `unpacked` are mutually exclusive: one kernel is handed over",
    "`bases` would be ignored: only the kernel of a built image is moved",
  ]);
});

pure("two plans differ where what is built differs", () => {
  const plan = planOf();
  const changed = planOf({ kernel: { built: { ...BUILT, memory: 0x60_0000 } } });
  const side = (each: Plan) => ({ kind: "plan", name: "web", plan: each }) as const;
  const { changes } = diffPlans(side(plan), side(changed));
  assertEquals(
    changes.filter(({ about }) => about === "call"),
    [{ about: "call", field: "built memory", action: "change", from: "4194304", to: "6291456" }],
  );
});

pure("a host that takes no built image is refused, each with its reason; `auto` boots the packed kernel there", () => {
  const config = (changes: HostFacts["kernelConfig"]) => ({
    kernelConfig: { ...hostFacts().kernelConfig, ...changes },
  });
  const cases: readonly (readonly [Case, string])[] = [
    [{ facts: { lockdown: "integrity" } }, "the running kernel is locked down (integrity), and an image that is built"],
    [
      { facts: config({ CONFIG_KEXEC_SIG_FORCE: "y" }) },
      "requires signed images (CONFIG_KEXEC_SIG_FORCE), and an image",
    ],
    [{ facts: { secureBoot: "enabled" } }, "Secure Boot is on, so that the kernel's integrity policy (IMA) requires"],
    [
      { facts: { ima: { inForce: true, rules: parseImaRules("appraise func=KEXEC_KERNEL_CHECK") } } },
      "IMA appraisal demands files on a disk, and an image that is built at load lies in",
    ],
    [{ facts: { loadPin: true } }, "LoadPin demands files on a disk"],
    [{ cmdline: "mem=1G" }, "takes memory away, and kexec_file_load chooses the kernel's place without heeding that"],
    [{ cmdline: "memmap=64M$1G" }, "takes memory away"],
    [
      { cmdline: "movable_node" },
      "`movable_node` keeps the kernel out of memory that can be unplugged, and kexec_file",
    ],
    [{ cmdline: "hugepagesz=1G hugepages=2" }, "pages of 1 GiB, and kexec_file_load"],
    // What only the decompressor can do is the same for either call.
    [{ cmdline: "mem_encrypt=on" }, "memory encrypted"],
  ];
  for (const [one, why] of cases) {
    const plan = planOf(one);
    assertEquals([callOf(plan).built, callOf(plan).bases], [undefined, undefined], why);
    assertStringIncludes(reasonOf(plan, "kernel-packed") ?? "", why);
    assertEquals(checkOf(plan, "predecompress")?.status, "fail", why);
    assertStringIncludes(checkOf(plan, "predecompress")?.message ?? "", why);
    const auto = planOf({ ...one, profile: { predecompress: "auto" } });
    assertEquals([callOf(auto).built, checkOf(auto, "predecompress")], [undefined, undefined], why);
    assertStringIncludes(reasonOf(auto, "kernel-packed") ?? "", why);
    const never = planOf({ ...one, profile: { predecompress: false } });
    assertEquals(never.reasons.some(({ code }) => code === "kernel-packed"), false);
  }
  // A file that holds a bzImage whole is not looked into.
  const inner = { info: bzImage(), size: 1 << 20, sha256: "e".repeat(64) };
  const compressed = {
    info: { kind: "compressed", compression: "gzip" },
    inner: { kind: "image", image: inner },
  } as const;
  assertStringIncludes(
    checkOf(planOf({ kernel: compressed }), "predecompress")?.message ?? "",
    "is not a compressed one",
  );
  // Of the next system's init, not of its kernel; and signatures that are not demanded.
  assertEquals(callOf(planOf({ cmdline: "ro -- mem=1G movable_node" })).built, BUILT);
  assertEquals(callOf(planOf({ facts: config({ CONFIG_KEXEC_SIG: "y" }) })).built, BUILT);
});

pure("`load: auto` takes the call by which the kernel can be unpacked, kexec_load where both can", () => {
  const of = (predecompress: boolean | "auto", one: Case = {}) => {
    const { profile, facts, images } = inputOf({ ...one, profile: { load: "auto", predecompress, ...one.profile } });
    const { value } = planBoot({ profile, facts, images, partDigests: new Map() });
    return [value?.call.syscall, value?.reasons[0]?.code];
  };
  const unsound = { facts: { lockdown: "integrity" } } as const;
  for (const predecompress of [true, "auto"] as const) {
    assertEquals(of(predecompress, { facts: FILE_ONLY }), ["kexec_file_load", "host-lacks-load"]);
    assertEquals(of(predecompress, unsound), ["kexec_file_load", "host-locked-down"]);
    assertEquals(of(predecompress, { profile: { fileFlags: ["debug"] } }), ["kexec_file_load", "profile-demands"]);
  }
  assertEquals(of(false, { facts: FILE_ONLY }), ["kexec_file_load", "kernel-does-it"]);
  // Nothing is unpacked by either call: as without the key.
  assertEquals(of("auto", { cmdline: "mem_encrypt=on" }), ["kexec_file_load", "kernel-does-it"]);
  assertEquals(of("auto", { kernel: { kept: "liblzma.so.5 is not installed" } }), [
    "kexec_file_load",
    "kernel-does-it",
  ]);
});

pure("a kernel without kexec_load is booted unpacked by the other call, without a word in the profile", () => {
  const plan = planOf({ facts: FILE_ONLY, profile: { load: "auto", predecompress: "auto" } });
  assertEquals(callOf(plan).built, BUILT);
  assertEquals(plan.checks.filter(({ status }) => status === "fail"), []);
});

pure("what could not be unpacked here stays packed under `auto`, with that reason", () => {
  const kept = "the kernel of /boot/vmlinuz is packed with xz, and liblzma.so.5 is not installed";
  const plan = planOf({ kernel: { kept }, profile: { predecompress: "auto" } });
  assertEquals(callOf(plan).built, undefined);
  assertEquals(reasonOf(plan, "kernel-packed"), `The kernel still decompresses itself, because ${kept}`);
});

pure("a kernel of which nothing was built is an error where it is to be", () => {
  const { images, ...rest } = inputOf({});
  const { built: _, ...kernel } = images.kernel ?? kernelFile();
  const { value, diagnostics } = planBoot({ ...rest, images: { ...images, kernel } });
  assertEquals([value, diagnostics.map(({ code }) => code)], [undefined, ["image-not-captured"]]);
});

pure("memory is counted for what is built: its file while it is read, its init_size while it is loaded", () => {
  const built = { ...BUILT, size: 600 << 20, memory: 900 << 20 };
  const half = (one: Case) => checkOf(planOf(one), "half-of-memory")?.status;
  const facts = { memTotal: 1n << 30n, memAvailable: 1n << 30n };
  assertEquals([half({ facts }), half({ facts, kernel: { built } })], ["pass", "fail"]);
  const available = (one: Case) => checkOf(planOf(one), "memory-available")?.status;
  const more = { memTotal: 4n << 30n, memAvailable: 1200n << 20n };
  assertEquals([available({ facts: more }), available({ facts: more, kernel: { built } })], ["pass", "warn"]);
});

pure("a crash kernel is built the same, and is counted in its reservation by what is built", () => {
  const plan = planOf({ profile: { crash: true, predecompress: "auto" } });
  assertEquals(callOf(plan).built, BUILT);
  assertEquals(callOf(plan).flags, ["KEXEC_FILE_ON_CRASH"]);
});

pure("an arm64 kernel does not unpack itself, so there is nothing to build", () => {
  const plan = planOf({ facts: { machine: "aarch64" } });
  assertEquals([callOf(plan).built, checkOf(plan, "predecompress")], [undefined, undefined]);
});

pure(
  "what a built image is estimated to save: by SHA-256 without its instructions, for the memory that it adds",
  () => {
    const payload = { offset: 0x4000, length: 11 << 20, compression: "xz" } as const;
    const says = (cpuFlags: readonly string[], memory: number) =>
      reasonOf(
        planOf({
          info: { payload, initSize: 100 << 20 },
          kernel: { built: { ...BUILT, memory } },
          facts: { cpuFlags },
        }),
        "kernel-unpacked",
      )?.split("which is ")[1];
    const placed = 8 << 10;
    const gain = (grown: number) =>
      estimatedGain([{ packing: "xz", size: placed }], grown, {
        profile: { checksum: "sha256" },
        facts: hostFacts({ cpuFlags: [] }),
      });
    assertEquals(gain(0), 0);
    // Less memory than the packed kernel takes saves time by itself.
    assertEquals(gain(-60 << 20) > 100, true);
    for (const [memory, grown] of [[100 << 20, 0], [40 << 20, -60 << 20], [160 << 20, 60 << 20]] as const) {
      const expected = gain(grown) > 0
        ? `estimated to save ${gain(grown)} ms on a fast core`
        : "estimated to save no time";
      for (const flags of [["lm"], ["lm", "sha_ni", "ssse3", "sse4_1"]]) assertEquals(says(flags, memory), expected);
    }
  },
);

pure("IMA measures the image that is built, and the plan says so", () => {
  const ima = { inForce: true, rules: parseImaRules("measure func=KEXEC_KERNEL_CHECK") };
  const measured = (profile: Case["profile"] = {}) =>
    checkOf(planOf({ facts: { ima }, profile }), "ima-measurement")?.message;
  assertEquals(
    measured(),
    "IMA measures /boot/vmlinuz (an image that is built around what /boot/vmlinuz unpacks to is handed over in memory)",
  );
  assertEquals(measured({ predecompress: false }), "IMA measures /boot/vmlinuz");
});
