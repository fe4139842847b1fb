import { assertEquals } from "@std/assert";
import { jsonText } from "../../src/core/text.ts";

Deno.test({
  name: "JSON holds no character that a terminal acts on, and is read back as it was",
  permissions: "none",
  fn() {
    const value = { name: "a\u001b[2J\u007f\u009b31m\u202e\u2067b", "\u0085": ["é", "\ud83d\udc27"] };
    const text = jsonText(value);
    assertEquals(JSON.parse(text), value);
    assertEquals(text.match(/[^\n -~é\ud83d\udc27]/g), null);
    assertEquals(jsonText([1]), "[\n  1\n]\n");
  },
});
