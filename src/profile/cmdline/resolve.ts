import type { Checked, Diagnostic, Path } from "../../core/diagnostic.ts";
import { nearest } from "../../core/nearest.ts";
import type { CmdlineSpec, ReusedFrom } from "../profile.ts";
import {
  type Cmdline,
  formatCmdline,
  kernelParameter,
  type Parameter,
  parameterKey,
  parseCmdline,
  parseParameter,
} from "./cmdline.ts";
import { shown } from "./problem.ts";

/** What resolving a command line depends on, apart from the profile. */
export interface CmdlineContext {
  /** The running kernel's command line; undefined if the host does not say. */
  readonly running?: string | undefined;
  /** The command line of the unified kernel image; undefined where the kernel is another image. */
  readonly image?: string | undefined;
  /** The command line of the boot loader's entry; undefined where none is named. */
  readonly entry?: string | undefined;
  /** Whether it is for a crash kernel. */
  readonly crash: boolean;
}

/** Parameters of a running command line that describe how it was booted, and would be wrong for the next kernel. */
export const BOOT_PARAMETERS: readonly string[] = [
  "BOOT_IMAGE",
  "initrd",
  "kexec_jump_back_entry",
  "elfcorehdr",
  "dmcryptkeys",
];

/** The parameter of `stamp: true`, which says what was booted. The kernel ignores it: a name with a dot is a module's. */
export const STAMP = "warmboot.plan";

/** The parameter that names the parameters that a guard added: `warmboot.guard=panic,rd.shell,memmap=1M$0x20000000`. */
export const GUARD_PARAMETERS = "warmboot.guard";

/** What a reused command line starts without: the stamp of the running boot would be false on the next one. */
const DROPPED: readonly string[] = [...BOOT_PARAMETERS, STAMP, GUARD_PARAMETERS];

/**
 * A crash kernel must not reserve memory in the little that it has, for another one or for huge or contiguous pages; and
 * what limits the running kernel's memory does not hold for it.
 */
const DROPPED_FOR_CRASH: readonly string[] = [
  "crashkernel",
  "hugepages",
  "hugepagesz",
  "default_hugepagesz",
  "hugetlb_cma",
  "cma",
  "mem",
  "memmap",
];

/**
 * The command line that the next kernel gets. An edit starts from the running one (if it says so), without the
 * parameters of its own boot; then come `remove`, `set` and `append`, in this order. What follows `--` goes to init: it
 * stays at the end, and only a `--` within `append` adds to it. A `remove` that matches nothing is a warning.
 */
export function resolveCmdline(spec: CmdlineSpec, context: CmdlineContext): Checked<string> {
  if (spec.kind === "parameters") return { value: spec.parameters.join(" "), diagnostics: [] };
  const diagnostics: Diagnostic[] = [];
  let kernel: readonly Parameter[] = [];
  let init: readonly Parameter[] = [];
  if (spec.reuse !== false) {
    const text = spec.reuse === true ? context.running : context[spec.reuse];
    if (text === undefined) {
      return { value: undefined, diagnostics: [spec.reuse === true ? unknownRunning() : nothingToReuse(spec.reuse)] };
    }
    const running = parseCmdline(text);
    if (running.unclosed !== undefined) {
      return { value: undefined, diagnostics: [openQuote(running.unclosed, spec.reuse)] };
    }
    const dropped = [...DROPPED, ...(context.crash ? DROPPED_FOR_CRASH : [])];
    const isGuards = guardsIn(running);
    const isLeftOut = (parameter: Parameter): boolean =>
      dropped.includes(parameterKey(parameter)) || isGuards(parameter);
    kernel = running.kernel.filter((parameter) => !isLeftOut(parameter));
    const exact = kernel.find(isExactMap);
    if (exact !== undefined) {
      const isCapture = kernelParameter(running, "elfcorehdr") !== undefined;
      if (isCapture) kernel = kernel.filter((parameter) => parameterKey(parameter) !== "memmap");
      const isRemoved = spec.remove.some((text) => parameterKey(parseParameter(text)) === "memmap");
      if (isCapture || !isRemoved) diagnostics.push(exactMap(exact, isCapture));
    }
    init = running.init ?? [];
  }
  for (const [index, text] of spec.remove.entries()) {
    const removal = parseParameter(text);
    const left = kernel.filter((parameter) => !removes(removal, parameter));
    if (left.length === kernel.length) diagnostics.push(removedNothing(removal, kernel, ["cmdline", "remove", index]));
    kernel = left;
  }
  const set = spec.set.map(parseParameter);
  for (const key of new Set(set.map(parameterKey))) {
    kernel = replaced(kernel, key, set.filter((parameter) => parameterKey(parameter) === key));
  }
  const appended = parseCmdline(spec.append.join(" "));
  kernel = [...kernel, ...appended.kernel];
  init = [...init, ...appended.init ?? []];
  return { value: formatCmdline({ kernel, ...(init.length === 0 ? {} : { init }) }), diagnostics };
}

