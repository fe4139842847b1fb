import { formatSize } from "../../core/number.ts";
import { contradictedReservation } from "../../host/iomem.ts";
import { parameterKey, parseCmdline } from "../../profile/cmdline/cmdline.ts";
import { shown } from "../../profile/cmdline/problem.ts";
import { staleDump } from "../crash_segments.ts";
import {
  crashNeed,
  describeNeed,
  lacksReservation,
  proposedReservation,
  reservationHint,
  reservedMemory,
  totalNeed,
} from "../crash_size.ts";
import { CRASH_KEY_RULES } from "./crash_keys.ts";
import { placedSize } from "./memory.ts";
import { fail, pass, type Rule, warn } from "./rule.ts";

const crashSupport: Rule = {
  name: "crash-support",
  about: "The running kernel can start a crash kernel (CONFIG_CRASH_DUMP)",
  exit: "unavailable",
  check({ crash, facts }) {
    // Before Linux 6.9 the option meant being a crash kernel, and any kernel with kexec could start one.
    if (!crash || facts.kernelConfig.CONFIG_CRASH_DUMP !== "n" || !lacksReservation(facts)) return undefined;
    return fail(
      `The running kernel ${facts.release} cannot start crash kernels: CONFIG_CRASH_DUMP is not set`,
      "Boot a kernel that has CONFIG_CRASH_DUMP and CONFIG_CRASH_RESERVE",
    );
  },
};

const crashReservation: Rule = {
  name: "crash-reservation",
  about: "Memory is reserved for the crash kernel, and its image fits",
  exit: "unavailable",
  check(input) {
    const { crash, facts, images } = input;
    if (!crash) return undefined;
    const reserved = reservedMemory(facts);
    const contradiction = contradictedReservation(facts.iomem);
    if (reserved === undefined) {
      return contradiction === undefined ? undefined : warn(contradiction, "Take the facts again");
    }
    const hint = reservationHint(proposedReservation(crashNeed(images)));
    if (reserved.all === 0n) return fail("No memory is reserved for a crash kernel", hint);
    const placed = placedSize(input);
    if (placed === undefined) return undefined;
    // Of two reservations, the lower one is for the devices of the crash kernel; no segment may lie in it.
    const room = reserved.image ?? reserved.all;
    if (placed > room) {
      return fail(
        `The crash image takes about ${formatSize(placed)}, but only ${formatSize(room)} is reserved for it`,
        hint,
      );
    }
    const fits = `The crash image takes about ${formatSize(placed)} of the ${formatSize(room)} reserved`;
    if (reserved.differs !== undefined) {
      return warn(
        `${fits}: /proc/iomem and kexec_crash_size (${formatSize(reserved.differs)}) differ, and the smaller counts`,
        "Reboot, if the reservation was changed since the boot",
      );
    }
    if (reserved.image !== undefined) return pass(fits);
    return contradiction !== undefined ? warn(`${fits}. ${contradiction}`, "Take the facts again") : warn(
      `${fits}, but part of that may be the low reservation, which cannot hold an image`,
      "Run warmboot as root, so that /proc/iomem shows which ranges are reserved",
    );
  },
};

const crashMemory: Rule = {
  name: "crash-memory",
  about: "The crash kernel has enough memory to save a dump, by estimate",
  exit: "unavailable",
  check({ crash, facts, images }) {
    const need = crash ? crashNeed(images) : undefined;
    const reserved = reservedMemory(facts);
    if (need === undefined || reserved === undefined || reserved.all === 0n) return undefined;
    const says = `The crash kernel needs ${describeNeed(need)}`;
    return totalNeed(need) <= reserved.all ? pass(`${says}; ${formatSize(reserved.all)} is reserved`) : warn(
      `${says}; only ${formatSize(reserved.all)} is reserved, so it may run out of memory before the dump is saved`,
      reservationHint(proposedReservation(need)),
    );
  },
};

const crashKernel: Rule = {
  name: "crash-kernel",
  about: "The kernel runs at the addresses of the reservation (CONFIG_RELOCATABLE)",
  exit: "unavailable",
  check({ crash, images }) {
    const kernel = images.kernel;
    if (!crash || kernel?.info.kind !== "bzimage") return undefined;
    return kernel.info.relocatable ? pass(`${kernel.path} runs at any address`) : fail(
      `${kernel.path} runs at one address only, which is outside the crash reservation`,
      "Use a kernel that is built with CONFIG_RELOCATABLE",
    );
  },
};

/** Parameters that take memory away from a crash kernel, and what they do there. */
const HARMFUL: { readonly [name: string]: string } = {
  crashkernel: "reserves memory for another crash kernel",
  hugepages: "reserves memory for huge pages",
  "hugetlb_cma": "reserves memory for huge pages",
  mem: "limits memory, perhaps to less than the reservation",
  memmap: "overrides the memory map of the crash kernel",
};

const crashCmdline: Rule = {
  name: "crash-cmdline",
  about: "The crash kernel's command line does not reduce its memory",
  exit: "unavailable",
  check({ call, crash, images }) {
    if (!crash || images.kernel === undefined) return undefined;
    const { kernel } = parseCmdline(call.cmdline);
    const harmful = kernel.find((parameter) => Object.hasOwn(HARMFUL, parameterKey(parameter)));
    if (harmful === undefined) return pass("The command line does not reduce the memory of the crash kernel");
    return warn(
      `\`${shown(harmful.text)}\` on the crash kernel's command line ${HARMFUL[parameterKey(harmful)]}`,
      "Remove it; `cmdline: { reuse: true }` removes it automatically",
    );
  },
};

const crashDescription: Rule = {
  name: "crash-description",
  about: "The crash image describes the running kernel as it is now (memory, CPUs, notes); a reboot changes these",
  exit: "unavailable",
  check({ call, crash, facts }) {
    if (!crash || call.syscall !== "kexec_load" || !call.segments.some(({ name }) => name === "elfcorehdr")) {
      return undefined;
    }
    const stale = staleDump(call.segments, facts);
    return stale === undefined
      ? pass("The crash image describes this host's memory and CPUs as they are")
      : fail(`The crash image is out of date: ${stale}`, "Re-create the plan");
  },
};

/** The rules about crash kernels. */
export const CRASH_RULES: readonly Rule[] = [
  crashSupport,
  crashReservation,
  crashMemory,
  crashKernel,
  crashCmdline,
  crashDescription,
  ...CRASH_KEY_RULES,
];
