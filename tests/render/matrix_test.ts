import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Validator } from "@cfworker/json-schema";
import { fittingNone, type Matrix, type MatrixCell, matrixSchema, matrixText } from "../../src/render/matrix.ts";
import { PLAIN } from "../../src/render/style.ts";

const LAYOUT = { style: PLAIN, width: 80 };

function matrix(
  profiles: readonly string[],
  hosts: readonly string[],
  fit: (profile: string, host: string) => Partial<MatrixCell>,
): Matrix {
  return {
    format: "warmboot.matrix/1",
    profiles,
    hosts,
    cells: profiles.flatMap((profile) =>
      hosts.map((host): MatrixCell => ({ profile, host, status: "ok", ...fit(profile, host) }))
    ),
  };
}

const SMALL = matrix(
  ["db.yaml", "web.yaml"],
  ["db1", "web1"],
  (profile, host) =>
    profile.slice(0, 2) === host.slice(0, 2)
      ? {}
      : { status: "fail", rule: "requires-hostname", message: "Another host" },
);

Deno.test({
  name: "the matrix is a table with the reasons under it",
  permissions: "none",
  fn() {
    assertEquals(
      matrixText(SMALL, LAYOUT),
      [
        "          db1   web1",
        "db.yaml   ok    FAIL",
        "web.yaml  FAIL  ok",
        "",
        "FAIL  db.yaml on web1:",
        "      Another host [requires-hostname]",
        "",
        "FAIL  web.yaml on db1:",
        "      Another host [requires-hostname]",
        "",
        "Every profile fits at least one host",
        "",
      ].join("\n"),
    );
    assertEquals(
      new Validator({ ...matrixSchema() }, "7", false).validate(JSON.parse(JSON.stringify(SMALL))).errors,
      [],
    );
  },
});

Deno.test({
  name: "a matrix that is too wide becomes a list, within its columns, each reason given once",
  permissions: "none",
  fn() {
    const hosts = Array.from({ length: 30 }, (_, index) => `rack4-node${index}`);
    const wide = matrix(
      ["web.yaml"],
      hosts,
      (_, host) =>
        host.endsWith("7") ? {} : { status: "warn", rule: "already-loaded", message: "An image is loaded already" },
    );
    const lines = matrixText(wide, LAYOUT).split("\n");
    assertEquals(lines.filter((line) => line.length > 80), []);
    assertEquals(lines.slice(0, 2), ["web.yaml", "  ok    rack4-node7, rack4-node17, rack4-node27"]);
    assertEquals(lines.filter((line) => line.includes("already-loaded")).length, 1);
  },
});

Deno.test({
  name: "a profile that fails everywhere fits none; one that warns fits",
  permissions: "none",
  fn() {
    const some = matrix(["a", "b"], ["h\u001b[2J"], (profile) => ({ status: profile === "a" ? "fail" : "warn" }));
    assertEquals(fittingNone(some), ["a"]);
    const text = matrixText(some, LAYOUT);
    assertStringIncludes(text, "1 of 2 profiles fits no host");
    assert(!text.includes("\u001b"));
  },
});

Deno.test({
  name: "a profile that is named twice has two rows of its own",
  permissions: "none",
  fn() {
    const twice = matrix(
      ["web.yaml", "web.yaml"],
      ["web1", "web2"],
      (_, host) => host === "web1" ? {} : { status: "fail", rule: "r", message: "m" },
    );
    const lines = matrixText(twice, LAYOUT).split("\n");
    assertEquals(lines.slice(0, 3), ["          web1  web2", "web.yaml  ok    FAIL", "web.yaml  ok    FAIL"]);
    assertEquals(lines.filter((line) => line === "FAIL  web.yaml on web2:").length, 2);
    const alone = matrix(["web.yaml"], ["db1"], () => ({ status: "fail" }));
    assertStringIncludes(matrixText(alone, LAYOUT), "The profile fits no host");
  },
});
