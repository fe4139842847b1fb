import type { Diagnostic, Path } from "../core/diagnostic.ts";
import { closeFile, hashFile, type OpenFile, openFile } from "../host/files.ts";
import { identifyKernel } from "../image/identify.ts";
import type { InitrdInfo } from "../image/image.ts";
import { identifyInitrd } from "../image/initrd.ts";
import type { IdentifiedFile, Images } from "../plan/input.ts";
import type { FileRef } from "../profile/profile.ts";
import { visible } from "../render/visible.ts";
import type { Ports } from "./ports.ts";

/** The files of a plan, open. What was hashed is what is handed to the kernel. */
export interface OpenImages extends Disposable {
  readonly images: Images;
  readonly files: readonly OpenFile[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Opens, hashes and identifies a kernel, initrds, and the files of explicit segments. Every file that cannot be opened is a diagnostic. */
export async function openImages(
  kernel: FileRef | undefined,
  initrds: readonly FileRef[],
  segments: readonly FileRef[],
  ports: Ports,
): Promise<OpenImages> {
  const files: OpenFile[] = [];
  const diagnostics: Diagnostic[] = [];
  const open = (ref: FileRef, path: Path): OpenFile | undefined => {
    const opened = openFile(ref.path);
    diagnostics.push(...opened.diagnostics.map((diagnostic) => ({ ...diagnostic, path })));
    if (opened.value !== undefined) files.push(opened.value);
    return opened.value;
  };
  const kernelFile = kernel === undefined ? undefined : open(kernel, ["kernel"]);
  const initrdFiles = initrds.map((ref, index) => open(ref, ["initrd", index]));
  const segmentFiles = segments.map((ref, index) => open(ref, ["segments", index, "file"]));
  const identified = async <Info>(file: OpenFile, ref: FileRef, info: Info): Promise<IdentifiedFile<Info>> => ({
    path: file.path,
    size: file.size,
    sha256: await hashFile(file, progress(file.path, ports)),
    ...(ref.sha256 === undefined ? {} : { pinned: ref.sha256 }),
    info,
  });
  const complete = diagnostics.every(({ severity }) => severity !== "error");
  const initrd: IdentifiedFile<InitrdInfo>[] = [];
  for (const [index, ref] of initrds.entries()) {
    const file = initrdFiles[index];
    if (complete && file !== undefined) initrd.push(await identified(file, ref, identifyInitrd(file.source)));
  }
  const parts: IdentifiedFile<undefined>[] = [];
  for (const [index, ref] of segments.entries()) {
    const file = segmentFiles[index];
    if (complete && file !== undefined) parts.push(await identified(file, ref, undefined));
  }
  const images: Images = complete && kernelFile !== undefined && kernel !== undefined
    ? { kernel: await identified(kernelFile, kernel, identifyKernel(kernelFile.source)), initrd, segments: parts }
    : { initrd, segments: parts };
  return { images, files, diagnostics, [Symbol.dispose]: () => files.forEach(closeFile) };
}

const PATIENCE_MS = 500;

/** A progress line on a terminal, once hashing takes over half a second. */
function progress(path: string, { err }: Ports): ((done: number, total: number) => void) | undefined {
  if (!err.isTerminal) return undefined;
  const start = performance.now();
  const { width } = err.layout;
  let shown = -1;
  return (done, total) => {
    if (performance.now() - start < PATIENCE_MS && shown < 0) return;
    const percent = Math.floor(done * 100 / total);
    if (done === total && shown >= 0) err.write("\r\x1b[K");
    else if (percent > shown) err.write(`\r\x1b[K${progressLine(path, percent, width)}`);
    shown = percent;
  };
}

/** One line that leaves the last column free: a longer one would wrap, and could not be written over. */
export function progressLine(path: string, percent: number, width: number): string {
  const about = `: ${percent} %`;
  const room = width - 1 - "Reading ".length - about.length;
  return `Reading ${visible(path.length <= room ? path : `...${path.slice(path.length - room + 3)}`)}${about}`;
}
