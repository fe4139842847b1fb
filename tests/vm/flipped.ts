import type { Machine } from "./machine.ts";

/**
 * Plans /run/p.yaml, and writes /run/flipped.json: the same plan, but for one bit of its purgatory. For what purgatory
 * does when it meets what does not match.
 */
export async function writeFlippedPlan(machine: Machine, byte: number, bit = 1): Promise<void> {
  await machine.output("warmboot plan /run/p.yaml --out /run/plan.json");
  const plan = JSON.parse(new TextDecoder().decode(await machine.read("/run/plan.json")));
  const purgatory = plan.call.segments.find(({ name }: { name: string }) => name === "purgatory");
  const code = Uint8Array.fromBase64(purgatory.source.base64);
  code[byte] = (code[byte] ?? 0) ^ bit;
  purgatory.source.base64 = code.toBase64();
  purgatory.sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", code)).toHex();
  await machine.write("/run/flipped.json", JSON.stringify(plan));
}
