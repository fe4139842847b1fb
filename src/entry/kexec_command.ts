import { nearest } from "../core/nearest.ts";
import { MAX_U64 } from "../core/number.ts";
import { alignDown } from "../core/range.ts";
import { writtenPath } from "../profile/path_variables.ts";
import { type ShellWord, shellWords, textOfWord } from "./shell_words.ts";

/** What a kexec-tools command line asks for, as far as a profile can say it. Paths are written as a profile has them. */
export interface KexecCommand {
  readonly kernel: string;
  readonly initrd?: string;
  readonly dtb?: string;
  /** The modules of a Multiboot kernel, in order. */
  readonly modules: readonly { readonly path: string; readonly cmdline: string }[];
  /** The text of `--command-line` or `--append`. */
  readonly cmdline?: string;
  /** The running command line comes first. */
  readonly reuse: boolean;
  readonly crash: boolean;
  readonly load?: "kexec_file_load" | "kexec_load";
  /** Where segments may be placed; `max` is the first address that is not used, as in a profile. */
  readonly memory: { readonly min?: bigint; readonly max?: bigint };
  /** `-i`: nothing is verified. */
  readonly unverified: boolean;
  /** Keys that are set to `true`: flags of kexec_file_load. */
  readonly flags: readonly FlagKey[];
  /** Options without a key in a profile, with what there is instead. */
  readonly without: readonly { readonly option: string; readonly instead: string }[];
}

/** A command line that was read, or why it was not. */
export type ReadCommand =
  | { readonly kind: "command"; readonly command: KexecCommand }
  | { readonly kind: "fault"; readonly message: string; readonly hint?: string };

type Fault = Extract<ReadCommand, { readonly kind: "fault" }>;
type FlagKey = "no_cma" | "force_dtb";

/** What an option does to a profile. */
type Effect =
  | {
    readonly key:
      | "crash"
      | "reuse"
      | "unverified"
      | "initrd"
      | "dtb"
      | "module"
      | "cmdline"
      | "memoryMin"
      | "memoryMax"
      | FlagKey;
    /** The key of a profile, in Markdown. */
    readonly profile: string;
  }
  | {
    readonly key: "load";
    readonly value: "kexec_file_load" | "kexec_load" | undefined;
    readonly profile: string;
  }
  /** It says what a profile says by being one. */
  | { readonly key: "nothing"; readonly profile: string }
  /** There is no key for it. Completes "`OPTION` is not in the profile: ...". */
  | { readonly key: "without"; readonly instead: string };

/** An option of kexec(8). */
export interface KexecOption {
  readonly long: string;
  readonly short?: string;
  /** The name of its value; undefined: it takes none. */
  readonly value?: string;
  /** The only machine that has it. */
  readonly only?: "x86";
  readonly effect: Effect;
}

const sets = (key: Exclude<Effect["key"], "load" | "nothing" | "without">, profile: string): Effect => ({
  key,
  profile,
});
const without = (instead: string): Effect => ({ key: "without", instead });

const NO_XEN = without("in Xen's control domain a kexec is a hypercall, which warmboot does not make");

/**
 * The options of kexec(8) for x86 and arm64: kexec/kexec.h, kexec/arch/i386/include/arch/options.h and
 * kexec/arch/arm64/include/arch/options.h of kexec-tools 2.0.32, and what came after it: `--no-cma` and `--force-dtb`.
 * docs/kexec-tools.md is made from it.
 */
