/** What a package consists of, whatever its format. */
import { gzipSync } from "node:zlib";
import { compareText } from "../src/core/text.ts";
import { HOMEPAGE, VERSION } from "../src/core/program.ts";
import { foldersOf, installedText, targetsOf } from "../src/app/install/layout.ts";
import { RUNTIME } from "../src/app/install/release.ts";
import type { Target } from "./names.ts";
import { bytesOf, type PackedFile, type PackedFolder } from "./tar.ts";
import type { TreeFile } from "./tree.ts";

/** A package of either format; its paths are absolute. */
export interface Package {
  readonly target: Target;
  readonly files: readonly PackedFile[];
  readonly folders: readonly PackedFolder[];
}

/** What both formats say of it. */
export const ABOUT = {
  name: "warmboot",
  version: VERSION,
  homepage: HOMEPAGE,
  // The project has no mail address; `invalid` is reserved for that (RFC 2606).
  maintainer: "The warmboot authors <warmboot@warmboot.invalid>",
  summary: "Reboot Linux into another kernel as a YAML profile says",
  description: [
    "warmboot restarts Linux into another kernel by kexec, without going through the firmware. A profile in YAML names " +
    "the kernel, initrd and command line; a plan shows what would happen, and what speaks against it, before anything is " +
    "loaded.",
    "The package brings its own Deno, which runs the program. It needs no network and fetches nothing. No unit is enabled.",
  ],
} as const;

/**
 * Folders that are there from the start: the administrator's profiles, and compiled code of the program, which is run as
 * root and so is nobody else's.
 */
const FOLDERS: readonly PackedFolder[] = [
  { path: "/etc/warmboot", mode: 0o755 },
  { path: "/var/cache/warmboot", mode: 0o700 },
];

/** The hooks of init systems other than systemd, which the administrator copies. */
const INIT_HOOKS = /^share\/warmboot\/hooks\/(?:sysvinit|openrc|runit)\//;

/** What the formats have in places of their own, or do not need. */
const LEFT_OUT = {
  debian: /^share\/doc\/warmboot\/(?:LICENSE|CHANGELOG\.md|RUNTIME\.md|THIRD-PARTY\.md)$/,
  // kernel-install runs the other hook there.
  rpm: /^share\/warmboot\/hooks\/debian\/|^share\/doc\/warmboot\/(?:LICENSE|RUNTIME\.md|THIRD-PARTY\.md)$/,
} as const;

/** The files of a release with its runtime, where a package of the format has them. */
export function packageOf(format: "debian" | "rpm", target: Target, tree: readonly TreeFile[]): Package {
  const folders = foldersOf("/usr", format === "debian" ? { zsh: "/usr/share/zsh/vendor-completions" } : {});
  const files = tree.filter(({ path }) => !LEFT_OUT[format].test(path)).flatMap(({ path, content }): PackedFile[] => {
    if (INIT_HOOKS.test(path)) {
      const hook = { group: "hooks", path: `/usr/${path}`, isProgram: true } as const;
      // runit reads its hook as a part of another script.
      const mode = path.endsWith(".sh") ? 0o644 : 0o755;
      return [{ path: hook.path, content: installedText(textOf(content), hook, folders, undefined), mode }];
    }
    return targetsOf(path, folders).map((to) => {
      const mode = to.isProgram ? 0o755 : 0o644;
      if (path === RUNTIME) return { path: to.path, content, mode };
      const text = installedText(textOf(content), to, folders, undefined);
      return to.group === "man"
        ? compressed({ path: to.path, content: text, mode })
        : { path: to.path, content: text, mode };
    });
  });
  return { target, files: sorted(files), folders: FOLDERS };
}

/** A package with more files. */
export function withFiles(made: Package, more: readonly PackedFile[]): Package {
  return { ...made, files: sorted([...made.files, ...more]) };
}

/** A file as pages and changelogs are installed: by gzip -9, without name and time. */
export function compressed({ path, content, mode }: PackedFile): PackedFile {
  return { path: `${path}.gz`, content: new Uint8Array(gzipSync(bytesOf(content), { level: 9 })), mode };
}

function sorted(files: readonly PackedFile[]): readonly PackedFile[] {
  return files.toSorted((a, b) => compareText(a.path, b.path));
}

function textOf(content: string | Uint8Array): string {
  return typeof content === "string" ? content : new TextDecoder().decode(content);
}
