import { assertEquals } from "@std/assert";
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
