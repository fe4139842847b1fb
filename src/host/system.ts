import { omitUndefined, type Report } from "../core/shape.ts";
import { type Captured, malformed } from "./captured.ts";
import type { HostFacts } from "./facts.ts";
import { LINE, oneValue } from "./one_value.ts";

/** Who the host is, and how it was started. */
export type SystemFacts =
  & Pick<HostFacts, "hostname" | "version" | "bootId" | "cmdline" | "init" | "initProgram" | "openrc" | "systemd">
  & { readonly machine?: string; readonly release?: string };

/** Decodes the identity of the host, of its kernel and of this boot. */
export function systemFacts(from: Captured, report: Report): SystemFacts {
  const ostype = oneValue(from, report, "ostype", LINE);
  if (ostype !== undefined && ostype !== "Linux") {
    report({
      code: "facts-not-linux",
      severity: "error",
      message: `The host runs ${ostype}, not Linux`,
      hint: "Only Linux has the kexec calls",
    });
  }
  return omitUndefined({
    hostname: oneValue(from, report, "hostname", LINE),
    machine: oneValue(from, report, "machine", LINE),
    release: oneValue(from, report, "release", LINE),
    version: oneValue(from, report, "version", LINE),
    bootId: oneValue(from, report, "bootId", LINE),
    cmdline: cmdline(from, report),
    init: oneValue(from, report, "init", LINE),
    initProgram: oneValue(from, report, "initProgram", LINE),
    openrc: from.one("openrc") === undefined ? undefined : true,
    systemd: from.one("systemd") !== undefined,
  });
}

/** The running command line, unless it has bytes that are not UTF-8: handed on as text, they would change. */
function cmdline(from: Captured, report: Report): string | undefined {
  const found = from.one("cmdline");
  if (found?.utf8 === false) return void report(malformed(found, "text in UTF-8"));
  return found?.text;
}
