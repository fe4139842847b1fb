import { assertEquals, assertStringIncludes } from "@std/assert";
import type { HostFacts } from "../../src/host/facts.ts";
import type { PartContent, WholeInitrd } from "../../src/host/image_content.ts";
import type { Images, InitrdFile, KernelFile } from "../../src/image/boot_files.ts";
import type { ImageInfo, MultibootImage } from "../../src/image/image.ts";
import type { Check } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { REAL_MODE_RULES } from "../../src/plan/rules/real_mode.ts";
import { exitOfChecks, mayRun, RULES } from "../../src/plan/rules/table.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { arm64Image } from "../support/arm64.ts";
import { hostFacts } from "../support/host_facts.ts";
import { bzImage, images, initrdFile, kernelFile, PART_DIGESTS, profileOf, wholeInitrd } from "../support/profiles.ts";

/**
 * Where each rule turns: the last value on one side and the first on the other, and what a rule says when it has nothing
 * to object. The image of `images()` takes 91 MiB once placed: 60 of the kernel, 30 of the initrd, 1 of the loader.
 */

const MIB = 1n << 20n;
const GIB = 1n << 30n;
const kexec = hostFacts().kexec;

interface Input {
  readonly profile?: Partial<Profile>;
  readonly facts?: Partial<HostFacts>;
  readonly images?: Partial<Images>;
}

/** What a rule says: the status and the whole message; undefined where it does not apply. */
function verdictOf(rule: string, input: Input): readonly [Check["status"], string] | undefined {
  const plan = planBoot({
    profile: profileOf(input.profile),
    facts: hostFacts(input.facts),
    images: images(input.images),
    partDigests: PART_DIGESTS,
  });
  const [check, ...more] = (plan.value?.checks ?? []).filter((each) => each.rule === rule);
  assertEquals(more, []);
  return check === undefined ? undefined : [check.status, check.message];
}

type Row = readonly [name: string, input: Input, verdict: readonly [Check["status"], string] | undefined];

function bounds(rule: string, rows: readonly Row[]): void {
  for (const [name, input, verdict] of rows) {
    Deno.test({
      name: `${rule}: ${name}`,
      permissions: "none",
      fn: () => assertEquals(verdictOf(rule, input), verdict),
    });
  }
}

/** An initrd whose files take so much memory. */
const unpacking = (memory: bigint, path = "/boot/initrd.img"): InitrdFile => ({
  ...initrdFile({ path }),
  content: wholeInitrd({ memory: Number(memory) }),
});

const half = (memTotal: bigint, initrd: readonly InitrdFile[] = [initrdFile()]): Input => ({
  facts: { memTotal },
  images: { initrd },
});

bounds("half-of-memory", [
  ["exactly half", half(182n * MIB), ["pass", "The image takes about 91 MiB of 182 MiB; half is the limit"]],
  ["a byte more than half", half(182n * MIB - 1n), [
    "fail",
    "The image takes about 91 MiB, more than half of the 182 MiB of memory",
  ]],
  ["the initrd counts in pages", half(182n * MIB, [initrdFile({ size: (30 << 20) + 1 })]), [
    "fail",
    "The image takes about 91 MiB, more than half of the 182 MiB of memory",
  ]],
  ["exactly all of the memory with its files", half(200n * MIB, [unpacking(109n * MIB)]), [
    "warn",
    "The files of the initrd take 109 MiB when the new kernel unpacks them, more than half of the 200 MiB of memory",
  ]],
  ["a byte more than all of it", half(200n * MIB, [unpacking(109n * MIB + 1n)]), [
    "fail",
    "The files of the initrd take 109 MiB when the new kernel unpacks them, and with the image itself, 91 MiB, more " +
    "than the 200 MiB of memory",
  ]],
  ["files that take exactly half", half(200n * MIB, [unpacking(100n * MIB)]), [
    "pass",
    "The image takes about 91 MiB of 200 MiB; half is the limit",
  ]],
  ["files that take a byte more", half(200n * MIB, [unpacking(100n * MIB + 1n)]), [
    "warn",
    "The files of the initrd take 100 MiB when the new kernel unpacks them, more than half of the 200 MiB of memory",
  ]],
  ["the files of two initrds add up", half(GIB, [unpacking(512n * MIB), unpacking(MIB, "/boot/two")]), [
    "warn",
    "The files of the initrd take 513 MiB when the new kernel unpacks them, more than half of the 1 GiB of memory",
  ]],
  ["one initrd that was not read through", half(GIB, [unpacking(513n * MIB), initrdFile({ path: "/boot/two" })]), [
    "pass",
    "The image takes about 121 MiB of 1 GiB; half is the limit",
  ]],
]);

const loading = (memAvailable: bigint, crash = false): Input => ({
  profile: { crash },
  facts: { memAvailable, kexec: { ...kexec, crashSize: 512n * MIB } },
});

bounds("memory-available", [
  ["exactly enough: the files, and their pages", loading(133n * MIB), [
    "pass",
    "Loading takes about 133 MiB, and more is available",
  ]],
  ["a byte too little", loading(133n * MIB - 1n), [
    "warn",
    "Loading takes about 133 MiB, but only 133 MiB is available",
  ]],
  ["a crash image has its pages in the reservation", loading(42n * MIB, true), [
    "pass",
    "Loading takes about 42 MiB, and more is available",
  ]],
  ["and still reads its files", loading(42n * MIB - 1n, true), [
    "warn",
    "Loading takes about 42 MiB, but only 42 MiB is available",
  ]],
]);

