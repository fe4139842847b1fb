import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { renderHistory } from "../../src/render/history.ts";
import { renderHistorySvg } from "../../src/render/history_svg.ts";
import { expectationText, outlookLines, phaseCells, timeText, tookText } from "../../src/render/interruption.ts";
import { PLAIN } from "../../src/render/style.ts";
import { type Attempt, historyOf } from "../../src/state/attempt.ts";
import type { Phase } from "../../src/state/interruption.ts";
import { assertWellFormed } from "./well_formed.ts";

const pure = (name: string, fn: () => void) => Deno.test({ name, permissions: "none", fn });

/** An attempt that took 12.2 s, and was expected to take 11 s. */
export const MEASURED: Attempt = {
  format: "warmboot.attempt/1",
  id: "20261128T170310Z-01020304",
  askedAt: "2026-11-28T17:03:10Z",
  user: "anna",
  uid: 0,
  way: "systemd",
  profile: "web",
  plan: "0123456789abcdef",
  from: { release: "6.1.0-50-amd64", cmdline: "ro quiet", bootId: "before", watched: true },
  to: { release: "6.12.107+deb13-amd64", cmdline: "ro" },
  expected: { milliseconds: 11_000, basis: "measured", attempts: 3 },
  timing: {
    asked: { realtime: 1_795_885_390_400, boottime: 1_000_000, rtc: 1_795_885_390 },
    stopped: 1_001_500,
    came: { realtime: 1_795_885_410_400, boottime: 15_000, rtc: 1_795_885_410 },
    boot: { initrd: 900, userspace: 2_000, finished: 7_250 },
    confirmed: 20_000,
  },
  outcome: { end: "confirmed", why: "6.12.107+deb13-amd64 came up", at: "2026-11-28T17:03:40Z", bootId: "next" },
};

const { timing: _, expected: _expected, ...OLD } = MEASURED;

const UNKNOWN: Attempt = {
  ...MEASURED,
  ...(MEASURED.timing === undefined ? {} : {
    timing: { ...MEASURED.timing, came: { realtime: 1_795_885_410_400, boottime: 15_000 } },
  }),
};

pure("each phase has its time and its place in the whole; prediction and measure are in one line", () => {
  assertEquals(
    renderHistory(historyOf([MEASURED]), { style: PLAIN, width: 90 }),
    `2026-11-28T17:03:10Z  6.1.0-50-amd64 -> 6.12.107+deb13-amd64
  Outcome       arrived and confirmed: 6.12.107+deb13-amd64 came up
  Took          12 s until user space was up; expected: about 11 s, as the last three
                times; confirmed after 25 s
                services stop           1.5 s       |####                                |
                jump                    3.5 s       |    ???????????                     |
                kernel                  0.9 s       |               ##                   |
                initrd                  1.1 s       |                 ####               |
                user space              5.3 s       |                     ###############|
  Asked by      anna, through systemd
  Plan          profile web, 0123456789abcdef
                ro
`,
  );
});

pure("an attempt without clocks, and one with a phase that is unknown, say what they know", () => {
  const layout = { style: PLAIN, width: 90 };
  assert(!renderHistory(historyOf([OLD]), layout).includes("Took"));
  const text = renderHistory(historyOf([UNKNOWN]), layout);
  assertStringIncludes(
    text,
    "Took          unknown: No hardware clock (RTC) ran on between the two kernels; expected:\n",
  );
  assertMatch(text, /\n {16}services stop {11}1\.5 s\n {16}jump {20}unknown\n {16}kernel {18}0\.9 s\n/);
});

pure("the bars are as wide as the terminal; where they would show nothing, the times are left", () => {
  for (const width of [40, 60, 66, 80, 132]) {
    const lines = renderHistory(historyOf([MEASURED]), { style: PLAIN, width }).split("\n");
    const bars = lines.filter((line) => line.endsWith("|"));
    assertEquals(bars.length, width < 66 ? 0 : 5, String(width));
    assertEquals(bars.filter((line) => line.length !== width), []);
    assertEquals(lines.filter((line) => /^ {16}(jump|kernel) +\d/.test(line)).length, 2, String(width));
  }
});

