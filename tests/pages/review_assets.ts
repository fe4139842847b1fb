import { join } from "@std/path";

const ROOT = join(import.meta.dirname ?? ".", "../..");

/** src/render/review/assets.ts: the script of the review page in one piece, without types, and its style. */
export async function reviewAssets(): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--frozen", "--platform", "browser", "src/render/review/page.ts"],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  if (!success) throw new Error(`deno bundle failed: ${new TextDecoder().decode(stderr)}`);
  const script = new TextDecoder().decode(stdout);
  const style = Deno.readTextFileSync(join(ROOT, "src/render/review/page.css"));
  if (/<\/(?:script|style)/i.test(script + style)) throw new Error("The page would end in its script or style");
  return [
    "// Generated from src/render/review/page.ts and page.css by `deno task generate`.",
    "// deno-fmt-ignore-file",
    "",
    "/** The script of the review page. */",
    `export const PAGE_SCRIPT: string = ${linesOf(script)};`,
    "",
    "/** Its style. */",
    `export const PAGE_STYLE: string = ${linesOf(style)};`,
    "",
  ].join("\n");
}

/** A text as an array of its lines, joined: a change of one shows as a change of one. */
function linesOf(text: string): string {
  return `[\n${text.split("\n").map((line) => `  ${JSON.stringify(line)},\n`).join("")}].join("\\n")`;
}
