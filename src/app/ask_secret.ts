import { errnoText } from "../syscall/errno.ts";
import type { Libc } from "../syscall/libc.ts";
import { runSecretly, type Secret } from "./run_secretly.ts";
import { systemProgram } from "./system_program.ts";

/** How long somebody has to answer, milliseconds. */
const PATIENCE = 300_000;

/** Between two looks at the terminal, milliseconds: meanwhile signals are served. */
const INTERVAL = 50;

/** How a secret is asked for; tests have a terminal and a patience of their own. */
export interface AskOptions {
  readonly libc: Libc;
  readonly terminal?: string;
  /** The program that asks where there is no terminal. */
  readonly program?: string;
  /** Milliseconds. */
  readonly patience?: number;
}

/**
 * Asks for a secret, and writes the answer to memory without the end of its line: on the terminal, without an echo, or where
 * there is none by systemd-ask-password, whose agents ask elsewhere. Nothing of the answer becomes a text of this process.
 */
export async function askSecret(
  prompt: string,
  into: Uint8Array,
  { libc, terminal = "/dev/tty", program = systemProgram(AGENT), patience = PATIENCE }: AskOptions,
): Promise<Secret> {
  const opened = libc.openTerminal(terminal);
  if (opened.ok) {
    try {
      return await askOnTerminal(opened.value, prompt, into, { libc, patience });
    } finally {
      libc.close(opened.value);
    }
  }
  const seconds = Math.ceil(patience / 1000);
  // A prompt may begin as an option does.
  const asked = await runSecretly([program, `--timeout=${seconds}`, "--id=warmboot", "--", prompt], into, {
    patience: patience + 10_000,
  });
  if (asked.kind === "missing") {
    return {
      kind: "failed",
      why: `there is no terminal, and ${AGENT} cannot be started: ${asked.reason}`,
      hint: "Run warmboot on a terminal, or use `from` or `command`",
    };
  }
  return asked.kind === "secret" ? withoutNewline(into, asked.size) : asked;
}

const AGENT = "systemd-ask-password";

/** The signals that people and systemd stop a program with. */
const STOPPING = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;

async function askOnTerminal(
  fd: number,
  prompt: string,
  into: Uint8Array,
  { libc, patience }: { readonly libc: Libc; readonly patience: number },
): Promise<Secret> {
  const before = libc.setEcho(fd, false);
  if (!before.ok) return terminalFailed(before.errno);
  const restore = (): void => {
    if (before.value === 1) libc.setEcho(fd, true);
    libc.write(fd, new TextEncoder().encode("\n"));
  };
  // A signal ends the program as always, but not with a terminal that shows nothing.
  const listeners = STOPPING.map((signal) => {
    const listener = (): void => {
      restore();
      Deno.removeSignalListener(signal, listener);
      Deno.kill(Deno.pid, signal);
    };
    Deno.addSignalListener(signal, listener);
    return { signal, listener };
  });
  try {
    libc.write(fd, new TextEncoder().encode(`${prompt} `));
    const end = performance.now() + patience;
    for (let size = 0;;) {
      const ready = libc.isReadable(fd);
      if (!ready.ok) return terminalFailed(ready.errno);
      if (ready.value === 0) {
        if (performance.now() > end) {
          return { kind: "failed", why: `nobody answered within ${patience / 1000} s`, hint: "Load again" };
        }
        await new Promise((resolve) => setTimeout(resolve, INTERVAL));
        continue;
      }
      const read = libc.read(fd, into.subarray(size));
      if (!read.ok) return terminalFailed(read.errno);
      size += read.value;
      if (read.value === 0 || size === into.length || into[size - 1] === NEWLINE) return withoutNewline(into, size);
    }
  } finally {
    restore();
    for (const { signal, listener } of listeners) Deno.removeSignalListener(signal, listener);
  }
}

const NEWLINE = 10;

function withoutNewline(into: Uint8Array, size: number): Secret {
  const end = size > 0 && into[size - 1] === NEWLINE ? size - 1 : size;
  into.fill(0, end, size);
  return end === 0 ? { kind: "failed", why: "the answer is empty", hint: "Load again" } : { kind: "secret", size: end };
}

function terminalFailed(errno: number): Secret {
  return { kind: "failed", why: `the terminal cannot be used: ${errnoText(errno)}`, hint: "Use another terminal" };
}
