import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { loadPlan } from "../../src/app/load.ts";
import type { Capture } from "../../src/host/capture.ts";
import type { LibcLibrary } from "../../src/syscall/libc.ts";
import { CAPTURES } from "../host/fixture.ts";
import { cpio } from "../image/build_elf.ts";
import { type FailingSystem, failingSystem } from "./failing_system.ts";
import { packedKernel, vmlinux } from "./small_kernel.ts";

/** A host with a kernel, and profiles `web.yaml` and others with the lines given. */
export function loadableSystem(
  changes: Capture["files"] = {},
  profiles: { readonly [name: string]: string } = {},
): FailingSystem {
  const made = failingSystem(changes);
  Deno.writeFileSync(join(made.root, "boot/vmlinuz"), packedKernel(vmlinux()));
  Deno.writeFileSync(join(made.root, "boot/one.img"), cpio([{ name: "one", bytes: new Uint8Array(1) }]));
  for (const [name, lines] of Object.entries({ web: "cmdline: ro", other: "cmdline: rw", ...profiles })) {
    Deno.writeTextFileSync(join(made.root, `${name}.yaml`), `version: 1\nkernel: /boot/vmlinuz\n${lines}\n`);
  }
  return made;
}

/** What makes such a host one with a crash kernel's reservation. */
export const RESERVATION: Capture["files"] = {
  "/sys/kernel/kexec_crash_size": "268435456\n",
  "/proc/iomem": String(CAPTURES.get("bios-vm")?.files["/proc/iomem"])
    .replace(/^00100000-.*\n/m, "$&  20000000-2fffffff : Crash kernel\n"),
};

/** What makes it one with a watchdog. */
export const WATCHDOG: Capture["files"] = {
  "/sys/class/watchdog/watchdog0/identity": "i6300ESB timer\n",
  "/sys/module/watchdog/parameters/stop_on_reboot": "0\n",
};

/** Loads a profile of such a host, whatever was loaded or failed before. */
export async function load({ root, on }: FailingSystem, name: string): Promise<void> {
  const kind = await on(async () => {
    using outcome = await loadPlan(join(root, `${name}.yaml`), { force: true });
    return outcome.kind;
  });
  assertEquals(kind, "loaded");
}

/** Functions of libc that a test has in place of the host's own, by these. */
export type ChangedLibc = (own: LibcLibrary["symbols"]) => Partial<Record<keyof LibcLibrary["symbols"], unknown>>;

/** Puts them in place, until the end of what a failing system runs. */
export function changeLibc(changed: ChangedLibc): void {
  const { dlopen } = Deno;
  Object.assign(Deno, {
    dlopen: (path: string, symbols: Deno.ForeignLibraryInterface) => {
      const { symbols: own, close } = dlopen(path, symbols) as unknown as LibcLibrary;
      return { symbols: { ...own, ...changed(own) }, close };
    },
  });
}

/** Lets functions that a test has in place of libc's own fail with an errno: `refuse` is what they give then. */
export function failures(
  own: LibcLibrary["symbols"],
): { readonly refuse: (errno: number) => -1; readonly memcpy: unknown } {
  let errno = 0;
  return {
    refuse(given) {
      errno = given;
      return -1;
    },
    // By it, libc's errno is read.
    memcpy(to: Uint8Array<ArrayBuffer>, from: Deno.PointerValue, length: bigint) {
      if (errno === 0) return own.memcpy(to, from, length);
      new DataView(to.buffer).setInt32(0, errno, true);
      errno = 0;
      return null;
    },
  };
}
