/** A parameter of a command line, taken apart. */
export interface Parameter {
  /** As it is written, with its quotes. */
  readonly text: string;
  /** Its name as it is written, without quotes. */
  readonly name: string;
  /** What follows `=`, without the quotes around it; undefined without `=`. */
  readonly value?: string;
}

/** A command line as its two readers see it. */
export interface Cmdline {
  /** What the kernel reads: the parameters before `--`. */
  readonly kernel: readonly Parameter[];
  /** What init is given: the parameters after `--`. Undefined without `--`. */
  readonly init?: readonly Parameter[];
  /** The last parameter, if its quote is still open at the end. */
  readonly unclosed?: string;
}

/** Reads a command line, such as `root=LABEL=root ro -- single`. Every text has a reading. */
export function parseCmdline(text: string): Cmdline {
  const { parameters, unclosed } = splitParameters(text);
  const { kernel, init } = splitAtSeparator(parameters, (parameter) => parameter);
  return {
    kernel: kernel.map(parseParameter),
    ...(init === undefined ? {} : { init: init.map(parseParameter) }),
    ...(unclosed === undefined ? {} : { unclosed }),
  };
}

/** Writes a command line, with one space between parameters. */
export function formatCmdline({ kernel, init }: Pick<Cmdline, "kernel" | "init">): string {
  return [...kernel, ...(init === undefined ? [] : [SEPARATOR, ...init])].map(({ text }) => text).join(" ");
}

const PARAMETER = /(?:[^ \t\n\v\f\r"]|"[^"]*"?)+/g;

/** A command line with each parameter replaced, those for init too; the space between them stays as it is. */
export function replaceParameters(text: string, replace: (parameter: Parameter) => string): string {
  return text.replace(PARAMETER, (parameter) => replace(parseParameter(parameter)));
}

/** A text split into parameters, which keep their quotes. */
export interface SplitParameters {
  readonly parameters: readonly string[];
  /** The last one, if its quote is still open at the end. */
  readonly unclosed?: string;
}

/**
 * Splits a text as the kernel does (next_arg() in lib/cmdline.c, Linux 6.1 to 7.3): white space separates parameters
 * except between double quotes, which may begin anywhere in a parameter and cannot be escaped. A `--` counts as one.
 */
export function splitParameters(text: string): SplitParameters {
  const parameters = text.match(PARAMETER) ?? [];
  const last = parameters.at(-1);
  const open = last !== undefined && last.split('"').length % 2 === 0;
  return open ? { parameters, unclosed: last } : { parameters };
}

/**
 * Parts a list at its first `--`, after which the kernel reads no further (parse_args() in kernel/params.c). `textOf`
 * gives the parameter of an item, as it is written; undefined for an item that is not one.
 */
export function splitAtSeparator<T>(
  items: readonly T[],
  textOf: (item: T) => string | undefined,
): { readonly kernel: readonly T[]; readonly separator?: T; readonly init?: readonly T[] } {
  const at = items.findIndex((item) => isSeparator(textOf(item)));
  const separator = items[at];
  return separator === undefined
    ? { kernel: items }
    : { kernel: items.slice(0, at), separator, init: items.slice(at + 1) };
}

/**
 * Takes a parameter apart as next_arg() does. The name ends at the first `=` after its first character; the quotes
 * around the whole parameter (`"name=a b"`) or around its value (`name="a b"`) are left out.
 */
export function parseParameter(text: string): Parameter {
  const quoted = text.startsWith('"');
  const body = quoted ? text.slice(1) : text;
  const equals = body.indexOf("=", 1);
  if (equals < 0) return { text, name: quoted ? withoutEndQuote(body) : body };
  const name = body.slice(0, equals);
  const value = body.slice(equals + 1);
  if (value.startsWith('"')) return { text, name, value: withoutEndQuote(value.slice(1)) };
  return { text, name, value: quoted ? withoutEndQuote(value) : value };
}

/** The name by which parameters compare: dashes are underscores (parameq() in kernel/params.c). */
export function parameterKey({ name }: Pick<Parameter, "name">): string {
  return name.replaceAll("-", "_");
}

/**
 * What the kernel's part of a command line says about a name, which is written with underscores: the last parameter of
 * that name, which is the one that counts. Undefined: there is none.
 */
export function kernelParameter(cmdline: Cmdline, name: string): Parameter | undefined {
  return cmdline.kernel.findLast((parameter) => parameterKey(parameter) === name);
}

/** Adds a parameter for the kernel to a command line: at the end, before any `--`. */
export function addParameter(cmdline: string, parameter: string): string {
  const { kernel, init } = parseCmdline(cmdline);
  return formatCmdline({ kernel: [...kernel, parseParameter(parameter)], ...(init === undefined ? {} : { init }) });
}

/** A command line without the kernel's parameters that `drop` selects. What follows `--` stays. */
export function withoutParameters(cmdline: string, drop: (parameter: Parameter) => boolean): string {
  const parsed = parseCmdline(cmdline);
  return formatCmdline({ ...parsed, kernel: parsed.kernel.filter((parameter) => !drop(parameter)) });
}

const SEPARATOR = { text: "--" } as const;

/** Quotes do not protect it: the kernel has removed them when it compares. */
function isSeparator(text: string | undefined): boolean {
  return text === SEPARATOR.text || text === `"${SEPARATOR.text}"`;
}

function withoutEndQuote(text: string): string {
  return text.endsWith('"') ? text.slice(0, -1) : text;
}
