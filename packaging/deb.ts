/**
 * Debian packages, deb(5), without dpkg-deb: the format is two tar archives in an ar archive. So they can be made wherever
 * Deno runs, and their bytes depend on the pinned Deno alone, not on a version of dpkg or xz.
 */
import { concat } from "@std/bytes";
import { createHash } from "node:crypto";
import { wrap } from "../src/render/wrap.ts";
import { ABOUT, compressed, type Package, packageOf, withFiles } from "./package.ts";
import type { Target } from "./names.ts";
import { read } from "./repository.ts";
import { GLIBC } from "./runtime.ts";
import { bytesOf, gzip, type PackedFile, tarArchive } from "./tar.ts";
import type { TreeFile } from "./tree.ts";

/** Scripts that dpkg runs. */
const SCRIPTS = ["postinst", "prerm", "postrm"] as const;

/** A package of a release with its runtime. */
export async function debianPackage(target: Target, tree: readonly TreeFile[], seconds: number): Promise<Uint8Array> {
  const doc = "/usr/share/doc/warmboot";
  const made = withFiles(packageOf("debian", target, tree), [
    { path: `${doc}/copyright`, content: read("packaging/debian/copyright"), mode: 0o644 },
    compressed({ path: `${doc}/changelog`, content: changelog(seconds), mode: 0o644 }),
    { path: "/usr/share/lintian/overrides/warmboot", content: read("packaging/debian/overrides"), mode: 0o644 },
  ]);
  const below = <T extends { readonly path: string }>(file: T): T => ({ ...file, path: `.${file.path}` });
  const data = tarArchive(made.files.map(below), seconds, made.folders.map(below));
  const control = tarArchive(controlFiles(made).map((file) => below({ ...file, path: `/${file.path}` })), seconds);
  return arArchive([
    ["debian-binary", bytesOf("2.0\n")],
    ["control.tar.gz", await gzip(control)],
    ["data.tar.gz", await gzip(data)],
  ], seconds);
}

/** What dpkg wants to know of a package. */
function controlFiles(made: Package): readonly PackedFile[] {
  const sums = made.files.map(({ path, content }) =>
    `${createHash("md5").update(bytesOf(content)).digest("hex")}  ${path.slice(1)}\n`
  );
  const conffiles = made.files.filter(({ path }) => path.startsWith("/etc/")).map(({ path }) => `${path}\n`);
  return [
    { path: "control", content: controlText(made), mode: 0o644 },
    { path: "conffiles", content: conffiles.join(""), mode: 0o644 },
    { path: "md5sums", content: sums.join(""), mode: 0o644 },
    ...SCRIPTS.map((name) => ({ path: name, content: read(`packaging/debian/${name}`), mode: 0o755 })),
  ];
}

/** The control file, deb-control(5). */
function controlText({ target, files, folders }: Package): string {
  // As dpkg-gencontrol reckons: each file in whole KiB, one for anything else.
  const size = files.reduce((sum, { content }) => sum + Math.ceil(bytesOf(content).length / 1024), folders.length);
  return `Package: ${ABOUT.name}
Version: ${ABOUT.version}
Architecture: ${target.debian}
Maintainer: ${ABOUT.maintainer}
Installed-Size: ${size}
Depends: libc6 (>= ${GLIBC}), libgcc-s1 (>= 3.3)
Section: admin
Priority: optional
Homepage: ${ABOUT.homepage}
Description: ${ABOUT.summary.replace(/^R/, "r")}
${ABOUT.description.map((paragraph) => ` ${wrap(paragraph, 78, 1)}\n`).join(" .\n")}`;
}

/** Debian's form of a changelog; the project's own is longer. */
function changelog(seconds: number): string {
  const date = new Date(seconds * 1000).toUTCString().replace("GMT", "+0000");
  return `${ABOUT.name} (${ABOUT.version}) unstable; urgency=medium

  * Release ${ABOUT.version}.

 -- ${ABOUT.maintainer}  ${date}
`;
}

/** An archive of ar(5) as Debian has it. */
export function arArchive(
  members: readonly (readonly [name: string, content: Uint8Array])[],
  seconds: number,
): Uint8Array {
  return concat([
    bytesOf("!<arch>\n"),
    ...members.flatMap(([name, content]) => [
      bytesOf(
        `${name.padEnd(16)}${String(seconds).padEnd(12)}${"0".padEnd(6)}${"0".padEnd(6)}${"100644".padEnd(8)}${
          String(content.length).padEnd(10)
        }\`\n`,
      ),
      content,
      bytesOf(content.length % 2 === 0 ? "" : "\n"),
    ]),
  ]);
}
