import type { Checked, Diagnostic } from "../../core/diagnostic.ts";
import { nearest } from "../../core/nearest.ts";
import { shorten } from "../../core/text.ts";
import { moreProblems } from "../../host/many_problems.ts";
import { ENTRIES_LIMIT, kindAt, textAt, withFile } from "../boot_files.ts";
import { mountAt, pathOnDevice } from "../file_systems.ts";
import { entryProblem, entryWarning, type FoundEntry, startOf } from "../found_entry.ts";
import { changeGrubenv } from "../grubenv.ts";
import { NEXT_ENTRY } from "../one_shot.ts";
import type { GrubHost } from "./devices.ts";
import { MISSING_HINT, type Run, runBlock, runFile, savedKey, STEPS_LIMIT, variableOf } from "./interpreter.ts";
import { chooseEntry, type Entry, escapeName, fallbackOf, loaderCmdline } from "./menu.ts";
import { copyState, firstState, type LoadedFile, NOTHING, openContext, type State } from "./state.ts";
import { isKnown, type Value } from "./value.ts";

/** The configuration of GRUB on a host. */
export interface GrubConfig {
  readonly host: GrubHost;
  /** The file that GRUB reads first, as a path of the host. */
  readonly path: string;
  /** As GRUB's folders are called: `x86_64-efi`, `i386-pc`. Undefined: not known. */
  readonly platform: string | undefined;
  /** The partition that GRUB was started from, as the number of its device: `8:1`. Undefined: not known. */
  readonly bootDevice?: string;
}

/** A configuration that was run: its menu is in the state. */
interface Menu {
  readonly run: Run;
  readonly state: State;
}

/** What a fresh GRUB knows: variables that grub_normal_init() sets, GRUB 2.06 to 2.12. */
const FEATURES: readonly string[] = [
  "feature_chainloader_bpb",
  "feature_ntldr",
  "feature_platform_search_hint",
  "feature_default_font_path",
  "feature_all_video_module",
  "feature_menuentry_id",
  "feature_menuentry_options",
  "feature_200_final",
  "feature_nativedisk_cmd",
  "feature_timeout_style",
];

/** What GRUB would boot: its default, or the entry that `asked` names as `default` in grub.cfg would. */
export function grubEntry(config: GrubConfig, asked: string | undefined): Checked<FoundEntry> {
  const { value: menu, diagnostics } = runConfig(config);
  if (menu === undefined) return { value: undefined, diagnostics };
  const found = asked === undefined ? defaultEntry(config, menu) : askedEntry(config, menu, asked);
  const fault = menu.run.fault;
  if (fault !== undefined) return { value: undefined, diagnostics: [fault] };
  if (found.value === undefined) return found;
  const waits = asked === undefined ? waiting(menu) : [];
  const { warnings, moreWarnings } = menu.run;
  const more = moreWarnings === 0 ? [] : [moreProblems(moreWarnings, false, "GRUB's configuration", MISSING_HINT)];
  return { value: found.value, diagnostics: [...waits, ...warnings, ...more, ...found.diagnostics] };
}

/** Without a timeout, GRUB boots nothing by itself (grub_menu_get_timeout()). */
function waiting({ state }: Menu): readonly Diagnostic[] {
  const timeout = variableOf(state, "timeout");
  if (!isKnown(timeout) || /^\s*\d/.test(timeout)) return [];
  const what = timeout === "" ? "no timeout is set" : `\`timeout\` is \`${shorten(timeout)}\``;
  return [entryWarning(`GRUB waits for a key before it boots: ${what}`, "Set GRUB_TIMEOUT to a number of seconds")];
}

/** The names of all entries, as `boot_entry` takes them. */
export function grubEntryNames(config: GrubConfig): readonly string[] {
  const { value: menu } = runConfig(config);
  if (menu === undefined) return [];
  const names: string[] = [];
  visitEntries(menu, (_level, _item, path) => names.push(path.join(">")));
  return names;
}

