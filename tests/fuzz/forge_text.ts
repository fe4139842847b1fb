import { stringify } from "@std/yaml";
import { sha256 } from "./draw.ts";
import type { Random } from "./random.ts";

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** One place in a document: its path from the root. */
type Place = readonly (string | number)[];

/** A changed text, and what was changed. */
export interface Forgery {
  readonly text: string;
  readonly what: string;
  /** Whether it may have become another plan, which is consistent: then it is loaded as it says, and `diff` shows it. */
  readonly isOther?: true;
}

/**
 * One change at any path of a JSON document: another value, a part removed, added, doubled or exchanged, a key that occurs
 * twice or in another case. The text is written by hand, so that a key can occur twice. Some changes go further: a value
 * of another plan, the same text everywhere, bytes together with their digest, two changes, the document as YAML.
 */
export function forgeText(text: string, random: Random, others: readonly string[] = []): Forgery {
  const root = JSON.parse(text) as Json;
  const places = placesOf(root, []);
  const place = random.pick(places);
  const value = valueAt(root, place);
  const changes: readonly (() => Forgery | undefined)[] = [
    () => replaced(root, place, otherValue(value, random)),
    () => replaced(root, place, otherValue(value, random)),
    () => replaced(root, place, valueAt(root, random.pick(places))),
    () => removed(root, place),
    () => added(root, place, random, valueAt(root, random.pick(places))),
    () => renamed(root, place, random),
    () => doubled(root, place, random),
    () => exchanged(root, place, random),
    () => others.length === 0 ? undefined : ofAnother(root, place, JSON.parse(random.pick(others))),
    () => everywhere(text, value, random),
    () => adapted(root, random),
    () => asYaml(root, place, random),
    () => {
      const first = replaced(root, place, otherValue(value, random));
      return first === undefined ? undefined : { ...forgeText(first.text, random), isOther: true };
    },
  ];
  for (;;) {
    const forgery = random.pick(changes)();
    if (forgery !== undefined) return forgery;
  }
}

/** A value of another plan; all of it is that plan. */
function ofAnother(root: Json, place: Place, other: Json): Forgery | undefined {
  const forgery = replaced(root, place, valueAt(other, place));
  return forgery === undefined || place.length > 0 ? forgery : { ...forgery, isOther: true };
}

function placesOf(value: Json, at: Place): readonly Place[] {
  if (typeof value !== "object" || value === null) return [at];
  return [
    at,
    ...Object.entries(value).flatMap(([key, each]) =>
      placesOf(each, [...at, Array.isArray(value) ? Number(key) : key])
    ),
  ];
}

function valueAt(root: Json, place: Place): Json {
  let value = root;
  for (const key of place) {
    value = typeof value === "object" && value !== null
      ? (value as { readonly [key: string]: Json })[key] ?? null
      : null;
  }
  return value;
}

function otherValue(value: Json, random: Random): Json {
  if (typeof value === "boolean") return !value;
  if (typeof value === "number") {
    return random.pick([value + 1, value - 1, 0, -value, value * 2, value + 4096, 2 ** 53, 0.5, String(value)]);
  }
  if (typeof value === "string") return otherText(value, random);
  if (Array.isArray(value)) {
    return random.pick<Json>([[], value.toReversed(), [...value, ...value], value.slice(1), {}]);
  }
  return random.pick<Json>([null, {}, [], "", 0, "constructor", { kind: "zero" }]);
}

