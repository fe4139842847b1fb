import type { JsonSchema } from "../core/shape.ts";
import type { Layout, Style } from "./style.ts";
import { padToWidth, textWidth } from "./width.ts";
import { wrap } from "./wrap.ts";
import { visible } from "../core/text.ts";

/** How a profile fits a host; `excluded` where `requires` says that it is for other hosts. */
export type Fit = "ok" | "warn" | "fail" | "excluded";

/** Why a profile fails or warns on a host, or is not for it. */
export interface FitReason {
  readonly status: Exclude<Fit, "ok">;
  /** The rule of the check, or the code of the diagnostic. */
  readonly rule: string;
  readonly message: string;
}

/** One profile on one host. */
export interface MatrixCell {
  readonly profile: string;
  readonly host: string;
  readonly status: Fit;
  /** Every check and diagnostic that fails or warns. */
  readonly reasons: readonly FitReason[];
}

/** Which profile fits which host. */
export interface Matrix {
  readonly format: "warmboot.matrix/1";
  readonly profiles: readonly string[];
  readonly hosts: readonly string[];
  /** One for each profile on each host, sorted by profile. */
  readonly cells: readonly MatrixCell[];
  readonly unmatched: Unmatched;
}

/** What fits nothing. */
export interface Unmatched {
  /** Profiles that fit no host. */
  readonly profiles: readonly string[];
  /** Hosts that no profile fits. */
  readonly hosts: readonly string[];
}

const LABEL: { readonly [Status in Fit]: string } = { ok: "ok", warn: "warn", fail: "FAIL", excluded: "-" };

/** The order of the counts, and of the reasons. */
const ORDER: readonly Fit[] = ["ok", "warn", "fail", "excluded"];

/** Makes the matrix of its cells, sorted by profile. */
export function matrixOf(
  profiles: readonly string[],
  hosts: readonly string[],
  cells: readonly MatrixCell[],
): Matrix {
  const fits = ({ status }: MatrixCell): boolean => status === "ok" || status === "warn";
  const used = new Set(cells.filter(fits).map(({ host }) => host));
  return {
    format: "warmboot.matrix/1",
    profiles,
    hosts,
    cells,
    unmatched: {
      profiles: rowsOf({ profiles, hosts, cells }).filter((row) => !row.cells.some(fits)).map(({ profile }) => profile),
      hosts: hosts.filter((host) => !used.has(host)),
    },
  };
}

/** Whether a profile fails on a host that it is for. */
export function hasFailures({ cells }: Matrix): boolean {
  return cells.some(({ status }) => status === "fail");
}

/** Whether a profile fits no host, or a host no profile. */
export function hasUnmatched({ unmatched: { profiles, hosts } }: Matrix): boolean {
  return profiles.length + hosts.length > 0;
}

/** A profile with its cells, one for each host. */
export interface MatrixRow {
  readonly profile: string;
  readonly cells: readonly MatrixCell[];
}

/** By position, not by name: two profiles may share a name, and there may be thousands. */
export function rowsOf(
  { profiles, hosts, cells }: Pick<Matrix, "profiles" | "hosts" | "cells">,
): readonly MatrixRow[] {
  return profiles.map((profile, index) => ({
    profile,
    cells: cells.slice(index * hosts.length, (index + 1) * hosts.length),
  }));
}

/**
 * The matrix as a table, or as counts where the table is too wide; then why profiles fail or warn, each cause once with
 * its hosts; then what fits nothing.
 */
export function matrixText(matrix: Matrix, layout: Layout): string {
  const { style, width } = layout;
  const names = matrix.hosts.map(visible);
  const first = Math.max(...matrix.profiles.map((name) => textWidth(visible(name))), 0);
  const columns = names.map((name) => Math.max(textWidth(name), 4));
  const isNarrow = columns.reduce((sum, column) => sum + column + 2, first) <= width;
  const { profiles, hosts } = matrix.unmatched;
  return [
    ...(isNarrow ? table(matrix, first, columns, style) : counts(matrix, first, layout)),
    "",
    ...causes(matrix, layout),
    ...(profiles.length === 0 ? [] : [named("Fits no host", profiles, layout)]),
    ...(hosts.length === 0 ? [] : [named("Has no profile that fits", hosts, layout)]),
    verdict(matrix, style),
    "",
  ].join("\n");
}

function verdict(matrix: Matrix, style: Style): string {
  const failed = new Set(matrix.cells.filter(({ status }) => status === "fail").map(({ profile }) => profile));
  const all = matrix.profiles.length;
  if (failed.size > 0) {
    return style.bad(
      all === 1
        ? "The profile fails on hosts that it is for"
        : `${failed.size} of ${all} profiles ${
          failed.size === 1 ? "fails on hosts that it is" : "fail on hosts that they are"
        } for`,
    );
  }
  return hasUnmatched(matrix)
    ? style.warning("No profile fails on a host that it is for; with --unmatched, what fits nothing is an error")
    : style.good("Every profile fits the hosts that it is for");
}

