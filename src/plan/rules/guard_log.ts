import { formatSize } from "../../core/number.ts";
import type { ColdLog } from "../../entry/cold_reboot.ts";
import { lackedToRead, mayBeOverwritten, type PlannedLog } from "../ramoops.ts";
import { fail, pass, type Rule, type RuleInput, type Verdict, warn } from "./rule.ts";

/** A log that can be kept. */
type KeptLog = Exclude<PlannedLog, { readonly kind: "impossible" }>;

function keptLog({ guard }: RuleInput): KeptLog | undefined {
  return guard?.ramoops === undefined || guard.ramoops.kind === "impossible" ? undefined : guard.ramoops;
}

const guardLog: Rule = {
  name: "guard-log",
  about: "The memory in which `log` keeps what the new kernel logs is free, and keeps its content over a reset",
  exit: "unavailable",
  check(input) {
    const { guard } = input;
    if (guard?.log === undefined || guard.ramoops === undefined) return undefined;
    return guard.ramoops.kind === "impossible"
      ? fail(`The log of the new kernel cannot be kept: ${guard.ramoops.why}`, guard.ramoops.hint)
      : judgePlace(guard.log, guard.ramoops, input);
  },
};

function judgePlace(wanted: number, log: KeptLog, { call, facts, images }: RuleInput): Verdict {
  const where = describeLog(log);
  if (call.syscall === "kexec_file_load" && mayBeOverwritten(log, { facts, images, cmdline: call.cmdline })) {
    return fail(
      `The running kernel does not keep the memory of the log free (${where}), and kexec_file_load may place the image there`,
      "Set `load: kexec_load`, or boot the running kernel once with the parameters that the log needs",
    );
  }
  if (facts.memoryOverwrite === true) {
    return warn(
      "The firmware was asked to clear the memory at the next reset (MemoryOverwriteRequestControl), and the log with it",
      "docs/guard-log.md says who asks that, and what to do about it",
    );
  }
  if (log.kind === "named" || log.kind === "device-tree" && log.address === undefined) {
    return warn(
      "The kernel looks for the memory of the log at each boot: the one that reads it may look at another place",
      "See docs/guard-log.md; a device tree can reserve a fixed place",
    );
  }
  if (log.size !== undefined && log.size < wanted) {
    return warn(
      `The memory of the log that there is (${where}) is smaller than \`log\`, ${formatSize(wanted)}`,
      "Change it on the command line that it comes from, or set `log` to that size",
    );
  }
  return pass(`What the new kernel logs is kept over a reset: ${where}`);
}

const guardLogFallback: Rule = {
  name: "guard-log-fallback",
  about: "The kernel that a cold reboot boots looks for the log at the same place",
  exit: "unavailable",
  check(input) {
    const log = keptLog(input);
    if (log === undefined) return undefined;
    const cold = input.guard?.coldReboot?.log;
    if (cold === undefined) {
      return warn(
        "Whether the kernel that a cold reboot boots can read the log is not known: its command line is not",
        `Have it boot with \`${log.parameters.join(" ")}\``,
      );
    }
    const lacked = lackedToRead(log, cold);
    const name = `\`${cold.entry}\` of ${cold.loader}`;
    return lacked.length === 0 ? pass(`${name}, which a cold reboot boots, looks for the log at the same place`) : warn(
      `${name}, which a cold reboot boots, cannot read the log: its command line lacks \`${lacked.join(" ")}\``,
      whereToAdd(cold, lacked),
    );
  },
};

/** Where an administrator adds parameters, and how they are written there. */
function whereToAdd({ loader, entry }: ColdLog, parameters: readonly string[]): string {
  const line = parameters.join(" ");
  switch (loader) {
    // The shell reads `\\\$` between double quotes as `\$`, and GRUB reads that as `$`.
    case "GRUB":
      return `Add this to GRUB_CMDLINE_LINUX_DEFAULT="…" in /etc/default/grub, and run update-grub or grub2-mkconfig: ` +
        `\`${line.replaceAll("$", "\\\\\\$")}\``;
    case "systemd-boot":
      return `Add this to the \`options\` of the entry \`${entry}\`, and to /etc/kernel/cmdline for those of later kernels: ` +
        `\`${line}\``;
  }
}

const guardLogModule: Rule = {
  name: "guard-log-module",
  about: "The driver that keeps the log runs early in the new kernel, and in the one that reads it",
  exit: "unavailable",
  check(input) {
    const log = keptLog(input);
    if (log === undefined) return undefined;
    const { facts } = input;
    if (facts.kernelConfig.CONFIG_PSTORE_RAM === "n") {
      return warn(
        "The running kernel is built without ramoops (CONFIG_PSTORE_RAM), and cannot read the log",
        "Fall back to a kernel that has it, or remove `log` from `guard`",
      );
    }
    const isModule = facts.kernelConfig.CONFIG_PSTORE_RAM === "m";
    if (isModule && log.module === "not-in-initrd") {
      return warn(
        "The initrd has no module ramoops: unless the new kernel has it built in, what happens in the initrd leaves no log",
        'Add `ramoops` to /etc/initramfs-tools/modules, or `force_drivers+=" ramoops "` to dracut\'s configuration, and ' +
          "build the initrd again",
      );
    }
    if (isModule && facts.pstoreBackend !== "ramoops" && log.kind !== "named") {
      return warn(
        "Ramoops is a module, and the running kernel has not loaded it for the log: the kernel that reads the log must load it",
        "Write `ramoops` to /etc/modules-load.d/ramoops.conf",
      );
    }
    return log.module === "in-initrd"
      ? pass("The initrd has the module ramoops")
      : pass("Ramoops is not known to be missing");
  },
};

/** Where a log is, for people: `1 MiB at 0x20000000`. */
export function describeLog(log: KeptLog): string {
  switch (log.kind) {
    case "range":
      return `${formatSize(log.size)} at ${log.address}`;
    case "named":
      return "memory of the kernel's choice, by `reserve_mem=`";
    case "device-tree":
      return log.address === undefined || log.size === undefined
        ? `${log.node} of the device tree`
        : `${formatSize(log.size)} at ${log.address}, ${log.node} of the device tree`;
  }
}

/** The rules about a guard's log. */
export const GUARD_LOG_RULES: readonly Rule[] = [guardLog, guardLogFallback, guardLogModule];
