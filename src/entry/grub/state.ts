import type { HostPath } from "./devices.ts";
import type { Block } from "./script.ts";
import { isKnown, type Truth, type Unknown, type Value } from "./value.ts";

/** Where a statement is. */
export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** A function of a script. */
export interface ScriptFunction {
  readonly body: Block;
  readonly file: string;
}

/** An entry of a menu, or that it is not known which entries follow. */
export type MenuItem =
  | {
    readonly kind: "entry";
    readonly id: string;
    readonly title: string;
    readonly args: readonly Value[];
    readonly body: Block;
    readonly file: string;
    readonly isSubmenu: boolean;
    /** It has not `--unrestricted`: with `superusers` set, GRUB asks for a password. */
    readonly isRestricted: boolean;
  }
  | {
    readonly kind: "unknown";
    readonly why: string;
    /** Those that there may be, of which none or some follow; undefined: any. */
    readonly candidates?: readonly MenuItem[];
  };

/** A file that is loaded: as the script has it, and where it lies on the host. */
export interface LoadedFile {
  readonly text: Value;
  readonly found: HostPath;
}

/** What `linux`, `initrd` and their like have loaded. */
export interface Loaded {
  readonly kernel?: LoadedFile & { readonly args: readonly Value[]; readonly isProgram: boolean };
  readonly initrd: readonly LoadedFile[];
  readonly dtb?: LoadedFile;
}

/** What a script has changed so far. */
export interface State {
  readonly variables: Map<string, Value>;
  /** Variables that submenus have too, and whether that is certain. */
  readonly exported: Map<string, "always" | "sometimes">;
  readonly functions: Map<string, ScriptFunction | Unknown>;
  readonly menu: MenuItem[];
  loaded: Loaded | Unknown;
  /** What `save_env` has written: by the path of the environment block, a line break, and the name. */
  readonly saved: Map<string, Value>;
  /** Whether the last command succeeded. */
  status: Truth;
}

/** Nothing loaded. */
export const NOTHING: Loaded = { initrd: [] };

/** What GRUB begins with but for its variables: nothing is exported, defined, listed, loaded or saved. */
export function firstState(variables: State["variables"] = new Map()): State {
  return {
    variables,
    exported: new Map(),
    functions: new Map(),
    menu: [],
    loaded: NOTHING,
    saved: new Map(),
    status: true,
  };
}

/** A copy: what changes in one does not in the other. */
export function copyState(state: State): State {
  return {
    variables: new Map(state.variables),
    exported: new Map(state.exported),
    functions: new Map(state.functions),
    menu: [...state.menu],
    loaded: state.loaded,
    saved: new Map(state.saved),
    status: state.status,
  };
}

/**
 * What a submenu begins with, or a file that GRUB goes on with: the variables that are exported, and all functions
 * (grub_env_context_open() in grub-core/normal/context.c, GRUB 2.12).
 */
export function openContext(state: State): State {
  return {
    ...state,
    variables: exportedVariables(state),
    exported: new Map(state.exported),
    functions: new Map(state.functions),
    menu: [],
    loaded: NOTHING,
    saved: new Map(state.saved),
  };
}

/** The variables that are exported. */
export function exportedVariables({ variables, exported }: State): Map<string, Value> {
  const found = new Map<string, Value>();
  for (const [name, value] of variables) {
    const how = exported.get(name);
    if (how === "always" || how === "sometimes" && value === "") found.set(name, value);
    else if (how === "sometimes") found.set(name, { unknown: `whether \`${name}\` is exported` });
  }
  return found;
}

/** Makes of one state what holds in both; what differs is unknown. */
export function mergeState(state: State, other: State, why: string): void {
  mergeMaps(state.variables, other.variables, "", why, sameValue);
  for (const name of new Set([...state.exported.keys(), ...other.exported.keys()])) {
    const isSame = state.exported.get(name) === other.exported.get(name);
    if (!isSame) state.exported.set(name, "sometimes");
  }
  mergeMaps(state.functions, other.functions, undefined, why, (a, b) => a === b);
  const common = state.menu.findIndex((item, index) => !sameItem(item, other.menu[index]));
  const length = common < 0 ? Math.min(state.menu.length, other.menu.length) : common;
  if (length < state.menu.length || length < other.menu.length) {
    const candidates = [...state.menu.slice(length), ...other.menu.slice(length)];
    state.menu.splice(length, state.menu.length, { kind: "unknown", why, candidates });
  }
  mergeMaps(state.saved, other.saved, undefined, why, sameValue);
  if (JSON.stringify(state.loaded) !== JSON.stringify(other.loaded)) state.loaded = { unknown: why };
  if (state.status !== other.status) state.status = undefined;
}

function mergeMaps<V>(
  map: Map<string, V | Unknown>,
  other: ReadonlyMap<string, V | Unknown>,
  missing: V | undefined,
  why: string,
  same: (a: V | Unknown | undefined, b: V | Unknown | undefined) => boolean,
): void {
  for (const name of new Set([...map.keys(), ...other.keys()])) {
    if (!same(map.get(name) ?? missing, other.get(name) ?? missing)) map.set(name, { unknown: why });
  }
}

function sameValue(a: Value | undefined, b: Value | undefined): boolean {
  return a === b || a !== undefined && b !== undefined && !isKnown(a) && !isKnown(b) && a.unknown === b.unknown;
}

/** Both are the same statement of the script, with the same words. */
function sameItem(a: MenuItem, b: MenuItem | undefined): boolean {
  if (a === b || b === undefined || a.kind !== b.kind) return a === b;
  if (a.kind === "unknown" || b.kind === "unknown") return false;
  return a.body === b.body && a.id === b.id && a.title === b.title && a.isRestricted === b.isRestricted &&
    JSON.stringify(a.args) === JSON.stringify(b.args);
}
