import { join } from "@std/path";

/** The checkout. */
export const REPOSITORY: string = join(import.meta.dirname ?? ".", "..");

/** What is owed to the authors of the libraries. */
export const LICENCES: string = read("packaging/THIRD-PARTY.md");

/** A file of the checkout. */
export function read(path: string): string {
  return Deno.readTextFileSync(join(REPOSITORY, path));
}