pure("a picture of the history: well-formed, in words too, light and dark, at one scale", () => {
  const fallen: Attempt = {
    ...MEASURED,
    outcome: { end: "fell-back", why: "<&>", at: "2026-11-28T17:03:40Z", bootId: "next" },
    from: { ...MEASURED.from, release: '</text><script>"' },
  };
  const svg = renderHistorySvg(historyOf([MEASURED, fallen, OLD, UNKNOWN]));
  assertWellFormed(svg);
  assertStringIncludes(svg, '<title id="wb-title">How long the reboots of this host took</title>');
  assertStringIncludes(
    svg,
    "12 s until user space was up; expected: about 11 s, as the last three times; confirmed after 25 s (services stop " +
      "1.5 s, jump 3.5 s (inferred), kernel 0.9 s, initrd 1.1 s, user space 5.3 s). ",
  );
  assertStringIncludes(svg, "@media (prefers-color-scheme: dark)");
  assertStringIncludes(svg, "not measured");
  // The jump is 3.5 s of 12.25 s: 108 of 380 cells.
  assertMatch(svg, /<rect class="wb-unknown" x="114" y="\d+" width="216" height="22"><title>jump 3.5 s \(inferred\)/);
  assertEquals([...svg.matchAll(/<path [^>]*stroke-width="2"\/>/g)].length, 2);
  // 11 s were expected, which is 341 of 380 cells.
  assertMatch(svg, /<path class="wb-line" d="M702 \d+v30" stroke-width="2"\/>/);
  // Nothing took longer than what arrived.
  assertEquals(/l6 8l-6 8/.test(svg), false);
  assertEquals(marksOf(svg), [[20, "0 s"], [144, "2 s"], [268, "4 s"], [392, "6 s"], [516, "8 s"], [640, "10 s"], [
    764,
    "12 s",
  ]]);
  assertWellFormed(renderHistorySvg(historyOf([])));
  assertWellFormed(renderHistorySvg(historyOf([OLD])));
});

/** The marks of the ruler: where they are, and what they say. */
function marksOf(svg: string): readonly (readonly [number, string])[] {
  return [...svg.matchAll(/<text x="(\d+)" y="\d+" class="wb-dim(?: wb-end)?">(\d[^<]*)<\/text>/g)]
    .map(([, x, text = ""]) => [Number(x), text] as const);
}

pure("the ruler has ten steps at most, whatever took how long", () => {
  const { timing } = MEASURED;
  if (timing?.boot === undefined) throw new Error("It has clocks");
  const { boot } = timing;
  const after = (milliseconds: number): Attempt => ({
    ...MEASURED,
    timing: { ...timing, boot: { ...boot, finished: (boot.finished ?? 0) + milliseconds } },
  });
  const whole = historyOf([after(0)]).attempts[0]?.interruption?.milliseconds ?? NaN;
  const step = (milliseconds: number) => marksOf(renderHistorySvg(historyOf([after(milliseconds - whole)])))[1]?.[1];
  assertEquals([10_000, 10_001, 20_000, 20_001, 50_001, 100_001, 200_001].map(step), [
    "1 s",
    "2 s",
    "2 s",
    "5 s",
    "10 s",
    "20 s",
    "30 s",
  ]);
  assertEquals([36_000_000, 36_001_000].map(step), ["60 min", "10 h"]);
});

