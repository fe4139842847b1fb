import { optionsOf, parseCrypttab, withEntry, withKey } from "../../formats/crypttab.ts";
import { uuidOf } from "../../host/volumes.ts";
import {
  booleanOf,
  BY_HAND,
  type FindWay,
  isKeyOption,
  isPlace,
  notLuks,
  type Surroundings,
  unusualName,
  usualKey,
  type Way,
} from "./way.ts";

/** What the command line says of one volume. */
interface Listed {
  /** Whether it is opened even where crypttab lacks it. */
  create: boolean;
  name?: string;
  key?: string;
  options?: readonly string[];
}

/** What the command line says of all of them. */
interface Parameters {
  readonly isOff: boolean;
  readonly readsCrypttab: boolean;
  /** Where some are listed, no others are opened. */
  readonly onlyListed: boolean;
  readonly listed: ReadonlyMap<string, Listed>;
  /** Of those that it lists without one of their own. */
  readonly key?: string;
  readonly options?: readonly string[];
  /** dracut's `rd.auto`. */
  readonly opensAll: boolean;
}

/**
 * How systemd-cryptsetup-generator and systemd-cryptsetup find a key (src/cryptsetup/, v252): crypttab's key field, else
 * /etc/cryptsetup-keys.d/NAME.key; a volume that crypttab lacks is opened where `rd.luks.uuid=` or `rd.luks.name=` lists it.
 * `isDracut`: `rd.auto` opens all volumes.
 */
export function systemdWay(isDracut: boolean): FindWay {
  return (volume, { crypttab, parameters: words, isVolume }) => {
    const parameters = readParameters(words);
    if (parameters.isOff) {
      return { kind: "closed", why: "`rd.luks=0` has the initrd open no volumes", hint: "Remove it from `cmdline`" };
    }
    const { listed, onlyListed, readsCrypttab } = parameters;
    const text = readsCrypttab ? crypttab ?? "" : "";
    const listedOf = (entry: { readonly name: string; readonly source: string }): Listed | undefined =>
      listed.get(uuidOf(entry.source) ?? (/^luks-(.+)$/.exec(entry.name)?.[1] ?? "").toLowerCase());
    const entry = parseCrypttab(text).find((each) =>
      (each.name === volume.name || isVolume(each.source)) && (!onlyListed || listedOf(each) !== undefined)
    );
    if (entry !== undefined) {
      const edit = (key: string): string => withKey(text, entry, key, isKeyOption);
      const { name, source, key } = entry;
      const stated = listedOf(entry)?.options;
      return placed({ name, source, options: stated ?? entry.options, key, stated, edit });
    }
    const { uuid } = volume;
    const own = uuid === undefined ? undefined : listed.get(uuid);
    if (uuid !== undefined && own?.create === true) {
      const name = own.name ?? `luks-${uuid}`;
      const options = own.options ?? parameters.options ?? [];
      const add = (key: string): string | undefined =>
        !readsCrypttab ? undefined : withEntry(text, {
          name,
          source: `UUID=${uuid}`,
          key,
          options: options.filter((each) => !isKeyOption(each)),
        });
      return placed({
        name,
        source: `UUID=${uuid}`,
        options,
        key: own.key ?? parameters.key,
        stated: own.options,
        edit: add,
      });
    }
    if (isDracut && parameters.opensAll && uuid !== undefined && !onlyListed) {
      return placed({ name: `luks-${uuid}`, source: `UUID=${uuid}`, options: [], edit: () => undefined });
    }
    return {
      kind: "closed",
      why: `the initrd does not open it: neither its crypttab nor the command line names it`,
      hint: uuid === undefined
        ? "Name the volume by its UUID, and add `rd.luks.uuid=UUID` to `cmdline`"
        : `Add \`rd.luks.uuid=${uuid}\` to \`cmdline\``,
    };
  };
}

/** A volume that is opened, and what is known of its key. */
interface Opened {
  readonly name: string;
  readonly source: string;
  readonly options: readonly string[];
  readonly key?: string | undefined;
  /** Options that the command line states, and that no crypttab changes. */
  readonly stated?: readonly string[] | undefined;
  /** The crypttab with this key for the volume; undefined where there can be none. */
  readonly edit: (key: string) => string | undefined;
}

function placed({ name, source, options, key, stated, edit }: Opened): Way {
  const other = notLuks(name, options) ?? unusualName(name);
  if (other !== undefined) return other;
  const fixed = stated?.find(isKeyOption);
  if (fixed !== undefined) {
    return {
      kind: "unknown",
      why: `\`rd.luks.options=\` on the command line has \`${fixed}\`, beside which a key file is not used as it is`,
      hint: `Remove \`${fixed}\` from the command line`,
    };
  }
  const found = { kind: "opens", name, source, options: options.filter((option) => !isKeyOption(option)) } as const;
  // A relative path counts as none (v252).
  const field = key?.startsWith("/") === true ? key : undefined;
  if (!options.some(isKeyOption)) {
    if (field === undefined) return { ...found, key: usualKey(name) };
    if (!namesDevice(field) && isPlace(field)) return { ...found, key: field };
  }
  const crypttab = edit(usualKey(name));
  if (crypttab !== undefined) return { ...found, key: usualKey(name), crypttab };
  return {
    kind: "unknown",
    why: `the command line has the initrd take its key from \`${field ?? options.find(isKeyOption)}\``,
    hint: BY_HAND,
  };
}

/** Whether a key field ends in the device that the key lies on, after a colon (split_keyspec, v252). */
function namesDevice(field: string): boolean {
  const device = field.slice(field.lastIndexOf(":") + 1);
  return field.includes(":") && /^(?:\/|(?:LABEL|UUID|PARTUUID|PARTLABEL)=)/.test(device);
}

function readParameters(words: Surroundings["parameters"]): Parameters {
  const listed = new Map<string, Listed>();
  const of = (uuid: string): Listed => {
    const known = listed.get(uuid.toLowerCase()) ?? { create: false };
    listed.set(uuid.toLowerCase(), known);
    return known;
  };
  let [isOff, readsCrypttab, onlyListed, opensAll] = [false, true, false, false];
  let key: string | undefined;
  let options: readonly string[] | undefined;
  for (const { name, value } of words) {
    const [, uuid = "", rest = ""] = /^([0-9a-fA-F-]+)=(.+)$/s.exec(value ?? "") ?? [];
    switch (name.replace(/^rd\./, "")) {
      case "luks":
        isOff = !(booleanOf(value) ?? !isOff);
        break;
      case "luks.crypttab":
        readsCrypttab = booleanOf(value) ?? readsCrypttab;
        break;
      case "luks.uuid":
        if (value === undefined) break;
        of(value.replace(/^luks-/, "")).create = true;
        onlyListed = true;
        break;
      case "luks.name":
        if (uuid === "") break;
        Object.assign(of(uuid), { create: true, name: rest });
        onlyListed = true;
        break;
      case "luks.key":
        if (uuid !== "") of(uuid).key = rest;
        else if (value !== undefined) key = value;
        break;
      case "luks.options":
        if (uuid !== "") of(uuid).options = optionsOf(rest);
        else if (value !== undefined) options = optionsOf(value);
        break;
      case "auto":
        opensAll = name === "rd.auto" && booleanOf(value) === true;
    }
  }
  return {
    isOff,
    readsCrypttab,
    onlyListed,
    opensAll,
    listed,
    ...(key === undefined ? {} : { key }),
    ...(options === undefined ? {} : { options }),
  };
}