const reservation = (size: bigint): Input => ({
  profile: { crash: true },
  facts: {
    kexec: { ...kexec, crashSize: size },
    iomem: {
      visibility: "full",
      roots: [{ start: GIB, end: GIB + size, name: "Crash kernel", children: [] }],
    },
  },
});

bounds("crash-reservation", [
  ["exactly enough", reservation(91n * MIB), ["pass", "The crash image takes about 91 MiB of the 91 MiB reserved"]],
  ["a byte too little", reservation(91n * MIB - 1n), [
    "fail",
    "The crash image takes about 91 MiB, but only 91 MiB is reserved for it",
  ]],
  ["no crash image", { facts: reservation(91n * MIB).facts ?? {} }, undefined],
]);

/** Kernel 60, initrd 30, unpacked 105, work 64, and a 64th of that for the table of pages. */
const NEED = 259n * MIB + 259n * MIB / 64n;
const NEEDS =
  "The crash kernel needs about 264 MiB: kernel 60 MiB, initrd 30 MiB and unpacked about 105 MiB, work 64 MiB";

bounds("crash-memory", [
  ["exactly enough", reservation(NEED), ["pass", `${NEEDS}; 263 MiB is reserved`]],
  ["a byte too little", reservation(NEED - 1n), [
    "warn",
    `${NEEDS}; only 263 MiB is reserved, so it may run out of memory before the dump is saved`,
  ]],
]);

const limits = (limitReboot: number, crash = false): Input => ({
  profile: { crash },
  facts: { kexec: { ...kexec, crashSize: 512n * MIB, limitReboot, limitPanic: 5 } },
});

bounds("load-limit", [
  ["none", limits(-1), ["pass", "kernel.kexec_load_limit_reboot is unlimited"]],
  ["used up", limits(0), [
    "fail",
    "kernel.kexec_load_limit_reboot is 0: no further load is allowed until the next reboot",
  ]],
  ["one left", limits(1), [
    "warn",
    "kernel.kexec_load_limit_reboot leaves 1 load, and this one uses one up, even if it fails",
  ]],
  ["two left", limits(2), [
    "warn",
    "kernel.kexec_load_limit_reboot leaves 2 loads, and this one uses one up, even if it fails",
  ]],
  ["a crash image has its own", limits(0, true), [
    "warn",
    "kernel.kexec_load_limit_panic leaves 5 loads, and this one uses one up, even if it fails",
  ]],
]);

bounds("load-disabled", [
  ["off", {}, ["pass", "kernel.kexec_load_disabled is 0"]],
  ["unknown", { facts: { kexec: { loaded: false } } }, undefined],
]);

bounds("capability", [
  ["CAP_SYS_BOOT alone", { facts: { capEff: 1n << 22n } }, ["pass", "This process has CAP_SYS_BOOT"]],
  ["all but that", { facts: { capEff: 0x1ff_ffff_ffffn & ~(1n << 22n) } }, [
    "fail",
    "This process lacks the capability CAP_SYS_BOOT, so the kernel would answer EPERM",
  ]],
]);

const ARM64_UNKNOWN =
  "Cannot determine whether the running kernel has kexec_file_load (CONFIG_KEXEC_FILE): its configuration was not found";

bounds("call-available", [
  ["kexec_file_load", {}, ["pass", "The running kernel has kexec_file_load (CONFIG_KEXEC_FILE=y)"]],
  ["kexec_load", { profile: { load: "kexec_load" } }, ["pass", "The running kernel has kexec_load (CONFIG_KEXEC=y)"]],
  ["a kernel without kexec_load", { profile: { load: "kexec_load" }, facts: { kernelConfig: { CONFIG_KEXEC: "n" } } }, [
    "fail",
    "The running kernel 6.1.0-50-amd64 lacks kexec_load: CONFIG_KEXEC is not set",
  ]],
  ["a kernel without kexec_file_load", {
    profile: { load: "kexec_file_load" },
    facts: { kernelConfig: { CONFIG_KEXEC_FILE: "n", CONFIG_KEXEC: "y" } },
  }, [
    "fail",
    "The running kernel 6.1.0-50-amd64 lacks kexec_file_load: CONFIG_KEXEC_FILE is not set",
  ]],
  ["a kernel without kexec", {
    facts: { kernelConfig: { CONFIG_KEXEC_FILE: "n", CONFIG_KEXEC: "n" } },
  }, [
    "fail",
    "The running kernel 6.1.0-50-amd64 lacks kexec_load: CONFIG_KEXEC is not set",
  ]],
  ["no configuration", { facts: { kernelConfig: {} } }, undefined],
  ["no configuration on arm64", {
    profile: { load: "kexec_file_load" },
    facts: { kernelConfig: {}, machine: "aarch64" },
  }, ["warn", ARM64_UNKNOWN]],
]);