pure("what is not known, or took no time, has no place in the picture", () => {
  const { timing } = MEASURED;
  if (timing?.boot === undefined) throw new Error("It has clocks");
  const svgOf = (...attempts: readonly Attempt[]) => renderHistorySvg(historyOf(attempts));
  const boot = { ...timing.boot, finished: 600_000 };
  // Of a long reboot with an unknown phase the length is not known.
  const unknown: Attempt = { ...UNKNOWN, timing: { ...timing, ...UNKNOWN.timing, boot } };
  assertEquals(marksOf(svgOf(MEASURED, unknown)), marksOf(svgOf(MEASURED)));
  const unmeasured = svgOf(OLD, unknown);
  assertEquals([marksOf(unmeasured), /NaN|Infinity/.test(unmeasured)], [[], false]);
  // An expectation beyond the scale has no line.
  const lines = (milliseconds: number) =>
    svgOf({ ...MEASURED, expected: { milliseconds, basis: "measured", attempts: 3 } }).match(/stroke-width="2"\/>/g)
      ?.length ?? 0;
  assertEquals([lines(12_250), lines(60_000)], [1, 0]);
  const { initrd: _, ...joined } = timing.boot;
  const stopped = timing.asked.boottime;
  const short = svgOf({ ...MEASURED, timing: { ...timing, stopped, boot: joined } });
  assertEquals(short.match(/ width="0"/), null);
  const legend = [
    ...short.matchAll(
      /<rect class="(wb-[a-z0-9-]+)" x="\d+" y="\d+" width="16" height="13"\/>\s*<rect[^>]*>\s*<text[^>]*>([^<]*)</g,
    ),
  ]
    .map(([, shape, name]) => [shape, name]);
  assertEquals(legend, [
    ["wb-unknown", "jump (inferred)"],
    ["wb-segment", "kernel, initrd"],
    ["wb-crash", "user space"],
  ]);
  // A phase that is drawn nowhere is not explained.
  const nowhere: Attempt = { ...unknown, timing: { ...timing, ...UNKNOWN.timing, boot: joined } };
  assertEquals(svgOf(MEASURED, nowhere).includes(">kernel, initrd<"), false);
});

pure("each phase has its pattern, the ways back one of their own", () => {
  const ended = (end: "fell-back" | "firmware"): Attempt => ({
    ...MEASURED,
    outcome: { end, why: "", at: "2026-11-28T17:03:40Z", bootId: "next" },
  });
  const svg = renderHistorySvg(historyOf([MEASURED, ended("fell-back"), ended("firmware")]));
  const shapes = new Set(
    [...svg.matchAll(/<rect class="(wb-[a-z0-9-]+)" [^>]*><title>([a-z ,]+) [\d.]+ s/g)].map(([, shape, name]) =>
      `${name}: ${shape}`
    ),
  );
  assertEquals([...shapes].toSorted(), [
    "fall back: wb-conflict",
    "firmware: wb-fold",
    "initrd: wb-segment",
    "jump: wb-unknown",
    "kernel: wb-segment-2",
    "services stop: wb-kernel",
    "user space: wb-crash",
  ]);
});

pure("where nothing arrived, what did not gives the scale", () => {
  const fallen: Attempt = {
    ...MEASURED,
    outcome: { end: "fell-back", why: "", at: "2026-11-28T17:03:40Z", bootId: "next" },
  };
  const svg = renderHistorySvg(historyOf([fallen]));
  assertEquals(marksOf(svg).length > 3, true);
  assertEquals(/l6 8l-6 8/.test(svg), false);
});

pure("what took many times as long as what arrived is cut, and says so in its numbers", () => {
  const { timing } = MEASURED;
  if (timing === undefined) throw new Error("It has clocks");
  const hour = { realtime: 1_795_885_410_400 + 3_600_000, boottime: 15_000, rtc: 1_795_885_410 + 3_600 };
  for (const end of ["fell-back", "firmware"] as const) {
    const late: Attempt = {
      ...MEASURED,
      timing: { ...timing, came: hour },
      outcome: { end, why: "", at: "2026-11-28T18:03:40Z", bootId: "next" },
    };
    const svg = renderHistorySvg(historyOf([MEASURED, late]));
    assertStringIncludes(svg, "60 min 12 s until user space was up");
    for (
      const [, x = "", width = ""] of svg.matchAll(
        /<rect class="wb-\w+" x="(\d+)" y="\d+" width="(\d+)" height="22"/g,
      )
    ) {
      assert(Number(x) + Number(width) <= 780, `${x} ${width}`);
    }
    assertStringIncludes(svg, "10 s</text>");
    assertEquals([...svg.matchAll(/<path class="wb-line" d="M783 \d+l6 8l-6 8"\/>/g)].length, 1);
  }
});

