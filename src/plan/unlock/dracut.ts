import { parseCrypttab, withEntry, withKey } from "../../formats/crypttab.ts";
import { sourcePath, type Volume } from "../../host/volumes.ts";
import {
  booleanOf,
  BY_HAND,
  type FindWay,
  isPlace,
  notLuks,
  type Surroundings,
  unusualName,
  usualKey,
  type Way,
} from "./way.ts";

/**
 * How dracut without systemd finds a key (modules.d/90crypt: parse-crypt.sh and cryptroot-ask.sh, 059): it opens what
 * `rd.luks.uuid=` lists, or with `rd.auto` everything; the key is the file that crypttab in the initrd names. Of the options
 * it reads a few; the others it passes over.
 */
export const dracutWay: FindWay = (
  { uuid }: Volume,
  { crypttab = "", parameters, isVolume }: Surroundings,
): Way => {
  const valuesOf = (...names: readonly string[]): readonly string[] =>
    parameters.flatMap(({ name, value }) => names.includes(name) && value !== undefined ? [value] : []);
  const isOn = (name: string, unless: boolean): boolean => {
    const last = parameters.findLast((each) => each.name === name);
    return last === undefined ? unless : booleanOf(last.value) ?? true;
  };
  if (!isOn("rd.luks", true)) {
    return { kind: "closed", why: "`rd.luks=0` has the initrd open no volumes", hint: "Remove it from `cmdline`" };
  }
  const other = ["rd.luks.partuuid", "rd.luks.serial"].find((name) => valuesOf(name).length > 0);
  if (other !== undefined) {
    return {
      kind: "unknown",
      why: `\`${other}=\` on the command line lists the volumes that the initrd opens`,
      hint: "List them by `rd.luks.uuid=` instead",
    };
  }
  const listed = valuesOf("rd.luks.uuid", "rd_LUKS_UUID").map((value) => value.replace(/^keysource:/, ""))
    .map((value) => value.replace(/^luks-/, "").toLowerCase());
  const id = uuid === undefined ? undefined : listed.find((value) => uuid.includes(value));
  const opensAll = listed.length === 0 && isOn("rd.auto", false);
  if (uuid === undefined || (id === undefined && !opensAll)) {
    return {
      kind: "closed",
      why: "the initrd does not open it: the command line does not list it",
      hint: uuid === undefined
        ? "Name the volume by its UUID, and add `rd.luks.uuid=UUID` to `cmdline`"
        : `Add \`rd.luks.uuid=${uuid}\` to \`cmdline\``,
    };
  }
  if (!isOn("rd.luks.crypttab", true)) {
    return { kind: "unknown", why: "`rd.luks.crypttab=0` has the initrd read no crypttab", hint: BY_HAND };
  }
  const named = valuesOf("rd.luks.name").findLast((value) => value.startsWith(`${id ?? uuid}=`));
  const name = named?.slice(named.indexOf("=") + 1) ?? `luks-${id ?? uuid}`;
  const entry = parseCrypttab(crypttab).find(({ source }) => isVolume(source) && opensBy(source, name));
  const found = {
    kind: "opens",
    name: entry?.name ?? name,
    source: entry?.source ?? `UUID=${uuid}`,
    // It passes on none of these.
    options: (entry?.options ?? []).filter((option) => option.startsWith("header=")),
  } as const;
  const wrong = notLuks(found.name, entry?.options ?? []) ?? unusualName(found.name);
  if (wrong !== undefined) return wrong;
  const key = usualKey(found.name);
  if (entry === undefined) {
    const source = sourcePath(`UUID=${uuid}`);
    return { ...found, key, crypttab: withEntry(crypttab, { name, source, key, options: ["luks"] }) };
  }
  const isOwn = entry.key !== undefined && isPlace(entry.key) && !/\.(?:gpg|img)$/.test(entry.key);
  return isOwn && entry.key !== undefined
    ? { ...found, key: entry.key }
    : { ...found, key, crypttab: withKey(crypttab, entry, key, () => false) };
};

/** Whether cryptroot-ask takes a line for a volume that udev found: by its name where the source is a tag, else by the device. */
function opensBy(source: string, name: string): boolean {
  const [, tag, value] = /^(UUID|PARTUUID|ID)=(.+)$/.exec(source) ?? [];
  return tag === undefined || name === `luks-${value}`;
}
