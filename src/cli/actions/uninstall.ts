import { hasErrors } from "../../core/diagnostic.ts";
import type { ExitName } from "../../core/program.ts";
import { type Invocation, isSet } from "../command.ts";
import { lookAt, removeFiles, removeRest } from "../../app/install/install_files.ts";
import { type Manifest, MANIFEST_NAME, readManifest } from "../../app/install/manifest.ts";
import { programFolder } from "../../app/install/release.ts";
import type { Ports } from "../ports.ts";
import { complain, report, say, warn } from "../report.ts";
import { isSameFile } from "../../app/files/write_whole.ts";

/** Where `systemctl enable` leaves its links. */
const ENABLED = "/etc/systemd/system";

/** Does what `warmboot uninstall` is asked to. */
export function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
  return Promise.resolve(uninstall(isSet(invocation, "dry-run"), ports));
}

function uninstall(isDry: boolean, ports: Ports): ExitName {
  const folder = programFolder();
  const path = `${folder}/${MANIFEST_NAME}`;
  const { value: manifest, diagnostics } = readManifest(path);
  if (hasErrors(diagnostics)) return report(diagnostics, ports);
  if (folder === undefined || manifest === undefined) {
    complain(
      "This warmboot was not installed by warmboot install",
      "Remove it with what installed it, as a package manager",
      ports,
    );
    return "unavailable";
  }
  const root = rootOf(folder, manifest);
  if (root === undefined) {
    complain(
      `This warmboot was installed in ${manifest.folder}, and lies in ${folder} now`,
      `Move it back, or remove the files that ${path} lists by hand`,
      ports,
    );
    return "unavailable";
  }
  if (isDry) {
    for (const each of manifest.files) {
      if (lookAt(`${root}${each.path}`).kind !== "nothing") ports.out.write(`${root}${each.path}\n`);
    }
    return "ok";
  }
  const kept = removeFiles(root, manifest.files);
  removeRest(root, manifest);
  for (const each of kept) warn(`${root}${each} was changed since it was installed, and stays`, undefined, ports);
  for (const unit of root === "" ? enabledUnits() : []) {
    warn(`${unit} is still enabled`, `systemctl disable ${unit}, then systemctl daemon-reload`, ports);
  }
  ports.out.write(`Removed warmboot ${manifest.version}\n`);
  say("Profiles in /etc/warmboot and what is loaded stay", ports);
  return "ok";
}

/** The DESTDIR below which the installation lies now; empty if it is where it was meant to be. */
function rootOf(folder: string, manifest: Manifest): string | undefined {
  if (isSameFile(`${manifest.folder}/${MANIFEST_NAME}`, `${folder}/${MANIFEST_NAME}`)) return "";
  return folder.endsWith(manifest.folder) ? folder.slice(0, -manifest.folder.length) : undefined;
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
