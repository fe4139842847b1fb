import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { askSecret } from "../../src/app/ask_secret.ts";
import { fakeLibc } from "../support/fake_libc.ts";
import { ownSignals } from "../support/signals.ts";
import { withFiles } from "../support/temp_files.ts";

/** A terminal on which this is typed, one read after the other. */
function terminal(typed: readonly string[], ready = 1) {
  const libc = fakeLibc({ is_readable: Array(40).fill({ ok: true, value: ready }) });
  const reads = typed.values();
  return {
    libc: {
      ...libc,
      read: (_fd: number, into: Uint8Array) =>
        ({ ok: true, value: new TextEncoder().encodeInto(reads.next().value ?? "", into).written }) as const,
    },
    calls: libc.calls,
  };
}

Deno.test("a terminal does not echo, and does so again afterwards; the end of the line is no part of the answer", async () => {
  const into = new Uint8Array(16);
  const { libc, calls } = terminal(["hun", "ter2\n"]);
  assertEquals(await askSecret("Who?", into, { libc }), { kind: "secret", size: 7 });
  assertEquals(new TextDecoder().decode(into), `hunter2${"\0".repeat(9)}`);
  const echoes = calls.filter(([name]) => name === "set_echo").map(([, , echo]) => echo);
  assertEquals([echoes, calls.at(-1)], [[false, true], ["close", 8]]);
});

Deno.test("an empty answer, the end of input and nobody at the terminal are no answer", async () => {
  for (const typed of [["\n"], [""]]) {
    const result = await askSecret("Who?", new Uint8Array(16), { libc: terminal(typed).libc });
    assertMatch(result.kind === "failed" ? result.why : "", /the answer is empty/);
  }
  const { libc, calls } = terminal([], 0);
  const result = await askSecret("Who?", new Uint8Array(16), { libc, patience: 100 });
  assertMatch(result.kind === "failed" ? result.why : "", /nobody answered within 0.1 s/);
  assertEquals(calls.filter(([name]) => name === "set_echo").map(([, , echo]) => echo), [false, true]);
});

Deno.test("without a terminal, systemd-ask-password asks; a prompt is not an option, and no agent is a failure", async () => {
  const script = '#!/bin/sh\n[ "$#" = 4 ] && [ "$3" = -- ] && [ "$4" = "--no-tty?" ] && echo hunter2\n';
  await withFiles({ "agent": script }, async (folder) => {
    const libc = { ...fakeLibc(), openTerminal: () => ({ ok: false, errno: 6 }) as const };
    const program = join(folder, "agent");
    Deno.chmodSync(program, 0o755);
    const into = new Uint8Array(16);
    assertEquals(await askSecret("--no-tty?", into, { libc, program }), { kind: "secret", size: 7 });
    assertEquals(new TextDecoder().decode(into), `hunter2${"\0".repeat(9)}`);
    const none = await askSecret("Who?", into, { libc, program: join(folder, "none") });
    assertMatch(none.kind === "failed" ? none.why : "", /no terminal, and systemd-ask-password cannot be started/);
  });
});

Deno.test("a terminal that does not echo before does not echo afterwards, and one that fails is told", async () => {
  const ask = async (answers: Parameters<typeof fakeLibc>[0]) => {
    const libc = fakeLibc(answers);
    const result = await askSecret("Who?", new Uint8Array(16), { libc });
    const echoes = libc.calls.filter(([name]) => name === "set_echo").map(([, , echo]) => echo);
    return [result.kind === "failed" ? result.why : result.kind, echoes, libc.calls.at(-1)];
  };
  const EIO = { ok: false, errno: 5 } as const;
  const [broken, closed] = ["the terminal cannot be used: input/output error", ["close", 8]];
  assertEquals(await ask({ set_echo: [{ ok: true, value: 0 }] }), ["the answer is empty", [false], closed]);
  assertEquals(await ask({ set_echo: [EIO] }), [broken, [false], closed]);
  assertEquals(await ask({ is_readable: [EIO] }), [broken, [false, true], closed]);
  assertEquals(await ask({ read: [EIO] }), [broken, [false, true], closed]);
});

Deno.test("an answer as long as the memory for it is whole", async () => {
  const into = new Uint8Array(8);
  assertEquals(await askSecret("Who?", into, { libc: terminal(["1234", "5678", "9"]).libc }), {
    kind: "secret",
    size: 8,
  });
  assertEquals(new TextDecoder().decode(into), "12345678");
});

Deno.test("a signal ends the program as always, on a terminal that echoes again", async () => {
  using signals = ownSignals();
  const { kill } = Deno;
  const done: unknown[] = [];
  const { libc, calls } = terminal(["hunter2\n"]);
  const interrupted = {
    ...libc,
    read: (...args: Parameters<typeof libc.read>) => {
      signals.raise("SIGTERM");
      done.push(calls.at(-2));
      return libc.read(...args);
    },
  };
  Object.assign(Deno, {
    kill: (pid: number, signal: Deno.Signal) =>
      void done.push([pid === Deno.pid, signal, signals.kept().includes(signal)]),
  });
  try {
    await askSecret("Who?", new Uint8Array(16), { libc: interrupted });
  } finally {
    Object.assign(Deno, { kill });
  }
  assertEquals(done, [[true, "SIGTERM", false], ["set_echo", 8, true]]);
  assertEquals(signals.kept(), []);
});

Deno.test("an agent has as long as a terminal, and is told so in seconds", async () => {
  await withFiles({ "agent": '#!/bin/sh\nprintf %s "$1 $2"\n' }, async (folder) => {
    const libc = { ...fakeLibc(), openTerminal: () => ({ ok: false, errno: 6 }) as const };
    const program = join(folder, "agent");
    Deno.chmodSync(program, 0o755);
    const into = new Uint8Array(64);
    const { setTimeout } = globalThis;
    const waits: unknown[] = [];
    Object.assign(globalThis, {
      setTimeout: (action: () => void, milliseconds: number) => {
        waits.push(milliseconds);
        return setTimeout(action, milliseconds);
      },
    });
    const asked = await askSecret("Who?", into, { libc, program, patience: 1500 })
      .finally(() => Object.assign(globalThis, { setTimeout }));
    // It is stopped only if it does not heed that.
    assertEquals(waits, [11_500]);
    assertEquals(
      asked.kind === "secret" && new TextDecoder().decode(into.subarray(0, asked.size)),
      "--timeout=2 --id=warmboot",
    );
  });
});