/** What GRUB's menu has. */
export interface GrubMenu {
  /** Every entry of the menu and its submenus that starts a kernel, as far as that is known. */
  readonly entries: readonly FoundEntry[];
  /** The environment blocks that GRUB reads, as paths of the host. */
  readonly blocks: readonly string[];
}

/** Runs the configuration, and each entry. */
export function grubMenu(config: GrubConfig): Checked<GrubMenu> {
  const { value: menu, diagnostics } = runConfig(config);
  if (menu === undefined) return { value: undefined, diagnostics };
  const blocks = [...new Set(menu.run.environments.map(({ path }) => path))];
  const entries: FoundEntry[] = [];
  visitEntries(menu, (level, item, path) => {
    const { value } = loadedEntry(config, menu.run, level, item, path, "it is in the menu").result;
    if (value !== undefined) entries.push(value);
  });
  return { value: { entries, blocks }, diagnostics: [] };
}

/** Visits each entry that is not a submenu, with the level of the menu that it is in, and its path. */
function visitEntries(
  { run, state }: Menu,
  onEntry: (level: State, item: Entry, path: readonly string[]) => void,
): void {
  let count = 0;
  const visit = (level: State, path: readonly string[]): void => {
    for (const item of level.menu) {
      if (count >= ENTRIES_LIMIT || run.steps > STEPS_LIMIT) return;
      if (item.kind === "unknown") continue;
      const own = [...path, escapeName(item.id)];
      // What is wrong with one entry says nothing of the others.
      run.fault = undefined;
      if (!item.isSubmenu) {
        count++;
        onEntry(level, item, own);
      } else {
        const inner = enter(run, level, item);
        if (own.length < SUBMENUS_LIMIT) visit(inner, own);
      }
    }
  };
  visit(state, []);
}

/** Whether `next_entry` in an environment block would have GRUB boot an entry once. */
export type NextEntry =
  /** In the block at this path of the host; notes are what else to know of that boot. */
  | { readonly kind: "heeded"; readonly path: string; readonly notes: readonly Diagnostic[] }
  /** A whole sentence says why not. */
  | { readonly kind: "ignored"; readonly why: string; readonly hint?: string };

/**
 * Whether, and in which of these environment blocks, `next_entry` makes GRUB boot an entry, once: the configuration is run with
 * it, and must both boot the entry and clear the variable.
 */
export function nextEntryOf(config: GrubConfig, blocks: GrubMenu["blocks"], entry: FoundEntry): NextEntry {
  let refusal: NextEntry | undefined;
  for (const path of blocks) {
    const found = tryNextEntry(config, entry, path);
    if (found.kind === "heeded") return found;
    refusal ??= found;
  }
  return refusal ?? {
    kind: "ignored",
    why: `${config.path} reads no environment block, so that GRUB cannot be asked to boot an entry once`,
    hint: "Create it with `grub-editenv - create`, and write grub.cfg with grub-mkconfig",
  };
}

function tryNextEntry(config: GrubConfig, entry: FoundEntry, path: string): NextEntry {
  const { files } = config.host;
  const block = files.read(path);
  const changed = block.kind === "bytes" ? changeGrubenv(block.bytes, NEXT_ENTRY, entry.id) : undefined;
  if (changed?.kind !== "block") {
    const why = changed?.kind === "full" ? "is full" : "is not an environment block that can be changed";
    return { kind: "ignored", why: `${path} ${why}`, hint: `Create it again: grub-editenv ${path} create` };
  }
  const trial: GrubConfig = { ...config, host: { ...config.host, files: withFile(files, path, changed.bytes) } };
  const { value: menu } = runConfig(trial);
  if (menu === undefined) return { kind: "ignored", why: `${config.path} cannot be followed` };
  const { value: booted, diagnostics } = defaultEntry(trial, menu);
  if (booted === undefined || startOf(booted) !== startOf(entry)) {
    return {
      kind: "ignored",
      why: `\`${NEXT_ENTRY}\` in ${path} does not make GRUB boot \`${entry.id}\`: ` +
        (diagnostics[0]?.message ?? `${menu.run.config} does not heed it`),
      hint: "Write grub.cfg with grub-mkconfig, which heeds it",
    };
  }
  if (menu.state.saved.get(savedKey(path, NEXT_ENTRY)) !== "") {
    return {
      kind: "ignored",
      why:
        `${menu.run.config} does not clear \`${NEXT_ENTRY}\` in ${path}, so that each later boot would be into that entry`,
      hint: "Write grub.cfg with grub-mkconfig, which clears it",
    };
  }
  return { kind: "heeded", path, notes: [...waiting(menu), ...diagnostics] };
}