export const KEXEC_OPTIONS: readonly KexecOption[] = [
  {
    long: "load",
    short: "l",
    effect: { key: "nothing", profile: "`warmboot load PROFILE`, with `kernel:` in the profile" },
  },
  { long: "load-panic", short: "p", effect: sets("crash", "`crash: true`") },
  { long: "initrd", value: "FILE", effect: sets("initrd", "`initrd: FILE`, or a list of files") },
  { long: "ramdisk", value: "FILE", effect: sets("initrd", "`initrd: FILE`, or a list of files") },
  { long: "command-line", value: "TEXT", effect: sets("cmdline", "`cmdline: TEXT`") },
  { long: "append", value: "TEXT", effect: sets("cmdline", "`cmdline: TEXT`") },
  {
    long: "reuse-cmdline",
    effect: sets("reuse", "`cmdline: { reuse: true }`; with `--append=TEXT` too, `{ reuse: true, append: TEXT }`"),
  },
  {
    long: "kexec-file-syscall",
    short: "s",
    effect: { key: "load", value: "kexec_file_load", profile: "`load: kexec_file_load`" },
  },
  {
    long: "kexec-syscall",
    short: "c",
    effect: { key: "load", value: "kexec_load", profile: "`load: kexec_load`" },
  },
  {
    long: "kexec-syscall-auto",
    short: "a",
    effect: { key: "load", value: undefined, profile: "`load: auto`, the default with both" },
  },
  { long: "no-checks", short: "i", effect: sets("unverified", "`checksum: false`") },
  { long: "mem-min", value: "ADDRESS", effect: sets("memoryMin", "`memory: { min: ADDRESS }`") },
  {
    long: "mem-max",
    value: "ADDRESS",
    effect: sets(
      "memoryMax",
      "`memory: { max: ADDRESS }`, the first address that is not used; kexec's is the last that is used",
    ),
  },
  { long: "dtb", value: "FILE", effect: sets("dtb", "`dtb: FILE`; kexec uses it on arm64 only") },
  {
    long: "module",
    value: "'FILE TEXT'",
    only: "x86",
    effect: sets("module", "`modules: [{ path: FILE, cmdline: TEXT }]`"),
  },
  { long: "no-cma", effect: sets("no_cma", "`no_cma: true`") },
  { long: "force-dtb", effect: sets("force_dtb", "`force_dtb: true`") },
  { long: "type", short: "t", value: "TYPE", effect: without("a file is what its content says") },
  {
    long: "force",
    short: "f",
    effect: without("`warmboot load --exec --now PROFILE` loads and jumps without a shutdown"),
  },
  {
    long: "exec",
    short: "e",
    effect: without("`warmboot exec` shuts the system down and jumps; `warmboot exec --now` only jumps"),
  },
  { long: "unload", short: "u", effect: without("`warmboot unload` unloads, with `--crash` the crash kernel") },
  {
    long: "status",
    short: "S",
    effect: without("`warmboot status` says what is loaded; with `-S`, kexec loads nothing"),
  },
  {
    long: "no-ifdown",
    short: "x",
    effect: without("`warmboot exec --now` always takes network interfaces down"),
  },
  {
    long: "no-sync",
    short: "y",
    effect: without("`warmboot exec --now` always writes file systems to disk first"),
  },
  {
    long: "debug",
    short: "d",
    effect: without(
      "`warmboot plan PROFILE` shows what would be loaded; `debug: true` has the kernel write what it does",
    ),
  },
  {
    long: "load-preserve-context",
    effect: without("`preserve_context: true` is for explicit segments, not for a whole kernel"),
  },
  { long: "load-jump-back-helper", effect: without("a kernel does not jump back to the one before it") },
  {
    long: "entry",
    value: "ADDRESS",
    effect: without("the entry is the kernel's own; only explicit segments state one"),
  },
  { long: "hotplug", effect: without("a crash kernel has it by itself, where the running kernel can") },
  {
    long: "reuseinitrd",
    effect: without("an initrd is a file; the one that the running kernel was started with is not kept"),
  },
  {
    long: "pass-memmap-cmdline",
    only: "x86",
    effect: without("a crash kernel gets its memory map in boot_params"),
  },
  {
    long: "elf32-core-headers",
    only: "x86",
    effect: without("the header that describes the memory is ELF64"),
  },
  { long: "elf64-core-headers", only: "x86", effect: without("the header that describes the memory is ELF64 already") },
  {
    long: "console-serial",
    only: "x86",
    effect: without("purgatory always writes to the serial port that the command line names"),
  },
  { long: "console-vga", only: "x86", effect: without("purgatory always writes to a VGA text screen") },
  { long: "serial", value: "PORT", effect: without("purgatory writes to the serial port that the command line names") },
  {
    long: "serial-baud",
    value: "RATE",
    only: "x86",
    effect: without("purgatory sets the speed that the command line names"),
  },
  { long: "reset-vga", only: "x86", effect: without("purgatory leaves the screen as it is") },
  {
    long: "reuse-video-type",
    only: "x86",
    effect: without("a kernel always gets the screen as the running one was started with"),
  },
  {
    long: "noefi",
    only: "x86",
    effect: without("EFI is handed over whole; `noefi` on the command line makes the kernel ignore it"),
  },
  {
    long: "real-mode",
    only: "x86",
    effect: without("a kernel is entered in real mode where it has no other entry"),
  },
  {
    long: "entry-32bit",
    only: "x86",
    effect: without("a kernel is entered in 32-bit mode where its 64-bit entry is missing or cannot be used"),
  },
  { long: "args-linux", only: "x86", effect: without("parameters are for Linux in any case") },
  { long: "args-elf", only: "x86", effect: without("an ELF file that is not Linux gets no parameters") },
  { long: "args-none", only: "x86", effect: without("a kernel always gets its parameters") },
  { long: "print-ckr-size", effect: without("`warmboot status` shows what is reserved for a crash kernel") },
  { long: "load-live-update", effect: NO_XEN },
  { long: "exec-live-update", effect: NO_XEN },
  { long: "help", short: "h", effect: without("`warmboot --help` lists the commands") },
  { long: "version", short: "v", effect: without("`warmboot --version` names the version") },
];

