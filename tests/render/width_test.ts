import { assert, assertEquals } from "@std/assert";
import { matrixOf, matrixText } from "../../src/render/matrix.ts";
import { memoryMap } from "../../src/render/memory_map.ts";
import { memoryLines } from "../../src/render/memory_text.ts";
import { PLAIN } from "../../src/render/style.ts";
import { cutToWidth, padToWidth, textWidth } from "../../src/render/width.ts";
import { wrap } from "../../src/render/wrap.ts";
import { explicitScene, SMALL_VM } from "./scenes.ts";

/** Texts with the columns that terminals give them, as wcwidth(3) and the Unicode terminal practice have it. */
const WIDTHS: readonly (readonly [text: string, columns: number])[] = [
  ["", 0],
  ["vmlinuz-6.12", 12],
  ["é", 1],
  ["e\u0301", 1],
  ["a\u0300\u0301\u0302", 1],
  ["\u0301", 0],
  ["日本語", 6],
  ["かな", 4],
  ["ａ", 2],
  ["ｶﾞ", 2],
  ["한글", 4],
  ["\u1112\u1161\u11ab", 2],
  ["カ\u3099", 2],
  ["สวัสดี", 4],
  ["กำ", 2],
  ["नमस्ते", 4],
  ["שָׁלוֹם", 4],
  ["😀", 2],
  ["👍🏽", 2],
  ["👩‍👩‍👧", 2],
  ["🇩🇪", 2],
  ["❤", 1],
  ["❤\ufe0f", 2],
  ["1\ufe0f\u20e3", 2],
  ["a\u200bb", 2],
  ["\u00ad", 0],
  ["…“ž”", 4],
];

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

pure("the width of a text is its columns on a terminal, in any script", () => {
  assertEquals(WIDTHS.map(([text]) => [text, textWidth(text)]), WIDTHS.map((row) => [...row]));
});

pure("a padded text has the columns asked for, a cut one no more, and no character is torn", () => {
  for (const [text] of WIDTHS) {
    assertEquals(textWidth(padToWidth(text, 20)), 20, text);
    for (let columns = 1; columns <= 12; columns++) {
      const cut = cutToWidth(text.repeat(3), columns);
      assert(textWidth(cut) <= columns, `${text} cut to ${columns}: ${cut}`);
      assert(cut === text.repeat(3) || cut.endsWith("…"), cut);
      assertEquals(text.repeat(3).startsWith(cut.replace("…", "")) || text.includes("…"), true);
      assert(cut.isWellFormed());
    }
  }
  assertEquals(cutToWidth("👩‍👩‍👧👩‍👩‍👧", 3), "👩‍👩‍👧…");
  assertEquals(cutToWidth("日本語", 6), "日本語");
  assertEquals(cutToWidth("日本語", 5), "日本…");
});

pure("lines are wrapped by their columns", () => {
  assertEquals(wrap("日本 日本 日本", 9, 0), "日本 日本\n日本");
  assertEquals(wrap("e\u0301e\u0301 e\u0301e\u0301 e\u0301", 5, 0), "e\u0301e\u0301 e\u0301e\u0301\ne\u0301");
  assertEquals(wrap("😀😀 😀", 6, 0), "😀😀\n😀");
});

pure("the columns of a matrix stay under their hosts, whatever their names", () => {
  const profiles = ["ウェブ", "de\u0301mo", "web"];
  const hosts = ["東京-1", "bu\u0308ro", "🇩🇪", "h"];
  const cells = profiles.flatMap((profile) =>
    hosts.map((host) => ({ profile, host, status: "ok" as const, reasons: [] }))
  );
  const text = matrixText(matrixOf(profiles, hosts, cells), { style: PLAIN, width: 80 });
  const [head = "", ...rows] = text.split("\n").slice(0, 4);
  const starts = hosts.map((host) => textWidth(head.slice(0, head.indexOf(host))));
  for (const row of rows) {
    assertEquals([...row.matchAll(/\bok\b/g)].map(({ index }) => textWidth(row.slice(0, index))), starts, text);
  }
});

pure("the legend of a memory picture is aligned, whatever the segments' names", () => {
  const names = ["カーネル", "e\u0301tape", "🚀", "data"];
  const segments = names.map((name, index) => ({ name, at: 0x200_0000n * BigInt(index + 1), size: 4096n }));
  const { plan, facts } = explicitScene(segments, SMALL_VM);
  const rows = memoryLines(memoryMap(plan, facts), { style: PLAIN, width: 80 })
    .filter((line) => /^ {2}[A-D] {2}/.test(line));
  assertEquals(rows.map((row) => textWidth(row.slice(0, row.indexOf("0x")))), [24, 24, 24, 24], rows.join("\n"));
});
