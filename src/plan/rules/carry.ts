import { fail, pass, type Rule, warn } from "./rule.ts";

const network: Rule = {
  name: "carry-network",
  about: "Something in the initrd configures the network from what `carry` brings",
  exit: "unavailable",
  check({ carry }) {
    if (carry === undefined) return undefined;
    const { tool, files, fault } = carry.network;
    if (fault !== undefined) return fail(fault.message, fault.hint);
    const message = `The initrd gets the network of the running system as files for ${tool}: ${files.length}`;
    return tool === "initramfs-tools"
      ? warn(
        `${message}; initramfs-tools reads them only once a script asks for the network, so that what runs before has none`,
        "Scripts for a root on NFS or iSCSI ask for it, and those of dropbear-initramfs; others call `configure_networking`",
      )
      : pass(message);
  },
};

const omitted: Rule = {
  name: "carry-omitted",
  about: "All of the running network is carried into the initrd",
  exit: "unavailable",
  check({ carry }) {
    if (carry === undefined || carry.network.fault !== undefined) return undefined;
    const { omitted } = carry.network;
    return omitted.length === 0
      ? pass("All of the running network is carried")
      : warn(`Not carried: ${omitted.join("; ")}`, "Add what the initrd needs of it by `files` in `initrd`");
  },
};

/** The rules about `carry`. */
export const CARRY_RULES: readonly Rule[] = [network, omitted];
