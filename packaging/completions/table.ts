/** What completions offer, from the table of commands. */
import { GLOBAL_OPTIONS } from "../../src/cli/args.ts";
import type { Command, Option } from "../../src/cli/command.ts";
import { type Offered, offeredFor } from "../../src/cli/placeholders.ts";

/** What the generators read of a command. */
export type CommandDocs = Omit<Command, "run">;

/** An option and what to offer for its value. */
export interface OptionOffer {
  readonly names: readonly string[];
  readonly brief: string;
  /** Undefined for a switch. */
  readonly value?: Offered;
  /** Whether it is a switch as well: a value can only follow as `--name=value`. */
  readonly optional?: true;
}

/** A command, its options and its words. */
export interface CommandOffer {
  readonly name: string;
  readonly brief: string;
  readonly options: readonly OptionOffer[];
  readonly words: Offered;
  readonly maxWords: number;
}

/** The first line of each generated script. */
export const NOTICE = "Generated from src/cli/table.ts by `deno task generate`; changes here are lost.";

/** Every command, and `help`, whose argument is the name of a command. */
export function commandOffers(commands: readonly CommandDocs[]): readonly CommandOffer[] {
  const help: CommandOffer = {
    name: "help",
    brief: "Show the help of a command",
    options: GLOBAL_OPTIONS.map(optionOffer),
    words: { literals: commands.map(({ name }) => name), offers: [] },
    maxWords: 1,
  };
  return [
    ...commands.map(({ name, summary, options, usage, words }) => ({
      name,
      brief: brief(summary),
      options: [...options, ...GLOBAL_OPTIONS].map(optionOffer),
      words: offeredFor(usage),
      maxWords: words.max,
    })),
    help,
  ];
}

/** The options that may precede a command. */
export function globalOffers(): readonly OptionOffer[] {
  return GLOBAL_OPTIONS.map(optionOffer);
}

function optionOffer({ name, short, value, optional, doc }: Option): OptionOffer {
  return {
    names: [...(short === undefined ? [] : [`-${short}`]), `--${name}`],
    brief: brief(doc),
    ...(value === undefined ? {} : { value: offeredFor(value) }),
    ...(optional === undefined ? {} : { optional }),
  };
}

/** The first part of a sentence, to be shown next to a word. */
function brief(doc: string): string {
  return (/^[^]*?(?=[;:.]\s| \(|$)/.exec(doc)?.[0] ?? doc).replaceAll("`", "");
}
