import { sha256Of } from "../core/sha256.ts";
import type { Diagnostic, Path } from "../core/diagnostic.ts";
import { KEXEC_ARCHITECTURES } from "../core/kexec_arch.ts";
import { flagBits, unknownFlags } from "./flags.ts";
import type { Call, FileLoadCall, PlannedFile, PlannedSegment, SegmentLoadCall } from "./plan.ts";

/** Two parts of a call that do not agree, or a part that no plan has. */
export interface Contradiction extends Pick<Diagnostic, "message" | "expected" | "found" | "hint"> {
  /** Where, from the call on. */
  readonly path: Path;
}

/** What to do about a stored plan that contradicts itself. */
export const MAKE_ANEW = "Make the plan anew with `warmboot plan`; do not edit its parts one by one";

/**
 * How a call contradicts itself. A stored plan is text that anyone may have edited: what a reader is shown (flags by
 * name, digests) must be what the kernel is then given (bits, bytes). Empty for every call that the planner makes and
 * that has its segments.
 */
export function contradictionsOf(call: Call): readonly Contradiction[] {
  return [...flagFaults(call), ...(call.syscall === "kexec_load" ? segmentFaults(call) : initrdFaults(call))];
}

function flagFaults({ syscall, flags, flagBits: bits }: Call): readonly Contradiction[] {
  const unknown = unknownFlags(syscall, flags);
  if (unknown.length > 0) return [fault(["flags"], `${syscall} has no flag ${unknown.join(", ")}`)];
  if (flags.includes("KEXEC_FILE_UNLOAD")) {
    return [fault(["flags"], "KEXEC_FILE_UNLOAD drops an image, and a plan loads one")];
  }
  const archs = KEXEC_ARCHITECTURES.filter(({ constant }) => flags.includes(constant));
  if (syscall === "kexec_load" && archs.length !== 1) {
    return [fault(["flags"], `kexec_load is for one architecture, and the flags name ${archs.length || "none"}`)];
  }
  const meant = flagBits(syscall, flags);
  return BigInt(bits) === BigInt(meant) ? [] : [{
    ...fault(["flagBits"], "`flagBits` are not the bits of `flags`"),
    expected: meant,
    found: bits,
  }];
}

function initrdFaults({ flags, initrd }: FileLoadCall): readonly Contradiction[] {
  if (flags.includes("KEXEC_FILE_NO_INITRAMFS") === (initrd.length === 0)) return [];
  return [
    fault(
      ["flags"],
      initrd.length === 0
        ? "There is no initrd, and KEXEC_FILE_NO_INITRAMFS does not say so"
        : "KEXEC_FILE_NO_INITRAMFS stands beside an initrd, which would be ignored",
    ),
  ];
}

function segmentFaults({ segments, files }: SegmentLoadCall): readonly Contradiction[] {
  if (segments.length === 0) {
    return [fault(["segments"], "There is no segment, and kexec_load without one drops the image that is loaded")];
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
      if (bufsz !== 0) return `copies ${bufsz} bytes, and its source is zero-filled memory`;
      return stated === sha256Of("") ? undefined : OTHER_DIGEST;
    case "bytes": {
      if (source.base64.length % 4 !== 0) return "has base64 that breaks off";
      const bytes = Uint8Array.fromBase64(source.base64);
      if (bytes.length !== bufsz) return `copies ${bufsz} bytes, and ${bytes.length} stand in the plan`;
      const beyond = (source.random ?? []).some(({ offset, length }) => offset + length > bufsz);
      if (beyond) return "has a random part that reaches beyond its bytes";
      return stated === sha256Of(bytes) ? undefined : OTHER_DIGEST;
    }
    case "unpacked":
      if (!files.some(({ path }) => path === source.path)) {
        return `is from ${source.path}, which is not among \`files\``;
      }
      return source.length === bufsz
        ? undefined
        : `copies ${bufsz} bytes, and its part of ${source.path} unpacked has ${source.length}`;
    case "file": {
      const file = files.find(({ path }) => path === source.path);
      if (file === undefined) return `is from ${source.path}, which is not among \`files\``;
      if (source.length !== bufsz) return `copies ${bufsz} bytes, and its part of ${source.path} has ${source.length}`;
      if (source.offset + source.length > file.size) return `reaches beyond the ${file.size} bytes of ${source.path}`;
      const whole = source.offset === 0 && source.length === file.size;
      return whole && stated !== file.sha256 ? `is all of ${source.path}, and has another SHA-256` : undefined;
    }
  }
}

const OTHER_DIGEST = "has another SHA-256 than its bytes";

function fault(path: Path, message: string): Contradiction {
  return { path, message, hint: MAKE_ANEW };
}
