import { align4, latin1 } from "../core/bytes.ts";

/** The cpio formats with headers in text: newc, the same with a sum of each file's bytes, and the old portable one. */
export type CpioFormat = "newc" | "crc" | "odc";

/** By the six characters that begin every header. */
const MAGIC: { readonly [magic: string]: CpioFormat } = { "070701": "newc", "070702": "crc", "070707": "odc" };

/** Bytes of a newc or crc header; that of odc has 76. */
export const CPIO_HEADER = 110;

/** The longest name, its NUL included (PATH_MAX). The kernel passes over entries with longer ones. */
const NAME_MAX = 4096;

/** The name of the entry that ends an archive. */
export const TRAILER = "TRAILER!!!";

/** The format of the archive that begins with these bytes; undefined: none does. */
export function cpioFormat(bytes: Uint8Array): CpioFormat | undefined {
  const magic = latin1(bytes.subarray(0, 6));
  return Object.hasOwn(MAGIC, magic) ? MAGIC[magic] : undefined;
}

/** The type bits of a mode (S_IFMT), and three of them. */
const TYPE_BITS = 0o170000;
const FOLDER = 0o040000;
const REGULAR = 0o100000;
const LINK = 0o120000;
/** FIFO, character device, directory, block device, regular file, symbolic link, socket. */
const TYPES: readonly number[] = [0o010000, 0o020000, FOLDER, 0o060000, REGULAR, LINK, 0o140000];

/** One entry of an archive, but for the body. */
export interface CpioEntry {
  /** The name as the archive has it. */
  readonly name: string;
  /** Type and permissions, as in stat(2). */
  readonly mode: number;
  /** Bytes of the body. */
  readonly size: number;
  /** Where a symbolic link leads. */
  readonly target?: string;
}

/** Takes the body of an entry. A piece is only valid during the call. */
export type BodySink = (piece: Uint8Array) => void;

function isSink(value: unknown): value is BodySink {
  return typeof value === "function";
}

/** Whether an entry is a regular file. */
export function isRegular({ mode }: CpioEntry): boolean {
  return (mode & TYPE_BITS) === REGULAR;
}

/** Whether an entry is a folder. */
export function isFolder({ mode }: CpioEntry): boolean {
  return (mode & TYPE_BITS) === FOLDER;
}

/** Why the bytes are not a sound archive. `why` completes "the archive …". */
export interface CpioFault {
  /** Where, bytes from the start of the stream. */
  readonly at: number;
  readonly why: string;
}

/** What a reader made of a piece. */
export type CpioProgress =
  /** All of it was taken. */
  | { readonly kind: "more" }
  /** Where in the piece a byte between entries begins neither an entry nor padding. */
  | { readonly kind: "other"; readonly taken: number }
  | ({ readonly kind: "fault" } & CpioFault);

interface Header {
  readonly at: number;
  readonly format: "newc" | "crc";
  readonly mode: number;
  readonly size: number;
  readonly nameSize: number;
  readonly sum: number;
}

/**
 * Reads cpio archives in newc and crc format, one after another, from pieces of any size, as init/initramfs.c (Linux 7.2)
 * does: entries are padded to 4 bytes, zeros lie between archives, and the last entry, `TRAILER!!!`, is optional. Stricter
 * than the kernel where that only hides damage: fields that are not hexadecimal, names without an end, unknown file types.
 */
export class CpioReader {
  #at = 0;
  #state: "start" | "between" | "header" | "name" | "target" | "body" | "padding" = "start";
  /** Collected bytes of a header, name or target that several pieces hold; `#wanted` in all. */
  #collected = new Uint8Array(CPIO_HEADER);
  #have = 0;
  #wanted = 0;
  #header: Header | undefined;
  #name = "";
  #left = 0;
  #sum = 0;
  /** Since the last trailer. */
  #entries = 0;
  /** Where the last entry that is complete ends. */
  #end = 0;
  /** Takes the body of the entry that is read, piece by piece. */
  #sink: BodySink | undefined;
  readonly #onEntry: (entry: CpioEntry) => unknown;
  readonly #formats = new Set<"newc" | "crc">();
  #trailers = 0;
  #untrailed = 0;

  /** `onEntry` is called before the body is read; a function that it returns, a `BodySink`, takes the body. */
  constructor(onEntry: (entry: CpioEntry) => unknown) {
    this.#onEntry = onEntry;
  }

