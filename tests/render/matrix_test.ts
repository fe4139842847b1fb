import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Validator } from "@cfworker/json-schema";
import {
  type FitReason,
  hasFailures,
  hasUnmatched,
  type Matrix,
  type MatrixCell,
  matrixOf,
  matrixSchema,
  matrixText,
} from "../../src/render/matrix.ts";
import { COLOURED, PLAIN } from "../../src/render/style.ts";

const LAYOUT = { style: PLAIN, width: 80 };

type Fit = Pick<MatrixCell, "status"> & { readonly rule?: string; readonly message?: string };

function matrix(
  profiles: readonly string[],
  hosts: readonly string[],
  fit: (profile: string, host: string) => Fit | undefined,
): Matrix {
  return matrixOf(
    profiles,
    hosts,
    profiles.flatMap((profile) =>
      hosts.map((host): MatrixCell => {
        const { status, rule, message } = fit(profile, host) ?? { status: "ok" };
        const reasons: readonly FitReason[] = status === "ok" || rule === undefined
          ? []
          : [{ status, rule, message: message ?? "" }];
        return { profile, host, status, reasons };
      })
    ),
  );
}

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

test("the verdict of a matrix has its words, and its colour", () => {
  const verdict = (...fits: readonly MatrixCell["status"][]) =>
    matrixText(
      matrix(
        fits.map((_, index) => `p${index}`),
        ["h"],
        (profile) => ({ status: fits[Number(profile.slice(1))] ?? "ok" }),
      ),
      { style: COLOURED, width: 200 },
    ).trimEnd().split("\n").at(-1);
  assertEquals(
    [verdict("ok"), verdict("warn")],
    Array(2).fill("\x1b[32mEvery profile fits the hosts that it is for\x1b[39m"),
  );
  assertEquals(
    verdict("ok", "excluded"),
    "\x1b[33mNo profile fails on a host that it is for; with --unmatched, what fits nothing is an error\x1b[39m",
  );
  assertEquals(verdict("fail"), "\x1b[31mThe profile fails on hosts that it is for\x1b[39m");
  assertEquals(verdict("fail", "ok"), "\x1b[31m1 of 2 profiles fails on hosts that it is for\x1b[39m");
  assertEquals(verdict("fail", "fail"), "\x1b[31m2 of 2 profiles fail on hosts that they are for\x1b[39m");
});

test("the matrix is a table with the causes under it; a host that a profile is not for has a dash", () => {
  const small = matrix(["db.yaml", "web.yaml"], ["db1", "web1", "web2"], (profile, host) => {
    if (profile.slice(0, 2) !== host.slice(0, 2)) {
      return { status: "excluded", rule: "requires-hostname", message: "Another host" };
    }
    return host === "web2" ? { status: "fail", rule: "lockdown", message: "The kernel is locked down" } : undefined;
  });
  assertEquals(
    matrixText(small, LAYOUT),
    [
      "          db1   web1  web2",
      "db.yaml   ok    -     -",
      "web.yaml  -     ok    FAIL",
      "",
      "FAIL  lockdown of web.yaml: 1 host: web2",
      "      The kernel is locked down",
      "",
      "Has no profile that fits: web2",
      "1 of 2 profiles fails on hosts that it is for",
      "",
    ].join("\n"),
  );
  assertEquals(
    new Validator({ ...matrixSchema() }, "7", false).validate(JSON.parse(JSON.stringify(small))).errors,
    [],
  );
  assertEquals([hasFailures(small), hasUnmatched(small)], [true, true]);
});

test("a thousand hosts fit a screen: counts, and each cause once whatever numbers it names", () => {
  const hosts = Array.from({ length: 1000 }, (_, index) => `web${String(index).padStart(4, "0")}`);
  const wide = matrix(["web.yaml", "db.yaml"], hosts, (profile, host) => {
    const number = Number(host.slice(3));
    if (profile === "db.yaml") return { status: "excluded", rule: "requires-hostname", message: "Another host" };
    if (number < 212) return { status: "fail", rule: "lockdown", message: "The kernel is locked down" };
    return number < 500 ? { status: "warn", rule: "memory", message: `Only ${number}.5 MiB are free` } : undefined;
  });
  const lines = matrixText(wide, LAYOUT).split("\n");
  assertEquals(lines.filter((line) => line.length > 80), []);
  assert(lines.length < 24, String(lines.length));
  assertEquals(lines.slice(0, 2), [
    "web.yaml  ok 500  warn 288  FAIL 212  - 0",
    "db.yaml   ok 0  warn 0  FAIL 0  - 1000",
  ]);
  const text = lines.join(" ").replaceAll(/ +/g, " ");
  assertStringIncludes(text, "FAIL lockdown of web.yaml: 212 hosts: web0000, web0001, ");
  assertStringIncludes(text, "warn memory of web.yaml: 288 hosts: web0212, ");
  assertStringIncludes(text, "Fits no host: db.yaml");
  assertStringIncludes(text, "1 of 2 profiles fails on hosts that it is for");
  assert(text.indexOf("lockdown") < text.indexOf("memory"));
});

