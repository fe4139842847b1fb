/** A segment as the kernel sees it; addresses and sizes in bytes. */
export interface ListedSegment {
  readonly mem: bigint;
  readonly memsz: bigint;
  readonly bufsz: bigint;
}

/** What the kernel compares a list of segments with. */
export interface KernelLimits {
  readonly pageSize: bigint;
  /** All pages of the system, in bytes. */
  readonly memTotal: bigint;
  /** KEXEC_DESTINATION_MEMORY_LIMIT. */
  readonly limit: bigint;
  /** Of a crash image: crashk_res, its last byte included. */
  readonly crash?: { readonly first: bigint; readonly last: bigint };
}

/**
 * What Linux 7.3 answers to the list, written from the description of kexec_load_check and sanity_check_segment_list;
 * undefined if it goes on to load. Sums wrap at 64 bits as in C. Shares nothing with src/.
 */
export function kernelAnswer(
  segments: readonly ListedSegment[],
  entry: bigint,
  { pageSize, memTotal, limit, crash }: KernelLimits,
): "EINVAL" | "EADDRNOTAVAIL" | undefined {
  const list = segments.map(({ mem, memsz, bufsz }) => ({
    start: mem,
    memsz,
    end: BigInt.asUintN(64, mem + memsz),
    bufsz,
  }));
  if (list.length > 16) return "EINVAL";
  if (crash !== undefined && (entry < crash.first || entry > crash.last)) return "EADDRNOTAVAIL";
  for (const { start, end } of list) {
    if (start > end) return "EADDRNOTAVAIL";
    if (start % pageSize !== 0n || end % pageSize !== 0n) return "EADDRNOTAVAIL";
    if (end >= limit) return "EADDRNOTAVAIL";
  }
  for (const [index, a] of list.entries()) {
    for (const b of list.slice(0, index)) {
      if (a.end > b.start && a.start < b.end) return "EINVAL";
    }
  }
  if (list.some(({ bufsz, memsz }) => bufsz > memsz)) return "EINVAL";
  const half = memTotal / pageSize / 2n;
  const pages = list.map(({ memsz }) => (memsz + pageSize - 1n) / pageSize);
  if (pages.some((each) => each > half) || pages.reduce((sum, each) => sum + each, 0n) > half) return "EINVAL";
  if (crash !== undefined && list.some(({ start, end }) => start < crash.first || end - 1n > crash.last)) {
    return "EADDRNOTAVAIL";
  }
  return undefined;
}