/** What kexec does besides where none of {@link NO_SHUTDOWN} is given. */
export const PLAIN_KERNEL = "without `-l`, kexec also shuts the system down, as `warmboot load --exec PROFILE` does";

/** Options with which kexec does not shut the system down (`do_shutdown` in kexec/kexec.c). */
const NO_SHUTDOWN: readonly string[] = [
  "load",
  "load-panic",
  "load-preserve-context",
  "load-live-update",
  "load-jump-back-helper",
  "exec-live-update",
  "exec",
  "force",
  "unload",
  "status",
];

/** An option as it was given. */
interface Given {
  readonly option: KexecOption;
  readonly effect: Effect;
  /** As it was written, without its value. */
  readonly written: string;
  readonly value: ShellWord;
}

/** Reads a command line of kexec(8) as a shell and getopt_long(3) do. */
export function readKexecCommand(line: string): ReadCommand {
  const split = shellWords(line);
  if (split.kind === "fault") return split;
  const args = argumentsOf(split.words);
  if (args === undefined) {
    const first = split.words.find((word) => !ASSIGNMENT.test(textOfWord(word)));
    return {
      kind: "fault",
      message: first === undefined
        ? "The kexec command is empty"
        : `The command is not kexec, but \`${textOfWord(first)}\``,
      hint: "Give the whole command: kexec -l /boot/vmlinuz --initrd=/boot/initrd.img --reuse-cmdline",
    };
  }
  const read = readOptions(args);
  if (read.kind === "fault") return read;
  const { given, files } = read;
  const [kernel, ...more] = files;
  if (kernel === undefined) {
    const instead = given.map(({ effect }) => effect.key === "without" ? effect.instead : undefined)
      .find((each) => each !== undefined);
    return {
      kind: "fault",
      message: "The kexec command names no kernel",
      ...(instead === undefined ? {} : { hint: instead }),
    };
  }
  if (more.length > 0) {
    return {
      kind: "fault",
      message: `The kexec command names several kernels: ${files.map((file) => `\`${textOfWord(file)}\``).join(", ")}`,
      hint: 'Quote a command line that has spaces: --append="root=/dev/sda1 ro"',
    };
  }
  return commandOf(kernel, given);
}

/** A variable that is set for a command. */
const ASSIGNMENT = /^[A-Za-z_]\w*=/;

/** Commands that run another one. */
const WRAPPERS: readonly string[] = ["sudo", "doas", "env", "exec", "command", "nice", "ionice", "time", "nohup"];

/** What comes after `kexec`, which may come after variables and `sudo`; undefined for another command. */
function argumentsOf(words: readonly ShellWord[]): readonly ShellWord[] | undefined {
  const names = words.map(textOfWord);
  const isKexec = (name: string): boolean => name === "kexec" || name.endsWith("/kexec");
  const first = names.findIndex((name) => !ASSIGNMENT.test(name));
  const name = names[first];
  if (name === undefined) return undefined;
  if (isKexec(name)) return words.slice(first + 1);
  const program = WRAPPERS.includes(name.split("/").at(-1) ?? "") ? names.findIndex(isKexec) : -1;
  return program < 0 ? undefined : words.slice(program + 1);
}

function readOptions(args: readonly ShellWord[]):
  | { readonly kind: "options"; readonly given: readonly Given[]; readonly files: readonly ShellWord[] }
  | Fault {
  const given: Given[] = [];
  const files: ShellWord[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? [];
    const [start] = word;
    const text = start?.kind === "text" ? start.text : "";
    if (text === "--" && word.length === 1) {
      files.push(...args.slice(at + 1));
      break;
    }
    if (text.startsWith("--")) {
      const [name = ""] = text.slice(2).split("=");
      const found = longOptions(name);
      const [option] = found;
      if (option === undefined) return unknown(`--${name}`);
      if (found.length > 1) return ambiguous(name, found);
      const inline = text.includes("=") ? dropStart(word, name.length + 3) : undefined;
      if (option.value === undefined && inline !== undefined) {
        return { kind: "fault", message: `\`--${option.long}\` of kexec takes no value` };
      }
      const value = option.value === undefined ? [] : inline ?? args[++at];
      if (value === undefined) return lacksValue(`--${option.long}`);
      given.push({ option, effect: option.effect, written: `--${option.long}`, value });
    } else if (text.startsWith("-") && text.length > 1) {
      for (let letter = 1; letter < text.length; letter++) {
        const short = text[letter] ?? "";
        const option = KEXEC_OPTIONS.find((each) => each.short === short);
        if (option === undefined) return unknown(`-${short}`);
        const rest = dropStart(word, letter + 1);
        const value = option.value === undefined ? [] : textOfWord(rest) !== "" ? rest : args[++at];
        if (value === undefined) return lacksValue(`-${short}`);
        given.push({ option, effect: option.effect, written: `-${short}`, value });
        if (option.value !== undefined) break;
      }
    } else files.push(word);
  }
  return { kind: "options", given, files };
}

