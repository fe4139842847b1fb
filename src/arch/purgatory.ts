/** What a purgatory compares before it jumps. */
export interface PurgatoryRegion {
  /** Physical address, bytes. */
  readonly address: bigint;
  /** Bytes that the digest covers; what lies behind them in the segment is not compared. */
  readonly length: bigint;
  /** 64 hexadecimal digits. */
  readonly sha256: string;
}

/** What a purgatory is to do, on any machine. */
export interface PurgatoryTask {
  /** Where it jumps to, a physical address. */
  readonly entry: bigint;
  /** Physical address of what tells the kernel what it must know; 0 for none. */
  readonly handover: bigint;
  /** In the order in which a message numbers them, from 1. At most 16. */
  readonly regions: readonly PurgatoryRegion[];
  /** Whether it compares the regions; without it, it only sets the state up and jumps. */
  readonly verify: boolean;
  /** What it copies before it jumps; physical addresses and bytes. The two do not overlap. */
  readonly backup?: { readonly from: bigint; readonly to: bigint; readonly size: bigint };
}