function table(matrix: Matrix, first: number, columns: readonly number[], style: Style): readonly string[] {
  const line = (head: string, cells: readonly string[]): string =>
    [padToWidth(head, first), ...cells].join("  ").trimEnd();
  return [
    style.bold(line("", matrix.hosts.map((host, index) => padToWidth(visible(host), columns[index] ?? 0)))),
    ...rowsOf(matrix).map(({ profile, cells }) =>
      line(
        visible(profile),
        cells.map(({ status }, index) => painted(LABEL[status].padEnd(columns[index] ?? 0), status, style)),
      )
    ),
  ];
}

/** One line for each profile: on how many hosts it fits, warns, fails, and for how many it is not meant. */
function counts(matrix: Matrix, first: number, { style }: Layout): readonly string[] {
  return rowsOf(matrix).map(({ profile, cells }) =>
    [
      padToWidth(visible(profile), first),
      ...ORDER.map((status) => {
        const count = cells.filter((cell) => cell.status === status).length;
        return `${painted(LABEL[status], status, style)} ${count}`;
      }),
    ].join("  ")
  );
}

/** The reasons of all cells, by rule and cause. What one message says of one host with other numbers is the same cause. */
function causes(matrix: Matrix, { style, width }: Layout): readonly string[] {
  const all = matrix.cells.flatMap(({ profile, host, reasons }) =>
    reasons.filter(({ status }) => status !== "excluded").map((reason) => ({ ...reason, profile, host }))
  );
  const groups = Map.groupBy(all, ({ status, rule, message }) => `${status}\0${rule}\0${causeOf(message)}`);
  return [...groups.values()].toSorted(([a], [b]) => rank(b?.status) - rank(a?.status)).flatMap((group) => {
    const [reason] = group;
    if (reason === undefined) return [];
    const hosts = [...new Set(group.map(({ host }) => host))];
    const profiles = [...new Set(group.map(({ profile }) => profile))];
    const of = matrix.profiles.length === 1
      ? ""
      : ` of ${profiles.length === 1 ? visible(profiles[0] ?? "") : `${profiles.length} profiles`}`;
    const head = `${reason.rule}${of}: ${hosts.length === 1 ? "1 host" : `${hosts.length} hosts`}:`;
    return [
      `${painted(LABEL[reason.status].padEnd(4), reason.status, style)}  ${
        wrap(`${head} ${few(hosts, width)}`, width, 6)
      }`,
      `      ${wrap(visible(reason.message), width, 6)}`,
      "",
    ];
  });
}

function rank(status: Fit | undefined): number {
  return status === undefined ? -1 : ORDER.indexOf(status);
}

function causeOf(message: string): string {
  return message.replaceAll(/0x[0-9a-f]+|\d+(?:\.\d+)?/gi, "#");
}

function named(what: string, names: readonly string[], { style, width }: Layout): string {
  const [first = "", ...rest] = wrap(`${what}: ${few(names, width)}`, width, 2).split(": ");
  return [style.warning(first), ...rest].join(": ");
}

/** As many names as fill a line or so, and how many more there are. */
function few(names: readonly string[], width: number): string {
  let room = width;
  const shown = names.map(visible).filter((name) => (room -= textWidth(name) + 2) >= 0);
  const some = shown.length === 0 ? names.slice(0, 1).map(visible) : shown;
  const more = names.length - some.length;
  return more === 0 ? some.join(", ") : `${some.join(", ")} and ${more} more`;
}

function painted(text: string, status: Fit, style: Style): string {
  return { ok: style.good, warn: style.warning, fail: style.bad, excluded: style.dim }[status](text);
}

/** The JSON Schema of `plan --facts-dir -o json`. */
export function matrixSchema(): JsonSchema {
  const text = { type: "string" };
  const texts = { type: "array", items: text };
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "warmboot matrix",
    description: "What `warmboot plan --facts-dir DIR -o json` prints: which profile fits which host",
    type: "object",
    required: ["format", "profiles", "hosts", "cells", "unmatched"],
    additionalProperties: false,
    properties: {
      format: { enum: ["warmboot.matrix/1"] },
      profiles: texts,
      hosts: texts,
      cells: {
        type: "array",
        items: {
          type: "object",
          required: ["profile", "host", "status", "reasons"],
          additionalProperties: false,
          properties: {
            profile: text,
            host: text,
            status: { enum: ["ok", "warn", "fail", "excluded"] },
            reasons: {
              type: "array",
              items: {
                type: "object",
                required: ["status", "rule", "message"],
                additionalProperties: false,
                properties: { status: { enum: ["warn", "fail", "excluded"] }, rule: text, message: text },
              },
            },
          },
        },
      },
      unmatched: {
        type: "object",
        required: ["profiles", "hosts"],
        additionalProperties: false,
        properties: { profiles: texts, hosts: texts },
      },
    },
  };
}
