/** QEMU's monitor (QMP): JSON messages, one a line. It tells how many instructions the guest has executed. */
import { linesOf, received, writeAll } from "./agent.ts";

/** The host's end of a machine's monitor. */
export interface Monitor {
  /**
   * Instructions that the guest has executed since its start, of all processors; it must run with `-icount`. The guest
   * goes on meanwhile: the number is that of its last access to a device, or a little later.
   */
  instructions(): Promise<number>;
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
  const ask = async (command: string): Promise<Message> => {
    await writeAll(port, new TextEncoder().encode(`{"execute":"${command}"}\n`));
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
    close: () => port.close(),
  };
}