/** What an entry loads: the kernel, the initrds, the device tree. */
function filesOf(loaded: State["loaded"]): readonly LoadedFile[] {
  return "unknown" in loaded ? [] : [loaded.kernel, ...loaded.initrd, loaded.dtb].filter((file) => file !== undefined);
}

function runConfig({ host, path, platform, bootDevice }: GrubConfig): Checked<Menu> {
  const folder = path.replace(/\/[^/]*$/, "");
  const mount = mountAt(host.mounts, folder);
  if (mount === undefined) {
    const hint = "Run warmboot where the boot loader's file systems are mounted";
    return failed(
      entryProblem(`${path} does not lie on a mounted device, so the paths in it cannot be followed`, hint),
    );
  }
  const isRelative = mount.type === "btrfs" && textAt(host.files, path)?.includes("btrfs_relative_path") === true;
  const prefix = isRelative ? folder : pathOnDevice(mount, folder);
  const device = `fs-device/${mount.device}`;
  const [cpu, firmware] = platform?.split("-") ?? [];
  const run: Run = {
    host,
    platform,
    warnings: [],
    moreWarnings: 0,
    commands: new Map(),
    bootDevice,
    environments: [],
    fault: undefined,
    config: path,
    defaultSetAt: undefined,
    steps: 0,
    depth: 0,
  };
  const variables = new Map<string, Value>([
    ["root", device],
    ["prefix", `(${device})${prefix === "/" ? "" : prefix}`],
    ["config_file", `(${device})${prefix}/grub.cfg`],
    ["config_directory", `(${device})${prefix}`],
    ["grub_cpu", cpu ?? { unknown: "the processor that GRUB was made for" }],
    ["grub_platform", firmware ?? { unknown: "the firmware" }],
    ...(isRelative ? [["btrfs_relative_path", "y"] as const] : []),
    ...FEATURES.map((name) => [name, "y"] as const),
  ]);
  const state: State = {
    ...firstState(variables),
    exported: new Map(Array.from(variables.keys(), (name) => [name, "always"])),
  };
  runFile(run, state, path);
  return run.fault === undefined ? { value: { run, state }, diagnostics: [] } : failed(run.fault);
}

function failed<T>(diagnostic: Diagnostic): Checked<T> {
  return { value: undefined, diagnostics: [diagnostic] };
}

/**
 * Runs an entry, or builds the menu of a submenu, whose default is the rest of a path (grub_menu_execute_entry() in
 * grub-core/normal/menu.c, GRUB 2.12).
 */
function enter(run: Run, state: State, item: Entry, rest?: string): State {
  const inner: State = item.isSubmenu ? openContext(state) : { ...copyState(state), menu: [], loaded: NOTHING };
  run.steps += state.variables.size + inner.functions.size;
  const outer = variableOf(state, "chosen");
  const own = escapeName(item.id);
  inner.variables.set("chosen", !isKnown(outer) ? outer : outer === "" ? own : `${outer}>${own}`);
  inner.exported.set("chosen", "always");
  inner.variables.set("default", rest ?? "");
  runBlock(run, inner, item.body, { file: item.file, args: item.args });
  return inner;
}

/** Entries of Fedora's `blscfg` are known by the file that they come from. */
function isFedora({ menu }: State): true | undefined {
  return menu.some((item) => item.kind === "entry" && item.file.endsWith(".conf")) ? true : undefined;
}