for (
  const [load, kernelConfig, hint] of [
    [
      "kexec_load",
      { CONFIG_KEXEC: "n" },
      "Use `load: kexec_file_load`, and remove what only kexec_load does (see the reasons)",
    ],
    [
      "kexec_file_load",
      { CONFIG_KEXEC_FILE: "n" },
      "Use `load: kexec_load`, and remove what only kexec_file_load does (see the reasons)",
    ],
    ["auto", { CONFIG_KEXEC: "n", CONFIG_KEXEC_FILE: "n" }, "Boot a kernel that is built with kexec"],
  ] as const
) {
  Deno.test(`call-available: ${load} without ${Object.keys(kernelConfig).join(" and ")} names what is left`, () => {
    const { value } = planBoot({
      profile: profileOf({ load }),
      facts: hostFacts({ kernelConfig }),
      images: images(),
      partDigests: PART_DIGESTS,
    });
    assertEquals(value?.checks.find(({ rule }) => rule === "call-available")?.hint, hint);
  });
}

bounds("lockdown", [
  ["none", {}, ["pass", "The running kernel is not locked down"]],
]);

const signed = (facts: Partial<HostFacts>, isSigned: boolean, load: Profile["load"] = "kexec_file_load"): Input => ({
  profile: { load },
  facts: { kernelConfig: { CONFIG_IMA: "n" }, ...facts },
  images: { kernel: kernelFile({ info: bzImage({ signed: isSigned }) }) },
});
const FORCED = { kernelConfig: { CONFIG_IMA: "n", CONFIG_KEXEC_SIG_FORCE: "y" } };

bounds("secure-boot", [
  ["off", signed({ secureBoot: "disabled" }, false), ["pass", "Secure Boot is off"]],
  ["in setup mode", signed({ secureBoot: "setup" }, false), ["pass", "Secure Boot is off"]],
  ["unknown", signed({}, false), undefined],
  ["on, under lockdown, by kexec_load", signed({ secureBoot: "enabled", lockdown: "integrity" }, true, "kexec_load"), [
    "fail",
    "Secure Boot is on, so a kernel with IMA refuses kexec_load with EACCES",
  ]],
  ["on, under lockdown, a signed kernel", signed({ secureBoot: "enabled", lockdown: "integrity" }, true), [
    "warn",
    "Secure Boot is on, and only the kernel can verify the signature of /boot/vmlinuz",
  ]],
  ["on, nothing enforces it, a signed kernel", signed({ secureBoot: "enabled" }, true), [
    "warn",
    "Secure Boot is on, but the running kernel does not enforce it for loads: no lockdown, no CONFIG_IMA_ARCH_POLICY",
  ]],
]);

bounds("signature-forced", [
  ["a signed kernel", signed(FORCED, true), [
    "warn",
    "The running kernel requires signed images (CONFIG_KEXEC_SIG_FORCE), and only the kernel can verify the signature " +
    "of /boot/vmlinuz",
  ]],
  ["not forced", signed({}, false), undefined],
  ["kexec_load verifies none", signed(FORCED, false, "kexec_load"), undefined],
]);

bounds("already-loaded", [
  ["nothing", {}, ["pass", "No image is loaded yet"]],
  ["nothing for a panic", { profile: { crash: true } }, ["pass", "No crash image is loaded yet"]],
  ["an image of the other kind", { facts: { kexec: { ...kexec, crashLoaded: true } } }, [
    "pass",
    "No image is loaded yet",
  ]],
  ["unknown", { facts: { kexec: {} } }, undefined],
]);

const withCmdline = (length: number, load: Profile["load"], changes: Input["images"] = {}): Input => ({
  profile: { load, cmdline: { kind: "parameters", parameters: ["x".repeat(length)] } },
  images: changes,
});

bounds("cmdline-length", [
  ["the last that kexec_file_load takes, with its NUL", withCmdline(2016, "kexec_file_load"), [
    "pass",
    "The command line takes 2017 of 2017 bytes",
  ]],
  ["a byte more", withCmdline(2017, "kexec_file_load"), [
    "fail",
    "The command line takes 2018 bytes with its final NUL; kexec_file_load takes at most 2017 for this kernel",
  ]],
  ["the last that kexec_load takes, with its NUL", withCmdline(2047, "kexec_load"), [
    "pass",
    "The command line takes 2048 of 2048 bytes",
  ]],
  ["bytes count, not characters", {
    profile: { load: "kexec_file_load", cmdline: { kind: "parameters", parameters: ["ü".repeat(1009)] } },
  }, [
    "fail",
    "The command line takes 2019 bytes with its final NUL; kexec_file_load takes at most 2017 for this kernel",
  ]],
]);

const kernelOf = (size: number): Input => ({ images: { kernel: kernelFile({ size }) } });

bounds("file-size", [
  ["an empty kernel", kernelOf(0), ["fail", "/boot/vmlinuz is empty"]],
  ["one of a byte", kernelOf(1), ["pass", "/boot/vmlinuz has 1 byte, /boot/initrd.img has 30 MiB"]],
  ["exactly 4 GiB", kernelOf(2 ** 32), ["pass", "/boot/vmlinuz has 4 GiB, /boot/initrd.img has 30 MiB"]],
  ["a byte more", kernelOf(2 ** 32 + 1), ["fail", "/boot/vmlinuz has 4 GiB; the kernel reads at most 4 GiB"]],
  ["an empty initrd", { images: { initrd: [initrdFile(), initrdFile({ path: "/boot/two", size: 0 })] } }, [
    "fail",
    "/boot/two is empty",
  ]],
]);

