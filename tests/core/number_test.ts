import { assertEquals } from "@std/assert";
import { formatAddress, formatSize, MAX_U64, parseNumber } from "../../src/core/number.ts";

Deno.test({
  name: "parseNumber() reads decimal, hexadecimal and powers of 1024, exactly over 64 bits",
  permissions: "none",
  fn() {
    const cases: [string, bigint][] = [
      ["0", 0n],
      ["4096", 4096n],
      ["0x100000", 0x100000n],
      ["0xfffffffffffff000", 0xffff_ffff_ffff_f000n],
      ["18446744073709551615", MAX_U64],
      ["640K", 640n << 10n],
      ["1MiB", 1n << 20n],
      ["4 GiB", 4n << 30n],
      ["16TiB", 16n << 40n],
      ...["K", "M", "G", "T"].flatMap((unit, index): [string, bigint][] =>
        [unit, `${unit}iB`].map((each) => [`0x3 ${each}`, 3n << BigInt(10 * (index + 1))])
      ),
    ];
    for (const [text, value] of cases) assertEquals(parseNumber(text), value, text);
  },
});

Deno.test({
  name: "parseNumber() guesses nothing",
  permissions: "none",
  fn() {
    const wrong = [
      "",
      "0123",
      "1.5M",
      "-1",
      "+1",
      "1KB",
      "1kB",
      "0x",
      "1e3",
      "0x1_000",
      "18446744073709551616",
      "16777216TiB",
      " 1",
    ];
    for (const text of wrong) assertEquals(parseNumber(text), undefined, text);
  },
});

Deno.test({
  name: "formatSize() rounds to a tenth and drops a zero",
  permissions: "none",
  fn() {
    assertEquals([0n, 1n, 1023n, 1024n, 1536n, 655360n, 11n << 20n, 3n << 29n, (1n << 40n) - 1n].map(formatSize), [
      "0 bytes",
      "1 byte",
      "1023 bytes",
      "1 KiB",
      "1.5 KiB",
      "640 KiB",
      "11 MiB",
      "1.5 GiB",
      "1 TiB",
    ]);
    assertEquals(formatAddress(0x1_0000_0000n), "0x100000000");
  },
});