const phase = (milliseconds: number): Phase => ({ covers: ["kernel"], milliseconds, inferred: false });

pure("phases follow each other on a bar, and none that took any time is lost", () => {
  const cells = (times: readonly number[], whole: number, count: number) =>
    phaseCells(times.map(phase), whole, count).map(({ from, to }) => [from, to]);
  assertEquals(cells([500, 500], 1000, 10), [[0, 5], [5, 10]]);
  assertEquals(cells([1, 0, 998, 1], 1000, 10), [[0, 1], [1, 1], [1, 10], [10, 10]]);
  assertEquals(cells([2000], 1000, 10), [[0, 10]]);
  assertEquals(cells([0], 0, 10), [[0, 0]]);
});

pure("how long a reboot took is said with what it led to", () => {
  const reached = (...covers: Phase["covers"]) =>
    tookText({ phases: [phase(500), { covers, milliseconds: 1_000, inferred: false }], milliseconds: 1_500 });
  assertEquals(
    [
      reached("stop"),
      reached("jump"),
      reached("fall-back"),
      reached("firmware"),
      reached("kernel"),
      reached("kernel", "initrd"),
      reached("initrd", "userspace"),
    ],
    [
      "1.5 s until services were stopped",
      "1.5 s until the new kernel started",
      "1.5 s until the old kernel started again",
      "1.5 s until the kernel started",
      "1.5 s until the initrd started",
      "1.5 s until user space started",
      "1.5 s until user space was up",
    ],
  );
});

pure("times are for people", () => {
  const texts = [0, 349, 1000, 9949, 9950, 34_400, 119_499, 120_000, 200_000, 7_200_000, 7_500_000];
  assertEquals(texts.map(timeText), [
    "0 s",
    "0.3 s",
    "1 s",
    "9.9 s",
    "10 s",
    "34 s",
    "119 s",
    "2 min",
    "3 min 20 s",
    "2 h",
    "2 h 5 min",
  ]);
});

pure("what is expected is said with what it rests on", () => {
  const planned = { milliseconds: 6_000, basis: "measured", attempts: 3 } as const;
  const unpacked = { milliseconds: 3_400, basis: "estimated", attempts: 3 } as const;
  assertEquals(outlookLines({ planned, unpacked, saves: 2_600 }), [
    "about 6 s, as the last three times, until user space is up; with `predecompress` about 3.4 s, by estimate",
  ]);
  assertEquals(outlookLines({ saves: 2_600 }), [
    "not measured on this host yet; unpacking the kernel before the reboot saves about 2.6 s, by estimate",
  ]);
  assertEquals(outlookLines({}), []);
  assertEquals(expectationText({ ...planned, attempts: 1 }), "about 6 s, as the last time");
  assertEquals(expectationText({ ...planned, attempts: 2 }), "about 6 s, as the last two times");
});

pure("of a kernel's log, why it failed is shown with the end", () => {
  const shown = (text: string) => {
    const attempt: Attempt = {
      ...OLD,
      outcome: {
        end: "fell-back",
        why: "6.1.0-50-amd64 came up",
        at: "2026-11-28T17:03:40Z",
        evidence: { watchdogs: [], pstore: [{ path: "/sys/fs/pstore/dmesg-ramoops-0", text, size: text.length }] },
      },
    };
    const rows = renderHistory(historyOf([attempt]), { style: PLAIN, width: 200 }).split("\n");
    return rows.slice(
      rows.findIndex((row) => row.includes("Found")) + 1,
      rows.findIndex((row) => row.includes("Asked by")),
    )
      .map((row) => row.trim());
  };
  const trace = Array.from({ length: 20 }, (_, index) => `<4>[    3.0]  call ${index}`);
  const panic = "<0>[    2.9] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)";
  assertEquals(shown(["<6>[    1.0] a line", panic, ...trace, ""].join("\n")), [
    panic,
    "…",
    ...trace.slice(-6),
  ]);
  const oops = "<1>[    2.8] BUG: kernel NULL pointer dereference, address: 0000000000000000";
  assertEquals(shown([oops, ...trace, panic, ...trace].join("\n")), [oops, panic, "…", ...trace.slice(-5)]);
  assertEquals(shown([...trace, panic].join("\n")), [...trace.slice(-7), panic]);
  assertEquals(shown(trace.join("\n")), trace.slice(-8));
  // Of many, the last ones: the panic comes after what led to it.
  const internal = "<0>[    2.8] Internal error: Oops: 0000000096000004 [#1] SMP";
  const fault = "<1>[    2.8] Oops: 0000 [#1] PREEMPT SMP NOPTI";
  const soft = "<0>[    2.7] watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [init:1]";
  assertEquals(shown([soft, oops, fault, internal, panic, ...trace].join("\n")), [
    fault,
    internal,
    panic,
    "…",
    ...trace.slice(-4),
  ]);
  assertEquals(shown([soft, oops, fault, ...trace].join("\n")), [soft, oops, fault, "…", ...trace.slice(-4)]);
  assertEquals(shown(["<4>[    1.0] DEBUG: Oops", ...trace].join("\n")), trace.slice(-8));
});

