/** The host's end of the serial line to the guest's agent; guest/agent describes the protocol. */
import { concatenate } from "./cpio.ts";

/** A kernel that came up. */
export interface Boot {
  /** As uname -r. */
  readonly release: string;
  /** As /proc/cmdline, without its line break. */
  readonly cmdline: string;
}

/** What a command in the guest came to. */
export interface Reply {
  /** Its exit code; 128 + the signal's number if one ended it. */
  readonly code: number;
  readonly stdout: Uint8Array<ArrayBuffer>;
  readonly stderr: Uint8Array<ArrayBuffer>;
}

/** What the agent says. `garbled` is either side's complaint: a line did not arrive whole. */
export type AgentMessage =
  | { readonly kind: "hello"; readonly boot: Boot }
  | { readonly kind: "reply"; readonly id: number; readonly reply: Reply }
  | { readonly kind: "garbled" };

/** The bytes that have the agent run a shell command. `limit` is in seconds. */
export function requestBytes(id: number, limit: number, command: string, stdin: Uint8Array): Uint8Array {
  const text = new TextEncoder();
  const script = text.encode(command);
  return concatenate([text.encode(`run ${id} ${limit} ${script.length} ${stdin.length}\n`), script, stdin]);
}

/** A reply of which the end is not there yet. */
interface Unfinished {
  readonly id: number;
  readonly code: number;
  readonly stdout: string[];
  readonly stderr: string[];
  into: "stdout" | "stderr";
}

/**
 * Reads messages from the lines of the serial port. Other text between them (firmware talks on serial ports, too) is
 * passed over; a hello in the middle of a reply drops that reply, since the kernel that was replying is gone.
 */
export async function* agentMessages(lines: AsyncIterable<string>): AsyncGenerator<AgentMessage> {
  let unfinished: Unfinished | undefined;
  for await (const line of lines) {
    const [word, first = "", second = ""] = line.trim().split(" ");
    if (word === "@hello") {
      unfinished = undefined;
      yield { kind: "hello", boot: { release: first, cmdline: textOf(second).trim() } };
    } else if (word === "@garbled") {
      yield { kind: "garbled" };
    } else if (word === "@reply") {
      unfinished = { id: Number(first), code: Number(second), stdout: [], stderr: [], into: "stdout" };
    } else if (unfinished !== undefined && word === "@stderr") {
      unfinished.into = "stderr";
    } else if (unfinished !== undefined && word === "@end") {
      yield finish(unfinished, Number(first), Number(second));
      unfinished = undefined;
    } else if (unfinished !== undefined) {
      unfinished[unfinished.into].push(line.trim());
    }
  }
}

function finish(unfinished: Unfinished, stdoutSize: number, stderrSize: number): AgentMessage {
  const { id, code } = unfinished;
  try {
    const stdout = Uint8Array.fromBase64(unfinished.stdout.join(""));
    const stderr = Uint8Array.fromBase64(unfinished.stderr.join(""));
    const whole = stdout.length === stdoutSize && stderr.length === stderrSize;
    return whole ? { kind: "reply", id, reply: { code, stdout, stderr } } : { kind: "garbled" };
  } catch (error) {
    if (error instanceof SyntaxError) return { kind: "garbled" };
    throw error;
  }
}

function textOf(base64: string): string {
  return new TextDecoder().decode(Uint8Array.fromBase64(base64));
}

/** The lines of a stream of bytes, without their ends. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

/** A text as one word of a shell command. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** What comes over the line until the other end is gone. */
export async function* received(port: Deno.Conn): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(64 * 1024);
  for (;;) {
    const size = await port.read(buffer).catch(() => null); // QEMU is gone: the connection ends, or is reset
    if (size === null) return;
    yield buffer.slice(0, size);
  }
}

/** Sends all of the bytes. */
export async function writeAll(port: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await port.write(bytes.subarray(sent));
}
