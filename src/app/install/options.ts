import type { Folders, Group } from "./layout.ts";

/** Options that move one of the folders. */
export const FOLDER_OPTIONS: readonly {
  readonly name: string;
  readonly folder: keyof Folders;
  readonly doc: string;
}[] = [
  { name: "bindir", folder: "bin", doc: "The program (PREFIX/bin)" },
  { name: "libdir", folder: "lib", doc: "Its parts (PREFIX/lib/warmboot)" },
  { name: "unitdir", folder: "units", doc: "Units of systemd (PREFIX/lib/systemd/system)" },
  {
    name: "sysconfdir",
    folder: "sysconf",
    doc:
      "Configuration: profiles in warmboot/, hooks in kernel/ and initramfs/ (/etc with /usr and /usr/local, else PREFIX/etc)",
  },
  { name: "mandir", folder: "man", doc: "Manual pages (PREFIX/share/man)" },
  { name: "zshdir", folder: "zsh", doc: "Completions of zsh (PREFIX/share/zsh/site-functions)" },
];

/** What may be left out. */
export const OPTIONAL: { readonly [group in Exclude<Group, "program">]: string } = {
  units: "units of systemd",
  hooks: "hooks that run when a kernel is installed",
  man: "manual pages",
  completions: "completions of shells",
  docs: "documentation",
};
