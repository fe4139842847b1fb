/** The version of warmboot; deno.json and jsr.json say the same, which a test makes sure of. */
export const VERSION = "0.1.0";

/** What `--version` prints. */
export function versionText(): string {
  return `warmboot ${VERSION} (deno ${Deno.version.deno}, ${Deno.build.arch})\n`;
}
