import { formatAddress } from "../../core/number.ts";
import { contains, overlaps, type Range } from "../../core/range.ts";
import { countBases, kernelRange } from "../bases.ts";
import { isKernel, type PlannedRange, type SegmentLoadCall } from "../plan.ts";
import { freeMemory } from "../placement/free_memory.ts";
import { fail, pass, type Rule, type RuleInput, type Verdict } from "./rule.ts";
import { KERNEL_IMAGE_SIZE, PMD_SIZE, START_KERNEL_MAP } from "../../arch/x86_64/memory_layout.ts";

const ANEW = "Make the plan anew with `warmboot plan`";

const kernelBases: Rule = {
  name: "kernel-bases",
  about: "Wherever an unpacked kernel is put at load (KASLR), it lies in memory that it may take, beside the rest",
  exit: "unavailable",
  check(input) {
    const { call } = input;
    if (call.syscall !== "kexec_load" || call.bases === undefined) return undefined;
    const kernel = kernelRange(call);
    if (kernel === undefined) return fail("Bases of a kernel are to be chosen, and no segment is one", ANEW);
    return fault(input, call, call.bases, kernel) ?? verdict(call.bases, kernel);
  },
};

function verdict(bases: NonNullable<SegmentLoadCall["bases"]>, kernel: Range): Verdict {
  const { physical, virtual } = countBases(bases, kernel.end - kernel.start);
  const where = physical === 0n
    ? `Its physical base is ${formatAddress(kernel.start)}`
    : `The kernel's physical base is chosen at load among ${physical}`;
  return pass(`${where}, its virtual base among ${virtual}`);
}

function fault(
  { facts, crash }: RuleInput,
  { segments }: SegmentLoadCall,
  bases: NonNullable<SegmentLoadCall["bases"]>,
  kernel: Range,
): Verdict | undefined {
  const step = BigInt(bases.alignment);
  if (step < PMD_SIZE || (step & (step - 1n)) !== 0n) {
    return fail(`The kernel would be moved by ${bases.alignment}, which is no power of two from 2 MiB on`, ANEW);
  }
  if (kernel.start % step !== 0n) {
    return fail(`The kernel at ${formatAddress(kernel.start)} is not aligned to ${bases.alignment}`, ANEW);
  }
  const virtual = rangeOf(bases.virtual);
  const mapped = { start: START_KERNEL_MAP, end: START_KERNEL_MAP + KERNEL_IMAGE_SIZE };
  const { virtual: virtuals, physical } = countBases(bases, kernel.end - kernel.start);
  if (!contains(mapped, virtual) || virtual.start % step !== 0n || virtuals < 1n) {
    return fail(`The kernel cannot run at virtual addresses from ${bases.virtual.start} to ${bases.virtual.end}`, ANEW);
  }
  if (bases.physical.length > 0 && physical < 1n) return fail("No physical base has room for the kernel", ANEW);
  const others = segments.filter((segment) => !isKernel(segment)).map(({ name, mem, memsz }) => ({
    name,
    start: BigInt(mem),
    end: BigInt(mem) + BigInt(memsz),
  }));
  const free = freeMemory(facts, { crash }).value ?? [];
  for (const planned of bases.physical) {
    const range = rangeOf(planned);
    const text = `The kernel may be put between ${planned.start} and ${planned.end}`;
    if (range.start % step !== 0n) {
      return fail(`${text}, which does not start on a multiple of ${bases.alignment}`, ANEW);
    }
    const other = others.find((each) => overlaps(each, range));
    if (other !== undefined) return fail(`${text}, where segment "${other.name}" lies`, ANEW);
    if (!free.some((each) => contains(each, range))) return fail(`${text}, which is not all free memory`, ANEW);
  }
  return undefined;
}

function rangeOf({ start, end }: PlannedRange): Range {
  return { start: BigInt(start), end: BigInt(end) };
}

/** The rule about what is chosen of an unpacked kernel's place. */
export const BASES_RULES: readonly Rule[] = [kernelBases];
