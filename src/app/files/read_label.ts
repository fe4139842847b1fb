import { errnoName } from "../../syscall/errno.ts";
import type { Libc } from "../../syscall/libc.ts";
import { type ImaLabel, SIGNATURE_MARKER } from "../../host/ima_label.ts";
import { latin1 } from "../../core/bytes.ts";
import { descriptorOf, type OpenFile } from "./open_file.ts";

/** Where IMA keeps its digest or signature of a file (XATTR_NAME_IMA, include/uapi/linux/xattr.h). */
const ATTRIBUTE = "security.ima";

/** The file has no such attribute, or its file system none at all. */
const WITHOUT: readonly string[] = ["ENODATA", "EOPNOTSUPP"];

/**
 * What IMA looks at of an open file: of the file itself, where this is a copy of it. Undefined for a part of a file, which reaches
 * the kernel as a file in memory. @throws {ReadError} if the file cannot be looked at
 */
export function readLabel(file: OpenFile, libc: Pick<Libc, "attribute" | "fileSystem">): ImaLabel | undefined {
  const itself = file.original ?? file;
  if (itself.start !== undefined) return undefined;
  const descriptor = descriptorOf(itself);
  const { uid, gid } = itself.handle.statSync();
  const attribute = libc.attribute(descriptor, ATTRIBUTE);
  const system = libc.fileSystem(descriptor);
  const end = itself.read(Math.max(0, itself.size - SIGNATURE_MARKER.length), SIGNATURE_MARKER.length);
  const reason = attribute.ok ? undefined : errnoName(attribute.errno);
  return {
    owner: uid ?? 0,
    group: gid ?? 0,
    fsMagic: system.ok ? Number(BigInt.asUintN(32, system.value)) : 0,
    ...(attribute.ok ? { attribute: attribute.value.toBase64() } : {}),
    ...(reason === undefined || WITHOUT.includes(reason) ? {} : { unreadable: reason }),
    appended: latin1(end) === SIGNATURE_MARKER,
  };
}