const since = (release: string): Partial<Images> => ({
  kernel: kernelFile({ info: bzImage({ release, versionString: `${release} (builder@host) #1 SMP` }) }),
});
const odd = (release: string, changes: Parameters<typeof wholeInitrd>[0]): Input => ({
  images: { ...since(release), initrd: [{ ...initrdFile(), content: wholeInitrd(changes) }] },
});
const WHOLE = "/boot/initrd.img is whole: 1 archive (zstd), 1000 files, 90 MiB unpacked";

bounds("initrd-content", [
  ["checksums before 5.19", odd("5.18.19-1", { hasCrc: true }), [
    "fail",
    "/boot/initrd.img has an archive in the crc format, which Linux unpacks since 5.19, and the kernel is 5.18.19-1",
  ]],
  ["checksums since 5.19", odd("5.19.0-1", { hasCrc: true }), ["pass", WHOLE]],
  ["a bootconfig before 5.6", odd("5.5.19-1", { bootconfig: 1 }), [
    "warn",
    "/boot/initrd.img ends in a bootconfig, which Linux reads since 5.6, and the kernel is 5.5.19-1",
  ]],
  ["a bootconfig since 5.6", odd("5.6.0-1", { bootconfig: 1 }), ["pass", `${WHOLE}, and a bootconfig`]],
  ["no bootconfig before 5.6", odd("5.5.19-1", {}), ["pass", WHOLE]],
  ["no checksums before 5.19", odd("5.18.19-1", { hasCrc: false }), ["pass", WHOLE]],
  ["one file", odd("6.1.0-1", { files: 1 }), [
    "pass",
    "/boot/initrd.img is whole: 1 archive (zstd), 1 file, 90 MiB unpacked",
  ]],
  ["no trailer at all", odd("6.1.0-1", { archives: 2, untrailed: 2, packed: [] }), [
    "pass",
    "/boot/initrd.img is whole: 2 archives, without TRAILER!!!, 1000 files, 90 MiB unpacked",
  ]],
  [
    "two packings",
    odd("6.1.0-1", {
      archives: 2,
      packed: [{ packing: "lz4", size: 1 }, { packing: "zstd", size: 2 }],
    }),
    ["pass", "/boot/initrd.img is whole: 2 archives (lz4, zstd), 1000 files, 90 MiB unpacked"],
  ],
]);

const contents = (...each: readonly Parameters<typeof wholeInitrd>[0][]): Input => ({
  images: {
    initrd: each.map((changes, index) => ({
      ...initrdFile({ path: `/boot/${index}` }),
      content: wholeInitrd(changes),
    })),
  },
});
const EARLY = { isEarly: true, programs: {} } as const;

bounds("initrd-init", [
  ["early files alone", contents(EARLY), ["pass", "The initrd holds early microcode or tables only"]],
  ["early files before an initrd", contents(EARLY, {}), ["pass", "The initrd has /init"]],
  ["early files before one without /init", contents(EARLY, { programs: { "/init": "absent" } }), [
    "warn",
    "Every initrd lacks /init: the kernel then mounts `root=` itself, with built-in drivers only",
  ]],
  ["a link that may lead into another initrd", contents(EARLY, { programs: { "/init": "dangling" } }), [
    "pass",
    "The initrds have /init",
  ]],
  ["a program that was not looked for", contents({ programs: {} }), undefined],
]);

const section = (path: string): InitrdFile => ({ ...initrdFile({ path }), image: "/efi/a.efi" });

bounds("uki-sections", [
  ["one, into segments", { profile: { load: "kexec_load" }, images: { initrd: [section("/efi/a.efi/.initrd")] } }, [
    "pass",
    "/efi/a.efi/.initrd is copied into segments",
  ]],
  ["two, into segments", {
    profile: { load: "kexec_load" },
    images: { initrd: [section("/efi/a.efi/.ucode"), section("/efi/a.efi/.initrd")] },
  }, ["pass", "/efi/a.efi/.ucode, /efi/a.efi/.initrd are copied into segments"]],
  ["two, in memory", { images: { initrd: [section("/efi/a.efi/.ucode"), section("/efi/a.efi/.initrd")] } }, [
    "pass",
    "/efi/a.efi/.ucode, /efi/a.efi/.initrd are handed over in memory; the signature that counts is the kernel's own, " +
    "not that of the image",
  ]],
]);

// --- What a rule leaves to another one, and which operand decides.

const arm64 = arm64Image();
const REAL_MODE = { entry64: false, code32Start: 0, la57: false } as const;

bounds("kernel-image", [
  ["a kernel for another machine is the subject of `architecture`", {
    images: { kernel: kernelFile({ info: arm64 }) },
  }, undefined],
  ["an empty file is the subject of `file-size`", { images: { kernel: kernelFile({ size: 0 }) } }, undefined],
  ["a packed file that holds no kernel, by kexec_load", {
    profile: { load: "kexec_load" },
    images: {
      kernel: kernelFile({
        info: { kind: "compressed", compression: "gzip" },
        inner: { kind: "fault", why: "it holds a text" },
      }),
    },
  }, ["fail", "kexec_load cannot take /boot/vmlinuz: it holds a text"]],
]);

const leaves = "The running kernel uses 5-level paging, and purgatory leaves it before it enters the new one";
const cannot = "The running kernel uses 5-level paging, but the new one cannot start in that mode";

