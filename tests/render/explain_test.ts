import { assertEquals, assertStringIncludes } from "@std/assert";
import { CATALOGUE, type DiagnosticCode } from "../../src/core/catalogue.ts";
import {
  EXPLAINED_RULES,
  explainMarkdown,
  explainRule,
  explainText,
  explanationList,
} from "../../src/render/explain.ts";
import { PLAIN } from "../../src/render/style.ts";
import { committed } from "../support/committed.ts";

const CODES = Object.keys(CATALOGUE) as DiagnosticCode[];

Deno.test("the explanations of all codes are those of the committed page, in its order", () => {
  assertStringIncludes(committed("docs/diagnostics.md"), CODES.map(explainMarkdown).join("\n"));
});

Deno.test({
  name: "a code is explained at the terminal: when it is reported, an example, what to do",
  permissions: "none",
  fn() {
    const layout = { style: PLAIN, width: 80 };
    assertEquals(
      explainText("duplicate-key", layout),
      [
        "duplicate-key (exit code 65)",
        "",
        "A map has the same key more than once. YAML readers differ on which of the two",
        "counts.",
        "",
        "Example",
        "  # web.yaml",
        "  version: 1",
        "  kernel: vmlinuz",
        "  kernel: vmlinuz.old",
        "",
        "  $ warmboot check web.yaml",
        "",
        "What to do",
        "Remove one of the two; the message names the line of the first.",
        "",
      ].join("\n"),
    );
    assertEquals(
      explainText("facts-malformed", layout),
      [
        "facts-malformed (exit code 65)",
        "",
        "A source does not hold what the kernel writes.",
        "",
        "Example",
        "  # web.yaml",
        "  version: 1",
        "  kernel: vmlinuz",
        "",
        "  # /sys/kernel/kexec_loaded of the host",
        "  maybe",
        "",
        "  $ warmboot plan web.yaml --facts host.json",
        "",
        "What to do",
        "Capture the host again with `warmboot facts`, as root and outside of containers.",
        "",
      ].join("\n"),
    );
    const [rule] = EXPLAINED_RULES;
    assertEquals(
      rule === undefined ? "" : explainRule(rule, layout),
      [
        "requires-arch (check of a plan, exit code 69)",
        "",
        "The host has the architecture that the profile requires. The plan says what the",
        "check found, and what to do where it fails.",
        "",
      ].join("\n"),
    );
    const names = EXPLAINED_RULES.map(({ name }) => name);
    // Rules of a plan, of its segments, and what is checked where a stored plan is read.
    for (const name of ["lockdown", "pinned-digest", "segment-memory", "segment-overlap", "stored-plan"]) {
      assertEquals(names.includes(name), true, name);
    }
    assertEquals(explanationList({ style: PLAIN, width: 1000 }).split("\n").map((line) => line.split(" ", 1)[0]), [
      ...CODES,
      ...EXPLAINED_RULES.map(({ name }) => name),
      "",
    ]);
  },
});
