import { formatAddress } from "../../core/number.ts";
import { contains, overlaps, type Range } from "../../core/range.ts";
import { countBases, kernelRange } from "../bases.ts";
import { type FileLoadCall, isKernel, type PlannedBases, type PlannedRange, type SegmentLoadCall } from "../plan.ts";
import { freeMemory } from "../placement/free_memory.ts";
import { fail, pass, type Rule, type RuleInput, type Verdict } from "./rule.ts";
import { KERNEL_IMAGE_SIZE, PMD_SIZE, START_KERNEL_MAP } from "../../arch/x86_64/memory_layout.ts";

const RECREATE = "Re-create the plan with `warmboot plan`";

const kernelBases: Rule = {
  name: "kernel-bases",
  about: "Wherever KASLR places an unpacked kernel at load, it lies in free memory and overlaps no other segment",
  exit: "unavailable",
  check(input) {
    const { call } = input;
    if (call.bases === undefined) return undefined;
    if (call.syscall === "kexec_file_load") return builtVerdict(call, call.bases);
    const kernel = kernelRange(call);
    if (kernel === undefined) return fail("The plan names bases for a kernel, but no segment is one", RECREATE);
    return fault(input, call, call.bases, kernel) ?? verdict(call.bases, kernel);
  },
};

/** By kexec_file_load, the loader of the running kernel finds free memory. */
function builtVerdict({ built }: FileLoadCall, bases: PlannedBases): Verdict {
  const size = BigInt(built?.memory ?? 0);
  return alignmentFault(bases) ?? virtualFault(bases, size) ?? pass(
    `The kernel's physical base is where kexec_file_load places it, its virtual base one of ${
      countBases(bases, size).virtual
    }`,
  );
}

function verdict(bases: PlannedBases, kernel: Range): Verdict {
  const { physical, virtual } = countBases(bases, kernel.end - kernel.start);
  const where = physical === 0n
    ? `Its physical base is ${formatAddress(kernel.start)}`
    : `The kernel's physical base is one of ${physical}, chosen at load`;
  return pass(`${where}, its virtual base one of ${virtual}`);
}

function fault(
  { facts, crash }: RuleInput,
  { segments }: SegmentLoadCall,
  bases: PlannedBases,
  kernel: Range,
): Verdict | undefined {
  const misaligned = alignmentFault(bases);
  if (misaligned !== undefined) return misaligned;
  const step = BigInt(bases.alignment);
  if (kernel.start % step !== 0n) {
    return fail(`The kernel at ${formatAddress(kernel.start)} is not aligned to ${bases.alignment}`, RECREATE);
  }
  const unmapped = virtualFault(bases, kernel.end - kernel.start);
  if (unmapped !== undefined) return unmapped;
  const { physical } = countBases(bases, kernel.end - kernel.start);
  if (bases.physical.length > 0 && physical < 1n) return fail("No physical base has room for the kernel", RECREATE);
  const others = segments.filter((segment) => !isKernel(segment)).map(({ name, mem, memsz }) => ({
    name,
    start: BigInt(mem),
    end: BigInt(mem) + BigInt(memsz),
  }));
  const free = freeMemory(facts, { crash }).value ?? [];
  for (const planned of bases.physical) {
    const range = rangeOf(planned);
    const text = `The kernel may be placed between ${planned.start} and ${planned.end}`;
    if (range.start % step !== 0n) {
      return fail(`${text}, which does not start on a multiple of ${bases.alignment}`, RECREATE);
    }
    const other = others.find((each) => overlaps(each, range));
    if (other !== undefined) return fail(`${text}, which overlaps segment "${other.name}"`, RECREATE);
    if (!free.some((each) => contains(each, range))) return fail(`${text}, which is not entirely free`, RECREATE);
  }
  return undefined;
}

function alignmentFault({ alignment }: PlannedBases): Verdict | undefined {
  const step = BigInt(alignment);
  return step >= PMD_SIZE && (step & (step - 1n)) === 0n ? undefined : fail(
    `The kernel would move in steps of ${alignment}, which is not a power of two of at least 2 MiB`,
    RECREATE,
  );
}

function virtualFault(bases: PlannedBases, size: bigint): Verdict | undefined {
  const virtual = rangeOf(bases.virtual);
  const mapped = { start: START_KERNEL_MAP, end: START_KERNEL_MAP + KERNEL_IMAGE_SIZE };
  const fits = contains(mapped, virtual) && virtual.start % BigInt(bases.alignment) === 0n &&
    countBases(bases, size).virtual >= 1n;
  return fits ? undefined : fail(
    `The kernel cannot run at virtual addresses from ${bases.virtual.start} to ${bases.virtual.end}`,
    RECREATE,
  );
}

function rangeOf({ start, end }: PlannedRange): Range {
  return { start: BigInt(start), end: BigInt(end) };
}

/** The rule about where an unpacked kernel may be placed. */
export const BASES_RULES: readonly Rule[] = [kernelBases];