/** The entry that a menu starts by itself. */
function defaultEntry(config: GrubConfig, { run, state }: Menu): Checked<FoundEntry> {
  let level = state;
  const path: string[] = [];
  let rule: string | undefined;
  for (let depth = 0; depth < SUBMENUS_LIMIT; depth++) {
    const wanted = variableOf(level, "default");
    if (!isKnown(wanted)) return failed(entryProblem(`Which entry GRUB boots depends on ${wanted.unknown}`));
    if (level.menu.length === 0) {
      return failed(entryProblem(`The menu of GRUB in ${run.config} has no entries`));
    }
    const choice = chooseEntry(level.menu, wanted, isFedora(level));
    if (choice.kind === "unknown") {
      return failed(entryProblem(`Which entry GRUB boots depends on ${choice.why}`));
    }
    rule ??= ruleOf(run, wanted, choice.kind === "entry");
    const item = choice.kind === "entry" ? choice.entry : level.menu[0];
    if (item === undefined || item.kind === "unknown") {
      return failed(entryProblem(`Which entry GRUB boots depends on ${item?.why ?? "what only GRUB knows"}`));
    }
    path.push(escapeName(item.id));
    if (item.isSubmenu) {
      level = enter(run, level, item, choice.kind === "entry" ? choice.rest : undefined);
      if (run.fault !== undefined) return failed(run.fault);
      continue;
    }
    const first = loadedEntry(config, run, level, item, path, rule);
    const others = first.kind === "missing" ? fallbackOf(variableOf(level, "fallback")) ?? [] : [];
    for (const number of others) {
      const other = level.menu[number];
      if (other === undefined || other.kind === "unknown" || other.isSubmenu) break;
      const why =
        `the entry \`${path.at(-1)}\` cannot start, because ${
          first.kind === "missing" ? first.path : ""
        } is missing, ` +
        `and \`fallback\` names this one`;
      const next = loadedEntry(config, run, level, other, [...path.slice(0, -1), escapeName(other.id)], why);
      if (next.kind !== "missing") return next.result;
    }
    return first.result;
  }
  return failed(entryProblem(`The menus of GRUB in ${run.config} nest more than ${SUBMENUS_LIMIT} deep`));
}

/** Submenus nest at most so deep. */
const SUBMENUS_LIMIT = 10;

/** The entry that a text names. */
function askedEntry(config: GrubConfig, { run, state }: Menu, asked: string): Checked<FoundEntry> {
  let level = state;
  let text: string | undefined = asked;
  const path: string[] = [];
  for (let depth = 0; depth < SUBMENUS_LIMIT; depth++) {
    const choice = chooseEntry(level.menu, text, isFedora(level));
    if (choice.kind === "unknown") {
      return failed(entryProblem(`Which entry \`${asked}\` is depends on ${choice.why}`));
    }
    if (choice.kind === "none") {
      const near = nearest(asked, grubEntryNames(config));
      return failed(
        entryProblem(
          `GRUB has no entry \`${shorten(asked)}\``,
          near === undefined
            ? "Name an entry by its ID, its title, or its place, as `1>2`"
            : `Did you mean \`${near}\`?`,
        ),
      );
    }
    const item = choice.entry;
    path.push(escapeName(item.id));
    if (!item.isSubmenu) return loadedEntry(config, run, level, item, path, "the profile names it").result;
    if (choice.rest === undefined) {
      return failed(
        entryProblem(`\`${shorten(asked)}\` is a submenu of GRUB`, `Name one of its entries: \`${asked}>0\``),
      );
    }
    text = choice.rest;
    level = enter(run, level, item, choice.rest);
    if (run.fault !== undefined) return failed(run.fault);
  }
  return failed(entryProblem(`\`${shorten(asked)}\` names more than ${SUBMENUS_LIMIT} submenus`));
}

