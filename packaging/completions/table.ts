/** What completions offer, read from the table of commands. */
import { GLOBAL_OPTIONS } from "../../src/cli/args.ts";
import type { Command, Option } from "../../src/cli/command.ts";
import { type Offered, offeredFor } from "../../src/cli/placeholders.ts";

/** What generators read of a command. */
export type CommandDocs = Omit<Command, "run">;

/** An option, and what stands for its value. */
export interface OptionOffer {
  readonly names: readonly string[];
  readonly brief: string;
  /** Undefined for a switch. */
  readonly value?: Offered;
}

/** A command, its options and its words. */
export interface CommandOffer {
  readonly name: string;
  readonly brief: string;
  readonly options: readonly OptionOffer[];
  readonly words: Offered;
  readonly maxWords: number;
}

/** What stands above each generated script. */
export const NOTICE = "Generated from src/cli/table.ts by `deno task generate`; changes here are lost.";

/** Every command and `help`, which takes the name of one. */
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

/** What may stand before a command. */
export function globalOffers(): readonly OptionOffer[] {
  return GLOBAL_OPTIONS.map(optionOffer);
}

function optionOffer({ name, short, value, doc }: Option): OptionOffer {
  return {
    names: [...(short === undefined ? [] : [`-${short}`]), `--${name}`],
    brief: brief(doc),
    ...(value === undefined ? {} : { value: offeredFor(value) }),
  };
}

/** The first part of a sentence, for one line beside a word. */
function brief(doc: string): string {
  return (/^[^]*?(?=[;:.]\s| \(|$)/.exec(doc)?.[0] ?? doc).replaceAll("`", "");
}
