import { assertEquals } from "@std/assert";
import type { HostFacts, ImaPolicy } from "../../src/host/facts.ts";
import type { ImageInfo, MultibootImage } from "../../src/image/image.ts";
import type { Check } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { ARM64_RULES } from "../../src/plan/rules/arm64.ts";
import { UNLOCK_RULES } from "../../src/plan/rules/unlock.ts";
import { OVERLAY_RULES } from "../../src/plan/rules/overlay.ts";
import { CARRY_RULES } from "../../src/plan/rules/carry.ts";
import { CRASH_KEY_RULES } from "../../src/plan/rules/crash_keys.ts";
import { INTEGRITY_RULES } from "../../src/plan/rules/integrity.ts";
import { HANDOVER_RULES } from "../../src/plan/rules/handover.ts";
import { PLATFORM_RULES } from "../../src/plan/rules/platform.ts";
import { REDACTED_RULES } from "../../src/plan/rules/redacted.ts";
import { SCREEN_RULES } from "../../src/plan/rules/screen.ts";
import { SETUP_DATA_RULES } from "../../src/plan/rules/setup_data.ts";
import { ADDRESS_RULES } from "../../src/plan/rules/arm64_addresses.ts";
import { BASES_RULES } from "../../src/plan/rules/bases.ts";
import { PREDECOMPRESS_RULES } from "../../src/plan/rules/predecompress.ts";
import { REQUIRES_RULES } from "../../src/plan/rules/requires.ts";
import { ATTEMPT_FAILED } from "../../src/plan/rules/attempt_failed.ts";
import { GUARD_FALLBACK_RULES } from "../../src/plan/rules/guard_fallback.ts";
import { GUARD_LOG_RULES } from "../../src/plan/rules/guard_log.ts";
import { GUARD_PANIC_RULES } from "../../src/plan/rules/guard_panic.ts";
import { GUARD_WATCHDOG_RULES } from "../../src/plan/rules/guard_watchdog.ts";
import { UNBIND_RULES } from "../../src/plan/rules/unbind.ts";
import { exitOfChecks, RULES } from "../../src/plan/rules/table.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { crashHost } from "../support/crash_host.ts";
import { parseImaRules } from "../../src/host/ima.ts";
import { demandsDisk } from "../../src/host/security.ts";
import { hostFacts } from "../support/host_facts.ts";
import { bzImage, images, initrdFile, kernelFile, PART_DIGESTS, profileOf, wholeInitrd } from "../support/profiles.ts";
import type { InitrdContent, PartContent, WholeInitrd } from "../../src/host/image_content.ts";
import type { Images, InitrdFile } from "../../src/image/boot_files.ts";

interface Case {
  readonly rule: string;
  readonly name: string;
  readonly profile?: Partial<Profile>;
  readonly facts?: Partial<HostFacts>;
  readonly images?: Partial<Images>;
  readonly status: Check["status"];
  /** The whole message. */
  readonly says: string;
}

const kexec = hostFacts().kexec;
const notKernel: ImageInfo = { kind: "not-kernel", what: "a shell script", hint: "Name the kernel" };
const longParameter = (length: number): Partial<Profile> => ({
  cmdline: { kind: "parameters", parameters: ["x".repeat(length)] },
});

const APPRAISES: ImaPolicy = { inForce: true, rules: parseImaRules("appraise func=KEXEC_KERNEL_CHECK") };

/** Explicit segments that return. */
const PAYLOAD: Partial<Profile> = {
  preserveContext: true,
  segments: [{ at: 0x400_0000n, source: { kind: "bytes", bytes: Uint8Array.of(0xc3) } }],
  entry: 0x400_0000n,
  stated: ["version", "preserve_context", "segments", "entry"],
};

/** Reservations of crashkernel=, by address and size; the kernel says their sum. */
function reserved(...ranges: readonly (readonly [bigint, bigint])[]): Partial<HostFacts> {
  const roots = ranges.map(([start, size]) => ({ start, end: start + size, name: "Crash kernel", children: [] }));
  const crashSize = ranges.reduce((sum, [, size]) => sum + size, 0n);
  return { kexec: { ...kexec, crashSize }, iomem: { visibility: "full", roots } };
}

/** An initrd of this content. */
/** A part of a FIT image. */
function partFile(
  changes: Partial<Extract<PartContent, { readonly kind: "checked" }>>,
  path = "/boot/a.itb/images/ramdisk",
): InitrdFile {
  const part: PartContent = { kind: "checked", algorithms: [], unknown: [], signatures: [], ...changes };
  return { ...initrdFile({ path }), image: "/boot/a.itb", part };
}

function withContent(changes: Partial<WholeInitrd>, path = "/boot/initrd.img"): InitrdFile {
  return { ...initrdFile({ path }), content: wholeInitrd(changes) };
}

const WHOLE = "/boot/initrd.img is whole: 1 archive (zstd), 1000 files, 90 MiB unpacked";

/** What `initrd-content` says of contents, alone and before another initrd, and for an old kernel. */
function contentCases(): readonly Case[] {
  const other = withContent({}, "/boot/two");
  const old = kernelFile({ info: bzImage({ release: "5.4.0-1", versionString: "5.4.0-1 (builder@host) #1 SMP" }) });
  const rows:
    readonly (readonly [string, readonly (Partial<WholeInitrd> | InitrdContent)[], Case["status"], string])[] = [
      ["whole", [{}], "pass", WHOLE],
      [
        "without trailers",
        [{ archives: 2, untrailed: 1 }],
        "pass",
        "/boot/initrd.img is whole: 2 archives (zstd), 1 of them without TRAILER!!!, 1000 files, 90 MiB unpacked",
      ],
      [
        "cut",
        [{ kind: "damaged", why: "ends within the file init" }],
        "fail",
        "/boot/initrd.img ends within the file init",
      ],
      [
        "too large",
        [{ kind: "too-large", why: "unpacks to more than 16 GiB" }],
        "fail",
        "/boot/initrd.img unpacks to more than 16 GiB, the limit of what is read through",
      ],
      [
        "unread",
        [{ kind: "unread", why: "liblzma.so.5 is not installed" }],
        "warn",
        "/boot/initrd.img was not read through: liblzma.so.5 is not installed",
      ],
      [
        "a file system",
        [{ kind: "ramdisk", what: "an ext2 file system" }],
        "warn",
        "/boot/initrd.img is an ext2 file system, which only a kernel with CONFIG_BLK_DEV_RAM mounts as its root",
      ],
      ["a bootconfig", [{ bootconfig: 99 }], "pass", `${WHOLE}, and a bootconfig`],
      ["open LZ4 at the end", [{ isOpen: true }], "pass", WHOLE],
      ["checksums", [{ hasCrc: true }], "pass", WHOLE],
    ];
  const more: readonly Case[] = [
    {
      rule: "initrd-content",
      name: "a bootconfig before another initrd",
      images: { initrd: [withContent({ bootconfig: 99 }), other] },
      status: "fail",
      says: "/boot/initrd.img ends in a bootconfig, where the kernel stops unpacking: /boot/two after it would be lost",
    },
    {
      rule: "initrd-content",
      name: "LZ4 before another initrd",
      images: { initrd: [withContent({ isOpen: true }), other] },
      status: "fail",
      says: "/boot/initrd.img ends in LZ4, which has no end mark: the kernel would read on in /boot/two",
    },
    {
      rule: "initrd-content",
      name: "checksums for a kernel that does not know them",
      images: { kernel: old, initrd: [withContent({ hasCrc: true })] },
      status: "fail",
      says:
        "/boot/initrd.img has an archive in the crc format, which Linux unpacks since 5.19, and the kernel is 5.4.0-1",
    },
    {
      rule: "initrd-content",
      name: "the second is damaged, the first was not read",
      images: {
        initrd: [
          { ...initrdFile(), content: { kind: "unread", why: "x" } },
          { ...initrdFile({ path: "/boot/two" }), content: { kind: "damaged", why: "is a text file" } },
        ],
      },
      status: "fail",
      says: "/boot/two is a text file",
    },
  ];
  return [
    ...rows.map(([name, contents, status, says]): Case => ({
      rule: "initrd-content",
      name,
      images: {
        initrd: contents.map((content) =>
          "kind" in content && content.kind !== "whole"
            ? { ...initrdFile(), content: content as InitrdContent }
            : withContent(content as Partial<WholeInitrd>)
        ),
      },
      status,
      says,
    })),
    ...more,
  ];
}

