const PAGE = await Deno.readTextFile(new URL("../../docs/kexec-tools.md", import.meta.url));

/**
 * The differences that docs/kexec-tools.md explains under a heading: what is in backticks in the first column of the table.
 */
export function explainedDifferences(heading: string): readonly string[] {
  const [, section = ""] = PAGE.split(`${heading}\n`);
  const [, ...rows] = (section.split(/^## /m, 1)[0] ?? "").split("| what ").at(-1)?.split("\n") ?? [];
  return rows.flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name));
}
