import { type Capture, parseCapture } from "../../src/host/capture.ts";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import type { HostFacts } from "../../src/host/facts.ts";

/** The captured hosts that the tests share. */
export const HOSTS = [
  "arm64-server",
  "arm64-uefi-vm",
  "arm64-vm",
  "bios-vm",
  "many-region-server",
  "non-root",
  "uefi-laptop",
] as const;

/** The text of a captured host; to be read while a test file is loaded, before permissions are given up. */
export function hostText(name: typeof HOSTS[number]): string {
  return Deno.readTextFileSync(new URL(`../fixtures/hosts/${name}.json`, import.meta.url));
}

/** A captured host. */
export function hostCapture(name: typeof HOSTS[number]): Capture {
  const { value, diagnostics } = parseCapture(hostText(name), name);
  if (value === undefined) throw new Error(`The fixture ${name} is broken: ${diagnostics[0]?.message}`);
  return value;
}

/** Every captured host, read when this is loaded: for tests without permissions. */
export const CAPTURES: ReadonlyMap<string, Capture> = new Map(HOSTS.map((name) => [name, hostCapture(name)]));

/** The facts of a captured host. */
export function capturedFacts(name: typeof HOSTS[number]): HostFacts {
  const { value } = decodeFacts(CAPTURES.get(name) ?? hostCapture(name));
  if (value === undefined) throw new Error(`The fixture ${name} has no facts`);
  return value;
}
