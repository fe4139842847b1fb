import { assertEquals } from "@std/assert";
import { matchesEfiPattern } from "../../src/entry/efi_pattern.ts";

Deno.test({
  name: "a pattern of systemd-boot: runs, sets that cannot be inverted, escapes; an unclosed set matches nothing",
  permissions: "none",
  fn() {
    const rows: readonly (readonly [pattern: string, text: string, matches: boolean])[] = [
      ["", "", true],
      ["", "a", false],
      ["*", "", true],
      ["a*b*c", "aXbYbZc", true],
      ["a*b*c", "aXbYbZ", false],
      ["**a", "ba", true],
      ["?", "", false],
      ["a?c", "abc", true],
      ["[5-9].conf", "7.conf", true],
      ["[5-9].conf", "4.conf", false],
      ["[!5]", "5", true],
      ["[!5]", "!", true],
      ["[!5]", "6", false],
      ["[^5]", "^", true],
      ["[]x]", "]", true],
      ["[a-]", "-", true],
      ["[-a]", "-", true],
      // A range does not begin with the end of another one: these are a to c, -, and f.
      ["[a-c-f]", "d", false],
      ["[a-c-f]", "-", true],
      ["[a\\-c]", "b", false],
      ["[a\\-c]", "-", true],
      ["[\\]]", "]", true],
      ["[a", "a", false],
      ["[a-", "a", false],
      ["[\\", "\\", false],
      ["[", "[", false],
      ["a?[b]*", "axb", true],
      ["[a", "[a", false],
      ["a\\*", "a*", true],
      ["a\\*", "ab", false],
      ["a\\", "a\\", false],
      ["debian\\-6.1.conf", "debian-6.1.conf", true],
    ];
    for (const [pattern, text, matches] of rows) {
      assertEquals(matchesEfiPattern(pattern, text), matches, `${pattern} ${text}`);
    }
    assertEquals(matchesEfiPattern("*a".repeat(500), "a".repeat(2000) + "b"), false);
  },
});
