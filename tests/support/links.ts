import { join } from "@std/path";

/** The relative links of pages that lead to no file, each after its page; both from the root on. */
export function brokenLinks(root: string, pages: readonly string[]): readonly string[] {
  return pages.flatMap((page) =>
    [...Deno.readTextFileSync(join(root, page)).matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
      .map(([, target = ""]) => join(page, "..", target))
      .filter((target) => !isThere(join(root, target)))
      .map((target) => `${page}: ${target}`)
  );
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path) !== undefined;
  } catch {
    return false;
  }
}