/** A word without the first characters of its text. */
function dropStart([first, ...more]: ShellWord, count: number): ShellWord {
  if (first?.kind !== "text") return more;
  const text = first.text.slice(count);
  return text === "" ? more : [{ kind: "text", text }, ...more];
}

function commandOf(kernel: ShellWord, written: readonly Given[]): ReadCommand {
  const load = written.map(({ effect }) => effect).findLast((effect) => effect.key === "load");
  const ignored = ignoredWith(load?.value, written);
  const given = written.map((each) => {
    const why = ignored.find(({ keys }) => keys.includes(each.effect.key))?.why;
    return why === undefined ? each : { ...each, effect: without(why) };
  });
  const has = (key: Effect["key"]): boolean => given.some(({ effect }) => effect.key === key);
  /** The last one counts. */
  const last = (key: Effect["key"]): Given | undefined => given.findLast(({ effect }) => effect.key === key);
  const faults: Fault[] = [];
  const path = (word: ShellWord | undefined): string | undefined => {
    const found = word === undefined ? undefined : profilePath(word);
    if (typeof found !== "object") return found;
    faults.push(found);
    return undefined;
  };
  const address = (found: Given | undefined): bigint | undefined => {
    if (found === undefined) return undefined;
    const text = textOfWord(found.value);
    const value = addressOf(text);
    if (value === undefined) {
      faults.push({ kind: "fault", message: `\`${found.written}\` of kexec requires an address, not \`${text}\`` });
    }
    return value;
  };
  const [kernelPath, initrd, dtb] = [path(kernel), path(last("initrd")?.value), path(last("dtb")?.value)];
  const modules = given.filter(({ effect }) => effect.key === "module").map(({ value }) => {
    const [file, text] = splitModule(value);
    const cmdline = literal(text);
    if (typeof cmdline === "object") faults.push(cmdline);
    return { path: path(file) ?? "", cmdline: typeof cmdline === "string" ? cmdline : "" };
  });
  const cmdline = parametersOf(last("cmdline")?.value);
  if (cmdline.kind === "fault") faults.push(cmdline);
  const [min, max] = [address(last("memoryMin")), address(last("memoryMax"))];
  const [fault] = faults;
  if (fault !== undefined) return fault;
  if (kernelPath === undefined || cmdline.kind === "fault") return lacksValue("kexec");
  const end = max === undefined ? undefined : alignDown(max + 1n, PAGE);
  return {
    kind: "command",
    command: {
      kernel: kernelPath,
      ...(initrd === undefined ? {} : { initrd }),
      ...(dtb === undefined ? {} : { dtb }),
      modules,
      ...(cmdline.text === undefined ? {} : { cmdline: cmdline.text }),
      reuse: has("reuse") || cmdline.reuse,
      crash: has("crash"),
      ...(load?.value === undefined ? {} : { load: load.value }),
      memory: { ...(min === undefined ? {} : { min }), ...(end === undefined || end > MAX_U64 ? {} : { max: end }) },
      unverified: has("unverified"),
      flags: (["no_cma", "force_dtb"] as const).filter(has),
      without: [
        ...(written.some(({ option }) => NO_SHUTDOWN.includes(option.long))
          ? []
          : [{ option: "kexec KERNEL", instead: PLAIN_KERNEL }]),
        ...overridden(given),
        ...given.flatMap(({ effect, written }) =>
          effect.key === "without" ? [{ option: written, instead: effect.instead }] : []
        ),
      ],
    },
  };
}

