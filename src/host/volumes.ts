import { optionName, parseCrypttab } from "../formats/crypttab.ts";
import { omitUndefined } from "../core/shape.ts";

/** A dm-crypt device that is open. */
export interface OpenVolume {
  /** Its name below /dev/mapper. */
  readonly name: string;
  /** The UUID of its LUKS header, in lower case. */
  readonly uuid: string;
  /** The device that it lies on: `/dev/vda2`. */
  readonly device: string;
}

/** A name of a disk or partition, by udev. */
export interface DiskLink {
  /** The name: `/dev/disk/by-uuid/...`. */
  readonly link: string;
  /** What it leads to: `/dev/vda2`. */
  readonly device: string;
}

/** What a host says of encrypted volumes. */
export interface CryptFacts {
  /** The text of /etc/crypttab. */
  readonly crypttab?: string;
  /** The LUKS volumes that are open. */
  readonly openVolumes?: readonly OpenVolume[];
  /** The names of disks below /dev/disk. */
  readonly diskLinks?: readonly DiskLink[];
}

/** An encrypted volume, by all that is known of it. */
export interface Volume {
  /** As the profile names it. */
  readonly text: string;
  /** The name by which a crypttab has it, where the profile names it so. */
  readonly name?: string;
  /** The UUID of its LUKS header, in lower case. */
  readonly uuid?: string;
  /** The device that it lies on. */
  readonly device?: string;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The folders of /dev/disk for the ways to name a device, in fstab(5) and crypttab(5). */
const TAGS: { readonly [tag: string]: string } = {
  UUID: "by-uuid",
  LABEL: "by-label",
  PARTUUID: "by-partuuid",
  PARTLABEL: "by-partlabel",
  ID: "by-id",
};

/** What is known of the volume that a profile names by the name of crypttab, by its UUID, or by a device. */
export function findVolume(text: string, facts: CryptFacts): Volume {
  const bare = UUID.test(text) ? `UUID=${text}` : text;
  const mapped = /^\/dev\/mapper\/([^/]+)$/.exec(text)?.[1];
  const open = facts.openVolumes?.find((each) => each.name === (mapped ?? text));
  // A device of that name may also be what the volume lies on, as a logical volume.
  const name = open === undefined ? isSource(bare) ? undefined : text : open.name;
  if (name === undefined) return { text, ...sourceIdentity(bare, facts) };
  if (open !== undefined) return { text, name, uuid: open.uuid, device: open.device };
  const line = parseCrypttab(facts.crypttab ?? "").find((entry) => entry.name === name);
  return { text, name, ...(line === undefined ? {} : sourceIdentity(line.source, facts)) };
}

/** Whether a crypttab means this volume by the source of a line. */
export function isOfVolume(source: string, volume: Volume, facts: CryptFacts): boolean {
  const { uuid, device } = sourceIdentity(source, facts);
  return uuid !== undefined && uuid === volume.uuid || device !== undefined && device === volume.device;
}

/** The path by which a device is found on this host: `/dev/disk/by-uuid/...` for `UUID=...`. */
export function sourcePath(source: string): string {
  const [, tag = "", value = ""] = /^([A-Z]+)=(.*)$/.exec(source) ?? [];
  return Object.hasOwn(TAGS, tag) ? `/dev/disk/${TAGS[tag]}/${tag === "UUID" ? value.toLowerCase() : value}` : source;
}

/** The UUID that a source states. */
export function uuidOf(source: string): string | undefined {
  const value = /^(?:UUID=|\/dev\/disk\/by-uuid\/)(.+)$/.exec(source)?.[1];
  return value !== undefined && UUID.test(value) ? value.toLowerCase() : undefined;
}

function isSource(text: string): boolean {
  return text.startsWith("/") || Object.hasOwn(TAGS, optionName(text)) && text.includes("=");
}

function sourceIdentity(
  source: string,
  { diskLinks = [], openVolumes = [] }: CryptFacts,
): Pick<Volume, "uuid" | "device"> {
  const path = sourcePath(source);
  const device = diskLinks.find(({ link }) => link === path)?.device ??
    (/^\/dev\/[^/]+$/.test(path) ? path : undefined);
  const byLink = (): string | undefined =>
    diskLinks.filter((link) => link.device === device).flatMap(({ link }) => uuidOf(link) ?? [])[0];
  const uuid = uuidOf(source) ?? openVolumes.find((each) => each.device === device)?.uuid ?? byLink();
  return omitUndefined({ uuid, device });
}
