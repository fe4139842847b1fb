/**
 * rpm packages (rpm's docs/manual/format_v4.md, read by rpm 4.14 and newer) without rpmbuild: like the Debian ones, they
 * can be made wherever Deno runs, for each machine, and their bytes depend on the pinned Deno alone. A package is a lead, a
 * header of digests, the header of all that rpm knows, and a cpio archive.
 */
import { concat } from "@std/bytes";
import { createHash } from "node:crypto";
import { sha256Of } from "../src/core/sha256.ts";
import { cpioArchive } from "../src/formats/cpio_writer.ts";
import { wrap } from "../src/render/wrap.ts";
import { ABOUT, type Package, packageOf, withFiles } from "./package.ts";
import { RPM_RELEASE, type Target } from "./names.ts";
import { read } from "./repository.ts";
import { headerBytes, type TagValue } from "./rpm_header.ts";
import { GLIBC } from "./runtime.ts";
import { bytesOf, gzip, type PackedFile, type PackedFolder } from "./tar.ts";
import type { TreeFile } from "./tree.ts";

/** Folders that it removes when they are empty: its own, and those of shells that may not be installed. */
const OWN_FOLDERS = [
  "/usr/lib/warmboot",
  "/usr/share/doc/warmboot",
  "/usr/share/fish",
  "/usr/share/licenses/warmboot",
  "/usr/share/warmboot",
  "/usr/share/zsh",
];

/** A package of a release with its runtime. */
export async function rpmPackage(target: Target, tree: readonly TreeFile[], seconds: number): Promise<Uint8Array> {
  const licences = "/usr/share/licenses/warmboot";
  const made = withFiles(packageOf("rpm", target, tree), [
    ...["LICENSE", "RUNTIME.md", "THIRD-PARTY.md"].map((name) => ({
      path: `${licences}/${name}`,
      content: contentOf(tree, `share/doc/warmboot/${name}`),
      mode: 0o644,
    })),
  ]);
  const entries = entriesOf(made, OWN_FOLDERS);
  const payload = cpioArchive(
    entries.map(({ path, mode, bytes }) =>
      bytes === undefined
        ? { kind: "folder", name: `.${path}`, mode }
        : { kind: "file", name: `.${path}`, mode, size: bytes.length }
    ),
    (index) => entries[index]?.bytes ?? new Uint8Array(),
  );
  const packed = await gzip(new Uint8Array(payload));
  const header = headerBytes(63, tagsOf(target, entries, packed, seconds));
  const body = concat([header, packed]);
  const signature = headerBytes(
    62,
    new Map<number, TagValue>([
      [269, text(createHash("sha1").update(header).digest("hex"))],
      [273, text(sha256Of(header))],
      [1000, numbers([body.length])],
      [1004, { type: "bytes", value: createHash("md5").update(body).digest() }],
      [1007, numbers([payload.length])],
    ]),
  );
  return concat([lead(target), signature, new Uint8Array(-signature.length & 7), body]);
}

/** The file of a release at a path. */
function contentOf(tree: readonly TreeFile[], path: string): string | Uint8Array {
  const found = tree.find((file) => file.path === path);
  if (found === undefined) throw new Error(`The release lacks ${path}`);
  return found.content;
}

/** What rpm puts on the disk, by path; a folder has no bytes. */
interface Entry {
  readonly path: string;
  readonly mode: number;
  readonly bytes?: Uint8Array;
}

/** The files, and the folders that are the package's own: those that it asks for, and those below these folders. */
function entriesOf({ files, folders }: Package, own: readonly string[]): readonly Entry[] {
  const inner = new Map<string, PackedFolder>(folders.map((folder) => [folder.path, folder]));
  for (const { path } of files) {
    const steps = path.split("/").slice(0, -1);
    for (const [index] of steps.entries()) {
      const folder = steps.slice(0, index + 1).join("/");
      if (own.some((each) => `${folder}/`.startsWith(`${each}/`))) inner.set(folder, { path: folder, mode: 0o755 });
    }
  }
  const all: Entry[] = [
    ...inner.values(),
    ...files.map(({ path, content, mode }: PackedFile) => ({ path, mode, bytes: bytesOf(content) })),
  ];
  return all.toSorted((a, b) => a.path < b.path ? -1 : 1);
}

/** RPMSENSE_ flags: how a dependency compares versions, and where it comes from. */
const SENSE = {
  any: 0,
  equal: 8,
  upTo: 10,
  preun: 1 << 11,
  post: 1 << 10,
  postun: 1 << 12,
  interpreter: 1 << 8,
} as const;
const RPMLIB = SENSE.upTo | 1 << 24;
const FOUND = 1 << 14;

/** What it needs: name, flags, version. */
const REQUIRED: readonly (readonly [string, number, string])[] = [
  ["/bin/sh", SENSE.interpreter | SENSE.post, ""],
  ["/bin/sh", SENSE.interpreter | SENSE.preun, ""],
  ["/bin/sh", SENSE.interpreter | SENSE.postun, ""],
  ["/usr/bin/sh", SENSE.any, ""],
  [`libc.so.6(GLIBC_${GLIBC})(64bit)`, FOUND, ""],
  ["libgcc_s.so.1(GCC_3.3)(64bit)", FOUND, ""],
  ["libm.so.6()(64bit)", FOUND, ""],
  ["rpmlib(CompressedFileNames)", RPMLIB, "3.0.4-1"],
  ["rpmlib(FileDigests)", RPMLIB, "4.6.0-1"],
  ["rpmlib(PayloadFilesHavePrefix)", RPMLIB, "4.0-1"],
];

