import type { Plan } from "../plan/plan.ts";
import type { PlannedOverlayFile } from "../plan/planned_overlay.ts";
import type { Change } from "./diff.ts";

/** How the files that two plans add to their initrds differ, one by one. Secrets are compared by all but their content. */
export function diffOverlayFiles(from: Plan, to: Plan): readonly Change[] {
  const [before, after] = [filesOf(from), filesOf(to)];
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((path): readonly Change[] => {
    const [old, now] = [before.get(path), after.get(path)];
    if (old === undefined) return now === undefined ? [] : [{ about: "file", path, action: "add", to: now }];
    if (now === undefined) return [{ about: "file", path, action: "remove", from: old }];
    return isSame(old, now) ? [] : [{ about: "file", path, action: "change", from: old, to: now }];
  });
}

/** By path; a later one of the same path is the one that stays. */
function filesOf({ overlays = [] }: Plan): ReadonlyMap<string, PlannedOverlayFile> {
  return new Map(overlays.flatMap(({ files }) => files).map((file) => [file.path, file]));
}

const FIELDS = ["kind", "mode", "size", "sha256", "target", "secret", "origin", "from"] as const;

function isSame(a: PlannedOverlayFile, b: PlannedOverlayFile): boolean {
  return FIELDS.every((field) => a[field] === b[field]);
}