bounds("five-level-paging", [
  ["a kernel that reaches all memory, and does not start in that mode", {
    profile: { load: "kexec_file_load" },
    facts: { cpuFlags: ["lm", "la57"] },
    images: { kernel: kernelFile({ info: bzImage({ la57: false, above4G: true }) }) },
  }, ["fail", cannot]],
  ["a kernel that starts in real mode", {
    profile: { load: "kexec_load" },
    facts: { cpuFlags: ["lm", "la57"] },
    images: { kernel: kernelFile({ info: bzImage(REAL_MODE) }) },
  }, ["pass", leaves]],
  ["a host without", { images: { kernel: kernelFile({ info: bzImage({ la57: false }) }) } }, undefined],
]);

bounds("entry-mode", [
  ["a kernel that starts in real mode is the subject of `real-mode`", {
    profile: { load: "kexec_load" },
    images: { kernel: kernelFile({ info: bzImage(REAL_MODE) }) },
  }, undefined],
  ["a kernel without a 64-bit entry", {
    profile: { load: "kexec_load" },
    images: { kernel: kernelFile({ info: bzImage({ entry64: false }) }) },
  }, [
    "pass",
    "The kernel is entered in 32-bit mode, since it has no 64-bit entry; all of the image lies below 4 GiB, and purgatory " +
    "leaves 64-bit mode",
  ]],
]);

bounds("efi-bits", [
  ["kexec_load does not ask", {
    profile: { load: "kexec_load" },
    facts: { efi: { systab: {}, runtimeMap: [], platformSize: 32 } },
  }, undefined],
]);

const unverifiable = { kind: "unverifiable", why: "it is unsigned" } as const;
const partOf = (algorithms: readonly string[]) =>
  ({ kind: "checked", algorithms, unknown: [], signatures: [] }) as const;

bounds("kernel-content", [
  ["a part of an image that has a checksum is the subject of `image-parts`", {
    images: { kernel: { ...kernelFile(), content: unverifiable, part: partOf(["sha256"]) } },
  }, undefined],
  ["a part of an image that has none", {
    images: { kernel: { ...kernelFile(), content: unverifiable, part: partOf([]) } },
  }, ["pass", "/boot/vmlinuz cannot be verified: it is unsigned"]],
]);

const part = (path: string, content: PartContent): InitrdFile => ({
  ...initrdFile({ path }),
  image: "/boot/a.itb",
  part: content,
});

bounds("uki-sections", [
  ["a part of a FIT image is none", { images: { initrd: [part("/boot/a.itb/a", partOf(["crc32"]))] } }, undefined],
]);

bounds("image-parts", [
  ["the second part is damaged", {
    images: {
      initrd: [
        part("/boot/a.itb/a", partOf(["crc32"])),
        part("/boot/a.itb/b", { kind: "damaged", why: "is not what its crc32 says" }),
      ],
    },
  }, ["fail", "/boot/a.itb/b is not what its crc32 says"]],
]);

const archive = (changes: Partial<WholeInitrd>, path = "/boot/initrd.img", size = 4096): InitrdFile => ({
  ...initrdFile({ path, size }),
  content: wholeInitrd(changes),
});
const overlay: InitrdFile = { ...initrdFile({ path: "files:1" }), overlay: { files: [], folders: [], isOpen: false } };
const nameless = kernelFile({ info: unnamed() });

/** A kernel that does not say its release. */
function unnamed(): ImageInfo {
  const { release: _, versionString: __, ...info } = bzImage();
  return info;
}

bounds("initrd-content", [
  ["an empty file is the subject of `file-size`", {
    images: { initrd: [archive({}, "/boot/empty", 0)] },
  }, undefined],
  ["LZ4 without an end before an archive that is made at load", {
    images: { initrd: [archive({ isOpen: true }), overlay] },
  }, [
    "fail",
    "/boot/initrd.img ends in LZ4, which has no end mark: the kernel would read on in files:1",
  ]],
  ["the crc format, for a kernel of an unknown release", {
    images: { kernel: nameless, initrd: [archive({ hasCrc: true })] },
  }, ["pass", "/boot/initrd.img is whole: 1 archive (zstd), 1000 files, 90 MiB unpacked"]],
]);

const early = archive({ isEarly: true, programs: {} }, "/boot/ucode");

bounds("initrd-init", [
  ["an initrd that was not read through may have it", {
    images: { initrd: [archive({ programs: { "/init": "absent" } }), initrdFile({ path: "/boot/two" })] },
  }, undefined],
  ["early microcode alone", { images: { initrd: [early] } }, [
    "pass",
    "The initrd holds early microcode or tables only",
  ]],
  ["early microcode before the rest", {
    images: { initrd: [early, archive({ programs: { "/init": "absent" } })] },
  }, [
    "warn",
    "Every initrd lacks /init: the kernel then mounts `root=` itself, with built-in drivers only",
  ]],
  ["a link in one initrd to what another one may hold", {
    images: {
      initrd: [archive({ programs: { "/init": "dangling" } }), archive({ programs: { "/init": "absent" } }, "/two")],
    },
  }, ["pass", "The initrds have /init"]],
]);

bounds("initrd-modules", [
  ["of several releases, in their order", {
    images: { initrd: [archive({ modules: ["6.10.1", "6.9.2"] }), archive({ modules: ["6.1.0"] }, "/boot/two")] },
  }, [
    "warn",
    "The initrd has modules for 6.1.0, 6.9.2, 6.10.1, and the kernel is 6.12.107+deb13-amd64",
  ]],
  ["of the kernel's among others", {
    images: { initrd: [archive({ modules: ["6.1.0", "6.12.107+deb13-amd64"] })] },
  }, ["pass", "The initrd has modules for 6.12.107+deb13-amd64"]],
  ["none", { images: { initrd: [archive({})] } }, undefined],
  ["a kernel of an unknown release", {
    images: { kernel: nameless, initrd: [archive({ modules: ["6.1.0"] })] },
  }, undefined],
]);

