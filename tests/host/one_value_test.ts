import { assertEquals } from "@std/assert";
import { DECIMAL, FLAG, HEX, LINE, LOADS, restricted, type ValueForm } from "../../src/host/one_value.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** A form, what it reads of texts, and texts that are not of the form. */
function table<T>(form: ValueForm<T>, reads: readonly (readonly [string, T])[], others: readonly string[]): void {
  assertEquals(reads.map(([text]) => [text, form.read(text)]), reads.map(([text, value]) => [text, value]));
  assertEquals(others.filter((text) => form.read(text) !== undefined), []);
}

pure("a file of one value is read as the kernel writes it, and not as something near", () => {
  table(LINE, [["x", "x"], [" ", " "]], ["", "a\nb", "\n", "a\n"]);
  table(FLAG, [["1", true], ["0", false]], ["", "2", "01", "-1", " 1", "Y", "true"]);
  table(
    DECIMAL,
    [["0", 0n], ["007", 7n], ["18446744073709551615", (1n << 64n) - 1n]],
    ["", "-1", "+1", "0x1", "1 ", "1\n2", "184467440737095516150", "1.5"],
  );
  table(LOADS, [["-1", -1], ["0", 0], ["2147483647", 2_147_483_647]], ["", "-2", "-10", "21474836470", "1x"]);
  table(
    HEX,
    [["0", 0n], ["ff", 255n], ["0xFF", 255n], ["0XfF", 255n], ["ffffffffffffffff", (1n << 64n) - 1n]],
    ["", "0x", "0x0x1", "ffffffffffffffff0", "-1", "g", "1\n2", "x1"],
  );
});

pure("a form with a condition reads what both allow", () => {
  const even = restricted(DECIMAL, "an even number", (value) => value % 2n === 0n);
  assertEquals(even.expected, "an even number");
  table(even, [["2", 2n], ["0", 0n]], ["1", "x", ""]);
});