/** RPMFILE_ flags of a file. */
function flagsOf(path: string): number {
  if (path.startsWith("/usr/share/licenses/") && !path.endsWith("/warmboot")) return 1 << 7;
  return /^\/usr\/share\/(?:doc|man)\//.test(path) ? 1 << 1 : 0;
}

/** The header: tags by number, as rpm's include/rpm/rpmtag.h names them. */
function tagsOf(
  { rpm }: Target,
  entries: readonly Entry[],
  packed: Uint8Array,
  seconds: number,
): ReadonlyMap<number, TagValue> {
  const { name, version } = ABOUT;
  const full = `${version}-${RPM_RELEASE}`;
  const split = entries.map(({ path }) => path.lastIndexOf("/") + 1);
  const folders = [...new Set(entries.map(({ path }, index) => path.slice(0, split[index])))];
  const each = (value: (entry: Entry, index: number) => number) => numbers(entries.map(value));
  const eachText = (value: (entry: Entry, index: number) => string) => texts(entries.map(value));
  const provided = [name, `${name}(${rpm === "x86_64" ? "x86-64" : "aarch-64"})`];
  return new Map<number, TagValue>([
    [100, texts(["C"])], // HEADERI18NTABLE
    [1000, text(name)],
    [1001, text(version)],
    [1002, text(RPM_RELEASE)],
    [1004, local(ABOUT.summary)],
    [1005, local(ABOUT.description.map((paragraph) => wrap(paragraph, 79, 0)).join("\n\n"))],
    [1006, numbers([seconds])], // BUILDTIME
    [1007, text("localhost")], // BUILDHOST
    [1009, numbers([entries.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0)])],
    [1014, text("MIT AND BSD-3-Clause")],
    [1015, text(ABOUT.maintainer)],
    [1016, local("System Environment/Base")],
    [1020, text(ABOUT.homepage)],
    [1021, text("linux")],
    [1022, text(rpm)],
    [1024, text(read("packaging/rpm/post"))],
    [1025, text(read("packaging/rpm/preun"))],
    [1026, text(read("packaging/rpm/postun"))],
    [1028, each(({ bytes }) => bytes?.length ?? 0)],
    [1030, {
      type: "int16",
      values: entries.map(({ mode, bytes }) => mode | (bytes === undefined ? 0o40000 : 0o100000)),
    }],
    [1033, { type: "int16", values: entries.map(() => 0) }], // FILERDEVS
    [1034, each(() => seconds)], // FILEMTIMES
    [1035, eachText(({ bytes }) => bytes === undefined ? "" : sha256Of(bytes))],
    [1036, eachText(() => "")], // FILELINKTOS
    [1037, each(({ path }) => flagsOf(path))],
    [1039, eachText(() => "root")],
    [1040, eachText(() => "root")],
    [1044, text(`${name}-${full}.src.rpm`)], // a package without a source package's name is a source package
    [1045, each(() => -1)], // FILEVERIFYFLAGS
    [1047, texts(provided)],
    [1048, numbers(REQUIRED.map(([, flags]) => flags))],
    [1049, texts(REQUIRED.map(([need]) => need))],
    [1050, texts(REQUIRED.map(([, , than]) => than))],
    [1064, text("4.14.0")], // RPMVERSION: what this writes
    [1080, numbers([seconds])],
    [1081, texts([`${ABOUT.maintainer} - ${full}`])],
    [1082, texts([`- Release ${version}`])],
    [1086, text("/bin/sh")],
    [1087, text("/bin/sh")],
    [1088, text("/bin/sh")],
    [1095, each(() => 1)], // FILEDEVICES
    [1096, each((_, index) => index + 1)], // FILEINODES
    [1097, eachText(() => "")], // FILELANGS
    [1112, numbers(provided.map(() => SENSE.equal))],
    [1113, texts(provided.map(() => full))],
    [1116, each(({ path }, index) => folders.indexOf(path.slice(0, split[index])))],
    [1117, eachText(({ path }, index) => path.slice(split[index]))],
    [1118, texts(folders)],
    [1124, text("cpio")],
    [1125, text("gzip")],
    [1126, text("9")],
    [1132, text(`${rpm}-linux-gnu`)], // PLATFORM
    [5011, numbers([8])], // FILEDIGESTALGO: SHA-256
    [5062, text("utf-8")],
    [5092, texts([sha256Of(packed)])],
    [5093, numbers([8])],
  ]);
}

/** The lead, which only file(1) still reads. */
function lead({ rpm }: Target): Uint8Array {
  const bytes = new Uint8Array(96);
  bytes.set([0xed, 0xab, 0xee, 0xdb, 3, 0, 0, 0, 0, rpm === "x86_64" ? 1 : 19]);
  bytes.set(bytesOf(`${ABOUT.name}-${ABOUT.version}-${RPM_RELEASE}`).subarray(0, 65), 10);
  bytes.set([0, 1, 0, 5], 76);
  return bytes;
}

function text(value: string): TagValue {
  return { type: "string", value };
}

function texts(values: readonly string[]): TagValue {
  return { type: "strings", values };
}

function local(value: string): TagValue {
  return { type: "i18n", values: [value] };
}

function numbers(values: readonly number[]): TagValue {
  return { type: "int32", values };
}
