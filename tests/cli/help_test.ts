import { assertEquals, assertStringIncludes } from "@std/assert";
import { GLOBAL_OPTIONS } from "../../src/cli/args.ts";
import { commandHelp, exitsOf, programHelp } from "../../src/cli/help.ts";
import { COMMANDS } from "../../src/cli/table.ts";
import { EXIT } from "../../src/core/program.ts";
import { COLOURED, PLAIN } from "../../src/render/style.ts";
import { textWidth } from "../../src/render/width.ts";

/** The codes in the last block of a help text. */
function codesIn(help: string): readonly number[] {
  const block = help.slice(help.indexOf("Exit codes\n"));
  return [...block.matchAll(/^ {2}(\d+) /gm)].map(([, code]) => Number(code));
}

Deno.test({
  name: "the help of a command ends with the exit codes that it can have, that of the program with all",
  permissions: "none",
  fn() {
    const layout = { style: PLAIN, width: 80 };
    for (const command of COMMANDS) {
      const codes = codesIn(commandHelp(command, layout));
      assertEquals(codes, exitsOf(command).map(({ code }) => code), command.name);
      const { unavailable } = command.exits;
      // What a code means for this command, not in general.
      const meant = exitsOf(command).find(({ code }) => code === EXIT.unavailable.code)?.meaning;
      assertEquals(meant, unavailable, command.name);
      assertEquals([EXIT.ok, EXIT.usage, EXIT.software, EXIT.io].filter(({ code }) => !codes.includes(code)), []);
    }
    const codesOf = (name: string) =>
      COMMANDS.filter((command) => command.name === name).flatMap((command) => codesIn(commandHelp(command, layout)));
    assertEquals(codesOf("schema"), [0, 64, 70, 74]);
    assertEquals(codesOf("diff"), [0, 1, 64, 65, 66, 69, 70, 74, 77]);
    assertEquals(codesOf("load").includes(71), true);
    assertEquals(codesIn(programHelp(COMMANDS, layout)), Object.values(EXIT).map(({ code }) => code));
  },
});

Deno.test({
  name: "help fits its terminal, coloured or not, but for words that cannot be broken",
  permissions: "none",
  fn() {
    for (const width of [40, 80, 110]) {
      const plain = [
        programHelp(COMMANDS, { style: PLAIN, width }),
        ...COMMANDS.map((command) => commandHelp(command, { style: PLAIN, width })),
      ];
      const coloured = [
        programHelp(COMMANDS, { style: COLOURED, width }),
        ...COMMANDS.map((command) => commandHelp(command, { style: COLOURED, width })),
      ];
      // deno-lint-ignore no-control-regex
      assertEquals(coloured.map((text) => text.replaceAll(/\u001b\[\d+m/g, "")), plain);
      const wide = plain.join("\n").split("\n").filter((line) => textWidth(line) > width)
        // Usages, options and examples are lines to type: they are not broken.
        .filter((line) => !/^ {2,4}(?:(?:bin\/)?warmboot |-|[a-z]+ )/.test(line) && /\S \S/.test(line));
      assertEquals(wide, [], `${width}`);
    }
  },
});

/** The blocks of a help text by their heading, each as its lines. */
function blocksOf(help: string): ReadonlyMap<string, readonly string[]> {
  return new Map(
    help.split("\n\n").map((block) => block.split("\n")).map(([heading = "", ...lines]) => [heading, lines]),
  );
}

Deno.test({
  name: "the help of the program names every command, option and exit code once, in the order of their tables",
  permissions: "none",
  fn() {
    const help = programHelp(COMMANDS, { style: PLAIN, width: 1000 });
    const blocks = blocksOf(help);
    // Where a name is too wide for its column, its text is on the next line.
    const first = (heading: string) =>
      blocks.get(heading)?.filter((line) => /^ {2}\S/.test(line)).map((line) => line.trim().split(/ {2,}/)[0]);
    assertEquals([...blocks.keys()], [
      "warmboot: reboot Linux from a YAML file",
      "Usage",
      "Commands",
      "Options of every command",
      "Exit codes",
      "More on a command: warmboot COMMAND --help",
    ]);
    assertEquals(blocks.get("Usage"), ["  warmboot COMMAND [OPTION...] [ARGUMENT...]"]);
    assertEquals(first("Commands"), COMMANDS.map(({ name, usage }) => `${name} ${usage}`.trim()));
    assertEquals(
      blocks.get("Options of every command")?.flatMap((line) => /^ {2}(?:-\w, )? *--([\w-]+)/.exec(line)?.[1] ?? []),
      GLOBAL_OPTIONS.map(({ name }) => name),
    );
    for (const { summary } of COMMANDS) assertStringIncludes(help, `  ${summary}\n`);
    assertEquals(help.endsWith("--help\n"), true);
  },
});

Deno.test({
  name:
    "the help of a command has its usage, description, options with those of every command, examples and exit codes",
  permissions: "none",
  fn() {
    for (const command of COMMANDS) {
      const { name, summary, usage, description, options, examples } = command;
      const blocks = blocksOf(commandHelp(command, { style: PLAIN, width: 10_000 }));
      const headings = [...blocks.keys()];
      assertEquals(headings[0], `warmboot ${name}: ${summary}`);
      assertEquals(blocks.get("Usage"), [
        `  warmboot ${name}${options.length > 0 ? " [OPTION...]" : ""} ${usage}`.trimEnd(),
      ]);
      assertEquals([headings[2], ...blocks.get(headings[2] ?? "") ?? []], description.split("\n"));
      assertEquals(
        blocks.get("Options")?.flatMap((line) => /^ {2}(?:-\w, )? *--([\w-]+)/.exec(line)?.[1] ?? []),
        [...options, ...GLOBAL_OPTIONS].map((option) => option.name),
      );
      assertEquals(blocks.get("Examples"), examples.flatMap(({ line, doc }) => [`  ${line}`, `      ${doc}`]));
      assertEquals(headings.slice(3), ["Options", "Examples", "Exit codes"]);
      for (const option of [...options, ...GLOBAL_OPTIONS]) {
        const lines = blocks.get("Options")?.join("\n") ?? "";
        assertStringIncludes(lines, option.doc);
        const value = option.value === undefined ? "" : option.optional ? `[=${option.value}]` : ` ${option.value}`;
        const short = option.short === undefined ? "   " : `-${option.short},`;
        assertStringIncludes(lines, `${short} --${option.name}${value}`);
      }
    }
  },
});
