/** A slip in a YAML text: where it is, and what to do. Offsets and lengths are UTF-16 units. */
export interface Slip {
  readonly offset: number;
  readonly length: number;
  readonly message: string;
  readonly hint: string;
  /** What to write in place of the text, where that is certain. */
  readonly instead?: string;
}

/** A line before the one where reading failed, or that line itself. */
interface Line {
  readonly text: string;
  readonly start: number;
}

/** Looks for one slip in a line. `names` are the keys that profiles have. */
type Finder = (line: Line, names: readonly string[]) => Slip | undefined;

/** How many lines before the place where reading failed a slip is looked for. */
const LINES_BEFORE = 200;

/** Only the beginning of a line is looked at. */
const LONGEST = 2000;

/**
 * The commonest slips of people who write YAML, which a parser notices only later, and calls something else: a missing
 * space after a colon, an unclosed quote or bracket, a template that was not rendered, a tab. Of those before the offset
 * where reading failed, for the parser's reason, the nearest. Takes time proportional to the lines that it looks at.
 */
export function slipBefore(
  text: string,
  { reason, offset }: { readonly reason: string; readonly offset: number },
  names: readonly string[],
): Slip | undefined {
  let end = lineEnd(text, Math.min(offset, text.length));
  let written = 0;
  for (let count = 0; count < LINES_BEFORE && end >= 0; count++) {
    const start = lineStart(text, end);
    const line: Line = { text: text.slice(start, Math.min(end, start + LONGEST)), start };
    if (!/^\s*(?:#|$)/.test(line.text)) {
      written++;
      for (const row of FINDERS) {
        const slip = written <= row.reach && row.reason.test(reason) ? row.find(line, names) : undefined;
        if (slip !== undefined) return slip;
      }
    }
    end = start - 1;
  }
  return undefined;
}

const template: Finder = ({ text, start }) => {
  const found = /\{\{|\{%/.exec(text);
  if (found === null) return undefined;
  return {
    offset: start + found.index,
    length: 2,
    message: `\`${found[0]}\` belongs to a template that was not rendered`,
    hint: "Render the template first, and check the result",
  };
};

const tab: Finder = ({ text, start }) => {
  const indentation = /^ *\t/.exec(text)?.[0];
  if (indentation === undefined) return undefined;
  return {
    offset: start + indentation.length - 1,
    length: 1,
    message: "A tab indents this line",
    hint: "Indent with spaces; YAML does not allow tabs",
  };
};

const missingSpace: Finder = ({ text, start }, names) => {
  const [, lead = "", name = "", value = ""] = /^([\s{-]*)([A-Za-z_][\w-]*\+?):([^\s:].*)$/.exec(text) ?? [];
  if (name === "" || value.startsWith("//")) return undefined;
  return {
    offset: start + lead.length,
    length: name.length + 1,
    message: `There is no space after \`${name}:\``,
    hint: `Write \`${name}: ${value.slice(0, 60).trimEnd()}\``,
    ...(names.includes(name) ? { instead: `${name}: ` } : {}),
  };
};

const missingColon: Finder = ({ text, start }, names) => {
  const [, lead = "", name = "", value = ""] = /^( *)([a-z_]+)[ =]+([^\s:=].*)$/.exec(text) ?? [];
  if (!names.includes(name)) return undefined;
  return {
    offset: start + lead.length,
    length: name.length,
    message: `There is no colon after \`${name}\``,
    hint: `Write \`${name}: ${value.slice(0, 60).trimEnd()}\``,
  };
};

/** What a line leaves open: the last quote or bracket without its end, as far as the line shows. */
const unclosed: Finder = ({ text, start }) => {
  const open: { readonly sign: string; readonly at: number }[] = [];
  let quote: { readonly sign: string; readonly at: number } | undefined;
  for (let at = 0; at < text.length; at++) {
    const sign = text[at] ?? "";
    if (quote !== undefined) {
      if (sign === "\\" && quote.sign === '"') at++;
      else if (sign === quote.sign) quote = undefined;
    } else if ((sign === '"' || sign === "'") && beginsValue(text, at)) quote = { sign, at };
    else if ((sign === "[" || sign === "{") && (open.length > 0 || beginsValue(text, at))) open.push({ sign, at });
    else if (sign === "]" || sign === "}") open.pop();
    else if (sign === "#" && /\s/.test(text[at - 1] ?? " ")) break;
  }
  const left = quote ?? open.at(-1);
  if (left === undefined) return undefined;
  return {
    offset: start + left.at,
    length: 1,
    message: quote === undefined
      ? `The bracket \`${left.sign}\` is not closed`
      : `The quote ${left.sign} is not closed`,
    hint: quote === undefined ? `Add \`${left.sign === "[" ? "]" : "}"}\` at its end` : `Add ${left.sign} at its end`,
  };
};

/** Reasons of js-yaml (5.5) for a line that is not an entry of its map. */
const NOT_AN_ENTRY =
  /multiline key|document separator|bad indentation of a (?:mapping|sequence)|expected ':' after a mapping key/;

/** In this order a line's slip is looked for: for which reasons, and how many written lines before the fault. */
const FINDERS: readonly { readonly find: Finder; readonly reason: RegExp; readonly reach: number }[] = [
  { find: template, reason: /^/, reach: 2 },
  { find: tab, reason: /^/, reach: 1 },
  { find: missingSpace, reason: NOT_AN_ENTRY, reach: 2 },
  { find: missingColon, reason: NOT_AN_ENTRY, reach: 2 },
  { find: unclosed, reason: /deficient indentation|end of the stream|missed comma/, reach: LINES_BEFORE },
];

/** Whether a value may begin here: at the start of a line, or after `: `, `- `, `[`, `{` or `,`. */
function beginsValue(text: string, at: number): boolean {
  let before = at - 1;
  while (before >= 0 && (text[before] === " " || text[before] === "\t")) before--;
  if (before < 0) return true;
  const sign = text[before] ?? "";
  return "[{,".includes(sign) || (before < at - 1 && ":-?".includes(sign));
}

function lineStart(text: string, end: number): number {
  return Math.max(text.lastIndexOf("\n", end - 1), end <= 0 ? -1 : text.lastIndexOf("\r", end - 1)) + 1;
}

function lineEnd(text: string, offset: number): number {
  const ends = [text.indexOf("\n", offset), text.indexOf("\r", offset)].filter((end) => end >= 0);
  return ends.length === 0 ? text.length : Math.min(...ends);
}
