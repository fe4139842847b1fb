import { join } from "@std/path";

const ROOT = join(import.meta.dirname ?? ".", "../..");

/** The blocks of YAML on a page, without the indentation of the list that they are in. */
export function blocksOf(page: string): readonly string[] {
  const text = Deno.readTextFileSync(join(ROOT, page));
  return [...text.matchAll(/^( *)```yaml\n([^]*?)^ *```$/gm)].map(([, indent = "", block = ""]) =>
    block.replaceAll(new RegExp(`^${indent}`, "gm"), "")
  );
}
