/** Files and links by their absolute paths; folders are there where something lies in them. */
export interface FakeFiles {
  readonly [path: string]: string | Uint8Array | { readonly to: string } | { readonly error: Error };
}

const READERS = [
  "readDirSync",
  "readFileSync",
  "readTextFileSync",
  "readLinkSync",
  "realPathSync",
  "statSync",
] as const;

/** What `look` gives where Deno's functions that read find these files alone: no permission is needed, and no disk. */
export function withFakeFiles<T>(files: FakeFiles, look: () => T): T {
  const real = Object.fromEntries(READERS.map((name) => [name, Deno[name]]));
  Object.assign(Deno, readersOf(files));
  try {
    return look();
  } finally {
    Object.assign(Deno, real);
  }
}

/** Those that read, each as Deno's own, as far as the live reader of a host uses it. */
function readersOf(files: FakeFiles): Pick<typeof Deno, typeof READERS[number]> {
  const below = (path: string): ReadonlySet<string> =>
    new Set(
      Object.keys(files).flatMap((each) =>
        each.startsWith(path === "/" ? "/" : `${path}/`)
          ? [each.slice(path === "/" ? 1 : path.length + 1).split("/", 1)[0] ?? ""]
          : []
      ),
    );
  const missing = (path: string): Error =>
    Object.assign(new Deno.errors.NotFound(`No such file or directory: ${path}`), { code: "ENOENT" });
  /** The path without links and `..`; of its last part, the link itself with `keep`. */
  const resolved = (path: string | URL, keep = false, depth = 0): string => {
    if (depth > 40) throw new Error("Too many levels of symbolic links");
    let at = "";
    const parts = String(path).split("/").filter((part) => part !== "" && part !== ".");
    for (const [index, part] of parts.entries()) {
      if (part === "..") {
        at = at.slice(0, Math.max(0, at.lastIndexOf("/")));
        continue;
      }
      const here = `${at}/${part}`;
      const file = files[here];
      if (file === undefined && below(here).size === 0) throw missing(String(path));
      const isKept = keep && index === parts.length - 1;
      if (typeof file === "object" && "to" in file && !isKept) {
        at = resolved(file.to.startsWith("/") ? file.to : `${at}/${file.to}`, false, depth + 1);
      } else at = here;
    }
    return at === "" ? "/" : at;
  };
  const content = (path: string | URL): string | Uint8Array => {
    const file = files[resolved(path)];
    if (file === undefined) throw Object.assign(new Error("Is a directory"), { code: "EISDIR" });
    if (typeof file === "string" || file instanceof Uint8Array) return file;
    throw "error" in file ? file.error : missing(String(path));
  };
  return {
    readFileSync: (path) => {
      const found = content(path);
      return (typeof found === "string" ? new TextEncoder().encode(found) : found) as Uint8Array<ArrayBuffer>;
    },
    readTextFileSync: (path) => {
      const found = content(path);
      return typeof found === "string" ? found : new TextDecoder().decode(found);
    },
    readLinkSync: (path) => {
      const file = files[resolved(path, true)];
      if (typeof file === "object" && "to" in file) return file.to;
      throw Object.assign(new Error("Invalid argument"), { code: "EINVAL" });
    },
    realPathSync: (path) => resolved(path),
    statSync: (path) => {
      const file = files[resolved(path)];
      if (typeof file === "object" && "error" in file) throw file.error;
      return { isDirectory: file === undefined } as Deno.FileInfo;
    },
    readDirSync: (path) => {
      const folder = resolved(path);
      return [...below(folder)].toReversed().map((name): Deno.DirEntry => {
        const file = files[`${folder}/${name}`];
        const isSymlink = typeof file === "object" && "to" in file;
        return { name, isSymlink, isFile: file !== undefined && !isSymlink, isDirectory: file === undefined };
      }).values();
    },
  };
}
