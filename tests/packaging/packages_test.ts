/** Packages with a runtime: their formats, what they have where, and that they run with nothing around them. */
import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { arArchive, debianPackage } from "../../packaging/deb.ts";
import { packageName, TARGETS } from "../../packaging/names.ts";
import { packageOf } from "../../packaging/package.ts";
import { writeRelease } from "../../packaging/release.ts";
import { rpmPackage } from "../../packaging/rpm.ts";
import { headerBytes } from "../../packaging/rpm_header.ts";
import { fetchRuntime, GLIBC } from "../../packaging/runtime.ts";
import { bytesOf, tarArchive } from "../../packaging/tar.ts";
import { DENO } from "../../packaging/toolchain.ts";
import { releaseTree, withRuntime } from "../../packaging/tree.ts";
import { HOMEPAGE, VERSION } from "../../src/core/program.ts";
import { inOwnProcess } from "../support/own_process.ts";
import { hasTool, tool } from "../support/tool.ts";
import { walkFiles } from "../support/walk_files.ts";

const REPOSITORY = join(import.meta.dirname ?? ".", "../..");
const TIME = 1_700_000_000;

/** Instead of 90 MiB of Deno: a script that starts the one that runs the tests. */
const RUNTIME = bytesOf(`#!/bin/sh\nexec ${Deno.execPath()} "$@"\n`);

const folder = Deno.makeTempDirSync({ prefix: "warmboot-packages-" });
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

const [amd64, arm64] = TARGETS;
const tree = withRuntime(await releaseTree(), RUNTIME);

/** The text of a file of a package. */
function textIn(format: "debian" | "rpm", path: string): string {
  const content = packageOf(format, amd64 ?? fail(), tree).files.find((file) => file.path === path)?.content;
  return typeof content === "string" ? content : new TextDecoder().decode(content);
}

function fail(): never {
  throw new Error("There are no targets");
}

Deno.test({
  name: "each file of a release is named for its format and machine",
  permissions: "none",
  fn: () => {
    const names = TARGETS.flatMap((target) =>
      (["archive", "debian", "rpm"] as const).map((format) => packageName(format, "1.2.3", target))
    );
    assertEquals(names, [
      "warmboot-1.2.3-linux-x64.tar.gz",
      "warmboot_1.2.3_amd64.deb",
      "warmboot-1.2.3-1.x86_64.rpm",
      "warmboot-1.2.3-linux-arm64.tar.gz",
      "warmboot_1.2.3_arm64.deb",
      "warmboot-1.2.3-1.aarch64.rpm",
    ]);
  },
});

Deno.test({
  name: "an ar archive has a header of 60 bytes for each member, which begins at an even place",
  permissions: "none",
  fn: () => {
    const text = new TextDecoder().decode(arArchive([["a", bytesOf("odd")], ["long-name", bytesOf("even")]], 7));
    assertEquals(
      text,
      "!<arch>\n" +
        "a               7           0     0     100644  3         `\nodd\n" +
        "long-name       7           0     0     100644  4         `\neven",
    );
  },
});

Deno.test({
  name: "a header of rpm has its tags in order, its numbers aligned, and a trailer that leads back to its index",
  permissions: "none",
  fn: () => {
    const bytes = headerBytes(
      63,
      new Map([
        [1009, { type: "int32", values: [0x01020304, -1] }],
        [1000, { type: "string", value: "abc" }],
        [1030, { type: "int16", values: [0x8180] }],
        [1004, { type: "i18n", values: ["s"] }],
        [1035, { type: "strings", values: ["x", ""] }],
      ]),
    );
    const view = new DataView(bytes.buffer);
    const words = Array.from({ length: bytes.length >> 2 }, (_, index) => view.getInt32(4 * index));
    assertEquals(words.slice(0, 4), [0x8eade801 | 0, 0, 6, 37]);
    assertEquals(words.slice(4, 28), [
      ...[63, 7, 21, 16],
      ...[1000, 6, 0, 1],
      ...[1004, 9, 4, 1],
      ...[1009, 4, 8, 2],
      ...[1030, 3, 16, 1],
      ...[1035, 8, 18, 2],
    ]);
    const store = bytes.subarray(28 * 4);
    assertEquals(
      [...store],
      [
        ...[0x61, 0x62, 0x63, 0, 0x73, 0, 0, 0],
        ...[1, 2, 3, 4, 255, 255, 255, 255],
        ...[0x81, 0x80, 0x78, 0, 0],
        ...[0, 0, 0, 63, 0, 0, 0, 7, 255, 255, 255, 160, 0, 0, 0, 16],
      ],
    );
  },
});

