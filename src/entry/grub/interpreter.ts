// deno-lint-ignore-file camelcase -- names of commands as GRUB has them
import { lookUp } from "../../core/shape.ts";
import { shorten } from "../../core/text.ts";
import type { Diagnostic } from "../../core/diagnostic.ts";
import { MOST_SHOWN } from "../../host/many_problems.ts";
import { kindAt, textAt } from "../boot_files.ts";
import { parseGrubenv } from "../grubenv.ts";
import { type BlsEntries, blsEntries } from "./bls_entries.ts";
import { blsukiOptions, newBlsEntries, shownBy, ukiEntries } from "./blsuki.ts";
import { type GrubHost, isDeviceName, pathOnHost, searchFile, testFile } from "./devices.ts";
import { ASSIGNS, STARTS_OTHER, WITHOUT_EFFECT } from "./known_commands.ts";
import { type Block, parseScript, type Statement, type Word } from "./script.ts";
import { copyState, exportedVariables, type Loaded, mergeState, NOTHING, type Place, type State } from "./state.ts";
import { evaluateTest } from "./test_command.ts";
import { isKnown, not, type Unknown, type Value } from "./value.ts";

/** What is run, and what came of it. */
export interface Run {
  readonly host: GrubHost;
  /** As in command.lst: x86_64-efi. Undefined: not known. */
  readonly platform: string | undefined;
  /** The first of them; nobody reads more. */
  readonly warnings: Diagnostic[];
  /** How many there are besides. */
  moreWarnings: number;
  /** The commands of the installed GRUB and their modules, by the path of their list. */
  readonly commands: Map<string, ReadonlyMap<string, string>>;
  /** The partition that GRUB was started from, as the number of its device; undefined: not known. */
  readonly bootDevice: string | undefined;
  /** Where each block of variables was read from. */
  readonly environments: { readonly path: string; readonly values: ReadonlyMap<string, string> }[];
  /** Why the result cannot be known. */
  fault: Diagnostic | undefined;
  /** The file whose menu is shown, where another one was given over to (`configfile`). */
  config: string;
  /** Where `default` was set. */
  defaultSetAt: Place | undefined;
  steps: number;
  depth: number;
}

/** How a block ended. */
type Signal = "next" | "break" | "continue" | "return" | "stop";

/** A block, its file, and the arguments of the function or entry that it is of. */
interface Scope {
  readonly file: string;
  readonly args: readonly Value[];
}

/** How much work a configuration may cause: commands, variables that are copied, and texts that are read. Those of grub-mkconfig take a few thousand. */
export const STEPS_LIMIT = 300_000;

/** How deep functions and files may call each other. */
export const CALLS_LIMIT = 50;

/** Longer values than this are not built, characters: a command line of Linux has at most 32 KiB. */
export const VALUE_LIMIT = 64 << 10;

/** Variables that GRUB sets itself from what only it knows. */
const OF_GRUB = /^(?:cmdpath|fw_path|lockdown|shim_lock|check_signatures|net_\w+|pxe_\w+|boot_device|feature_\w+)$/;

/** What a script finds in a variable. */
export function variableOf(state: State, name: string): Value {
  const value = state.variables.get(name);
  if (value !== undefined) return value;
  return OF_GRUB.test(name) ? { unknown: `\`${name}\`, which GRUB sets` } : "";
}

/** Runs a file of the host. A fault, or what it defines, is in `run` and `state`. */
export function runFile(run: Run, state: State, path: string): Signal {
  const text = readText(run, path);
  if (text === undefined) {
    refuse(run, { file: path, line: 1 }, `Cannot read ${path}, which GRUB reads`);
    return "stop";
  }
  const parsed = parseScript(text.replaceAll("\r\n", "\n"));
  if (parsed.kind === "fault") {
    const source = text.split("\n")[parsed.line - 1]?.trim() ?? "";
    refuse(run, { file: path, line: parsed.line }, `${path} ${parsed.why} in \`${shorten(source)}\``);
    return "stop";
  }
  return runBlock(run, state, parsed.statements, { file: path, args: [] });
}

/** The text of a file. Each time that it is read counts as work. */
function readText(run: Run, path: string): string | undefined {
  const text = textAt(run.host.files, path);
  run.steps += (text?.length ?? 0) >> 6;
  return text;
}

