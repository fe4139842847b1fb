import { dirname, relative } from "@std/path/posix";

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

/** The folders below a prefix. Below `/usr`, what belongs to packages goes where the distributions have it. */
export function foldersOf(prefix: string, given: Partial<Folders> = {}): Folders {
  const sysconf = given.sysconf ?? "/etc";
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

/** From the folders of a release to those of an installation, the first that fits. */
const RULES: readonly {
  readonly from: string;
  readonly group: Group;
  readonly isProgram?: boolean;
  to(folders: Folders): readonly string[];
}[] = [
  { from: "bin", group: "program", isProgram: true, to: ({ bin }) => [bin] },
  { from: "lib/warmboot", group: "program", to: ({ lib }) => [lib] },
  { from: "lib/systemd/system", group: "units", to: ({ units }) => [units] },
  {
    from: "share/warmboot/hooks/debian",
    group: "hooks",
    isProgram: true,
    to: ({ sysconf }) => DEBIAN_HOOKS.map((folder) => `${sysconf}/${folder}`),
  },
  {
    from: "share/warmboot/hooks/kernel-install",
    group: "hooks",
    isProgram: true,
    to: ({ kernelInstall }) => [kernelInstall],
  },
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
    isProgram: rule.isProgram ?? false,
  }));
}

/** A file's text as it is installed: with the program's own path, and in the program those of its parts. */
export function installedText(
  text: string,
  { group, path }: Target,
  folders: Folders,
  deno: string | undefined,
): string {
  if (group === "units" || group === "hooks") return text.replaceAll(PROGRAM, `${folders.bin}/warmboot`);
  if (path !== `${folders.bin}/warmboot`) return text;
  return text.replace("../lib/warmboot", relative(dirname(path), folders.lib))
    .replace(/^installed_with=$/m, `installed_with=${deno === undefined ? "" : quoted(deno)}`);
}

function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
