/**
 * crypttab(5): the volumes that a system opens, one a line, with name, source, key and options between blanks. systemd reads
 * the fields as they are (src/cryptsetup/cryptsetup-generator.c, v252), Debian's scripts also undo `\040` and the like
 * (`printf %b` in cryptsetup's functions, 2.6).
 */

/** One volume. The fields are as they are written, but for escapes. */
export interface CrypttabEntry {
  /** Its line, from 0. */
  readonly line: number;
  /** The name of the opened volume, below /dev/mapper. */
  readonly name: string;
  /** The device: a path, or `UUID=` and the like. */
  readonly source: string;
  /** What the key field says; absent where the field is missing, `none` or `-`. */
  readonly key?: string;
  /** `name` or `name=value`, in order. */
  readonly options: readonly string[];
}

const FIELDS = /^([^\S\n]*)(\S+)([^\S\n]+)(\S+)(?:([^\S\n]+)(\S+)(?:([^\S\n]+)(\S+)(.*))?)?[^\S\n]*$/;

/** Fields that say that there is none. */
const NONE: readonly string[] = ["none", "-"];

/** The volumes of a crypttab, in order; `escapes`: whether its reader undoes them. */
export function parseCrypttab(
  text: string,
  { escapes = false }: { readonly escapes?: boolean } = {},
): readonly CrypttabEntry[] {
  const read = escapes ? unescaped : (field: string) => field;
  return text.split("\n").flatMap((written, line): readonly CrypttabEntry[] => {
    const fields = fieldsOf(written);
    if (fields === undefined) return [];
    const { name, source, key, options } = fields;
    return [{
      line,
      name: read(name),
      source: read(source),
      ...(key === undefined || NONE.includes(key) ? {} : { key: read(key) }),
      options: options === undefined || NONE.includes(options) ? [] : optionsOf(options),
    }];
  });
}

/** The options of a field, as `luks,discard` has two. */
export function optionsOf(field: string): readonly string[] {
  return field.split(",").filter((option) => option !== "");
}

/** The name of an option: `header` of `header=/boot/header`. */
export function optionName(option: string): string {
  return option.split("=", 1)[0] ?? option;
}

/** The value of an option, the last one of these names; undefined without one. */
export function optionValue(options: readonly string[], ...names: readonly string[]): string | undefined {
  const found = options.findLast((option) => option.includes("=") && names.includes(optionName(option)));
  return found?.slice(found.indexOf("=") + 1);
}

/**
 * The same text with another key for one volume, and without the options that `drop` selects. Every other line and field
 * stays as it is. The key has no blanks.
 */
export function withKey(
  text: string,
  { line }: Pick<CrypttabEntry, "line">,
  key: string,
  drop: (option: string) => boolean,
): string {
  return text.split("\n").map((written, index) => {
    const fields = index === line ? fieldsOf(written) : undefined;
    if (fields === undefined) return written;
    const { indent, name, source, options, gaps, rest } = fields;
    const start = `${indent}${name}${gaps[0]}${source}${gaps[1]}${key}`;
    if (options === undefined) return start;
    const kept = optionsOf(options).some(drop) ? optionsOf(options).filter((each) => !drop(each)).join(",") : options;
    return `${start}${gaps[2]}${kept === "" ? "-" : kept}${rest}`;
  }).join("\n");
}

/** The same text with one more volume at its end. No field has blanks. */
export function withEntry(text: string, { name, source, key = "none", options }: Omit<CrypttabEntry, "line">): string {
  const fields = [name, source, key, ...(options.length === 0 ? [] : [options.join(",")])];
  return `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${fields.join(" ")}\n`;
}

interface Fields {
  readonly indent: string;
  readonly name: string;
  readonly source: string;
  readonly key: string | undefined;
  readonly options: string | undefined;
  /** The blanks before source, key and options. */
  readonly gaps: readonly [string, string, string];
  /** What comes after the options. */
  readonly rest: string;
}

/** A line that is not a comment, taken apart; undefined where it lacks its source. */
function fieldsOf(line: string): Fields | undefined {
  const found = FIELDS.exec(line);
  if (found === null) return undefined;
  const [, indent = "", name = "", first = "", source = "", second = " ", key, third = " ", options, rest = ""] = found;
  return name.startsWith("#") ? undefined : { indent, name, source, key, options, gaps: [first, second, third], rest };
}

function unescaped(field: string): string {
  return field.replace(/\\0?([0-3][0-7]{2})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}
