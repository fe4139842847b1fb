import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import { nearest } from "../core/nearest.ts";
import { lookUp } from "../core/shape.ts";
import { compareText } from "../core/text.ts";
import { formatCmdline, parseCmdline } from "../profile/cmdline/cmdline.ts";
import { type BootFiles, ENTRIES_LIMIT, kindAt, textAt } from "./boot_files.ts";
import { EFI_MACHINES } from "./bls.ts";
import { matchesEfiPattern } from "./efi_pattern.ts";
import { loaderVariable } from "./efi_variables.ts";
import { entryProblem, entryWarning, type FoundEntry } from "./found_entry.ts";
import { fieldOf } from "./uki.ts";
import { compareVersions } from "./version_order.ts";

/** The partitions that systemd-boot reads, by where they are mounted. */
export interface BootPartitions {
  /** The one that it was started from. */
  readonly esp: string;
  readonly xbootldr?: string;
}

/** An entry as systemd-boot lists it; paths are those of the host. */
interface Entry {
  /** The name of its file in lower case, without a boot counter; with `@PROFILE` for a further profile of an image. */
  readonly id: string;
  /** The same with the counter, as older versions have it. */
  readonly idWithCounter: string;
  /** Its file. */
  readonly file: string;
  readonly title?: string;
  readonly sortKey?: string;
  readonly machineId?: string;
  readonly version?: string;
  /** Boots that are left until it counts as bad; undefined where they are not counted. */
  readonly triesLeft?: number;
  readonly triesDone: number;
  readonly profile: number;
  readonly what:
    | { readonly kind: "linux" | "uki" | "efi"; readonly path: string }
    | { readonly kind: "url"; readonly url: string };
  readonly options?: string;
  readonly initrd: readonly string[];
  readonly dtb?: string;
  readonly overlays: readonly string[];
  readonly extra: readonly string[];
}

/** What loader.conf says of the default. */
interface LoaderConf {
  readonly default?: string;
  readonly preferred?: string;
  readonly timeout?: string;
}

/** The entries that systemd-boot would list, in its order, and why some are left out. */
export function systemdBootEntries(
  files: BootFiles,
  { esp, xbootldr }: BootPartitions,
  machine: string,
): Checked<readonly Entry[]> {
  const entries: Entry[] = [];
  for (const root of [esp, ...(xbootldr === undefined ? [] : [xbootldr])]) {
    for (const [folder, suffix, read] of FOLDERS) {
      const names = files.list(`${root}${folder}`).filter((name) => isEntryName(name, suffix));
      if (names.length > ENTRIES_LIMIT) {
        const message = `${root}${folder} has ${names.length} entries, more than ${ENTRIES_LIMIT}`;
        return { value: undefined, diagnostics: [entryProblem(message)] };
      }
      for (const name of names) entries.push(...read(files, root, `${root}${folder}/${name}`, name, machine));
    }
  }
  return { value: entries.toSorted(compareEntries), diagnostics: [] };
}

const FOLDERS: readonly (readonly [folder: string, suffix: string, read: typeof type1Entry])[] = [
  ["/EFI/Linux", ".efi", type2Entries],
  ["/loader/entries", ".conf", type1Entry],
];

function isEntryName(name: string, suffix: string): boolean {
  return !name.startsWith(".") && name.toLowerCase().endsWith(suffix) && !/^auto-/i.test(name);
}

/** The counter in a name: `+LEFT` or `+LEFT-DONE` before the suffix (boot_entry_parse_tries()). */
function triesOf(name: string, suffix: string): Pick<Entry, "triesLeft" | "triesDone"> & { readonly plain: string } {
  const stem = name.slice(0, -suffix.length);
  const [, plain, left, done] = /^(.*)\+(\d{1,9})(?:-(\d{1,9}))?$/s.exec(stem) ?? [];
  if (plain === undefined) return { triesDone: 0, plain: name };
  return { triesLeft: Number(left), triesDone: Number(done ?? 0), plain: `${plain}${name.slice(-suffix.length)}` };
}

