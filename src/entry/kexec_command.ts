import { nearest } from "../core/nearest.ts";

/** What a kexec-tools command line asks for, as far as a profile can say it. */
export interface KexecCommand {
  readonly kernel: string;
  readonly initrd?: string;
  readonly dtb?: string;
  /** The text of `--command-line` or `--append`. */
  readonly cmdline?: string;
  /** The running command line comes first. */
  readonly reuse: boolean;
  readonly crash: boolean;
  readonly load?: "kexec_file_load" | "kexec_load";
  readonly memory: { readonly min?: string; readonly max?: string };
  /** `-i`: nothing is verified. */
  readonly unverified: boolean;
  /** Keys that are set to `true`: flags of kexec_file_load. */
  readonly flags: readonly ("no_cma" | "force_dtb")[];
  /** Options without a key in a profile, with what there is instead. */
  readonly without: readonly { readonly option: string; readonly instead: string }[];
}

/** A command line that was read, or why it was not. */
export type ReadCommand =
  | { readonly kind: "command"; readonly command: KexecCommand }
  | { readonly kind: "fault"; readonly message: string; readonly hint?: string };

/** The key of a profile that an option sets. */
type Effect =
  | { readonly key: "crash" | "reuse" | "unverified" }
  | { readonly key: "no_cma" | "force_dtb" }
  | { readonly key: "initrd" | "dtb" | "cmdline" | "memoryMin" | "memoryMax" }
  | { readonly key: "load"; readonly value: "kexec_file_load" | "kexec_load" | undefined }
  /** It says what a profile says by being one. */
  | { readonly key: "nothing" }
  /** Completes "`OPTION`: ...". */
  | { readonly key: "without"; readonly instead: string };

interface Option {
  readonly long: string;
  readonly short?: string;
  readonly takesValue?: true;
  readonly effect: Effect;
}

const without = (instead: string): Effect => ({ key: "without", instead });

/** The options of kexec(8), kexec-tools 2.0.29, for x86 and arm64. */
export const KEXEC_OPTIONS: readonly Option[] = [
  { long: "load", short: "l", effect: { key: "nothing" } },
  { long: "load-panic", short: "p", effect: { key: "crash" } },
  { long: "initrd", takesValue: true, effect: { key: "initrd" } },
  { long: "ramdisk", takesValue: true, effect: { key: "initrd" } },
  { long: "command-line", takesValue: true, effect: { key: "cmdline" } },
  { long: "append", takesValue: true, effect: { key: "cmdline" } },
  { long: "reuse-cmdline", effect: { key: "reuse" } },
  { long: "kexec-file-syscall", short: "s", effect: { key: "load", value: "kexec_file_load" } },
  { long: "kexec-syscall", short: "c", effect: { key: "load", value: "kexec_load" } },
  { long: "kexec-syscall-auto", short: "a", effect: { key: "load", value: undefined } },
  { long: "no-checks", short: "i", effect: { key: "unverified" } },
  { long: "mem-min", takesValue: true, effect: { key: "memoryMin" } },
  { long: "mem-max", takesValue: true, effect: { key: "memoryMax" } },
  { long: "dtb", takesValue: true, effect: { key: "dtb" } },
  { long: "type", short: "t", takesValue: true, effect: without("a file is what its content says") },
  { long: "force", short: "f", effect: without("`warmboot load --exec --now PROFILE` jumps without a shutdown") },
  { long: "exec", short: "e", effect: without("`warmboot exec` reboots into what is loaded") },
  { long: "unload", short: "u", effect: without("`warmboot unload` unloads, with `--crash` the crash kernel") },
  { long: "no-ifdown", short: "x", effect: without("`warmboot exec --now` leaves network interfaces up") },
  { long: "no-sync", short: "y", effect: without("`warmboot exec --now` always writes file systems to disk first") },
  {
    long: "debug",
    short: "d",
    effect: without(
      "`warmboot plan PROFILE` shows what would be loaded; `debug: true` has the kernel write what it does",
    ),
  },
  { long: "status", short: "S", effect: without("`warmboot status` says what is loaded") },
  {
    long: "load-preserve-context",
    effect: without("`preserve_context: true` is for explicit segments, not for a whole kernel"),
  },
  { long: "load-jump-back-helper", effect: without("a kernel does not jump back to the one before it") },
  {
    long: "entry",
    takesValue: true,
    effect: without("the entry is the kernel's own; only explicit segments state one"),
  },
  { long: "hotplug", effect: without("a crash kernel has it by itself, where the running kernel can") },
  { long: "no-cma", effect: { key: "no_cma" } },
  { long: "force-dtb", effect: { key: "force_dtb" } },
  { long: "pass-memmap-cmdline", effect: without("a crash kernel gets its memory map in boot_params") },
  { long: "console-serial", effect: without("purgatory always writes to the first serial port") },
  { long: "console-vga", effect: without("purgatory always writes to a VGA text screen") },
  { long: "serial", takesValue: true, effect: without("purgatory writes to the first serial port") },
  { long: "serial-baud", takesValue: true, effect: without("purgatory leaves the port's speed as it is") },
  {
    long: "noefi",
    effect: without("EFI is handed over whole; `noefi` on the command line makes the kernel ignore it"),
  },
  { long: "real-mode", effect: without("a kernel is entered in real mode where it has no other entry") },
  { long: "entry-32bit", effect: without("the plan chooses the entry") },
  { long: "module", takesValue: true, effect: without("`modules: [{ path, cmdline }]` names them, in this order") },
  { long: "args-linux", effect: without("parameters are for Linux in any case") },
  { long: "args-elf", effect: without("an ELF file that is not Linux gets no parameters") },
  { long: "args-none", effect: without("a kernel always gets its parameters") },
];

