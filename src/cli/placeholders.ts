/** What a shell offers for a word: see packaging/completions. */
export type Offer =
  | "profile-names"
  | "profile-files"
  | "plan-files"
  | "sides"
  | "files"
  | "folders"
  | "releases"
  | "commands";

/** What a word in capitals means, in usages and in the values of options. */
export interface Placeholder {
  readonly doc: string;
  readonly offers: readonly Offer[];
}

/** Every word in capitals. The others there, as in `text|json`, are literal. */
export const PLACEHOLDERS: { readonly [word: string]: Placeholder } = {
  PROFILE: {
    doc:
      "A profile: its file, or its name, which is looked for in /etc/warmboot, /run/warmboot and /usr/lib/warmboot. " +
      "`-` is standard input.",
    offers: ["profile-names", "profile-files"],
  },
  PLAN: { doc: "The file of a plan that `warmboot plan --out` has stored.", offers: ["plan-files"] },
  A: {
    doc: "A PROFILE, a PLAN, `@running` (the running system) or `@loaded` (the loaded image).",
    offers: ["sides", "profile-names", "profile-files", "plan-files"],
  },
  B: { doc: "The same.", offers: [] },
  FILE: { doc: "Any file. `-` is standard input or standard output.", offers: ["files"] },
  DIR: { doc: "A folder.", offers: ["folders"] },
  PATH: { doc: "An executable file.", offers: ["files"] },
  AGE: { doc: "A number of days, hours or minutes: `30d`, `12h`, `90min`.", offers: [] },
  N: { doc: "A whole number.", offers: [] },
  LINK: { doc: "An address, or a path relative to where the text is shown.", offers: ["files"] },
  CODE: { doc: "The code of a diagnostic or the name of a check, as messages show it in brackets.", offers: [] },
  RELEASE: { doc: "The release of a kernel, as uname -r says it.", offers: ["releases"] },
  ID: { doc: "The name of a profile within a unified kernel image, or its number.", offers: [] },
  COMMAND: { doc: "One of the commands.", offers: ["commands"] },
};

/** A usage, or an option's value, as what to offer for it: literal words, and offers. */
export interface Offered {
  readonly literals: readonly string[];
  readonly offers: readonly Offer[];
}

/** Reads `PROFILE|DIR...`, `[profile|plan]` or `text|json`. Options within a usage are not its words. */
export function offeredFor(usage: string): Offered {
  const words = usage.match(/(?:--)?[\w-]+/g)?.filter((word) => !word.startsWith("--")) ?? [];
  const isPlaceholder = (word: string): boolean => /^[A-Z]+$/.test(word);
  const offers = words.filter(isPlaceholder).flatMap((word) => PLACEHOLDERS[word]?.offers ?? []);
  return { literals: words.filter((word) => !isPlaceholder(word)), offers: [...new Set(offers)] };
}