/** Runs statements in order. */
export function runBlock(run: Run, state: State, block: Block, scope: Scope): Signal {
  for (const statement of block) {
    if (++run.steps > STEPS_LIMIT) {
      refuse(run, { file: scope.file, line: statement.line }, "GRUB's configuration takes too many steps to follow");
    }
    if (run.fault !== undefined) return "stop";
    const signal = runStatement(run, state, statement, scope);
    if (run.fault !== undefined) return "stop";
    if (signal !== "next") return signal;
  }
  return "next";
}

function runStatement(run: Run, state: State, statement: Statement, scope: Scope): Signal {
  const place = { file: scope.file, line: statement.line };
  switch (statement.kind) {
    case "command":
      return runCommand(run, state, statement, scope);
    case "function":
      state.functions.set(statement.name, { body: statement.body, file: scope.file });
      return "next";
    case "if":
      return runIf(run, state, statement.clauses, statement.otherwise, place, scope);
    case "for": {
      for (const value of expand(run, state, statement.words, scope, place)) {
        state.variables.set(statement.name, value);
        const signal = runBlock(run, state, statement.body, scope);
        if (signal === "break") break;
        if (signal === "return" || signal === "stop") return signal;
      }
      return "next";
    }
    case "loop":
      for (;;) {
        const signal = runBlock(run, state, statement.condition, scope);
        if (signal !== "next") return signal;
        const holds = statement.until ? not(state.status) : state.status;
        if (holds === undefined) {
          refuse(run, place, `Cannot know how often the loop at ${at(place)} runs`);
          return "stop";
        }
        if (!holds) return "next";
        const inner = runBlock(run, state, statement.body, scope);
        if (inner === "break") return "next";
        if (inner === "return" || inner === "stop") return inner;
      }
  }
}

type Clauses = Extract<Statement, { readonly kind: "if" }>["clauses"];

/** Where a condition is not known, both ways are taken, and what they leave different is unknown. */
function runIf(
  run: Run,
  state: State,
  clauses: Clauses,
  otherwise: Block,
  place: Place,
  scope: Scope,
): Signal {
  for (const [index, { condition, body }] of clauses.entries()) {
    const signal = runBlock(run, state, condition, scope);
    if (signal !== "next") return signal;
    if (state.status === true) return runBlock(run, state, body, scope);
    if (state.status === false) continue;
    run.steps += state.variables.size + state.functions.size + state.menu.length;
    const other = copyState(state);
    const taken = runBlock(run, state, body, scope);
    const left = runIf(run, other, clauses.slice(index + 1), otherwise, place, scope);
    if (run.fault !== undefined) return "stop";
    if (taken !== left) {
      refuse(run, place, `What comes after ${at(place)} depends on a condition that only GRUB knows`);
      return "stop";
    }
    mergeState(state, other, `the condition at ${at(place)}`);
    return taken;
  }
  return runBlock(run, state, otherwise, scope);
}

function at({ file, line }: Place): string {
  return `${file}:${line}`;
}

function refuse(run: Run, place: Place, message: string, hint?: string): void {
  run.fault ??= scriptProblem("error", run, place, message, hint);
}

function scriptProblem(
  severity: Diagnostic["severity"],
  run: Run,
  { file, line }: Place,
  message: string,
  hint?: string,
): Diagnostic {
  const source = textAt(run.host.files, file)?.split("\n")[line - 1] ?? "";
  return {
    code: "boot-script",
    severity,
    message,
    position: {
      file,
      line,
      column: 1,
      length: Math.max(1, source.length),
      ...(source === "" || source.length > 500 ? {} : { source }),
    },
    ...(hint === undefined ? {} : { hint }),
  };
}

