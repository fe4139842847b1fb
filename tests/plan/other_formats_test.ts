import { fitImage, smallTree, uImage, wholeFit } from "../image/build_uboot.ts";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type ByteSource, memorySource } from "../../src/core/bytes.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import type { LoadCall } from "../../src/image/call_compatibility.ts";
import type { Check } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { arm64Image, ascii, bzImage, joined, peFile, zboot } from "../image/build.ts";
import { elf, multibootHeader } from "../image/build_elf.ts";
import { realFile } from "../support/headers.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, kernelFile, profileOf } from "../support/profiles.ts";

/** A kernel file that neither call takes, or not `only` one of them, on a machine (x86_64 unless stated); what is said of it. */
interface Foreign {
  readonly name: string;
  readonly source: ByteSource;
  readonly machine?: string;
  readonly only?: LoadCall;
  readonly rule: "kernel-image" | "architecture";
  /** Parts of the message. */
  readonly says: readonly string[];
  /** Parts of the hint. */
  readonly hint: readonly string[];
}

const of = memorySource;
const code = new Uint8Array(600).fill(0xcc);
const padded = (...parts: readonly (Uint8Array | string)[]): ByteSource => of(joined(...parts, code));

const FOREIGN: readonly Foreign[] = [
  {
    name: "the Xen hypervisor, unpacked",
    source: realFile("xen-4.17-amd64"),
    only: "kexec_file_load",
    rule: "kernel-image",
    says: ["Multiboot 2 image, 32-bit ELF, entry 0x200000", "is not a bzImage"],
    hint: ["kexec_load takes it"],
  },
  {
    name: "the Xen hypervisor as it is installed",
    source: padded("\x1f\x8b\x08"),
    rule: "kernel-image",
    says: ["gzip-compressed file"],
    hint: ["gunzip"],
  },
  {
    name: "the Xen hypervisor for UEFI",
    source: realFile("xen-4.17-amd64.efi"),
    rule: "kernel-image",
    says: ["EFI application for x86_64"],
    hint: ["firmware only"],
  },
  {
    name: "a Multiboot 1 kernel",
    source: of(elf({ bits: 32, machine: 3, segments: [{ bytes: multibootHeader(1) }] })),
    rule: "kernel-image",
    only: "kexec_load",
    says: ["Multiboot 1", "its entry 0x1000000 lies in none of its segments"],
    hint: ["GRUB"],
  },
  {
    name: "a Multiboot kernel that calls itself 64-bit",
    source: of(elf({ segments: [{ paddr: 0x100_0000n, bytes: joined(multibootHeader(2), code) }] })),
    only: "kexec_file_load",
    rule: "kernel-image",
    says: ["Multiboot 2 image, 64-bit ELF"],
    hint: ["kexec_load takes it"],
  },
  {
    name: "a Multiboot image without ELF",
    source: padded("\xeb\x3e\x90\x90", multibootHeader(1)),
    rule: "kernel-image",
    says: ["a damaged Multiboot 1 image: it is not an ELF file, and its header has no load addresses"],
    hint: ["checksum"],
  },
  {
    name: "a Multiboot image whose header is damaged",
    source: of(elf({ bits: 32, machine: 3, segments: [{ bytes: multibootHeader(1).fill(0xff, 8) }] })),
    rule: "kernel-image",
    says: ["a damaged Multiboot 1 image: the checksum of its header is wrong"],
    hint: ["checksum"],
  },
  {
    name: "memtest86+ for 32 bits",
    source: realFile("memtest86+ia32.bin"),
    only: "kexec_file_load",
    rule: "kernel-image",
    says: ["Memtest86+ v6.10, bzImage 2.12", "XLF_KERNEL_64"],
    hint: ["kexec_load takes it", "`load: kexec_load`"],
  },
  {
    name: "memtest86+ for 64 bits",
    source: realFile("memtest86+x64.bin"),
    only: "kexec_file_load",
    rule: "kernel-image",
    says: ["Memtest86+ v6.10", "XLF_CAN_BE_LOADED_ABOVE_4G"],
    hint: ["kexec_load takes it", "`load: kexec_load`"],
  },
  {
    name: "iPXE as a kernel",
    source: realFile("ipxe.lkrn"),
    only: "kexec_file_load",
    rule: "kernel-image",
    says: ["1.0.0+git-20190125.36a4c85-5.1, bzImage 2.07", "boot protocol is 2.07"],
    hint: ["kexec_load takes it"],
  },
  {
    name: "iPXE for the network",
    source: realFile("ipxe.pxe"),
    rule: "kernel-image",
    says: ["is not a kernel: it is a boot sector, such as those for PXE"],
    hint: ["PXE"],
  },
  {
    name: "iPXE for UEFI",
    source: realFile("ipxe.efi"),
    rule: "kernel-image",
    says: ["for x86_64, unsigned"],
    hint: ["firmware only"],
  },
  {
    name: "GRUB for UEFI",
    source: realFile("grubx64.efi"),
    rule: "kernel-image",
    says: ["EFI application for x86_64, signed"],
    hint: ["firmware only"],
  },
  {
    name: "shim",
    source: realFile("shimx64.efi"),
    rule: "kernel-image",
    says: ["EFI application for x86_64, signed"],
    hint: ["firmware only"],
  },
  {
    name: "a zImage",
    source: of(bzImage({ protocol: 0x200, version: "", loadflags: 0 })),
    only: "kexec_file_load",
    rule: "kernel-image",
    says: ["zImage 2.00"],
    hint: ["kexec_load takes it"],
  },
  {
    name: "a kernel of before the setup header had versions",
    source: of(bzImage({ protocol: 0x100, version: "", loadflags: 0 })),
    rule: "kernel-image",
    says: ["zImage 1.00"],
    hint: ["Linux kernel of version 2.6.14 or later", "`linux16`"],
  },
  {
    name: "a kernel with more setup code than there is room for",
    source: of(joined(bzImage({ xloadflags: 0, code32Start: 0 }).fill(65, 0x1f1, 0x1f2), new Uint8Array(65 * 512))),
    only: "kexec_load",
    rule: "kernel-image",
    says: ["its setup code has 65 sectors, more than 64"],
    hint: ["`linux16`"],
  },
  {
    name: "a bzImage of a 32-bit Linux",
    source: of(bzImage({ xloadflags: 0x4 })),
    only: "kexec_file_load",
    rule: "kernel-image",
    says: ["XLF_KERNEL_64", "Linux 6.1.0-50-amd64"],
    hint: ["kexec_load takes it"],
  },
  {
    name: "a vmlinux of a 32-bit Linux",
    source: of(elf({ bits: 32, machine: 3, entry: 0x10_0000n, segments: [{ paddr: 0x10_0000n, bytes: code }] })),
    rule: "architecture",
    says: ["32-bit ELF for i386"],
    hint: ["64-bit Linux kernel", "elf-x86"],
  },
  {
    name: "ELF of 32 bits for a 64-bit machine",
    source: of(elf({ bits: 32, segments: [{ paddr: 0x100_0000n, bytes: code }] })),
    rule: "kernel-image",
    says: ["32-bit ELF"],
    hint: ["bzImage"],
  },
  {
    name: "ELF for a machine that is not known",
    source: of(elf({ machine: 9999, segments: [{ paddr: 0x100_0000n, bytes: code }] })),
    rule: "kernel-image",
    says: ["64-bit ELF"],
    hint: ["bzImage"],
  },
  {
    name: "a vmlinux of another machine",
    source: of(elf({ machine: 243 })),
    rule: "architecture",
    says: ["is for riscv64", "this host is x86_64"],
    hint: ["Name a kernel built for x86_64"],
  },
  {
    name: "a FreeBSD kernel",
    source: of(elf({
      segments: [{ type: 3, bytes: ascii("/red/herring\0") }, { paddr: 0x20_0000n, bytes: code }],
    })),
    rule: "kernel-image",
    says: ["it is a FreeBSD kernel"],
    hint: ["own loader"],
  },
  {
    name: "an a.out kernel",
    source: padded("\x0b\x01\x64\0"),
    rule: "kernel-image",
    says: ["a.out program for i386 (ZMAGIC)"],
    hint: ["bzImage"],
  },
  {
    name: "a uImage for x86_64",
    source: memorySource(uImage({ data: new Uint8Array(4096), architecture: 24 })),
    rule: "kernel-image",
    says: ["uImage for x86_64"],
    hint: ["dumpimage"],
  },
  {
    name: "a uImage for 32-bit ARM",
    source: memorySource(uImage({ data: new Uint8Array(4096), architecture: 2 })),
    rule: "architecture",
    says: ["is for arm", "this host is x86_64", "uImage"],
    hint: ["Name a kernel built for x86_64"],
  },
  {
    name: "a FIT image for arm64",
    source: memorySource(wholeFit(new Uint8Array(4096))),
    rule: "architecture",
    says: ["is for aarch64", "this host is x86_64", "FIT image"],
    hint: ["Name a kernel built for x86_64"],
  },
  {
    name: "a FIT image that does not say what it is for",
    source: memorySource(fitImage({ images: {} })),
    rule: "kernel-image",
    says: ["FIT image, `Images`, no configurations"],
    hint: ["dumpimage"],
  },
  {
    name: "a device tree",
    source: memorySource(smallTree()),
    rule: "kernel-image",
    says: ["a device tree blob"],
    hint: ["Name it as `dtb`"],
  },
  {
    name: "arm64's Image on x86_64",
    source: realFile("vmlinuz-6.1.0-50-cloud-arm64"),
    rule: "architecture",
    says: ["is for aarch64", "this host is x86_64", "arm64 Image"],
    hint: ["Name a kernel built for x86_64"],
  },
  {
    name: "a zboot image of arm64 on x86_64",
    source: of(zboot(code)),
    rule: "architecture",
    says: ["is for aarch64", "EFI zboot image"],
    hint: ["Name a kernel built for x86_64"],
  },
  {
    name: "x86's bzImage on arm64",
    source: of(bzImage()),
    machine: "aarch64",
    rule: "architecture",
    says: ["is for x86_64", "this host is aarch64"],
    hint: ["Name a kernel built for aarch64"],
  },
  {
    name: "a vmlinux of arm64 on arm64",
    source: of(elf({ machine: 183 })),
    machine: "aarch64",
    rule: "kernel-image",
    says: ["64-bit ELF for aarch64"],
    hint: ["arch/arm64/boot/Image"],
  },
  {
    name: "a zboot image on arm64",
    source: of(zboot(code)),
    machine: "aarch64",
    rule: "kernel-image",
    says: ["EFI zboot image for aarch64"],
    hint: ["payload"],
  },
  {
    name: "an old Image without its size",
    source: of(arm64Image({ pe: false, imageSize: 0n })),
    machine: "aarch64",
    rule: "kernel-image",
    says: ["image size zero"],
    hint: ["aarch64"],
  },
  {
    name: "a unified kernel image",
    source: of(peFile({ sections: [{ name: ".linux", bytes: bzImage() }] })),
    rule: "kernel-image",
    says: ["unified kernel image for x86_64"],
    hint: ["`.linux`"],
  },
];

