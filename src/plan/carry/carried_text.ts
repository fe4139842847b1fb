/** A file of the next initrd: its absolute path, and what it holds. */
export interface CarriedText {
  readonly path: string;
  readonly text: string;
}

/** Files for one tool, and what it cannot do. */
export interface ToolFiles {
  readonly files: readonly CarriedText[];
  /** What is not carried, and why, each in a sentence without a period. */
  readonly omitted: readonly string[];
}