/** Segments are whole pages, so that a bound within one is the same as its start. */
const PAGE = 4096n;

/** A number as strtoul(3) reads it with base 0. */
function addressOf(text: string): bigint | undefined {
  if (!/^(?:0x[0-9a-f]+|0[0-7]*|[1-9]\d*)$/i.test(text)) return undefined;
  const value = BigInt(/^0[0-7]/.test(text) ? `0o${text}` : text);
  return value > MAX_U64 ? undefined : value;
}

/** Options that the chosen call does not take, or that kexec does not pass to it. */
function ignoredWith(
  load: "kexec_file_load" | "kexec_load" | undefined,
  written: readonly Given[],
): readonly { readonly keys: readonly Effect["key"][]; readonly why: string }[] {
  const why = (call: string) => `${call} has no use for it, and kexec-tools ignores it there`;
  const modules = {
    keys: ["initrd"] as const,
    why: "a Multiboot kernel gets modules, and kexec-tools ignores an initrd",
  };
  const own = written.some(({ effect }) => effect.key === "module") ? [modules] : [];
  if (load === "kexec_load") return [...own, { keys: OF_FILES, why: why(load) }];
  if (load === "kexec_file_load") return [...own, { keys: OF_SEGMENTS, why: why(load) }];
  const needed = written.find(({ effect }) => OF_SEGMENTS.includes(effect.key) || effect.key === "module");
  return needed === undefined
    ? own
    : [...own, { keys: OF_FILES, why: `\`${needed.written}\` needs kexec_load, which has no use for it` }];
}

const OF_FILES: readonly Effect["key"][] = ["no_cma", "force_dtb"];
const OF_SEGMENTS: readonly Effect["key"][] = ["unverified", "memoryMin", "memoryMax", "dtb"];

/** Options that a later one of the same effect, and another value, takes the place of. */
function overridden(given: readonly Given[]): KexecCommand["without"] {
  return given.flatMap(({ effect, written, value }, at) => {
    if (!["initrd", "dtb", "cmdline", "memoryMin", "memoryMax"].includes(effect.key)) return [];
    const later = given.slice(at + 1).findLast((each) => each.effect.key === effect.key);
    if (later === undefined || textOfWord(later.value) === textOfWord(value)) return [];
    return [{
      option: `${written}=${textOfWord(value)}`,
      instead: `kexec takes only the last, ${later.written}=${textOfWord(later.value)}`,
    }];
  });
}

