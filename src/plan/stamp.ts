import { sha256Of } from "../core/sha256.ts";
import {
  addParameter,
  kernelParameter,
  parameterKey,
  parseCmdline,
  withoutParameters,
} from "../profile/cmdline/cmdline.ts";
import { STAMP } from "../profile/cmdline/resolve.ts";
import { type Call, filesOf, rolesOf } from "./plan.ts";

/** What boots: everything that a stamp covers. */
export interface Booted {
  /** SHA-256 of the kernel file, 64 lower-case hex digits. */
  readonly kernel: string;
  /** The same of each initrd, in order. */
  readonly initrd: readonly string[];
  /** The command line; a stamp in it does not count. */
  readonly cmdline: string;
}

/** Hex digits of a stamp: 64 bits distinguish any two plans of one machine, and take little of the command line. */
const STAMP_DIGITS = 16;

/** Parameters that are added once a plan is made: the stamp itself, and where a crash kernel finds its description. */
const ADDED: readonly string[] = [STAMP, "elfcorehdr"];

/**
 * The digest that `stamp: true` puts on the command line: the first 16 hex digits of the SHA-256 of
 * `{"kernel":SHA256,"initrd":[SHA256...],"cmdline":CMDLINE}`, parameters with one space between. It covers what boots and not
 * how it is loaded: the booted system may plan the same profile with the other call or at other addresses, and still finds
 * its own stamp.
 */
export function stampOf({ kernel, initrd, cmdline }: Booted): string {
  const text = JSON.stringify({ kernel, initrd, cmdline: withoutAdded(cmdline) });
  return sha256Of(text).slice(0, STAMP_DIGITS);
}

/** A command line with its stamp, which is the kernel's: it comes before any `--`. */
export function stamped(booted: Booted): string {
  return addParameter(booted.cmdline, `${STAMP}=${stampOf(booted)}`);
}

/** The digest on a command line; undefined without one. Of several, the last counts, as in the kernel. */
export function stampIn(cmdline: string): string | undefined {
  return kernelParameter(parseCmdline(cmdline), STAMP)?.value;
}

/** The stamp on a call's command line if it is that of the call; undefined where it is missing or wrong. */
export function trueStamp(call: Call): string | undefined {
  const stated = stampIn(call.cmdline);
  const booted = stated === undefined ? undefined : bootedBy(call);
  return booted !== undefined && stampOf(booted) === stated ? stated : undefined;
}

/**
 * The same 16 digits for every call, stamped or not, so that attempts at one plan are known by it. Of explicit segments, they
 * are of `{"entry":ENTRY,"segments":[[MEM,SHA256]...],"cmdline":CMDLINE}`.
 */
export function bootDigest(call: Call): string {
  const booted = bootedBy(call);
  if (booted !== undefined) return stampOf(booted);
  if (call.syscall === "kexec_file_load") throw new TypeError("A kexec_file_load without a kernel");
  const { entry, segments, cmdline } = call;
  const text = JSON.stringify({ entry, segments: segments.map(({ mem, sha256 }) => [mem, sha256]), cmdline });
  return sha256Of(text).slice(0, STAMP_DIGITS);
}

/** What a call boots; undefined with explicit segments, which are not a kernel. */
function bootedBy(call: Call): Booted | undefined {
  const roles = rolesOf(call);
  const digestOf = (path: string): string => filesOf(call).find((file) => file.path === path)?.sha256 ?? "";
  if (roles.kernel === undefined) return undefined;
  return { kernel: digestOf(roles.kernel), initrd: roles.initrd.map(digestOf), cmdline: call.cmdline };
}

function withoutAdded(cmdline: string): string {
  return withoutParameters(cmdline, (parameter) => ADDED.includes(parameterKey(parameter)));
}
