/** How each ending, colour and mark is shown; names as far as a line has room. */
import { assertEquals } from "@std/assert";
import type { Diff } from "../../src/diff/diff.ts";
import { renderDiff, summary } from "../../src/render/diff.ts";
import { explainText } from "../../src/render/explain.ts";
import { describeEnd, renderHistory } from "../../src/render/history.ts";
import { type Matrix, type MatrixCell, matrixOf, matrixText } from "../../src/render/matrix.ts";
import { renderStatus } from "../../src/render/status.ts";
import { COLOURED, PLAIN } from "../../src/render/style.ts";
import type { Attempt, AttemptEnd, AttemptWay } from "../../src/state/attempt.ts";
import type { Status } from "../../src/state/status.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const LAYOUT = { style: PLAIN, width: 80 };
const COLOURS = { style: COLOURED, width: 80 };

pure("each colour begins and ends with its code of ECMA-48", () => {
  const { bold, dim, good, bad, warning, accent } = COLOURED;
  assertEquals([bold, dim, good, bad, warning, accent].map((paint) => paint("x")), [
    "\x1b[1mx\x1b[22m",
    "\x1b[2mx\x1b[22m",
    "\x1b[32mx\x1b[39m",
    "\x1b[31mx\x1b[39m",
    "\x1b[33mx\x1b[39m",
    "\x1b[36mx\x1b[39m",
  ]);
  assertEquals(Object.values(PLAIN).map((paint) => paint("x")), Array(6).fill("x"));
});

const ATTEMPT: Attempt = {
  format: "warmboot.attempt/1",
  id: "20261128T170310Z-01020304",
  askedAt: "2026-11-28T17:03:10Z",
  user: "anna",
  uid: 0,
  way: "systemd",
  profile: "web",
  plan: "0123456789ab",
  from: { release: "6.1.0", cmdline: "ro", watched: true },
  to: { release: "6.12.0", cmdline: "ro quiet" },
};

function history(attempts: readonly Attempt[], layout = LAYOUT): readonly string[] {
  return renderHistory({ attempts } as unknown as Parameters<typeof renderHistory>[0], layout).split("\n");
}

const ended = (end: AttemptEnd): Attempt =>
  ({ ...ATTEMPT, outcome: { end, why: "because", at: "2026-11-28T17:04:00Z" } }) as unknown as Attempt;

pure("the history of a host: each attempt with its ending, the way, the plan and the command line", () => {
  assertEquals(history([]), ["No reboot into an image of warmboot is remembered", ""]);
  const [title, ...rows] = history([ended("arrived"), ATTEMPT]);
  assertEquals(title, "2026-11-28T17:03:10Z  6.1.0 -> 6.12.0");
  const words = (lines: readonly string[]) => lines.map((line) => line.trim().replaceAll(/ {2,}/g, " "));
  assertEquals(words(rows), [
    "Outcome arrived: because",
    "Asked by anna, through systemd",
    "Plan profile web, 0123456789ab",
    "ro quiet",
    "",
    "2026-11-28T17:03:10Z 6.1.0 -> 6.12.0",
    "Outcome not begun",
    "Asked by anna, through systemd",
    "Plan profile web, 0123456789ab",
    "ro quiet",
    "",
  ]);
  const one = (changes: Partial<Attempt>) => words(history([{ ...ATTEMPT, ...changes }]));
  assertEquals(one({ to: { cmdline: "" } }), [
    "2026-11-28T17:03:10Z 6.1.0 -> an image of unknown release",
    "Outcome not begun",
    "Asked by anna, through systemd",
    "Plan profile web, 0123456789ab",
    "",
  ]);
  const ways: readonly (readonly [AttemptWay, string])[] = [
    ["systemd", "anna, through systemd"],
    ["init", "anna, through the init system"],
    ["now", "anna, by the system call itself"],
    ["found", "anna, without warmboot: the shutdown into the image was under"],
  ];
  assertEquals(ways.map(([way]) => one({ way })[2]), ways.map(([, says]) => `Asked by ${says}`));
});

pure("how an attempt ended, in words and in its colour", () => {
  assertEquals([describeEnd(ATTEMPT), describeEnd({ ...ATTEMPT, leftAt: "2026-11-28T17:03:20Z" })], [
    "not begun",
    "under way",
  ]);
  const rows: readonly (readonly [AttemptEnd, string, string])[] = [
    ["arrived", "arrived: because", "32"],
    ["confirmed", "arrived and confirmed: because", "32"],
    ["fell-back", "fell back: because", "31"],
    ["not-confirmed", "not confirmed in time: because", "31"],
    ["firmware", "went through the firmware: because", "33"],
    ["unknown", "unknown: because", "33"],
  ];
  assertEquals(rows.map(([end]) => describeEnd(ended(end))), rows.map(([, says]) => says));
  for (const [end, , colour] of rows) {
    assertEquals(history([ended(end)], COLOURS)[1]?.startsWith(`\x1b[${colour}m`), true);
  }
  assertEquals(history([ATTEMPT], COLOURS)[1]?.startsWith("\x1b[33m"), true);
});

