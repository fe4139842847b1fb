/**
 * Real kernels in QEMU, without KVM. `startMachine` boots a kernel of packages.ts with an initrd of initramfs.ts, whose
 * PID 1 (guest/init) is an agent on the second serial port: it says hello after each boot, then runs shell commands.
 * The console is the first serial port, so that kernel messages never mix with answers. A kernel that is started by
 * kexec brings an initrd with the same agent, and so says hello in its turn: that is how a test sees that it booted.
 *
 * A boot takes 6 to 14 s (6.1 unpacks xz), each start of Deno in the guest 3 s, a kexec 10 s. So one machine serves a
 * whole test, as `machineWith` of guest_profile.ts makes it:
 *
 *     Deno.test("profiles load on 6.12", async (t) => {
 *       await using machine = await machineWith(kernel, { warmboot: "cli.ts" });
 *       await t.step("status says so", async () => { ... await machine.run("warmboot status") ... });
 *       await t.step("exec boots it", async () => { ... await machine.runToBoot("warmboot exec --now") ... });
 *     });
 */
import { agentMessages, type Boot, linesOf, quote, received, type Reply, requestBytes, writeAll } from "./agent.ts";
import { removeTree } from "./cache.ts";
import { writeDisk } from "./disk.ts";
import { initrdBytes } from "./initramfs.ts";
import { type Monitor, openMonitor } from "./monitor.ts";
import { machineFiles, type MachineOptions, qemuCommand } from "./qemu.ts";
import { PATIENCE, within } from "./within.ts";

/** What a command in the guest came to, as text. */
export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Limits of a command; `timeout` in seconds, PATIENCE unless stated. */
export interface RunOptions {
  readonly timeout?: number;
  readonly stdin?: Uint8Array | string;
}

/** When the console said something. */
export interface Sight {
  /** As performance.now(), milliseconds: when its last byte came from QEMU. */
  readonly time: number;
  /** Instructions that the guest had executed then, or a little later; NaN in a machine without `icount`. */
  readonly instructions: number;
}

/** A running virtual machine. Disposing of it ends QEMU. Every failure shows the console's last lines. */
export interface Machine extends AsyncDisposable {
  /** The kernel that said hello last. */
  boot(): Boot;
  /** Runs a shell command; any exit code is a result. @throws {Error} after the timeout, or if the machine goes down */
  run(command: string, options?: RunOptions): Promise<Result>;
  /** The same for a command that must succeed: its standard output. @throws {Error} also on another exit code than 0 */
  output(command: string, options?: RunOptions): Promise<string>;
  /** Runs a command that starts another kernel, and resolves when that says hello. @throws {Error} also if it fails */
  runToBoot(command: string, options?: RunOptions): Promise<Boot>;
  /** Runs a command that ends QEMU, as a reboot through the firmware does. @throws {Error} if another kernel comes up */
  runToEnd(command: string): Promise<void>;
  /** Resets the machine, whatever runs in it, and resolves when the kernel that it was started with says hello. */
  reset(): Promise<Boot>;
  /** How often a text is in the guest's memory below `size` bytes. */
  countInMemory(text: string, size: number): Promise<number>;
  /** Resolves on the next hello after this call. `timeout` in seconds. */
  nextBoot(timeout?: number): Promise<Boot>;
  /** Writes a file, and the folders above it. */
  write(path: string, content: Uint8Array | string): Promise<void>;
  /** The bytes of a file. */
  read(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Everything that the console said, or what it said from a place on, which is the length of what it had said then. */
  console(from?: number): string;
  /** Types a line at the console. */
  type(line: string): Promise<void>;
  /** Resolves when the console says this text, after this call. `timeout` in seconds. @throws {Error} if it does not */
  sees(text: string, timeout?: number): Promise<Sight>;
}

/** Boots a machine and waits for its hello. @throws {Error} if it does not come up */
export async function startMachine(options: MachineOptions): Promise<Machine> {
  const folder = await Deno.makeTempDir({ prefix: "warmboot-vm-" });
  try {
    const files = machineFiles(folder);
    await Deno.writeFile(files.initrd, await initrdBytes(options.initrd));
    if (options.disk !== undefined) {
      const grub = options.fromDisk === true ? undefined : options.fromDisk;
      await writeDisk(files.disk, options.disk, folder, options.diskBase, grub, options.diskSize);
      await options.onDisk?.(files.disk);
    }
    const { program, args } = await qemuCommand(options, files);
    using listener = Deno.listen({ transport: "unix", path: files.socket });
    using monitors = Deno.listen({ transport: "unix", path: files.monitor });
    const process = new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
    const port = await Promise.race([listener.accept(), process.status]);
    if ("code" in port) {
      await Promise.all([process.stdout.cancel(), process.stdin.close()]);
      throw new Error(`QEMU does not start: ${await new Response(process.stderr).text()}`);
    }
    const monitor = await openMonitor(await monitors.accept());
    const machine = new RunningMachine(process, port, monitor, options.icount !== undefined);
    try {
      if (options.asks !== undefined) {
        await machine.sees(options.asks.question);
        await machine.type(options.asks.answer);
      }
      await machine.nextBoot();
    } catch (error) {
      await machine[Symbol.asyncDispose]();
      throw error;
    }
    return machine;
  } finally {
    // QEMU has read, or holds open, all of it by now.
    await removeTree(folder);
  }
}

/** Seconds beyond a command's own limit before the agent counts as lost. */
const GRACE = 30;
/** Bytes of a file in one request: far below the 64 KiB that the guest's serial driver can hold back. */
const CHUNK = 32 * 1024;

class RunningMachine implements Machine {
  readonly #process: Deno.ChildProcess;
  readonly #port: Deno.Conn;
  readonly #monitor: Monitor;
  readonly #keyboard: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #counts: boolean;
  readonly #watches = new Set<
    { readonly text: string; readonly from: number; readonly found: PromiseWithResolvers<void> }
  >();
  readonly #recording: Promise<unknown>;
  readonly #listening: Promise<unknown>;
  readonly #kill = (): void => killQuietly(this.#process);
  readonly #waiting = new Set<PromiseWithResolvers<Boot>>();
  #request: { readonly id: number; readonly command: string; readonly answer: PromiseWithResolvers<Reply> } | undefined;
  #requests = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #boot: Boot = { release: "", cmdline: "" };
  #console = "";
  #down: Error | undefined;

