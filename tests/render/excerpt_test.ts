import { assertEquals } from "@std/assert";
import type { Diagnostic } from "../../src/core/diagnostic.ts";
import { renderDiagnostic } from "../../src/render/excerpt.ts";
import { PLAIN } from "../../src/render/style.ts";

function render(source: string, column: number, length: number, width = 107): readonly string[] {
  const diagnostic: Diagnostic = {
    code: "unknown-key",
    severity: "error",
    message: "Unknown key `kernal`",
    position: { file: "web.yaml", line: 12, column, length, source },
    expected: "one of kernel, initrd",
    found: "kernal",
    hint: "Did you mean `kernel`?",
  };
  return renderDiagnostic(diagnostic, { style: PLAIN, width }).split("\n");
}

Deno.test({
  name: "a diagnostic shows where, what, the line with a caret, and what to do",
  permissions: "none",
  fn() {
    assertEquals(render("kernal: /boot/vmlinuz", 1, 6), [
      "web.yaml:12:1: error: Unknown key `kernal` [unknown-key]",
      "  12 | kernal: /boot/vmlinuz",
      "     | ^^^^^^",
      "  expected: one of kernel, initrd",
      "  found:    kernal",
      "  hint:     Did you mean `kernel`?",
    ]);
  },
});

Deno.test({
  name: "a tab before the place stays a tab under it",
  permissions: "none",
  fn() {
    assertEquals(render("a:\tb", 4, 1).slice(1, 3), ["  12 | a:\tb", "     |   \t^"]);
  },
});

Deno.test({
  name: "the caret is below the place, whatever the width of the characters before it and of its own",
  permissions: "none",
  fn() {
    assertEquals(render("é: 起動 x", 7, 1).slice(2, 3), ["     |    " + "    " + " ^"]);
    assertEquals(render("e\u0301: x", 5, 1)[2], "     | " + "   ^");
    assertEquals(render("👩‍👩‍👧: x", 11, 1)[2], "     | " + "    ^");
    assertEquals(render("a: 起動 x", 4, 2)[2], "     | " + "   ^^^^");
    // What is shown in place of a character counts.
    assertEquals(render("a: \u202eb", 4, 2).slice(1, 3), ["  12 | a: \ufffdb", "     |    ^^"]);
  },
});

Deno.test({
  name: "a long line is shown around the place",
  permissions: "none",
  fn() {
    const lines = render("x".repeat(500) + "!" + "y".repeat(500), 501, 1);
    assertEquals(lines[1]?.length, 107);
    assertEquals(lines[1]?.indexOf("!"), lines[2]?.indexOf("^"));
    const narrow = render("x".repeat(500) + "!" + "y".repeat(500), 501, 1, 40);
    assertEquals([narrow[1]?.length, narrow[1]?.indexOf("!")], [40, narrow[2]?.indexOf("^")]);
    // However narrow the terminal is, there are 20 columns of it.
    assertEquals(render("x".repeat(30), 1, 1, 12)[1], `  12 | ${"x".repeat(20)}`);
  },
});

Deno.test({
  name: "a line is shown from its start as long as the place is in the first four fifths of the room",
  permissions: "none",
  fn() {
    // Of 107 columns, 7 are before the line.
    const shown = (before: number) => render("x".repeat(before) + "!" + "y".repeat(200), before + 1, 1)[1]?.slice(7);
    assertEquals(shown(80), `${"x".repeat(80)}!${"y".repeat(19)}`);
    assertEquals(shown(81), `${"x".repeat(40)}!${"y".repeat(59)}`);
  },
});

Deno.test({
  name: "a place without its line is named at the start, and the path is not named as well",
  permissions: "none",
  fn() {
    const diagnostic: Diagnostic = {
      code: "wrong-type",
      severity: "error",
      message: "M",
      path: ["kernel"],
      position: { file: "web.yaml", line: 2, column: 9, length: 3 },
    };
    const text = (more: Partial<Diagnostic>) =>
      renderDiagnostic({ ...diagnostic, ...more }, { style: PLAIN, width: 80 });
    assertEquals(text({}), "web.yaml:2:9: error: M [wrong-type]");
    assertEquals(text({ path: [], hint: "h" }), "web.yaml:2:9: error: M [wrong-type]\n  hint: h");
    const { position: _, ...nowhere } = diagnostic;
    assertEquals(renderDiagnostic({ ...nowhere, path: [] }, { style: PLAIN, width: 80 }), "error: M [wrong-type]");
  },
});

Deno.test({
  name: "control characters cannot reach the terminal",
  permissions: "none",
  fn() {
    assertEquals(render("a: \u001b[2J", 1, 1)[1], "  12 | a: \u241b[2J");
    const evil = "\u001b]0;x\u0007\u009b2J\n\u202e";
    const diagnostic: Diagnostic = {
      code: "wrong-type",
      severity: "error",
      message: evil,
      position: { file: evil, line: 1, column: 1, length: 1, source: evil },
      expected: evil,
      found: evil,
      hint: evil,
      related: [{ message: evil, position: { file: evil, line: 1, column: 1, length: 1 } }],
    };
    const shown = renderDiagnostic(diagnostic, { style: PLAIN, width: 80 });
    // deno-lint-ignore no-control-regex
    assertEquals(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/.test(shown), false);
    assertEquals(shown.split("\n").length, 7);
  },
});

Deno.test({
  name: "a diagnostic without a place names its path",
  permissions: "none",
  fn() {
    const diagnostic: Diagnostic = { code: "missing-key", severity: "warning", message: "M", path: ["a", 1, "b"] };
    assertEquals(renderDiagnostic(diagnostic, { style: PLAIN, width: 80 }), "warning: M [missing-key]\n  at a[1].b");
  },
});

Deno.test({
  name: "related places are named with their position, or else with their path",
  permissions: "none",
  fn() {
    const diagnostic: Diagnostic = {
      code: "duplicate-key",
      severity: "error",
      message: "M",
      related: [
        { message: "First defined here", position: { file: "a.yaml", line: 3, column: 1, length: 1 } },
        { message: "Set here", path: ["load"] },
        { message: "Both", path: ["load"], position: { file: "b.yaml", line: 1, column: 2, length: 1 } },
      ],
    };
    assertEquals(renderDiagnostic(diagnostic, { style: PLAIN, width: 80 }).split("\n").slice(1), [
      "  related: a.yaml:3:1: First defined here",
      "  related: load: Set here",
      "  related: b.yaml:1:2: Both",
    ]);
  },
});
