import { bytesOfLatin1, latin1 } from "../core/bytes.ts";
import { withoutSecretParameters } from "./redaction.ts";

/**
 * Whether a capture may have a file at this path as one of a boot loader, or of what distinguishes file systems: grub.cfg,
 * entries, EFI variables, the list of mounts. Which there are depends on the host, so the table of sources has no rows for them.
 */
export function isBootSource(path: string): boolean {
  if (BOOT_SOURCES.some((pattern) => pattern.test(path))) return true;
  // Boot loaders' files lie on any mounted file system.
  return path.startsWith("/") && !/^\/(?:proc|sys|run|dev|etc|usr|lib)(?:\/|$)/.test(path);
}

const BOOT_SOURCES: readonly RegExp[] = [
  /^\/proc\/self\/mountinfo$/,
  /^\/sys\/class\/block\/[\w.+-]+\/dev$/,
  /^\/sys\/dev\/block\/\d+:\d+\/uevent$/,
  /^\/run\/udev\/data\/b\d+:\d+$/,
  /^\/dev\/(?:disk\/by-(?:uuid|label|partuuid)|md)\/[^/]+$/,
  /^\/sys\/firmware\/efi\/efivars\/(?:Loader\w+|Boot(?:Current|Next|[0-9A-F]{4}))-[0-9a-f-]{36}$/,
];

/**
 * A configuration without the passwords of GRUB's users, in whichever file they are. They decide nothing that is read of
 * it, and belong neither into a capture nor into a message.
 */
export function withoutPasswords(text: string): string {
  return text.replaceAll(/grub\.pbkdf2\.[\w.]+/g, "redacted")
    .replaceAll(/^([ \t]*password[ \t]+\S+[ \t]+)[^\s;]+/gm, "$1redacted");
}

/** A file of a boot loader as a redacted capture has it: without the secrets of its command lines. */
export function redactBootFile(bytes: Uint8Array): Uint8Array {
  const lines = latin1(bytes).split("\n").map(bytesOfLatin1).map(withoutSecretParameters);
  return bytesOfLatin1(lines.map(latin1).join("\n"));
}
