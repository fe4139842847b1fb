import { decodeFacts } from "../../src/host/decode_facts.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { hostCapture } from "../host/fixture.ts";

function factsOf(name: "bios-vm" | "uefi-laptop" | "many-region-server"): HostFacts {
  const { value } = decodeFacts(hostCapture(name));
  if (value === undefined) throw new Error(`The fixture ${name} has no facts`);
  return value;
}

/** A virtual machine with a BIOS. */
export const BIOS_FACTS: HostFacts = factsOf("bios-vm");

/** A server with UEFI and 148 ranges of memory. */
export const MANY_FACTS: HostFacts = factsOf("many-region-server");

/** A laptop with UEFI. */
export const UEFI_FACTS: HostFacts = factsOf("uefi-laptop");

/** The same laptop with `efi=noruntime`: nothing of its firmware can be handed over. */
export const UEFI_FACTS_WITHOUT_MAP: HostFacts = {
  ...UEFI_FACTS,
  efi: { systab: {}, ...UEFI_FACTS.efi, runtimeMap: [] },
};
