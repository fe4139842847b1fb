import type { Diagnostic, Path } from "../core/diagnostic.ts";
import { parameterKey, parseParameter, splitParameters } from "./cmdline/cmdline.ts";
import { shown } from "./cmdline/problem.ts";
import { RESERVING } from "./cmdline/ramoops.ts";
import type { CmdlineSpec, Guard, Profile } from "./profile.ts";

/** A parameter that a guard puts on the command line, and the part of the guard that needs it. */
export interface GuardParameter {
  readonly key: keyof Guard;
  /** Without quotes: `panic=10`. */
  readonly parameter: string;
}

/** What keeps a watchdog running over a reboot: the running kernel needs it, and the guard gives it to the next one. */
export const KEEP_ON_REBOOT = "watchdog.stop_on_reboot=0";

/**
 * The parameters of a guard that depend on nothing else. `panic=`: kernel/panic.c, seconds; `watchdog.`:
 * drivers/watchdog/watchdog_core.c, which reads it when a driver registers.
 */
export function constantParameters({ panic, watchdog }: Guard): readonly GuardParameter[] {
  return [
    ...(panic === undefined ? [] : [{ key: "panic", parameter: `panic=${panic}` } as const]),
    ...(watchdog === undefined ? [] : [{ key: "watchdog", parameter: KEEP_ON_REBOOT } as const]),
  ];
}

/** Where the guard and the command line of a profile contradict each other, as far as that depends on nothing else. */
export function guardConflicts({ guard, cmdline, crash }: Profile): readonly Diagnostic[] {
  return guard === undefined || crash ? [] : contradictions(constantParameters(guard), cmdline);
}

/**
 * The parameters of a profile's own command line that say otherwise than its guard. What an edit takes over from another
 * command line is not the profile's word: the guard replaces it.
 */
export function contradictions(parameters: readonly GuardParameter[], cmdline: CmdlineSpec): readonly Diagnostic[] {
  const own = ownParameters(cmdline);
  return parameters.flatMap(({ key, parameter }): readonly Diagnostic[] => {
    const meant = parseParameter(parameter);
    // Others of that name do not contradict it.
    if (RESERVING.includes(parameterKey(meant))) return [];
    const other = own.findLast(({ text }) => {
      const stated = parseParameter(text);
      return parameterKey(stated) === parameterKey(meant) && stated.value !== meant.value;
    });
    return other === undefined ? [] : [{
      code: "conflict",
      severity: "error",
      message: `\`guard\` needs \`${parameter}\`, and the command line has \`${shown(other.text)}\``,
      path: ["guard", key],
      related: [{ message: `\`${shown(other.text)}\` is set here`, path: other.path }],
      hint: `Remove \`${shown(other.text)}\` from \`cmdline\`, or \`${key}\` from \`guard\``,
    }];
  });
}

/** The parameters that the profile itself has, and where: those for init too, since initrds read the whole line. */
export function ownParameters(cmdline: CmdlineSpec): readonly { readonly text: string; readonly path: Path }[] {
  const lists: readonly (readonly [readonly string[], Path])[] = cmdline.kind === "parameters"
    ? [[cmdline.parameters, ["cmdline"]]]
    : [[cmdline.set, ["cmdline", "set"]], [cmdline.append, ["cmdline", "append"]]];
  // The command line of a stored plan is one text.
  return lists.flatMap(([parameters, path]) =>
    parameters.flatMap((each, index) =>
      splitParameters(each).parameters.map((text) => ({ text, path: [...path, index] }))
    )
  );
}
