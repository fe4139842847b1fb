import type { HostFacts } from "../host/facts.ts";
import type { Plan } from "../plan/plan.ts";
import type { SideKind } from "./diff.ts";

/** The words that name a side without a file. */
export const LIVE_SIDES = ["@running", "@loaded", "@default"] as const;

/** One of these words. */
export type LiveName = typeof LIVE_SIDES[number];

/** What is known of a running system; the files that it was booted from are not. */
export type RunningHost = Pick<HostFacts, "machine" | "release" | "version" | "cmdline">;

/** Something to compare. `name` is what the user called it. */
export type Side =
  | { readonly kind: "profile" | "plan" | "loaded" | "default"; readonly name: string; readonly plan: Plan }
  | { readonly kind: "running"; readonly name: string; readonly host: RunningHost };

/** The running system as a side. */
export function runningSide({ machine, release, version, cmdline }: HostFacts): Side {
  return {
    kind: "running",
    name: "@running",
    host: {
      machine,
      release,
      ...(version === undefined ? {} : { version }),
      ...(cmdline === undefined ? {} : { cmdline }),
    },
  };
}

/** The current state comes first: the running system, what is loaded, what a cold reset boots, what is declared. */
const ORDER: { readonly [kind in SideKind]: number } = { running: 0, loaded: 1, default: 2, profile: 3, plan: 3 };

/**
 * The sides in the order of a diff: from the current state to what is declared, in whatever order they were given. Two of
 * the same kind keep their order.
 */
export function inOrder(a: Side, b: Side): readonly [from: Side, to: Side] {
  return ORDER[a.kind] <= ORDER[b.kind] ? [a, b] : [b, a];
}
