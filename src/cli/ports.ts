import type { Layout } from "../render/plan.ts";
import { COLOURED, PLAIN } from "../render/style.ts";

/** Where a program writes to. */
export interface Sink {
  readonly layout: Layout;
  readonly isTerminal: boolean;
  write(text: string): void;
}

/** What the commands see of the world around the process, so that a test can stand in for it. */
export interface Ports {
  /** Results. */
  readonly out: Sink;
  /** Diagnostics, progress and what else is not the result. */
  readonly err: Sink;
}

/** When to use colours. */
export type ColourChoice = "auto" | "always" | "never";

/** The process's own standard output and error. */
export function systemPorts(colour: ColourChoice = "auto"): Ports {
  return { out: sink(Deno.stdout, colour), err: sink(Deno.stderr, colour) };
}

function sink(stream: typeof Deno.stdout, colour: ColourChoice): Sink {
  const isTerminal = stream.isTerminal();
  const coloured = colour === "always" || colour === "auto" && isTerminal && !Deno.noColor;
  return {
    layout: { style: coloured ? COLOURED : PLAIN, width: isTerminal ? columns() : 80 },
    isTerminal,
    write(text) {
      const bytes = new TextEncoder().encode(text);
      for (let done = 0; done < bytes.length;) done += stream.writeSync(bytes.subarray(done));
    },
  };
}

/** Readable lines: not narrower than 60 columns, not wider than 110. */
function columns(): number {
  try {
    return Math.max(60, Math.min(110, Deno.consoleSize().columns));
  } catch {
    return 80;
  }
}
