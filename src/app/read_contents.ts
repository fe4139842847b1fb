import type { ByteSource } from "../core/bytes.ts";
import type { Codecs } from "../formats/unpacked.ts";
import { INITRD_CONTENT, type InitrdContent, KERNEL_CONTENT, type KernelContent } from "../host/image_content.ts";
import type { ImageInfo } from "../image/image.ts";
import { CRYPT_TEXTS } from "../image/initrd_crypt.ts";
import { READ_LIMITS, readInitrd, type ReadLimits, type ReadOptions } from "../image/initrd_content.ts";
import { type HashParts, readKernel } from "../image/kernel_content.ts";
import type { VerdictCache } from "../state/unpacked_cache.ts";
import type { ImageFile } from "./image_file.ts";

/** Reads files through, each once: what was found is kept under the file's digest. */
export interface ContentReader extends Disposable {
  /** What an initrd holds, and whether these programs are in it. Undefined: a capture does not say. */
  initrd(file: ImageFile, sha256: string, asked: AskedOfInitrd): Promise<InitrdContent | undefined>;
  /** Whether a kernel is whole. Undefined: a capture does not say, or it is not an image that is loaded as it is. */
  kernel(file: ImageFile, sha256: string, info: ImageInfo): Promise<KernelContent | undefined>;
}

/** What is asked of an initrd: whether these programs are in it, and its names and tables, for files that are added. */
export type AskedOfInitrd = Required<Pick<ReadOptions, "programs" | "tree">>;

/** A file that is smaller than this is read through faster than a verdict is looked up, bytes. */
const WORTH_KEEPING = 1 << 20;

/** See `ContentReader`. */
export function contentReader(cache: VerdictCache, limits: ReadLimits = READ_LIMITS): ContentReader {
  let open: Codecs | undefined;
  /** Loaded where something is read through only: it takes the runtime some time to start node's modules. */
  const codecs = async (): Promise<Codecs> => open ??= (await import("../formats/codecs.ts")).openCodecs();
  return {
    async initrd(file, sha256, { programs, tree }) {
      if (file.open === undefined) return file.captured?.initrd;
      const knows = ({ kind, ...content }: InitrdContent): boolean =>
        kind !== "whole" || !("programs" in content) ||
        programs.every((path) => Object.hasOwn(content.programs, path)) &&
          (!tree || (content.tree !== undefined && content.texts !== undefined));
      const isKept = file.size >= WORTH_KEEPING;
      const kept = isKept ? await cache.find(sha256, "initrd", INITRD_CONTENT) : undefined;
      if (kept !== undefined && knows(kept)) return kept;
      const before = kept?.kind === "whole" ? kept : undefined;
      const all = [...new Set([...Object.keys(before?.programs ?? {}), ...programs])];
      const content = await readInitrd(file.source, await codecs(), {
        programs: all,
        ...(tree || before?.tree !== undefined ? { tree: true, texts: CRYPT_TEXTS } : {}),
        limits,
      });
      // What was not read to its end may be, with other limits or libraries.
      if (isKept && content.kind !== "unread" && content.kind !== "too-large") {
        await cache.keep(sha256, "initrd", content);
      }
      return content;
    },
    async kernel(file, sha256, info) {
      if (file.open === undefined) return file.captured?.kernel;
      const isKept = file.size >= WORTH_KEEPING;
      const kept = isKept ? await cache.find(sha256, "kernel", KERNEL_CONTENT) : undefined;
      if (kept !== undefined) return kept;
      const content = await readKernel(file.source, info, await codecs(), hashOf(file.source));
      if (isKept && content !== undefined && content.kind !== "unread") await cache.keep(sha256, "kernel", content);
      return content;
    },
    [Symbol.dispose]() {
      open?.[Symbol.dispose]();
      open = undefined;
    },
  };
}

/** Bytes that are hashed at once. */
const CHUNK = 256 * 1024;

function hashOf(source: ByteSource): HashParts {
  return async (parts, algorithm) => {
    const { createHash } = await import("node:crypto");
    const digest = createHash(algorithm.replace("-", "").toLowerCase());
    for (const { offset, length } of parts) {
      for (let done = 0; done < length;) {
        const bytes = source.read(offset + done, Math.min(CHUNK, length - done));
        if (bytes.length === 0) break;
        digest.update(bytes);
        done += bytes.length;
      }
    }
    return new Uint8Array(digest.digest());
  };
}
