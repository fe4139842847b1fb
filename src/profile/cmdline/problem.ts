import { shorten } from "../../core/text.ts";

/** Shows a parameter or a text of parameters in a message: on one line, and not too long. */
export function shown(text: string): string {
  const line = text.replaceAll(/\p{Cc}/gu, (control) => JSON.stringify(control).slice(1, -1));
  return shorten(line);
}

/** Why a single parameter could not reach the kernel as it is written; undefined if it can. */
export function parameterProblem(parameter: string): string | undefined {
  if (/^[ -~]*$/.test(parameter)) return undefined;
  const control = /\p{Cc}/u.exec(parameter)?.[0];
  if (control !== undefined) {
    return `has a control character, U+${control.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  }
  if (!parameter.isWellFormed()) return "has half of a surrogate pair, which is not a character";
  // lib/ctype.c of the kernel counts the byte 0xa0 as white space, and UTF-8 has it inside letters such as U+00E0.
  const bare = parameter.replaceAll(/"[^"]*"/g, "");
  const cut = [...bare].find((character) => character > "~" && new TextEncoder().encode(character).includes(0xa0));
  return cut === undefined
    ? undefined
    : `has \`${cut}\`, whose byte 0xa0 ends a parameter for the kernel unless it is quoted`;
}
