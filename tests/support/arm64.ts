import type { Arm64Image } from "../../src/image/image.ts";
import type { PlanInput } from "../../src/plan/input.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { capturedFacts } from "../host/fixture.ts";
import { initrdFile, profileOf } from "./profiles.ts";
import type { KernelFile } from "../../src/image/boot_files.ts";

/** A board with a device tree, Linux 6.1 and `crashkernel=256M`; its kernel has no kexec_file_load. */
export const BOARD: HostFacts = capturedFacts("arm64-vm");

/** A server with UEFI and ACPI, and Linux 6.12. */
export const SERVER: HostFacts = capturedFacts("arm64-uefi-vm");

/** An Image as Debian builds it. */
export function arm64Image(changes: Partial<Arm64Image> = {}): Arm64Image {
  return {
    kind: "arm64-image",
    textOffset: 0n,
    imageSize: 32n << 20n,
    flags: 0xan,
    bigEndian: false,
    pageSize: 4096,
    signed: false,
    ...changes,
  };
}

/** A kernel file that is one. */
export function arm64File(changes: Partial<KernelFile> = {}): KernelFile {
  return { path: "/boot/vmlinuz", size: 30 << 20, sha256: "a".repeat(64), info: arm64Image(), ...changes };
}

/** A compressed kernel file that holds one. */
export function packedFile(changes: Partial<KernelFile> = {}): KernelFile {
  return arm64File({
    size: 10 << 20,
    info: { kind: "compressed", compression: "gzip" },
    inner: { kind: "image", image: { info: arm64Image(), size: 30 << 20, sha256: "d".repeat(64) } },
    ...changes,
  });
}

/** What a test states of a plan. */
export interface Arm64Case {
  readonly profile?: Partial<Profile>;
  readonly facts?: HostFacts;
  readonly kernel?: KernelFile;
  readonly dtb?: PlanInput["images"]["dtb"];
}

/** A profile for an arm64 host, with its files at hand. */
export function arm64Input({ profile = {}, facts = BOARD, kernel = arm64File(), dtb }: Arm64Case = {}): PlanInput {
  return {
    profile: profileOf(profile),
    facts,
    images: { kernel, initrd: [initrdFile()], ...(dtb === undefined ? {} : { dtb }) },
    partDigests: new Map([
      ["/boot/vmlinuz unpacked@0+31457280", "d".repeat(64)],
      ["/boot/vmlinuz@0+33554432", "f".repeat(64)],
    ]),
  };
}
