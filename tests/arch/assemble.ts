import { join } from "@std/path";

const ROOT = join(import.meta.dirname ?? ".", "..", "..");

/** The binutils for x86_64 machine code: the plain names are those of the machine that the tests run on. */
const PREFIX = Deno.build.arch === "x86_64" ? "" : "x86_64-linux-gnu-";

/** Machine code as it lies in memory, and the symbols of its source. */
export interface Assembled {
  readonly code: Uint8Array;
  /** Labels as offsets in the code, bytes; constants as they were set. */
  readonly symbols: ReadonlyMap<string, number>;
}

/**
 * Assembles x86_64 source for GNU as into flat, position independent code.
 * @throws {Error} if binutils is missing, the source is wrong, or it needs a relocation
 */
export async function assemble(source: string): Promise<Assembled> {
  const folder = await Deno.makeTempDir({ prefix: "warmboot-as-" });
  try {
    const input = join(folder, "source.S");
    const object = join(folder, "object.o");
    const flat = join(folder, "flat.bin");
    await Deno.writeTextFile(input, source);
    await run("as", ["--64", "--fatal-warnings", "-mx86-used-note=no", "-o", object, input]);
    const relocations = await run("objdump", ["--reloc", object]);
    if (relocations.includes("R_X86_64_")) throw new Error(`Cannot place the code anywhere:\n${relocations}`);
    await run("objcopy", ["-O", "binary", "-j", ".text", object, flat]);
    const symbols = (await run("nm", [object])).trimEnd().split("\n").map((line) => {
      const [value = "", , name = ""] = line.split(" ");
      return [name, Number(`0x${value}`)] as const;
    });
    return { code: await Deno.readFile(flat), symbols: new Map(symbols) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The instructions of flat x86_64 code, from one offset up to another, as objdump writes them. */
export async function disassemble(code: Uint8Array, start: number, stop: number): Promise<string> {
  const file = await Deno.makeTempFile({ prefix: "warmboot-objdump-" });
  try {
    await Deno.writeFile(file, code);
    const range = [`--start-address=${start}`, `--stop-address=${stop}`];
    return await run("objdump", ["-D", "-b", "binary", "-m", "i386:x86-64", ...range, file]);
  } finally {
    await Deno.remove(file);
  }
}

/** The source of the purgatory. */
export function purgatorySource(): string {
  return Deno.readTextFileSync(join(ROOT, "src/arch/x86_64/purgatory.S"));
}

/** What the generated module tells of the source, by its symbol there. */
const TOLD = [
  "entry",
  "boot_params",
  "region_count",
  "flags",
  "regions",
  "backup_from",
  "backup_to",
  "backup_size",
  "sha256_region",
  "verify_regions",
  "stack_top",
  "FLAG_VERIFY",
  "FLAG_SERIAL",
  "FLAG_VGA",
  "REGION_MAX",
  "REGION_ADDRESS",
  "REGION_LENGTH",
  "REGION_DIGEST",
  "REGION_SIZE",
];

/** The text of src/arch/x86_64/purgatory_code.ts, made from the assembly source. */
export async function purgatoryModule(): Promise<string> {
  const { code, symbols } = await assemble(purgatorySource());
  const lines = code.toBase64().match(/.{1,100}/g) ?? [];
  const rows = TOLD.map((name) => {
    const value = symbols.get(name);
    if (value === undefined) throw new Error(`Cannot generate the purgatory: its source has no ${name}`);
    const key = name.toLowerCase().replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    return `  ${key}: 0x${value.toString(16)},`;
  });
  return `// Generated from purgatory.S by \`deno task generate\`.

/** Labels of the purgatory, as offsets in its bytes, and its constants. */
export const PURGATORY_SYMBOLS = {
${rows.join("\n")}
} as const;

/** The purgatory's bytes in base64, with line breaks. */
export const PURGATORY_CODE = \`
${lines.join("\n")}
\`;
`;
}

async function run(tool: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await spawn(PREFIX + tool, args);
  if (!success) throw new Error(`Cannot run ${tool}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

async function spawn(command: string, args: readonly string[]): Promise<Deno.CommandOutput> {
  try {
    return await new Deno.Command(command, { args: [...args], stdin: "null" }).output();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Error(`Cannot run ${command}: install binutils for x86_64`, { cause });
  }
}
