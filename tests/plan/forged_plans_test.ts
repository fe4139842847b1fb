import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readOwn } from "../../src/app/read_plan.ts";
import { sha256Of } from "../../src/core/sha256.ts";
import { VERSION } from "../../src/core/program.ts";
import { diffPlans } from "../../src/diff/compare.ts";
import type { Plan, PlannedSegment, SegmentLoadCall } from "../../src/plan/plan.ts";
import { decodePlan } from "../../src/plan/plan_shape.ts";
import { recheck } from "../../src/plan/stored.ts";
import { DIGESTS, type Genuine, genuines } from "../fuzz/forgery.ts";

function named(name: string): Genuine {
  const found = genuines().find((each) => each.name === name);
  if (found === undefined) throw new Error(`There is no plan ${name}`);
  return found;
}

function callOf({ call }: Plan): SegmentLoadCall {
  assert(call.syscall === "kexec_load");
  return call;
}

/** A plan with one of its segments changed. */
function withSegment(plan: Plan, name: string, change: (segment: PlannedSegment) => PlannedSegment): Plan {
  const call = callOf(plan);
  return {
    ...plan,
    call: { ...call, segments: call.segments.map((each) => each.name === name ? change(each) : each) },
  };
}

function withCall(plan: Plan, changes: Partial<SegmentLoadCall>): Plan {
  return { ...plan, call: { ...callOf(plan), ...changes } };
}

/** Other bytes, with a digest that fits. */
function withBytes(segment: PlannedSegment, change: (bytes: Uint8Array) => void): PlannedSegment {
  assert(segment.source.kind === "bytes");
  const bytes = Uint8Array.fromBase64(segment.source.base64);
  change(bytes);
  return { ...segment, sha256: sha256Of(bytes), source: { ...segment.source, base64: bytes.toBase64() } };
}

const HASHED = "kexec_load, SHA-256, two initrds";
const UNPACKED = "an unpacked kernel";
const EXPLICIT = "explicit segments";
const EVIL = "root=LABEL=root ro init=/bin/sh";

/** What a reader of the text would not notice, and what the refusal names. */
const EDITS: readonly (readonly [what: string, original: string, edit: (plan: Plan) => Plan, says: string])[] = [
  [
    "sixteen bytes of purgatory, its digest adapted",
    "kexec_load",
    (plan) => withSegment(plan, "purgatory", (each) => withBytes(each, (bytes) => bytes.fill(0x90, 0x1000, 0x1010))),
    'segment "purgatory": `sha256`',
  ],
  [
    "boot_params under another name, without release and version, so that the command line is not compared",
    "kexec_load",
    (plan) => {
      const { release: _release, version: _version, ...rest } = withSegment(plan, "boot_params", (each) => ({
        ...each,
        name: "Boot_params",
      }));
      return { ...rest, call: { ...rest.call, cmdline: EVIL } };
    },
    "release changed from unknown",
  ],
  [
    "another part of the kernel file",
    "kexec_load",
    (plan) =>
      withSegment(plan, "kernel", (each) => ({ ...each, source: { ...each.source, offset: 0 } as typeof each.source })),
    "`source.offset` is 0, not 20480",
  ],
  [
    "no random seed",
    "kexec_load",
    (plan) =>
      withSegment(plan, "boot_params", (each) => {
        assert(each.source.kind === "bytes");
        const { random: _, ...source } = each.source;
        return { ...each, source };
      }),
    "`source.random` is absent",
  ],
  [
    "one place for the kernel, no KASLR",
    UNPACKED,
    (plan) => {
      const { bases } = callOf(plan);
      assert(bases !== undefined);
      return withCall(plan, {
        bases: { ...bases, physical: [{ start: "0x1000000", end: "0x1200000" }] },
      });
    },
    "`call.bases.physical",
  ],
  [
    "a digest of zeros",
    "kexec_load",
    (plan) => withSegment(plan, "kernel", (each) => ({ ...each, sha256: "0".repeat(64) })),
    'segment "kernel": `sha256`',
  ],
  [
    "an entry into bytes that were added",
    "kexec_load",
    (plan) => {
      const call = callOf(plan);
      const code = new Uint8Array(16).fill(0x90);
      const added: PlannedSegment = {
        name: "kernel 2",
        mem: "0x70000000",
        memsz: 4096,
        bufsz: 16,
        sha256: sha256Of(code),
        source: { kind: "bytes", base64: code.toBase64() },
      };
      return withCall(plan, { entry: "0x70000000", segments: [...call.segments, added] });
    },
    "form",
  ],
  [
    "random bytes over all of purgatory",
    HASHED,
    (plan) =>
      withSegment(plan, "purgatory", (each) => ({
        ...each,
        source: { ...each.source, random: [{ offset: 0, length: each.bufsz }] } as typeof each.source,
      })),
    "`source.random`",
  ],
  [
    "what a file is",
    "kexec_file_load",
    (plan) => {
      assert(plan.call.syscall === "kexec_file_load");
      return { ...plan, call: { ...plan.call, kernel: { ...plan.call.kernel, about: "Linux, signed" } } };
    },
    "`call.kernel.about`",
  ],
  ["the version", "kexec_load", (plan) => ({ ...plan, version: "#2 SMP" }), "`version`"],
  ["the reasons", "kexec_load", (plan) => ({ ...plan, reasons: [] }), "`reasons[0]`"],
  ["the host's name", "kexec_load", (plan) => ({ ...plan, host: { ...plan.host, hostname: "db1" } }), "from db1 to"],
  ["the host's machine", "kexec_load", (plan) => ({ ...plan, host: { ...plan.host, machine: "aarch64" } }), "form"],
  ["a command line of explicit segments", EXPLICIT, (plan) => withCall(plan, { cmdline: EVIL }), "`call.cmdline`"],
  [
    "an explicit segment",
    EXPLICIT,
    (plan) => withSegment(plan, "code", (each) => ({ ...each, memsz: 8192 })),
    "`declared.segments`",
  ],
  [
    "the command line of file and declaration",
    "kexec_load",
    (plan) => ({ ...plan, declared: plan.declared && { ...plan.declared, cmdline: EVIL } } as Plan),
    "is",
  ],
];