/** A Multiboot image like Xen's, with a header of these demands. */
function multiboot(header: Partial<MultibootImage["header"]> = {}): MultibootImage {
  return {
    kind: "multiboot",
    bits: 32,
    header: { version: 2, offset: 152, requests: [4, 6], needsScreen: false, ...header },
    loads: [{ offset: 0n, paddr: 0x20_0000n, filesz: 12n << 20n, memsz: 13n << 20n }],
    entry: 0x20_0000n,
  };
}

/** A BIOS whose code and data are where they usually are. */
const BIOS = {
  vectors: Array.from({ length: 256 }, () => 0xf_f065n),
  extendedData: 0x9_fc00n,
  baseMemory: 639n << 10n,
};

const REAL_MODE = {
  kernel: kernelFile({ info: bzImage({ entry64: false, code32Start: 0, prefAddress: 0x10_0000n, initSize: 0 }) }),
  initrd: [],
};

const MODULE = { path: "/boot/dom0", size: 4096, sha256: "d".repeat(64), info: undefined };

const CASES: readonly Case[] = [
  {
    rule: "segments-planned",
    name: "a bzImage for kexec_load",
    profile: { load: "kexec_load" },
    status: "pass",
    says: "4 segments are laid out",
  },
  {
    rule: "architecture-flag",
    name: "the architecture of another host",
    profile: { load: "kexec_load", arch: "386" },
    status: "fail",
    says: "The profile sets KEXEC_ARCH_386, but the kernel of this x86_64 host accepts only its own architecture",
  },
  {
    rule: "architecture-flag",
    name: "the host's own architecture",
    profile: { load: "kexec_load", arch: "x86_64" },
    status: "pass",
    says: "KEXEC_ARCH_X86_64 is this host's architecture",
  },
  {
    rule: "preserve-context",
    name: "a kernel that cannot come back",
    profile: { preserveContext: true, load: "kexec_load" },
    facts: { kernelConfig: { CONFIG_KEXEC_JUMP: "n" } },
    status: "fail",
    says: "The running kernel 6.1.0-50-amd64 cannot resume after a payload (CONFIG_KEXEC_JUMP is not set)",
  },
  {
    rule: "preserve-context",
    name: "a kernel as payload",
    profile: { preserveContext: true, load: "kexec_load" },
    facts: { kernelConfig: { CONFIG_KEXEC_JUMP: "y" } },
    status: "fail",
    says: "This version of warmboot supports `preserve_context` for explicit segments only, not for a kernel",
  },
  {
    rule: "preserve-context",
    name: "a configuration that does not mention the option, since its conditions are not met",
    profile: PAYLOAD,
    facts: { kernelConfig: { CONFIG_KEXEC_CORE: "y", CONFIG_HIBERNATION: "n" } },
    status: "fail",
    says: "The running kernel 6.1.0-50-amd64 cannot resume after a payload (CONFIG_KEXEC_JUMP is not set)",
  },
  {
    rule: "preserve-context",
    name: "a kernel whose configuration is not known",
    profile: PAYLOAD,
    facts: { kernelConfig: {} },
    status: "warn",
    says: "Cannot determine whether the running kernel can resume after a payload (CONFIG_KEXEC_JUMP)",
  },
  {
    rule: "preserve-context",
    name: "a payload on a kernel that can come back",
    profile: PAYLOAD,
    facts: { kernelConfig: { CONFIG_KEXEC_JUMP: "y" } },
    status: "pass",
    says: "The running kernel can resume after a payload (CONFIG_KEXEC_JUMP)",
  },
  {
    rule: "preserve-context",
    name: "another architecture",
    profile: PAYLOAD,
    facts: { machine: "aarch64" },
    status: "fail",
    says: "The kernel of this aarch64 host cannot resume after a payload: only x86 kernels can",
  },
  {
    rule: "preserve-return",
    name: "a kernel that loses its descriptor table",
    profile: PAYLOAD,
    facts: { release: "6.1.0-50-amd64" },
    status: "fail",
    says:
      "The running kernel 6.1.0-50-amd64 would crash when the payload returns: kernels before 6.2 lose their descriptor table",
  },
  {
    rule: "preserve-return",
    name: "a kernel that leaves the next entry point to the payload",
    profile: PAYLOAD,
    facts: { release: "6.13.12" },
    status: "pass",
    says:
      "The running kernel 6.13.12 takes the next entry point from the payload's stack: the image must be loaded again before each further exec, unless the profile says `reentrant: true`",
  },
  {
    rule: "preserve-return",
    name: "a payload that leaves its next entry point itself",
    profile: { ...PAYLOAD, reentrant: true },
    facts: { release: "6.13.12" },
    status: "pass",
    says:
      "The running kernel 6.13.12 takes the next entry point from the payload's stack, and the profile says that the payload leaves it there",
  },
  {
    rule: "preserve-return",
    name: "a kernel that keeps the entry point",
    profile: PAYLOAD,
    facts: { release: "6.14.0-15-generic" },
    status: "pass",
    says: "The running kernel keeps a payload's entry point for the next exec",
  },
  {
    rule: "preserve-checksum",
    name: "a payload that returns",
    profile: PAYLOAD,
    status: "pass",
    says: "The payload is entered directly: if it changes its own memory, a checksum would fail at the next exec",
  },
  {
    rule: "pinned-digest",
    name: "a kernel with another digest than the pinned one",
    images: { kernel: kernelFile({ pinned: "c".repeat(64) }) },
    status: "fail",
    says:
      "/boot/vmlinuz has the SHA-256 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, not the pinned cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
  },
  ...[
    [{ loadPin: true }, "LoadPin"],
    [{ lsm: ["capability", "loadpin"] }, "LoadPin"],
    [{ ima: APPRAISES }, "IMA appraisal"],
    [{ cmdline: "ro ima_policy=tcb|secure_boot" }, "IMA appraisal"],
    [{ cmdline: "ro ima_appraise=off ima_policy=secure_boot", secureBoot: "enabled" as const }, "IMA appraisal"],
    [{ kernelConfig: { CONFIG_IMA_APPRAISE_REQUIRE_KEXEC_SIGS: "y" } }, "IMA appraisal"],
  ].map(([facts, demanding]) => ({
    rule: "pinned-digest",
    name: `a pinned kernel, where ${demanding} demands a file on a disk: ${JSON.stringify(facts)}`,
    profile: { load: "kexec_file_load" } as const,
    images: { kernel: kernelFile({ pinned: "a".repeat(64) }) },
    facts: facts as Partial<HostFacts>,
    status: "pass" as const,
    says: `/boot/vmlinuz has its pinned digest; ${demanding} demands the file itself, so that this holds until the ` +
      "call, and not while the kernel reads it",
  })),
  ...[
    { cmdline: "ro ima_appraise=log ima_policy=secure_boot", ima: APPRAISES },
    { cmdline: "ro -- ima_policy=secure_boot" },
    { kernelConfig: { CONFIG_IMA_APPRAISE: "n" }, cmdline: "ima_policy=secure_boot" },
    { loadPin: false, lsm: ["loadpin"], ima: { inForce: true, rules: [] } },
  ].map((facts) => ({
    rule: "pinned-digest",
    name: `a pinned kernel that is handed over as it was hashed: ${JSON.stringify(facts)}`,
    profile: { load: "kexec_file_load" } as const,
    images: { kernel: kernelFile({ pinned: "a".repeat(64) }) },
    facts: facts as Partial<HostFacts>,
    status: "pass" as const,
    says: "/boot/vmlinuz has its pinned digest",
  })),
  {
    rule: "pinned-digest",
    name: "an initrd with its pinned digest",
    images: { initrd: [initrdFile({ pinned: "b".repeat(64) })] },
    status: "pass",
    says: "/boot/initrd.img has its pinned digest",
  },
  {
    rule: "file-size",
    name: "an empty kernel",
    images: { kernel: kernelFile({ size: 0, info: { kind: "not-kernel", what: "an empty file" } }) },
    status: "fail",
    says: "/boot/vmlinuz is empty",
  },
  {
    rule: "file-size",
    name: "an empty initrd",
    images: { initrd: [initrdFile({ size: 0 })] },
    status: "fail",
    says: "/boot/initrd.img is empty",
  },
  {
    rule: "file-size",
    name: "an initrd above 4 GiB",
    images: { initrd: [initrdFile({ size: 5 * 2 ** 30 })] },
    facts: { memTotal: 64n << 30n, memAvailable: 60n << 30n },
    status: "fail",
    says: "/boot/initrd.img has 5 GiB; the kernel reads at most 4 GiB",
  },
  {
    rule: "kernel-image",
    name: "a script as kernel",
    images: { kernel: kernelFile({ info: notKernel }) },
    status: "fail",
    says: "/boot/vmlinuz is not a kernel: it is a shell script",
  },
  {
    rule: "kernel-image",
    name: "an old kernel that cannot lie above 4 GiB, by kexec_file_load",
    profile: { load: "kexec_file_load" },
    images: { kernel: kernelFile({ info: bzImage({ above4G: false }) }) },
    status: "fail",
    says:
      "/boot/vmlinuz (Linux 6.12.107+deb13-amd64, bzImage 2.15, zstd payload, signed) cannot be loaded by kexec_file_load: it cannot be loaded above 4 GiB (XLF_CAN_BE_LOADED_ABOVE_4G)",
  },
  {
    rule: "kernel-image",
    name: "a kernel without a 64-bit entry, by kexec_file_load",
    profile: { load: "kexec_file_load" },
    images: { kernel: kernelFile({ info: bzImage({ entry64: false }) }) },
    status: "fail",
    says:
      "/boot/vmlinuz (Linux 6.12.107+deb13-amd64, bzImage 2.15, zstd payload, signed) cannot be loaded by kexec_file_load: it has no 64-bit entry (XLF_KERNEL_64)",
  },
  {
    rule: "architecture",
    name: "a kernel for 32-bit x86 on x86_64",
    images: { kernel: kernelFile({ info: bzImage({ entry64: false }) }) },
    status: "pass",
    says: "/boot/vmlinuz is for i386, which x86_64 runs",
  },
  {
    rule: "architecture",
    name: "a kernel for 32-bit x86 on arm64",
    facts: { machine: "aarch64" },
    images: { kernel: kernelFile({ info: bzImage({ entry64: false }) }) },
    status: "fail",
    says:
      "/boot/vmlinuz is for i386, and this host is aarch64: it is Linux 6.12.107+deb13-amd64, bzImage 2.15, zstd payload, signed",
  },
  {
    rule: "entry-mode",
    name: "a kernel without a 64-bit entry",
    images: { kernel: kernelFile({ info: bzImage({ entry64: false }) }) },
    status: "pass",
    says:
      "The kernel is entered in 32-bit mode, since it has no 64-bit entry; all of the image lies below 4 GiB, and purgatory leaves 64-bit mode",
  },
  {
    rule: "entry-mode",
    name: "a kernel without a 64-bit entry in a TDX guest",
    facts: { cpuFlags: ["tdx_guest"] },
    images: { kernel: kernelFile({ info: bzImage({ entry64: false }) }) },
    status: "fail",
    says:
      "The kernel is entered in 32-bit mode, since it has no 64-bit entry, but a TDX guest cannot leave 64-bit mode",
  },
  {
    rule: "entry-mode",
    name: "a crash kernel without a 64-bit entry",
    profile: { crash: true, load: "kexec_load" },
    images: { kernel: kernelFile({ info: bzImage({ entry64: false }) }) },
    status: "fail",
    says:
      "The kernel is entered in 32-bit mode, since it has no 64-bit entry, but a crash kernel needs a 64-bit entry: it reads the memory of a 64-bit system",
  },
  {
    rule: "multiboot-modules",
    name: "a Linux kernel with modules of Multiboot",
    images: { modules: [MODULE] },
    status: "fail",
    says:
      "`modules` would be ignored: /boot/vmlinuz is not a Multiboot image, but Linux 6.12.107+deb13-amd64, bzImage 2.15, zstd payload, signed",
  },
  {
    rule: "multiboot-modules",
    name: "a Multiboot image with an initrd",
    images: { kernel: kernelFile({ info: multiboot() }), initrd: [initrdFile()] },
    status: "fail",
    says: "/boot/vmlinuz is a Multiboot 2 image, 32-bit ELF, entry 0x200000, to which an initrd means nothing",
  },
  {
    rule: "multiboot",
    name: "Xen on a BIOS machine",
    images: { kernel: kernelFile({ info: multiboot() }), initrd: [], modules: [MODULE] },
    status: "pass",
    says:
      "The image is entered in 32-bit mode, below 4 GiB, with command line, 1 module, memory map; interrupt controllers and timer are set up as a BIOS leaves them",
  },
  {
    rule: "multiboot",
    name: "Xen on a UEFI machine",
    facts: { efi: { systab: { ACPI20: 0x7fe0_0014n }, runtimeMap: [] } },
    images: { kernel: kernelFile({ info: multiboot() }), initrd: [], modules: [MODULE, MODULE] },
    status: "pass",
    says:
      "The image is entered in 32-bit mode, below 4 GiB, with command line, 2 modules, memory map, ACPI RSDP; on this UEFI machine it finds neither a BIOS nor EFI boot services",
  },
  {
    rule: "multiboot",
    name: "a Multiboot image in a TDX guest",
    facts: { cpuFlags: ["tdx_guest"] },
    images: { kernel: kernelFile({ info: multiboot() }), initrd: [] },
    status: "fail",
    says: "A Multiboot image is entered in 32-bit mode, but a TDX guest cannot leave 64-bit mode",
  },
  {
    rule: "multiboot",
    name: "a Multiboot image as a crash kernel",
    profile: { crash: true, load: "kexec_load" },
    images: { kernel: kernelFile({ info: multiboot() }), initrd: [] },
    status: "fail",
    says:
      "A Multiboot image cannot be a crash kernel: it knows of no reservation, and would use the memory that a dump is of",
  },
  {
    rule: "multiboot",
    name: "a Multiboot image with a stamp",
    profile: { stamp: true },
    images: { kernel: kernelFile({ info: multiboot() }), initrd: [] },
    status: "fail",
    says:
      "The stamp would be on the command line of the Multiboot image, where the system that then runs does not find it",
  },
  {
    rule: "multiboot",
    name: "a Multiboot image that requires a screen where none is known",
    images: { kernel: kernelFile({ info: multiboot({ needsScreen: true }) }), initrd: [] },
    status: "fail",
    says: "/boot/vmlinuz requires a screen that is described to it, and the running kernel knows of none",
  },
  {
    rule: "multiboot",
    name: "a Multiboot image that requires the RSDP where its place is not known",
    images: { kernel: kernelFile({ info: multiboot({ requests: [15] }) }), initrd: [] },
    status: "fail",
    says:
      "/boot/vmlinuz requires the information tag 15 (the ACPI RSDP of 36 bytes), and the running kernel does not say where such an RSDP is",
  },
  {
    rule: "real-mode",
    name: "iPXE on a BIOS machine",
    facts: { bios: BIOS },
    images: REAL_MODE,
    status: "pass",
    says:
      "The kernel is entered in real mode; the BIOS's vectors and data are as it left them, and purgatory sets up interrupt controllers and timer for it",
  },
  {
    rule: "real-mode",
    name: "iPXE on a UEFI machine",
    facts: { efi: { systab: {}, runtimeMap: [] } },
    images: REAL_MODE,
    status: "fail",
    says: "The kernel starts in real mode only, where it calls the BIOS, and this machine was booted by UEFI",
  },
  {
    rule: "real-mode",
    name: "iPXE where /dev/mem cannot be read",
    images: REAL_MODE,
    status: "fail",
    says:
      "The kernel starts in real mode only, where it calls the BIOS, and the BIOS's vectors cannot be read from /dev/mem",
  },
  {
    rule: "real-mode",
    name: "iPXE where low memory reads as zeros",
    facts: { bios: { vectors: BIOS.vectors.map(() => 0n), extendedData: 0n, baseMemory: 0n } },
    images: REAL_MODE,
    status: "fail",
    says: "The kernel starts in real mode only, and the BIOS's vector 0x10 (screen) points to 0x0, where no BIOS is",
  },
  {
    rule: "real-mode",
    name: "iPXE where a vector points to memory that Linux uses",
    facts: { bios: { ...BIOS, vectors: BIOS.vectors.with(0x13, 0x9_0000n) } },
    images: REAL_MODE,
    status: "fail",
    says: "The kernel starts in real mode only, and the BIOS's vector 0x13 (disks) points to 0x90000, where no BIOS is",
  },
  {
    rule: "real-mode",
    name: "iPXE where the BIOS's data lies in memory that Linux uses",
    facts: { bios: { ...BIOS, extendedData: 0x9_8000n } },
    images: REAL_MODE,
    status: "fail",
    says: "The kernel starts in real mode only, and the BIOS's extended data at 0x98000 lie in memory that Linux uses",
  },
  {
    rule: "real-mode",
    name: "iPXE in a TDX guest",
    facts: { bios: BIOS, cpuFlags: ["tdx_guest"] },
    images: REAL_MODE,
    status: "fail",
    says: "The kernel starts in real mode only, and a TDX guest cannot leave 64-bit mode",
  },
  {
    rule: "real-mode",
    name: "iPXE as a crash kernel",
    profile: { crash: true, load: "kexec_load" },
    facts: { bios: BIOS },
    images: REAL_MODE,
    status: "fail",
    says:
      "The kernel starts in real mode only, and a crash kernel needs a 64-bit entry: it reads the memory of a 64-bit system",
  },
  {
    rule: "kernel-image",
    name: "a Multiboot image that requires EFI boot services",
    images: { kernel: kernelFile({ info: multiboot({ unmet: "requires EFI boot services" }) }), initrd: [] },
    status: "fail",
    says:
      "/boot/vmlinuz (Multiboot 2 image, 32-bit ELF, entry 0x200000) cannot be loaded by kexec_load: it requires EFI boot services",
  },
  {
    rule: "kernel-image",
    name: "a Multiboot image that requires the EFI memory map",
    images: { kernel: kernelFile({ info: multiboot({ requests: [6, 17] }) }), initrd: [] },
    status: "fail",
    says:
      "/boot/vmlinuz (Multiboot 2 image, 32-bit ELF, entry 0x200000) cannot be loaded by kexec_load: it requires the information tag 17, which is not available once Linux runs",
  },
  {
    rule: "architecture",
    name: "an arm64 kernel on x86_64",
    images: {
      kernel: kernelFile({
        info: {
          kind: "arm64-image",
          textOffset: 0n,
          imageSize: 32n << 20n,
          flags: 0xan,
          bigEndian: false,
          signed: false,
        },
      }),
    },
    status: "fail",
    says: "/boot/vmlinuz is for aarch64, and this host is x86_64: it is arm64 Image, unsigned",
  },
  {
    rule: "five-level-paging",
    name: "a host with la57 and a kernel without it, by kexec_file_load",
    profile: { load: "kexec_file_load" },
    facts: { cpuFlags: ["la57"] },
    images: { kernel: kernelFile({ info: bzImage({ la57: false }) }) },
    status: "fail",
    says: "The running kernel uses 5-level paging, but the new one cannot start in that mode",
  },
  {
    rule: "five-level-paging",
    name: "a host with la57 and a kernel without it, which kexec_load enters in 32-bit mode",
    facts: { cpuFlags: ["la57"] },
    images: { kernel: kernelFile({ info: bzImage({ la57: false }) }) },
    status: "pass",
    says: "The running kernel uses 5-level paging, and purgatory leaves it before it enters the new one",
  },
  {
    rule: "five-level-paging",
    name: "a host with la57 and a kernel that has neither that nor a 32-bit entry",
    profile: { load: "kexec_load" },
    facts: { cpuFlags: ["la57"] },
    images: { kernel: kernelFile({ info: bzImage({ la57: false, code32Start: 0 }) }) },
    status: "fail",
    says: "The running kernel uses 5-level paging, but the new one cannot start in that mode",
  },
  {
    rule: "efi-bits",
    name: "a 32-bit UEFI firmware",
    facts: { efi: { systab: {}, runtimeMap: [], platformSize: 32 } },
    status: "fail",
    says: "The UEFI firmware is 32-bit, and kexec_file_load then accepts no kernel",
  },
  {
    rule: "kernel-content",
    name: "the digest of its signature",
    images: { kernel: { ...kernelFile(), content: { kind: "signed", algorithm: "SHA-256" } } },
    status: "pass",
    says: "/boot/vmlinuz has the SHA-256 that its signature states",
  },
  {
    rule: "kernel-content",
    name: "another file than was signed",
    images: { kernel: { ...kernelFile(), content: { kind: "damaged", why: "is not the file that was signed" } } },
    status: "fail",
    says: "/boot/vmlinuz is not the file that was signed",
  },
  {
    rule: "kernel-content",
    name: "a payload with its checksum",
    images: {
      kernel: { ...kernelFile(), content: { kind: "whole", packing: "xz", size: 40 << 20, checksum: "CRC-32" } },
    },
    status: "pass",
    says: "/boot/vmlinuz is whole: its xz payload unpacks to 40 MiB, and its CRC-32 is right",
  },
  {
    rule: "kernel-content",
    name: "nothing to hold it against",
    images: { kernel: { ...kernelFile(), content: { kind: "unverifiable", why: "it is unsigned" } } },
    status: "pass",
    says: "/boot/vmlinuz cannot be verified: it is unsigned",
  },
  {
    rule: "kernel-content",
    name: "no library to read it",
    images: { kernel: { ...kernelFile(), content: { kind: "unread", why: "liblzma.so.5 is not installed" } } },
    status: "warn",
    says: "/boot/vmlinuz was not read through: liblzma.so.5 is not installed",
  },
  {
    rule: "initrd-content",
    name: "a text, in a capture of before",
    images: { initrd: [initrdFile({ info: { kind: "unknown", what: "a text" } })] },
    status: "fail",
    says: "/boot/initrd.img: The initrd is a text; the kernel unpacks cpio archives, plain or compressed",
  },
  ...contentCases(),
  {
    rule: "initrd-init",
    name: "/init",
    images: { initrd: [withContent({})] },
    status: "pass",
    says: "The initrd has /init",
  },
  {
    rule: "initrd-init",
    name: "no /init",
    images: { initrd: [withContent({ programs: { "/init": "absent" } })] },
    status: "warn",
    says: "The initrd lacks /init: the kernel then mounts `root=` itself, with built-in drivers only",
  },
  {
    rule: "initrd-init",
    name: "the program of rdinit=, in the second of two",
    profile: { cmdline: { kind: "parameters", parameters: ["rdinit=/bin/sh", "ro"] } },
    images: {
      initrd: [
        withContent({ programs: { "/bin/sh": "absent" } }),
        withContent({ programs: { "/bin/sh": "executable" } }, "/boot/two"),
      ],
    },
    status: "pass",
    says: "The initrd has /bin/sh",
  },
  {
    rule: "initrd-init",
    name: "the program of rdinit= in none",
    profile: { cmdline: { kind: "parameters", parameters: ["rdinit=/bin/sh", "ro", "--", "rdinit=/init"] } },
    images: { initrd: [withContent({ programs: { "/bin/sh": "absent", "/init": "executable" } })] },
    status: "warn",
    says: "The initrd lacks /bin/sh: the kernel then mounts `root=` itself, with built-in drivers only",
  },
  {
    rule: "initrd-init",
    name: "one that may not be executed",
    images: { initrd: [withContent({ programs: { "/init": "not-executable" } })] },
    status: "warn",
    says: "/init of the initrd is not executable, so it cannot start",
  },
  {
    rule: "initrd-init",
    name: "a link to nothing",
    images: { initrd: [withContent({ programs: { "/init": "dangling" } })] },
    status: "warn",
    says:
      "/init of the initrd is a symbolic link whose target is missing there: the kernel then mounts `root=` itself, with built-in drivers only",
  },
  {
    rule: "initrd-init",
    name: "microcode only",
    images: { initrd: [withContent({ isEarly: true, programs: { "/init": "absent" } })] },
    status: "pass",
    says: "The initrd holds early microcode or tables only",
  },
  {
    rule: "initrd-modules",
    name: "modules for the kernel's release, and for another",
    images: { initrd: [withContent({ modules: ["6.0.1", "6.12.107+deb13-amd64"] })] },
    status: "pass",
    says: "The initrd has modules for 6.12.107+deb13-amd64",
  },
  {
    rule: "initrd-modules",
    name: "modules for other releases",
    images: { initrd: [withContent({ modules: ["6.1.0-9-amd64", "6.1.0-48-amd64"] })] },
    status: "warn",
    says: "The initrd has modules for 6.1.0-9-amd64, 6.1.0-48-amd64, and the kernel is 6.12.107+deb13-amd64",
  },
  {
    rule: "uki-content",
    name: "a signed image that is what was signed",
    images: { uki: { path: "/efi/a.efi", content: { kind: "signed", algorithm: "SHA-256" }, notComposed: [] } },
    status: "pass",
    says: "/efi/a.efi has the SHA-256 that its signature states",
  },
  {
    rule: "uki-content",
    name: "a signed image that is not",
    images: {
      uki: { path: "/efi/a.efi", content: { kind: "damaged", why: "is not what was signed" }, notComposed: [] },
    },
    status: "fail",
    says: "/efi/a.efi is not what was signed",
  },
  {
    rule: "uki-sections",
    name: "sections of an image",
    images: { initrd: [initrdFile({ path: "/efi/a.efi/.initrd", image: "/efi/a.efi" })] },
    status: "pass",
    says:
      "/efi/a.efi/.initrd is handed over in memory; the signature that counts is the kernel's own, not that of the image",
  },
  {
    rule: "uki-sections",
    name: "sections, where LoadPin demands files on a disk",
    facts: { loadPin: true },
    images: { initrd: [initrdFile({ path: "/efi/a.efi/.initrd", image: "/efi/a.efi" })] },
    status: "fail",
    says: "LoadPin demands files on a disk, and /efi/a.efi/.initrd is a section of /efi/a.efi",
  },
  {
    rule: "image-parts",
    name: "parts of a FIT image that have their checksums",
    images: { initrd: [partFile({ algorithms: ["crc32", "sha256"] }), partFile({}, "/boot/a.itb/images/extra")] },
    status: "pass",
    says: "/boot/a.itb/images/ramdisk has its crc32 and sha256, /boot/a.itb/images/extra has no checksum",
  },
  {
    rule: "image-parts",
    name: "a part that is signed",
    images: { initrd: [partFile({ algorithms: ["sha256"], signatures: ["sha256,rsa2048 with the key `dev`"] })] },
    status: "pass",
    says: "/boot/a.itb/images/ramdisk has its sha256; it is signed (sha256,rsa2048 with the key `dev`), which is for " +
      "U-Boot to verify",
  },
  {
    rule: "image-parts",
    name: "a part with a checksum of another kind",
    images: { initrd: [partFile({ algorithms: ["sha256"], unknown: ["blake3"] })] },
    status: "warn",
    says: "/boot/a.itb/images/ramdisk has a checksum that is not known: blake3",
  },
  {
    rule: "image-parts",
    name: "a part that differs from its checksum",
    images: { initrd: [{ ...partFile({}), part: { kind: "damaged", why: "is damaged: its sha256 is 0" } }] },
    status: "fail",
    says: "/boot/a.itb/images/ramdisk is damaged: its sha256 is 0",
  },
  {
    rule: "image-parts",
    name: "parts, where LoadPin demands files on a disk",
    facts: { loadPin: true },
    images: { initrd: [partFile({ algorithms: ["sha256"] })] },
    status: "fail",
    says: "LoadPin demands files on a disk, and /boot/a.itb/images/ramdisk is a part of /boot/a.itb",
  },
  {
    rule: "uki-extras",
    name: "credentials beside an image",
    images: { uki: { path: "/efi/a.efi", notComposed: ["/efi/a.efi.extra.d/x.cred"] } },
    status: "warn",
    says: "The initrd lacks what systemd-stub would put into /.extra: /efi/a.efi.extra.d/x.cred",
  },
  {
    rule: "uki-extras",
    name: "nothing beside it",
    images: { uki: { path: "/efi/a.efi", notComposed: [] } },
    status: "pass",
    says: "/efi/a.efi has no credentials, extension images or PCR signatures",
  },
  {
    rule: "half-of-memory",
    name: "files that take more than half once they are unpacked",
    images: { initrd: [withContent({ memory: 2.5 * 2 ** 30 })] },
    status: "warn",
    says:
      "The files of the initrd take 2.5 GiB when the new kernel unpacks them, more than half of the 4 GiB of memory",
  },
  {
    rule: "half-of-memory",
    name: "files that do not fit once they are unpacked",
    images: { initrd: [withContent({ memory: 4 * 2 ** 30 })] },
    status: "fail",
    says:
      "The files of the initrd take 4 GiB when the new kernel unpacks them, and with the image itself, 91 MiB, more than the 4 GiB of memory",
  },
  {
    rule: "cmdline-length",
    name: "2017 bytes with the NUL",
    profile: longParameter(2016),
    status: "pass",
    says: "The command line takes 2017 of 2017 bytes",
  },
  {
    rule: "cmdline-length",
    name: "2018 bytes with the NUL",
    profile: longParameter(2017),
    status: "fail",
    says: "The command line takes 2018 bytes with its final NUL; kexec_file_load takes at most 2017 for this kernel",
  },
  {
    rule: "cmdline-length",
    name: "letters that take two bytes each",
    profile: { cmdline: { kind: "parameters", parameters: ["é".repeat(1009)] } },
    status: "fail",
    says: "The command line takes 2019 bytes with its final NUL; kexec_file_load takes at most 2017 for this kernel",
  },
  {
    rule: "cmdline-length",
    name: "an image that takes less",
    profile: longParameter(300),
    images: { kernel: kernelFile({ info: bzImage({ cmdlineSize: 255 }) }) },
    status: "fail",
    says: "The command line takes 301 bytes with its final NUL; kexec_file_load takes at most 225 for this kernel",
  },
  {
    rule: "cmdline-empty",
    name: "no command line",
    profile: { cmdline: { kind: "parameters", parameters: [] } },
    status: "warn",
    says: "The command line is empty: it names neither a root file system nor a console",
  },
  {
    rule: "half-of-memory",
    name: "an initrd of more than half of memory",
    facts: { memTotal: 100n << 20n, memAvailable: 90n << 20n },
    status: "fail",
    says: "The image takes about 91 MiB, more than half of the 100 MiB of memory",
  },
  {
    rule: "memory-available",
    name: "too little free memory",
    facts: { memAvailable: 20n << 20n },
    status: "warn",
    says: "Loading takes about 133 MiB, but only 20 MiB is available",
  },
  {
    rule: "memory-available",
    name: "free memory for the files of a crash image, whose pages lie in the reservation",
    profile: { crash: true },
    facts: { memAvailable: 64n << 20n, kexec: { ...kexec, crashSize: 512n << 20n } },
    status: "pass",
    says: "Loading takes about 42 MiB, and more is available",
  },
  {
    rule: "crash-reservation",
    name: "a crash profile without a reservation",
    profile: { crash: true },
    status: "fail",
    says: "No memory is reserved for a crash kernel",
  },
  {
    rule: "crash-reservation",
    name: "a reservation that is too small",
    profile: { crash: true },
    facts: { kexec: { ...kexec, crashSize: 64n << 20n } },
    status: "fail",
    says: "The crash image takes about 91 MiB, but only 64 MiB is reserved for it",
  },
  {
    rule: "crash-reservation",
    name: "a reservation that is large enough",
    profile: { crash: true },
    facts: reserved([0x3000_0000n, 256n << 20n]),
    status: "pass",
    says: "The crash image takes about 91 MiB of the 256 MiB reserved",
  },
  {
    rule: "crash-reservation",
    name: "a high reservation that is large enough only with the low one, where no segment may lie",
    profile: { crash: true },
    facts: reserved([0x3000_0000n, 256n << 20n], [0x1_0000_0000n, 64n << 20n]),
    status: "fail",
    says: "The crash image takes about 91 MiB, but only 64 MiB is reserved for it",
  },
  {
    rule: "crash-reservation",
    name: "a reservation of which only the size is known",
    profile: { crash: true },
    facts: { kexec: { ...kexec, crashSize: 256n << 20n } },
    status: "warn",
    says:
      "The crash image takes about 91 MiB of the 256 MiB reserved, but part of that may be the low reservation, which cannot hold an image",
  },
  {
    rule: "crash-reservation",
    name: "two reservations that share addresses, where the kernel says a size",
    profile: { crash: true },
    facts: { ...reserved([0x3000_0000n, 256n << 20n], [0x3800_0000n, 256n << 20n]) },
    status: "warn",
    says:
      "The crash image takes about 91 MiB of the 512 MiB reserved. In /proc/iomem the lines `Crash kernel` (0x30000000-0x3fffffff) and `Crash kernel` (0x38000000-0x47ffffff) contradict each other",
  },
  {
    rule: "crash-reservation",
    name: "two reservations that share addresses, where the kernel says no size",
    profile: { crash: true },
    facts: { ...reserved([0x3000_0000n, 256n << 20n], [0x3800_0000n, 256n << 20n]), kexec: {} },
    status: "warn",
    says:
      "In /proc/iomem the lines `Crash kernel` (0x30000000-0x3fffffff) and `Crash kernel` (0x38000000-0x47ffffff) contradict each other",
  },
  {
    rule: "crash-reservation",
    name: "a memory map without a reservation, where the kernel says no size",
    profile: { crash: true },
    facts: { kexec: {} },
    status: "fail",
    says: "No memory is reserved for a crash kernel",
  },
  {
    rule: "crash-support",
    name: "a kernel that starts no crash kernels",
    profile: { crash: true },
    facts: { kernelConfig: { CONFIG_CRASH_DUMP: "n" } },
    status: "fail",
    says: "The running kernel 6.1.0-50-amd64 cannot start crash kernels: CONFIG_CRASH_DUMP is not set",
  },
  {
    rule: "crash-reservation",
    name: "a size of the kernel's that is smaller than the map shows",
    profile: { crash: true },
    facts: { ...reserved([0x3000_0000n, 512n << 20n]), kexec: { ...kexec, crashSize: 256n << 20n } },
    status: "warn",
    says:
      "The crash image takes about 91 MiB of the 256 MiB reserved: /proc/iomem and kexec_crash_size (256 MiB) differ, and the smaller counts",
  },
  {
    rule: "crash-reservation",
    name: "a size of the kernel's that counts the low reservation too",
    profile: { crash: true },
    facts: reserved([0x1000_0000n, 64n << 20n], [0x3000_0000n, 512n << 20n]),
    status: "pass",
    says: "The crash image takes about 91 MiB of the 512 MiB reserved",
  },
  {
    rule: "crash-reservation",
    name: "a size of the kernel's that is zero",
    profile: { crash: true },
    facts: { ...reserved([0x3000_0000n, 512n << 20n]), kexec: { ...kexec, crashSize: 0n } },
    status: "fail",
    says: "No memory is reserved for a crash kernel",
  },
  {
    rule: "crash-memory",
    name: "a reservation that holds the image, and too little besides",
    profile: { crash: true },
    facts: reserved([0x3000_0000n, 192n << 20n]),
    status: "warn",
    says:
      "The crash kernel needs about 264 MiB: kernel 60 MiB, initrd 30 MiB and unpacked about 105 MiB, work 64 MiB; only 192 MiB is reserved, so it may run out of memory before the dump is saved",
  },
  {
    rule: "crash-memory",
    name: "a reservation with room to work in, part of it low",
    profile: { crash: true },
    facts: reserved([0x3000_0000n, 192n << 20n], [0x1_0000_0000n, 192n << 20n]),
    status: "pass",
    says:
      "The crash kernel needs about 264 MiB: kernel 60 MiB, initrd 30 MiB and unpacked about 105 MiB, work 64 MiB; 384 MiB is reserved",
  },
  {
    rule: "crash-kernel",
    name: "a kernel that runs at any address",
    profile: { crash: true },
    status: "pass",
    says: "/boot/vmlinuz runs at any address",
  },
  {
    rule: "crash-kernel",
    name: "a kernel that runs at one address only",
    profile: { crash: true },
    images: { kernel: kernelFile({ info: bzImage({ relocatable: false }) }) },
    status: "fail",
    says: "/boot/vmlinuz runs at one address only, which is outside the crash reservation",
  },
  {
    rule: "crash-cmdline",
    name: "a crash kernel that reserves memory in its turn",
    profile: { crash: true, cmdline: { kind: "parameters", parameters: ["ro", "crashkernel=128M"] } },
    status: "warn",
    says: "`crashkernel=128M` on the crash kernel's command line reserves memory for another crash kernel",
  },
  {
    rule: "crash-cmdline",
    name: "a crash kernel whose memory is limited, however it is quoted",
    profile: { crash: true, cmdline: { kind: "parameters", parameters: ["ro", '"mem=1G"'] } },
    status: "warn",
    says: '`"mem=1G"` on the crash kernel\'s command line limits memory, perhaps to less than the reservation',
  },
  {
    rule: "crash-cmdline",
    name: "a crash kernel whose init has parameters of the same names",
    profile: { crash: true, cmdline: { kind: "parameters", parameters: ["ro", "--", "mem=1G", "memmap=exactmap"] } },
    status: "pass",
    says: "The command line does not reduce the memory of the crash kernel",
  },
  {
    rule: "crash-cmdline",
    name: "a crash kernel that may use all it has",
    profile: { crash: true },
    status: "pass",
    says: "The command line does not reduce the memory of the crash kernel",
  },
  {
    rule: "crash-description",
    name: "a crash image just laid out",
    profile: { crash: true, load: "kexec_load" },
    facts: crashHost(),
    status: "pass",
    says: "The crash image describes this host's memory and CPUs as they are",
  },
  {
    rule: "flag-known",
    name: "a crash image that the kernel keeps in step, on a kernel that shows the flag for it",
    profile: { crash: true, load: "kexec_load" },
    facts: crashHost({ kexec: { ...crashHost().kexec, crashElfcorehdrSize: 0x1_0000n } }),
    status: "pass",
    says: "The running kernel 6.12.107+deb13-amd64 knows KEXEC_UPDATE_ELFCOREHDR",
  },
  {
    rule: "capability",
    name: "no CAP_SYS_BOOT",
    facts: { capEff: 0x1ff_ffbf_ffffn },
    status: "fail",
    says: "This process lacks the capability CAP_SYS_BOOT, so the kernel would answer EPERM",
  },
  {
    rule: "capability",
    name: "root in a user namespace",
    facts: { initUserNamespace: false },
    status: "fail",
    says: "This process runs in a user namespace of its own, where CAP_SYS_BOOT does not count for kexec",
  },
  {
    rule: "load-disabled",
    name: "kexec_load_disabled",
    facts: { kexec: { ...kexec, loadDisabled: true } },
    status: "fail",
    says: "kernel.kexec_load_disabled is 1, so the kernel refuses to load images until the next reboot",
  },
  {
    rule: "load-limit",
    name: "no load left",
    facts: { kexec: { ...kexec, limitReboot: 0 } },
    status: "fail",
    says: "kernel.kexec_load_limit_reboot is 0: no further load is allowed until the next reboot",
  },
  {
    rule: "load-limit",
    name: "one load left for a crash image",
    profile: { crash: true },
    facts: { kexec: { ...kexec, limitReboot: 0, limitPanic: 1, crashSize: 256n << 20n } },
    status: "warn",
    says: "kernel.kexec_load_limit_panic leaves 1 load, and this one uses one up, even if it fails",
  },
  {
    rule: "call-available",
    name: "a kernel without kexec_file_load that was asked for it",
    profile: { load: "kexec_file_load" },
    facts: { kernelConfig: { CONFIG_KEXEC_FILE: "n" } },
    status: "fail",
    says: "The running kernel 6.1.0-50-amd64 lacks kexec_file_load: CONFIG_KEXEC_FILE is not set",
  },
  {
    rule: "lockdown",
    name: "kexec_load under lockdown",
    profile: { load: "kexec_load" },
    facts: { lockdown: "integrity" },
    status: "fail",
    says: "The running kernel is locked down (integrity), which forbids kexec_load",
  },
  {
    rule: "lockdown",
    name: "an unsigned kernel under lockdown",
    facts: { lockdown: "integrity" },
    images: { kernel: kernelFile({ info: bzImage({ signed: false }) }) },
    status: "fail",
    says: "The running kernel is locked down (integrity), but /boot/vmlinuz is not signed",
  },
  {
    rule: "lockdown",
    name: "a signed kernel under lockdown",
    facts: { lockdown: "confidentiality" },
    status: "warn",
    says:
      "The running kernel is locked down (confidentiality), and only the kernel can verify the signature of /boot/vmlinuz",
  },
  {
    rule: "secure-boot",
    name: "kexec_load under Secure Boot",
    profile: { load: "kexec_load" },
    facts: { secureBoot: "enabled" },
    status: "fail",
    says: "Secure Boot is on, so a kernel with IMA refuses kexec_load with EACCES",
  },
  {
    rule: "secure-boot",
    name: "an unsigned kernel under Secure Boot where IMA may act on it",
    facts: { secureBoot: "enabled" },
    images: { kernel: kernelFile({ info: bzImage({ signed: false }) }) },
    status: "fail",
    says: "Secure Boot is on, but /boot/vmlinuz is not signed",
  },
  {
    rule: "secure-boot",
    name: "an unsigned kernel under Secure Boot where nothing acts on it",
    facts: { secureBoot: "enabled", kernelConfig: { CONFIG_IMA_ARCH_POLICY: "n" } },
    images: { kernel: kernelFile({ info: bzImage({ signed: false }) }) },
    status: "warn",
    says:
      "Secure Boot is on, but the running kernel does not enforce it for loads: no lockdown, no CONFIG_IMA_ARCH_POLICY",
  },
  {
    rule: "secure-boot",
    name: "kexec_load under Secure Boot without IMA",
    profile: { load: "kexec_load" },
    facts: { secureBoot: "enabled", kernelConfig: { CONFIG_IMA: "n", CONFIG_KEXEC_SIG_FORCE: "y" } },
    status: "warn",
    says:
      "Secure Boot is on, but the running kernel does not enforce it for loads: no lockdown, no CONFIG_IMA_ARCH_POLICY",
  },
  {
    rule: "secure-boot",
    name: "Secure Boot without IMA, where signatures are forced",
    facts: { secureBoot: "enabled", kernelConfig: { CONFIG_IMA: "n", CONFIG_KEXEC_SIG_FORCE: "y" } },
    images: { kernel: kernelFile({ info: bzImage({ signed: false }) }) },
    status: "fail",
    says: "Secure Boot is on, but /boot/vmlinuz is not signed",
  },
  {
    rule: "signature-forced",
    name: "an unsigned kernel where signatures are forced",
    facts: { kernelConfig: { CONFIG_KEXEC_SIG_FORCE: "y" } },
    images: { kernel: kernelFile({ info: bzImage({ signed: false }) }) },
    status: "fail",
    says: "The running kernel requires signed images (CONFIG_KEXEC_SIG_FORCE), but /boot/vmlinuz is not signed",
  },
  {
    rule: "already-loaded",
    name: "an image is loaded",
    facts: { kexec: { ...kexec, loaded: true } },
    status: "warn",
    says: "An image is already loaded; this one replaces it",
  },
  {
    rule: "already-loaded",
    name: "a crash image is loaded",
    profile: { crash: true },
    facts: { kexec: { ...kexec, crashLoaded: true, crashSize: 256n << 20n } },
    status: "warn",
    says: "A crash image is already loaded; the kernel drops it before it reads the new one",
  },
  {
    rule: "force-dtb",
    name: "a host that was booted without a device tree",
    profile: { fileFlags: ["force_dtb"] },
    status: "fail",
    says: "KEXEC_FILE_FORCE_DTB does nothing here: the running kernel was booted without a device tree",
  },
];

