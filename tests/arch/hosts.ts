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

/** A laptop with UEFI; its capture has virtual addresses where the kernel documents physical ones. */
export const UEFI_FACTS_AS_CAPTURED: HostFacts = factsOf("uefi-laptop");

/** The same laptop, with physical addresses. */
export const UEFI_FACTS: HostFacts = {
  ...UEFI_FACTS_AS_CAPTURED,
  efi: {
    systab: {},
    runtimeMap: [],
    ...UEFI_FACTS_AS_CAPTURED.efi,
    fwVendor: 0x6f0e_8018n,
    configTable: 0x6f0e_6018n,
    runtime: 0x6f2f_8b98n,
  },
};
