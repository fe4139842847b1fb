import type { Range } from "../core/range.ts";

/** One line of /proc/iomem and the lines nested under it. The end is exclusive here, inclusive in the file. */
export interface IomemNode extends Range {
  readonly name: string;
  readonly children: readonly IomemNode[];
}

/**
 * The memory map of /proc/iomem. `zeroed`: the reader lacked CAP_SYS_ADMIN, so that the kernel wrote every address as
 * zero; the names are right, the addresses unknown. `absent`: there is no such file.
 */
export interface Iomem {
  readonly visibility: "full" | "zeroed" | "absent";
  readonly roots: readonly IomemNode[];
}
