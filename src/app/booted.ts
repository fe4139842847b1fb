import { diffPlans } from "../diff/compare.ts";
import type { Diff, Unknown } from "../diff/diff.ts";
import { runningSide } from "../diff/side.ts";
import { fileSide, hostOnce, type NoSide, type SideEvents } from "./diff_operands.ts";

/** Whether the running system is what a profile or a stored plan declares. */
export type Booted =
  | NoSide
  | { readonly kind: "differs"; readonly diff: Diff }
  /** The stamp of the plan is on the running command line. */
  | { readonly kind: "stamped"; readonly diff: Diff }
  /** Release and command line are the same, and there is no stamp. */
  | { readonly kind: "alike"; readonly diff: Diff }
  /** It cannot be determined: the image does not state its release, and there is no stamp. */
  | { readonly kind: "undetermined"; readonly diff: Diff; readonly unknown: Unknown };

/** Compares the running system with what a profile or a stored plan declares. */
export async function compareBooted(word: string, events: SideEvents = {}): Promise<Booted> {
  const host = hostOnce(undefined, events);
  const found = await fileSide(word, host, events);
  if (found.kind !== "side") return found;
  const { facts, diagnostics } = host.read();
  if (facts === undefined) return { kind: "invalid", diagnostics };
  const diff = diffPlans(found.side, runningSide(facts));
  if (!diff.same) return { kind: "differs", diff };
  if (diff.certain) return { kind: "stamped", diff };
  const unknown = diff.unknown.find(({ what }) => what === "the kernel's release" || what === "the command line");
  return unknown === undefined ? { kind: "alike", diff } : { kind: "undetermined", diff, unknown };
}