Deno.test("a tar archive has the folders that are asked for, even empty, with their modes", async () => {
  const path = join(folder, "folders.tar");
  const file = { path: "./b/c", content: "c", mode: 0o600 };
  Deno.writeFileSync(path, tarArchive([file], TIME, [{ path: "./a/empty", mode: 0o700 }]));
  const listed = await tool("tar", ["-tvf", path]);
  assertEquals(listed?.said.trim().split("\n").map((line) => [line.slice(0, 10), line.split(" ").at(-1)]), [
    ["drwxr-xr-x", "./"],
    ["drwxr-xr-x", "./a/"],
    ["drwx------", "./a/empty/"],
    ["drwxr-xr-x", "./b/"],
    ["-rw-------", "./b/c"],
  ]);
});

Deno.test("packages have the same files for each machine, where their distributions look for them", () => {
  const paths = (format: "debian" | "rpm", target = amd64) =>
    packageOf(format, target ?? fail(), tree).files.map(({ path }) => path);
  assertEquals(paths("debian"), paths("debian", arm64));
  const [debian, rpm] = [paths("debian"), paths("rpm")];
  for (
    const path of [
      "/usr/bin/warmboot",
      "/usr/lib/kernel/install.d/90-warmboot.install",
      "/usr/lib/systemd/system/warmboot-load@.service",
      "/usr/lib/warmboot/deno",
      "/usr/lib/warmboot/program.js",
      "/usr/share/bash-completion/completions/warmboot",
      "/usr/share/fish/vendor_completions.d/warmboot.fish",
      "/usr/share/man/man5/warmboot.profile.5.gz",
      "/usr/share/man/man8/warmboot.8.gz",
      "/usr/share/warmboot/hooks/sysvinit/warmboot-exec",
    ]
  ) assert(debian.includes(path) && rpm.includes(path), path);
  const differing = (a: readonly string[], b: readonly string[]) => a.filter((path) => !b.includes(path));
  assertEquals(differing(debian, rpm), [
    "/etc/initramfs/post-update.d/zz-warmboot",
    "/etc/kernel/postinst.d/zz-warmboot",
    "/etc/kernel/postrm.d/zz-warmboot",
    "/usr/share/zsh/vendor-completions/_warmboot",
  ]);
  assertEquals(differing(rpm, debian), [
    "/usr/share/doc/warmboot/CHANGELOG.md",
    "/usr/share/zsh/site-functions/_warmboot",
  ]);
});

Deno.test("no unit, hook or program of a package names a path of an installation by hand", () => {
  for (const { path, content } of packageOf("debian", amd64 ?? fail(), tree).files) {
    if (/\/doc\/|\/man\/|program\.js$|\/deno$/.test(path) || typeof content !== "string") continue;
    const named = content.split("\n").filter((line) => /\/usr\/local(?!\/bin\/deno|\/bin: file)/.test(line));
    assertEquals(named, [], path);
  }
  assertStringIncludes(textIn("debian", "/usr/share/warmboot/hooks/sysvinit/warmboot-exec"), " /usr/bin/warmboot exec");
});

Deno.test("packages are the same bytes each time, and of another time other bytes", async () => {
  for (const make of [debianPackage, rpmPackage]) {
    const first = await make(amd64 ?? fail(), tree, TIME);
    assertEquals(await make(amd64 ?? fail(), tree, TIME), first);
    assertNotEquals(await make(amd64 ?? fail(), tree, TIME + 1), first);
  }
});