/** An entry of type 1 (boot_entry_add_type1() in src/boot/boot.c, systemd 258). */
function type1Entry(files: BootFiles, root: string, file: string, name: string, machine: string): readonly Entry[] {
  const text = textAt(files, file);
  if (text === undefined) return [];
  const one = new Map<string, string>();
  const [options, initrd, overlays, extra]: [string[], string[], string[], string[]] = [[], [], [], []];
  let kind: "linux" | "uki" | "efi" | "uki-url" | undefined;
  for (const line of text.split(/\r?\n/)) {
    const [, key = "", value = ""] = /^\s*([^\s#]\S*)\s+(.*?)\s*$/.exec(line) ?? [];
    if (value === "") continue;
    switch (key) {
      case "linux":
      case "uki":
      case "efi":
      case "uki-url":
        // An entry with two of them is bad.
        if (kind !== undefined && kind !== key) return [];
        kind = key;
        one.set("what", value);
        break;
      case "options":
        options.push(value);
        break;
      case "initrd":
        initrd.push(pathOf(root, value));
        break;
      case "devicetree-overlay":
        overlays.push(...value.split(/\s+/));
        break;
      case "extra":
        extra.push(value);
        break;
      case "architecture":
        if (lookUp(EFI_MACHINES, value.toLowerCase()) !== machine) return [];
        break;
      default:
        one.set(key, value);
    }
  }
  const what = one.get("what");
  if (kind === undefined || what === undefined) return [];
  const path = pathOf(root, what);
  if (kind !== "uki-url" && kindAt(files, path) === "absent") return [];
  const [title, sortKey, machineId, version] = ["title", "sort-key", "machine-id", "version"].map((key) =>
    one.get(key)
  );
  const [tree, profile] = [one.get("devicetree"), one.get("profile")];
  const { plain, ...tries } = triesOf(name, ".conf");
  return [{
    id: plain.toLowerCase(),
    idWithCounter: name.toLowerCase(),
    file,
    ...(title === undefined ? {} : { title }),
    ...(sortKey === undefined ? {} : { sortKey }),
    ...(machineId === undefined ? {} : { machineId }),
    ...(version === undefined ? {} : { version }),
    ...tries,
    profile: Number(profile ?? 0) || 0,
    what: kind === "uki-url" ? { kind: "url", url: what } : { kind, path },
    ...(options.length === 0 ? {} : { options: options.join(" ") }),
    initrd,
    ...(tree === undefined ? {} : { dtb: pathOf(root, tree) }),
    overlays,
    extra,
  }];
}

/** A path from the root of a partition, with slashes of either kind. */
function pathOf(root: string, path: string): string {
  return `${root}/${path.replaceAll("\\", "/").replace(/^\/+/, "")}`;
}

/** The profiles of an image that is an entry of type 2, each an entry (boot_entry_add_type2()). */
function type2Entries(files: BootFiles, _root: string, file: string, name: string): readonly Entry[] {
  const release = textAt(files, `${file}/.osrel`);
  const { plain, ...tries } = triesOf(name, ".efi");
  const entries: Entry[] = [];
  for (let profile = 0; profile < PROFILES_LIMIT; profile++) {
    const own = textAt(files, `${file}/@${profile}/.profile`);
    if (own === undefined && profile > 0) break;
    const text = textAt(files, `${file}/@${profile}/.osrel`) ?? release;
    if (text === undefined) continue;
    const field = (key: string): string | undefined => fieldOf(text, key);
    const title = field("PRETTY_NAME") ?? field("IMAGE_ID") ?? field("NAME") ?? field("ID");
    const version = field("IMAGE_VERSION") ?? field("VERSION") ?? field("VERSION_ID") ?? field("BUILD_ID");
    const sortKey = field("IMAGE_ID") ?? field("ID");
    if (title === undefined) continue;
    const id = own === undefined ? undefined : fieldOf(own, "ID");
    const suffix = profile === 0 ? "" : `@${id ?? profile}`;
    entries.push({
      id: `${plain}${suffix}`.toLowerCase(),
      idWithCounter: `${name}${suffix}`.toLowerCase(),
      file,
      title: own === undefined ? title : `${title} (${fieldOf(own, "TITLE") ?? id ?? `profile ${profile}`})`,
      ...(sortKey === undefined ? {} : { sortKey }),
      ...(version === undefined ? {} : { version }),
      ...tries,
      profile,
      what: { kind: "uki", path: file },
      initrd: [],
      overlays: [],
      extra: [],
    });
  }
  return entries;
}

/** UNIFIED_PROFILES_MAX of systemd. */
const PROFILES_LIMIT = 256;

/** Every entry that starts Linux, whether kexec could or not. */
export function systemdBootFound(
  files: BootFiles,
  partitions: BootPartitions,
  machine: string,
): Checked<readonly FoundEntry[]> {
  const { value: entries, diagnostics } = systemdBootEntries(files, partitions, machine);
  return { value: entries?.flatMap((entry) => describedEntry(entry, "it is in the menu") ?? []), diagnostics };
}

/** The order of the menu (boot_entry_compare()). */
function compareEntries(a: Entry, b: Entry): number {
  const isBad = ({ triesLeft }: Entry): number => triesLeft === 0 ? 1 : 0;
  const bad = isBad(a) - isBad(b);
  if (bad !== 0) return bad;
  if ((a.sortKey === undefined) !== (b.sortKey === undefined)) return a.sortKey === undefined ? 1 : -1;
  if (a.sortKey !== undefined && b.sortKey !== undefined) {
    const order = compareText(a.sortKey, b.sortKey) || compareText(a.machineId ?? "", b.machineId ?? "") ||
      -compareVersions(a.version ?? "", b.version ?? "");
    if (order !== 0) return order;
  }
  const base = ({ id, profile }: Entry): string => profile === 0 ? id : id.replace(/@[^@]*$/, "");
  const order = -compareVersions(base(a), base(b)) || a.profile - b.profile;
  if (order !== 0 || a.triesLeft === undefined || b.triesLeft === undefined) return order;
  return b.triesLeft - a.triesLeft || a.triesDone - b.triesDone;
}

function loaderConf(files: BootFiles, esp: string): LoaderConf {
  const text = textAt(files, `${esp}/loader/loader.conf`) ?? "";
  const found = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const [, key, value] = /^\s*(default|preferred|timeout)\s+(.*?)\s*$/.exec(line) ?? [];
    // Other words that begin with `@` are passed over.
    if (key !== undefined && value !== undefined && value !== "" && (!value.startsWith("@") || isSaved(value))) {
      found.set(key, value);
    }
  }
  const [wanted, preferred, timeout] = ["default", "preferred", "timeout"].map((key) => found.get(key));
  return {
    ...(wanted === undefined ? {} : { default: wanted }),
    ...(preferred === undefined ? {} : { preferred }),
    ...(timeout === undefined ? {} : { timeout }),
  };
}

function isSaved(value: string): boolean {
  return value.toLowerCase() === "@saved";
}

/** A rule that may choose the default: a pattern of IDs, and where it comes from. */
interface Rule {
  readonly from: string;
  readonly pattern: string;
  /** An entry without tries left does not count. */
  readonly skipsBad: boolean;
}

/** The rules in their order (config_select_default_entry(), systemd 258; `preferred` is from systemd 260). */
function rulesOf(files: BootFiles, esp: string): readonly Rule[] {
  const conf = loaderConf(files, esp);
  const last = loaderVariable(files, "LoaderEntryLastBooted");
  const rule = (from: string, value: string | undefined, skipsBad = false): readonly Rule[] => {
    if (value === undefined || value === "") return [];
    if (!isSaved(value)) return [{ from, pattern: value, skipsBad }];
    return last === undefined || last === ""
      ? []
      : [{ from: `${from} is \`@saved\`, and LoaderEntryLastBooted`, pattern: last, skipsBad }];
  };
  const hasPreferred = loaderVersion(files) === undefined || (loaderVersion(files) ?? 0) >= 260;
  const config = `${esp}/loader/loader.conf`;
  return [
    ...rule("LoaderEntryOneShot", loaderVariable(files, "LoaderEntryOneShot")),
    ...(hasPreferred
      ? [
        ...rule("LoaderEntryPreferred", loaderVariable(files, "LoaderEntryPreferred"), true),
        ...rule(`\`preferred\` in ${config}`, conf.preferred, true),
      ]
      : []),
    ...rule("LoaderEntryDefault", loaderVariable(files, "LoaderEntryDefault")),
    ...rule(`\`default\` in ${config}`, conf.default),
  ];
}

/** The version of the systemd-boot that started this system. */
function loaderVersion(files: BootFiles): number | undefined {
  const number = /^systemd-boot (\d+)/.exec(loaderVariable(files, "LoaderInfo") ?? "")?.[1];
  return number === undefined ? undefined : Number(number);
}

/** What systemd-boot would boot: its default, or the entry that `asked` names. */
export function systemdBootEntry(
  files: BootFiles,
  partitions: BootPartitions,
  machine: string,
  asked: string | undefined,
): Checked<FoundEntry> {
  const { value: entries, diagnostics } = systemdBootEntries(files, partitions, machine);
  if (entries === undefined) return { value: undefined, diagnostics };
  if (asked !== undefined) return askedEntry(entries, asked);
  const notes: Diagnostic[] = [];
  const failure = loaderVariable(files, "LoaderEntrySysFail");
  if (failure !== undefined && failure !== "") {
    notes.push(
      entryWarning(`If a firmware update failed, systemd-boot boots \`${failure}\` instead (LoaderEntrySysFail)`),
    );
  }
  const timeout = loaderVariable(files, "LoaderConfigTimeout") ?? loaderConf(files, partitions.esp).timeout;
  if (timeout === "menu-force") {
    notes.push(entryWarning("systemd-boot waits for a key before it boots: its timeout is `menu-force`"));
  }
  for (const rule of rulesOf(files, partitions.esp)) {
    const found = matching(entries, rule);
    if (found.kind === "differs") {
      const message = `\`${rule.pattern}\` of ${rule.from} names an entry in some versions of systemd-boot only, ` +
        `since ${found.entry.file} counts its boots`;
      return failed(entryProblem(message, "Name the entry in `boot_entry`"));
    }
    if (found.kind === "entry") {
      const once = rule.from === "LoaderEntryOneShot" ? ", for the next boot only" : "";
      const same = rule.pattern.toLowerCase() === found.entry.id ||
        rule.pattern.toLowerCase() === found.entry.idWithCounter;
      return entryOf(found.entry, `${rule.from} ${same ? "names it" : `is \`${rule.pattern}\``}${once}`, notes);
    }
    const special = automaticEntry(files, partitions.esp, rule.pattern, machine);
    if (special !== undefined) {
      return failed(
        entryProblem(
          `systemd-boot starts ${special}, as ${rule.from} says, and not Linux`,
          "Name an entry in `boot_entry`",
        ),
      );
    }
  }
  const [first] = entries;
  if (first === undefined) {
    const where = [partitions.esp, ...(partitions.xbootldr === undefined ? [] : [partitions.xbootldr])];
    return failed(entryProblem(`systemd-boot has no entry for this machine under ${where.join(" or ")}`));
  }
  const only = entries.length === 1;
  return entryOf(
    first,
    only ? "it is the only entry" : "no default is set, so that the first entry of its list counts",
    notes,
  );
}

function failed(diagnostic: Diagnostic): Checked<FoundEntry> {
  return { value: undefined, diagnostics: [diagnostic] };
}

type Match =
  | { readonly kind: "entry"; readonly entry: Entry }
  | { readonly kind: "none" }
  /** Versions that have the counter in the ID decide otherwise. */
  | { readonly kind: "differs"; readonly entry: Entry };

function matching(entries: readonly Entry[], { pattern, skipsBad }: Rule): Match {
  const wanted = pattern.toLowerCase();
  const usable = entries.filter(({ triesLeft }) => !(skipsBad && triesLeft === 0));
  const plain = usable.find(({ id }) => matchesEfiPattern(wanted, id));
  const counted = usable.find(({ idWithCounter }) => matchesEfiPattern(wanted, idWithCounter));
  const [entry] = [plain ?? counted];
  if (entry === undefined) return { kind: "none" };
  return plain === counted ? { kind: "entry", entry } : { kind: "differs", entry };
}

/** Entries that systemd-boot adds by itself. */
function automaticEntry(files: BootFiles, esp: string, pattern: string, machine: string): string | undefined {
  const matches = (id: string) => matchesEfiPattern(pattern.toLowerCase(), id);
  const isThere = (path: string) => kindAt(files, `${esp}${path}`) === "file";
  if (matches("auto-windows") && isThere("/EFI/Microsoft/Boot/bootmgfw.efi")) return "Windows";
  const arch = Object.keys(EFI_MACHINES).find((name) => EFI_MACHINES[name] === machine) ?? "x64";
  if (matches("auto-efi-shell") && isThere(`/shell${arch}.efi`)) return "the EFI shell";
  const exact: { readonly [id: string]: string } = {
    "auto-osx": "macOS",
    "auto-efi-default": "the default loader of the firmware",
    "auto-reboot-to-firmware-setup": "the setup of the firmware",
    "auto-poweroff": "nothing: it turns the machine off",
    "auto-reboot": "nothing: it resets the machine",
  };
  return lookUp(exact, pattern.toLowerCase());
}

function askedEntry(entries: readonly Entry[], asked: string): Checked<FoundEntry> {
  const wanted = asked.toLowerCase();
  const names = ({ id, idWithCounter }: Entry): readonly string[] => [
    id,
    idWithCounter,
    id.replace(/\.(?:conf|efi)(?=@|$)/, ""),
  ];
  const entry = entries.find((each) => names(each).includes(wanted));
  if (entry !== undefined) return entryOf(entry, "the profile names it", []);
  const near = nearest(wanted, entries.map(({ id }) => id));
  const known = entries.slice(0, 5).map(({ id }) => `\`${id}\``).join(", ");
  return failed(
    entryProblem(
      `systemd-boot has no entry \`${asked}\` for this machine`,
      near !== undefined ? `Did you mean \`${near}\`?` : known === "" ? undefined : `It has ${known}`,
    ),
  );
}

function entryOf(entry: Entry, rule: string, notes: readonly Diagnostic[]): Checked<FoundEntry> {
  const { id, what, overlays, extra, triesLeft } = entry;
  const name = `The entry \`${id}\` of systemd-boot`;
  if (what.kind === "url") return failed(entryProblem(`${name} is fetched from ${what.url}, which kexec cannot do`));
  if (overlays.length > 0) {
    return failed(
      entryProblem(
        `${name} applies the device tree overlays ${overlays.join(", ")}, which warmboot does not`,
        "Name the kernel, and a device tree with the overlays applied as `dtb`",
      ),
    );
  }
  const addons = extra.filter((path) => /\.efi$/i.test(path));
  if (addons.length > 0) {
    return failed(
      entryProblem(
        `${name} has the addons ${addons.join(", ")}, which change what it boots`,
        "Put them into the folder NAME.efi.extra.d of the image",
      ),
    );
  }
  const left = extra.length === 0
    ? []
    : [entryWarning(`${name} adds ${extra.join(", ")} to the initrd, which kexec does not`)];
  const tries = triesLeft === undefined
    ? []
    : triesLeft === 0
    ? [entryWarning(`${name} has no tries left: it counts as bad`)]
    : [];
  return {
    value: describedEntry(entry, rule),
    diagnostics: [...notes, ...left, ...tries],
  };
}

/** An entry as it is found; undefined for one that is fetched. */
function describedEntry(
  { id, title, what, options, initrd, dtb, profile, triesLeft }: Entry,
  rule: string,
): FoundEntry | undefined {
  if (what.kind === "url") return undefined;
  const cmdline = options === undefined ? what.kind === "linux" ? "" : undefined : formatCmdline(parseCmdline(options));
  return {
    loader: "systemd-boot",
    id,
    ...(title === undefined ? {} : { title }),
    rule,
    kernel: what.path,
    ...(what.kind === "uki" && profile > 0 ? { profile: String(profile) } : {}),
    initrd,
    ...(dtb === undefined ? {} : { dtb }),
    ...(cmdline === undefined ? {} : { cmdline }),
    ...(what.kind === "linux" ? {} : { isProgram: true }),
    ...(triesLeft === undefined ? {} : { isCounted: true }),
  };
}