function checksOf(testCase: Omit<Case, "rule" | "name" | "status" | "says">): readonly Check[] {
  const plan = planBoot({
    profile: profileOf(testCase.profile),
    facts: hostFacts(testCase.facts),
    // Explicit segments stand in the place of a kernel.
    images: testCase.profile?.segments === undefined ? images(testCase.images) : { initrd: [] },
    partDigests: PART_DIGESTS,
  });
  return plan.value?.checks ?? [];
}

for (const testCase of CASES) {
  Deno.test({
    name: `rule ${testCase.rule}: ${testCase.name}`,
    permissions: "none",
    fn() {
      const given = checksOf(testCase).filter(({ rule }) => rule === testCase.rule);
      assertEquals(given.map(({ status, message }) => ({ status, message })), [
        { status: testCase.status, message: testCase.says },
      ]);
    },
  });
}

Deno.test({
  name: "every rule has a case here, and no two rules share a name",
  permissions: "none",
  fn() {
    const names = RULES.map(({ name }) => name);
    assertEquals(new Set(names).size, names.length);
    // Those about platforms have theirs in platform_test.ts, those about kexec handover in handover_test.ts, those about
    // `requires` in requires_test.ts, those of bases and of packed kernels in predecompress_test.ts, those about arm64 in arm64_test.ts and
    // arm64_addresses_test.ts, those of redacted captures in host/redaction_test.ts, those about the screen, setup_data and `unbind` in
    // screen_test.ts, setup_data_test.ts and unbind_test.ts, those of a guard and of attempts in guard_test.ts,
    // guard_fallback_test.ts, guard_log_test.ts and watchdog_test.ts, those of `carry` in app/carry_test.ts, those of `unlock`
    // and of files for the next initrd in unlock_test.ts and overlay_test.ts.
    const elsewhere = [
      ...CARRY_RULES,
      ...UNLOCK_RULES,
      ...OVERLAY_RULES,
      ...REQUIRES_RULES,
      ...BASES_RULES,
      ...PREDECOMPRESS_RULES,
      ...ARM64_RULES,
      ...ADDRESS_RULES,
      ...REDACTED_RULES,
      ...PLATFORM_RULES,
      ...INTEGRITY_RULES,
      ...CRASH_KEY_RULES,
      ...HANDOVER_RULES,
      ...SCREEN_RULES,
      ...SETUP_DATA_RULES,
      ...UNBIND_RULES,
      ...GUARD_LOG_RULES,
      ...GUARD_PANIC_RULES,
      ...GUARD_WATCHDOG_RULES,
      ...GUARD_FALLBACK_RULES,
      ATTEMPT_FAILED,
    ].map((
      { name },
    ) => ({
      rule: name,
    }));
    const tested = new Set([...CASES, ...elsewhere].map(({ rule }) => rule));
    assertEquals(names.filter((name) => !tested.has(name)), []);
  },
});