for (const [what, name, edit, says] of EDITS) {
  Deno.test({
    name: `a stored plan is not loaded with an edit: ${what}`,
    permissions: "none",
    fn() {
      const { plan, facts, images } = named(name);
      assertEquals(recheck(plan, facts, images, DIGESTS).checks[0]?.status, "pass");
      const text = JSON.stringify(edit(plan));
      const decoded = decodePlan(JSON.parse(text), [], () => {});
      if (decoded === undefined) return assertEquals(says, "form");
      const [check] = recheck(decoded, facts, images, DIGESTS).checks;
      assertEquals([check?.rule, check?.status], ["stored-plan", "fail"]);
      assertStringIncludes(check?.message ?? "", says);
      const side = (each: Plan) => ({ kind: "plan", name: "p", plan: each }) as const;
      const isText = JSON.stringify(decoded.call) === JSON.stringify(plan.call);
      assertEquals(diffPlans(side(plan), side(decoded)).same && !isText, false, "diff says that they are the same");
    },
  });
}

Deno.test({
  name:
    "a plan of another version of warmboot is loaded if this one makes the same, and else refused with both versions",
  permissions: "none",
  fn() {
    const { plan, facts, images } = named("kexec_load");
    const older = { ...plan, warmboot: "0.0.9" };
    assertEquals(recheck(older, facts, images, DIGESTS).checks[0]?.status, "pass");
    const [check] = recheck(withCall(older, { entry: "0x1000" }), facts, images, DIGESTS).checks;
    assertStringIncludes(check?.message ?? "", `another version of warmboot (0.0.9), and this one (${VERSION})`);
    const { declared: _, ...bare } = plan;
    assertStringIncludes(
      recheck(bare, facts, images, DIGESTS).checks[0]?.message ?? "",
      "does not hold what its profile",
    );
  },
});

Deno.test({
  name: "a stored plan has no key twice, no unknown key, and no name that every object has",
  permissions: "none",
  fn() {
    const { text } = named("kexec_load");
    const read = (changed: string) => readOwn(new TextEncoder().encode(changed), "p.json", true);
    assert(read(text)?.value !== undefined);
    const refused: readonly (readonly [from: string, to: string, says: string])[] = [
      ['"entry":', '"entry": "0x0", "entry":', "a key occurs twice"],
      ['"flagBits":', '"flagbits": "0x0", "flagBits":', "flagbits"],
      [
        '"kind": "file"',
        '"kind": "toString"',
        "a file, what one unpacks to, an archive that is made at load, bytes or zero",
      ],
      ['"syscall": "kexec_load"', '"syscall": "constructor"', "a call of kexec_file_load or kexec_load"],
      ['"format": "warmboot.plan/1"', '"format": "warmboot.constructor/1"', "a document of the format"],
      ['"profile":', '"__proto__": {"x": 1}, "profile":', "__proto__"],
    ];
    for (const [from, to, says] of refused) {
      assert(text.includes(from), from);
      const result = read(text.replace(from, to));
      assertEquals(result?.value, undefined, to);
      assertStringIncludes(JSON.stringify(result?.diagnostics), says);
    }
  },
});
