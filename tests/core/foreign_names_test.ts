/** Names that every JavaScript object has, wherever a name from outside is looked up. */
import { assert, assertEquals } from "@std/assert";
import { readOwn } from "../../src/app/read_plan.ts";
import { lookUp } from "../../src/core/shape.ts";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import { parseCapture } from "../../src/host/capture.ts";
import { decodePlan } from "../../src/plan/plan_shape.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { parseProfile } from "../../src/profile/parse.ts";
import { hostFacts } from "../support/host_facts.ts";

const FORGED: readonly unknown[] = [
  ...["toString", "constructor", "__proto__", "hasOwnProperty", "valueOf", "__defineGetter__"],
  // As a text, this would call what is not a function.
  JSON.parse('{"toString": "x", "valueOf": "y"}'),
  JSON.parse('{"__proto__": null}'),
];

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

pure("lookUp() finds own names only", () => {
  for (const name of FORGED) assertEquals(lookUp<unknown>({ a: 1 }, name), undefined);
  assertEquals([lookUp({ a: 1 }, "a"), lookUp({ a: 1 }, undefined)], [1, undefined]);
});

pure("a plan with a forged call or source is refused", () => {
  const segment = { name: "a", mem: "0x0", memsz: 4096, bufsz: 0, sha256: "0".repeat(64) };
  for (const name of FORGED) {
    const calls = [
      { syscall: name },
      {
        syscall: "kexec_load",
        flags: [],
        flagBits: "0x0",
        entry: "0x0",
        segments: [{ ...segment, source: { kind: name } }],
      },
    ];
    for (const call of calls) {
      const problems: string[] = [];
      const plan = { format: "warmboot.plan/1", profile: "a", call, reasons: [], checks: [] };
      assertEquals(decodePlan(plan, [], ({ code }) => void problems.push(code)), undefined);
      assert(problems.length > 0);
    }
  }
});

pure("a document of a forged format is named, whatever its format", () => {
  for (const name of ["toString", "constructor", "__proto__"]) {
    const bytes = new TextEncoder().encode(JSON.stringify({ format: `warmboot.${name}/1` }));
    const { diagnostics } = readOwn(bytes, "f", true) ?? { diagnostics: [] };
    assertEquals(diagnostics.map(({ code, message }) => [code, message]), [
      ["wrong-type", `This is a document of the format warmboot.${name}/1, not a profile or a plan`],
    ]);
  }
});

pure("a host, a capture and a segment may have such a name", () => {
  for (const name of FORGED.filter((each): each is string => typeof each === "string")) {
    const files = {
      "/proc/sys/kernel/ostype": "Linux\n",
      "/proc/sys/kernel/osrelease": `${name}\n`,
      "/proc/sys/kernel/arch": `${name}\n`,
      [name]: "x",
    };
    const json = JSON.stringify({ format: "warmboot.facts/1", files });
    const { value } = parseCapture(json, "f");
    assert(value !== undefined);
    assertEquals(
      decodeFacts(value).diagnostics.filter(({ severity }) => severity === "error").map(({ code }) => code),
      [
        "facts-missing",
      ],
    );
    const text =
      `version: 1\nload: kexec_load\nentry: 0x1000000\nsegments: [{ at: 0x1000000, hex: 90, name: ${name} }]\n`;
    const { value: profile } = parseProfile(text, "p.yaml");
    assert(profile !== undefined);
    for (const machine of [name, "x86_64"]) {
      planBoot({ profile, facts: hostFacts({ machine }), images: { initrd: [] }, partDigests: new Map() });
    }
    const flagged = parseProfile(`version: 1\nkernel: a\narch: ${name}\n`, "p.yaml");
    assertEquals(flagged.diagnostics.map(({ code }) => code), ["wrong-type"]);
  }
});
