import {
  anyText,
  choice,
  count,
  type Fields,
  flag,
  type JsonSchema,
  list,
  pattern,
  record,
  scalar,
  type Shape,
  text,
} from "../core/shape.ts";
import type { Reason } from "../plan/plan.ts";
import { plannedOverlayFileShape } from "../plan/planned_overlay.ts";
import {
  type Aspect,
  ASPECTS,
  type CheckState,
  type Diff,
  type PlacedFile,
  type PlacedParameter,
  type SegmentPlace,
  type Unknown,
} from "./diff.ts";

const digest = pattern("a SHA-256 of 64 hex digits", /^[0-9a-f]{64}$/);
const aspect: Shape<Aspect> = choice(ASPECTS);

const onlyTrue: Shape<true> = scalar("true", { enum: [true] }, (value) => value === true ? value : undefined);

const parameter = record<PlacedParameter>({
  word: { shape: text, doc: "The parameter, with its quotes" },
  position: { shape: count, doc: "Its position among the parameters, from 1" },
  init: { shape: onlyTrue, doc: "It follows `--`, and belongs to init", fallback: { value: undefined } },
});

const file = record<PlacedFile>({
  path: { shape: text, doc: "The file" },
  size: { shape: count, doc: "Its size, bytes" },
  sha256: { shape: digest, doc: "Its SHA-256" },
  about: { shape: anyText, doc: "What it is, for people" },
  position: { shape: count, doc: "Its position in the list, from 1" },
});

const segment = record<SegmentPlace>({
  mem: { shape: pattern("a hexadecimal number as 0x1000", /^0x[0-9a-f]{1,16}$/), doc: "Its physical address" },
  memsz: { shape: count, doc: "The memory it takes, bytes" },
  bufsz: { shape: count, doc: "The bytes copied" },
  sha256: { shape: digest, doc: "SHA-256 of the bytes copied" },
});

const reason = record<Reason>({
  code: { shape: text, doc: "The reason's name" },
  message: { shape: text, doc: "The reason, for people" },
});

const verdict = record<CheckState>({
  status: { shape: choice(["pass", "warn", "fail"]), doc: "The verdict" },
  message: { shape: text, doc: "What was found, for people" },
});

/** What a change of an aspect contains: the type of `from` and `to`, the possible actions, and further fields. */
interface ChangeRow {
  readonly about: Aspect;
  readonly part: JsonSchema;
  readonly actions: readonly ("add" | "remove" | "change" | "move")[];
  readonly fields?: { readonly [name: string]: JsonSchema };
}

const LONE = ["add", "remove"] as const;
const ALTERED = [...LONE, "change"] as const;

const CHANGES: readonly ChangeRow[] = [
  {
    about: "kernel",
    part: anyText.schema,
    actions: ALTERED,
    fields: { field: { enum: ["release", "version", "path", "image", "sha256", "machine"] } },
  },
  { about: "initrd", part: file.schema, actions: [...ALTERED, "move"] },
  {
    about: "file",
    part: plannedOverlayFileShape.schema,
    actions: ALTERED,
    fields: { path: { description: "Where it lies in the next root", type: "string" } },
  },
  { about: "cmdline", part: parameter.schema, actions: [...ALTERED, "move"] },
  {
    about: "call",
    part: text.schema,
    actions: ["change"],
    fields: { field: { description: "The part of the call, by its path", type: "string" } },
  },
  { about: "flag", part: text.schema, actions: LONE },
  {
    about: "guard",
    part: anyText.schema,
    actions: ALTERED,
    fields: { field: { description: "The part of the plan's guard", type: "string" } },
  },
  {
    about: "segment",
    part: segment.schema,
    actions: ALTERED,
    fields: {
      name: { description: "The segment's name", type: "string" },
      fate: {
        description: "What happened to a segment that both sides have",
        type: "array",
        items: { enum: ["moved", "grown", "shrunk", "content"] },
      },
    },
  },
  { about: "reason", part: reason.schema, actions: LONE },
  { about: "check", part: verdict.schema, actions: ALTERED, fields: { rule: { type: "string" } } },
  {
    about: "host",
    part: anyText.schema,
    actions: ALTERED,
    fields: { field: { enum: ["hostname", "machine", "release"] } },
  },
];

/** A change has `from`, `to` or both, as its action requires. */
function changeSchemas({ about, part, actions, fields = {} }: ChangeRow): readonly JsonSchema[] {
  return actions.map((action) => {
    const sides = { ...(action === "add" ? {} : { from: part }), ...(action === "remove" ? {} : { to: part }) };
    const properties = { about: { enum: [about] }, ...fields, action: { enum: [action] }, ...sides };
    return { type: "object", properties, required: Object.keys(properties), additionalProperties: false };
  });
}

const side = record<Diff["from"]>({
  kind: { shape: choice(["profile", "plan", "running", "loaded", "default"]), doc: "What it is" },
  name: { shape: text, doc: "The name that the user gave it" },
});

/** Changes are never read back, so only their schema is needed. */
const changes: Shape<Diff["changes"]> = {
  expected: "a list",
  schema: { type: "array", items: { anyOf: CHANGES.flatMap(changeSchemas) } },
  decode: () => undefined,
};

const FIELDS: Fields<Diff> = {
  format: { shape: choice(["warmboot.diff/1"]), doc: "The format of this document" },
  from: { shape: side, doc: "The current state, or what was named first" },
  to: { shape: side, doc: "What it is compared with" },
  same: { shape: flag, doc: "True if nothing that could be compared differs" },
  certain: { shape: flag, doc: "True if that is certain: nothing that decides what boots is unknown" },
  changes: { shape: changes, doc: "Every difference" },
  unchanged: { shape: list(aspect), doc: "What was compared and is the same" },
  unknown: {
    shape: list(record<Unknown>({
      about: { shape: aspect, doc: "The aspect" },
      side: { shape: text, doc: "The side on which it is unknown" },
      what: { shape: text, doc: "What is unknown, for people" },
    })),
    doc: "What could not be compared",
  },
  ignored: { shape: list(text), doc: "Parameters of the running command line that describe how it was booted" },
};

/** The shape of a diff. */
export const diffShape: Shape<Diff> = record<Diff>(FIELDS);

/** The JSON Schema of `diff -o json`. */
export function diffSchema(): JsonSchema {
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "warmboot diff",
    description: "What `warmboot diff -o json` and `warmboot status --booted -o json` print",
    ...diffShape.schema,
  };
}