/** The long options of a name: the one that is so called, or those whose names start with it. */
function longOptions(name: string): readonly KexecOption[] {
  const exact = KEXEC_OPTIONS.filter(({ long }) => long === name);
  return exact.length > 0 ? exact : KEXEC_OPTIONS.filter(({ long }) => long.startsWith(name));
}

function ambiguous(name: string, found: readonly KexecOption[]): Fault {
  const names = found.map(({ long }) => `\`--${long}\``);
  return { kind: "fault", message: `\`--${name}\` of kexec may be ${names.join(" or ")}` };
}

function unknown(option: string): Fault {
  const near = nearest(
    option,
    KEXEC_OPTIONS.flatMap(({ long, short }) => [`--${long}`, ...(short === undefined ? [] : [`-${short}`])]),
  );
  return {
    kind: "fault",
    message: `\`${option}\` is not an option of kexec for x86_64 or arm64`,
    ...(near === undefined ? {} : { hint: `Did you mean \`${near}\`?` }),
  };
}

function lacksValue(option: string): Fault {
  return { kind: "fault", message: `\`${option}\` of kexec requires a value` };
}

/** What a shell would put in place, and a profile has a variable for. */
const SUBSTITUTIONS: readonly { readonly found: RegExp; readonly variable: string }[] = [
  { found: /^(?:\$\(\s*uname\s+-r\s*\)|`\s*uname\s+-r\s*`)$/, variable: "${release}" },
  { found: /^(?:\$\(\s*uname\s+-m\s*\)|`\s*uname\s+-m\s*`)$/, variable: "${machine}" },
];

/** A path as a profile has it, with the shell's substitutions as variables. */
function profilePath(word: ShellWord): string | Fault {
  let path = "";
  for (const { kind, text } of word) {
    const known = kind === "shell" ? SUBSTITUTIONS.find(({ found }) => found.test(text)) : undefined;
    if (kind !== "text" && known === undefined) return onlyShell(text, "Write the path itself");
    path += known?.variable ?? writtenPath(text);
  }
  return path === "" ? { kind: "fault", message: "A path of the kexec command is empty" } : path;
}

/** A text in which a shell replaces nothing; a pattern that matches no file stays as it is. */
function literal(word: ShellWord): string | Fault {
  const replaced = word.find(({ kind }) => kind === "shell");
  return replaced === undefined
    ? textOfWord(word)
    : onlyShell(replaced.text, "Write the parameters themselves; only `$(cat /proc/cmdline)` is understood");
}

function onlyShell(text: string, hint: string): Fault {
  return { kind: "fault", message: `\`${text}\` in the kexec command is something that only a shell replaces`, hint };
}

/** The running command line, as it is put into `--append` by a shell. */
const RUNNING = /^(?:\$\(\s*(?:cat\s+|<\s*)\/proc\/cmdline\s*\)|`\s*cat\s+\/proc\/cmdline\s*`)$/;

/** The parameters, and whether the running ones come first. */
function parametersOf(
  word: ShellWord | undefined,
): { readonly kind: "parameters"; readonly text: string | undefined; readonly reuse: boolean } | Fault {
  if (word === undefined) return { kind: "parameters", text: undefined, reuse: false };
  const rest = word.filter(({ kind, text }) => kind !== "shell" || !RUNNING.test(text));
  const text = literal(rest);
  if (typeof text === "object") return text;
  if (rest.length === word.length) return { kind: "parameters", text, reuse: false };
  return { kind: "parameters", text: text.trim() === "" ? undefined : text.trim(), reuse: true };
}

/** Splits `FILE TEXT` at the first space: the file of a module, and its command line. */
function splitModule(word: ShellWord): readonly [file: ShellWord, text: ShellWord] {
  const index = word.findIndex(({ kind, text }) => kind === "text" && text.includes(" "));
  const piece = word[index];
  if (piece === undefined) return [word, []];
  const space = piece.text.indexOf(" ");
  const part = (text: string): ShellWord => text === "" ? [] : [{ kind: "text", text }];
  return [
    [...word.slice(0, index), ...part(piece.text.slice(0, space))],
    [...part(piece.text.slice(space + 1)), ...word.slice(index + 1)],
  ];
}