/** A word may become none, or several: a variable without quotes is split. */
function expand(run: Run, state: State, words: readonly Word[], scope: Scope, place: Place): readonly Value[] {
  return words.flatMap((word): readonly Value[] => {
    const args: string[] = [];
    let current: string | undefined;
    let unknown: Unknown | undefined;
    const append = (text: string): void => {
      if (unknown !== undefined) return;
      current = (current ?? "") + text;
      run.steps += text.length >> 6;
      if (current.length > VALUE_LIMIT) {
        refuse(run, place, `A value at ${at(place)} is longer than ${VALUE_LIMIT} bytes`);
      }
    };
    for (const part of word.parts) {
      if (part.kind !== "variable") {
        append(part.text);
        continue;
      }
      const values = valuesOf(state, part.name, scope);
      for (const [index, value] of values.entries()) {
        if (index > 0 && current !== undefined) {
          args.push(current);
          current = undefined;
        }
        if (!isKnown(value)) unknown ??= { unknown: value.unknown, prefix: current ?? "" };
        else if (part.isQuoted) append(value);
        else {
          const pieces = value.split(/\s+/).filter((piece) => piece !== "");
          for (const [count, piece] of pieces.entries()) {
            if (count > 0 && current !== undefined) {
              args.push(current);
              current = undefined;
            }
            append(piece);
          }
        }
      }
    }
    if (unknown !== undefined) return [...args, unknown];
    const whole = current === undefined ? args : [...args, current];
    // Only where a module is loaded that does so, and only for what looks like a path.
    return word.isPattern
      ? whole.map((each) => /^[(/]/.test(each) ? { unknown: `the files that match ${each}` } : each)
      : whole;
  });
}

function valuesOf(state: State, name: string, { args }: Scope): readonly Value[] {
  if (name === "?") {
    return [state.status === undefined ? { unknown: "whether a command succeeds" } : state.status ? "0" : "1"];
  }
  if (name === "#") return [String(args.length)];
  if (name === "@") return args;
  if (name === "*") return args.every(isKnown) ? [args.join(" ")] : args;
  if (/^\d+$/.test(name)) return args.slice(Number(name) - 1, Number(name)).filter(() => name !== "0");
  return [variableOf(state, name)];
}

type Command = Extract<Statement, { readonly kind: "command" }>;

/** What a command is called with. */
interface Call {
  readonly run: Run;
  readonly state: State;
  readonly scope: Scope;
  readonly place: Place;
  readonly name: string;
  readonly args: readonly Value[];
  readonly block: Block | undefined;
}

function runCommand(run: Run, state: State, statement: Command, scope: Scope): Signal {
  const place = { file: scope.file, line: statement.line };
  const [first, ...rest] = expand(run, state, statement.words, scope, place);
  if (first === undefined) {
    state.status = true;
    return "next";
  }
  if (!isKnown(first)) {
    const assigned = assignedName(first);
    if (assigned !== undefined) {
      state.variables.set(assigned, first);
      state.status = true;
    } else refuse(run, place, `Which command ${at(place)} runs depends on ${first.unknown}`);
    return "next";
  }
  const isInverted = first === "!";
  const [name, args] = isInverted ? [rest[0] ?? "", rest.slice(1)] : [first, rest];
  if (!isKnown(name)) {
    refuse(run, place, `Which command ${at(place)} runs depends on ${name.unknown}`);
    return "stop";
  }
  const signal = callCommand({ run, state, scope, place, name, args, block: statement.block });
  if (isInverted) state.status = not(state.status);
  return signal;
}

function assignedName({ prefix = "" }: Unknown): string | undefined {
  return /^([A-Za-z_]\w*)=/.exec(prefix)?.[1];
}

function callCommand(call: Call): Signal {
  const { run, state, place, name, args } = call;
  const interpreted = lookUp(COMMANDS, name);
  if (interpreted !== undefined) return interpreted(call) ?? "next";
  if (WITHOUT_EFFECT.has(name)) {
    if (name === "fwsetup" && args.length === 0) return refuseOther(call, "opens the setup of the firmware");
    state.status = undefined;
    return "next";
  }
  const assigns = lookUp(ASSIGNS, name);
  if (assigns !== undefined) {
    const names = args.every(isKnown) ? assigns(args) : undefined;
    if (names === undefined) refuse(run, place, `Which variable ${at(place)} sets depends on what only GRUB knows`);
    for (const each of names ?? []) state.variables.set(each, { unknown: `what \`${name}\` finds at ${at(place)}` });
    state.status = undefined;
    return "next";
  }
  const other = lookUp(STARTS_OTHER, name);
  if (other !== undefined) return refuseOther(call, other);
  const called = state.functions.get(name);
  if (called !== undefined) return callFunction(call, called);
  const assigned = /^([A-Za-z_]\w*)=([^]*)$/.exec(name);
  if (assigned !== null) {
    setVariable(call, assigned[1] ?? "", assigned[2] ?? "");
    state.status = true;
    return "next";
  }
  return unknownCommand(call);
}

function callFunction(
  { run, state, place, name, args }: Call,
  called: NonNullable<ReturnType<State["functions"]["get"]>>,
): Signal {
  if ("unknown" in called) {
    refuse(run, place, `What the function \`${name}\` does depends on ${called.unknown}`);
    return "stop";
  }
  const signal = nested(run, place, () => runBlock(run, state, called.body, { file: called.file, args }));
  return signal === "stop" ? "stop" : "next";
}

function nested(run: Run, place: Place, action: () => Signal): Signal {
  if (run.depth >= CALLS_LIMIT) {
    refuse(run, place, `Functions and files call each other more than ${CALLS_LIMIT} deep at ${at(place)}`);
    return "stop";
  }
  run.depth++;
  const signal = action();
  run.depth--;
  return signal;
}

function refuseOther({ run, place, name }: Call, what: string): Signal {
  refuse(run, place, `The command \`${name}\` ${what}, which kexec cannot do`);
  return "stop";
}

/** A command that GRUB does not have either does nothing; any other could do anything. */
function unknownCommand({ run, state, place, name }: Call): Signal {
  const list = commandList(run, state);
  if (list !== undefined && !list.has(name)) {
    if (run.warnings.length < MOST_SHOWN) run.warnings.push(missingCommand(run, place, name));
    else run.moreWarnings++;
    state.status = undefined;
    return "next";
  }
  refuse(
    run,
    place,
    `The command \`${shorten(name)}\` at ${at(place)} is not understood, and could change what GRUB boots`,
    "Name the kernel instead of `boot_entry`",
  );
  return "stop";
}

function missingCommand(run: Run, place: Place, name: string): Diagnostic {
  const message = `\`${shorten(name)}\` at ${at(place)} is neither a command of this GRUB nor a function: ` +
    "GRUB reports it and goes on";
  return scriptProblem("warning", run, place, message, MISSING_HINT);
}

/** What to do about a command that the installed GRUB does not have. */
export const MISSING_HINT = "Remove the line, or install the module of GRUB that has the command";

/** The commands of the installed GRUB, from the list that it loads modules by. */
function commandList(run: Run, state: State): ReadonlyMap<string, string> | undefined {
  const { platform, commands } = run;
  const prefix = variableOf(state, "prefix");
  if (platform === undefined || !isKnown(prefix)) return undefined;
  const found = resolve({ run, state }, `${prefix}/${platform}/command.lst`);
  if (found.kind === "unknown") return undefined;
  const known = commands.get(found.path);
  if (known !== undefined) return known;
  const text = readText(run, found.path);
  if (text === undefined) return undefined;
  const list = new Map(
    text.split("\n").map((line) => {
      const [, name = "", module = ""] = /^\*?([^:]*)(?:: *(.*))?$/.exec(line) ?? [];
      return [name, module.trim()] as const;
    }),
  );
  commands.set(found.path, list);
  return list;
}

function setVariable({ state, run, place }: Call, name: string, value: Value): void {
  state.variables.set(name, value);
  if (name === "default") run.defaultSetAt = place;
}

/** The commands that are followed. They return how to go on; undefined: with the next one. */
const COMMANDS: { readonly [name: string]: (call: Call) => Signal | void } = {
  ":": ({ state }) => void (state.status = true),
  true: ({ state }) => void (state.status = true),
  false: ({ state }) => void (state.status = false),
  test: testCommand,
  "[": testCommand,
  set: setCommand,
  unset: ({ state, args }) => {
    for (const name of args) {
      if (!isKnown(name)) continue;
      state.variables.set(name, "");
      state.exported.delete(name);
    }
    state.status = true;
  },
  export: ({ state, args }) => {
    for (const name of args) if (isKnown(name)) state.exported.set(name, "always");
    state.status = args.length > 0;
  },
  load_env: loadEnv,
  save_env: saveEnv,
  source: sourceFile,
  ".": sourceFile,
  configfile: showFile,
  normal: showFile,
  search,
  "search.fs_uuid": (call) => searchDotted(call, "uuid"),
  "search.fs_label": (call) => searchDotted(call, "label"),
  "search.file": (call) => searchDotted(call, "file"),
  menuentry: addEntry,
  submenu: addEntry,
  linux: (call) => loadKernel(call, false),
  linux16: (call) => loadKernel(call, false),
  linuxefi: (call) => loadKernel(call, false),
  chainloader: (call) => loadKernel(call, true),
  initrd: loadInitrd,
  initrd16: loadInitrd,
  initrdefi: loadInitrd,
  devicetree: (call) => {
    const { state, args: [text] } = call;
    state.status = true;
    if ("unknown" in state.loaded || text === undefined) return;
    state.loaded = { ...state.loaded, dtb: { text, found: resolve(call, text) } };
  },
  blscfg: addBlsEntries,
  uki: addUkis,
  increment: (call) => step(call, 1),
  decrement: (call) => step(call, -1),
  setparams: ({ state }) => void (state.status = true),
  boot: () => "stop",
  return: ({ state, args }) => {
    const [value] = args;
    if (value !== undefined) state.status = isKnown(value) ? Number(value) === 0 : undefined;
    return "return";
  },
  break: (call) => leaveLoop(call, "break"),
  continue: (call) => leaveLoop(call, "continue"),
};

function leaveLoop({ run, place, args }: Call, signal: Signal): Signal {
  if (args.length > 0) refuse(run, place, `${at(place)} leaves several loops at once, which is not followed`);
  return signal;
}

function testCommand({ run, state, name, args }: Call): void {
  const expression = name === "[" && args.at(-1) === "]" ? args.slice(0, -1) : args;
  const opaque = expression.map((value, index): Value =>
    isKnown(value) && isDeviceName(value) && !isUnaryOperand(expression, index)
      ? { unknown: "GRUB's name of a device" }
      : value
  );
  state.status = evaluateTest(
    opaque,
    (test, path) => testFile(run.host, test, path, (each) => variableOf(state, each)),
  );
}

/** `-n NAME` needs no more than that there is a name, and `-f (DEVICE)/PATH` is looked up. */
function isUnaryOperand(args: readonly Value[], index: number): boolean {
  const before = args[index - 1];
  return args.length === 1 || before !== undefined && isKnown(before) && /^-[defnsz]$/.test(before);
}

function setCommand(call: Call): void {
  const { run, state, place, args: [assignment] } = call;
  state.status = true;
  if (assignment === undefined) return;
  if (isKnown(assignment)) {
    const equals = assignment.indexOf("=");
    if (equals < 1) state.status = false;
    else setVariable(call, assignment.slice(0, equals), assignment.slice(equals + 1));
    return;
  }
  const name = assignedName(assignment);
  if (name === undefined) refuse(run, place, `Which variable ${at(place)} sets depends on ${assignment.unknown}`);
  else setVariable(call, name, { unknown: assignment.unknown });
}

function resolve({ run, state }: Pick<Call, "run" | "state">, value: Value): ReturnType<typeof pathOnHost> {
  return pathOnHost(run.host, value, (name) => variableOf(state, name));
}

/** The environment block that a command names, else `$prefix/grubenv`; and the other words, without options. */
function environmentOf({ state, args }: Call): { readonly named: Value; readonly words: readonly Value[] } {
  const at0 = args.findIndex((arg) => arg === "-f" || arg === "--file");
  const joined = args.find((arg) => isKnown(arg) && arg.startsWith("--file="));
  const prefix = variableOf(state, "prefix");
  const named: Value | undefined = at0 >= 0
    ? args[at0 + 1]
    : joined !== undefined && isKnown(joined)
    ? joined.slice("--file=".length)
    : isKnown(prefix)
    ? `${prefix}/grubenv`
    : prefix;
  const words = args.filter((arg, index) =>
    index !== at0 && (at0 < 0 || index !== at0 + 1) && !(isKnown(arg) && arg.startsWith("-"))
  );
  return { named: named ?? "", words };
}

/** Notes what is written to an environment block. Whether that succeeds is not known: GRUB cannot write everywhere. */
function saveEnv(call: Call): void {
  const { state } = call;
  const { named, words } = environmentOf(call);
  const found = resolve(call, named);
  state.status = undefined;
  if (found.kind === "unknown") return;
  for (const name of words) {
    if (isKnown(name)) state.saved.set(savedKey(found.path, name), variableOf(state, name));
  }
}

/** The name of a variable of an environment block in `saved`. */
export function savedKey(path: string, name: string): string {
  return `${path}\n${name}`;
}

/** Variables of an environment block: of the file that is named, else of `$prefix/grubenv`. */
function loadEnv(call: Call): void {
  const { run, state, place } = call;
  const { named, words } = environmentOf(call);
  const wanted = words.filter(isKnown);
  const found = resolve(call, named);
  const kind = found.kind === "path" ? kindAt(run.host.files, found.path) : undefined;
  if (kind === "absent") {
    state.status = false;
    return;
  }
  const text = found.kind === "path" ? readText(run, found.path) : undefined;
  if (found.kind === "unknown" || text === undefined) {
    const why = found.kind === "unknown" ? found.why : `${found.path} cannot be read`;
    refuse(run, place, `GRUB reads its saved variables at ${at(place)}, and these cannot be found: ${why}`);
    return;
  }
  const values = parseGrubenv(text);
  state.status = values !== undefined;
  run.environments.push({ path: found.path, values: values ?? new Map() });
  if (values === undefined) return;
  for (const [name, value] of values) {
    if (wanted.length === 0 || wanted.includes(name)) state.variables.set(name, value);
  }
}

function sourceFile(call: Call): Signal | void {
  const { run, state, place, args } = call;
  const found = resolve(call, args[0] ?? "");
  if (found.kind === "unknown") {
    refuse(run, place, `GRUB reads another file at ${at(place)}, which cannot be found: ${found.why}`);
    return "stop";
  }
  if (kindAt(run.host.files, found.path) === "absent") {
    state.status = false;
    return;
  }
  const signal = nested(run, place, () => runFile(run, state, found.path));
  return signal === "stop" ? "stop" : undefined;
}

/** Another file takes over, and its menu is the one that is shown. */
function showFile(call: Call): Signal | void {
  const { run, state, place, name, args } = call;
  const prefix = variableOf(state, "prefix");
  const named = args[0] ?? (isKnown(prefix) ? `${prefix}/grub.cfg` : prefix);
  const found = resolve(call, named);
  if (found.kind === "path" && kindAt(run.host.files, found.path) === "absent") {
    state.status = false;
    return;
  }
  if (found.kind === "unknown") {
    refuse(run, place, `GRUB goes on with another file at ${at(place)}, which cannot be found: ${found.why}`);
    return "stop";
  }
  if (name === "configfile") {
    const exported = exportedVariables(state);
    state.variables.clear();
    for (const [key, value] of exported) state.variables.set(key, value);
  }
  state.menu.length = 0;
  run.config = found.path;
  state.variables.set("config_file", isKnown(named) ? named : "");
  state.variables.set("config_directory", isKnown(named) ? named.replace(/\/[^/]*$/, "") : "");
  nested(run, place, () => runFile(run, state, found.path));
  return "stop";
}

/** The options of `search` that have a value of their own. */
const HINTS = /^--hint(?:-[\w-]+)?$/;

function search(call: Call): void {
  const { run, place, args } = call;
  const words: string[] = [];
  for (const arg of args) {
    if (isKnown(arg)) words.push(arg);
    else {
      refuse(run, place, `What GRUB searches for at ${at(place)} depends on ${arg.unknown}`);
      return;
    }
  }
  let by: "uuid" | "label" | "file" | undefined;
  let variable: string | undefined;
  let hasSet = false;
  const names: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? "";
    const next = words[index + 1];
    const letters = /^-([fluns]+)$/.exec(word)?.[1] ?? "";
    if (word === "--fs-uuid" || letters.includes("u")) by ??= "uuid";
    if (word === "--label" || letters.includes("l")) by ??= "label";
    if (word === "--file" || letters.includes("f")) by ??= "file";
    if (word.startsWith("--set=")) {
      hasSet = true;
      variable = word.slice("--set=".length);
    } else if (word === "--set" || letters.endsWith("s")) {
      hasSet = true;
      if (next !== undefined && !next.startsWith("-")) {
        variable = next;
        index++;
      }
    } else if ((HINTS.test(word) || word === "-h") && next !== undefined && !next.startsWith("-")) index++;
    else if (!word.startsWith("-")) names.push(word);
  }
  const [name = variable] = names;
  if (name === undefined || by === undefined) {
    call.state.status = false;
    return;
  }
  setDevice(call, by, name, hasSet ? names.length === 0 ? "root" : variable ?? "root" : undefined);
}

