import { assertEquals } from "@std/assert";
import { parseGrubenv } from "../../src/entry/grubenv.ts";

const HEAD = "# GRUB Environment Block\n";

function parsed(text: string): readonly (readonly [string, string])[] | undefined {
  const environment = parseGrubenv(text);
  return environment === undefined ? undefined : [...environment];
}

Deno.test({
  name: "an environment block holds names and values, with protected characters and padding",
  permissions: "none",
  fn() {
    assertEquals(parsed(`${HEAD}saved_entry=a=b\n# a comment\ntuned_params=x  y\n${"#".repeat(40)}`), [
      ["saved_entry", "a=b"],
      ["tuned_params", "x  y"],
    ]);
    assertEquals(parsed(`${HEAD}a=1\\\\2\\\n3\nb=\n${"#".repeat(9)}`), [["a", "1\\2\n3"], ["b", ""]]);
    assertEquals(parsed(`${HEAD}no equals\n=x\na=1\na=2`), [["a", "2"]]);
    assertEquals(parsed(HEAD), []);
  },
});

Deno.test({
  name: "what is not an environment block is not read as one",
  permissions: "none",
  fn() {
    for (const text of ["", "a=1\n", " # GRUB Environment Block\na=1\n", "# GRUB Environment Block"]) {
      assertEquals(parsed(text), undefined);
    }
  },
});
