import { fieldsOf } from "../core/bytes.ts";
import { lookUp, omitUndefined, type Report } from "../core/shape.ts";
import { type Captured, type Found, malformed } from "./captured.ts";
import type { HostFacts } from "./facts.ts";
import { AT_PAGESZ, AUXV_ENTRY_SIZE } from "./capture_filter.ts";
import { HEX } from "./one_value.ts";

/** What the capturing process may do, and where it runs. */
export type ProcessFacts = Pick<HostFacts, "capEff" | "initUserNamespace" | "initPidNamespace">;

/** The first PID namespace's inode, PROC_PID_INIT_INO (include/linux/proc_ns.h, the same since Linux 3.8). */
const FIRST_PID_NAMESPACE = "pid:[4026531836]";

/** The map of the first user namespace: every id as itself. */
const FIRST_UID_MAP = /^\s*0\s+0\s+4294967295$/;

/** Decodes the capabilities and namespaces of the process that captured. */
export function processFacts(from: Captured, report: Report): ProcessFacts {
  const status = from.one("status");
  const capEff = statusField(status, "CapEff");
  const rights = capEff === undefined ? undefined : HEX.read(capEff);
  if (status !== undefined && rights === undefined) report(malformed(status, "a hexadecimal set `CapEff`"));
  const uidMap = from.one("uidMap");
  return omitUndefined({
    capEff: rights,
    initUserNamespace: uidMap === undefined ? undefined : FIRST_UID_MAP.test(uidMap.text),
    initPidNamespace: initPidNamespace(from, status),
  });
}

/** NSpid has a second number only if /proc itself belongs to an outer namespace, so the link decides where it is there. */
function initPidNamespace(from: Captured, status: Found | undefined): boolean | undefined {
  const link = from.one("pidNamespace");
  if (link !== undefined) return link.text === FIRST_PID_NAMESPACE;
  return /\s/.test(statusField(status, "NSpid") ?? "") ? false : undefined;
}

function statusField(status: Found | undefined, name: string): string | undefined {
  return status?.text.split("\n").find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1).trim();
}

/** Machines that have one page size only; the others let the kernel's configuration choose. */
const FIXED_PAGE_SIZE: { readonly [machine: string]: bigint } = { "x86_64": 4096n, "i386": 4096n, "i686": 4096n };

/** The page size in bytes, from the auxiliary vector, else from what the machine has. */
export function pageSize(from: Captured, report: Report, machine: string | undefined): bigint | undefined {
  const auxv = from.one("auxv");
  const fallback = lookUp(FIXED_PAGE_SIZE, machine);
  if (auxv === undefined) return fallback;
  const fields = fieldsOf(auxv.bytes);
  const size = fields.size === AUXV_ENTRY_SIZE && fields.u64(0) === AT_PAGESZ ? fields.u64(8) : 0n;
  if (size >= 4096n && (size & (size - 1n)) === 0n) return size;
  report(malformed(auxv, "the entry AT_PAGESZ with a page size"));
  return fallback;
}