  /** The formats that were met. */
  get formats(): readonly ("newc" | "crc")[] {
    return [...this.#formats].sort().toReversed();
  }

  /** Archives that were met: those that end in a trailer, and those that just end. */
  get archives(): { readonly withTrailer: number; readonly without: number } {
    return { withTrailer: this.#trailers, without: this.#untrailed + (this.#entries > 0 ? 1 : 0) };
  }

  /** Whether nothing was read, or the last entry is complete. Its padding may be missing: see `endOfEntries`. */
  get isBetween(): boolean {
    return this.#state === "between";
  }

  /** Where the last complete entry ends, padded to 4; bytes from the start of the stream. */
  get endOfEntries(): number {
    return this.#end;
  }

  /** Bytes that may be passed over unread, see `skip`. */
  get skippable(): number {
    const isBody = this.#state === "body" && this.#header?.format !== "crc" && this.#sink === undefined;
    return isBody ? this.#left : 0;
  }

  /** Passes over bytes that `skippable` allows. */
  skip(count: number): void {
    this.#at += count;
    this.#left -= count;
    if (this.#left === 0) this.#finishBody();
  }

  /** Goes on in another stream, `at` bytes from its start; an archive does not extend over two. */
  moveTo(at: number): void {
    if (this.#entries > 0) {
      this.#untrailed++;
      this.#entries = 0;
    }
    this.#at = at;
    this.#end = at;
  }

  /** What the archive breaks off in, as the end of "it ends within …"; undefined where it does not. */
  breakOff(): string | undefined {
    switch (this.#state) {
      case "start":
      case "between":
        return undefined;
      case "header":
        return "the header of an entry";
      case "name":
        return "the name of an entry";
      case "target":
        return `the target of the symbolic link ${this.#name}`;
      case "body":
        return `the file ${this.#name}, ${this.#left} bytes short of its ${this.#header?.size ?? 0}`;
      case "padding":
        return `the padding after ${this.#name}`;
    }
  }

  /** Takes the next bytes of the stream. */
  push(bytes: Uint8Array): CpioProgress {
    for (let from = 0; from < bytes.length;) {
      switch (this.#state) {
        case "start":
          this.#begin();
          break;
        case "between": {
          const start = from;
          while (from < bytes.length && bytes[from] === 0) from++;
          this.#at += from - start;
          if (from === bytes.length) break;
          if (this.#at % 4 !== 0) return this.#fault(this.#at, "goes on at a place that is not a multiple of 4 bytes");
          if (bytes[from] !== 0x30) return { kind: "other", taken: from };
          this.#begin();
          break;
        }
        case "header":
        case "name":
        case "target": {
          const part = bytes.subarray(from, from + this.#wanted - this.#have);
          this.#collected.set(part, this.#have);
          this.#have += part.length;
          this.#at += part.length;
          from += part.length;
          if (this.#have < this.#wanted) break;
          const fault = this.#take(this.#collected.subarray(0, this.#wanted));
          if (fault !== undefined) return fault;
          break;
        }
        case "body":
        case "padding": {
          const count = Math.min(this.#left, bytes.length - from);
          if (this.#state === "body" && this.#header?.format === "crc") {
            for (const byte of bytes.subarray(from, from + count)) this.#sum = (this.#sum + byte) >>> 0;
          }
          if (this.#state === "body") this.#sink?.(bytes.subarray(from, from + count));
          from += count;
          this.#at += count;
          this.#left -= count;
          if (this.#left > 0) break;
          const fault = this.#state === "body" ? this.#finishBody() : this.#finishEntry();
          if (fault !== undefined) return fault;
          break;
        }
      }
    }
    return { kind: "more" };
  }

  #begin(): void {
    this.#collect("header", CPIO_HEADER);
  }

  #collect(state: "header" | "name" | "target", size: number): void {
    this.#state = state;
    this.#have = 0;
    this.#wanted = size;
    if (this.#collected.length < size) this.#collected = new Uint8Array(NAME_MAX + 4);
  }

  #fault(at: number, why: string): CpioProgress {
    return { kind: "fault", at, why };
  }

  /** What was collected is complete. */
  #take(bytes: Uint8Array): CpioProgress | undefined {
    if (this.#state === "header") return this.#takeHeader(bytes);
    if (this.#state === "name") return this.#takeName(bytes);
    const target = latin1(bytes.subarray(0, this.#header?.size ?? 0));
    if (target.includes("\0") || target === "") {
      return this.#faultHere(`has no target for the symbolic link ${this.#name}`);
    }
    return this.#takeBody(target);
  }

  #faultHere(why: string): CpioProgress {
    return this.#fault(this.#header?.at ?? this.#at, why);
  }

  #takeHeader(bytes: Uint8Array): CpioProgress | undefined {
    const at = this.#at - CPIO_HEADER;
    const format = cpioFormat(bytes);
    if (format === "odc") {
      return this.#fault(at, "is in the old portable format (odc), which the kernel does not unpack");
    }
    if (format === undefined) return this.#fault(at, "has bytes that do not begin a cpio header");
    const fields: number[] = [];
    for (let field = 6; field < CPIO_HEADER; field += 8) {
      const value = hexAt(bytes, field);
      if (value === undefined) return this.#fault(at, "has a header with a field that is not hexadecimal");
      fields.push(value);
    }
    // c_ino, c_mode, c_uid, c_gid, c_nlink, c_mtime, c_filesize, four device numbers, c_namesize, c_check.
    const [, mode = 0, , , , , size = 0, , , , , nameSize = 0, sum = 0] = fields;
    this.#header = { at, format, mode, size, nameSize, sum };
    this.#formats.add(format);
    if (nameSize < 2 || nameSize > NAME_MAX) {
      return this.#fault(at, `has an entry with a name of ${nameSize} bytes, and 2 to ${NAME_MAX} are possible`);
    }
    // The name is padded so that what follows is aligned to 4, as seen from the header.
    this.#collect("name", align4(CPIO_HEADER + nameSize) - CPIO_HEADER);
    return undefined;
  }

  #takeName(bytes: Uint8Array): CpioProgress | undefined {
    const header = this.#header;
    if (header === undefined) return undefined;
    if (bytes[header.nameSize - 1] !== 0) return this.#faultHere("has an entry whose name does not end in a NUL byte");
    // Some writers pad the name itself with NUL bytes, to align the body.
    const end = bytes.indexOf(0);
    this.#name = latin1(bytes.subarray(0, end));
    if (this.#name === "") return this.#faultHere("has an entry without a name");
    const type = header.mode & TYPE_BITS;
    if (this.#name === TRAILER) return this.#body(header.size);
    if (!TYPES.includes(type)) return this.#faultHere(`has the entry ${this.#name} with an unknown file type`);
    if (type !== LINK) return this.#takeBody(undefined);
    if (header.size === 0 || header.size > NAME_MAX) {
      return this.#faultHere(`has the symbolic link ${this.#name} with a target of ${header.size} bytes`);
    }
    this.#collect("target", header.size);
    return undefined;
  }

  #takeBody(target: string | undefined): CpioProgress | undefined {
    const { mode = 0, size = 0 } = this.#header ?? {};
    const sink = this.#onEntry({ name: this.#name, mode, size, ...(target === undefined ? {} : { target }) });
    this.#sink = isSink(sink) ? sink : undefined;
    return this.#body(target === undefined ? size : 0);
  }

  #body(size: number): CpioProgress | undefined {
    this.#sum = 0;
    this.#left = size;
    this.#state = "body";
    return size === 0 ? this.#finishBody() : undefined;
  }

  #finishBody(): CpioProgress | undefined {
    const header = this.#header;
    this.#sink = undefined;
    const isSummed = header?.format === "crc" && (header.mode & TYPE_BITS) === REGULAR && header.size > 0;
    if (isSummed && this.#sum !== header.sum) {
      return this.#faultHere(`has the file ${this.#name} with a wrong checksum`);
    }
    this.#state = "padding";
    this.#end = align4(this.#at);
    this.#left = this.#end - this.#at;
    return this.#left === 0 ? this.#finishEntry() : undefined;
  }

  #finishEntry(): undefined {
    this.#state = "between";
    if (this.#name === TRAILER) {
      this.#trailers++;
      this.#entries = 0;
    } else {
      this.#entries++;
    }
  }
}

/** Eight hexadecimal digits; undefined where they are not. */
function hexAt(bytes: Uint8Array, at: number): number | undefined {
  let value = 0;
  for (let index = at; index < at + 8; index++) {
    const code = bytes[index] ?? 0;
    const letter = (code | 0x20) - 0x61;
    const digit = code >= 0x30 && code <= 0x39 ? code - 0x30 : letter >= 0 && letter < 6 ? letter + 10 : undefined;
    if (digit === undefined) return undefined;
    value = value * 16 + digit;
  }
  return value;
}