Deno.test({
  name: "dpkg reads a package: what it is, its configuration files, and that all files are as its list says",
  ignore: !await hasTool("dpkg-deb"),
  fn: async () => {
    const path = join(folder, "x.deb");
    Deno.writeFileSync(path, await debianPackage(arm64 ?? fail(), tree, TIME));
    const control = (await tool("dpkg-deb", ["--field", path]))?.said ?? "";
    assertStringIncludes(control, `Package: warmboot\nVersion: ${VERSION}\nArchitecture: arm64\n`);
    assertStringIncludes(control, `Depends: libc6 (>= ${GLIBC}), libgcc-s1 (>= 3.3)\n`);
    assertStringIncludes(control, `Homepage: ${HOMEPAGE}\n`);
    assertMatch(control, /\nDescription: reboot Linux[^\n]*\n warmboot restarts(?: [^\n]*\n| \.\n)+/);
    const unpacked = join(folder, "deb");
    assertEquals((await tool("dpkg-deb", ["--raw-extract", path, unpacked]))?.said, "");
    assertEquals((await tool("md5sum", ["--quiet", "-c", "DEBIAN/md5sums"], { cwd: unpacked }))?.said, "");
    assertEquals(Deno.readTextFileSync(join(unpacked, "DEBIAN/conffiles")).trim().split("\n"), [
      "/etc/initramfs/post-update.d/zz-warmboot",
      "/etc/kernel/postinst.d/zz-warmboot",
      "/etc/kernel/postrm.d/zz-warmboot",
    ]);
    assert(Deno.statSync(join(unpacked, "etc/warmboot")).isDirectory);
    assertEquals((Deno.statSync(join(unpacked, "var/cache/warmboot")).mode ?? 0) & 0o777, 0o700);
    const sums = Deno.readTextFileSync(join(unpacked, "DEBIAN/md5sums")).trim().split("\n").map((line) =>
      line.slice(34)
    );
    const found = walkFiles(unpacked, "").map((file) => file.slice(unpacked.length + 1));
    assertEquals(found.filter((file) => !file.startsWith("DEBIAN/")), sums.toSorted());
  },
});

Deno.test({
  name: "rpm reads a package: its digests, what it is, and what it needs",
  ignore: !await hasTool("rpm"),
  fn: async () => {
    const path = join(folder, "x.rpm");
    Deno.writeFileSync(path, await rpmPackage(arm64 ?? fail(), tree, TIME));
    const checked = await tool("rpm", ["-Kv", path]);
    assertEquals([checked?.code, checked?.said.match(/OK$/gm)?.length], [0, 4], checked?.said);
    const asked = await tool("rpm", ["-qp", "--qf", "%{nevra} %{license} %{buildtime}\\n", path]);
    assertEquals(asked?.said, `warmboot-${VERSION}-1.aarch64 MIT AND BSD-3-Clause ${TIME}\n`);
    const needs = (await tool("rpm", ["-qpR", path]))?.said ?? "";
    assertStringIncludes(needs, `libc.so.6(GLIBC_${GLIBC})(64bit)\n`);
    const listed = (await tool("rpm", ["-qpl", path]))?.said.trim().split("\n") ?? [];
    assertEquals(listed, listed.toSorted());
    assert(listed.includes("/usr/share/licenses/warmboot/RUNTIME.md"));
  },
});

for (
  const [command, args, make, name] of [
    [
      "lintian",
      ["--allow-root", "-I"],
      debianPackage,
      packageName("debian", VERSION, amd64 ?? fail()),
    ],
    [
      "rpmlint",
      ["-c", join(REPOSITORY, "packaging/rpm/rpmlint.toml")],
      rpmPackage,
      packageName("rpm", VERSION, amd64 ?? fail()),
    ],
  ] as const
) {
  Deno.test({
    name: `${command} says nothing but what is explained`,
    ignore: !await hasTool(command),
    fn: async () => {
      const path = join(folder, name);
      Deno.writeFileSync(path, await make(amd64 ?? fail(), tree, TIME));
      const run = await tool(command, [...args, path]);
      const said = run?.said.match(/^(?:[EWI]: \S+|\S+: [EWI]): .*(?<!spellchecking disabled\.)$/gm) ?? [];
      // What is explained of Deno's own program is not there.
      assertEquals(
        said.filter((line) => !/unused-override|(?:no-binary|only-non-binary-in-usr-lib)$/.test(line)),
        [],
        run?.said,
      );
    },
  });
}

Deno.test({
  name: "shellcheck finds no fault with what packages run",
  ignore: !await hasTool("shellcheck"),
  fn: async () => {
    for (
      const path of [
        ...walkFiles(join(REPOSITORY, "packaging/debian"), ""),
        ...walkFiles(join(REPOSITORY, "packaging/rpm"), ""),
      ]
    ) {
      if (/copyright$|overrides$|\.toml$/.test(path)) continue;
      assertEquals((await tool("shellcheck", ["-s", "sh", path]))?.said, "", path);
    }
  },
});

