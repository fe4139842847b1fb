/** What `install` and `uninstall` say; what they do to files is in tests/app/install. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { RUNTIME } from "../../src/app/install/release.ts";
import { VERSION } from "../../src/core/program.ts";
import { withEnvironment } from "../support/environment.ts";
import { run } from "../support/run_cli.ts";
import { withFiles } from "../support/temp_files.ts";
import { RELEASE, startedFrom, sums } from "../support/unpacked_release.ts";

/** A release that brings its own Deno. */
const BRINGS = { ...RELEASE, [RUNTIME]: "deno" };

/** What `look` gives where such a release is unpacked; it runs the program from a folder there, with the root as `ROOT`. */
async function unpacked<T>(
  look: (
    root: string,
    says: (folder: string, ...args: readonly string[]) => Promise<readonly (number | string)[]>,
  ) => Promise<T>,
): Promise<T> {
  const files = { ...BRINGS, SHA256SUMS: sums(BRINGS) };
  const placed = Object.fromEntries(Object.entries(files).map(([path, text]) => [`release/${path}`, text]));
  return await withFiles(placed, (root) =>
    look(root, async (folder, ...args) => {
      const words = args.map((word) => word.replace("ROOT", root));
      const { code, stdout, stderr } = await startedFrom(join(root, folder), () => run(words));
      return [code, ...`${stdout}${stderr}`.replaceAll(root, "ROOT").trimEnd().split("\n")];
    }));
}

const FROM = "release/lib/warmboot";

/** The paths in /etc by folder, in place of this host's, while something runs. */
async function withEtc<T>(
  folders: { readonly [folder: string]: readonly string[] },
  action: () => Promise<T>,
): Promise<T> {
  const { readDirSync } = Deno;
  Deno.readDirSync = (path) => {
    if (!String(path).startsWith("/etc/")) return readDirSync(path);
    const names = folders[String(path)];
    if (names === undefined) throw new Deno.errors.NotFound(String(path));
    return names.map((name) => ({ name, isFile: false, isDirectory: false, isSymlink: true })).values();
  };
  try {
    return await action();
  } finally {
    Deno.readDirSync = readDirSync;
  }
}

Deno.test("install says what to do next where it is done, and not while a package is made", async () => {
  await unpacked(async (root, says) => {
    const made = (place: string, more: number) =>
      `Installed warmboot ${VERSION}: ${place}/bin/warmboot and ${more} more files`;
    const remove = (place: string) => `Remove it with: ${place}/bin/warmboot uninstall`;
    const planned = await says(FROM, "install", "--prefix", "ROOT/opt", "--dry-run");
    assertEquals([planned.length, planned[0], planned[1]], [15, 0, "ROOT/opt/bin/warmboot"]);
    assertEquals(await says(FROM, "install", "--prefix", "ROOT/opt"), [
      0,
      made("ROOT/opt", 13),
      "Make systemd read the units: systemctl daemon-reload",
      "No distribution runs the hooks in ROOT/opt/etc; link them from /etc, or use --sysconfdir /etc",
      remove("ROOT/opt"),
    ]);
    const without = (...names: readonly string[]) => names.map((name) => `--no-${name}`);
    assertEquals(await says(FROM, "install", "--prefix", "ROOT/opt", ...without("units", "hooks")), [
      0,
      made("ROOT/opt", 8),
      remove("ROOT/opt"),
    ]);
    const less = without("units", "hooks", "man", "completions", "docs");
    assertEquals(await says(FROM, "install", "--prefix", "ROOT/opt", "--dry-run", ...less), [
      0,
      "ROOT/opt/bin/warmboot",
      "ROOT/opt/lib/warmboot/cli.js",
      "ROOT/opt/lib/warmboot/deno",
      "remove ROOT/opt/share/man/man8/warmboot.8",
      "remove ROOT/opt/share/bash-completion/completions/warmboot",
      "remove ROOT/opt/share/zsh/site-functions/_warmboot",
      "remove ROOT/opt/share/fish/vendor_completions.d/warmboot.fish",
      "remove ROOT/opt/share/doc/warmboot/examples/web.yaml",
      "remove ROOT/opt/share/doc/warmboot/README.md",
    ]);
    assertEquals(await says(FROM, "install", "--prefix", "/usr", "--destdir", "ROOT/dest"), [
      0,
      made("ROOT/dest/usr", 13),
      remove("ROOT/dest/usr"),
    ]);
    await withEnvironment({ DESTDIR: join(root, "built") }, async () => {
      assertEquals((await says(FROM, "install", "--prefix", "/usr"))[1], made("ROOT/built/usr", 13));
      const [, first] = await says(FROM, "install", "--prefix", "/usr", "--destdir", "ROOT/dest", "--dry-run");
      assertEquals(first, "ROOT/dest/usr/bin/warmboot");
    });
    const elsewhere = ["--destdir", "ROOT/dest", "--bindir", "/b", "--mandir", "/m", "--deno", "/x/deno"];
    const [code, program, ...others] = await says(FROM, "install", "--prefix", "/opt", "--dry-run", ...elsewhere);
    assertEquals([code, program, others.includes("ROOT/dest/m/man8/warmboot.8")], [0, "ROOT/dest/b/warmboot", true]);
    assertEquals((await says(FROM, "install", "--prefix", "/opt", ...elsewhere))[0], 0);
    assertEquals(Deno.readTextFileSync(join(root, "dest/b/warmboot")).includes("installed_with=/x/deno\n"), true);
    assertEquals((await says(FROM, "install", "--prefix", "opt")).slice(0, 2), [
      64,
      "error: opt/bin is not a path that can be installed into",
    ]);
  });
});

