import { assertEquals } from "@std/assert";
import { columnsOf, usesColours } from "../../src/cli/ports.ts";

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
