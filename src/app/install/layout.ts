import { dirname, relative } from "@std/path/posix";
import { RUNTIME } from "./release.ts";

/** A part of an installation; each but the program may be left out. */
export type Group = "program" | "units" | "hooks" | "man" | "completions" | "docs";

/** Where the parts go: absolute paths, without a DESTDIR. */
export interface Folders {
  readonly bin: string;
  readonly lib: string;
  readonly units: string;
  readonly kernelInstall: string;
  readonly sysconf: string;
  readonly man: string;
  readonly bash: string;
  readonly zsh: string;
  readonly fish: string;
  readonly doc: string;
}

/** Prefixes whose configuration is in /etc, by the Filesystem Hierarchy Standard. */
const SYSTEM_PREFIXES = ["/usr", "/usr/local"];

/**
 * The folders below a prefix, which contains everything; but `/usr` and `/usr/local` have their configuration in /etc.
 * Below `/usr`, what belongs to packages goes where the distributions have it.
 */
export function foldersOf(prefix: string, given: Partial<Folders> = {}): Folders {
  const sysconf = given.sysconf ?? (SYSTEM_PREFIXES.includes(prefix) ? "/etc" : `${prefix}/etc`);
  return {
    bin: `${prefix}/bin`,
    lib: `${prefix}/lib/warmboot`,
    units: `${prefix}/lib/systemd/system`,
    // Before systemd 255, kernel-install looks into these two only.
    kernelInstall: prefix === "/usr" ? "/usr/lib/kernel/install.d" : `${sysconf}/kernel/install.d`,
    man: `${prefix}/share/man`,
    bash: `${prefix}/share/bash-completion/completions`,
    zsh: `${prefix}/share/zsh/site-functions`,
    fish: `${prefix}/share/fish/vendor_completions.d`,
    doc: `${prefix}/share/doc/warmboot`,
    ...given,
    sysconf,
  };
}

/** Where a file of a release goes. */
export interface Target {
  readonly group: Group;
  readonly path: string;
  readonly isProgram: boolean;
}

/** The program as scripts and units name it in a release, which is right for the prefix /usr/local. */
const PROGRAM = "/usr/local/bin/warmboot";

/** The hooks of Debian are one script in several places. */
const DEBIAN_HOOKS = ["kernel/postinst.d", "kernel/postrm.d", "initramfs/post-update.d"];

/** The hooks of init systems: each is a folder of a release, and of use where the host's configuration has certain files. */
const INIT_HOOKS: readonly { readonly from: string; readonly to: string; isUsed(has: Has): boolean }[] = [
  {
    // runit on Debian runs the scripts of sysvinit as well.
    from: "share/warmboot/hooks/sysvinit",
    to: "init.d",
    isUsed: (has) => has("rc6.d") && (has("inittab") || has("runit")) && !has("runlevels"),
  },
  { from: "share/warmboot/hooks/openrc", to: "init.d", isUsed: (has) => has("runlevels") },
  { from: "share/warmboot/hooks/runit", to: "runit/shutdown.d", isUsed: (has) => has("runit/shutdown.d") },
];

/** Whether the configuration, usually /etc, has a file or folder. */
type Has = (name: string) => boolean;

/** Whether a file of a release is of use on a host: the hooks of other init systems are not. */
export function isForHost(path: string, has: Has): boolean {
  return INIT_HOOKS.find(({ from }) => path.startsWith(`${from}/`))?.isUsed(has) ?? true;
}

/** From the folders of a release to those of an installation, the first that fits. */
const RULES: readonly {
  readonly from: string;
  readonly group: Group;
  /** Whether its files are programs; they are not if it is left out. */
  isProgram?(path: string): boolean;
  to(folders: Folders): readonly string[];
}[] = [
  { from: "bin", group: "program", isProgram: () => true, to: ({ bin }) => [bin] },
  { from: "lib/warmboot", group: "program", isProgram: (path) => path === RUNTIME, to: ({ lib }) => [lib] },
  { from: "lib/systemd/system", group: "units", to: ({ units }) => [units] },
  {
    from: "share/warmboot/hooks/debian",
    group: "hooks",
    isProgram: () => true,
    to: ({ sysconf }) => DEBIAN_HOOKS.map((folder) => `${sysconf}/${folder}`),
  },
  {
    from: "share/warmboot/hooks/kernel-install",
    group: "hooks",
    isProgram: () => true,
    to: ({ kernelInstall }) => [kernelInstall],
  },
  ...INIT_HOOKS.map(({ from, to }) => ({
    from,
    group: "hooks" as const,
    isProgram: () => true,
    to: ({ sysconf }: Folders) => [`${sysconf}/${to}`],
  })),
  { from: "share/man", group: "man", to: ({ man }) => [man] },
  { from: "share/bash-completion/completions", group: "completions", to: ({ bash }) => [bash] },
  { from: "share/zsh/site-functions", group: "completions", to: ({ zsh }) => [zsh] },
  { from: "share/fish/vendor_completions.d", group: "completions", to: ({ fish }) => [fish] },
  { from: "share/doc/warmboot", group: "docs", to: ({ doc }) => [doc] },
];

/** Where a file of a release goes; nowhere for what is about the release itself. */
export function targetsOf(path: string, folders: Folders): readonly Target[] {
  const rule = RULES.find(({ from }) => path.startsWith(`${from}/`));
  if (rule === undefined) return [];
  return rule.to(folders).map((folder) => ({
    group: rule.group,
    path: `${folder}${path.slice(rule.from.length)}`,
    isProgram: rule.isProgram?.(path) ?? false,
  }));
}

/** The administrator's folder of profiles, as it is named everywhere in a release; right for the folder /etc. */
const PROFILES = "/etc/warmboot";

/** The schema, as the examples of a release name it. */
const EXAMPLE_SCHEMA = "$schema=../schema/";

/**
 * A file's text as it is installed: with the folder of profiles, in units and hooks with the program's path, in the program
 * with those of its parts, and in examples with that of the schema, so that a copy of one finds it.
 */
export function installedText(
  text: string,
  { group, path }: Target,
  folders: Folders,
  deno: string | undefined,
): string {
  const profiles = `${folders.sysconf}/warmboot`;
  // To roff, a minus has a backslash.
  const own = text.replaceAll(PROFILES, group === "man" ? profiles.replaceAll("-", "\\-") : profiles);
  if (group === "units" || group === "hooks") return own.replaceAll(PROGRAM, `${folders.bin}/warmboot`);
  if (group === "docs") {
    return path.endsWith(".yaml") ? own.replace(EXAMPLE_SCHEMA, `$schema=${folders.doc}/schema/`) : own;
  }
  if (path !== `${folders.bin}/warmboot`) return own;
  return own.replace("../lib/warmboot", relative(dirname(path), folders.lib))
    .replace(/^installed_with=$/m, `installed_with=${deno === undefined ? "" : quoted(deno)}`);
}

function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
