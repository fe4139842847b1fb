/** Text from a file as a message may show it: whatever is not printable ASCII becomes `?`. */
export function printable(text: string): string {
  return text.replace(/[^ -~]/g, "?");
}

/** The order of names in a directory: digits by their value, so that `cpu2` precedes `cpu10`. */
export function compareNames(a: string, b: string): number {
  // Not by Intl.Collator: starting one takes longer than all else that happens before the first source is read.
  const left = a.split(/(\d+)/);
  const right = b.split(/(\d+)/);
  for (const [index, part] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    const order = index % 2 === 1 ? Number(part) - Number(other) : part < other ? -1 : part > other ? 1 : 0;
    if (order !== 0) return order;
  }
  return left.length < right.length ? -1 : 0;
}
