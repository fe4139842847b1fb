/** What the options of a bond are unless they are set (drivers/net/bonding/bond_main.c), as sysfs writes them. */
export const BOND_STANDARDS: ReadonlyMap<string, string> = new Map([
  ["miimon", "0"],
  ["updelay", "0"],
  ["downdelay", "0"],
  ["xmit_hash_policy", "layer2"],
  ["lacp_rate", "slow"],
  ["ad_select", "stable"],
  ["primary_reselect", "always"],
  ["fail_over_mac", "none"],
  ["arp_interval", "0"],
  ["arp_validate", "none"],
  ["min_links", "0"],
  ["all_slaves_active", "0"],
]);
