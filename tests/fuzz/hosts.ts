import type { Capture, CapturedFile } from "../../src/host/capture.ts";
import { CAPTURES } from "../host/fixture.ts";
import type { Random } from "./random.ts";

/** Hosts that can place segments, and those that cannot; the largest map is rare, since it takes the longest. */
const NAMES = [
  "bios-vm",
  "bios-vm",
  "uefi-laptop",
  "uefi-laptop",
  "arm64-server",
  "arm64-vm",
  "arm64-uefi-vm",
  "non-root",
  "many-region-server",
];
const IOMEM = "/proc/iomem";

/** Names that a line of the map may get; none may reach a terminal as it is. */
const LABELS: readonly string[] = [
  ...["System RAM", "System RAM (kmem)", "system ram", "System RAM ", "Crash kernel", "Reserved", "reserved"],
  ...["Kernel code", "Kernel data", "Kernel bss", "ACPI Tables", "Persistent Memory", "Soft Reserved", ""],
  ...[
    "\x1b[2J\x1b[H",
    "a\tb",
    "\u0085\u009b31m",
    "\u202ekernel",
    "__proto__",
    "constructor",
    "\ufffd",
    " : ",
    "`$(id)`",
  ],
  ...["x".repeat(3000)],
];

const NUMBERS: readonly string[] = [
  ...["0", "00000000", "00000fff", "00001000", "000fffff", "00100000", "7fffffff", "80000000", "ffffffff", "100000000"],
  ...["3fffffffffff", "400000000000", "fffffffffffff", "7fffffffffffffff", "ffffffffffffffff", "10000000000000000"],
  ...["-1", "0x1000", "g", "", "00001fff0", "12345678"],
];

/** A host as drawn, and what was changed. */
export interface DrawnHost {
  readonly name: string;
  /** What was captured. */
  readonly original: Capture;
  /** The same with other texts than the memory map changed; `original` itself where there are none. */
  readonly capture: Capture;
  /** The memory map, changed or not; undefined where there is none. */
  readonly iomem?: string;
}

/** A captured host with some of its texts changed: the memory map most of all, if `changes`. */
export function drawHost(random: Random, changes: boolean): DrawnHost {
  const name = random.pick(NAMES);
  const original = CAPTURES.get(name);
  if (original === undefined) throw new Error(`no host ${name}`);
  const text = original.files[IOMEM];
  const iomem = typeof text === "string" ? text : "";
  if (!changes) return { name, original, capture: original, iomem };
  // Of the rest every fact is decoded anew, which takes longer than all that follows.
  const kind = random.below(20);
  if (kind < 17) return { name, original, capture: original, iomem: mutateIomem(iomem, random) };
  const files = { ...original.files };
  const pattern = kind === 17 ? /^\/sys\/firmware\/memmap\// : kind === 18 ? /boot_params|efi|vmcoreinfo|fdt/ : /./;
  const paths = Object.keys(files).filter((path) => path !== IOMEM && pattern.test(path));
  for (let count = 1 + random.below(3); count > 0 && paths.length > 0; count--) {
    const path = random.pick(paths);
    const file = files[path];
    if (random.oneIn(8)) delete files[path];
    else if (file !== undefined) files[path] = mutateFile(file, random);
  }
  return { name, original, capture: { ...original, files }, iomem };
}

function mutateFile(file: CapturedFile, random: Random): CapturedFile {
  if (typeof file === "string") return mutateText(file, random);
  if (!("base64" in file)) return random.oneIn(2) ? { error: "EIO" } : random.pick(NUMBERS);
  let bytes = Uint8Array.fromBase64(file.base64);
  for (let count = 1 + random.below(16); count > 0 && bytes.length > 0; count--) {
    bytes[random.below(bytes.length)] = random.pick([0, 1, 0x45, 0x7f, 0x80, 0xff, random.below(256)]);
  }
  if (random.oneIn(6)) bytes = bytes.slice(0, random.below(bytes.length + 1));
  return { base64: bytes.toBase64() };
}