function searchDotted(call: Call, by: "uuid" | "label" | "file"): void {
  const [name, variable] = call.args;
  if (name === undefined) return;
  if (isKnown(name) && (variable === undefined || isKnown(variable))) setDevice(call, by, name, variable);
  else refuse(call.run, call.place, `What GRUB searches for at ${at(call.place)} depends on what only GRUB knows`);
}

function setDevice(
  { run, state, place }: Call,
  by: "uuid" | "label" | "file",
  name: string,
  variable: string | undefined,
) {
  state.status = true;
  if (variable === undefined) return;
  const found: Value = by === "file"
    ? searchFile(run.host, name) ?? { unknown: `which file system has ${name}, which ${at(place)} searches for` }
    : `fs-${by}/${name}`;
  if (!isKnown(found)) state.status = undefined;
  state.variables.set(variable, found);
}

/** Options of `menuentry` that have a value. */
const ENTRY_OPTIONS: readonly string[] = ["--class", "--users", "--hotkey", "--source", "--id"];

function addEntry({ run, state, place, name, args, block, scope }: Call): void {
  let id: Value | undefined;
  let source: Value | undefined;
  let isRestricted = true;
  const rest: Value[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? "";
    const [option, joined] = isKnown(arg) && arg.startsWith("--") ? splitOption(arg) : [undefined, undefined];
    if (option !== undefined && ENTRY_OPTIONS.includes(option)) {
      const value = joined ?? args[++index];
      if (option === "--id") id = value;
      if (option === "--source") source = value;
    } else if (option === "--unrestricted") isRestricted = false;
    else if (option === undefined) rest.push(arg);
  }
  state.status = true;
  const [title] = rest;
  if (title === undefined) return;
  const identifier = id ?? title;
  if (!isKnown(title) || !isKnown(identifier) || source !== undefined) {
    const why = `the name of the entry at ${at(place)}`;
    state.menu.push({ kind: "unknown", why });
    return;
  }
  run.steps++;
  state.menu.push({
    kind: "entry",
    id: identifier,
    title,
    args: rest,
    body: block ?? [],
    file: scope.file,
    isSubmenu: name === "submenu",
    isRestricted,
  });
}

