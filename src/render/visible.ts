/**
 * Control characters as pictures, so that text from a file, a capture or a record cannot drive the terminal. Tabs stay;
 * so do line breaks of our own, which stand between texts and never within one.
 */
export function visible(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replaceAll(/[\u0000-\u0008\u000a-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
    .replaceAll(/[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, "\ufffd");
}