test("what `requires` excludes is not a failure; what fits nothing is named", () => {
  const fine = matrix(
    ["a", "b"],
    ["a1", "b1"],
    (profile, host) => host.startsWith(profile) ? undefined : { status: "excluded", rule: "r", message: "m" },
  );
  assertEquals([hasFailures(fine), hasUnmatched(fine), fine.unmatched], [false, false, { profiles: [], hosts: [] }]);
  assertStringIncludes(matrixText(fine, LAYOUT), "Every profile fits the hosts that it is for");
  const unmatched = matrix(
    ["a", "b"],
    ["a1", "c1"],
    (profile, host) => host.startsWith(profile) ? undefined : { status: "excluded", rule: "r", message: "m" },
  );
  assertEquals([hasFailures(unmatched), unmatched.unmatched], [false, { profiles: ["b"], hosts: ["c1"] }]);
});

test("a warning fits, and no name controls the terminal", () => {
  const some = matrix(["a", "b"], ["h\u001b[2J"], (profile) => ({ status: profile === "a" ? "fail" : "warn" }));
  assertEquals(some.unmatched, { profiles: ["a"], hosts: [] });
  assert(!matrixText(some, LAYOUT).includes("\u001b"));
});

test("a profile that is named twice has two rows of its own", () => {
  const twice = matrix(
    ["web.yaml", "web.yaml"],
    ["web1", "web2"],
    (_, host) => host === "web1" ? undefined : { status: "fail", rule: "r", message: "m" },
  );
  const lines = matrixText(twice, LAYOUT).split("\n");
  assertEquals(lines.slice(0, 3), ["          web1  web2", "web.yaml  ok    FAIL", "web.yaml  ok    FAIL"]);
  assertEquals(lines.filter((line) => line === "FAIL  r of web.yaml: 1 host: web2").length, 1);
});

test("the table is there as long as it fits, to the last column", () => {
  const one = matrix(["web.yaml"], ["web1", "web2"], () => undefined);
  const head = (width: number) => matrixText(one, { style: PLAIN, width }).split("\n")[0];
  assertEquals([head(20), head(19)], ["          web1  web2", "web.yaml  ok 2  warn 0  FAIL 0  - 0"]);
  // A short name leaves room for what is below it.
  const short = matrix(["web.yaml"], ["a", "b"], (_, host) => ({ status: host === "a" ? "fail" : "ok" }));
  assertEquals(matrixText(short, LAYOUT).split("\n").slice(0, 2), ["          a     b", "web.yaml  FAIL  ok"]);
});

test("causes differ by status, rule and message, but not by numbers and addresses", () => {
  const said: readonly (readonly ["warn" | "fail", string, string])[] = [
    ["warn", "memory", "It takes 10 MiB at 0x1000"],
    ["fail", "memory", "It takes 12.5 MiB at 0xabcdef"],
    ["warn", "memory", "It takes 7 MiB at 0xBEEF"],
    ["warn", "memory", "It takes 7 pages at 0x1"],
    ["warn", "disk", "It takes 7 MiB at 0x2"],
  ];
  const hosts = said.map((_, index) => `h${index}`);
  const text = matrixText(
    matrix(["a"], hosts, (_, host) => {
      const [status, rule, message] = said[hosts.indexOf(host)] ?? ["fail", "", ""];
      return { status, rule, message };
    }),
    LAYOUT,
  );
  assertEquals(text.split("\n").filter((line) => /^(?:FAIL|warn) {2}/.test(line)), [
    "FAIL  memory: 1 host: h1",
    "warn  memory: 2 hosts: h0, h2",
    "warn  memory: 1 host: h3",
    "warn  disk: 1 host: h4",
  ]);
});

test("the only profile fails, or several do; and of names that are too long, one is shown", () => {
  const last = (profiles: readonly string[], hosts: readonly string[] = ["h"]) =>
    matrixText(matrix(profiles, hosts, () => ({ status: "fail", rule: "r", message: "m" })), LAYOUT).trimEnd().split(
      "\n",
    ).at(-1);
  assertEquals([last(["a"]), last(["a", "b"])], [
    "The profile fails on hosts that it is for",
    "2 of 2 profiles fail on hosts that they are for",
  ]);
  const long = "x".repeat(100);
  const text = matrixText(
    matrix(["a"], [long, `${long}y`], () => ({ status: "excluded", rule: "r", message: "m" })),
    LAYOUT,
  );
  assert(text.replaceAll(/\s+/g, " ").includes(`Has no profile that fits: ${long} and 1 more`), text);
});
