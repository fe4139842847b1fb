import type { Diagnostic } from "../core/diagnostic.ts";
import { parameterKey, parseParameter } from "./cmdline/cmdline.ts";
import { shown } from "./cmdline/problem.ts";
import { ownParameters } from "./guard_parameters.ts";
import type { CmdlineSpec, Profile } from "./profile.ts";

/**
 * Parameters by which initrds configure the network: dracut.cmdline(7), systemd-network-generator(8), and init of
 * initramfs-tools.
 */
const NETWORK = [
  "ip",
  "ifname",
  "bond",
  "bridge",
  "team",
  "vlan",
  "rd.route",
  "nameserver",
  "bootdev",
  "BOOTIF",
].map((name) => parameterKey({ name }));

/** Whether a parameter configures the network of an initrd. */
export function configuresNetwork(text: string): boolean {
  return NETWORK.includes(parameterKey(parseParameter(text)));
}

/** Where a profile's own command line configures the network that `carry` brings. */
export function carryConflicts({ carry, cmdline }: Pick<Profile, "carry" | "cmdline">): readonly Diagnostic[] {
  if (!carry.includes("network")) return [];
  return ownParameters(cmdline).filter(({ text }) => configuresNetwork(text)).map(({ text, path }) => ({
    ...twofold(text),
    related: [{ message: `\`${shown(text)}\` is set here`, path }],
    hint: `Remove \`${shown(text)}\` from \`cmdline\`, or \`network\` from \`carry\``,
  }));
}

/** That a command line that an edit starts from configures the network as well. */
export function reusedNetwork(parameter: string, cmdline: CmdlineSpec): Diagnostic {
  const name = parseParameter(parameter).name;
  return {
    ...twofold(parameter),
    related: [{
      message: `\`${shown(parameter)}\` comes from the command line that is reused`,
      path: cmdline.kind === "edit" ? ["cmdline", "reuse"] : ["cmdline"],
    }],
    hint: `Remove it with \`remove: [${shown(name)}]\`, or state the command line without \`reuse\``,
  };
}

function twofold(text: string): Diagnostic {
  return {
    code: "conflict",
    severity: "error",
    message: `\`carry: [network]\` and \`${shown(text)}\` on the command line both configure the network of the initrd`,
    path: ["carry"],
  };
}