/** The checks that fail when this kernel is planned, by rule. Always a plan: the check is the answer, not a diagnostic. */
function failures({ source, machine = "x86_64" }: Foreign, load: LoadCall): ReadonlyMap<string, Check> {
  const kernel = kernelFile({ size: source.size, info: identifyKernel(source) });
  const { value, diagnostics } = planBoot({
    profile: profileOf({ load }),
    facts: hostFacts({ machine }),
    images: images({ kernel }),
  });
  assert(value !== undefined, JSON.stringify(diagnostics));
  return new Map(value.checks.filter(({ status }) => status === "fail").map((check) => [check.rule, check]));
}

for (const foreign of FOREIGN) {
  for (const load of foreign.only === undefined ? ["kexec_file_load", "kexec_load"] as const : [foreign.only]) {
    Deno.test({
      name: `${load}: ${foreign.name} is refused for what it is, and the hint says what would boot it`,
      permissions: "none",
      fn() {
        const failed = failures(foreign, load);
        const check = failed.get(foreign.rule);
        for (const part of foreign.says) assertStringIncludes(check?.message ?? "", part);
        for (const part of foreign.hint) assertStringIncludes(check?.hint ?? "", part);
        // One fault is told once.
        assertEquals([...failed.keys()].filter((rule) => ["kernel-image", "architecture"].includes(rule)), [
          foreign.rule,
        ]);
      },
    });
  }
}
