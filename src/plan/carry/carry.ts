import type { HostFacts } from "../../host/facts.ts";
import type { WholeInitrd } from "../../host/image_content.ts";
import { initrdNetwork, type NetworkTool } from "../../image/initrd_network.ts";
import type { CarriedText } from "./carried_text.ts";
import { dracutFiles } from "./dracut.ts";
import { initramfsToolsFiles } from "./initramfs_tools.ts";
import { networkdFiles } from "./networkd.ts";
import { selectNetwork } from "./selection.ts";

/** The network as the next initrd gets it. */
export type CarriedNetwork =
  | {
    readonly kind: "carried";
    /** What configures the network in the next initrd. */
    readonly tool: NetworkTool;
    readonly files: readonly CarriedText[];
    /** What is not carried, and why, each in a sentence without a period. */
    readonly omitted: readonly string[];
  }
  /** Nothing is carried; `why` is a sentence without a period. */
  | { readonly kind: "refused"; readonly why: string; readonly hint: string };

/** The host's name, if no file of the initrd needs quotes for it. */
const PLAIN_HOSTNAME = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$/;

/** Turns the running network into files for the tool that the next initrd has. Undefined contents: an initrd that could not be read. */
export function carriedNetwork(
  contents: readonly Pick<WholeInitrd, "programs">[] | undefined,
  facts: Pick<HostFacts, "network" | "hostname">,
): CarriedNetwork {
  const { network } = facts;
  if (network === undefined) {
    return refused(
      "The facts do not show the network of the host",
      "Capture the host again with `warmboot facts`",
    );
  }
  if (network.routes === undefined) {
    return refused("The host has too many routes, or does not show them", "Remove `network` from `carry`");
  }
  if (contents?.length === 0) return refused("The plan has no initrd", "Name one with `initrd`, or remove `carry`");
  const found = contents === undefined ? undefined : initrdNetwork(contents);
  if (found === undefined || found.tool === "connman") {
    return refused(
      contents === undefined
        ? "The initrd could not be read through, so it is not known what configures the network in it"
        : found === undefined
        ? "Nothing in the initrd is known to configure the network"
        : "ConnMan configures the network in the initrd, and takes no files for it",
      "Initrds with systemd-networkd, dracut's modules network-legacy and network-manager, and initramfs-tools do",
    );
  }
  const selection = selectNetwork(network);
  const hostname = facts.hostname !== undefined && PLAIN_HOSTNAME.test(facts.hostname) ? facts.hostname : undefined;
  const options = hostname === undefined ? {} : { hostname };
  const made = filesFor(found.tool);
  const omitted = [...new Set([...selection.omitted, ...made.omitted])];
  if (selection.links.length === 0 || made.files.length === 0) {
    const list = omitted.length === 0 ? "no link of the host has an address" : omitted.join("; ");
    return refused(
      `Nothing of the network can be carried into this initrd (${found.tool}): ${list}`,
      "Remove `network` from `carry`",
    );
  }
  return { kind: "carried", tool: found.tool, files: made.files, omitted };

  function filesFor(tool: Exclude<NetworkTool, "connman">) {
    switch (tool) {
      case "systemd-networkd":
        return {
          files: networkdFiles(selection, { hasResolved: found?.hasResolved === true, ...options }),
          omitted: [],
        };
      case "NetworkManager":
      case "network-legacy":
        return dracutFiles(selection, tool, { hasIfname: found?.hasIfname === true, ...options });
      case "initramfs-tools":
        return initramfsToolsFiles(selection, options);
    }
  }
}

function refused(why: string, hint: string): CarriedNetwork {
  return { kind: "refused", why, hint };
}
