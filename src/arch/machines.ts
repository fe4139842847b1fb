import { MAX_U64 } from "../core/number.ts";
import type { HostFacts } from "../host/facts.ts";
import { AARCH64 } from "./arm64/machine.ts";
import type { LinuxMachine, MachineMemory } from "./machine.ts";
import { X86_64 } from "./x86_64/machine.ts";

/** Every machine on which Linux images are laid out, by `uname -m`. */
const MACHINES: { readonly [machine: string]: LinuxMachine } = { "x86_64": X86_64, aarch64: AARCH64 };

/** The row of a machine, as `uname -m` names it; undefined where no kernel is laid out. */
export function linuxMachine(machine: string): LinuxMachine | undefined {
  return Object.hasOwn(MACHINES, machine) ? MACHINES[machine] : undefined;
}

/** A machine without a row gets the strictest memory: nothing under `System RAM` is free. */
const UNKNOWN_MEMORY: MachineMemory = { overwritable: [], lowest: 0n, limit: MAX_U64 };

/** Where segments may lie on a machine, by `uname -m`. */
export function machineMemory(facts: Pick<HostFacts, "machine" | "cpuFlags">): MachineMemory {
  return linuxMachine(facts.machine)?.memory(facts) ?? UNKNOWN_MEMORY;
}
