import { type Diagnostic, hasErrors } from "../core/diagnostic.ts";
import { type Capture, collect, redactCapture } from "../host/capture.ts";
import { redactOverlays } from "../host/captured_overlay.ts";
import { decodeFacts } from "../host/decode_facts.ts";
import { omitUndefined } from "../core/shape.ts";
import { liveReader } from "../host/live.ts";
import { recordTime } from "../state/record.ts";
import { captureBootFiles } from "./boot_files.ts";
import { captureImages, type CaptureOfImages } from "./capture_images.ts";
import type { Reading } from "./image_file.ts";

/** What is captured besides the host, and how. */
export interface CaptureRequest {
  /** Profiles, by name or path: what plans of them need of the files that they name is captured with the host. */
  readonly images?: readonly string[];
  /** Leave out what shows addresses of the kernel, or secrets: for a repository. */
  readonly redact?: boolean;
  /** Called before each file is hashed. */
  readonly onReading?: Reading;
}

/** A capture, and what is wrong with it. */
export interface CapturedHost {
  /** The capture; undefined where the files of profiles were to be in it, and one of them cannot be. */
  readonly capture: Capture | undefined;
  /** What is wrong with the facts of this host. */
  readonly host: readonly Diagnostic[];
  /** What is wrong with the profiles and their files. */
  readonly images: readonly Diagnostic[];
}

/**
 * Captures this host: the raw text of every source that a plan is made from, so that {@linkcode planHost} makes elsewhere
 * the plan that it would make here. {@linkcode captureText} is its text. Needs `--allow-all`, and root for all of it.
 */
export async function captureHost(
  { images = [], redact = false, onReading }: CaptureRequest = {},
): Promise<CapturedHost> {
  const sources = collect(liveReader());
  const { value: facts, diagnostics: host } = decodeFacts(sources);
  const boot = facts === undefined ? {} : captureBootFiles(facts);
  const whole: Capture = { ...sources, capturedAt: recordTime(), files: { ...sources.files, ...boot } };
  const capture = redact ? redactCapture(whole) : whole;
  if (images.length === 0) return { capture, host, images: [] };
  if (facts === undefined) return { capture: undefined, host, images: [] };
  const captured = await captureImages(images, facts, { redact, ...omitUndefined({ onReading }) });
  // Half a capture would plan with whatever files lie where it is used.
  const isWhole = !hasErrors(captured.diagnostics);
  return {
    capture: isWhole ? withImages(capture, captured, redact) : undefined,
    host,
    images: captured.diagnostics,
  };
}

/** A capture with the files of profiles; redacted, without what they add to an initrd. */
function withImages(capture: Capture, { images, overlays }: CaptureOfImages, redact: boolean): Capture {
  if (Object.keys(overlays).length === 0) return { ...capture, images };
  return { ...capture, images, overlays: redact ? redactOverlays(overlays) : overlays };
}
