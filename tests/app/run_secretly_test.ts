import { assertEquals } from "@std/assert";
import { runSecretly } from "../../src/app/run_secretly.ts";

/** Runs a program that prints these pieces, and ends so; with what became of the pieces, and what it was started with. */
async function ran(
  printed: readonly string[],
  { room = 64, code = 0, errors = "" }: { readonly room?: number; readonly code?: number; readonly errors?: string } =
    {},
) {
  const { Command } = Deno;
  const pieces = printed.map((text) => new TextEncoder().encode(text));
  const asked: unknown[] = [];
  const stream = (bytes: readonly Uint8Array[]) =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        for (const each of bytes) controller.enqueue(each);
        controller.close();
      },
    });
  class Imagined {
    constructor(program: string, { args, stdin }: Deno.CommandOptions) {
      asked.push([program, ...args ?? []], stdin);
    }
    spawn() {
      return {
        stdout: stream(pieces),
        stderr: stream([new TextEncoder().encode(errors)].filter(({ length }) => length > 0)),
        status: Promise.resolve({ code, signal: null }),
        kill: (signal: string) => void asked.push(signal),
      };
    }
  }
  Object.assign(Deno, { Command: Imagined });
  const into = new Uint8Array(room);
  try {
    const result = await runSecretly(["print", "it"], into);
    return {
      said: result.kind === "failed" ? result.why : result.kind === "secret" ? result.size : result.kind,
      text: new TextDecoder().decode(into).replaceAll("\0", ""),
      left: pieces.some((bytes) => bytes.some((byte) => byte !== 0)),
      asked,
    };
  } finally {
    Object.assign(Deno, { Command });
  }
}

const STARTED = [["print", "it"], "null"];

Deno.test("what a program prints is taken piece by piece, and no piece is left over", async () => {
  assertEquals(await ran(["hun", "ter", "2"]), { said: 7, text: "hunter2", left: false, asked: STARTED });
  assertEquals(await ran(["hunter2"], { room: 7 }), { said: 7, text: "hunter2", left: false, asked: STARTED });
});

Deno.test("a program that prints more than there is room for is stopped at once, and nothing of it is left over", async () => {
  assertEquals(await ran(["hunt", "er2", "3"], { room: 6 }), {
    said: "`print it` printed more than 6 bytes",
    text: "hunter",
    left: false,
    asked: [...STARTED, "SIGKILL", "SIGKILL"],
  });
});

Deno.test("a program that fails is told by its status and what it complains of, on one line; one without output too", async () => {
  const said = async (code: number, errors: string) => (await ran(["out"], { code, errors })).said;
  assertEquals(await said(3, ""), "`print it` ended with status 3");
  assertEquals(await said(3, "  wrong \n"), "`print it` ended with status 3: wrong");
  const told = String(await said(1, "a\u001b[2Jb\u0007"));
  assertEquals([told.includes("\u001b"), told.includes("\u0007")], [false, false]);
  assertEquals((await ran([])).said, "`print it` printed nothing");
});
