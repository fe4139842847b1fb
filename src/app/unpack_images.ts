import { describeVmlinux } from "../arch/x86_64/vmlinux.ts";
import type { Diagnostic } from "../core/diagnostic.ts";
import { formatSize } from "../core/number.ts";
import type { OpenFile } from "./files/open_file.ts";
import type { BzImage, Vmlinux } from "../image/image.ts";
import { kernelPayload, UNPACKED_KERNEL_MAX } from "../image/payload.ts";
import { unpackArchives, type UnpackedArchives } from "../formats/initrd_archives.ts";
import type { Unpack } from "../formats/unpacked.ts";
import type { Contents } from "../syscall/finalize.ts";
import { estimatedGain } from "../plan/initrd_forms.ts";
import type { PlanInput } from "../plan/input.ts";
import { unpackingOf } from "../plan/predecompress.ts";
import type { OpenImages } from "./images.ts";
import { type UnpackedCache, unpackedCache } from "../state/unpacked_cache.ts";
import type { Images, InitrdFile, KernelFile } from "../image/boot_files.ts";

/** The most that an initrd unpacks to here, bytes: what the runtime's codecs give in one piece. */
const UNPACKED_INITRD_MAX = 2 ** 31 - 1;

/** The files of a plan, with what they unpack to as far as it is placed. */
export interface UnpackedImages {
  readonly images: Images;
  /** The bytes, by the path of the file. */
  readonly contents: Contents;
  readonly diagnostics: readonly Diagnostic[];
}

/** Unpacks what a profile's plan may place unpacked. Errors: `payload-damaged`, `codec-missing`, `image-not-captured`. */
export async function unpackImages(
  input: PlanInput,
  opened: Pick<OpenImages, "files">,
  cache: UnpackedCache = unpackedCache(),
): Promise<UnpackedImages> {
  const { images, facts } = input;
  const wanted = unpackingOf(input);
  const contents = new Map<string, Uint8Array>();
  const diagnostics: Diagnostic[] = [];
  let kernel = images.kernel;
  if (wanted.kernel && kernel !== undefined) {
    const unpacked = await unpackKernel(kernel, opened.files, cache);
    if ("code" in unpacked) diagnostics.push({ ...unpacked, path: ["predecompress"] });
    else {
      contents.set(kernel.path, unpacked.bytes);
      kernel = { ...kernel, unpacked: { ...unpacked.vmlinux, size: unpacked.bytes.length } };
    }
  }
  const most = Math.min(Number((facts.memTotal ?? 0n) / 2n), UNPACKED_INITRD_MAX);
  const initrd: InitrdFile[] = [];
  for (const file of images.initrd) {
    const unpacked = wanted.initrd ? await unpackInitrd(file, opened.files, most) : undefined;
    if (unpacked === undefined) {
      initrd.push(file);
    } else if ("why" in unpacked) {
      initrd.push({ ...file, unpacked });
    } else {
      const { bytes, archives } = unpacked;
      const packings = [...new Set(archives.map(({ packing }) => packing))];
      const gain = estimatedGain(archives, bytes.length - file.size, input);
      contents.set(file.path, bytes);
      initrd.push({ ...file, unpacked: { size: bytes.length, packings, gain } });
    }
  }
  return { images: { ...images, ...(kernel === undefined ? {} : { kernel }), initrd }, contents, diagnostics };
}

async function unpackKernel(
  file: KernelFile,
  files: readonly OpenFile[],
  cache: UnpackedCache,
): Promise<{ readonly bytes: Uint8Array; readonly vmlinux: Vmlinux } | Diagnostic> {
  const open = files.find(({ path }) => path === file.path);
  if (open === undefined) return notHere(file.path);
  const { info } = file;
  if (info.kind !== "bzimage") return damaged(`${file.path} has no payload that could be unpacked`);
  const kept = await cache.find(file.sha256);
  const bytes = kept ?? unpackPayload(open, info, await codecs());
  if ("code" in bytes) return bytes;
  const vmlinux = describeVmlinux(bytes);
  if ("why" in vmlinux) return damaged(`${file.path} cannot be placed unpacked: the kernel ${vmlinux.why}`);
  if (kept === undefined) await cache.keep(file.sha256, bytes);
  return { bytes, vmlinux };
}

/** Loaded where something is unpacked only: it takes the runtime some time to start node's modules. */
async function codecs(): Promise<Unpack> {
  return (await import("../formats/codecs.ts")).unpack;
}

function unpackPayload(file: OpenFile, info: BzImage, unpack: Unpack): Uint8Array | Diagnostic {
  const payload = kernelPayload(file, info);
  if (payload === undefined) return damaged(`${file.path} has no payload that could be unpacked`);
  const { offset, length, packing, size } = payload;
  if (size === 0 || size > UNPACKED_KERNEL_MAX) {
    return damaged(`The ${packing} payload of ${file.path} claims to unpack to ${formatSize(size)}`);
  }
  const result = unpack(packing, file.read(offset, length), { most: size, size });
  switch (result.kind) {
    case "missing":
      return {
        code: "codec-missing",
        severity: "error",
        message: `The kernel of ${file.path} is packed with ${packing}, and ${result.library} is not installed`,
        hint: `Install it: ${result.packages}; without \`predecompress\` the kernel unpacks itself`,
      };
    case "damaged":
      return damaged(`The ${packing} payload of ${file.path} cannot be unpacked: ${result.why}`);
    case "too-large":
      return damaged(`The ${packing} payload of ${file.path} unpacks to more than the ${size} bytes that it states`);
    case "unpacked":
      if (result.bytes.length === size) return result.bytes;
      return damaged(
        `The ${packing} payload of ${file.path} unpacks to ${result.bytes.length} bytes, and states ${size}`,
      );
  }
}

async function unpackInitrd(
  file: InitrdFile,
  files: readonly OpenFile[],
  most: number,
): Promise<UnpackedArchives | { readonly why: string }> {
  const open = files.find(({ path }) => path === file.path);
  if (open === undefined) return { why: "the capture does not hold it whole" };
  const plain = file.info.kind === "cpio" && file.info.format === "odc" || file.info.kind === "unknown";
  if (plain) return { why: "it is not an archive that the kernel unpacks" };
  return unpackArchives(open.read(0, open.size), await codecs(), most);
}

function damaged(message: string): Diagnostic {
  return {
    code: "payload-damaged",
    severity: "error",
    message,
    hint: "Install the kernel again, and compare its checksum; a kernel that is damaged does not boot either way",
  };
}

function notHere(path: string): Diagnostic {
  return {
    code: "image-not-captured",
    severity: "error",
    message: `The capture has ${path}, but not what it unpacks to`,
    hint: "Plan on the host itself, or without `predecompress`",
  };
}
