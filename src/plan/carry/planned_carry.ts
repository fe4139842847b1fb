import { anyText, choice, list, record, type Shape, text } from "../../core/shape.ts";
import type { HostFacts } from "../../host/facts.ts";
import type { InitrdFile } from "../../image/boot_files.ts";
import { NETWORK_TOOLS, type NetworkTool } from "../../image/initrd_network.ts";
import type { OverlayFile } from "../../profile/overlay_file.ts";
import type { CarriedPart } from "../../profile/profile.ts";
import { type CarriedNetwork, carriedNetwork } from "./carry.ts";

/** The running network as a plan keeps it: what the next initrd gets, line by line. */
export interface PlannedNetwork {
  /** What configures the network in the next initrd; absent where nothing is carried. */
  readonly tool?: NetworkTool;
  /** The files that the initrd gets, by their absolute paths there. */
  readonly files: readonly { readonly path: string; readonly lines: readonly string[] }[];
  /** What is not carried, and why. */
  readonly omitted: readonly string[];
  /** Why nothing is carried. */
  readonly fault?: { readonly message: string; readonly hint: string };
}

/** What of the running system the next initrd gets, as a plan keeps it. */
export interface PlannedCarry {
  /** The network. */
  readonly network: PlannedNetwork;
}

/** What `carry` of a profile means on a host, with these initrds; undefined where it asks for nothing. */
export function plannedCarry(
  carry: readonly CarriedPart[],
  initrd: readonly InitrdFile[],
  facts: HostFacts,
): PlannedCarry | undefined {
  if (!carry.includes("network")) return undefined;
  const found = networkFor(initrd, facts);
  if (found.kind === "refused") {
    return { network: { files: [], omitted: [], fault: { message: found.why, hint: found.hint } } };
  }
  const files = found.files.map(({ path, text }) => ({ path, lines: text.replace(/\n$/, "").split("\n") }));
  return { network: { tool: found.tool, files, omitted: found.omitted } };
}

/** The files that `carry` of a profile adds to the next initrd. */
export function carriedFiles(
  carry: readonly CarriedPart[],
  initrd: readonly InitrdFile[],
  facts: HostFacts,
): readonly OverlayFile[] {
  const found = carry.includes("network") ? networkFor(initrd, facts) : undefined;
  if (found === undefined || found.kind === "refused") return [];
  return found.files.map(({ path, text }) => ({ path, secret: false, content: { kind: "text", text } }));
}

function networkFor(initrd: readonly InitrdFile[], facts: HostFacts): CarriedNetwork {
  const contents = initrd.flatMap(({ content }) => content?.kind === "whole" ? [content] : []);
  return carriedNetwork(contents.length < initrd.length ? undefined : contents, facts);
}

/** A plan's `carry` as a profile has it. */
export function carryOf(planned: PlannedCarry | undefined): readonly CarriedPart[] {
  return planned === undefined ? [] : ["network"];
}

const optional = { value: undefined };

/** The shape of a plan's `carry`. */
export const plannedCarryShape: Shape<PlannedCarry> = record<PlannedCarry>({
  network: {
    shape: record<PlannedNetwork>({
      tool: {
        shape: choice([...NETWORK_TOOLS]),
        doc: "What configures the network in the next initrd",
        fallback: optional,
      },
      files: {
        shape: list(record<PlannedNetwork["files"][number]>({
          path: { shape: text, doc: "Its absolute path in the initrd" },
          lines: { shape: list(anyText), doc: "Its lines" },
        })),
        doc: "The files that the initrd gets",
      },
      omitted: { shape: list(text), doc: "What is not carried, and why" },
      fault: {
        shape: record<NonNullable<PlannedNetwork["fault"]>>({
          message: { shape: text, doc: "Why, for people" },
          hint: { shape: text, doc: "What to do about it" },
        }),
        doc: "Why nothing is carried",
        fallback: optional,
      },
    }),
    doc: "The running network, as files for what configures the network in the next initrd",
  },
});