const ON_ARM64 = { machine: "aarch64" };
const payload = { offset: 0x1000, length: 0x1000, compression: "gzip" };
const zboot: ImageInfo = { kind: "efi-zboot", machine: 0xaa64, payload, signed: false };

bounds("cmdline-length", [
  ["an arm64 kernel in a file for EFI", {
    profile: { cmdline: { kind: "parameters", parameters: ["x".repeat(2047)] } },
    facts: ON_ARM64,
    images: { kernel: kernelFile({ info: zboot }) },
  }, ["pass", "The command line takes 2048 of 2048 bytes"]],
  ["a byte more", {
    profile: { cmdline: { kind: "parameters", parameters: ["x".repeat(2048)] } },
    facts: ON_ARM64,
    images: { kernel: kernelFile({ info: zboot }) },
  }, [
    "fail",
    "The command line takes 2049 bytes with its final NUL; kexec_file_load takes at most 2048 for this kernel",
  ]],
]);

const NO_CMDLINE: Partial<Profile> = { cmdline: { kind: "parameters", parameters: [] } };

bounds("cmdline-empty", [
  ["by kexec_load, where other images have none", { profile: { ...NO_CMDLINE, load: "kexec_load" } }, undefined],
]);

const WITHHELD = "root=/dev/sda1 rootpw=<redacted>";
const withheld = (redacted?: true): Input => ({
  profile: { cmdline: { kind: "parameters", parameters: [WITHHELD] } },
  facts: redacted === undefined ? {} : { redacted },
});
const lacking = "The command line lacks the value of `rootpw`, which the capture leaves out";

bounds("cmdline-redacted", [
  ["in a review", withheld(true), ["warn", lacking]],
  ["on a host", withheld(), ["fail", lacking]],
]);

bounds("placement-redacted", [
  ["segments of an arm64 kernel", {
    profile: { load: "kexec_load", preserveContext: true },
    facts: { ...ON_ARM64, redacted: true },
    images: { kernel: kernelFile({ info: arm64 }) },
  }, ["warn", "On the host, segments may have other addresses: the capture leaves out where the running kernel is"]],
  ["a crash kernel lies in its reservation", {
    profile: { load: "kexec_load", crash: true },
    facts: { ...ON_ARM64, redacted: true, kexec: { ...kexec, crashSize: 0n } },
    images: { kernel: kernelFile({ info: arm64 }) },
  }, undefined],
  ["the kernel's own loader places", {
    profile: { load: "kexec_file_load" },
    facts: { ...ON_ARM64, redacted: true },
    images: { kernel: kernelFile({ info: arm64 }) },
  }, undefined],
]);

bounds("kernel-pages", [
  ["an arm64 kernel on x86_64 is the subject of `architecture`", {
    images: { kernel: kernelFile({ info: { ...arm64, pageSize: 4096 } }) },
  }, undefined],
  ["on arm64", {
    facts: ON_ARM64,
    profile: { load: "kexec_file_load" },
    images: { kernel: kernelFile({ info: { ...arm64, pageSize: 4096 } }) },
  }, ["pass", "/boot/vmlinuz and the running kernel both use 4 KiB pages"]],
]);

const crashing = (parameters: readonly string[], crash = true): Input => ({
  ...reservation(512n * MIB),
  profile: { crash, cmdline: { kind: "parameters", parameters } },
});

bounds("crash-cmdline", [
  ["memory for huge pages, with a dash", crashing(["ro", "hugetlb-cma=4G"]), [
    "warn",
    "`hugetlb-cma=4G` on the crash kernel's command line reserves memory for huge pages",
  ]],
  ["another memory map", crashing(["ro", "memmap=64M@16M"]), [
    "warn",
    "`memmap=64M@16M` on the crash kernel's command line overrides the memory map of the crash kernel",
  ]],
  ["after `--` it is not the kernel's", crashing(["ro", "--", "mem=64M"]), [
    "pass",
    "The command line does not reduce the memory of the crash kernel",
  ]],
  ["a normal kernel may have them", crashing(["ro", "crashkernel=256M"], false), undefined],
]);

bounds("crash-memory", [
  ["nothing is reserved, which is the subject of `crash-reservation`", {
    profile: { crash: true },
    facts: { kexec: { ...kexec, crashSize: 0n } },
  }, undefined],
]);

bounds("crash-support", [
  ["a kernel before 6.9 that is none itself, with a reservation", {
    ...reservation(512n * MIB),
    facts: { ...reservation(512n * MIB).facts, kernelConfig: { CONFIG_CRASH_DUMP: "n" } },
  }, undefined],
]);

const XEN: MultibootImage = {
  kind: "multiboot",
  bits: 32,
  header: { version: 2, offset: 152, requests: [], needsScreen: false },
  loads: [{ offset: 0n, paddr: 0x20_0000n, filesz: 12n << 20n, memsz: 13n << 20n }],
  entry: 0x20_0000n,
};
const xen = (header: Partial<MultibootImage["header"]> = {}): KernelFile =>
  kernelFile({ info: { ...XEN, header: { ...XEN.header, ...header } } });
