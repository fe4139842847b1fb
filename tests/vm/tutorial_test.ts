import { assertStringIncludes } from "@std/assert";
import { demoKernels, startDemoMachine, typed } from "./demo_machine.ts";

const PAGE = await Deno.readTextFile(new URL("../../docs/tutorial.md", import.meta.url));
const INDENT = " ".repeat(4);
const PROMPT = "guest# ";

interface Step {
  readonly command: string;
  /** What the page shows of its output: the parts between lines of dots. */
  readonly parts: readonly string[];
}

/** The commands of the page: what is indented behind one, up to the next or to the end of the block, is its output. */
function steps(): readonly Step[] {
  const found: { readonly command: string; readonly shown: string[] }[] = [];
  let inBlock = false;
  for (const line of PAGE.split("\n")) {
    inBlock = line.startsWith(INDENT) || (inBlock && line === "");
    const text = line.slice(INDENT.length);
    if (inBlock && text.startsWith(PROMPT)) found.push({ command: text.slice(PROMPT.length), shown: [] });
    else if (inBlock) found.at(-1)?.shown.push(text);
    else if (line !== "") found.push({ command: "", shown: [] });
  }
  return found.filter(({ command }) => command !== "").map(({ command, shown }) => ({
    command,
    parts: shown.join("\n").split(/^\.\.\.$/m).map(comparable).filter((part) => part !== ""),
  }));
}

/** Numbers differ from kernel to kernel and from day to day, and with them where lines are broken. */
function comparable(text: string): string {
  return text.replaceAll(/[0-9a-f]{64}/g, "DIGEST").replaceAll(/\d+/g, "0").replaceAll(/\s+/g, " ").trim();
}

Deno.test("docs/tutorial.md: what is typed there gives what is shown there", async (t) => {
  await using machine = await startDemoMachine(await demoKernels());
  for (const { command, parts } of steps()) {
    await t.step(`${PROMPT}${command}`, async () => {
      const said = comparable(await typed(machine, command));
      for (const part of parts) assertStringIncludes(said, part);
    });
  }
});
