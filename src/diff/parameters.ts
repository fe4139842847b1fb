import { formatCmdline, type Parameter, parameterKey, parseCmdline } from "../profile/cmdline/cmdline.ts";
import { BOOT_PARAMETERS } from "../profile/cmdline/resolve.ts";
import type { Change, PlacedParameter } from "./diff.ts";
import { align } from "./sequence.ts";

type ParameterChange = Extract<Change, { readonly about: "cmdline" }>;

interface Token extends PlacedParameter {
  /** What pairs parameters of one name; those after `--` are init's, and are apart. */
  readonly name: string;
  /** What makes parameters equal: name and value as the kernel reads them, however they are quoted. */
  readonly key: string;
}

/**
 * How the parameters of two command lines differ, as the kernel reads them: `a="b c"` is `"a=b c"`, and `no-x` is
 * `no_x`. What follows `--` is init's and is compared as it is written. In the order of the second line, each parameter
 * that is gone before the one in its place.
 */
export function diffParameters(from: string, to: string): readonly ParameterChange[] {
  const [before, after] = [tokens(from), tokens(to)];
  const { moved, removed, added } = align(before.map(({ key }) => key), after.map(({ key }) => key));
  const changes: ParameterChange[] = [];
  for (const [a, b] of moved) pairUp(before[a], after[b], "move", changes);
  // `pop` takes from the end, so those of one name are listed in reverse.
  const left = Map.groupBy(added.toReversed(), (index) => after[index]?.name ?? "");
  const taken = new Set<number>();
  for (const index of removed) {
    const partner = left.get(before[index]?.name ?? "")?.pop();
    if (partner === undefined) pairUp(before[index], undefined, "change", changes);
    else {
      taken.add(partner);
      pairUp(before[index], after[partner], "change", changes);
    }
  }
  for (const index of added) if (!taken.has(index)) pairUp(undefined, after[index], "change", changes);
  return changes.toSorted((a, b) => orderOf(a) - orderOf(b));
}

/**
 * A running command line without the parameters that say how that boot came about, which no declaration has; but for
 * those that the declaration names itself.
 */
export function withoutBootParameters(
  running: string,
  declared: string | undefined,
): { readonly cmdline: string; readonly ignored: readonly string[] } {
  const named = new Set(parseCmdline(declared ?? "").kernel.map(parameterKey));
  const isIgnored = (parameter: Parameter): boolean => {
    const key = parameterKey(parameter);
    return BOOT_PARAMETERS.includes(key) && !named.has(key);
  };
  const cmdline = parseCmdline(running);
  return {
    cmdline: formatCmdline({ ...cmdline, kernel: cmdline.kernel.filter((parameter) => !isIgnored(parameter)) }),
    ignored: cmdline.kernel.filter(isIgnored).map(({ text }) => text),
  };
}

function tokens(text: string): readonly Token[] {
  const { kernel, init = [] } = parseCmdline(text);
  return [
    ...kernel.map((parameter, index): Token => {
      const name = parameterKey(parameter);
      const key = parameter.value === undefined ? name : `${name}=${parameter.value}`;
      return { word: parameter.text, position: index + 1, name, key };
    }),
    // `--` has a place of its own.
    ...init.map(({ text }, index): Token => {
      const name = `-- ${text}`;
      return { word: text, position: kernel.length + index + 2, init: true, name, key: name };
    }),
  ];
}

function pairUp(
  from: Token | undefined,
  to: Token | undefined,
  action: "move" | "change",
  into: ParameterChange[],
): void {
  const about = "cmdline";
  if (from !== undefined && to !== undefined) into.push({ about, action, from: placed(from), to: placed(to) });
  else if (from !== undefined) into.push({ about, action: "remove", from: placed(from) });
  else if (to !== undefined) into.push({ about, action: "add", to: placed(to) });
}

function placed({ word, position, init }: Token): PlacedParameter {
  return { word, position, ...(init === undefined ? {} : { init }) };
}

/** A parameter that is gone comes before the one in its place. */
function orderOf(change: ParameterChange): number {
  return change.action === "remove" ? change.from.position - 0.5 : change.to.position;
}