const MODULE = { path: "/boot/dom0", size: 100 << 20, sha256: "c".repeat(64), info: undefined };

bounds("half-of-memory", [
  ["modules count as initrds do", {
    ...half(200n * MIB, []),
    images: { kernel: xen(), initrd: [], modules: [MODULE] },
    profile: { load: "kexec_file_load" },
  }, ["fail", "The image takes about 114 MiB, more than half of the 200 MiB of memory"]],
  ["a crash kernel does not unpack in this memory", {
    ...half(200n * MIB, [unpacking(200n * MIB)]),
    profile: { crash: true },
  }, ["pass", "The image takes about 91 MiB of 200 MiB; half is the limit"]],
  ["kexec_load without segments is judged by the estimate", {
    facts: { memTotal: 180n * MIB, iomem: { visibility: "zeroed", roots: [] } },
    profile: { load: "kexec_load", preserveContext: true },
  }, ["fail", "The image takes about 91 MiB, more than half of the 180 MiB of memory"]],
]);

bounds("multiboot-modules", [
  ["what is no kernel is the subject of `kernel-image`", {
    images: {
      kernel: kernelFile({ info: { kind: "not-kernel", what: "a text", hint: "" } }),
      initrd: [],
      modules: [MODULE],
    },
  }, undefined],
]);

const RSDP: Partial<HostFacts> = { efi: { systab: { ACPI20: 0x7fe0_0000n }, runtimeMap: [] } };
const handed = (parts: string) =>
  `The image is entered in 32-bit mode, below 4 GiB, with ${parts}; on this UEFI machine it finds neither a BIOS nor EFI ` +
  "boot services";

bounds("multiboot", [
  ["a screen by the tag alone, which this host does not know", {
    images: { kernel: xen({ requests: [8] }), initrd: [] },
  }, [
    "fail",
    "/boot/vmlinuz requires a screen that is described to it, and the running kernel knows of none",
  ]],
  ["a screen by the header alone", { images: { kernel: xen({ needsScreen: true }), initrd: [] } }, [
    "fail",
    "/boot/vmlinuz requires a screen that is described to it, and the running kernel knows of none",
  ]],
  ["version 1 gets no RSDP", { facts: RSDP, images: { kernel: xen({ version: 1 }), initrd: [] } }, [
    "pass",
    handed("command line, memory map"),
  ]],
  ["version 2 gets it", { facts: RSDP, images: { kernel: xen(), initrd: [] } }, [
    "pass",
    handed("command line, memory map, ACPI RSDP"),
  ]],
  ["the old one is not the new one", {
    facts: { efi: { systab: { ACPI: 0x7fe0_0000n }, runtimeMap: [] } },
    images: { kernel: xen({ requests: [15] }), initrd: [] },
  }, [
    "fail",
    "/boot/vmlinuz requires the information tag 15 (the ACPI RSDP of 36 bytes), and the running kernel does not say where " +
    "such an RSDP is",
  ]],
]);

const faulty: InitrdFile = {
  ...overlay,
  overlay: { files: [], folders: [], isOpen: false, fault: { message: "/etc is a file", hint: "Name another path" } },
};

bounds("initrd-files", [
  ["the second archive has no place", { images: { initrd: [initrdFile(), overlay, faulty] } }, [
    "fail",
    "/etc is a file",
  ]],
]);

const { initUserNamespace: _namespace, ...unsaid } = hostFacts();

bounds("capability", [
  ["a namespace that is not known", { facts: { ...unsaid, capEff: 0n } }, [
    "fail",
    "This process lacks the capability CAP_SYS_BOOT, so the kernel would answer EPERM",
  ]],
]);

Deno.test({
  name: "capability: a namespace that is not known is not taken for one of its own",
  permissions: "none",
  fn() {
    const { value } = planBoot({
      profile: profileOf(),
      facts: unsaid,
      images: images(),
      partDigests: PART_DIGESTS,
    });
    assertEquals(value?.checks.find(({ rule }) => rule === "capability")?.status, "pass");
  },
});

bounds("call-available", [
  ["kexec_load on arm64, where nothing is known", {
    profile: { load: "kexec_load", preserveContext: true },
    facts: { machine: "aarch64", kernelConfig: {} },
    images: { kernel: kernelFile({ info: arm64 }) },
  }, undefined],
  ["kexec_file_load on arm64", {
    profile: { load: "kexec_file_load" },
    facts: { machine: "aarch64", kernelConfig: {} },
    images: { kernel: kernelFile({ info: arm64 }) },
  }, [
    "warn",
    "Cannot determine whether the running kernel has kexec_file_load (CONFIG_KEXEC_FILE): its configuration was not found",
  ]],
]);

bounds("lockdown", [
  ["a kind of file that has no signature is the subject of `kernel-image`", {
    profile: { load: "kexec_file_load" },
    facts: { lockdown: "integrity" },
    images: { kernel: xen() },
  }, undefined],
]);