function splitOption(arg: string): readonly [string, string | undefined] {
  const equals = arg.indexOf("=");
  return equals < 0 ? [arg, undefined] : [arg.slice(0, equals), arg.slice(equals + 1)];
}

function loadKernel(call: Call, isProgram: boolean): void {
  const { state, args } = call;
  const [text, ...rest] = args.filter((arg) => !(isProgram && isKnown(arg) && arg.startsWith("--")));
  state.status = text !== undefined;
  // A kernel takes the place of what was loaded before it.
  if (text === undefined) return;
  state.loaded = { ...NOTHING, kernel: { text, found: resolve(call, text), args: rest, isProgram } };
}

function loadInitrd(call: Call): void {
  const { state, args } = call;
  state.status = true;
  if ("unknown" in state.loaded) return;
  const loaded: Loaded = state.loaded;
  state.loaded = { ...loaded, initrd: args.map((text) => ({ text, found: resolve(call, text) })) };
}

function addBlsEntries(call: Call): void {
  const { run, state, place, args } = call;
  const isOption = (arg: Value): boolean => isKnown(arg) && /^-./.test(arg);
  if (args.some(isOption) || commandList(run, state)?.get("blscfg") === "blsuki") {
    addBlsukiEntries(call, "/loader/entries", newBlsEntries);
    return;
  }
  const [only] = args;
  if (args.length > 1 || only !== undefined && (!isKnown(only) || only.startsWith("("))) {
    refuse(run, place, `Which entries \`blscfg\` adds at ${at(place)} is not understood`);
    return;
  }
  const blsdir = variableOf(state, "blsdir");
  const folders = blsdir === "" ? ["/loader/entries", "/boot/loader/entries"] : [blsdir];
  for (const [index, folder] of folders.entries()) {
    const found = resolve(call, folder);
    if (found.kind === "unknown") {
      refuse(run, place, `GRUB reads boot loader entries at ${at(place)}, which cannot be found: ${found.why}`);
      return;
    }
    const names = run.host.files.list(found.path);
    if (names.length === 0 && index + 1 < folders.length) continue;
    const chosen = variableOf(state, "default");
    if ((only === "default" || only === "non-default") && !isKnown(chosen)) {
      refuse(run, place, `Which entries \`blscfg\` adds at ${at(place)} depends on ${chosen.unknown}`);
      return;
    }
    const isDefault = ({ id, title }: { readonly id: string; readonly title: string }, position: number): boolean =>
      isKnown(chosen) && (chosen === id || chosen === title || chosen === String(position));
    const entries = blsEntries(
      run.host.files,
      found.path,
      names,
      (name) => variableOf(state, name),
      (item, position) =>
        only === "default" || only === "non-default"
          ? isDefault(item, position) === (only === "default")
          : only === undefined || item.id === only,
    );
    addEntries(call, entries);
    break;
  }
  state.status = true;
}

