import { fieldsOf, latin1 } from "../core/bytes.ts";
import { usedSize } from "../formats/fdt.ts";

/** Takes from a source the part that a capture keeps. Applying it to its own result changes nothing. */
export type KeptPart = (bytes: Uint8Array) => Uint8Array;

/** Keeps the lines that match. */
export function lines(wanted: RegExp): KeptPart {
  return (bytes) => joined(split(bytes).filter((line) => wanted.test(line)));
}

/** Keeps the first line that matches each. */
export function firstLines(...wanted: readonly RegExp[]): KeptPart {
  return (bytes) => {
    const all = split(bytes);
    return joined(wanted.flatMap((each) => all.find((line) => each.test(line)) ?? []));
  };
}

/** Keeps of what `systemctl show` writes the manager's stanza, which is the first, and those of units that store descriptors. */
export function keepStores(bytes: Uint8Array): Uint8Array {
  const [manager, ...units] = latin1(bytes).split(/\n\n+/).map((stanza) => stanza.replace(/\n$/, ""));
  const storing = units.filter((stanza) => /^NFileDescriptorStore=0*[1-9]/m.test(stanza));
  return fromLatin1([manager, ...storing].map((stanza) => `${stanza}\n`).join("\n"));
}

/** The size of an entry of the auxiliary vector on a 64-bit machine: two words, the kind and the value. */
export const AUXV_ENTRY_SIZE = 16;

/** AT_PAGESZ of the auxiliary vector (include/uapi/linux/auxvec.h). */
export const AT_PAGESZ = 6n;

/** Keeps the entry AT_PAGESZ of an auxiliary vector. */
export function keepPageSize(bytes: Uint8Array): Uint8Array {
  const fields = fieldsOf(bytes);
  for (let offset = 0; offset + AUXV_ENTRY_SIZE <= fields.size; offset += AUXV_ENTRY_SIZE) {
    if (fields.u64(offset) === AT_PAGESZ) return fields.bytes(offset, AUXV_ENTRY_SIZE);
  }
  return new Uint8Array();
}

// A line is taken as its bytes, one character for each, so that the kept ones come out as they went in.
function split(bytes: Uint8Array): readonly string[] {
  return latin1(bytes).split("\n");
}

function joined(kept: readonly string[]): Uint8Array {
  return fromLatin1(kept.map((line) => `${line}\n`).join(""));
}

function fromLatin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Keeps what a device tree says, without the room that firmware left after it; anything else as it is. */
export function keepUsedTree(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, usedSize(bytes) ?? bytes.length);
}

/** The interrupt vectors, and the BIOS's data up to the size of memory: what follows has the last keystrokes in it. */
const BIOS_SIZE = 0x415;

/** Keeps the first bytes of memory, where the BIOS has its vectors and where its data is. */
export function keepBios(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, BIOS_SIZE);
}
