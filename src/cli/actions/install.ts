import { hasErrors } from "../../core/diagnostic.ts";
import { type ExitName, VERSION } from "../../core/program.ts";
import { type Invocation, isSet, textOption } from "../command.ts";
import { foreignPaths, installFiles, type NewFile, obsoletePaths } from "../../app/install/install_files.ts";
import { type Folders, foldersOf, type Group, installedText, targetsOf } from "../../app/install/layout.ts";
import { MANIFEST_FORMAT, MANIFEST_NAME, readManifest } from "../../app/install/manifest.ts";
import { FOLDER_OPTIONS } from "../../app/install/options.ts";
import { readRelease } from "../../app/install/release.ts";
import type { Ports } from "../ports.ts";
import { complain, report, say } from "../report.ts";

/** Does what `warmboot install` is asked to. */
export function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
  return Promise.resolve(install(invocation, ports));
}

function install(invocation: Invocation, ports: Ports): ExitName {
  const folders = foldersFrom(invocation);
  const unusable = Object.values(folders).find((path) => !/^\/[\w./+-]*$/.test(path));
  if (unusable !== undefined) {
    complain(
      `${unusable} is no path to install into`,
      "Scripts and units name it: begin it with /, and use letters, digits and . _ + - only",
      ports,
    );
    return "usage";
  }
  const { value: release, diagnostics } = readRelease();
  if (release === undefined) {
    if (hasErrors(diagnostics)) return report(diagnostics, ports);
    complain(
      "This warmboot is no unpacked release, so there is nothing to install from",
      "Unpack a release and run its bin/warmboot install; in a checkout: deno task install",
      ports,
    );
    return "unavailable";
  }
  const root = (textOption(invocation, "destdir") ?? "").replace(/\/+$/, "");
  const deno = textOption(invocation, "deno") ?? (root === "" ? lastingDeno() : undefined);
  const files = release.flatMap(({ path, text }) =>
    targetsOf(path, folders).filter(({ group }) => !isLeftOut(group, invocation)).map((target): NewFile => ({
      path: target.path,
      text: installedText(text, target, folders, deno),
      isProgram: target.isProgram,
    }))
  );
  const manifest = readManifest(`${root}${folders.lib}/${MANIFEST_NAME}`);
  const failed = report(manifest.diagnostics, ports);
  if (failed !== "ok") return failed;
  const foreign = foreignPaths(root, files, manifest.value);
  for (const path of foreign) complain(`${root}${path} is there, and is not what warmboot installed`, undefined, ports);
  if (foreign.length > 0) {
    say("Nothing was installed; move these away, or install elsewhere with --prefix", ports);
    return "unavailable";
  }
  if (isSet(invocation, "dry-run")) {
    for (const { path } of files) ports.out.write(`${root}${path}\n`);
    for (const path of obsoletePaths(files, manifest.value)) ports.out.write(`remove ${root}${path}\n`);
    return "ok";
  }
  const about = { format: MANIFEST_FORMAT, version: VERSION, folder: folders.lib };
  installFiles(root, files, about, { before: manifest.value, empty: [`${folders.sysconf}/warmboot`] });
  ports.out.write(`Installed warmboot ${VERSION}: ${root}${folders.bin}/warmboot and ${files.length - 1} more files\n`);
  if (deno === undefined && root === "") {
    say("It runs with the deno that is found then: on PATH, or in /usr/local/bin", ports);
  }
  if (root === "" && !isLeftOut("units", invocation)) {
    say("systemd sees the units after: systemctl daemon-reload", ports);
  }
  say(`Take it away with: ${root}${folders.bin}/warmboot uninstall`, ports);
  return "ok";
}

function foldersFrom(invocation: Invocation): Folders {
  const prefix = textOption(invocation, "prefix") ?? "/usr/local";
  const given = FOLDER_OPTIONS.flatMap(({ name, folder }) => {
    const path = textOption(invocation, name);
    return path === undefined ? [] : [[folder, trimmed(path)]];
  });
  return foldersOf(trimmed(prefix), Object.fromEntries(given));
}

function trimmed(path: string): string {
  return path.replace(/(?<=.)\/+$/, "");
}

function isLeftOut(group: Group, invocation: Invocation): boolean {
  return isSet(invocation, `no-${group}`);
}

/** The deno that runs now, unless it may be gone tomorrow, as one that npx fetched. */
function lastingDeno(): string | undefined {
  const path = Deno.execPath();
  return /\/(?:_npx|tmp|\.npm|node_modules)\//.test(path) ? undefined : path;
}
