import type { WholeInitrd } from "../host/image_content.ts";

/** What configures the network in an initrd: a program, or a module of dracut. */
export const NETWORK_TOOLS = [
  "systemd-networkd",
  "NetworkManager",
  "network-legacy",
  "connman",
  "initramfs-tools",
] as const;

/** One of these. */
export type NetworkTool = typeof NETWORK_TOOLS[number];

/** What an initrd has for the network. */
export interface InitrdNetwork {
  readonly tool: NetworkTool;
  /** Whether systemd-resolved answers programs of the initrd. */
  readonly hasResolved: boolean;
  /** Whether devices get the names of `ifname=`, with dracut. */
  readonly hasIfname: boolean;
}

/** The files that each of these has; any of them shows that it is there. */
const PARTS = {
  initramfsTools: ["/scripts/functions"],
  dracut: ["/usr/lib/dracut-lib.sh", "/lib/dracut-lib.sh"],
  /** As dracut's module connman installs it. */
  connman: ["/usr/sbin/connmand", "/usr/bin/connmand"],
  networkManager: [
    "/usr/libexec/nm-initrd-generator",
    "/usr/lib/nm-initrd-generator",
    "/usr/lib/NetworkManager/nm-initrd-generator",
  ],
  /** The script of dracut's module network-legacy. */
  ifup: ["/sbin/ifup", "/usr/sbin/ifup", "/usr/bin/ifup"],
  /** The script of its module network (40network in dracut 059; 45net-lib in 110). */
  ifname: ["/usr/lib", "/lib", "/var/lib"].map((folder) => `${folder}/dracut/hooks/pre-udev/50-ifname-genrules.sh`),
  networkd: ["/usr/lib/systemd/systemd-networkd", "/lib/systemd/systemd-networkd"],
  resolved: ["/usr/lib/systemd/systemd-resolved", "/lib/systemd/systemd-resolved"],
} as const satisfies { readonly [part: string]: readonly string[] };

/** The files to look for in an initrd, as absolute paths. */
export const NETWORK_FILES: readonly string[] = [...new Set(Object.values(PARTS).flat())];

/** What configures the network in initrds that are concatenated; undefined where nothing is known to. */
export function initrdNetwork(contents: readonly Pick<WholeInitrd, "programs">[]): InitrdNetwork | undefined {
  const has = (part: keyof typeof PARTS): boolean =>
    PARTS[part].some((path) =>
      contents.some(({ programs }) =>
        Object.hasOwn(programs, path) && (programs[path] === "executable" || programs[path] === "not-executable")
      )
    );
  const [hasResolved, hasIfname] = [has("resolved"), has("ifname")];
  if (has("initramfsTools")) return { tool: "initramfs-tools", hasResolved, hasIfname };
  // In the order in which dracut prefers its modules (40network/module-setup.sh, dracut 059).
  if (has("dracut")) {
    if (has("connman")) return { tool: "connman", hasResolved, hasIfname };
    if (has("networkManager")) return { tool: "NetworkManager", hasResolved, hasIfname };
    if (has("ifup")) return { tool: "network-legacy", hasResolved, hasIfname };
  }
  return has("networkd") ? { tool: "systemd-networkd", hasResolved, hasIfname } : undefined;
}