/** By which rule an entry is the default. */
function ruleOf(run: Run, wanted: string, isFound: boolean): string {
  const from = (name: string) =>
    run.environments.findLast(({ values }) => values.get(name) === wanted && wanted !== "");
  const once = from("next_entry");
  const place = run.defaultSetAt === undefined ? "" : `, set at ${run.defaultSetAt.file}:${run.defaultSetAt.line}`;
  const named = once !== undefined
    ? `\`next_entry\` in ${once.path} names it, for the next boot only`
    : from("saved_entry") !== undefined
    ? `\`saved_entry\` in ${from("saved_entry")?.path} names it`
    : wanted === ""
    ? "no default is set, so that the first entry counts"
    : `\`default\` is \`${shorten(wanted)}\`${place}`;
  return isFound || wanted === ""
    ? named
    : `${
      named.replace(" names it", ` is \`${shorten(wanted)}\``)
    }, which no entry is called, so that the first one counts`;
}

type LoadedEntry =
  | { readonly kind: "decided"; readonly result: Checked<FoundEntry> }
  /** A file of it is missing: GRUB goes on with its fallback. */
  | { readonly kind: "missing"; readonly path: string; readonly result: Checked<FoundEntry> };

function loadedEntry(
  { host }: GrubConfig,
  run: Run,
  level: State,
  item: Entry,
  path: readonly string[],
  rule: string,
): LoadedEntry {
  const id = path.join(">");
  const decided = (message: string, hint?: string): LoadedEntry => ({
    kind: "decided",
    result: failed(entryProblem(message, hint)),
  });
  const { loaded, variables } = enter(run, level, item);
  if (run.fault !== undefined) return { kind: "decided", result: failed(run.fault) };
  if ("unknown" in loaded) return decided(`What the entry \`${id}\` of GRUB boots depends on ${loaded.unknown}`);
  const { kernel } = loaded;
  if (kernel === undefined) return decided(`The entry \`${id}\` of GRUB starts no kernel`);
  const files: string[] = [];
  const notes: string[] = [];
  for (const { text, found } of filesOf(loaded)) {
    const named = textOf(text);
    if (/^newc:/.test(named)) return decided(`The entry \`${id}\` of GRUB packs a file into the initrd: \`${named}\``);
    if (found.kind === "unknown") {
      return decided(`${named} of the entry \`${id}\` of GRUB cannot be found: ${found.why}`);
    }
    if (kindAt(host.files, found.path) === "absent") {
      const message = `The entry \`${id}\` of GRUB boots ${found.path}, which does not exist`;
      return {
        kind: "missing",
        path: found.path,
        result: failed(entryProblem(message, "Write GRUB's configuration again")),
      };
    }
    files.push(found.path);
    if (found.note !== undefined && !notes.includes(found.note)) notes.push(found.note);
  }
  const unknown = kernel.args.find((arg) => !isKnown(arg));
  const args = kernel.args.filter(isKnown);
  const superusers = variables.get("superusers") ?? "";
  if (superusers !== "" && item.isRestricted) notes.push(`GRUB asks for a password before it boots \`${id}\``);
  const [image = "", ...rest] = files;
  const cmdline = loaderCmdline(args);
  const initrd = rest.slice(0, loaded.initrd.length);
  const [dtb] = rest.slice(loaded.initrd.length);
  return {
    kind: "decided",
    result: {
      value: {
        loader: "GRUB",
        id,
        title: item.title,
        rule,
        kernel: image,
        initrd,
        ...(dtb === undefined ? {} : { dtb }),
        ...(unknown !== undefined && !isKnown(unknown)
          ? { unknownCmdline: unknown.unknown }
          : kernel.isProgram && cmdline === ""
          ? {}
          : { cmdline }),
        ...(kernel.isProgram ? { isProgram: true } : {}),
      },
      diagnostics: notes.map((note) => entryWarning(note)),
    },
  };
}

function textOf(text: LoadedFile["text"]): string {
  return isKnown(text) ? text : `a file that depends on ${text.unknown}`;
}
