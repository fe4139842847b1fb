import { concat } from "@std/bytes";
import { flattenFolder, type TreeFolder } from "./device_tree.ts";
import { programHeadersEnd } from "./kcore.ts";
import { type HostReader, NOT_CAPABLE, type SourceResult } from "./reader.ts";
import { compareNames } from "../core/text.ts";
import { lookUp } from "../core/shape.ts";
import { boundDevices, consoleDevices, diskLinks, openVolumes, rootDisks } from "./live_devices.ts";
import { networkAddresses, networkLinks } from "./live_network.ts";
import { ADDRESSES } from "./sources.ts";

/**
 * Reads the host that this program runs on. Deno opens /proc and /sys to a program with all permissions only; with less,
 * every source is an error {@link NOT_CAPABLE}.
 */
export function liveReader(): HostReader {
  return { read: readSource, list: listNames };
}

function readSource(path: string): SourceResult {
  try {
    if (path === BIOS) return readBios();
    if (DESCRIPTORS.test(path)) return readOpenDevices(path);
    if (path === "systemctl show") return readStores();
    if (path === ADDRESSES) return { kind: "bytes", bytes: new TextEncoder().encode(networkAddresses()) };
    if (path.startsWith("/proc/net/")) return readTable(path);
    const bytes = readBytes(path);
    return bytes === undefined ? { kind: "absent" } : { kind: "bytes", bytes };
  } catch (error) {
    const name = errorName(error);
    if (name === "EISDIR") return { kind: "bytes", bytes: new Uint8Array() };
    if (!ABSENT.has(name)) return { kind: "error", error: name };
    // Linux 6.1 brought this file; elsewhere, Deno's own word is that of uname(2).
    if (path === "/proc/sys/kernel/arch") {
      return { kind: "bytes", bytes: new TextEncoder().encode(`${Deno.build.arch}\n`) };
    }
    return { kind: "absent" };
  }
}

/** Folders that read as a listing of what is below them; undefined where that is not known. */
const LISTINGS: { readonly [path: string]: () => string | undefined } = {
  "/sys/bus": boundDevices,
  "/sys/dev/block": rootDisks,
  "/sys/class/tty/console": consoleDevices,
  "/sys/class/net": networkLinks,
  "/sys/class/block": openVolumes,
  "/dev/disk": diskLinks,
};

function readBytes(path: string): Uint8Array | undefined {
  const listing = lookUp(LISTINGS, path);
  if (listing !== undefined) {
    // So that a lack of permission, or of sysfs, is seen as with any other source.
    Deno.statSync(path);
    const text = listing();
    return text === undefined ? undefined : new TextEncoder().encode(text);
  }
  // Opening such a link gives a namespace, which cannot be read, or a whole program; the link's text is what counts.
  if (path.startsWith("/proc/self/ns/") || path === "/proc/1/exe" || DRIVER_LINK.test(path)) {
    return new TextEncoder().encode(`${Deno.readLinkSync(path)}\n`);
  }
  // All memory; only where it is mapped is needed.
  if (path === "/proc/kcore") return readHead(path, programHeadersEnd);
  // A folder for each node: it reads as the blob that would make it.
  if (path === "/proc/device-tree") return flattenFolder(Deno.realPathSync(path), TREE_FOLDER);
  const bytes = Deno.readFileSync(path);
  if (!path.endsWith(".gz")) return bytes;
  // Not imported: starting it takes longer than reading every other source.
  // deno-lint-ignore no-process-global
  return new Uint8Array(process.getBuiltinModule("node:zlib").gunzipSync(bytes));
}

/** A router has a million routes. What is longer is not read; of the trie, its first lines name the tables. */
const TABLE_LIMIT = 1 << 20;
const TRIE = "/proc/net/fib_trie";

function readTable(path: string): SourceResult {
  const bytes = readHead(path, () => TABLE_LIMIT);
  return bytes.length === TABLE_LIMIT && path !== TRIE ? { kind: "error", error: "EFBIG" } : { kind: "bytes", bytes };
}

