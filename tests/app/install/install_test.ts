import { assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { WriteError } from "../../../src/app/files/write_whole.ts";
import { install, type InstallRequest } from "../../../src/app/install/install.ts";
import { foreignPaths, lookAt, removeFiles } from "../../../src/app/install/install_files.ts";
import { foldersOf, installedText, isForHost, targetsOf } from "../../../src/app/install/layout.ts";
import { readRelease } from "../../../src/app/install/release.ts";
import { uninstall } from "../../../src/app/install/uninstall.ts";
import type { Diagnostic } from "../../../src/core/diagnostic.ts";
import { sha256Of } from "../../../src/core/sha256.ts";
import { inOwnProcess } from "../../support/own_process.ts";
import { withFiles } from "../../support/temp_files.ts";
import { RELEASE, startedFrom, sums } from "../../support/unpacked_release.ts";

/** An outcome as JSON has it: what is undefined is left out. */
type Plain = Partial<Record<string, unknown>> & { readonly diagnostics?: readonly Diagnostic[] };

/** What `look` gives where a release is unpacked, with the folder as `ROOT`. */
function unpacked<T>(
  look: (root: string, run: (request: InstallRequest) => Plain) => T,
  files: { readonly [path: string]: string } = { ...RELEASE, SHA256SUMS: sums(RELEASE) },
): T {
  const placed = Object.fromEntries(Object.entries(files).map(([path, text]) => [`release/${path}`, text]));
  return withFiles(placed, (root) =>
    look(root, (request) =>
      JSON.parse(
        JSON.stringify(
          startedFrom(join(root, "release/lib/warmboot"), () => install({ destdir: join(root, "dest/"), ...request })),
        ).replaceAll(root, "ROOT"),
      )));
}

/** The texts of all files below a folder, and whether they are programs. */
function treeOf(folder: string, below = ""): readonly (readonly [string, string])[] {
  return Array.from(Deno.readDirSync(join(folder, below))).toSorted((a, b) => a.name < b.name ? -1 : 1).flatMap(
    ({ name, isDirectory }) => {
      const path = join(below, name);
      if (isDirectory) return treeOf(folder, path);
      const isProgram = ((Deno.statSync(join(folder, path)).mode ?? 0) & 0o111) !== 0;
      const text = name === "manifest.json" ? "" : Deno.readTextFileSync(join(folder, path));
      return [[`${path}${isProgram ? "*" : ""}`, text]] as const;
    },
  );
}

Deno.test("a release is installed with its paths in its texts, below /usr where the distributions have it", () => {
  unpacked((root, run) => {
    assertEquals(run({ prefix: "/usr", deno: "/usr/bin/deno" }), {
      kind: "installed",
      files: [
        "ROOT/dest/usr/bin/warmboot",
        "ROOT/dest/usr/lib/warmboot/cli.js",
        "ROOT/dest/usr/lib/systemd/system/warmboot@.service",
        "ROOT/dest/etc/kernel/postinst.d/zz-warmboot",
        "ROOT/dest/etc/kernel/postrm.d/zz-warmboot",
        "ROOT/dest/etc/initramfs/post-update.d/zz-warmboot",
        "ROOT/dest/usr/lib/kernel/install.d/90-warmboot.install",
        "ROOT/dest/usr/share/man/man8/warmboot.8",
        "ROOT/dest/usr/share/bash-completion/completions/warmboot",
        "ROOT/dest/usr/share/zsh/site-functions/_warmboot",
        "ROOT/dest/usr/share/fish/vendor_completions.d/warmboot.fish",
        "ROOT/dest/usr/share/doc/warmboot/examples/web.yaml",
        "ROOT/dest/usr/share/doc/warmboot/README.md",
      ],
      removed: [],
      program: "ROOT/dest/usr/bin/warmboot",
      deno: "/usr/bin/deno",
    });
    assertEquals(treeOf(join(root, "dest")), [
      ["etc/initramfs/post-update.d/zz-warmboot*", "/usr/bin/warmboot refresh\n"],
      ["etc/kernel/postinst.d/zz-warmboot*", "/usr/bin/warmboot refresh\n"],
      ["etc/kernel/postrm.d/zz-warmboot*", "/usr/bin/warmboot refresh\n"],
      ["usr/bin/warmboot*", "cd ../lib/warmboot\ninstalled_with=/usr/bin/deno\n"],
      ["usr/lib/kernel/install.d/90-warmboot.install*", "/usr/bin/warmboot refresh\n"],
      ["usr/lib/systemd/system/warmboot@.service", "ExecStart=/usr/bin/warmboot load /etc/warmboot/%i\n"],
      ["usr/lib/warmboot/cli.js", "// program; profiles in /etc/warmboot\n"],
      ["usr/lib/warmboot/manifest.json", ""],
      ["usr/share/bash-completion/completions/warmboot", "bash\n"],
      ["usr/share/doc/warmboot/README.md", "$schema=../schema/ and /usr/local/bin/warmboot\n"],
      ["usr/share/doc/warmboot/examples/web.yaml", "# $schema=/usr/share/doc/warmboot/schema/profile.schema.json\n"],
      ["usr/share/fish/vendor_completions.d/warmboot.fish", "fish\n"],
      ["usr/share/man/man8/warmboot.8", "/etc/warmboot\n"],
      ["usr/share/zsh/site-functions/_warmboot", "zsh\n"],
    ]);
  });
});

Deno.test("a prefix of its own has its own configuration, and parts can be left out or be elsewhere", () => {
  unpacked((root, run) => {
    const without = ["hooks", "completions", "docs", "man"] as const;
    assertEquals(run({ prefix: "/opt/w-b/", without, folders: { lib: "/srv/lib/" } }), {
      kind: "installed",
      files: [
        "ROOT/dest/opt/w-b/bin/warmboot",
        "ROOT/dest/srv/lib/cli.js",
        "ROOT/dest/opt/w-b/lib/systemd/system/warmboot@.service",
      ],
      removed: [],
      program: "ROOT/dest/opt/w-b/bin/warmboot",
    });
    assertEquals(treeOf(join(root, "dest")), [
      ["opt/w-b/bin/warmboot*", "cd ../../../srv/lib\ninstalled_with=\n"],
      [
        "opt/w-b/lib/systemd/system/warmboot@.service",
        "ExecStart=/opt/w-b/bin/warmboot load /opt/w-b/etc/warmboot/%i\n",
      ],
      ["srv/lib/cli.js", "// program; profiles in /opt/w-b/etc/warmboot\n"],
      ["srv/lib/manifest.json", ""],
    ]);
    // What the installation before had, and this one has not, goes.
    assertEquals(run({ prefix: "/opt/w-b", without: ["units", "docs", "completions"], folders: { lib: "/srv/lib" } }), {
      kind: "installed",
      files: [
        "ROOT/dest/opt/w-b/bin/warmboot",
        "ROOT/dest/srv/lib/cli.js",
        "ROOT/dest/opt/w-b/etc/kernel/postinst.d/zz-warmboot",
        "ROOT/dest/opt/w-b/etc/kernel/postrm.d/zz-warmboot",
        "ROOT/dest/opt/w-b/etc/initramfs/post-update.d/zz-warmboot",
        "ROOT/dest/opt/w-b/etc/kernel/install.d/90-warmboot.install",
        "ROOT/dest/opt/w-b/share/man/man8/warmboot.8",
      ],
      removed: ["ROOT/dest/opt/w-b/lib/systemd/system/warmboot@.service"],
      program: "ROOT/dest/opt/w-b/bin/warmboot",
      idleHooks: "/opt/w-b/etc",
    });
    assertEquals(treeOf(join(root, "dest")).map(([path]) => path), [
      "opt/w-b/bin/warmboot*",
      "opt/w-b/etc/initramfs/post-update.d/zz-warmboot*",
      "opt/w-b/etc/kernel/install.d/90-warmboot.install*",
      "opt/w-b/etc/kernel/postinst.d/zz-warmboot*",
      "opt/w-b/etc/kernel/postrm.d/zz-warmboot*",
      "opt/w-b/share/man/man8/warmboot.8",
      "srv/lib/cli.js",
      "srv/lib/manifest.json",
    ]);
  });
});

Deno.test("a dry run installs nothing; what others put there is kept, and a folder that scripts cannot name is refused", () => {
  unpacked((root, run) => {
    const without = ["hooks", "completions", "docs", "man", "units"] as const;
    assertEquals(run({ without, dryRun: true }), {
      kind: "planned",
      files: ["ROOT/dest/usr/local/bin/warmboot", "ROOT/dest/usr/local/lib/warmboot/cli.js"],
      removed: [],
      program: "ROOT/dest/usr/local/bin/warmboot",
    });
    Deno.mkdirSync(join(root, "dest/usr/local/bin"), { recursive: true });
    assertEquals(treeOf(join(root, "dest")), []);
    Deno.writeTextFileSync(join(root, "dest/usr/local/bin/warmboot"), "mine");
    assertEquals(run({ without }), { kind: "foreign", paths: ["ROOT/dest/usr/local/bin/warmboot"] });
    assertEquals(run({ prefix: "/a b" }), { kind: "unusable", path: "/a b/bin" });
    assertEquals(run({ prefix: "relative" }), { kind: "unusable", path: "relative/bin" });
  });
});

Deno.test("a release that is damaged, or none, installs nothing", () => {
  const outcome = (files: { readonly [path: string]: string }) =>
    unpacked((_, run) => {
      const { kind, diagnostics } = run({});
      return diagnostics?.map(({ code, message, hint }) => [code, message, hint]) ?? kind;
    }, files);
  assertEquals(outcome({}), "no-release");
  const damaged = (what: string) => [["file-damaged", `ROOT/release/${what}`, "Unpack the release again"]];
  assertEquals(
    outcome({ ...RELEASE, SHA256SUMS: sums({ ...RELEASE, README: "other" }) }),
    damaged("README does not match SHA256SUMS"),
  );
  assertEquals(
    outcome({ ...RELEASE, SHA256SUMS: "no digest\n" }),
    damaged("SHA256SUMS has a line that is not a digest and a path: no digest"),
  );
  assertEquals(outcome({ SHA256SUMS: sums({ gone: "" }) }), [[
    "file-missing",
    "ROOT/release/gone does not exist",
    undefined,
  ]]);
  unpacked((root) => {
    const { value } = startedFrom(join(root, "release/lib/warmboot"), readRelease);
    assertEquals(value?.map(({ path, content }) => [path, content]), Object.entries(RELEASE));
  });
  assertEquals(readRelease().value, undefined);
});

Deno.test("uninstall removes what was installed, but what was changed since; elsewhere it removes nothing", () => {
  unpacked((root, run) => {
    run({ prefix: "/usr" });
    const dest = join(root, "dest");
    const remove = (dryRun: boolean, folder = "dest/usr/lib/warmboot"): Plain =>
      JSON.parse(JSON.stringify(startedFrom(join(root, folder), () => uninstall(dryRun))).replaceAll(root, "ROOT"));
    assertEquals(remove(false, "release/lib/warmboot"), { kind: "not-installed" });
    Deno.removeSync(join(dest, "usr/share/man/man8/warmboot.8"));
    Deno.writeTextFileSync(join(dest, "usr/share/zsh/site-functions/_warmboot"), "changed");
    Deno.writeTextFileSync(join(dest, "etc/warmboot/web.yaml"), "version: 1\n");
    assertEquals(remove(true), {
      kind: "planned",
      files: [
        "ROOT/dest/usr/bin/warmboot",
        "ROOT/dest/usr/lib/warmboot/cli.js",
        "ROOT/dest/usr/lib/systemd/system/warmboot@.service",
        "ROOT/dest/etc/kernel/postinst.d/zz-warmboot",
        "ROOT/dest/etc/kernel/postrm.d/zz-warmboot",
        "ROOT/dest/etc/initramfs/post-update.d/zz-warmboot",
        "ROOT/dest/usr/lib/kernel/install.d/90-warmboot.install",
        "ROOT/dest/usr/share/bash-completion/completions/warmboot",
        "ROOT/dest/usr/share/zsh/site-functions/_warmboot",
        "ROOT/dest/usr/share/fish/vendor_completions.d/warmboot.fish",
        "ROOT/dest/usr/share/doc/warmboot/examples/web.yaml",
        "ROOT/dest/usr/share/doc/warmboot/README.md",
      ],
    });
    Deno.mkdirSync(join(root, "moved"));
    Deno.copyFileSync(join(dest, "usr/lib/warmboot/manifest.json"), join(root, "moved/manifest.json"));
    assertEquals(remove(false, "moved"), {
      kind: "moved",
      from: "/usr/lib/warmboot",
      to: "ROOT/moved",
      manifest: "ROOT/moved/manifest.json",
    });
    assertEquals(remove(false), {
      kind: "removed",
      version: "0.1.0",
      kept: ["ROOT/dest/usr/share/zsh/site-functions/_warmboot"],
      enabled: [],
    });
    assertEquals(treeOf(dest), [["etc/warmboot/web.yaml", "version: 1\n"], [
      "usr/share/zsh/site-functions/_warmboot",
      "changed",
    ]]);
  });
});

Deno.test("a release that brings its Deno installs it as a program; one that is named instead is looked at all the same", () => {
  const files = { ...RELEASE, "lib/warmboot/deno": "the runtime" };
  unpacked((root, run) => {
    const prefix = join(root, "usr");
    const outcome = (request: InstallRequest) => {
      const { kind, deno } = run({ prefix, folders: { sysconf: join(root, "etc") }, destdir: "", ...request });
      return [kind, deno];
    };
    const [brought, named] = ["ROOT/usr/lib/warmboot/deno", join(root, "named")];
    Deno.writeTextFileSync(named, "", { mode: 0o755 });
    assertEquals(outcome({ dryRun: true }), ["planned", brought]);
    // The folder for temporary files is not root's alone.
    assertEquals(outcome({ dryRun: true, deno: named })[0], Deno.uid() === 0 ? "untrusted" : "planned");
    assertEquals(outcome({ deno: "/bin/true" }), ["installed", "/bin/true"]);
    const installed = (path: string) => treeOf(join(root, "usr")).find(([name]) => name.startsWith(path));
    assertEquals(installed("lib/warmboot/deno"), ["lib/warmboot/deno*", "the runtime"]);
    assertEquals(installed("bin/warmboot")?.[1].includes("installed_with=/bin/true"), true);
    assertEquals(outcome({}), ["installed", brought]);
    assertEquals(installed("bin/warmboot")?.[1].includes("installed_with=\n"), true);
  }, { ...files, SHA256SUMS: sums(files) });
});

Deno.test("hooks of init systems are those of the host that is packaged; a manifest that cannot be read stops it", () => {
  const files = { ...RELEASE, "share/warmboot/hooks/openrc/warmboot-exec": "/usr/local/bin/warmboot exec\n" };
  unpacked((root, run) => {
    const hooks = () =>
      (run({ prefix: "/usr", dryRun: true }).files as readonly string[]).filter((path) => path.includes("init.d/"));
    assertEquals(hooks(), []);
    Deno.mkdirSync(join(root, "dest/etc/runlevels"), { recursive: true });
    assertEquals(hooks(), ["ROOT/dest/etc/init.d/warmboot-exec"]);
    Deno.mkdirSync(join(root, "dest/usr/lib/warmboot"), { recursive: true });
    Deno.writeTextFileSync(join(root, "dest/usr/lib/warmboot/manifest.json"), "{");
    assertEquals(run({ prefix: "/usr" }).kind, "invalid");
    assertEquals(treeOf(join(root, "dest")), [["usr/lib/warmboot/manifest.json", ""]]);
  }, { ...files, SHA256SUMS: sums(files) });
});

Deno.test("a link in the place of a file is not warmboot's, whatever it leads to", () => {
  unpacked((root, run) => {
    run({ prefix: "/usr" });
    const program = join(root, "dest/usr/bin/warmboot");
    Deno.renameSync(program, join(root, "copy"));
    Deno.symlinkSync(join(root, "copy"), program);
    assertEquals(run({ prefix: "/usr" }), { kind: "foreign", paths: ["ROOT/dest/usr/bin/warmboot"] });
    const removed = startedFrom(join(root, "dest/usr/lib/warmboot"), () => uninstall(false));
    assertEquals(removed.kind === "removed" && removed.kept, [program]);
    assertEquals(Deno.lstatSync(program).isSymlink, true);
  });
});

Deno.test("uninstall says which units and hooks are still enabled on this host, and of no other", () => {
  const enabled = (destdir: boolean, links: { readonly [folder: string]: readonly string[] }) =>
    unpacked((root, run) => {
      run({
        prefix: join(root, "usr"),
        folders: { sysconf: join(root, "etc") },
        ...(destdir ? {} : { destdir: "", deno: "/bin/true" }),
      });
      const { readDirSync } = Deno;
      const entries = (names: readonly string[]) => names.map((name) => ({ name }));
      const lib = destdir ? join(root, "dest", root, "usr/lib/warmboot") : join(root, "usr/lib/warmboot");
      return startedFrom(lib, () => {
        Object.assign(Deno, {
          readDirSync: (path: string) => {
            if (!path.startsWith("/etc/")) return readDirSync(path);
            const names = links[path];
            if (names === undefined) throw new Deno.errors.NotFound(path);
            return entries(names);
          },
        });
        try {
          const removed = uninstall(false);
          return removed.kind === "removed" ? [removed.enabled, removed.disableHook] : removed.kind;
        } finally {
          Object.assign(Deno, { readDirSync });
        }
      });
    });
  const UNITS = "/etc/systemd/system";
  const links = {
    [UNITS]: ["a.service", "kexec.target.wants", "multi-user.target.wants"],
    [`${UNITS}/kexec.target.wants`]: ["warmboot-unbind.service"],
    [`${UNITS}/multi-user.target.wants`]: ["warmboot-arrive.service", "warmbooter.service", "ssh.service"],
  };
  assertEquals(enabled(false, links), [["warmboot-unbind.service", "warmboot-arrive.service"], undefined]);
  assertEquals(enabled(true, links), [[], undefined]);
  assertEquals(enabled(false, {}), [[], undefined]);
  const hook = (folder: string, name: string) => enabled(false, { [folder]: ["K01other", name] })[1];
  assertEquals(hook("/etc/rc6.d", "K09warmboot-exec"), "update-rc.d warmboot-exec remove");
  assertEquals(hook("/etc/rc6.d", "S09warmboot-exec"), "update-rc.d warmboot-exec remove");
  assertEquals(hook("/etc/rc6.d", "K09warmboot-exec.bak"), undefined);
  assertEquals(hook("/etc/runlevels/shutdown", "warmboot-exec"), "rc-update del warmboot-exec shutdown");
});

Deno.test({
  name: "where each part of a release goes, by its prefix; what is about the release itself goes nowhere",
  permissions: "none",
  fn() {
    assertEquals(foldersOf("/usr/local"), {
      bin: "/usr/local/bin",
      lib: "/usr/local/lib/warmboot",
      units: "/usr/local/lib/systemd/system",
      kernelInstall: "/etc/kernel/install.d",
      man: "/usr/local/share/man",
      bash: "/usr/local/share/bash-completion/completions",
      zsh: "/usr/local/share/zsh/site-functions",
      fish: "/usr/local/share/fish/vendor_completions.d",
      doc: "/usr/local/share/doc/warmboot",
      sysconf: "/etc",
    });
    assertEquals(foldersOf("/usr", { sysconf: "/usr/etc", man: "/m" }), {
      bin: "/usr/bin",
      lib: "/usr/lib/warmboot",
      units: "/usr/lib/systemd/system",
      kernelInstall: "/usr/lib/kernel/install.d",
      man: "/m",
      bash: "/usr/share/bash-completion/completions",
      zsh: "/usr/share/zsh/site-functions",
      fish: "/usr/share/fish/vendor_completions.d",
      doc: "/usr/share/doc/warmboot",
      sysconf: "/usr/etc",
    });
    assertEquals(foldersOf("/opt/w"), {
      bin: "/opt/w/bin",
      lib: "/opt/w/lib/warmboot",
      units: "/opt/w/lib/systemd/system",
      kernelInstall: "/opt/w/etc/kernel/install.d",
      man: "/opt/w/share/man",
      bash: "/opt/w/share/bash-completion/completions",
      zsh: "/opt/w/share/zsh/site-functions",
      fish: "/opt/w/share/fish/vendor_completions.d",
      doc: "/opt/w/share/doc/warmboot",
      sysconf: "/opt/w/etc",
    });
    const folders = foldersOf("/usr");
    assertEquals(targetsOf("README", folders), []);
    assertEquals(targetsOf("share/manual/x", folders), []);
    // What is not of an init system is for every host.
    const hooks = ["openrc/x", "openrc-docs/x", "openrc", "runit.md", "debian/x"].map((path) =>
      `share/warmboot/hooks/${path}`
    );
    assertEquals(hooks.map((path) => isForHost(path, () => false)), [false, true, true, true, true]);
    const text = (path: string, before: string, deno?: string) =>
      targetsOf(path, foldersOf("/opt/w-b")).slice(0, 1).map((target) =>
        installedText(before, target, foldersOf("/opt/w-b"), deno)
      );
    assertEquals(text("share/man/man8/x.8", "/etc/warmboot"), ["/opt/w\\-b/etc/warmboot"]);
    assertEquals(text("bin/warmboot", "installed_with=\nx\n", "/a'b/deno"), ["installed_with='/a'\\''b/deno'\nx\n"]);
    assertEquals(text("bin/warmboot", "installed_with=\n", "/usr/bin/deno-2.9"), [
      "installed_with=/usr/bin/deno-2.9\n",
    ]);
  },
});

Deno.test("what cannot be looked at is not taken for nothing", () => {
  withFiles({ "file": "text" }, (root) => {
    Deno.symlinkSync("loop", join(root, "loop"));
    assertEquals(lookAt(join(root, "gone")), { kind: "nothing" });
    assertEquals(lookAt(join(root, "loop")), { kind: "other" });
    const files = (name: string) => [{ path: `/${name}/a`, content: "a", isProgram: false, sha256: "0".repeat(64) }];
    for (const name of ["file", "loop"]) {
      assertThrows(() => lookAt(join(root, name, "a")), WriteError, `Cannot look at ${root}/${name}/a: `);
      assertThrows(() => foreignPaths(root, files(name), undefined), WriteError, "Cannot look at");
      assertThrows(() => removeFiles(root, files(name)), WriteError, "Cannot look at");
    }
  });
});

Deno.test("folders and files have their modes whatever the umask says; a folder that was there keeps its own", async () => {
  await withFiles({ "usr/readme": "" }, async (root) => {
    Deno.chmodSync(join(root, "usr"), 0o700);
    const files = [
      { path: "/usr/share/man/man8/a.8", content: "a", isProgram: false },
      { path: "/usr/bin/a", content: "a", isProgram: true },
    ];
    const about = { version: "0.1.0", format: "warmboot.install/1", folder: "/usr/lib/a" } as const;
    const values = [root, files, about, { empty: ["/etc/a"] }].map((value) => JSON.stringify(value)).join(", ");
    const program = `Deno.umask(0o077); installFiles(${values});`;
    assertEquals(await inOwnProcess({ "src/app/install/install_files.ts": "installFiles" }, program), "");
    const mode = (path: string) => ((Deno.statSync(join(root, path)).mode ?? 0) & 0o777).toString(8);
    const paths = ["usr", "usr/share", "usr/share/man/man8", "usr/bin", "usr/lib/a", "etc", "etc/a"];
    assertEquals(paths.map(mode), ["700", "755", "755", "755", "755", "755", "755"]);
    assertEquals(["usr/bin/a", "usr/share/man/man8/a.8", "usr/lib/a/manifest.json"].map(mode), ["755", "644", "644"]);
  });
});

Deno.test("a path that a manifest has with two digests is one file: either may be there, and what is kept is named once", () => {
  withFiles({ old: "old", new: "new", other: "other" }, (root) => {
    const files = ["old", "new", "other"].flatMap((name) =>
      ["old", "new"].map((content) => ({ path: `/${name}`, sha256: sha256Of(content) }))
    );
    assertEquals(removeFiles(root, files), ["/other"]);
    assertEquals(Array.from(Deno.readDirSync(root), ({ name }) => name), ["other"]);
  });
});
