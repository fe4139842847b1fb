import { omitUndefined, type Report } from "../core/shape.ts";
import { type Captured, malformed } from "./captured.ts";
import type { HostFacts } from "./facts.ts";
import { DECIMAL, HEX, oneValue, type ValueForm, valueOf } from "./one_value.ts";

/** Where the running kernel keeps what a crash dump needs; physical addresses and sizes, bytes. */
export type CrashFacts = Pick<HostFacts, "vmcoreinfo" | "crashNotes">;

/** `0x00000000018f0000 1024`: the size is hexadecimal as well, without 0x (vmcoreinfo_show in kernel/ksysfs.c). */
const VMCOREINFO: ValueForm<{ readonly address: bigint; readonly size: bigint }> = {
  expected: "an address and a size, both hexadecimal",
  read(text) {
    const [first = "", second = "", ...rest] = text.split(" ");
    const address = HEX.read(first);
    const size = HEX.read(second);
    return address === undefined || size === undefined || rest.length > 0 ? undefined : { address, size };
  },
};

/** Decodes vmcoreinfo and the crash notes; a CPU whose note is known in part is left out, with a warning. */
export function crashFacts(from: Captured, report: Report): CrashFacts {
  const found = from.all("crashNotes");
  const sizes = new Map(found.filter(({ field }) => field === "crash_notes_size").map((size) => [size.index, size]));
  const crashNotes = found.filter(({ field }) => field === "crash_notes").flatMap((note) => {
    const address = valueOf(note, report, HEX);
    const sizeFile = sizes.get(note.index);
    if (sizeFile === undefined) report(malformed(note, "an address beside a file `crash_notes_size`"));
    const size = sizeFile === undefined ? undefined : valueOf(sizeFile, report, DECIMAL);
    if (note.index === undefined || address === undefined || size === undefined) return [];
    return [{ cpu: note.index, address, size }];
  });
  return omitUndefined({ vmcoreinfo: oneValue(from, report, "vmcoreinfo", VMCOREINFO), crashNotes });
}
