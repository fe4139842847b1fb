import { sha256Of } from "../core/sha256.ts";
import type { Diagnostic, Path } from "../core/diagnostic.ts";
import { KEXEC_ARCHITECTURES } from "../core/kexec_arch.ts";
import { flagBits, unknownFlags } from "./flags.ts";
import type { Call, FileLoadCall, PlannedFile, PlannedSegment, SegmentLoadCall } from "./plan.ts";

/** Two parts of a call that disagree, or a part that no plan has. */
export interface Contradiction extends Pick<Diagnostic, "message" | "expected" | "found" | "hint"> {
  /** Where, from the call on. */
  readonly path: Path;
}

/** What to do about a stored plan that was edited. */
export const RECREATE = "Re-create the plan with `warmboot plan`; do not edit it by hand";

/**
 * How a call contradicts itself. A stored plan is text that anyone may have edited: what a reader sees (flags by name,
 * digests) must be what the kernel gets (bits, bytes). Empty for every call that the planner makes and that has segments.
 */
export function contradictionsOf(call: Call): readonly Contradiction[] {
  return [...flagFaults(call), ...(call.syscall === "kexec_load" ? segmentFaults(call) : fileLoadFaults(call))];
}

function flagFaults({ syscall, flags, flagBits: bits }: Call): readonly Contradiction[] {
  const unknown = unknownFlags(syscall, flags);
  if (unknown.length > 0) return [fault(["flags"], `${syscall} has no flag ${unknown.join(", ")}`)];
  if (flags.includes("KEXEC_FILE_UNLOAD")) {
    return [fault(["flags"], "KEXEC_FILE_UNLOAD unloads an image, but a plan loads one")];
  }
  const archs = KEXEC_ARCHITECTURES.filter(({ constant }) => flags.includes(constant));
  if (syscall === "kexec_load" && archs.length !== 1) {
    return [fault(["flags"], `kexec_load takes exactly one architecture; the flags name ${archs.length}`)];
  }
  const meant = flagBits(syscall, flags);
  return BigInt(bits) === BigInt(meant) ? [] : [{
    ...fault(["flagBits"], "`flagBits` are not the bits of `flags`"),
    expected: meant,
    found: bits,
  }];
}

function fileLoadFaults(
  { flags, initrd, unpacked, built, bases, bootconfig }: FileLoadCall,
): readonly Contradiction[] {
  const ends = bootconfig === undefined ? undefined : initrd.find(({ path }) => path === bootconfig.path);
  if (bootconfig !== undefined && (ends === undefined || ends.size < bootconfig.size)) {
    return [fault(["bootconfig"], "`bootconfig` is not the end of an initrd of the plan")];
  }
  if (built !== undefined && unpacked !== undefined) {
    return [fault(["built"], "`built` and `unpacked` are mutually exclusive: one kernel is handed over")];
  }
  if (bases !== undefined && built === undefined) {
    return [fault(["bases"], "`bases` would be ignored: only the kernel of a built image is moved")];
  }
  if (flags.includes("KEXEC_FILE_NO_INITRAMFS") === (initrd.length === 0)) return [];
  return [
    fault(
      ["flags"],
      initrd.length === 0
        ? "The plan has no initrd, but lacks KEXEC_FILE_NO_INITRAMFS"
        : "KEXEC_FILE_NO_INITRAMFS and an initrd are mutually exclusive; the initrd would be ignored",
    ),
  ];
}

function segmentFaults({ segments, files, flags, reentrant }: SegmentLoadCall): readonly Contradiction[] {
  if (segments.length === 0) {
    return [fault(["segments"], "There are no segments; kexec_load without any unloads the current image")];
  }
  if (reentrant === true && !flags.includes("KEXEC_PRESERVE_CONTEXT")) {
    return [fault(["reentrant"], "`reentrant` requires KEXEC_PRESERVE_CONTEXT")];
  }
  return segments.flatMap((segment, index) => {
    const message = segmentFault(segment, files);
    return message === undefined ? [] : [fault(["segments", index], `Segment "${segment.name}" ${message}`)];
  });
}

/** Completes "Segment NAME ...". */
function segmentFault({ source, bufsz, sha256: stated }: PlannedSegment, files: readonly PlannedFile[]) {
  switch (source.kind) {
    case "zero":
      if (bufsz !== 0) return `copies ${bufsz} bytes, but its source is zero-filled memory`;
      return stated === sha256Of("") ? undefined : OTHER_DIGEST;
    case "bytes": {
      const bytes = Uint8Array.fromBase64(source.base64);
      if (bytes.length !== bufsz) return `copies ${bufsz} bytes, but the plan holds ${bytes.length}`;
      const beyond = (source.random ?? []).some(({ offset, length }) => offset + length > bufsz);
      if (beyond) return "has a random part that extends beyond its bytes";
      return stated === sha256Of(bytes) ? undefined : OTHER_DIGEST;
    }
    case "unpacked":
      if (!files.some(({ path }) => path === source.path)) {
        return `comes from ${source.path}, which \`files\` does not list`;
      }
      return source.length === bufsz
        ? undefined
        : `copies ${bufsz} bytes, but its part of the unpacked ${source.path} has ${source.length}`;
    case "overlay":
    case "file": {
      const file = files.find(({ path }) => path === source.path);
      if (file === undefined) return `comes from ${source.path}, which \`files\` does not list`;
      if (source.length !== bufsz) return `copies ${bufsz} bytes, but its part of ${source.path} has ${source.length}`;
      if (source.offset + source.length > file.size) return `extends beyond the ${file.size} bytes of ${source.path}`;
      const whole = source.offset === 0 && source.length === file.size;
      return whole && stated !== file.sha256 ? `is all of ${source.path}, but has a different SHA-256` : undefined;
    }
  }
}

const OTHER_DIGEST = "has a SHA-256 that does not match its bytes";

function fault(path: Path, message: string): Contradiction {
  return { path, message, hint: RECREATE };
}
