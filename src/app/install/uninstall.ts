import { type Diagnostic, hasErrors } from "../../core/diagnostic.ts";
import { omitUndefined } from "../../core/shape.ts";
import { isSameFile } from "../files/write_whole.ts";
import { lookAt, removeFiles, removeRest } from "./install_files.ts";
import { type Manifest, MANIFEST_NAME, readManifest } from "./manifest.ts";
import { programFolder } from "./release.ts";

/** Where init systems have the links of a hook that is enabled, and what removes them. */
const HOOK_LINKS: readonly { readonly folder: string; readonly link: RegExp; readonly disable: string }[] = [
  { folder: "/etc/rc6.d", link: /^[KS]\d\dwarmboot-exec$/, disable: "update-rc.d warmboot-exec remove" },
  { folder: "/etc/runlevels/shutdown", link: /^warmboot-exec$/, disable: "rc-update del warmboot-exec shutdown" },
];

/** Where `systemctl enable` leaves its links. */
const ENABLED = "/etc/systemd/system";

/** How removing an installation ended. */
export type UninstallOutcome =
  | {
    readonly kind: "removed";
    readonly version: string;
    /** Files that were changed since they were installed, and stay. */
    readonly kept: readonly string[];
    /** Units that are still enabled. */
    readonly enabled: readonly string[];
    /** What disables the hook of an init system, where one is still enabled. */
    readonly disableHook?: string;
  }
  /** What would be removed. */
  | { readonly kind: "planned"; readonly files: readonly string[] }
  /** `install` did not install this program. */
  | { readonly kind: "not-installed" }
  | { readonly kind: "moved"; readonly from: string; readonly to: string; readonly manifest: string }
  | { readonly kind: "invalid"; readonly diagnostics: readonly Diagnostic[] };

/** Removes the installation that this program is part of. @throws {WriteError} */
export function uninstall(dryRun: boolean): UninstallOutcome {
  const folder = programFolder();
  const path = `${folder}/${MANIFEST_NAME}`;
  const { value: manifest, diagnostics } = readManifest(path);
  if (hasErrors(diagnostics)) return { kind: "invalid", diagnostics };
  if (folder === undefined || manifest === undefined) return { kind: "not-installed" };
  const root = rootOf(folder, manifest);
  if (root === undefined) return { kind: "moved", from: manifest.folder, to: folder, manifest: path };
  if (dryRun) {
    const files = manifest.files.map((each) => `${root}${each.path}`);
    return { kind: "planned", files: files.filter((file) => lookAt(file).kind !== "nothing") };
  }
  const kept = removeFiles(root, manifest.files);
  removeRest(root, manifest);
  return {
    kind: "removed",
    version: manifest.version,
    kept: kept.map((each) => `${root}${each}`),
    enabled: root === "" ? enabledUnits() : [],
    ...omitUndefined({ disableHook: root === "" ? HOOK_LINKS.find(isEnabled)?.disable : undefined }),
  };
}

/** The DESTDIR below which the installation lies now; empty if it is where it was meant to be. */
function rootOf(folder: string, manifest: Manifest): string | undefined {
  if (isSameFile(`${manifest.folder}/${MANIFEST_NAME}`, `${folder}/${MANIFEST_NAME}`)) return "";
  return folder.endsWith(manifest.folder) ? folder.slice(0, -manifest.folder.length) : undefined;
}

function isEnabled({ folder, link }: (typeof HOOK_LINKS)[number]): boolean {
  try {
    return Array.from(Deno.readDirSync(folder)).some(({ name }) => link.test(name));
  } catch {
    return false;
  }
}

function enabledUnits(): readonly string[] {
  try {
    return Array.from(Deno.readDirSync(ENABLED)).filter(({ name }) => name.endsWith(".wants")).flatMap(({ name }) =>
      Array.from(Deno.readDirSync(`${ENABLED}/${name}`), (link) => link.name)
    ).filter((name) => name.startsWith("warmboot-"));
  } catch {
    return [];
  }
}
