import { type Segment, type SegmentBytes, type SegmentList, sourceSize } from "../../arch/segment.ts";
import type { Checked, Diagnostic, Path } from "../../core/diagnostic.ts";
import { formatSize } from "../../core/number.ts";
import { alignUp } from "../../core/range.ts";
import type { Profile, SegmentSource, SegmentSpec } from "../../profile/profile.ts";

/**
 * The `segments` of a profile in their order; those without a name are `segment 1` and so on. A stated `size` is kept, for
 * the rules to check; the default is the content's size, rounded up to whole pages. `files`: the sizes of the files, by
 * the path in the profile. Errors: `segment-content`, `file-unreadable`, `missing-key`.
 */
export function explicitSegments(
  profile: Pick<Profile, "segments" | "entry">,
  files: ReadonlyMap<string, { readonly size: number }>,
  pageSize: bigint,
): Checked<SegmentList> {
  const diagnostics: Diagnostic[] = [];
  const segments: Segment[] = [];
  for (const [index, spec] of profile.segments.entries()) {
    const result = explicitSegment(spec, index, files, pageSize);
    diagnostics.push(...result.diagnostics);
    if (result.value !== undefined) segments.push(result.value);
  }
  if (profile.entry === undefined) {
    diagnostics.push({
      code: "missing-key",
      severity: "error",
      message: "Explicit segments need an `entry`, the address where execution starts",
      path: [],
      expected: "an address",
      hint: "Add `entry: ADDRESS`",
    });
  }
  if (profile.entry === undefined || diagnostics.length > 0) return { value: undefined, diagnostics };
  return { value: { entry: profile.entry, segments }, diagnostics };
}

function explicitSegment(
  spec: SegmentSpec,
  index: number,
  files: ReadonlyMap<string, { readonly size: number }>,
  pageSize: bigint,
): Checked<Segment> {
  const at: Path = ["segments", index];
  const name = spec.name ?? `segment ${index + 1}`;
  const { value: bytes, diagnostics } = contentOf(spec.source, files, at);
  if (bytes === undefined) return { value: undefined, diagnostics };
  const content = sourceSize(bytes);
  const memsz = spec.size ?? alignUp(content, pageSize);
  if (bytes.kind !== "zero" && content === 0n) {
    return wrongContent(at, `The content of "${name}" is empty`, "Give it content, or set `zero: true`");
  }
  if (memsz === 0n) return wrongContent(at, `"${name}" takes no memory`, "Give it a `size`, or remove the segment");
  if (content > memsz) {
    return wrongContent(
      [...at, "size"],
      `The content of "${name}" has ${content} bytes, more than its \`size\` of ${memsz}`,
      `Set \`size\` to ${alignUp(content, pageSize)} or more, remove it, or set a smaller \`length\``,
    );
  }
  return { value: { name, mem: spec.at, memsz, bytes }, diagnostics };
}

function contentOf(
  source: SegmentSource,
  files: ReadonlyMap<string, { readonly size: number }>,
  at: Path,
): Checked<SegmentBytes> {
  if (source.kind !== "file") return { value: source, diagnostics: [] };
  const { path } = source.file;
  const file = files.get(path);
  if (file === undefined) {
    return refused({
      code: "file-unreadable",
      severity: "error",
      message: `${path} was not read`,
      path: [...at, "file"],
    });
  }
  const size = BigInt(file.size);
  const length = source.length ?? size - source.offset;
  if (source.offset > size || source.offset + length > size) {
    const stated = source.length === undefined ? "offset" : "length";
    return wrongContent(
      [...at, stated],
      source.length === undefined
        ? `The content starts at byte ${source.offset} of ${path}, which has only ${size} (${formatSize(size)})`
        : `The content ends at byte ${source.offset + length} of ${path}, which has only ${size} (${formatSize(size)})`,
      "Check that this is the file that the profile was written for",
    );
  }
  // Both lie within the file's size, which is a safe integer.
  return {
    value: { kind: "file", path, offset: Number(source.offset), length: Number(length) },
    diagnostics: [],
  };
}

function wrongContent(path: Path, message: string, hint: string): Checked<never> {
  return refused({ code: "segment-content", severity: "error", message, path, hint });
}

function refused(diagnostic: Diagnostic): Checked<never> {
  return { value: undefined, diagnostics: [diagnostic] };
}
