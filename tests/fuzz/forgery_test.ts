import { assert, assertEquals } from "@std/assert";
import { allGenuines, drawForgery, judgeForgery } from "./forgery.ts";
import { caseSeed, randomFrom } from "./random.ts";

Deno.test({
  name: "a plan that was not changed makes the same calls",
  permissions: "none",
  async fn() {
    for (const original of await allGenuines()) {
      const judged = await judgeForgery(original, { text: original.text, what: "unchanged" });
      assertEquals(judged, "same calls", original.name);
    }
  },
});

Deno.test({
  name: "of a plan with one change anywhere, the load is refused or makes the same calls, and diff finds what differs",
  permissions: "none",
  async fn() {
    const tally = { refused: 0, "same calls": 0 };
    for (let index = 0; index < 400; index++) {
      const { original, forgery } = await drawForgery(randomFrom(caseSeed(1, index)));
      tally[await judgeForgery(original, forgery)]++;
    }
    assert(tally.refused > 300 && tally["same calls"] > 5, JSON.stringify(tally));
  },
});
