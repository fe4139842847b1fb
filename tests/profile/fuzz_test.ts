import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { hasErrors } from "../../src/core/diagnostic.ts";
import { parseProfile, parseProfileBytes } from "../../src/profile/parse.ts";
import { EXAMPLES, VALID } from "./corpus.ts";

/** Holds for every text: a value or an error, every diagnostic with a place inside the text, all in order. */
function assertSound(text: string): void {
  const { value, diagnostics } = parseProfile(text, "p.yaml");
  assertEquals(value === undefined, hasErrors(diagnostics));
  const lines = text.replace(/^\ufeff/, "").split(/\r\n|\r|\n/);
  let last = 0;
  for (const { position, message } of diagnostics) {
    assert(position !== undefined, message);
    const line = lines[position.line - 1];
    assert(line !== undefined && position.column >= 1 && position.column <= line.length + 1, message);
    assert(position.length >= 1 && (position.source === undefined || position.source === line), message);
    const order = position.line * 1e6 + position.column;
    assert(order >= last, message);
    last = order;
  }
}

const PIECES = [
  ..."abc01:,-?[]{}#&*!|>'\"%@`~=\\./ \t\n\r",
  ...["\n  ", "\n- ", ": ", "- ", "<<: ", "&a ", "*a", "version: 1\n", "kernel: ", "cmdline: ", "segments:\n- at: 0"],
  ...["true", "0x10", "reuse", "---\n", "...", "é", "🐧", "\u0085", "\u2028", "\ufeff", "\\ud800", "null"],
];

Deno.test({
  name: "any text gives a profile or diagnostics, never an exception",
  permissions: "none",
  fn() {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 60 }), assertSound), { numRuns: 1000 });
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...PIECES), { maxLength: 40 }).map((parts) => parts.join("")), assertSound),
      { numRuns: 5000 },
    );
  },
});

Deno.test({
  name: "a profile with a piece cut out, doubled or put in gives a profile or diagnostics",
  permissions: "none",
  fn() {
    const original = fc.constantFrom(...[...VALID, ...EXAMPLES].map(({ text }) => text));
    const mutated = fc.tuple(original, fc.nat(), fc.nat(20), fc.array(fc.constantFrom(...PIECES), { maxLength: 3 }))
      .map(
        ([text, at, length, pieces]) => {
          const start = at % (text.length + 1);
          return text.slice(0, start) + pieces.join("") + text.slice(start + (pieces.length === 0 ? -length : length));
        },
      );
    fc.assert(fc.property(mutated, assertSound), { numRuns: 3000 });
  },
});

Deno.test({
  name: "any bytes give a profile or diagnostics, never an exception",
  permissions: "none",
  fn() {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const { value, diagnostics } = parseProfileBytes(bytes, "p.yaml");
      assertEquals(value === undefined, hasErrors(diagnostics));
    }));
  },
});