Deno.test("what is in the way of an installation is named, and what an uninstallation leaves", async () => {
  await unpacked(async (root, says) => {
    const put = (path: string, text: string): void => {
      Deno.mkdirSync(join(root, path, ".."), { recursive: true });
      Deno.writeTextFileSync(join(root, path), text);
    };
    put("opt/bin/warmboot", "another");
    put("opt/share/man/man8/warmboot.8", "another");
    assertEquals(await says(FROM, "install", "--prefix", "ROOT/opt"), [
      69,
      "error: ROOT/opt/bin/warmboot exists, and was not installed by warmboot",
      "error: ROOT/opt/share/man/man8/warmboot.8 exists, and was not installed by warmboot",
      "Nothing was installed; move these files away, or choose another --prefix",
    ]);
    for (const path of ["opt/bin/warmboot", "opt/share/man/man8/warmboot.8"]) Deno.removeSync(join(root, path));
    assertEquals((await says(FROM, "install", "--prefix", "ROOT/opt"))[0], 0);
    put("opt/bin/warmboot", "mine");
    const folder = "opt/lib/warmboot";
    const planned = await says(folder, "uninstall", "--dry-run");
    assertEquals([planned.length, planned[0], Deno.readTextFileSync(join(root, "opt/bin/warmboot"))], [15, 0, "mine"]);
    const etc = {
      "/etc/systemd/system": ["multi-user.target.wants", "dbus.service"],
      "/etc/systemd/system/multi-user.target.wants": [
        "warmboot-arrive.service",
        "ssh.service",
        "warmboot-load@web.path",
      ],
      "/etc/rc6.d": ["K01warmboot-exec", "K02ssh"],
    };
    assertEquals(await withEtc(etc, () => says(folder, "uninstall")), [
      0,
      `Removed warmboot ${VERSION}`,
      "warning: ROOT/opt/bin/warmboot was changed since it was installed, and stays",
      "warning: warmboot-arrive.service is still enabled",
      "  hint: systemctl disable warmboot-arrive.service, then systemctl daemon-reload",
      "warning: warmboot-load@web.path is still enabled",
      "  hint: systemctl disable warmboot-load@web.path, then systemctl daemon-reload",
      "warning: The hook warmboot-exec is still enabled",
      "  hint: update-rc.d warmboot-exec remove",
      "Profiles in /etc/warmboot and what is loaded stay",
    ]);
  });
});

Deno.test("an installation that was moved, or is none, removes nothing", async () => {
  await unpacked(async (root, says) => {
    assertEquals((await says(FROM, "uninstall")).slice(0, 2), [
      69,
      "error: This warmboot was not installed by warmboot install",
    ]);
    assertEquals((await says(FROM, "install", "--prefix", "ROOT/opt"))[0], 0);
    Deno.renameSync(join(root, "opt/lib/warmboot"), join(root, "opt/lib/moved"));
    assertEquals(await says("opt/lib/moved", "uninstall"), [
      69,
      "error: This warmboot was installed in ROOT/opt/lib/warmboot, and lies in ROOT/opt/lib/moved now",
      "  hint: Move it back, or remove the files that ROOT/opt/lib/moved/manifest.json lists by hand",
    ]);
    assertEquals(Deno.readTextFileSync(join(root, "opt/lib/moved/cli.js")).startsWith("// program"), true);
    Deno.writeTextFileSync(join(root, "opt/lib/moved/manifest.json"), "{}");
    assertEquals((await says("opt/lib/moved", "uninstall"))[0], 65);
  });
});
