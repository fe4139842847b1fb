import { formatAddress } from "../../core/number.ts";
import type { BiosFacts, HostFacts } from "../../host/facts.ts";
import { startsInRealMode } from "../../image/bzimage.ts";
import { kernelInfo } from "../../image/boot_files.ts";
import { cannotEnterBelow } from "./long_mode.ts";
import { fail, pass, type Rule, type Verdict } from "./rule.ts";

const GUIDE = "docs/kexec-load.md";

const realMode: Rule = {
  name: "real-mode",
  about: "A kernel that starts in real mode finds a BIOS, whose vectors and data Linux has left alone",
  exit: "unavailable",
  check({ call, crash, facts, images }) {
    const info = kernelInfo(images);
    if (call.syscall !== "kexec_load" || info?.kind !== "bzimage" || facts.machine !== "x86_64") return undefined;
    if (!startsInRealMode(info)) return undefined;
    return cannotEnterBelow(`${STARTS}, and`, crash, facts) ?? biosFault(facts) ??
      pass(
        "The kernel is entered in real mode; the BIOS's vectors and data are as it left them, and purgatory sets up " +
          "interrupt controllers and timer for it",
      );
  },
};

const STARTS = "The kernel starts in real mode only";

/** Why the image finds no BIOS that it could call, as far as the host says. */
function biosFault({ efi, bios, iomem }: HostFacts): Verdict | undefined {
  const byFirmware = "Boot it by the firmware, or name an image with a 32-bit or 64-bit entry";
  if (efi !== undefined) {
    return fail(`${STARTS}, where it calls the BIOS, and this machine was booted by UEFI`, byFirmware);
  }
  if (bios === undefined) {
    return fail(
      `${STARTS}, where it calls the BIOS, and the BIOS's vectors cannot be read from /dev/mem`,
      `Plan as root, on a kernel that is not locked down and has /dev/mem; see ${GUIDE}`,
    );
  }
  const ram = iomem.roots.filter(({ name }) => name === "System RAM");
  const isLinux = (address: bigint): boolean => ram.some(({ start, end }) => start <= address && address < end);
  const wrong = VECTORS.find(({ vector }) => isStray(bios, vector, isLinux));
  if (wrong !== undefined) {
    return fail(
      `${STARTS}, and the BIOS's vector 0x${wrong.vector.toString(16)} (${wrong.what}) points to ` +
        `${formatAddress(bios.vectors[wrong.vector] ?? 0n)}, where no BIOS is`,
      byFirmware,
    );
  }
  return bios.extendedData !== 0n && isLinux(bios.extendedData)
    ? fail(
      `${STARTS}, and the BIOS's extended data at ${formatAddress(bios.extendedData)} lie in memory that Linux uses`,
      byFirmware,
    )
    : undefined;
}

/** The services that setup code calls. */
const VECTORS = [
  { vector: 0x10, what: "screen" },
  { vector: 0x13, what: "disks" },
  { vector: 0x15, what: "memory map" },
  { vector: 0x16, what: "keyboard" },
  { vector: 0x1a, what: "clock" },
] as const;

/** Where the BIOS's own data ends, and no code begins before; where memory that a vector reaches ends. */
const DATA_END = 0x500n;
const REACH_END = 0x11_0000n;

/** Whether a vector points to what is not code of the BIOS: to its data, or to memory that Linux has used since. */
function isStray({ vectors }: BiosFacts, vector: number, isLinux: (address: bigint) => boolean): boolean {
  const address = vectors[vector] ?? 0n;
  return address < DATA_END || address >= REACH_END || isLinux(address);
}

/** The rules about images that start in real mode. */
export const REAL_MODE_RULES: readonly Rule[] = [realMode];
