import { visible } from "../core/text.ts";
import type { Diff } from "../diff/diff.ts";
import type { FleetDiff, FleetEntry, FleetHost, FleetState } from "../diff/fleet.ts";
import { renderDiff } from "./diff.ts";
import { code, codeBlock } from "./markdown.ts";
import { type Layout, PLAIN } from "./style.ts";
import { wrap } from "./wrap.ts";

/** Hosts on which the same becomes of a profile. */
interface Group {
  readonly profile: string;
  readonly state: FleetState;
  readonly hosts: readonly string[];
  readonly diff?: Diff | undefined;
  readonly problems: readonly string[];
}

/** What is said of each state, between the profile and its hosts. */
const SAYS: { readonly [state in FleetState]: string } = {
  same: "does not change on",
  differs: "changes on",
  added: "is new on",
  removed: "is gone from",
  failed: "cannot be planned for",
};

/** What profiles change on the hosts that they are for, each change once with its hosts. */
export function fleetDiffText(fleet: FleetDiff, layout: Layout): string {
  const { style, width } = layout;
  const groups = groupsOf(fleet.entries);
  return [
    ...groups.flatMap(({ profile, state, hosts, diff, problems }) => [
      style.bold(wrap(`${visible(profile)} ${SAYS[state]} ${few(hosts.map(visible))}`, width, 2)),
      ...problems.map((problem) => `  ${wrap(visible(problem), width, 2)}`),
      "",
      ...(diff === undefined ? [] : [renderDiff(diff, layout)]),
    ]),
    summary(fleet),
    "",
  ].join("\n");
}

/** Columns of the changes: what a pull request shows without scrolling. */
const WIDTH = 100;

/** What GitHub takes as a comment is 65,536 characters; the rest of a page is more than what is cut here. */
const MOST = 60_000;

/**
 * The same as Markdown, for a pull request. Names and values are foreign text: they are in code, where nothing is markup. What
 * would be too long for a comment is left out, and the page says so.
 */
export function fleetDiffMarkdown(fleet: FleetDiff): string {
  const layout = { style: PLAIN, width: WIDTH };
  const captured = new Map(fleet.hosts.map((host) => [host.name, host]));
  const groups = groupsOf(fleet.entries).filter(({ state }) => state !== "same");
  const blocks = groups.map(({ profile, state, hosts, diff, problems }) =>
    [
      `### ${code(profile)} ${SAYS[state]} ${few(hosts.map(code))}`,
      "",
      ...(hosts.length > SHOWN ? [] : [...hosts.map((name) => `- ${capturedText(captured.get(name), name)}`), ""]),
      ...(problems.length === 0 ? [] : [codeBlock(problems), ""]),
      ...(diff === undefined ? [] : [codeBlock(renderDiff(diff, layout).trimEnd().split("\n")), ""]),
    ].join("\n")
  );
  const shown: string[] = [];
  let room = MOST;
  for (const block of blocks) {
    room -= block.length;
    if (room < 0) break;
    shown.push(block);
  }
  const more = blocks.length - shown.length;
  return [
    `**${summary(fleet)}.**`,
    "",
    ...shown,
    ...(more === 0 ? [] : [`${more} more would make this too long, and ${more === 1 ? "is" : "are"} not shown.`, ""]),
  ].join("\n");
}

function capturedText(host: FleetHost | undefined, name: string): string {
  const when = host?.capturedAt === undefined
    ? "does not say when it was captured"
    : `was captured at ${host.capturedAt}`;
  return `${code(name)} ${when}${host?.bootId === undefined ? "" : `, in boot ${code(host.bootId)}`}`;
}

/** Hosts that are named one by one. */
const SHOWN = 8;

function few(names: readonly string[]): string {
  const more = names.length - SHOWN;
  return more <= 0 ? names.join(", ") : `${names.slice(0, SHOWN).join(", ")} and ${more} more`;
}

function summary({ entries, hosts }: FleetDiff): string {
  const count = (state: FleetState): number => entries.filter((entry) => entry.state === state).length;
  const parts = (["differs", "added", "removed", "failed"] as const).flatMap((state) =>
    count(state) === 0 ? [] : [`${count(state)} ${NOUNS[state]}`]
  );
  const of = `of ${entries.length === 1 ? "1 plan" : `${entries.length} plans`} for ${
    hosts.length === 1 ? "1 host" : `${hosts.length} hosts`
  }`;
  return parts.length === 0 ? `No change, ${of}` : `${parts.join(", ")}, ${of}`;
}

const NOUNS: { readonly [state in Exclude<FleetState, "same">]: string } = {
  differs: "changed",
  added: "new",
  removed: "gone",
  failed: "failed",
};

/** The entries by profile, with hosts on which the same happens together; what changes comes first. */
function groupsOf(entries: readonly FleetEntry[]): readonly Group[] {
  const groups = Map.groupBy(
    entries,
    ({ profile, state, diff, problems }) => JSON.stringify([profile, state, diff?.changes, diff?.unknown, problems]),
  );
  return [...groups.values()].flatMap((group): readonly Group[] => {
    const [first] = group;
    if (first === undefined) return [];
    const { profile, state, diff, problems = [] } = first;
    return [{ profile, state, diff, problems, hosts: group.map(({ host }) => host) }];
  }).toSorted((a, b) => Number(a.state === "same") - Number(b.state === "same"));
}