  constructor(process: Deno.ChildProcess, port: Deno.Conn, monitor: Monitor, counts: boolean) {
    this.#process = process;
    this.#port = port;
    this.#monitor = monitor;
    this.#counts = counts;
    this.#keyboard = process.stdin.getWriter();
    this.#recording = Promise.all([this.#record(process.stdout), this.#record(process.stderr)]);
    this.#listening = this.#hear();
    globalThis.addEventListener("unload", this.#kill);
  }

  boot(): Boot {
    return this.#boot;
  }

  console(from = 0): string {
    return this.#console.slice(from);
  }

  async sees(text: string, timeout = PATIENCE): Promise<Sight> {
    if (this.#down !== undefined) throw this.#down;
    const found = Promise.withResolvers<void>();
    const watch = { text, from: this.#console.length, found };
    this.#watches.add(watch);
    try {
      await within(timeout, found.promise, () => this.#error(`No \`${text}\` within ${timeout} s`));
      return { time: performance.now(), instructions: this.#counts ? await this.#monitor.instructions() : NaN };
    } finally {
      this.#watches.delete(watch);
    }
  }

  async type(line: string): Promise<void> {
    await this.#keyboard.write(new TextEncoder().encode(`${line}\n`));
  }

  async run(command: string, options: RunOptions = {}): Promise<Result> {
    const { code, stdout, stderr } = await this.#ask(command, options);
    return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
  }

  async output(command: string, options: RunOptions = {}): Promise<string> {
    const result = await this.run(command, options);
    if (result.code !== 0) throw this.#error(`\`${command}\` ended with ${result.code}\n${result.stderr}`);
    return result.stdout;
  }

  async runToBoot(command: string, options: RunOptions = {}): Promise<Boot> {
    const boot = this.nextBoot(options.timeout);
    const failure = this.run(command, options).then(({ code, stdout, stderr }) => {
      // A command that leaves the reboot to another process ends well before it.
      if (code === 0) return boot;
      throw this.#error(`\`${command}\` ended with ${code} instead of booting\n${stdout}${stderr}`);
    });
    return await Promise.race([boot, failure]);
  }

  async runToEnd(command: string): Promise<void> {
    const next = this.nextBoot();
    // The answer may still come, or not.
    this.run(command).catch(() => undefined);
    const boot = await next.catch((error: Error) => {
      if (this.#down === undefined) throw error;
    });
    if (boot !== undefined) throw this.#error(`\`${command}\` booted \`${boot.cmdline}\``);
  }

  async reset(): Promise<Boot> {
    const boot = this.nextBoot();
    await this.#monitor.reset(boot);
    return await boot;
  }

  async countInMemory(text: string, size: number): Promise<number> {
    const folder = await Deno.makeTempDir({ prefix: "warmboot-memory-" });
    try {
      const file = `${folder}/memory`;
      await this.#monitor.saveMemory(file, size);
      const { stdout } = await new Deno.Command("grep", { args: ["-a", "-o", "-F", "-e", text, file] }).output();
      return new TextDecoder().decode(stdout).split("\n").length - 1;
    } finally {
      await removeTree(folder);
    }
  }

  async nextBoot(timeout = PATIENCE): Promise<Boot> {
    if (this.#down !== undefined) throw this.#down;
    const hello = Promise.withResolvers<Boot>();
    this.#waiting.add(hello);
    try {
      return await within(timeout, hello.promise, () => this.#error(`No kernel came up within ${timeout} s`));
    } finally {
      this.#waiting.delete(hello);
    }
  }

  async write(path: string, content: Uint8Array | string): Promise<void> {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    const target = quote(path);
    await this.output(`mkdir -p "$(dirname ${target})" && : > ${target}`);
    for (let offset = 0; offset < bytes.length; offset += CHUNK) {
      await this.output(`cat >> ${target}`, { stdin: bytes.subarray(offset, offset + CHUNK) });
    }
  }

  async read(path: string): Promise<Uint8Array<ArrayBuffer>> {
    const { code, stdout, stderr } = await this.#ask(`cat ${quote(path)}`, {});
    if (code !== 0) throw this.#error(`Cannot read ${path} in the guest: ${new TextDecoder().decode(stderr)}`);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    globalThis.removeEventListener("unload", this.#kill);
    this.#kill();
    await this.#process.status;
    await this.#listening;
    await this.#keyboard.close().catch(() => undefined);
    this.#port.close();
    this.#monitor.close();
  }

  /** One request after the other: the guest's end is a single shell. */
  #ask(command: string, options: RunOptions): Promise<Reply> {
    const answer = this.#turn.then(() => this.#send(command, options));
    this.#turn = answer.catch(() => undefined);
    return answer;
  }

  async #send(command: string, { timeout = PATIENCE, stdin = "" }: RunOptions): Promise<Reply> {
    if (this.#down !== undefined) throw this.#down;
    const answer = Promise.withResolvers<Reply>();
    this.#request = { id: ++this.#requests, command, answer };
    const input = typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin;
    const started = performance.now();
    try {
      const complaint = () => this.#error(`No answer to \`${command}\``);
      const sent = writeAll(this.#port, requestBytes(this.#requests, timeout, command, input));
      const [reply] = await within(timeout + GRACE, Promise.all([answer.promise, sent]), complaint);
      if (reply.code === 128 + 9 && performance.now() - started >= timeout * 1000) {
        const said = new TextDecoder().decode(reply.stdout) + new TextDecoder().decode(reply.stderr);
        throw this.#error(`\`${command}\` was killed after ${timeout} s\n${said}`);
      }
      return reply;
    } finally {
      this.#request = undefined;
    }
  }

  /** Takes what the agent says until QEMU ends. */
  async #hear(): Promise<void> {
    for await (const message of agentMessages(linesOf(received(this.#port)))) {
      switch (message.kind) {
        case "hello":
          this.#boot = message.boot;
          for (const hello of this.#waiting) hello.resolve(message.boot);
          this.#request?.answer.reject(this.#error(`A kernel came up during \`${this.#request.command}\``));
          break;
        case "reply":
          if (message.id === this.#request?.id) this.#request.answer.resolve(message.reply);
          break;
        case "garbled":
          this.#request?.answer.reject(this.#error(`The serial line garbled \`${this.#request.command}\``));
      }
    }
    await this.#recording; // so that the error has the console's last words
    this.#down = this.#error("The machine went down");
    for (const hello of this.#waiting) hello.reject(this.#down);
    for (const { found } of this.#watches) found.reject(this.#down);
    this.#request?.answer.reject(this.#down);
  }

  async #record(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.#console += text.replaceAll("\r", "");
      for (const { text, from, found } of this.#watches) if (this.#console.includes(text, from)) found.resolve();
    }
  }

  #error(message: string): Error {
    return new Error(`${message}\nThe console's last lines:\n${this.#console.split("\n").slice(-40).join("\n")}`);
  }
}

function killQuietly(process: Deno.ChildProcess): void {
  try {
    process.kill("SIGKILL");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // it has ended already
  }
}