const OPEN_DEVICE = /^anon_inode:\[luo_session\] |^\/dev\/watchdog\d*$/;

/** A watchdog's driver: a link of sysfs. */
const DRIVER_LINK = /^\/sys\/class\/watchdog\/watchdog\d+\/device\/driver$/;

/** The folder of a process' open files. */
const DESCRIPTORS = /^\/proc\/\d+\/fd$/;

/** The live update sessions and watchdogs that a process holds; one that has none, or has ended, says nothing. */
function readOpenDevices(path: string): SourceResult {
  const lines = listNames(path).flatMap((name) => {
    const target = linkTarget(`${path}/${name}`);
    return target !== undefined && OPEN_DEVICE.test(target) ? [`${name} ${target}\n`] : [];
  });
  return lines.length === 0 ? { kind: "absent" } : { kind: "bytes", bytes: new TextEncoder().encode(lines.join("")) };
}

/** What a link says; undefined if it is gone, or not for this reader. */
function linkTarget(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return undefined;
  }
}

/** What systemd alone knows: which services have stored file descriptors. It is asked where it is PID 1. */
function readStores(): SourceResult {
  const program = ["/usr/bin/systemctl", "/bin/systemctl"].find(isThere);
  if (program === undefined || !isThere("/run/systemd/system")) return { kind: "absent" };
  const show = (...args: string[]): Uint8Array | undefined => {
    const env = { SYSTEMD_BUS_TIMEOUT: "5s", LC_ALL: "C" };
    const { success, stdout } = new Deno.Command(program, { args: ["show", ...args], env, stderr: "null" })
      .outputSync();
    return success ? stdout : undefined;
  };
  const manager = show("--property=Version");
  const services = manager && show("--property=Id,NFileDescriptorStore,FileDescriptorStorePreserve", "*.service");
  if (manager === undefined || services === undefined) return { kind: "error", error: "EIO" };
  return { kind: "bytes", bytes: concat([manager, Uint8Array.of(0x0a), services]) };
}

const BIOS = "/dev/mem";

/** A page: what is read at once. */
const BIOS_READ = 4096;

/**
 * The first bytes of memory, which belong to a BIOS only where one booted the machine. A kernel that is locked down logs
 * every attempt to open this file: it is not tried.
 */
function readBios(): SourceResult {
  if (Deno.build.arch !== "x86_64" || isThere("/sys/firmware/efi")) return { kind: "absent" };
  const lockdown = "/sys/kernel/security/lockdown";
  const isLocked = isThere(lockdown) && !Deno.readTextFileSync(lockdown).includes("[none]");
  return isLocked ? { kind: "error", error: "EPERM" } : { kind: "bytes", bytes: readHead(BIOS, () => BIOS_READ) };
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const TREE_FOLDER: TreeFolder = {
  list: (path) => Array.from(Deno.readDirSync(path)),
  read: (path) => Deno.readFileSync(path),
};

/** The first bytes of a file, as many as `sizeOf` finds in its first 64. */
function readHead(path: string, sizeOf: (start: Uint8Array) => number): Uint8Array {
  using file = Deno.openSync(path);
  const start = new Uint8Array(64);
  const read = file.readSync(start) ?? 0;
  const head = new Uint8Array(Math.max(read, sizeOf(start.subarray(0, read))));
  file.seekSync(0, Deno.SeekMode.Start);
  let done = 0;
  for (let count: number | null = -1; done < head.length && count !== null; done += count ?? 0) {
    count = file.readSync(head.subarray(done));
  }
  return head.subarray(0, done);
}

function listNames(directory: string): readonly string[] {
  try {
    return Array.from(Deno.readDirSync(directory), (entry) => entry.name).sort(compareNames);
  } catch {
    // What cannot be listed holds nothing to read; a lack of permission shows at the sources that need no listing.
    return [];
  }
}

const ABSENT: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR"]);

function errorName(error: unknown): string {
  if (error instanceof Deno.errors.NotCapable) return NOT_CAPABLE;
  if (!(error instanceof Error)) return "unknown";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