function mutateText(text: string, random: Random): string {
  switch (random.below(5)) {
    case 0:
      return random.pick(NUMBERS);
    case 1:
      return `0x${random.pick(NUMBERS)}\n`;
    case 2:
      return `${random.pick(LABELS)}\n`;
    case 3: {
      const at = random.below(text.length + 1);
      return text.slice(0, at) + random.pick(LABELS) + text.slice(at + random.below(4));
    }
    default:
      return text.replace(/[0-9a-f]{3,}/, () => random.pick(NUMBERS));
  }
}

/** The map with one to five changes. */
function mutateIomem(text: string, random: Random): string {
  const lines = text.split("\n");
  for (let count = 1 + random.below(5); count > 0 && lines.length > 0; count--) changeLine(lines, random);
  if (random.oneIn(40)) return lines.join("\r\n");
  const joined = lines.join("\n");
  return random.oneIn(40) ? joined.slice(0, random.below(joined.length + 1)) : joined;
}

function changeLine(lines: string[], random: Random): void {
  const at = random.below(lines.length);
  const line = lines[at] ?? "";
  const set = (changed: string): void => void (lines[at] = changed);
  switch (random.below(11)) {
    case 0:
      lines.splice(at, 1);
      return;
    case 1:
      lines.splice(random.below(lines.length), 0, line);
      return;
    case 2: {
      const other = random.below(lines.length);
      set(lines[other] ?? "");
      lines[other] = line;
      return;
    }
    case 3:
      return set(`${" ".repeat(random.below(6))}${line.trimStart()}`);
    case 4:
      return set(`  ${line}`);
    case 5:
      return set(line.replace(/[0-9a-f]+(?=-)/, () => random.pick(NUMBERS)));
    case 6:
      return set(line.replace(/(?<=-)[0-9a-f]+/, () => random.pick(NUMBERS)));
    case 7:
      return set(line.replace(/(?<= : ).*/, () => random.pick(LABELS)));
    case 8:
      return void lines.splice(at, 0, random.oneIn(8) ? random.pick(LABELS) : within(line, random));
    case 9:
      return set(shifted(line, random));
    default: {
      const character = random.below(line.length + 1);
      return set(
        line.slice(0, character) + random.pick(["", " ", "-", "0", "f", "\0", "\u202e"]) + line.slice(character + 1),
      );
    }
  }
}

const hex = (value: bigint): string => BigInt.asUintN(64, value).toString(16).padStart(8, "0");

function rangeOf(line: string): readonly [bigint, bigint] | undefined {
  const match = /^ *([0-9a-f]{1,16})-([0-9a-f]{1,16}) : /.exec(line);
  return match?.[1] === undefined ? undefined : [BigInt(`0x${match[1]}`), BigInt(`0x${match[2]}`)];
}

/** A line for a part of another's range, nested under it or beside it. */
function within(line: string, random: Random): string {
  const [first, last] = rangeOf(line) ?? [0n, 0xffffn];
  const size = last > first ? last - first : 1n;
  const start = first + size * BigInt(random.below(64)) / 64n;
  const from = random.oneIn(3) ? start : start & ~0xfffn;
  const indent = " ".repeat(2 * random.below(3));
  return `${indent}${hex(from)}-${hex(from + size / BigInt(1 + random.below(64)))} : ${random.pick(LABELS)}`;
}

/** The range moved, grown or shrunk by a little or a lot. */
function shifted(line: string, random: Random): string {
  const range = rangeOf(line);
  if (range === undefined) return line;
  const delta = BigInt(random.pick([-0x1000, -0x1000_0000, -1, 1, 0x800, 0x1000, 0x10_0000, 0x1000_0000]));
  const [first, last] = range;
  const moved = random.oneIn(2) ? [first + delta, last] : [first, last + delta];
  return line.replace(/[0-9a-f]+-[0-9a-f]+/, `${hex(moved[0] ?? 0n)}-${hex(moved[1] ?? 0n)}`);
}
