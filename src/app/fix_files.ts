import type { Diagnostic } from "../core/diagnostic.ts";
import { applyFixes, type PlacedFix } from "../profile/apply_fixes.ts";
import type { AppliedFix } from "../render/check.ts";
import { checkProfiles } from "./check_files.ts";
import { writeWhole } from "./files/write_whole.ts";

/** A correction can bring up another problem with a fix; further rounds than this are left to the user. */
const MOST_ROUNDS = 5;

/**
 * Corrects what `check` can correct in the files that words name, and in what these are made of: each diagnostic's `fix`
 * is applied to its file, which otherwise stays byte for byte. @throws {WriteError} if a file cannot be written
 */
export function fixFiles(words: readonly string[]): readonly AppliedFix[] {
  const fixed: AppliedFix[] = [];
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const checked = checkProfiles(words);
    const diagnostics = [...checked.profiles.map(({ verdict }) => verdict), ...checked.parts]
      .flatMap((verdict) => verdict.diagnostics);
    const before = fixed.length;
    for (const [file, rows] of Map.groupBy(diagnostics.flatMap(placedFix), ({ fix }) => fix.position.file)) {
      fixed.push(...fixFile(file, rows));
    }
    if (fixed.length === before) break;
  }
  return fixed;
}

interface FixRow {
  readonly fix: PlacedFix;
  readonly code: Diagnostic["code"];
}

function placedFix({ code, fix }: Diagnostic): readonly FixRow[] {
  return fix?.position === undefined ? [] : [{ code, fix: { ...fix, position: fix.position } }];
}

function fixFile(file: string, rows: readonly FixRow[]): readonly AppliedFix[] {
  // The file was read as UTF-8 a moment ago, so that decoding and encoding it keeps its bytes.
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Deno.readFileSync(file));
  const { text: corrected, applied } = applyFixes(text, rows.map(({ fix }) => fix));
  if (applied.length > 0) writeWhole(file, corrected);
  return applied.map(({ fix, from }) => ({
    file,
    line: fix.position.line,
    column: fix.position.column,
    code: rows.find((row) => row.fix === fix)?.code ?? "unknown-key",
    from,
    to: fix.replacement,
  }));
}
