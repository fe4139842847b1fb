import type { HostFacts } from "../../src/host/facts.ts";
import { capturedFacts } from "../host/fixture.ts";

/** A virtual machine with a BIOS. */
export const BIOS_FACTS: HostFacts = capturedFacts("bios-vm");

/** A server with UEFI and 148 ranges of memory. */
export const MANY_FACTS: HostFacts = capturedFacts("many-region-server");

/** A laptop with UEFI. */
export const UEFI_FACTS: HostFacts = capturedFacts("uefi-laptop");

/** The same laptop with `efi=noruntime`: nothing of its firmware can be handed over. */
export const UEFI_FACTS_WITHOUT_MAP: HostFacts = {
  ...UEFI_FACTS,
  efi: { systab: {}, ...UEFI_FACTS.efi, runtimeMap: [] },
};