function otherText(text: string, random: Random): Json {
  const at = random.below(Math.max(1, text.length));
  const put = (insert: string, skip: number): string => text.slice(0, at) + insert + text.slice(at + skip);
  return random.pick<() => Json>([
    () => put(random.pick([..."0123456789abcdefABCDEF+/=_-. zZ"]), 1),
    () => put(random.pick([" ", "0", "A", "\u0000", "\u202e", "é", '"', "init=/bin/sh "]), 0),
    () => put("", 1),
    () => text.toUpperCase(),
    () => text.replace(/[a-z]/, (letter) => letter.toUpperCase()),
    () => "",
    () => "0".repeat(text.length),
    () => random.pick(["toString", "__proto__", "kexec_load", "kexec_file_load", "zero", "0x0", "0x1000"]),
    () => `0x${random.below(2 ** 31).toString(16)}`,
    () => null,
    () => otherSpelling(text, random),
    () => otherSpelling(text, random),
  ])();
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** What a careless reader takes for the same address, bytes, path or command line. */
function otherSpelling(text: string, random: Random): string {
  if (/^0x[0-9a-f]+$/.test(text)) {
    const value = BigInt(text);
    return random.pick([
      text.replace("0x", "0x0"),
      text.replace("0x", "0X"),
      String(value),
      `0x${(value + (1n << 64n)).toString(16)}`,
      `0x${(value + 4096n).toString(16)}`,
    ]);
  }
  const padded = /^([A-Za-z0-9+/]+)([A-Za-z0-9+/])(=+)$/.exec(text);
  if (padded?.[1] !== undefined && padded[2] !== undefined) {
    // Bits of the last letter that no byte has.
    const next = BASE64[(BASE64.indexOf(padded[2]) + 1) % 64];
    return random.pick([`${padded[1]}${next}${padded[3]}`, text.replace(/=+$/, ""), `${text}=`]);
  }
  return random.pick([
    text.replace(/\/([^/]+)$/, "/./$1"),
    text.replace(/\/([^/]+)$/, "//$1"),
    text.replace(" ", "  "),
    text.replace(" ", "\t"),
    `${text} --`,
    text.replaceAll("+", "-").replaceAll("/", "_"),
  ]);
}

/** The same other text wherever a text occurs. */
function everywhere(whole: string, value: Json, random: Random): Forgery | undefined {
  if (typeof value !== "string" || value === "") return undefined;
  const other = random.oneIn(2) ? otherText(value, random) : otherSpelling(value, random);
  return {
    text: JSON.stringify(JSON.parse(whole)).replaceAll(text(value), text(other)),
    what: `everywhere ${text(value)} := ${text(other)}`,
    isOther: true,
  };
}

/** A byte of a segment, with its digest wherever that occurs. */
function adapted(root: Json, random: Random): Forgery | undefined {
  const places = placesOf(root, []).filter((place) => place.at(-1) === "base64");
  if (places.length === 0) return undefined;
  const place = random.pick(places);
  const bytes = Uint8Array.fromBase64(String(valueAt(root, place)));
  if (bytes.length === 0) return undefined;
  const at = random.below(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  const before = text(valueAt(root, [...place.slice(0, -2), "sha256"]));
  const changed = write(root, (each) => same(each, place) ? text(bytes.toBase64()) : undefined);
  return {
    text: changed.replaceAll(before, text(sha256(bytes))),
    what: `byte ${at} of ${name(place)}, with its digest`,
    isOther: true,
  };
}

/** The document as YAML: as it is, with another value, or with a merge key that would change the call. */
function asYaml(root: Json, place: Place, random: Random): Forgery | undefined {
  const forged = random.oneIn(2)
    ? JSON.parse(replaced(root, place, otherValue(valueAt(root, place), random))?.text ?? text(root))
    : root;
  if (typeof forged !== "object" || forged === null) return undefined;
  const yaml = stringify(forged, { lineWidth: -1 });
  const merged = yaml.replace(/^call:$/m, 'call:\n  <<: { flagBits: "0x2", cmdline: init=/bin/sh }');
  return { text: random.oneIn(3) ? merged : yaml, what: `as YAML, with ${name(place)} changed` };
}

function replaced(root: Json, place: Place, value: Json): Forgery | undefined {
  if (JSON.stringify(valueAt(root, place)) === JSON.stringify(value)) return undefined;
  return {
    text: write(root, (at) => same(at, place) ? text(value) : undefined),
    what: `${name(place)} := ${text(value)}`,
  };
}

function removed(root: Json, place: Place): Forgery | undefined {
  if (place.length === 0) return undefined;
  return { text: write(root, (at) => same(at, place) ? REMOVED : undefined), what: `${name(place)} removed` };
}

function added(root: Json, place: Place, random: Random, value: Json): Forgery | undefined {
  const into = valueAt(root, place);
  if (typeof into !== "object" || into === null) return undefined;
  const entry = Array.isArray(into) ? text(value) : `${text(random.pick(NEW_KEYS))}:${text(value)}`;
  const front = random.oneIn(2);
  return { text: write(root, () => undefined, { at: place, entry, front }), what: `${name(place)}: added ${entry}` };
}

const NEW_KEYS = [
  "note",
  "Segments",
  "random",
  "bases",
  "unpacked",
  "__proto__",
  "constructor",
  "checksum",
  "memoryMin",
  "dtb",
];

function renamed(root: Json, place: Place, random: Random): Forgery | undefined {
  const key = place.at(-1);
  if (typeof key !== "string") return undefined;
  const other = random.pick([key.toUpperCase(), key[0]?.toUpperCase() + key.slice(1), `${key} `, `${key}s`, ""]);
  if (other === key) return undefined;
  const moved = `${text(other)}:${text(valueAt(root, place))}`;
  return {
    text: write(root, (at) => same(at, place) ? REMOVED : undefined, {
      at: place.slice(0, -1),
      entry: moved,
      front: false,
    }),
    what: `${name(place)} renamed ${text(other)}`,
  };
}

/** The same key again, with another value or its own, before or after. */
function doubled(root: Json, place: Place, random: Random): Forgery | undefined {
  const key = place.at(-1);
  if (typeof key !== "string") return undefined;
  const value = random.oneIn(4) ? valueAt(root, place) : otherValue(valueAt(root, place), random);
  const entry = `${text(key)}:${text(value)}`;
  const front = random.oneIn(2);
  return {
    text: write(root, () => undefined, { at: place.slice(0, -1), entry, front }),
    what: `${name(place)} twice: ${entry}`,
  };
}

function exchanged(root: Json, place: Place, random: Random): Forgery | undefined {
  const list = valueAt(root, place);
  if (!Array.isArray(list) || list.length < 2) return undefined;
  const [a, b] = [random.below(list.length), random.below(list.length)];
  return replaced(root, place, list.map((each, index) => list[index === a ? b : index === b ? a : index] ?? each));
}

const REMOVED = Symbol("removed");

interface Addition {
  readonly at: Place;
  readonly entry: string;
  readonly front: boolean;
}

function write(
  root: Json,
  instead: (at: Place) => string | typeof REMOVED | undefined,
  addition?: Addition,
): string {
  const one = (value: Json, at: Place): string | typeof REMOVED => {
    const other = instead(at);
    if (other !== undefined) return other;
    if (typeof value !== "object" || value === null) return text(value);
    const isList = Array.isArray(value);
    const entries = Object.entries(value).flatMap(([key, each]) => {
      const written = one(each, [...at, isList ? Number(key) : key]);
      return typeof written === "string" ? [isList ? written : `${text(key)}:${written}`] : [];
    });
    if (addition !== undefined && same(addition.at, at)) {
      entries.splice(addition.front ? 0 : entries.length, 0, addition.entry);
    }
    return isList ? `[${entries.join(",")}]` : `{${entries.join(",")}}`;
  };
  const written = one(root, []);
  return typeof written === "string" ? written : "null";
}

function same(a: Place, b: Place): boolean {
  return a.length === b.length && a.every((key, index) => key === b[index]);
}

function text(value: Json): string {
  return JSON.stringify(value);
}

function name(place: Place): string {
  return place.length === 0 ? "the document" : place.join(".");
}
