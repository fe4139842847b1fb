import { type BootFiles, kindAt } from "../boot_files.ts";
import { hostPath, type Mount } from "../file_systems.ts";
import type { Truth, Value } from "./value.ts";
import { isKnown } from "./value.ts";

/** The host as GRUB finds it. */
export interface GrubHost {
  readonly files: BootFiles;
  readonly mounts: readonly Mount[];
}

/** A path of the host, or why there is none: completes "... cannot be found: ". */
export type HostPath =
  | { readonly kind: "path"; readonly path: string; readonly note?: string }
  | { readonly kind: "unknown"; readonly why: string };

/**
 * Names of devices that `search` sets here: GRUB's own, like hd0,gpt2, say nothing to Linux. No variable that is compared
 * with such a name is known.
 */
export function isDeviceName(text: string): boolean {
  return /fs-(?:uuid|label|device)\//.test(text);
}

/** Where a script reads a path: `(DEVICE)/PATH`, or `/PATH` on the device in `root`. */
export function pathOnHost(
  { mounts }: GrubHost,
  value: Value,
  variable: (name: string) => Value,
): HostPath {
  if (!isKnown(value)) return { kind: "unknown", why: `it depends on ${value.unknown}` };
  const [, named, rest = value] = /^\(([^()]*)\)(.*)$/s.exec(value) ?? [];
  const root: Value = named === undefined ? variable("root") : named;
  if (!isKnown(root)) return { kind: "unknown", why: `GRUB's root depends on ${root.unknown}` };
  const path = rest.replaceAll(/\/{2,}/g, "/");
  if (!path.startsWith("/")) return { kind: "unknown", why: `\`${value}\` is not an absolute path` };
  const device = deviceOf(mounts, root);
  if (device === undefined) return { kind: "unknown", why: unmapped(root) };
  const relative = device.type === "btrfs" && isYes(variable("btrfs_relative_path"));
  const top = relative ? mounts.find((mount) => mount.device === device.device && mount.point === "/") : undefined;
  if (relative && top === undefined) {
    return { kind: "unknown", why: `the subvolume that GRUB reads of ${device.source} is not mounted at /` };
  }
  const whole = top === undefined || top.root === "/" ? path : `${top.root}${path}`;
  const found = hostPath(mounts, device.device, whole);
  if (found === undefined) {
    return { kind: "unknown", why: `no mounted file system shows ${whole} of ${device.source}` };
  }
  return {
    kind: "path",
    path: found,
    ...(relative
      ? { note: `GRUB reads the default subvolume of ${device.source}, which is taken to be the one mounted at /` }
      : {}),
  };
}

function isYes(value: Value): boolean {
  return isKnown(value) && /^(?:y|yes|1|t|true|on)$/i.test(value);
}

function deviceOf(mounts: readonly Mount[], name: string): Mount | undefined {
  const [, kind, id = ""] = /^(fs-uuid|fs-label|fs-device|lvm)\/(.*)$/s.exec(name) ?? [];
  switch (kind) {
    case "fs-uuid":
      return mounts.find(({ uuid }) => uuid?.toLowerCase() === id.toLowerCase());
    case "fs-label":
      return mounts.find(({ label }) => label === id);
    case "fs-device":
      return mounts.find(({ device }) => device === id);
    case "lvm":
      return mounts.find(({ source }) => source === `/dev/mapper/${id}`);
    default:
      return undefined;
  }
}

function unmapped(name: string): string {
  const [, kind, id] = /^fs-(uuid|label)\/(.*)$/s.exec(name) ?? [];
  if (kind !== undefined) return `the file system with the ${kind === "uuid" ? "UUID" : "label"} ${id} is not mounted`;
  return name === "" ? "GRUB's root is not set" : `\`${name}\` is a name that only GRUB knows, and not searched for`;
}

/** What a file test answers. */
export function testFile(
  host: GrubHost,
  test: "d" | "e" | "f" | "s",
  path: string,
  variable: (name: string) => Value,
): Truth {
  const missing = /^\(md\/([\w.-]+)\)/.exec(path)?.[1];
  // An array has a link of its name; without it, GRUB finds no such device either.
  if (missing !== undefined && kindAt(host.files, `/dev/md/${missing}`) === "absent") return false;
  const found = pathOnHost(host, path, variable);
  if (found.kind === "unknown") return undefined;
  const kind = kindAt(host.files, found.path);
  if (kind === undefined) return undefined;
  switch (test) {
    case "d":
      return kind === "folder";
    case "e":
      return kind !== "absent";
    case "f":
      return kind === "file";
    case "s": {
      if (kind !== "file") return false;
      const result = host.files.read(found.path);
      return result.kind !== "bytes" || result.bytes.length > 0;
    }
  }
}

/** The device of the only mounted file system that has a file. */
export function searchFile(host: GrubHost, path: string): string | undefined {
  const devices = [...new Set(host.mounts.map(({ device }) => device))];
  const having = devices.filter((device) => {
    const found = hostPath(host.mounts, device, path);
    const kind = found === undefined ? "absent" : kindAt(host.files, found);
    return kind === "file" || kind === "folder";
  });
  return having.length === 1 ? `fs-device/${having[0]}` : undefined;
}