pure("what a watchdog reports is shown, and of the files that were found the first two", () => {
  const rows = (evidence: NonNullable<NonNullable<Attempt["outcome"]>["evidence"]>) => {
    const attempt: Attempt = { ...OLD, outcome: { end: "fell-back", why: "", at: "2026-11-28T17:03:40Z", evidence } };
    const lines = renderHistory(historyOf([attempt]), { style: PLAIN, width: 200 }).split("\n");
    return lines.slice(2, lines.findIndex((line) => line.includes("Asked by"))).map((line) => line.trim());
  };
  const watchdogs = [
    { name: "watchdog0", identity: "i6300ESB timer", bootStatus: 0x20, reset: true },
    { name: "watchdog1", bootStatus: 0x2c, reset: false },
  ];
  assertEquals(rows({ watchdogs, pstore: [] }), [
    "Watchdog      watchdog0 (i6300ESB timer) reset the machine",
    "Watchdog      watchdog1 reports status 0x2c",
  ]);
  const file = (name: string) => ({ path: `/sys/fs/pstore/${name}`, text: `${name}\n \nend\n`, size: 9 });
  const found = (...names: readonly string[]) => rows({ watchdogs: [], pstore: names.map(file) });
  const both = ["Found         /sys/fs/pstore/a", "a", "end", "Found         /sys/fs/pstore/b", "b", "end"];
  assertEquals(found("a", "b"), both);
  assertEquals(found("a", "b", "c"), [...both, "1 more: warmboot history -o json"]);
  assertEquals(found("a", "b", "c", "d").at(-1), "2 more: warmboot history -o json");
});

pure("the legend of the picture goes on in a further row where it is too wide for one", () => {
  const { timing } = MEASURED;
  if (timing === undefined) throw new Error("It has clocks");
  const { initrd: _initrd, ...boot } = timing.boot ?? {};
  const firmware: Attempt = {
    ...MEASURED,
    outcome: { end: "firmware", why: "", at: "2026-11-28T17:03:40Z", bootId: "next" },
  };
  const svg = renderHistorySvg(historyOf([
    MEASURED,
    firmware,
    { ...MEASURED, timing: { ...timing, boot } },
    { ...firmware, outcome: { end: "fell-back", why: "", at: "2026-11-28T17:03:40Z", bootId: "next" } },
  ]));
  const entries = [
    ...svg.matchAll(
      /<rect class="wb-[a-z0-9-]+" x="(\d+)" y="(\d+)" width="16" height="13"\/>\s*<rect[^>]*>\s*<text[^>]*>([^<]*)</g,
    ),
  ]
    .map(([, x, y, name = ""]) => ({ x: Number(x), y: Number(y), name }));
  assert(entries.length > 5, svg);
  assertEquals(new Set(entries.map(({ name }) => name)).size, entries.length);
  for (const { x, name } of entries) assert(x + 22 + name.length * 7 <= 780, name);
  const rows = [...new Set(entries.map(({ y }) => y))];
  assertEquals(rows.map((row) => row - (rows[0] ?? 0)), [0, 20]);
});