/**
 * Which parameters a guard added to a command line: they are the guard's of that boot, as the stamp is. One that others may
 * have beside it, such as `memmap=`, is named as a whole.
 */
export function guardsIn(cmdline: Cmdline): (parameter: Parameter) => boolean {
  const listed = kernelParameter(cmdline, GUARD_PARAMETERS)?.value?.split(",") ?? [];
  const keys = new Set(listed.filter((name) => !name.includes("=")).map((name) => parameterKey({ name })));
  return (parameter) => keys.has(parameterKey(parameter)) || listed.includes(parameter.text);
}

/** `memmap=exactmap`, alone or in a list: memory is what the other `memmap=` say, and nothing else. */
function isExactMap(parameter: Parameter): boolean {
  return parameterKey(parameter) === "memmap" && (parameter.value ?? "").split(",").includes("exactmap");
}

/**
 * Old versions of kexec-tools limit a capture kernel to its reservation in this way. The next kernel that is started from
 * it is to have all memory.
 */
function exactMap({ text }: Parameter, isCapture: boolean): Diagnostic {
  return {
    code: "cmdline-exactmap",
    severity: "warning",
    path: ["cmdline", "reuse"],
    ...(isCapture
      ? {
        message: `The running kernel saves dumps, and \`${shown(text)}\` limits its memory: \`memmap=\` is not reused`,
        hint: "Use `append` if the next kernel must have such a memory map",
      }
      : {
        message: `The running command line has \`${
          shown(text)
        }\`: the next kernel will have no memory but what it lists`,
        hint: "Use `remove: memmap` if the next kernel must have all memory",
      }),
  };
}

/** A name removes every parameter of that name; a parameter with a value only its equal. */
function removes(removal: Parameter, parameter: Parameter): boolean {
  return parameterKey(removal) === parameterKey(parameter) &&
    (removal.value === undefined || removal.value === parameter.value);
}

function replaced(
  parameters: readonly Parameter[],
  key: string,
  by: readonly Parameter[],
): readonly Parameter[] {
  const first = parameters.findIndex((parameter) => parameterKey(parameter) === key);
  if (first < 0) return [...parameters, ...by];
  const after = parameters.slice(first).filter((parameter) => parameterKey(parameter) !== key);
  return [...parameters.slice(0, first), ...by, ...after];
}

function removedNothing(removal: Parameter, parameters: readonly Parameter[], path: Path): Diagnostic {
  const sameName = parameters.find((parameter) => parameterKey(parameter) === parameterKey(removal))?.text;
  const near = sameName ??
    nearest(removal.text, [...parameters.map(({ text }) => text), ...parameters.map(({ name }) => name)]);
  return {
    code: "cmdline-no-match",
    severity: "warning",
    message: `\`remove\` matches no parameter \`${shown(removal.text)}\``,
    path,
    ...(near === undefined ? {} : { hint: `The nearest parameter is \`${shown(near)}\`` }),
  };
}

function unknownRunning(): Diagnostic {
  return {
    code: "cmdline-not-known",
    severity: "error",
    message: "The running command line is unknown, so `reuse` has nothing to start from",
    path: ["cmdline", "reuse"],
    hint: "Write the whole command line, or plan with facts that hold /proc/cmdline",
  };
}

function nothingToReuse(from: ReusedFrom): Diagnostic {
  return {
    code: "conflict",
    severity: "error",
    message: from === "image"
      ? "`reuse: image` requires a unified kernel image as `kernel`"
      : "`reuse: entry` requires `boot_entry`",
    path: ["cmdline", "reuse"],
    hint: "Write `reuse: true` to start from the running command line",
  };
}

function openQuote(parameter: string, reuse: true | ReusedFrom): Diagnostic {
  return {
    code: "cmdline-quote",
    severity: "error",
    message: `The ${reuse === true ? "running" : `${reuse}'s`} command line has an open quote in \`${
      shown(parameter)
    }\`, which would swallow what is added`,
    path: ["cmdline", "reuse"],
    hint: "Write the whole command line",
  };
}