/** Reads a command line of kexec(8) as a shell and getopt_long(3) do. */
export function readKexecCommand(line: string): ReadCommand {
  const split = splitWords(line);
  if (split.kind === "fault") return split;
  // As after `sudo`.
  const program = split.words.findIndex((word) => word === "kexec" || word.endsWith("/kexec"));
  const args = split.words.slice(program + 1);
  const given: { readonly effect: Effect; readonly written: string; readonly value: string }[] = [];
  const files: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? "";
    if (word === "--") {
      files.push(...args.slice(at + 1));
      break;
    }
    if (word.startsWith("--")) {
      const [name = "", ...rest] = word.slice(2).split("=");
      const option = longOption(name);
      if (option === undefined) return unknown(`--${name}`);
      const inline = rest.length > 0 ? rest.join("=") : undefined;
      if (option.takesValue !== true && inline !== undefined) {
        return { kind: "fault", message: `\`--${option.long}\` of kexec takes no value` };
      }
      const value = option.takesValue === true ? inline ?? args[++at] : "";
      if (value === undefined) return lacksValue(`--${option.long}`);
      given.push({ effect: option.effect, written: `--${option.long}`, value });
    } else if (word.startsWith("-") && word.length > 1) {
      for (let letter = 1; letter < word.length; letter++) {
        const short = word[letter] ?? "";
        const option = KEXEC_OPTIONS.find((each) => each.short === short);
        if (option === undefined) return unknown(`-${short}`);
        const rest = word.slice(letter + 1);
        const value = option.takesValue !== true ? "" : rest !== "" ? rest : args[++at];
        if (value === undefined) return lacksValue(`-${short}`);
        given.push({ effect: option.effect, written: `-${short}`, value });
        if (option.takesValue === true) break;
      }
    } else files.push(word);
  }
  const [kernel, ...more] = files;
  if (kernel === undefined) {
    const instead = given.map(({ effect }) => effect.key === "without" ? effect.instead : undefined).find((each) =>
      each
    );
    return {
      kind: "fault",
      message: "The kexec command names no kernel",
      ...(instead === undefined ? {} : { hint: instead }),
    };
  }
  if (more.length > 0) {
    return {
      kind: "fault",
      message: `The kexec command names several kernels: ${files.map((file) => `\`${file}\``).join(", ")}`,
      hint: 'Quote a command line that has spaces: --append="root=/dev/sda1 ro"',
    };
  }
  return { kind: "command", command: commandOf(kernel, given) };
}

function commandOf(
  kernel: string,
  written: readonly { readonly effect: Effect; readonly written: string; readonly value: string }[],
): KexecCommand {
  const load = written.map(({ effect }) => effect).findLast((effect) => effect.key === "load");
  const ignored = IGNORED_WITH[load?.value ?? ""] ?? [];
  const given = written.map((option) =>
    ignored.includes(option.effect.key)
      ? { ...option, effect: without(`${load?.value} has no use for it, and kexec-tools ignores it there`) }
      : option
  );
  const has = (key: Effect["key"]): boolean => given.some(({ effect }) => effect.key === key);
  /** The last one counts. */
  const last = (key: Effect["key"]): string | undefined => given.findLast(({ effect }) => effect.key === key)?.value;
  const [initrd, dtb, cmdline, min, max] = (["initrd", "dtb", "cmdline", "memoryMin", "memoryMax"] as const).map(last);
  const running = cmdline === undefined ? { text: undefined, reuse: false } : withoutRunning(cmdline);
  return {
    kernel,
    ...(initrd === undefined ? {} : { initrd }),
    ...(dtb === undefined ? {} : { dtb }),
    ...(running.text === undefined ? {} : { cmdline: running.text }),
    reuse: has("reuse") || running.reuse,
    crash: has("crash"),
    ...(load?.value === undefined ? {} : { load: load.value }),
    memory: { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) },
    unverified: has("unverified"),
    flags: (["no_cma", "force_dtb"] as const).filter(has),
    without: given.flatMap(({ effect, written }) =>
      effect.key === "without" ? [{ option: written, instead: effect.instead }] : []
    ),
  };
}

/** Options that one of the calls has no use for; kexec-tools ignores them there. */
const IGNORED_WITH: { readonly [load: string]: readonly Effect["key"][] } = {
  "kexec_load": ["no_cma", "force_dtb"],
  "kexec_file_load": ["unverified", "memoryMin", "memoryMax", "dtb"],
};

/** The running command line, as it is put into `--append` by a shell. */
const RUNNING = /\$\(\s*(?:cat\s+|<\s*)\/proc\/cmdline\s*\)|`\s*cat\s+\/proc\/cmdline\s*`/;

function withoutRunning(text: string): { readonly text: string | undefined; readonly reuse: boolean } {
  if (!RUNNING.test(text)) return { text, reuse: false };
  const rest = text.replace(RUNNING, " ").trim();
  return { text: rest === "" ? undefined : rest, reuse: true };
}

/** A long option by its name, or by the start of its name if no other has it. */
function longOption(name: string): Option | undefined {
  const exact = KEXEC_OPTIONS.find(({ long }) => long === name);
  if (exact !== undefined) return exact;
  const starting = KEXEC_OPTIONS.filter(({ long }) => long.startsWith(name));
  return starting.length === 1 ? starting[0] : undefined;
}

function unknown(option: string): ReadCommand {
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

function lacksValue(option: string): ReadCommand {
  return { kind: "fault", message: `\`${option}\` of kexec requires a value` };
}