Deno.test({
  name: "a kernel for another machine fails one rule, once",
  permissions: "none",
  fn() {
    const pe: ImageInfo = { kind: "pe", machine: 0xaa64, subsystem: 10, signed: true };
    const failed = checksOf({ images: { kernel: kernelFile({ info: pe }) } }).filter(({ status }) => status === "fail");
    assertEquals(failed.map(({ rule }) => rule), ["architecture"]);
  },
});

Deno.test({
  name: "a plain host and a plain profile pass every check",
  permissions: "none",
  fn() {
    assertEquals(checksOf({}).filter(({ status }) => status !== "pass"), []);
  },
});

Deno.test({
  name: "a host that does not say is not taken for one that forbids",
  permissions: "none",
  fn() {
    const { hostname: _, capEff: __, lockdown: ___, memTotal: ____, ...silent } = hostFacts();
    const plan = planBoot({
      profile: profileOf(),
      facts: { ...silent, kexec: {}, kernelConfig: {} },
      images: images(),
    });
    assertEquals(plan.value?.checks.filter(({ status }) => status !== "pass"), []);
  },
});

Deno.test({
  name: "the exit code is that of the failed checks: permission alone is 77, anything else 69",
  permissions: "none",
  fn() {
    assertEquals(exitOfChecks(checksOf({})), "ok");
    assertEquals(exitOfChecks(checksOf({ facts: { capEff: 0n } })), "permission");
    const both = { facts: { capEff: 0n }, images: { kernel: kernelFile({ info: notKernel }) } };
    assertEquals(exitOfChecks(checksOf(both)), "unavailable");
  },
});

Deno.test({
  name: "LoadPin that is there but not enforced demands no file on a disk; where that is unknown, it may be",
  permissions: "none",
  fn() {
    const demanded = (facts: Partial<HostFacts>) =>
      demandsDisk(hostFacts({ lsm: ["capability", "loadpin"], ...facts }));
    assertEquals(demanded({ loadPin: false }), undefined);
    assertEquals(demanded({ loadPin: true }), "LoadPin");
    assertEquals(demanded({}), "LoadPin");
    assertEquals(
      demanded({ loadPin: false, ima: { inForce: true, rules: parseImaRules("appraise") } }),
      "IMA appraisal",
    );
  },
});