Deno.test("the archive with a runtime runs with nothing in PATH and no HOME, and installs its runtime", async () => {
  const dist = join(folder, "dist");
  await writeRelease(dist, TIME, { runtime: () => Promise.resolve(RUNTIME) });
  const sums = Deno.readTextFileSync(join(dist, "SHA256SUMS")).trim().split("\n").map((line) => line.slice(66));
  assertEquals(
    sums,
    [...Deno.readDirSync(dist)].map(({ name }) => name).filter((name) => name !== "SHA256SUMS").toSorted(),
  );
  assertEquals(sums.length, 8);
  await tool("tar", ["-xzf", join(dist, `warmboot-${VERSION}-linux-x64.tar.gz`), "-C", folder]);
  const unpacked = join(folder, `warmboot-${VERSION}`);
  assertEquals((await tool("sha256sum", ["-c", "--quiet", "SHA256SUMS"], { cwd: unpacked }))?.said, "");
  const bare = async (program: string, ...args: string[]): Promise<{ code: number; said: string }> => {
    const { code, stdout, stderr } = await new Deno.Command(program, {
      args,
      clearEnv: true,
      env: { PATH: "/nowhere", DENO_DIR: "/dev/null/nowhere" },
    }).output();
    return { code, said: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
  };
  assertMatch(
    (await bare(join(unpacked, "bin/warmboot"), "--version")).said,
    new RegExp(`^warmboot ${VERSION} \\(deno`),
  );

  const prefix = Deno.makeTempDirSync({ dir: folder });
  const installed = await bare(join(unpacked, "bin/warmboot"), "install", "--prefix", prefix);
  assertEquals(installed.code, 0, installed.said);
  assertEquals((Deno.statSync(join(prefix, "lib/warmboot/deno")).mode ?? 0) & 0o777, 0o755);
  Deno.removeSync(unpacked, { recursive: true });
  const ran = await bare(join(prefix, "bin/warmboot"), "--version");
  assertStringIncludes(ran.said, `warmboot ${VERSION} (deno`);
  assertEquals((await bare(join(prefix, "bin/warmboot"), "uninstall")).code, 0);
  assertEquals([...Deno.readDirSync(prefix)], []);
});

Deno.test({
  name: "the digests are signed by a key of GnuPG as well, and a signature of other digests is removed",
  ignore: !await hasTool("gpg"),
  fn: async () => {
    const dist = Deno.makeTempDirSync({ dir: folder });
    const home = Deno.makeTempDirSync({ prefix: "wbgpg" });
    const env = { GNUPGHOME: home };
    const sign = async (key: string) => {
      const program = `console.log(await signSums(${JSON.stringify(dist)}, ${JSON.stringify(key)}));`;
      return (await inOwnProcess({ "packaging/release.ts": "signSums" }, program, env)).trim();
    };
    try {
      const maker = ["--batch", "--passphrase", "", "--quick-gen-key", "release@example.org", "ed25519"];
      const made = await tool("gpg", maker, { env });
      assertEquals(made?.code, 0, made?.said);
      await writeRelease(dist, TIME);
      const signature = await sign("release@example.org");
      assertEquals(signature, join(dist, "SHA256SUMS.asc"));
      assertMatch(Deno.readTextFileSync(signature), /^-----BEGIN PGP SIGNATURE-----/);
      await sign("release@example.org");
      const verify = () => tool("gpg", ["--verify", signature, join(dist, "SHA256SUMS")], { env });
      assertEquals((await verify())?.code, 0);
      Deno.writeTextFileSync(join(dist, "SHA256SUMS"), "0", { append: true });
      assertEquals((await verify())?.code, 1);
      await assertRejects(() => sign("nobody@example.org"), Error, "Cannot sign with nobody@example.org");
      await sign("release@example.org");
      await writeRelease(dist, TIME);
      assert(![...Deno.readDirSync(dist)].some(({ name }) => name.endsWith(".asc")));
    } finally {
      await tool("gpgconf", ["--homedir", home, "--kill", "all"]);
      await Deno.remove(home, { recursive: true });
    }
  },
});

Deno.test("without npm, the runtime of another machine is named, and what can be done without it", async () => {
  const other = TARGETS.find(({ machine }) => machine !== Deno.build.arch) ?? fail();
  const error = await assertRejects(
    () => fetchRuntime(other, "/nowhere/npm"),
    Error,
    "Cannot find /nowhere/npm, which",
  );
  assertStringIncludes(error.message, "fetches @deno/linux-");
  assertStringIncludes(error.message, "--no-packages");
});

Deno.test({
  name: "the C library that packages ask for is the oldest that has what Deno needs",
  ignore: Deno.version.deno !== DENO.version || !await hasTool("readelf"),
  fn: async () => {
    const said = (await tool("readelf", ["-V", Deno.execPath()]))?.said ?? "";
    const minors = [...said.matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
    assertEquals(`2.${Math.max(...minors)}`, GLIBC);
  },
});