/** What a shell would put in place, and a profile has a variable for. */
const SUBSTITUTIONS: readonly { readonly found: RegExp; readonly variable: string }[] = [
  { found: /\$\(\s*uname\s+-r\s*\)|`\s*uname\s+-r\s*`/g, variable: "${release}" },
  { found: /\$\(\s*uname\s+-m\s*\)|`\s*uname\s+-m\s*`/g, variable: "${machine}" },
];

/** A path with the shell's substitutions as variables of a profile; undefined where others are left. */
export function profilePath(path: string): string | undefined {
  const replaced = SUBSTITUTIONS.reduce((text, { found, variable }) => text.replaceAll(found, () => variable), path);
  return /\$\(|`|\$(?!\{(?:release|machine)\})/.test(replaced) ? undefined : replaced;
}

/** The words of a command, as a shell splits them; substitutions stay as they are written. */
function splitWords(line: string):
  | { readonly kind: "words"; readonly words: readonly string[] }
  | Extract<ReadCommand, { readonly kind: "fault" }> {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < line.length; at++) {
    const character = line[at] ?? "";
    const rest = line.slice(at);
    const substitution = /^(?:\$\([^()]*\)|`[^`]*`)/.exec(rest)?.[0];
    if (substitution !== undefined) {
      word = (word ?? "") + substitution;
      at += substitution.length - 1;
    } else if (character === "'" || character === '"') {
      const quoted = (character === "'" ? /^'([^']*)'/ : /^"((?:[^"\\]|\\[^])*)"/).exec(rest);
      if (quoted === null) return { kind: "fault", message: "The kexec command has an unclosed quote" };
      const inner = quoted[1] ?? "";
      word = (word ?? "") + (character === "'" ? inner : inner.replaceAll(/\\(["\\$`])/g, "$1"));
      at += quoted[0].length - 1;
    } else if (character === "\\") {
      if (line[at + 1] !== "\n") word = (word ?? "") + (line[at + 1] ?? "");
      at++;
    } else if (/[;&|<>\n]/.test(character) && line.slice(at).trim() !== "") {
      return {
        kind: "fault",
        message: `Only one kexec command is read, and \`${character === "\n" ? "a line break" : character}\` ends it`,
        hint: "Give one command, without what comes before or after it",
      };
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + character;
  }
  if (word !== undefined) words.push(word);
  return { kind: "words", words };
}
