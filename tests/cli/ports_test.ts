import { assertEquals } from "@std/assert";
import { columnsOf, systemPorts, usesColours } from "../../src/cli/ports.ts";
import { COLOURED, type Layout, PLAIN } from "../../src/render/style.ts";
import { withEnvironment } from "../support/environment.ts";

Deno.test({
  name: "a terminal that does not know its size is 80 columns wide; any other is kept readable",
  permissions: "none",
  fn() {
    assertEquals([0, 1, 39, 40, 80, 110, 200].map(columnsOf), [80, 40, 40, 40, 80, 110, 110]);
  },
});

Deno.test({
  name: "colours are for terminals that have them, unless the user says otherwise",
  permissions: "none",
  fn() {
    const terminal = { isTerminal: true, noColor: false, term: "xterm" };
    assertEquals(usesColours("auto", terminal), true);
    assertEquals(usesColours("auto", { ...terminal, term: undefined }), true);
    for (
      const without of [{ ...terminal, term: "dumb" }, { ...terminal, noColor: true }, {
        ...terminal,
        isTerminal: false,
      }]
    ) {
      assertEquals(usesColours("auto", without), false);
      assertEquals(usesColours("always", without), true);
    }
    assertEquals(usesColours("never", terminal), false);
  },
});

/** The layout of standard output on such a terminal, or away from one. */
async function layoutOn(terminal: { readonly columns: number; readonly term: string } | undefined): Promise<Layout> {
  const { consoleSize } = Deno;
  const { isTerminal } = Deno.stdout;
  try {
    Deno.stdout.isTerminal = () => terminal !== undefined;
    // There may be one all the same, as that of standard input.
    Deno.consoleSize = () => ({ columns: terminal?.columns ?? 44, rows: 25 });
    return await withEnvironment({ TERM: terminal?.term ?? "xterm" }, () => systemPorts().out.layout);
  } finally {
    Deno.stdout.isTerminal = isTerminal;
    Deno.consoleSize = consoleSize;
  }
}

Deno.test("away from a terminal, text is 80 columns wide and has no colours, whatever TERM says", async () => {
  assertEquals(await layoutOn(undefined), { style: PLAIN, width: 80 });
  assertEquals(await layoutOn({ columns: 100, term: "xterm" }), { style: Deno.noColor ? PLAIN : COLOURED, width: 100 });
  assertEquals(await layoutOn({ columns: 100, term: "dumb" }), { style: PLAIN, width: 100 });
});
