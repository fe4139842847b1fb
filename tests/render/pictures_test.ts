import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { diffPlans } from "../../src/diff/compare.ts";
import { runningSide, type Side } from "../../src/diff/side.ts";
import { renderDiffSvg, renderPlanSvg } from "../../src/render/pictures.ts";
import { element } from "../../src/render/svg.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { explicitScene, hostWith, type Scene, SCENES, SMALL_VM } from "./scenes.ts";
import { assertWellFormed } from "./well_formed.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function side(name: string, { plan }: Scene): Side {
  return { kind: "plan", name, plan };
}

pure("a picture is one well-formed document that loads nothing and runs nothing", () => {
  for (const { plan, facts } of Object.values(SCENES)) {
    for (const svg of [renderPlanSvg(plan, facts), renderPlanSvg(plan)]) {
      assertWellFormed(svg);
      assertMatch(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" /);
      assertEquals(svg.match(/<script|<foreignObject|<image|\bon\w+=|href|@import|@font-face|url\((?!#wb-)/i), null);
    }
  }
});

pure("it says in words what it shows, and is coloured for light and for dark pages", () => {
  const { plan, facts } = SCENES.small;
  const svg = renderPlanSvg(plan, facts);
  assertStringIncludes(svg, '<title id="wb-title">web: boot 6.12.107+deb13-amd64 on web1</title>');
  assertMatch(svg, /<desc id="wb-desc">Ready to load\. .*A kernel: 0x1000000 to 0x4c00000, 60 MiB/);
  assertStringIncludes(svg, 'role="img" aria-labelledby="wb-title wb-desc"');
  assertStringIncludes(svg, "@media (prefers-color-scheme: dark)");
});

pure("names, hosts and checks cannot break out of the document", () => {
  const hostile = `</text><script>alert(1)</script>&"'\u001b\u202e\ufffe\ud800]]>`;
  const { plan, facts } = explicitScene([{ name: hostile, at: 0x9_f000n, size: 0x2000n }], SMALL_VM);
  const named = {
    ...plan,
    profile: hostile,
    host: { ...plan.host, hostname: hostile },
    checks: [{ rule: hostile, status: "fail" as const, message: hostile }],
  };
  const scene = { plan: named, facts };
  const sides = [side(hostile, scene), side("b", SCENES.small)] as const;
  for (
    const svg of [
      renderPlanSvg(named, facts),
      renderPlanSvg(named),
      renderDiffSvg(diffPlans(...sides), sides, [facts, facts]),
    ]
  ) {
    assertWellFormed(svg);
    assertEquals(svg.includes("<script"), false);
    assert(svg.isWellFormed());
  }
});

/** The boxes of a kind: x and width. */
function boxes(svg: string, kind: string): readonly (readonly [number, number])[] {
  return [
    ...svg.matchAll(new RegExp(`<rect class="wb-${kind}(?:-2)?" x="(\\d+)" y="\\d+" width="(\\d+)" height="34"`, "g")),
  ]
    .map((match) => [Number(match[1]), Number(match[2])]);
}

pure("every box lies on the page, and none is too narrow to be seen", () => {
  for (const { plan, facts } of Object.values(SCENES)) {
    const svg = renderPlanSvg(plan, facts);
    for (const kind of ["segment", "conflict", "crash", "kernel"]) {
      for (const [x, width] of boxes(svg, kind)) {
        assert(x >= 20 && width >= 5 && x + width <= 780, `${kind} ${x} ${width}`);
      }
    }
  }
  const { plan, facts } = SCENES.overlap;
  assertEquals(boxes(renderPlanSvg(plan, facts), "conflict").length, 4);
});

pure("before and after have one scale: what stays is at the same place in both", () => {
  const sides = [side("a", SCENES.small), side("b", SCENES.overlap)] as const;
  const svg = renderDiffSvg(diffPlans(...sides), sides, [SMALL_VM, SMALL_VM]);
  assertWellFormed(svg);
  const kernels = boxes(svg, "kernel");
  assertEquals(kernels.map(([x]) => x < 480), [true, false]);
  assertEquals((kernels[1]?.[0] ?? 0) - (kernels[0]?.[0] ?? 0), 476);
  assertStringIncludes(svg, "Before: a");
  assertStringIncludes(svg, "After: b");
  assertStringIncludes(svg, "+</tspan> code");
});

pure("the running system is drawn without a plan", () => {
  const { facts } = SCENES.small;
  const sides = [runningSide(facts), side("b", SCENES.small)] as const;
  const svg = renderDiffSvg(diffPlans(...sides), sides, [facts, facts]);
  assertWellFormed(svg);
  assertStringIncludes(svg, ">Running 6.1.0-50-amd64<");
  assertEquals(boxes(svg, "segment").every(([x]) => x > 480), true);
});

pure("a side whose host is not at hand says so", () => {
  const sides = [side("a", SCENES.small), side("b", SCENES.overlap)] as const;
  const svg = renderDiffSvg(diffPlans(...sides), sides, [undefined, SMALL_VM]);
  assertStringIncludes(svg, "The memory map of web1 is not available here");
  assertEquals(boxes(svg, "unknown").every(([x]) => x < 480), true);
});

pure("segments that are neighbours have different shades, also in the legend", () => {
  for (const { plan, facts } of [SCENES.small, SCENES.crash, SCENES.server]) {
    const shades = [...renderPlanSvg(plan, facts).matchAll(/<rect class="(wb-segment(?:-2)?)" [^>]*height="(34|14)"/g)];
    const inBar = shades.filter(([, , height]) => height === "34").map(([, shade]) => shade);
    const inLegend = shades.filter(([, , height]) => height === "14").map(([, shade]) => shade);
    assertEquals(new Set(inLegend).size, 2);
    assertEquals(inLegend.some((shade, index) => shade === inLegend[index + 1]), false);
    assertEquals(inBar.slice(-inLegend.length), inLegend);
  }
  // By address, not by the plan's order.
  const scattered = explicitScene(
    [0x600_0000n, 0x200_0000n, 0x400_0000n].map((at, index) => ({ name: `s${index}`, at, size: 0x200_0000n })),
    SMALL_VM,
  );
  const bar = [...renderPlanSvg(scattered.plan, scattered.facts).matchAll(/"(wb-segment(?:-2)?)" [^>]*height="34"/g)];
  assertEquals(bar.map(([, shade]) => shade).slice(-3), ["wb-segment", "wb-segment-2", "wb-segment"]);
});

pure("the legend lists what is drawn: a running kernel that a segment hides is not", () => {
  const at = (start: bigint, size: bigint) => explicitScene([{ name: "over", at: start, size }], SMALL_VM);
  const hidden = at(0x1ae0_0000n, 0x280_0000n);
  const partly = at(0x1ae0_0000n, 0x100_0000n);
  assertEquals(renderPlanSvg(hidden.plan, hidden.facts).includes("running kernel"), false);
  assertStringIncludes(renderPlanSvg(partly.plan, partly.facts), "running kernel");
  for (const { plan, facts } of Object.values(SCENES)) {
    const svg = renderPlanSvg(plan, facts);
    for (const kind of ["ram", "kernel", "crash", "reserved", "unlisted", "fold", "conflict"]) {
      const legend = svg.includes(`<rect class="wb-${kind}" x="20"`) &&
        new RegExp(`class="wb-${kind}" x="20" y="\\d+" width="18" height="14"`).test(svg);
      assertEquals(legend, boxes(svg, kind).length > 0, kind);
    }
  }
});

pure("the marks of a diff are coloured, and nothing else of its lines", () => {
  const sides = [side("a", SCENES.small), side("b", SCENES.overlap)] as const;
  const svg = renderDiffSvg(diffPlans(...sides), sides, [SMALL_VM, SMALL_VM]);
  assertMatch(svg, /> {4}<tspan class="wb-good">\+<\/tspan> code/);
  assertMatch(svg, /> {4}<tspan class="wb-bad">-<\/tspan> initrd/);
  const paint: { readonly [mark: string]: string } = { "+": "wb-good", "-": "wb-bad", "~": "wb-warn" };
  const marks = [...svg.matchAll(/<tspan class="([^"]+)">(.)<\/tspan>/g)];
  assert(marks.length > 4);
  assertEquals(marks.filter(([, shape, mark = ""]) => shape !== paint[mark]), []);
  assertEquals(svg.match(/> {4}[-+~] /), null);
});

pure("a long title of a diff is not repeated among its lines", () => {
  const name = "a very long name ".repeat(12).trim();
  const sides = [side(name, SCENES.small), side("b", SCENES.overlap)] as const;
  const svg = renderDiffSvg(diffPlans(...sides), sides, [SMALL_VM, SMALL_VM]);
  assertMatch(svg, /class="wb-code" xml:space="preserve"> {2}Kernel</);
  assertEquals(svg.match(/class="wb-code"[^>]*>[^<]*very long name/), null);
});

pure("of a long diff the picture has the first lines and the last, and says how many it leaves out", () => {
  const sides = [side("a", SCENES.small), side("b", SCENES.small)] as const;
  const diff = diffPlans(...sides);
  const lines = (count: number) => {
    const words = Array.from({ length: count }, (_, index) => ({ word: `p${index}`, position: index + 1 }));
    const changes = words.map((to) => ({ about: "cmdline", action: "add", to }) as const);
    const svg = renderDiffSvg({ ...diff, changes, unchanged: [] }, sides, [SMALL_VM, SMALL_VM]);
    assertWellFormed(svg);
    return [...svg.matchAll(/<text [^>]*class="wb-code" xml:space="preserve"(?:\/>|>(.*?)<\/text>)/g)]
      .map(([, line = ""]) => line.replaceAll(/<[^>]*>/g, ""));
  };
  // Below a heading, and above an empty line and the summary.
  const whole = lines(57);
  assertEquals([whole.length, whole[1], whole[57], whole[59]], [60, "    + p0", "    + p56", "57 added"]);
  const cut = lines(58);
  assertEquals([cut.length, cut[57], cut[58], cut[59]], [60, "    + p56", "    ... and 2 more lines", "58 added"]);
});

pure("of many failed checks the picture names eight", () => {
  const { plan, facts } = SCENES.small;
  const named = (count: number) => {
    const checks = Array.from(
      { length: count },
      (_, index) => ({ rule: `r${index}`, status: "fail", message: "m" }) as const,
    );
    const svg = renderPlanSvg({ ...plan, checks }, facts);
    return [...svg.matchAll(/>(r\d+: m|and \d+ more)</g)].map(([, text]) => text);
  };
  assertEquals([named(8).length, named(8).at(-1)], [8, "r7: m"]);
  assertEquals([named(9).length, named(9).at(-1)], [9, "and 1 more"]);
});

pure("the lines of a diff are below both pictures, whichever is higher", () => {
  for (const names of [["small", "overlap"], ["overlap", "small"], ["crash", "small"], ["small", "crash"]] as const) {
    const [a, b] = [SCENES[names[0]], SCENES[names[1]]];
    const sides = [side("a", a), side("b", b)] as const;
    const svg = renderDiffSvg(diffPlans(...sides), sides, [a.facts, b.facts]);
    const lines = [...svg.matchAll(/<text x="20" y="(\d+)" class="wb-code" xml:space/g)].map(([, y]) => Number(y));
    const legends = [...svg.matchAll(/ y="(\d+)" width="18" height="14"/g)].map(([, y]) => Number(y));
    assert(lines.length > 0 && legends.length > 0);
    assert(Math.min(...lines) > Math.max(...legends) + 14, names.join());
  }
});

pure("names are cut to the room that they have, and the words for screen readers are whole", () => {
  const { plan, facts } = SCENES.small;
  const name = "n".repeat(200);
  const named = { ...plan, profile: name };
  const sides = [side(name, { plan: named, facts }), side(name, SCENES.overlap)] as const;
  const diff = { ...diffPlans(...sides), from: { kind: "plan", name }, to: { kind: "plan", name } } as const;
  const cut = (svg: string) => {
    assertStringIncludes(svg.slice(0, svg.indexOf("</title>")), name);
    return [...svg.matchAll(/<text x="\d+" y="(\d+)"[^>]*>([^<]*n{9}[^<]*)</g)].map((
      [, y, text = ""],
    ) => [y, text.length]);
  };
  assertEquals(cut(renderPlanSvg(named, facts)), [["36", 64]]);
  assertEquals(cut(renderDiffSvg(diff, sides, [facts, facts])).slice(0, 4), [
    ["36", 78],
    ["72", 46],
    ["92", 54],
    ["72", 46],
  ]);
});

pure("a diff in words: its verdict, then the memory before and after", () => {
  const sides = [side("a", SCENES.small), side("b", SCENES.overlap)] as const;
  const svg = renderDiffSvg(diffPlans(...sides), sides, [SMALL_VM, SMALL_VM]);
  const [, words = ""] = /<desc id="wb-desc">([^<]*)</.exec(svg) ?? [];
  const [, verdict = "", before = "", after = ""] = /^(.*)\. Before: (.*)\. After: (.*)$/.exec(words) ?? [];
  assertMatch(verdict, /^\d+ added, .*removed$/);
  assertEquals([before.includes("A kernel: "), after.includes("A kernel: ")], [true, false]);
  assertEquals([before.includes("A code: "), after.includes("A code: ")], [false, true]);
});

pure("before and after of two hosts have the scale of the larger one, whichever it is", () => {
  for (const names of [["small", "high"], ["high", "small"]] as const) {
    const [a, b] = [SCENES[names[0]], SCENES[names[1]]];
    const sides = [side("a", a), side("b", b)] as const;
    const svg = renderDiffSvg(diffPlans(...sides), sides, [a.facts, b.facts]);
    // Both maps go to the end of the larger one, 0x1c0000000.
    assertEquals([...svg.matchAll(/>0x1c0000000</g)].length, 2, names.join());
  }
});

pure("letters and rows of a legend keep their distance, and stay within the picture", () => {
  const many = explicitScene(
    Array.from({ length: 16 }, (_, index) => ({
      name: `s${index}`,
      at: index === 0 ? 0x200_0000n : 0x3ffc_c000n + 4096n * BigInt(index),
      size: index === 0 ? 0x2000_0000n : 4096n,
    })),
    SMALL_VM,
  );
  const letters = [...renderPlanSvg(many.plan, many.facts).matchAll(/<text x="([\d.]+)" y="\d+" class="wb-key">/g)]
    .map(([, x]) => Number(x));
  assertEquals(letters.length, 16);
  assert(letters.every((x, index) => x <= 776 && x - (letters[index - 1] ?? 0) >= 13), letters.join(" "));
  const sides = [side("a", SCENES.high), side("b", SCENES.crash)] as const;
  const svg = renderDiffSvg(diffPlans(...sides), sides, [SCENES.high.facts, SCENES.crash.facts]);
  for (const column of ["180", "656"]) {
    const lines = [...svg.matchAll(new RegExp(`<text x="${column}" y="(\\d+)" class="wb-code">`, "g"))]
      .map(([, y]) => Number(y));
    assert(lines.length > 5);
    assert(lines.every((y, index) => y - (lines[index - 1] ?? 0) >= 15), lines.join(" "));
  }
});

pure("a long message is wrapped within the picture, and a long word is cut", () => {
  const { plan, facts } = SCENES.small;
  const message = `${"word ".repeat(60)}${"x".repeat(200)} end`;
  const svg = renderPlanSvg({ ...plan, checks: [{ rule: "r", status: "fail", message }] }, facts);
  const lines = [...svg.matchAll(/<text x="20" y="\d+">((?:r: |word|x|end)[^<]*)</g)].map(([, text = ""]) => text);
  assertEquals(lines.map((line) => line.length <= 107), lines.map(() => true));
  assertEquals(lines.map((line) => line.length > 60).slice(0, 2), [true, true]);
  assertEquals(lines.join(" "), `r: ${"word ".repeat(60)}${"x".repeat(106)}… end`);
});

pure("the verdict has its colour, in both pictures, and attributes are text", () => {
  const { plan, facts } = SCENES.small;
  const failing = { ...plan, checks: [{ rule: "r", status: "fail", message: "m" }] } as const;
  assertStringIncludes(renderPlanSvg({ ...plan, checks: [] }, facts), 'class="wb-good">Ready to load</text>');
  assertStringIncludes(renderPlanSvg(failing, facts), 'class="wb-bad">Not ready: r</text>');
  const sides = [side("a", SCENES.small), side("b", { plan: failing, facts })] as const;
  const svg = renderDiffSvg(diffPlans(...sides), sides, [facts, facts]);
  assertMatch(
    svg,
    /<text x="20" y="110" class="wb-(?:good|bad)">[^]*<text x="496" y="110" class="wb-bad">Not ready: r</,
  );
  assertEquals(element("rect", { x: 1, title: '"<&\u001b' }), '<rect x="1" title="&quot;&lt;&amp;␛"/>');
});

pure("two reservations for a crash kernel are the low one and the high one; of more, the places are listed", () => {
  const mib = 1n << 20n;
  const reserved = (count: number): HostFacts => {
    const children = Array.from({ length: count }, (_, index) => {
      const start = BigInt(256 * (index + 1)) * mib;
      return ["Crash kernel", start, start + 64n * mib] as const;
    });
    return hostWith(["System RAM", mib, 2048n * mib, children]);
  };
  const rows = (count: number) =>
    [...renderPlanSvg(SCENES.file.plan, reserved(count)).matchAll(/>(crash[^<]*)<\/text>\s*<text[^>]*>([^<]*)</g)]
      .map(([, name, text]) => [name, text]);
  assertEquals(rows(1), [["crash reservation", "0x10000000 to 0x14000000, 64 MiB"]]);
  assertEquals(rows(2), [
    ["crash, low", "0x10000000 to 0x14000000, 64 MiB, for devices"],
    ["crash, high", "0x20000000 to 0x24000000, 64 MiB, for the image"],
  ]);
  assertEquals(rows(3), [["crash reservation", "192 MiB in 3 ranges"]]);
});
