import { assertEquals } from "@std/assert";
import { type AgentMessage, agentMessages, linesOf, requestBytes } from "./agent.ts";

async function heard(...chunks: readonly string[]): Promise<readonly AgentMessage[]> {
  const bytes = chunks.map((chunk) => new TextEncoder().encode(chunk));
  return await Array.fromAsync(agentMessages(linesOf(ReadableStream.from(bytes))));
}

const HELLO = `@hello 6.1.0 ${btoa("console=ttyS0\n")}\n`;
const hello: AgentMessage = { kind: "hello", boot: { release: "6.1.0", cmdline: "console=ttyS0" } };

Deno.test({
  name: "a request counts its bytes, not its characters",
  permissions: "none",
  fn: () => {
    const request = requestBytes(7, 60, "echo ä", new Uint8Array([1, 2]));
    assertEquals(new TextDecoder().decode(request), "run 7 60 7 2\necho ä\x01\x02");
  },
});

Deno.test({
  name: "a reply is put together from chunks that end anywhere",
  permissions: "none",
  fn: async () => {
    const [message] = await heard("@rep", `ly 3 1\n${btoa("ab")}`, `\n@stderr\n${btoa("c")}\n@e`, "nd 2 1\n");
    const bytes = (text: string) => new TextEncoder().encode(text);
    assertEquals(message, { kind: "reply", id: 3, reply: { code: 1, stdout: bytes("ab"), stderr: bytes("c") } });
  },
});

Deno.test({
  name: "text of others between messages is passed over",
  permissions: "none",
  fn: async () => assertEquals(await heard("BdsDxe: loading\r\n", HELLO, "more\n"), [hello]),
});

Deno.test({
  name: "a reply that lost bytes is garbled",
  permissions: "none",
  fn: async () => {
    assertEquals(await heard(`@reply 1 0\n${btoa("ab")}\n@stderr\n@end 3 0\n`), [{ kind: "garbled" }]);
    assertEquals(await heard("@reply 1 0\n!\n@stderr\n@end 1 0\n"), [{ kind: "garbled" }]);
  },
});

Deno.test({
  name: "a hello drops the reply that it interrupts",
  permissions: "none",
  fn: async () => assertEquals(await heard("@reply 1 0\nAAAA\n", HELLO, "@stderr\n@end 3 0\n"), [hello]),
});
