import type { JsonSchema } from "../core/shape.ts";
import type { Layout, Style } from "./style.ts";
import { padToWidth, textWidth } from "./width.ts";
import { wrap } from "./wrap.ts";
import { visible } from "../core/text.ts";

/** How a profile fits a host. */
export type Fit = "ok" | "warn" | "fail";

/** One profile on one host. */
export interface MatrixCell {
  readonly profile: string;
  readonly host: string;
  readonly status: Fit;
  /** The first failed check, or else the first that warns: its rule, or the diagnostic's code. */
  readonly rule?: string;
  readonly message?: string;
}

/** Which profile fits which host. */
export interface Matrix {
  readonly format: "warmboot.matrix/1";
  readonly profiles: readonly string[];
  readonly hosts: readonly string[];
  /** One for each profile on each host, sorted by profile. */
  readonly cells: readonly MatrixCell[];
}

const LABEL: { readonly [Status in Fit]: string } = { ok: "ok", warn: "warn", fail: "FAIL" };

/** The profiles that fit no host. */
export function fittingNone(matrix: Matrix): readonly string[] {
  return rowsOf(matrix).filter(({ cells }) => cells.every(({ status }) => status === "fail"))
    .map(({ profile }) => profile);
}

/** A profile with its cells, one for each host. */
interface MatrixRow {
  readonly profile: string;
  readonly cells: readonly MatrixCell[];
}

/** By position, not by name: two profiles may share a name, and there may be thousands. */
function rowsOf({ profiles, hosts, cells }: Matrix): readonly MatrixRow[] {
  return profiles.map((profile, index) => ({
    profile,
    cells: cells.slice(index * hosts.length, (index + 1) * hosts.length),
  }));
}

/** The matrix as a table, or as a list where the table is too wide; then why a profile fails or warns. */
export function matrixText(matrix: Matrix, layout: Layout): string {
  const { style, width } = layout;
  const names = matrix.hosts.map(visible);
  const first = Math.max(...matrix.profiles.map((name) => textWidth(visible(name))), 0);
  const columns = names.map((name) => Math.max(textWidth(name), 4));
  const isNarrow = columns.reduce((sum, column) => sum + column + 2, first) <= width;
  const none = fittingNone(matrix);
  return [
    ...(isNarrow ? table(matrix, first, columns, style) : listing(matrix, layout)),
    "",
    ...reasons(matrix, layout),
    none.length === 0
      ? style.good("Every profile fits at least one host")
      : style.bad(noneFits(none.length, matrix.profiles.length)),
    "",
  ].join("\n");
}

function noneFits(none: number, all: number): string {
  if (all === 1) return "The profile fits no host";
  return `${none} of ${all} profiles ${none === 1 ? "fits" : "fit"} no host`;
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

function listing(matrix: Matrix, { style, width }: Layout): readonly string[] {
  return rowsOf(matrix).flatMap(({ profile, cells }) => [
    style.bold(visible(profile)),
    ...(["ok", "warn", "fail"] as const).flatMap((status) => {
      const hosts = cells.filter((cell) => cell.status === status).map(({ host }) => visible(host));
      return hosts.length === 0
        ? []
        : [`  ${painted(LABEL[status].padEnd(4), status, style)}  ${wrap(hosts.join(", "), width, 8)}`];
    }),
  ]);
}

/** Each reason of a profile once, with the hosts that it applies to. */
function reasons(matrix: Matrix, { style, width }: Layout): readonly string[] {
  return rowsOf(matrix).flatMap(({ profile, cells }) => {
    const explained = cells.filter(({ message }) => message !== undefined);
    const groups = Map.groupBy(explained, ({ status, rule, message }) => `${status}\0${rule}\0${message}`);
    return [...groups.values()].flatMap((group) => {
      const [cell] = group;
      if (cell?.message === undefined) return [];
      const hosts = group.map(({ host }) => visible(host)).join(", ");
      return [
        `${painted(LABEL[cell.status], cell.status, style)}  ${wrap(`${visible(profile)} on ${hosts}:`, width, 6)}`,
        `      ${wrap(`${visible(cell.message)} [${cell.rule ?? ""}]`, width, 6)}`,
        "",
      ];
    });
  });
}

function painted(text: string, status: Fit, style: Style): string {
  return { ok: style.good, warn: style.warning, fail: style.bad }[status](text);
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
    required: ["format", "profiles", "hosts", "cells"],
    additionalProperties: false,
    properties: {
      format: { enum: ["warmboot.matrix/1"] },
      profiles: texts,
      hosts: texts,
      cells: {
        type: "array",
        items: {
          type: "object",
          required: ["profile", "host", "status"],
          additionalProperties: false,
          properties: {
            profile: text,
            host: text,
            status: { enum: ["ok", "warn", "fail"] },
            rule: text,
            message: text,
          },
        },
      },
    },
  };
}
