// deno-lint-ignore-file no-console
/**
 * A virtual machine to try warmboot on: a shell in it, as root. It has a profile, a kernel to reboot into, and nothing to
 * lose. Nothing on this computer is rebooted, loaded or changed.
 */
import { join } from "@std/path";
import { COLOURED, PLAIN } from "../../src/render/style.ts";
import { linesOf, received, writeAll } from "./agent.ts";
import { removeTree } from "./cache.ts";
import { type DemoKernels, demoKernels, PROFILE, startDemoMachine, typed } from "./demo_machine.ts";
import { SetupError } from "./host_command.ts";
import type { Machine } from "./machine.ts";

const style = Deno.stdout.isTerminal() && !Deno.noColor ? COLOURED : PLAIN;
const PROMPT = "guest# ";

async function tryOut(): Promise<void> {
  const kernels = await demoKernels();
  console.log(`Starting a virtual machine with Linux ${kernels.running.release} (no KVM needed; about half a minute)`);
  if (Deno.stdin.isTerminal() && Deno.stdout.isTerminal()) await onTerminal(kernels);
  else await fromPipe(kernels);
}

/** Ends the machine, whatever runs in it: Ctrl-]. */
const ESCAPE = 0x1d;

/** A shell of the guest has this terminal: it edits lines, keeps a history, and gets Ctrl-C. */
async function onTerminal(kernels: DemoKernels): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "warmboot-try-" });
  try {
    const path = join(folder, "terminal");
    using listener = Deno.listen({ transport: "unix", path });
    await using machine = await startDemoMachine(kernels, path);
    using port = await listener.accept();
    console.log(
      `It is up. Try: warmboot plan ${PROFILE}\nexit, or Ctrl-D, ends the machine; so does Ctrl-] at any time.`,
    );
    const ended = Promise.withResolvers<void>();
    Deno.stdin.setRaw(true);
    try {
      void show(port).then(ended.resolve, ended.reject);
      void type(port).then(ended.resolve, ended.reject);
      await Promise.race([shells(machine), ended.promise]);
    } finally {
      Deno.stdin.setRaw(false);
    }
    console.log();
  } finally {
    await removeTree(folder);
  }
}

/** What the guest writes to its terminal. */
async function show(port: Deno.Conn): Promise<void> {
  for await (const bytes of received(port)) Deno.stdout.writeSync(bytes);
}

/** What is typed, up to Ctrl-]. */
async function type(port: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(4096);
  for (;;) {
    const size = await Deno.stdin.read(buffer);
    const bytes = buffer.slice(0, size ?? 0);
    if (size === null || bytes.includes(ESCAPE)) return;
    await writeAll(port, bytes);
  }
}

/** A day: nobody tries for longer. */
const LONG = 86_400;

/** A shell of each kernel that comes up, until one of them ends. */
async function shells(machine: Machine): Promise<void> {
  for (;;) {
    const before = machine.boot();
    const { columns, rows } = Deno.consoleSize();
    const noColour = Deno.noColor ? "1" : "";
    try {
      await machine.run(`terminal ${rows} ${columns} linux '${noColour}'`, { timeout: LONG });
      return;
    } catch (error) {
      const { release, cmdline } = machine.boot();
      if (machine.boot() === before) throw error;
      Deno.stdout.writeSync(new TextEncoder().encode(`Linux ${release} is up\r\n${cmdline}\r\n`));
    }
  }
}

/** Runs the lines of a pipe, each in a shell of its own, and shows them, since what is piped in does not show by itself. */
async function fromPipe(kernels: DemoKernels): Promise<void> {
  await using machine = await startDemoMachine(kernels);
  const say = (text: string): number => Deno.stdout.writeSync(new TextEncoder().encode(text));
  for await (const line of linesOf(Deno.stdin.readable)) {
    const command = line.trim();
    if (command === "exit") return;
    say(`${style.accent(PROMPT)}${command}\n`);
    if (command !== "") say(await typed(machine, command));
  }
}

try {
  await tryOut();
  // A read of the terminal that waits does not keep the program.
  Deno.exit(0);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`\nThe machine cannot run here: ${error.message}`);
  Deno.exit(69);
}
