/** Text from a file as a message may show it: whatever is not printable ASCII becomes `?`. */
export function printable(text: string): string {
  return text.replace(/[^ -~]/g, "?");
}