const REAL = kernelFile({ info: bzImage({ ...REAL_MODE, loadedHigh: true }) });
const ram = (...ranges: readonly (readonly [bigint, bigint])[]): Pick<HostFacts, "iomem"> => ({
  iomem: {
    visibility: "full",
    roots: ranges.map(([start, end]) => ({ start, end, name: "System RAM", children: [] })),
  },
});
const BIOS = { vectors: Array.from({ length: 256 }, () => 0xf_f065n), extendedData: 0n, baseMemory: 639n << 10n };
const realMode = (facts: Partial<HostFacts>): Input => ({
  profile: { load: "kexec_load" },
  facts: { ...ram([0n, 0x9_fc00n], [0x10_0000n, 0xc000_0000n]), ...facts },
  images: { kernel: REAL, initrd: [] },
});
const starts = "The kernel starts in real mode only";

const found: readonly [Check["status"], string] = [
  "pass",
  "The kernel is entered in real mode; the BIOS's vectors and data are as it left them, and purgatory sets up interrupt " +
  "controllers and timer for it",
];

bounds("real-mode", [
  ["a BIOS without extended data", realMode({ bios: BIOS }), found],
  ["UEFI, whatever low memory holds", realMode({ bios: BIOS, efi: { systab: {}, runtimeMap: [] } }), [
    "fail",
    `${starts}, where it calls the BIOS, and this machine was booted by UEFI`,
  ]],
]);

Deno.test({
  name:
    "real-mode: the BIOS's data ends at 0x500, nothing reaches beyond 0x110000, and Linux has what it uses in between",
  permissions: "none",
  fn() {
    const { profile, facts, images: files } = realMode({ bios: BIOS });
    const { value } = planBoot({
      profile: profileOf(profile),
      facts: hostFacts(facts),
      images: images(files),
      partDigests: PART_DIGESTS,
    });
    const [rule] = REAL_MODE_RULES;
    const verdict = (vector: bigint): Check["status"] | undefined =>
      value && rule?.check({
        call: value.call,
        crash: false,
        // A rule sees a host whose memory begins above what a vector reaches.
        facts: hostFacts({
          ...ram([0x1000n, 0x9_fc00n], [0x12_0000n, 0xc000_0000n]),
          bios: { ...BIOS, vectors: BIOS.vectors.with(0x15, vector) },
        }),
        images: images(files),
      })?.status;
    assertEquals([0x4ffn, 0x500n, 0xfffn, 0x1000n, 0x9_fc00n, 0x10_ffffn, 0x11_0000n].map(verdict), [
      "fail",
      "pass",
      "pass",
      "fail",
      "pass",
      "pass",
      "fail",
    ]);
  },
});

/** A part of the hint of a rule that warns or fails. */
const HINTS: readonly (readonly [rule: string, name: string, input: Input, hint: string])[] = [
  ["five-level-paging", "another call enters it in 32-bit mode", {
    profile: { load: "kexec_file_load" },
    facts: { cpuFlags: ["lm", "la57"] },
    images: { kernel: kernelFile({ info: bzImage({ la57: false }) }) },
  }, "load: kexec_load"],
  ["five-level-paging", "no call does", {
    profile: { load: "kexec_file_load" },
    facts: { cpuFlags: ["lm", "la57"] },
    images: { kernel: kernelFile({ info: bzImage({ la57: false, code32Start: 0 }) }) },
  }, "no5lvl"],
];

for (const [rule, name, input, hint] of HINTS) {
  Deno.test({
    name: `${rule}: the hint where ${name}`,
    permissions: "none",
    fn() {
      const { value } = planBoot({
        profile: profileOf(input.profile),
        facts: hostFacts(input.facts),
        images: images(input.images),
        partDigests: PART_DIGESTS,
      });
      assertStringIncludes(value?.checks.find((check) => check.rule === rule)?.hint ?? "", hint);
    },
  });
}

Deno.test({
  name: "cmdline-length: the hint says by how much to shorten it",
  permissions: "none",
  fn() {
    const { profile, images: files } = withCmdline(2020, "kexec_file_load");
    const { value } = planBoot({ profile: profileOf(profile), facts: hostFacts(), images: images(files) });
    assertEquals(value?.checks.find(({ rule }) => rule === "cmdline-length")?.hint, "Shorten it by 4 bytes");
  },
});

Deno.test({
  name: "the exit code 77 is for a missing capability alone",
  permissions: "none",
  fn() {
    const rules = RULES.filter(({ exit }) => exit === "permission").map(({ name }) => name);
    assertEquals(rules, ["capability"]);
    const exit = (...checks: readonly (readonly [rule: string, status: Check["status"]])[]) =>
      exitOfChecks(checks.map(([rule, status]) => ({ rule, status, message: "" })));
    assertEquals(exit(["capability", "fail"]), "permission");
    assertEquals(exit(["capability", "warn"], ["kernel-image", "pass"]), "ok");
    assertEquals(exit(["capability", "fail"], ["kernel-image", "fail"]), "unavailable");
    assertEquals(exit(["segment-count", "fail"], ["stored-plan", "fail"]), "unavailable");
    const runs = (rule: string, status: Check["status"]) => mayRun([{ rule, status, message: "" }]);
    assertEquals([runs("capability", "fail"), runs("kernel-image", "fail"), runs("kernel-image", "warn")], [
      false,
      false,
      true,
    ]);
  },
});

bounds("segments-planned", [
  ["a kernel on a machine that only the kernel itself lays out", {
    profile: { load: "kexec_load" },
    facts: { machine: "riscv64" },
  }, ["fail", "This version of warmboot cannot lay out a kernel for kexec_load on riscv64"]],
]);
