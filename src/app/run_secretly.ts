import { reasonOf } from "../core/diagnostic.ts";
import { printable, shorten } from "../core/text.ts";

/** A secret that was written to memory, or why there is none. */
export type Secret =
  | {
    readonly kind: "secret";
    /** Bytes. */
    readonly size: number;
  }
  /** `why` completes "The content of FILE is missing: …". */
  | { readonly kind: "failed"; readonly why: string; readonly hint: string };

/** How long a program may run, milliseconds. */
const PATIENCE = 60_000;

/** What is kept of a program's errors, bytes. */
const ERRORS_MAX = 4096;

/**
 * Runs a program without a shell, and writes what it prints to memory. Every copy on the way is overwritten; what it prints
 * as errors is reported if it fails, its output never.
 */
export async function runSecretly(
  argv: readonly string[],
  into: Uint8Array,
  { patience = PATIENCE }: { readonly patience?: number } = {},
): Promise<Secret | { readonly kind: "missing"; readonly reason: string }> {
  const [program = "", ...args] = argv;
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
  } catch (error) {
    return { kind: "missing", reason: reasonOf(error) };
  }
  let stopped: "time" | "size" | undefined;
  const stop = (why: "time" | "size"): void => {
    stopped ??= why;
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
  };
  const [output, errors] = [child.stdout.getReader(), child.stderr.getReader()];
  const timer = setTimeout(() => {
    stop("time");
    // What it started may have the output still open.
    output.cancel().catch(() => {});
    errors.cancel().catch(() => {});
  }, patience);
  try {
    const kept = new Uint8Array(ERRORS_MAX);
    const [size, keptSize, { code, signal }] = await Promise.all([
      drain(output, into, () => stop("size")),
      drain(errors, kept),
      child.status,
    ]);
    const name = `\`${printable(shorten(argv.join(" ")))}\``;
    if (stopped === "time") {
      return {
        kind: "failed",
        why: `${name} did not end within ${patience / 1000} s`,
        hint: "Run it by hand, and see what it waits for",
      };
    }
    if (stopped === "size") {
      return { kind: "failed", why: `${name} printed more than ${into.length} bytes`, hint: "Use `from` with a file" };
    }
    const message = new TextDecoder().decode(kept.subarray(0, keptSize)).trim();
    if (code !== 0) {
      const how = signal === null ? `ended with status ${code}` : `was stopped by ${signal}`;
      return {
        kind: "failed",
        why: `${name} ${how}${message === "" ? "" : `: ${printable(shorten(message, 400))}`}`,
        hint: "Run it by hand, and read what it reports",
      };
    }
    if (size > 0) return { kind: "secret", size };
    return { kind: "failed", why: `${name} printed nothing`, hint: "Run it by hand, and read what it reports" };
  } finally {
    clearTimeout(timer);
  }
}

/** Reads a stream to its end into memory, as far as there is room, and overwrites each piece; returns the bytes. */
async function drain(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  into: Uint8Array,
  onFull: () => void = () => {},
): Promise<number> {
  let size = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return size;
    const taken = value.subarray(0, into.length - size);
    into.set(taken, size);
    size += taken.length;
    const isOver = taken.length < value.length;
    value.fill(0);
    if (isOver) onFull();
  }
}
