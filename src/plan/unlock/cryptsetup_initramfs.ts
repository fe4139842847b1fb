import { type CrypttabEntry, optionsOf, parseCrypttab, withKey } from "../../formats/crypttab.ts";
import { CRYPTROOT } from "../../image/initrd_crypt.ts";
import type { Volume } from "../../host/volumes.ts";
import {
  debianKey,
  type FindWay,
  isKeyOption,
  isPlace,
  notLuks,
  type Surroundings,
  unusualName,
  type Way,
} from "./way.ts";

/**
 * How Debian's cryptsetup-initramfs finds a key (scripts/local-top/cryptroot, 2.6): the key field of /cryptroot/crypttab is a
 * file of the initrd, or `none`. `cryptopts=` on the command line takes the place of that file.
 */
export const cryptsetupInitramfsWay: FindWay = (
  volume: Volume,
  { crypttab = "", parameters, isVolume }: Surroundings,
): Way => {
  const stated = parameters.filter(({ name }) => name === "cryptopts").map(({ value }) => value ?? "");
  const entries = stated.length === 0
    ? parseCrypttab(crypttab, { escapes: true })
    : stated.flatMap((text) => text === "" ? [] : [entryOf(text)]);
  const entry = entries.find(({ name, source }) => name === volume.name || isVolume(source));
  if (entry === undefined) {
    return {
      kind: "closed",
      why: stated.length === 0
        ? `the initrd does not open it: ${CRYPTROOT} in the initrd lacks it`
        : "the initrd does not open it: `cryptopts=` on the command line lacks it",
      hint: stated.length === 0
        ? "Add the option `initramfs` to its line in /etc/crypttab, and run `update-initramfs -u`"
        : "Add it to `cryptopts=`, or remove that parameter",
    };
  }
  const { name, source, key, options } = entry;
  const other = notLuks(name, options) ?? unusualName(name);
  if (other !== undefined) return other;
  const found = { kind: "opens", name, source, options: options.filter((option) => !isKeyOption(option)) } as const;
  if (key !== undefined && !options.some(isKeyOption) && isPlace(key) && !key.startsWith("/FIXME-")) {
    return { ...found, key };
  }
  if (stated.length > 0) {
    return {
      kind: "unknown",
      why: "`cryptopts=` on the command line replaces the initrd's crypttab, and says no file for its key",
      hint: `Add \`key=${debianKey(name)}\` to \`cryptopts=\`, and remove \`keyscript=\``,
    };
  }
  return { ...found, key: debianKey(name), crypttab: withKey(crypttab, entry, debianKey(name), isKeyOption) };
};

/** A volume of `cryptopts=target=root,source=/dev/vda2,key=none,luks`. */
function entryOf(text: string): CrypttabEntry {
  const parts = optionsOf(text);
  const valueOf = (name: string): string | undefined =>
    parts.findLast((part) => part.startsWith(`${name}=`))?.slice(name.length + 1);
  const key = valueOf("key");
  return {
    line: 0,
    name: valueOf("target") ?? "cryptroot",
    source: valueOf("source") ?? "",
    ...(key === undefined || key === "none" ? {} : { key }),
    options: parts.filter((part) => !/^(?:target|source|key)=/.test(part)),
  };
}