pure("a diff counts what it shows, and says of each side what is not known of it", () => {
  const change = (action: "add" | "remove" | "change" | "move") =>
    ({ about: "flag", action, from: "A", to: "B" }) as unknown as Diff["changes"][number];
  assertEquals(
    [
      summary([]),
      summary([change("add")]),
      summary([change("remove"), change("add"), change("move"), change("change"), change("add")]),
    ],
    ["No differences", "1 added", "2 added, 1 changed, 1 moved, 1 removed"],
  );
  const diff = {
    format: "warmboot.diff/1",
    from: { kind: "profile", name: "a.yaml" },
    to: { kind: "running", name: "@running" },
    changes: [],
    unchanged: [],
    unknown: [
      { side: "a.yaml", what: "the build" },
      { side: "@running", what: "the release" },
      { side: "@running", what: "the initrds" },
    ],
    ignored: ["initrd=x", "BOOT_IMAGE=y"],
    certain: false,
  } as unknown as Diff;
  const lines = renderDiff(diff, LAYOUT).split("\n");
  assertEquals(lines.filter((line) => /Unknown|Not compared/.test(line)).map((line) => line.trim()), [
    "Unknown for a.yaml: the build",
    "Unknown for @running: the release and the initrds",
    "Not compared, because it describes that boot only: initrd=x BOOT_IMAGE=y",
  ]);
  assertEquals(renderDiff({ ...diff, unknown: [], ignored: [] }, LAYOUT).includes("Unknown"), false);
});

pure("what a code means is told with an example, which is a sentence, or a text of its own", () => {
  const lines = (code: Parameters<typeof explainText>[0]) => explainText(code, LAYOUT).split("\n");
  const example = (code: Parameters<typeof explainText>[0]) => {
    const all = lines(code);
    return all.slice(all.indexOf("Example") + 1, all.indexOf("What to do") - 1);
  };
  const codes = ["unknown-key", "iomem-overlap", "cmdline-quote", "profile-masked"] as const;
  for (const code of codes) {
    const shown = example(code);
    const isProse = !(shown[0] ?? "").startsWith("  ");
    assertEquals([code, shown.every((line) => line === "" || line.startsWith("  ") !== isProse)], [code, true]);
  }
  assertEquals(codes.map((code) => example(code)[0]?.startsWith("  ")), [true, true, true, false]);
});

function causesOf(matrix: Matrix, width = 80): readonly string[] {
  const text = matrixText(matrix, { style: PLAIN, width });
  return text.split("\n").filter((line) => /^(?:fail|warn|ok|skip)\s/i.test(line));
}

function matrix(cells: readonly (readonly [string, string, "warn" | "fail", string, string])[]): Matrix {
  const made = cells.map(([profile, host, status, rule, message]): MatrixCell => ({
    profile,
    host,
    status,
    reasons: [{ status, rule, message }],
  }));
  const of = (key: "profile" | "host") => [...new Set(made.map((cell) => cell[key]))];
  return matrixOf(of("profile"), of("host"), made);
}

pure("the causes in a matrix: failures first, numbers are no other cause, as many names as a line holds", () => {
  assertEquals(
    causesOf(matrix([
      ["a", "h1", "warn", "memory", "It takes 10 MiB"],
      ["a", "h2", "fail", "lockdown", "It is locked down"],
      ["a", "h3", "warn", "memory", "It takes 12.5 MiB at 0x1000"],
      ["a", "h4", "warn", "memory", "It takes 11 MiB"],
    ])),
    ["FAIL  lockdown: 1 host: h2", "warn  memory: 2 hosts: h1, h4", "warn  memory: 1 host: h3"],
  );
  const both = causesOf(matrix([
    ["a", "h1", "fail", "lockdown", "x"],
    ["b", "h1", "fail", "lockdown", "x"],
    ["a", "h2", "fail", "state", "y"],
    ["b", "h2", "warn", "memory", "z"],
  ]));
  assertEquals(both, [
    "FAIL  lockdown of 2 profiles: 1 host: h1",
    "FAIL  state of a: 1 host: h2",
    "warn  memory of b: 1 host: h2",
  ]);
  // Each name takes two columns more: ten names of six letters fill 80, and nine fill 79.
  const many = (width: number) =>
    causesOf(
      matrix(Array.from({ length: 12 }, (_, index) =>
        ["a", `host${String(index).padStart(2, "0")}`, "fail", "r", "x"] as const)),
      width,
    )[0] ?? "";
  const shown = (width: number) =>
    (matrixText(
      matrix(Array.from({ length: 12 }, (_, index) =>
        ["a", `host${String(index).padStart(2, "0")}`, "fail", "r", "x"] as const)),
      { style: PLAIN, width },
    ).match(/and (\d+) more/) ?? [])[1];
  assertEquals(many(80).startsWith("FAIL  r: 12 hosts: host00, host01"), true);
  assertEquals([shown(80), shown(79), shown(96), shown(95)], ["2", "3", undefined, "1"]);
});

pure("keys of a dump stand out where they are not loaded", () => {
  const status = (loaded: "yes" | "no"): Status => ({
    format: "warmboot.status/1",
    host: { machine: "x86_64", release: "6.1.0" },
    images: [],
    crash: { state: "none", size: 0, ranges: [], note: "Nothing is reserved" },
    allows: [],
    rebootIsKexec: false,
    dumpKeys: { keys: ["root"], loaded, note: "The note" },
  } as unknown as Status);
  const note = (loaded: "yes" | "no") =>
    renderStatus(status(loaded), COLOURS).split("\n").find((line) => line.includes("The note")) ?? "";
  assertEquals([note("yes").includes("\x1b[33m"), note("no").includes("\x1b[33m")], [false, true]);
});
