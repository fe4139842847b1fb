import { assert, assertEquals } from "@std/assert";
import { drawForgery, genuines, judgeForgery } from "./forgery.ts";
import { caseSeed, randomFrom } from "./random.ts";

Deno.test({
  name: "a plan that was not changed makes the same calls",
  permissions: "none",
  fn() {
    for (const original of genuines()) {
      assertEquals(judgeForgery(original, { text: original.text, what: "unchanged" }), "same calls", original.name);
    }
  },
});

Deno.test({
  name: "of a plan with one change anywhere, the load is refused or makes the same calls, and diff finds what differs",
  permissions: "none",
  fn() {
    const tally = { refused: 0, "same calls": 0 };
    for (let index = 0; index < 400; index++) {
      const { original, forgery } = drawForgery(randomFrom(caseSeed(1, index)));
      tally[judgeForgery(original, forgery)]++;
    }
    assert(tally.refused > 300 && tally["same calls"] > 5, JSON.stringify(tally));
  },
});
