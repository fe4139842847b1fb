import { type Capture, parseCapture } from "../../src/host/capture.ts";

/** The captured hosts that the tests share. */
export const HOSTS = ["arm64-server", "bios-vm", "many-region-server", "non-root", "uefi-laptop"] as const;

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
