import { and, isKnown, not, or, type Truth, type Value } from "./value.ts";

/** Answers a question about a file: `-d`, `-e`, `-f` or `-s`. */
export type FileTest = (test: "d" | "e" | "f" | "s", path: string) => Truth;

const COMPARISONS: { readonly [operator: string]: (a: string, b: string) => Truth } = {
  "=": (a, b) => a === b,
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
  "-eq": (a, b) => numberOf(a) === numberOf(b),
  "-ne": (a, b) => numberOf(a) !== numberOf(b),
  "-ge": (a, b) => numberOf(a) >= numberOf(b),
  "-gt": (a, b) => numberOf(a) > numberOf(b),
  "-le": (a, b) => numberOf(a) <= numberOf(b),
  "-lt": (a, b) => numberOf(a) < numberOf(b),
  "-pgt": (a, b) => afterPrefix(a, b, (left, right) => left > right),
  "-plt": (a, b) => afterPrefix(a, b, (left, right) => left < right),
};

/** Parentheses nest at most so deep (MAX_TEST_RECURSION_DEPTH of GRUB). */
const DEPTH_LIMIT = 100;

/** What `test` and `[` answer (grub-core/commands/test.c, GRUB 2.12); `args` without the last `]`. */
export function evaluateTest(args: readonly Value[], file: FileTest): Truth {
  let at = 0;
  const expression = (depth: number): Truth => {
    let [any, all]: [Truth, Truth] = [false, true];
    let isInverted = false;
    const take = (truth: Truth, count: number): void => {
      all = and(all, isInverted ? not(truth) : truth);
      isInverted = false;
      at += count;
    };
    while (at < args.length) {
      const [first = "", second = "", third = ""] = args.slice(at, at + 3);
      const compare = at + 2 < args.length && isKnown(second) && Object.hasOwn(COMPARISONS, second)
        ? COMPARISONS[second]
        : undefined;
      if (compare !== undefined) {
        take(isKnown(first) && isKnown(third) ? compare(first, third) : undefined, 3);
        continue;
      }
      if (at + 2 < args.length && isKnown(second) && /^-[no]t/.test(second)) {
        take(undefined, 3);
        continue;
      }
      if (!isKnown(first)) {
        take(undefined, 1);
        continue;
      }
      const unary = at + 1 < args.length ? /^-([defnsz])$/.exec(first)?.[1] : undefined;
      if (unary !== undefined) {
        take(isKnown(second) ? ofOne(unary, second, file) : undefined, 2);
        continue;
      }
      if (first === ")") {
        at++;
        return or(any, all);
      }
      if (first === "(") {
        at++;
        if (depth >= DEPTH_LIMIT) return undefined;
        take(expression(depth + 1), 0);
      } else if (first === "!") {
        isInverted = !isInverted;
        at++;
      } else if (first === "-a") at++;
      else if (first === "-o") {
        any = or(any, all);
        all = true;
        at++;
      } else take(first !== "", 1);
    }
    return or(any, all);
  };
  return expression(0);
}

function ofOne(test: string, text: string, file: FileTest): Truth {
  switch (test) {
    case "n":
      return text !== "";
    case "z":
      return text === "";
    case "d":
    case "e":
    case "f":
    case "s":
      return file(test, text);
    default:
      return undefined;
  }
}

/** As grub_strtol() reads it: decimal, octal after `0`, hexadecimal after `0x`; nothing is 0. */
function numberOf(text: string): number {
  const [, sign, hex, octal, decimal] = /^\s*(-?)(?:0x([0-9a-f]+)|0([0-7]*)|(\d+))/i.exec(text) ?? [];
  const value = hex !== undefined
    ? parseInt(hex, 16)
    : octal !== undefined
    ? parseInt(octal || "0", 8)
    : Number(decimal ?? 0);
  return sign === "-" ? -value : value;
}

/** Compares the numbers after a common prefix, as in versions. */
function afterPrefix(a: string, b: string, compare: (a: number, b: number) => boolean): boolean {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  at--;
  while (at > 0 && /\d/.test(a[at] ?? "")) at--;
  at++;
  return compare(numberOf(a.slice(at)), numberOf(b.slice(at)));
}