function addEntries({ run, state }: Call, entries: BlsEntries): void {
  if (entries.kind === "fault") {
    refuse(run, { file: entries.file, line: 1 }, entries.why);
    return;
  }
  // Each is read and parsed, which takes as long as several commands.
  run.steps += 4 * entries.read;
  state.menu.push(...entries.items);
}

/** Adds entries of GRUB 2.14, from the folder that the options name, on the device in `root` unless they name another one. */
function addBlsukiEntries(call: Call, usual: string, read: typeof newBlsEntries): void {
  const { run, state, place, name, args } = call;
  const options = blsukiOptions(args);
  const wanted = variableOf(state, "default");
  const path = options?.path ?? usual;
  if (options === undefined || !isKnown(wanted) || /\.(?:conf|efi)$/.test(path)) {
    const why = `which entries \`${name}\` adds at ${at(place)}`;
    state.menu.push({ kind: "unknown", why });
    return;
  }
  const isUki = name === "uki";
  const own: Value = isUki
    ? run.bootDevice === undefined
      ? { unknown: "the partition that GRUB was started from, which is not mounted at any place that is known" }
      : `fs-device/${run.bootDevice}`
    : variableOf(state, "root");
  const [, device = own, folder = ""] = /^(?:\(([^()]*)\))?(\/[^]*)?$/.exec(path) ?? [];
  for (const each of options.fallback ? [folder || usual, usual] : [folder || usual]) {
    const on = each === folder ? device : own;
    const grub: Value = isKnown(on) ? `(${on})${each}` : on;
    const found = resolve(call, grub);
    if (!isKnown(grub) || found.kind === "unknown") {
      const what = isUki ? "unified kernel images" : "boot loader entries";
      const why = isKnown(grub) ? found.kind === "unknown" ? found.why : "" : grub.unknown;
      state.menu.push({ kind: "unknown", why: `the ${what} that GRUB reads at ${at(place)}: ${why}` });
      return;
    }
    const before = state.menu.length;
    addEntries(
      call,
      read(
        run.host.files,
        { grub, host: found.path },
        shownBy(options, wanted),
        (variable) => variableOf(state, variable),
      ),
    );
    if (run.fault !== undefined || state.menu.length > before) break;
  }
  state.status = true;
}

/** `uki` of GRUB 2.14, which only GRUB for EFI has. */
function addUkis(call: Call): Signal | void {
  const { run, state } = call;
  const isEfi = run.platform?.endsWith("-efi") ?? true;
  if (commandList(run, state)?.has("uki") === false || !isEfi) return unknownCommand(call);
  addBlsukiEntries(call, "/EFI/Linux", ukiEntries);
}

function step({ state, args: [name] }: Call, by: number): void {
  if (name === undefined || !isKnown(name)) return;
  const value = variableOf(state, name);
  state.status = true;
  state.variables.set(name, isKnown(value) ? String((Number.parseInt(value, 10) || 0) + by) : value);
}
