/** QEMU's monitor (QMP): JSON messages, one a line. It counts the guest's instructions, resets it, and saves its memory. */
import { linesOf, received, writeAll } from "./agent.ts";

/** The host's end of a machine's monitor. */
export interface Monitor {
  /**
   * Instructions that the guest has executed since its start, of all processors; it must run with `-icount`. The guest
   * goes on meanwhile: the number is that of its last access to a device, or a little later.
   */
  instructions(): Promise<number>;
  /**
   * Resets the machine as its button does; QEMU loads its kernel again. From when it is up, a reset of the guest's own ends
   * QEMU again.
   */
  reset(up: Promise<unknown>): Promise<void>;
  /** Writes the guest's memory, from address 0 on, to a file of the host. `size`: bytes. */
  saveMemory(file: string, size: number): Promise<void>;
  close(): void;
}

/** A reply to a command; events and the greeting have no `return`. */
interface Message {
  readonly return?: { readonly icount?: number };
  readonly error?: { readonly desc: string };
}

/** Takes QEMU's greeting and asks for commands, as QMP wants it. */
export async function openMonitor(port: Deno.Conn): Promise<Monitor> {
  const lines = linesOf(received(port));
  const ask = async (command: string, options: { readonly [name: string]: string | number } = {}): Promise<Message> => {
    await writeAll(port, new TextEncoder().encode(`${JSON.stringify({ execute: command, arguments: options })}\n`));
    for (;;) {
      const line = await lines.next();
      if (line.done) throw new Error(`QEMU ended before it answered ${command}`);
      const message: Message = JSON.parse(line.value);
      if (message.error !== undefined) throw new Error(`QEMU refuses ${command}: ${message.error.desc}`);
      if (message.return !== undefined) return message;
    }
  };
  await ask("qmp_capabilities");
  return {
    async instructions() {
      // Without a recording, `icount` still is the number of instructions (qmp_query_replay in replay/replay-debugging.c).
      return (await ask("query-replay")).return?.icount ?? NaN;
    },
    async reset(up) {
      // The BIOS resets the machine once more, by itself.
      await ask("set-action", { reboot: "reset" });
      await ask("system_reset");
      await up;
      await ask("set-action", { reboot: "shutdown" });
    },
    async saveMemory(filename, size) {
      await ask("pmemsave", { val: 0, size, filename });
    },
    close: () => port.close(),
  };
}
