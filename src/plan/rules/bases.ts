import { formatAddress } from "../../core/number.ts";
import { contains, overlaps, type Range } from "../../core/range.ts";
import { countBases, kernelRange } from "../bases.ts";
import { isKernel, type PlannedRange, type SegmentLoadCall } from "../plan.ts";
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
    if (call.syscall !== "kexec_load" || call.bases === undefined) return undefined;
    const kernel = kernelRange(call);
    if (kernel === undefined) return fail("The plan names bases for a kernel, but no segment is one", RECREATE);
    return fault(input, call, call.bases, kernel) ?? verdict(call.bases, kernel);
  },
};

function verdict(bases: NonNullable<SegmentLoadCall["bases"]>, kernel: Range): Verdict {
  const { physical, virtual } = countBases(bases, kernel.end - kernel.start);
  const where = physical === 0n
    ? `Its physical base is ${formatAddress(kernel.start)}`
    : `The kernel's physical base is one of ${physical}, chosen at load`;
  return pass(`${where}, its virtual base one of ${virtual}`);
}

function fault(
  { facts, crash }: RuleInput,
  { segments }: SegmentLoadCall,
  bases: NonNullable<SegmentLoadCall["bases"]>,
  kernel: Range,
): Verdict | undefined {
  const step = BigInt(bases.alignment);
  if (step < PMD_SIZE || (step & (step - 1n)) !== 0n) {
    return fail(
      `The kernel would move in steps of ${bases.alignment}, which is not a power of two of at least 2 MiB`,
      RECREATE,
    );
  }
  if (kernel.start % step !== 0n) {
    return fail(`The kernel at ${formatAddress(kernel.start)} is not aligned to ${bases.alignment}`, RECREATE);
  }
  const virtual = rangeOf(bases.virtual);
  const mapped = { start: START_KERNEL_MAP, end: START_KERNEL_MAP + KERNEL_IMAGE_SIZE };
  const { virtual: virtuals, physical } = countBases(bases, kernel.end - kernel.start);
  if (!contains(mapped, virtual) || virtual.start % step !== 0n || virtuals < 1n) {
    return fail(
      `The kernel cannot run at virtual addresses from ${bases.virtual.start} to ${bases.virtual.end}`,
      RECREATE,
    );
  }
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

function rangeOf({ start, end }: PlannedRange): Range {
  return { start: BigInt(start), end: BigInt(end) };
}

/** The rule about where an unpacked kernel may be placed. */
export const BASES_RULES: readonly Rule[] = [kernelBases];
