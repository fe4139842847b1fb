/** A fleet to plan for: captures that are variations of the repository's, and ten profiles. Equal from run to run. */
import { join } from "@std/path";
import type { Capture } from "../src/host/capture.ts";

const ROOT = join(import.meta.dirname ?? ".", "..");

/** The captures that are varied, and how many of a hundred hosts are like each. */
const KINDS: readonly (readonly [name: string, path: string, share: number])[] = [
  ["web", "examples/gitops/hosts/web1.json", 40],
  ["db", "examples/gitops/hosts/db1.json", 30],
  ["vm", "tests/fixtures/hosts/bios-vm.json", 15],
  ["desk", "tests/fixtures/hosts/uefi-laptop.json", 10],
  ["rack", "tests/fixtures/hosts/many-region-server.json", 3],
  ["arm", "tests/fixtures/hosts/arm64-server.json", 2],
];

const BOOT = "version: 1\nkernel: /boot/vmlinuz\ninitrd: /boot/initrd.img\n";
const INITRD = "/boot/initrd.img";
const ROOT_DISK = "root=LABEL=root ro";

/** The profiles, by name. Two are for some of the hosts; the others are planned for each. */
export const FLEET_PROFILES: { readonly [name: string]: string } = {
  auto: `${BOOT}cmdline: ${ROOT_DISK}\n`,
  console: `${BOOT}cmdline: ${ROOT_DISK} console=tty0 console=ttyS0,115200\n`,
  crash: `${BOOT}crash: true\ncmdline: ${ROOT_DISK} nr_cpus=1\n`,
  db: `${BOOT}cmdline: ${ROOT_DISK} hugepages=256\nrequires: { hostname: "db*" }\n`,
  file: `${BOOT}load: kexec_file_load\ncmdline: ${ROOT_DISK}\n`,
  guarded: `${BOOT}cmdline: ${ROOT_DISK}\nguard: { panic: 10s, confirm: 10min }\n`,
  placed: `${BOOT}load: kexec_load\ncmdline: ${ROOT_DISK}\n`,
  low: `${BOOT}load: kexec_load\ncmdline: ${ROOT_DISK}\nmemory: { max: 1GiB }\n`,
  reuse: `${BOOT}cmdline: { reuse: true, append: [systemd.unit=rescue.target] }\n`,
  web: `${BOOT}cmdline: ${ROOT_DISK} quiet\nrequires: { hostname: "web*" }\n`,
};

/** A repeatable sequence of numbers below 2^32 (Mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** As many hosts: each a capture under another name, with a root file system, a boot and addresses of its own. */
export function* fleetHosts(count: number): Generator<{ readonly name: string; readonly capture: Capture }> {
  const read = (path: string): Capture => JSON.parse(Deno.readTextFileSync(join(ROOT, path)));
  const { images = {} } = read("examples/gitops/hosts/web1.json");
  const kinds = KINDS.map(([name, path, share]) => ({ name, capture: read(path), share }));
  const next = random(7);
  for (let index = 0; index < count; index++) {
    let at = next() % 100;
    const kind = kinds.find(({ share }) => (at -= share) < 0) ?? kinds[0];
    if (kind === undefined) return;
    const name = `${kind.name}${String(index).padStart(5, "0")}`;
    const uuid = [8, 4, 4, 4, 12].map((digits) =>
      Array.from({ length: digits }, () => (next() & 15).toString(16)).join("")
    ).join("-");
    const files = Object.fromEntries(
      Object.entries(kind.capture.files).map(([path, file]) => {
        if (path === "/proc/sys/kernel/hostname") return [path, `${name}\n`];
        if (path === "/proc/sys/kernel/random/boot_id") return [path, `${uuid}\n`];
        if (typeof file !== "string") return [path, file];
        return [path, file.replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, uuid)];
      }),
    );
    // Each host has made its own initrd.
    const own = kind.capture.images ?? images;
    const initrd = own[INITRD];
    if (initrd === undefined) throw new Error(`The captures have no ${INITRD}`);
    const sha256 = Array.from({ length: 64 }, () => (next() & 15).toString(16)).join("");
    const parts = initrd.parts.map((part) => ({ ...part, sha256 }));
    yield { name, capture: { ...kind.capture, files, images: { ...own, [INITRD]: { ...initrd, sha256, parts } } } };
  }
}

/** Writes profiles and hosts into the folders `profiles` and `hosts` of a folder. */
export function writeFleet(folder: string, count: number): void {
  for (const name of ["profiles", "hosts"]) Deno.mkdirSync(join(folder, name), { recursive: true });
  for (const [name, text] of Object.entries(FLEET_PROFILES)) {
    Deno.writeTextFileSync(join(folder, "profiles", `${name}.yaml`), text);
  }
  for (const { name, capture } of fleetHosts(count)) {
    Deno.writeTextFileSync(join(folder, "hosts", `${name}.json`), JSON.stringify(capture));
  }
}
