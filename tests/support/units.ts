import { join } from "@std/path";

const FOLDER = join(import.meta.dirname ?? ".", "../../contrib/systemd");

/**
 * The worst that `systemd-analyze security` may say of a service, from 0 (closed) to 10 (open); docs/systemd.md tells the
 * same.
 */
export const EXPOSURE: { readonly [service: string]: number } = {
  "warmboot-arrive.service": 1.8,
  "warmboot-confirm.service": 1.8,
  "warmboot-crash.service": 2.6,
  "warmboot-deadline.service": 2.2,
  "warmboot-load@.service": 2.0,
  "warmboot-reboot@.service": 2.0,
  "warmboot-reload@.service": 0.9,
  "warmboot-stopped.service": 1.1,
  "warmboot-unbind.service": 2.0,
};

/** Every unit, by its name. */
export const UNITS: readonly string[] = Array.from(Deno.readDirSync(FOLDER), ({ name }) => name).toSorted();

/** A unit's text, with the program where it is said to be. */
export function unitText(name: string, program = "/usr/local/bin/warmboot"): string {
  return Deno.readTextFileSync(join(FOLDER, name)).replaceAll("/usr/local/bin/warmboot", program);
}
