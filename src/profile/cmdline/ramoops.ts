import type { Range } from "../../core/range.ts";
import { contains } from "../../core/range.ts";
import { type Cmdline, kernelParameter, type Parameter, parameterKey } from "./cmdline.ts";

/** What a command line says of ramoops, which keeps kernel logs in memory over a reset (fs/pstore/ram.c, Linux 6.1 to 7.2). */
export interface StatedRamoops {
  /** Where the log lies: a range of addresses, or memory that the kernel finds for a name. */
  readonly memory: StatedMemory;
  /** The parameters of ramoops and pstore, as they are written. */
  readonly parameters: readonly string[];
  /** The parameter that keeps the memory for it: `memmap=` with this range alone, or `reserve_mem=`. */
  readonly reservation?: string;
}

/** Which memory ramoops has. */
export type StatedMemory =
  | ({ readonly kind: "range" } & Range)
  | { readonly kind: "name"; readonly name: string };

/** The parameters that matter to ramoops. */
export function ramoopsParameters(cmdline: Cmdline): readonly Parameter[] {
  return cmdline.kernel.filter((parameter) => {
    const key = parameterKey(parameter);
    return key.startsWith("ramoops.") || key === "pstore.backend" || RESERVING.includes(key);
  });
}

/** Parameters of which each adds to the others. */
export const RESERVING: readonly string[] = ["memmap", "reserve_mem"];

/** What a command line says of ramoops; undefined where it gives it no memory. */
export function statedRamoops(cmdline: Cmdline): StatedRamoops | undefined {
  const keys = new Set(ramoopsParameters(cmdline).map(parameterKey).filter((key) => !RESERVING.includes(key)));
  const parameters = [...keys].flatMap((key) => kernelParameter(cmdline, key)?.text ?? []);
  const name = kernelParameter(cmdline, "ramoops.mem_name")?.value;
  const named = cmdline.kernel.findLast((each) =>
    parameterKey(each) === "reserve_mem" && name !== undefined && name !== "" && each.value?.split(":")[2] === name
  );
  if (name !== undefined && named !== undefined) {
    return { memory: { kind: "name", name }, parameters, reservation: named.text };
  }
  const start = kernelNumber(kernelParameter(cmdline, "ramoops.mem_address")?.value);
  const size = kernelNumber(kernelParameter(cmdline, "ramoops.mem_size")?.value);
  if (start === undefined || size === undefined || start === 0n || size === 0n) return undefined;
  const memory = { start, end: start + size };
  const piece = reservations(cmdline).find(({ range }) => contains(range, memory))?.piece;
  return {
    memory: { kind: "range", ...memory },
    parameters,
    ...(piece === undefined ? {} : { reservation: `memmap=${piece}` }),
  };
}

/** The memory that `memmap=` keeps from a kernel on x86. */
export function reservedRanges(cmdline: Cmdline): readonly Range[] {
  return reservations(cmdline).map(({ range }) => range);
}

/** Whether a command line has a parameter; a piece of a list of `memmap=` counts. */
export function hasParameter(cmdline: Cmdline, { text, value, name }: Parameter): boolean {
  const key = parameterKey({ name });
  if (!RESERVING.includes(key)) return kernelParameter(cmdline, key)?.text === text;
  return cmdline.kernel.some((each) =>
    parameterKey(each) === key && (each.value ?? "").split(",").includes(value ?? "")
  );
}

const NUMBER = "0x[0-9a-f]+|[0-9]+";

/** `SIZE$ADDRESS`, and `SIZE%ADDRESS-1+2`: another type than RAM (parse_memmap_one in arch/x86/kernel/e820.c, Linux 6.1 to 7.2). */
const PIECE = new RegExp(
  `^(?<size>${NUMBER})(?<scale>[kmgtpe]?)(?:[$#!](?<at>${NUMBER})(?<atScale>[kmgtpe]?)|%(?<from>${NUMBER})(?<fromScale>[kmgtpe]?)(?:-[0-9]+)?\\+(?!1$)[0-9]+)$`,
  "i",
);

function reservations(cmdline: Cmdline): readonly { readonly piece: string; readonly range: Range }[] {
  const pieces = cmdline.kernel.filter((each) => parameterKey(each) === "memmap")
    .flatMap(({ value = "" }) => value.split(","));
  return pieces.flatMap((piece) => {
    const { size, scale = "", at, atScale, from, fromScale } = PIECE.exec(piece)?.groups ?? {};
    const start = scaled(at ?? from, atScale ?? fromScale ?? "");
    const bytes = scaled(size, scale);
    return start === undefined || bytes === undefined || bytes === 0n
      ? []
      : [{ piece, range: { start, end: start + bytes } }];
  });
}

const SCALES = ["", "k", "m", "g", "t", "p", "e"];

/** As memparse() reads it (lib/cmdline.c). */
function scaled(digits: string | undefined, scale: string): bigint | undefined {
  const value = kernelNumber(digits);
  return value === undefined ? undefined : value << BigInt(10 * SCALES.indexOf(scale.toLowerCase()));
}

/** A number as kstrtoull() reads it with base 0: hexadecimal, octal or decimal; 64 bits. */
function kernelNumber(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^(?:0x[0-9a-f]{1,16}|0[0-7]{0,22}|[1-9][0-9]{0,19})$/i.test(text)) return undefined;
  const value = BigInt(/^0[0-7]/.test(text) ? `0o${text.slice(1)}` : text);
  return value >> 64n === 0n ? value : undefined;
}
