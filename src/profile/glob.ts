/** One step of a pattern: any run of characters, or a test of one character. */
export type Step = "run" | ((character: string) => boolean);

/**
 * Whether a pattern matches the whole of a text: `*` is any run of characters, `?` any one, `[a-z]` one of a set and
 * `[!a-z]` one that is not in it; an unclosed bracket is itself. Takes time proportional to pattern times text.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  return matchesSteps(stepsOf(pattern), [...text]);
}

/** Whether steps match all of a text, given as its characters. Takes time proportional to steps times characters. */
export function matchesSteps(steps: readonly Step[], characters: readonly string[]): boolean {
  let step = 0;
  let at = 0;
  let run: { readonly step: number; at: number } | undefined;
  while (at < characters.length) {
    const now = steps[step];
    const character = characters[at] ?? "";
    if (now === "run") {
      run = { step, at };
      step++;
    } else if (now !== undefined && now(character)) {
      step++;
      at++;
    } else if (run !== undefined) {
      // The last run takes one more character; an earlier one never needs to.
      run = { step: run.step, at: run.at + 1 };
      step = run.step + 1;
      at = run.at;
    } else {
      return false;
    }
  }
  return steps.slice(step).every((rest) => rest === "run");
}

function stepsOf(pattern: string): readonly Step[] {
  const characters = [...pattern];
  const steps: Step[] = [];
  // Without another bracket ahead no set is closed, so that it is not searched for again.
  const lastClose = characters.lastIndexOf("]");
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? "";
    const close = character === "[" && at < lastClose ? closeOf(characters, at) : -1;
    if (close > 0) {
      steps.push(setOf(characters.slice(at + 1, close).join("")));
      at = close;
    } else if (character === "*") steps.push("run");
    else if (character === "?") steps.push(() => true);
    else steps.push((other) => other === character);
  }
  return steps;
}

/** The bracket that closes a set; one that is its first member does not, so that `[]` and `[!]` are texts. -1 if there is none. */
function closeOf(characters: readonly string[], open: number): number {
  const first = characters[open + 1] === "!" || characters[open + 1] === "^" ? open + 2 : open + 1;
  return characters.indexOf("]", first + 1);
}

function setOf(body: string): (character: string) => boolean {
  const isNegated = body.startsWith("!") || body.startsWith("^");
  const ranges = [...(isNegated ? body.slice(1) : body).matchAll(/([^])-([^])|([^])/gu)].map(([, low, high, only]) =>
    [low ?? only ?? "", high ?? only ?? ""] as const
  );
  return (character) => ranges.some(([low, high]) => low <= character && character <= high) !== isNegated;
}
