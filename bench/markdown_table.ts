/** A table of Markdown as `deno fmt` has it: columns as wide as their widest cell; those in `right` are numbers. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const width = head.map((name, column) => Math.max(name.length, 3, ...rows.map((row) => (row[column] ?? "").length)));
  const written = (cells: readonly string[]): string =>
    `| ${
      width.map((columns, column) => {
        const cell = cells[column] ?? "";
        return right.includes(column) ? cell.padStart(columns) : cell.padEnd(columns);
      }).join(" | ")
    } |`;
  const ruler = width.map((columns, column) =>
    right.includes(column) ? `${"-".repeat(columns - 1)}:` : "-".repeat(columns)
  );
  return [written(head), `| ${ruler.join(" | ")} |`, ...rows.map(written)].join("\n") + "\n";
}

/** A page with what stands between its two markers replaced. @throws {Error} for a page without them */
export function withSection(page: string, name: string, content: string): string {
  const [start, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [page.indexOf(start), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`The page has no ${start}`);
  const inside = content === "" ? "" : `${content.trim()}\n\n`;
  return `${page.slice(0, from + start.length)}\n\n${inside}${page.slice(to)}`;
}
