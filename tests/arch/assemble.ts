import { join } from "@std/path";

const ROOT = join(import.meta.dirname ?? ".", "..", "..");

/** A machine that code is assembled for. */
export interface Target {
  /** Its folder under src/arch. */
  readonly folder: string;
  /** As Deno and binutils name it. */
  readonly machine: string;
  /** Options of `as`. */
  readonly options: readonly string[];
  /** How objdump names it. */
  readonly disassembler: string;
  /** What the generated module tells of the source, by its symbol there. */
  readonly symbols: readonly string[];
}

/** The source of src/arch/x86_64. */
export const X86_64: Target = {
  folder: "x86_64",
  machine: "x86_64",
  options: ["--64", "-mx86-used-note=no"],
  disassembler: "i386:x86-64",
  symbols: [
    "layout",
    "LAYOUT_NUMBER",
    "entry",
    "boot_params",
    "region_count",
    "flags",
    "regions",
    "backup_from",
    "backup_to",
    "backup_size",
    "multiboot_magic",
    "real_base",
    "real_stack",
    "real_stub",
    "port",
    "port_width",
    "port_shift",
    "port_divisor",
    "port_line",
    "stub",
    "stub_end",
    "xxh64_region",
    "sha256_region",
    "verify_regions",
    "CODE_SIZE",
    "stack_top",
    "memory_end",
    "FLAG_VERIFY",
    "FLAG_SERIAL",
    "FLAG_VGA",
    "FLAG_SHA",
    "FLAG_XXH64",
    "FLAG_ENTRY32",
    "FLAG_LEGACY",
    "FLAG_ENTRY16",
    "REGION_MAX",
    "REGION_ADDRESS",
    "REGION_LENGTH",
    "REGION_DIGEST",
    "REGION_SIZE",
  ],
};

/** The source of src/arch/arm64. */
export const ARM64: Target = {
  folder: "arm64",
  machine: "aarch64",
  options: [],
  disassembler: "aarch64",
  symbols: [
    "layout",
    "LAYOUT_NUMBER",
    "entry",
    "handover",
    "uart",
    "region_count",
    "flags",
    "regions",
    "prepare",
    "xxh64_region",
    "sha256_region",
    "sha256_blocks_plain",
    "sha256_blocks_vector",
    "round_constants",
    "stack_top",
    "FLAG_VERIFY",
    "FLAG_PLAIN",
    "FLAG_XXH64",
    "REGION_MAX",
    "REGION_ADDRESS",
    "REGION_LENGTH",
    "REGION_DIGEST",
    "REGION_SIZE",
  ],
};

/** Every machine with a purgatory. */
export const TARGETS: readonly Target[] = [X86_64, ARM64];

/** The plain names of binutils are those of the machine that the tests run on. */
function prefix({ machine }: Target): string {
  return Deno.build.arch === machine ? "" : `${machine}-linux-gnu-`;
}

/** Whether there are binutils for a machine here: those for another one than this are optional. */
export async function canAssemble(target: Target): Promise<boolean> {
  try {
    return (await new Deno.Command(`${prefix(target)}as`, { args: ["--version"], stdout: "null" }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Machine code as it lies in memory, and the symbols of its source. */
export interface Assembled {
  readonly code: Uint8Array;
  /** Labels as offsets in the code, bytes; constants as they were set. */
  readonly symbols: ReadonlyMap<string, number>;
}

/**
 * Assembles source for GNU as into flat, position independent code.
 * @throws {Error} if binutils is missing, the source is wrong, or it needs a relocation
 */
export async function assemble(source: string, target: Target = X86_64): Promise<Assembled> {
  const folder = await Deno.makeTempDir({ prefix: "warmboot-as-" });
  try {
    const input = join(folder, "source.S");
    const object = join(folder, "object.o");
    const flat = join(folder, "flat.bin");
    await Deno.writeTextFile(input, source);
    await run(target, "as", [...target.options, "-I", sourceFolder(target), "--fatal-warnings", "-o", object, input]);
    const relocations = await run(target, "objdump", ["--reloc", object]);
    if (/\bR_[A-Z0-9_]+/.test(relocations)) throw new Error(`Cannot place the code anywhere:\n${relocations}`);
    await run(target, "objcopy", ["-O", "binary", "-j", ".text", object, flat]);
    const symbols = (await run(target, "nm", [object])).trimEnd().split("\n").map((line) => {
      const [value = "", , name = ""] = line.split(" ");
      return [name, Number(`0x${value}`)] as const;
    });
    return { code: await Deno.readFile(flat), symbols: new Map(symbols) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The instructions of flat code, from one offset up to another, as objdump writes them. */
export async function disassemble(
  code: Uint8Array,
  start: number,
  stop: number,
  target: Target = X86_64,
): Promise<string> {
  const file = await Deno.makeTempFile({ prefix: "warmboot-objdump-" });
  try {
    await Deno.writeFile(file, code);
    const range = [`--start-address=${start}`, `--stop-address=${stop}`];
    return await run(target, "objdump", ["-D", "-b", "binary", "-m", target.disassembler, ...range, file]);
  } finally {
    await Deno.remove(file);
  }
}

/** The source of the purgatory, which includes others of its folder. */
export function purgatorySource(target: Target = X86_64): string {
  return sourceOf(target, "purgatory");
}

function sourceOf(target: Target, name: string): string {
  return Deno.readTextFileSync(join(sourceFolder(target), `${name}.S`));
}

function sourceFolder({ folder }: Target): string {
  return join(ROOT, "src", "arch", folder);
}

/** The text of a machine's purgatory_code.ts, made from the assembly source. */
export function purgatoryModule(target: Target = X86_64): Promise<string> {
  return codeModule("purgatory", target.symbols, target);
}

/** The text of entry_stub_code.ts. */
export function entryStubModule(): Promise<string> {
  return codeModule("entry_stub", ["startup", "loadflags", "KASLR_FLAG"], X86_64);
}

/** The module of NAME.S: its bytes, and those of its symbols that the code must know. */
async function codeModule(name: string, names: readonly string[], target: Target): Promise<string> {
  const { code, symbols } = await assemble(sourceOf(target, name), target);
  const lines = code.toBase64().match(/.{1,100}/g) ?? [];
  const what = name.replaceAll("_", " ");
  const rows = names.map((symbol) => {
    const value = symbols.get(symbol);
    if (value === undefined) throw new Error(`Cannot generate the ${what}: its source has no ${symbol}`);
    const key = symbol.toLowerCase().replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    return `  ${key}: 0x${value.toString(16)},`;
  });
  return `// Generated from ${name}.S by \`deno task generate\`.

/** Labels of the ${what}, as offsets in its bytes, and its constants. */
export const ${name.toUpperCase()}_SYMBOLS = {
${rows.join("\n")}
} as const;

/** The ${what}'s bytes in base64, with line breaks. */
export const ${name.toUpperCase()}_CODE = \`
${lines.join("\n")}
\`;
`;
}

async function run(target: Target, tool: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await spawn(target, prefix(target) + tool, args);
  if (!success) throw new Error(`Cannot run ${tool}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

async function spawn({ machine }: Target, command: string, args: readonly string[]): Promise<Deno.CommandOutput> {
  try {
    return await new Deno.Command(command, { args: [...args], stdin: "null" }).output();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Error(`Cannot run ${command}: install binutils for ${machine}`, { cause });
  }
}
