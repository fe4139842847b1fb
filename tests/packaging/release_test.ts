import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { signSums, writeRelease } from "../../packaging/release.ts";
import { buildInputs, DENO } from "../../packaging/toolchain.ts";
import { brokenLinks } from "../support/links.ts";
import { hasTool, tool } from "../support/tool.ts";
import { walkFiles } from "../support/walk_files.ts";
import { VERSION } from "../../src/core/program.ts";

const REPOSITORY = join(import.meta.dirname ?? ".", "../..");
const TIME = 1_700_000_000;

const folder = Deno.makeTempDirSync({ prefix: "warmboot-release-" });
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

const archive = await writeRelease(join(folder, "dist"), TIME);
await tool("tar", ["-xzf", archive, "-C", folder]);
const unpacked = join(folder, `warmboot-${VERSION}`);

Deno.test("every relative link of a release's pages leads to a file of the release", () => {
  const pages = walkFiles(join(unpacked, "share/doc"), ".md");
  assert(pages.length > 20);
  assertEquals(brokenLinks(unpacked, pages.map((page) => page.slice(unpacked.length + 1))), []);
});

/** A place to install into, which is removed in the end. */
class Root implements Disposable {
  readonly path: string = Deno.makeTempDirSync();
  #release: string;

  constructor(release: string = unpacked) {
    this.#release = release;
  }

  async install(...args: string[]): Promise<{ code: number; said: string }> {
    return await ran(join(this.#release, "bin/warmboot"), ["install", "--destdir", this.path, ...args]);
  }

  async installed(
    args: readonly string[],
    program = "usr/local/bin/warmboot",
  ): Promise<{ code: number; said: string }> {
    return await ran(join(this.path, program), args);
  }

  /** Every file, from the root. */
  files(): readonly string[] {
    return walkFiles(this.path, "").map((path) => path.slice(this.path.length));
  }

  at(path: string): string {
    return join(this.path, path);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** Runs a program with nothing of this process's environment but the deno that runs the tests. */
async function ran(
  program: string,
  args: readonly string[],
  deno: string = Deno.execPath(),
): Promise<{ code: number; said: string }> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    clearEnv: true,
    env: { PATH: "/usr/bin:/bin", HOME: folder, WARMBOOT_DENO: deno },
  }).output();
  return { code, said: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

Deno.test({
  name: "a release is the same bytes from another folder, under another umask and time zone",
  // It refuses another Deno.
  ignore: Deno.version.deno !== DENO.version,
  fn: sameElsewhere,
});

async function sameElsewhere(): Promise<void> {
  const copy = join(folder, "elsewhere");
  const names =
    "LICENSE README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md deno.json deno.lock cli.ts src packaging contrib docs examples schema types";
  const script =
    `umask 077 && mkdir "$0" && cp -R ${names} "$0" && cd "$0" && exec "$1" run -A packaging/release.ts --no-packages`;
  const made = await tool("sh", ["-c", script, copy, Deno.execPath()], {
    cwd: REPOSITORY,
    env: { SOURCE_DATE_EPOCH: String(TIME), TZ: "Asia/Kolkata" },
  });
  assertEquals(made?.code, 0, made?.said);
  const again = join(copy, `dist/warmboot-${VERSION}.tar.gz`);
  assertEquals(Deno.readFileSync(again), Deno.readFileSync(archive));
  assertEquals((await tool("sha256sum", ["-c", "SHA256SUMS"], { cwd: join(folder, "dist") }))?.code, 0);
}

Deno.test("a release lists what it was made with, and its digests can be signed", async () => {
  const dist = join(folder, "dist");
  const provenance = JSON.parse(Deno.readTextFileSync(join(dist, `warmboot-${VERSION}.provenance.json`)));
  assertEquals(provenance.deno.version, DENO.version);
  assertEquals(provenance.sourceDateEpoch, TIME);
  assertEquals(Deno.readTextFileSync(join(unpacked, "share/doc/warmboot/BUILD.json")), buildInputs());
  assert(Object.keys(provenance.lock.packages).some((name) => name.startsWith("deno-std@")));
  if (!await hasTool("ssh-keygen")) return;
  const key = join(folder, "key");
  await tool("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  await signSums(dist, key);
  // Again, over the signature that is there.
  await signSums(dist, key);
  Deno.writeTextFileSync(join(folder, "signers"), `release ${Deno.readTextFileSync(`${key}.pub`)}`);
  const verify = (sums: string): Promise<{ readonly code: number } | undefined> =>
    tool("sh", [
      "-c",
      'ssh-keygen -Y verify -f "$0" -I release -n warmboot-release -s SHA256SUMS.sig < "$1"',
      join(folder, "signers"),
      sums,
    ], { cwd: dist });
  assertEquals((await verify("SHA256SUMS"))?.code, 0);
  Deno.writeTextFileSync(join(folder, "forged"), "0".repeat(64));
  assert((await verify(join(folder, "forged")))?.code !== 0);
  await assertRejects(() => signSums(dist, join(folder, "no-key")), Error, "Cannot sign with");
});

Deno.test("a release is not made from files that differ from their commit", async () => {
  const copy = join(folder, "dirty");
  const made = await tool("sh", [
    "-c",
    'cp -R "$1" "$0" && cd "$0" && rm -rf .git && git init -q && git -c user.name=x -c user.email=x@x commit -q --allow-empty -m x && exec "$2" run -A packaging/release.ts',
    copy,
    join(REPOSITORY, "."),
    Deno.execPath(),
  ]);
  assertEquals(made?.code, 1);
  assertStringIncludes(made?.said ?? "", "A release is made from a commit, and these files differ from it");
  assertEquals([...Deno.readDirSync(copy)].some(({ name }) => name === "dist"), false);
});

Deno.test("a Deno that is too old is named, and what to do about it", async () => {
  const start = Deno.readTextFileSync(join(unpacked, "lib/warmboot/warmboot.js"));
  for (const [version, isOld] of [["1.46.3", true], ["2.8.9", true], ["2.9.0", false], ["3.0.0", false]] as const) {
    const script = join(folder, `start-${version}.js`);
    Deno.writeTextFileSync(
      script,
      `const Deno = { version: { deno: "${version}" }, execPath: () => "/old/deno", exit: globalThis.Deno.exit };\n${start}`,
    );
    Deno.writeTextFileSync(join(folder, "program.js"), "export const run = () => 7;");
    const { code, said } = await ran(Deno.execPath(), ["run", "--quiet", "-A", script]);
    assertEquals(code, isOld ? 69 : 7, said);
    if (isOld) assertStringIncludes(said, `error: warmboot needs Deno 2.9 or newer; /old/deno is ${version}`);
  }
});

Deno.test("tar unpacks a release as it was packed: owners, times and modes", async () => {
  const listed = await tool("tar", ["--numeric-owner", "--utc", "-tvzf", archive]);
  const lines = (listed?.said ?? "").trim().split("\n");
  assert(lines.length > 40, listed?.said);
  for (const line of lines) assertMatch(line, /^(?:d|-)rwxr-xr-x|^-rw-r--r-- +0\/0 +\d+ 2023-11-14 22:13 warmboot-/);
  assertEquals(lines.filter((line) => line.startsWith("-rwx")).map((line) => line.split("/").at(-1)).toSorted(), [
    "85-warmboot-exec.sh",
    "90-warmboot.install",
    "warmboot",
    "warmboot-exec",
    "warmboot-exec",
    "zz-warmboot",
  ]);
  assertEquals((await tool("sha256sum", ["-c", "--quiet", "SHA256SUMS"], { cwd: unpacked }))?.said, "");
});

Deno.test("the program runs from where it was unpacked, names no path of this machine, and owes its libraries", async () => {
  assertMatch(
    (await ran(join(unpacked, "bin/warmboot"), ["--version"])).said,
    new RegExp(`^warmboot ${VERSION} \\(deno`),
  );
  const text = Deno.readTextFileSync(join(unpacked, "lib/warmboot/program.js"));
  for (const path of [REPOSITORY, "/npm/", Deno.env.get("HOME") ?? REPOSITORY]) {
    assert(!text.includes(`${path}/`), path);
  }
  // Both make each start slower: text beyond ASCII, and Node's modules, which are imported where they are used.
  assertEquals(text.match(/[^\0-\x7f]|^import .*/gm), null);
  const owed = Deno.readTextFileSync(join(unpacked, "share/doc/warmboot/THIRD-PARTY.md"));
  for (const [, name] of text.matchAll(/^\/\/ npm:((?:@[^/]+\/)?[^@/]+)@/gm)) assertStringIncludes(owed, `\`${name}\``);
});

Deno.test("a release is installed, runs, and is taken away without a trace", async () => {
  using root = new Root();
  const told = await root.install("--dry-run");
  assertEquals(root.files(), []);
  const installed = await root.install();
  assertEquals(installed.code, 0, installed.said);
  const files = root.files();
  const expected = told.said.trim().split("\n").map((path) => path.slice(root.path.length));
  assertEquals(files.filter((path) => !path.endsWith("/manifest.json")), expected.toSorted());
  assert(Deno.statSync(root.at("etc/warmboot")).isDirectory);
  for (
    const path of [
      "/etc/initramfs/post-update.d/zz-warmboot",
      "/etc/kernel/install.d/90-warmboot.install",
      "/etc/kernel/postinst.d/zz-warmboot",
      "/etc/kernel/postrm.d/zz-warmboot",
      "/usr/local/bin/warmboot",
      "/usr/local/lib/systemd/system/warmboot-load@.path",
      "/usr/local/share/bash-completion/completions/warmboot",
      "/usr/local/share/man/man5/warmboot.profile.5",
    ]
  ) assert(files.includes(path), path);
  assertStringIncludes((await root.installed(["--version"])).said, `warmboot ${VERSION}`);
  // Another time is no harm.
  assertEquals((await root.install()).code, 0);
  assertEquals(root.files(), files);

  const dry = await root.installed(["uninstall", "--dry-run"]);
  assertEquals(dry.said.trim().split("\n").toSorted(), expected.map((path) => `${root.path}${path}`).toSorted());
  assertEquals((await root.installed(["uninstall"])).code, 0);
  assertEquals([...Deno.readDirSync(root.path)], []);
});

Deno.test("scripts and units name the program where it is, with the deno that was given", async () => {
  using root = new Root();
  const deno = "/opt/my deno/deno";
  const folders = [
    "--prefix",
    "/usr/",
    "--bindir",
    "/opt/bin",
    "--unitdir",
    "/etc/systemd/system",
    "--no-docs",
    "--no-man",
  ];
  assertEquals((await root.install(...folders, "--deno", deno)).code, 0);
  assertStringIncludes(
    Deno.readTextFileSync(root.at("etc/systemd/system/warmboot-load@.service")),
    "ExecStart=/opt/bin/warmboot load ",
  );
  assertStringIncludes(
    Deno.readTextFileSync(root.at("usr/lib/kernel/install.d/90-warmboot.install")),
    "program=/opt/bin/warmboot\n",
  );
  const script = Deno.readTextFileSync(root.at("opt/bin/warmboot"));
  assertStringIncludes(script, `installed_with='${deno}'\n`);
  assertEquals(root.files().filter((path) => path.includes("/share/doc") || path.includes("/man")), [
    "/usr/lib/warmboot/manifest.json",
  ]);
  assertStringIncludes((await root.installed(["--version"], "opt/bin/warmboot")).said, VERSION);
  assertEquals((await root.installed(["uninstall"], "opt/bin/warmboot")).code, 0);
  assertEquals([...Deno.readDirSync(root.path)], []);
});

Deno.test("a prefix contains everything, and the program looks for profiles there", async () => {
  const prefix = Deno.makeTempDirSync({ prefix: "warmboot-prefix-" });
  try {
    const installed = await ran(join(unpacked, "bin/warmboot"), [
      "install",
      "--prefix",
      prefix,
      "--deno",
      Deno.execPath(),
    ]);
    assertEquals(installed.code, 0, installed.said);
    assertStringIncludes(installed.said, `No distribution runs the hooks in ${prefix}/etc`);
    const own = join(prefix, "etc/warmboot");
    for (
      const [path, text] of [
        ["etc/kernel/install.d/90-warmboot.install", `profiles=${own}\nprogram=${prefix}/bin/warmboot\n`],
        ["lib/systemd/system/warmboot-load@.service", `ExecStart=${prefix}/bin/warmboot load ${own}/%i.yaml\n`],
        ["share/man/man8/warmboot.8", own.replaceAll("-", "\\-")],
        ["share/bash-completion/completions/warmboot", `${own}/*.yaml`],
      ] as const
    ) assertStringIncludes(Deno.readTextFileSync(join(prefix, path)), text, path);
    Deno.writeTextFileSync(join(own, "web.yaml"), "version: 1\nkernel: /boot/vmlinuz\n");
    const checked = await ran(join(prefix, "bin/warmboot"), ["check", "web"]);
    assertEquals(checked.code, 0, checked.said);
    assertStringIncludes((await ran(join(prefix, "bin/warmboot"), ["check", "nothing"])).said, own);
    const example = Deno.readTextFileSync(join(prefix, "share/doc/warmboot/examples/kdump.yaml"));
    const schema = /\$schema=(\S+)/.exec(example)?.[1] ?? "";
    assertEquals(schema, `${prefix}/share/doc/warmboot/schema/profile.schema.json`);
    assert(Deno.statSync(schema).isFile);
    // A killed installation's file goes with the next one.
    Deno.writeTextFileSync(join(prefix, "bin/.warmboot-4194305.new"), "half");
    await ran(join(unpacked, "bin/warmboot"), ["install", "--prefix", prefix, "--deno", Deno.execPath()]);
    Deno.removeSync(join(own, "web.yaml"));
    assertEquals((await ran(join(prefix, "bin/warmboot"), ["uninstall"])).code, 0);
    assertEquals([...Deno.readDirSync(prefix)], []);
  } finally {
    Deno.removeSync(prefix, { recursive: true });
  }
});

Deno.test("DESTDIR of the environment counts, and --destdir goes before it", async () => {
  using root = new Root();
  using other = new Root();
  const environment = { PATH: "/usr/bin:/bin", HOME: folder, WARMBOOT_DENO: Deno.execPath(), DESTDIR: root.path };
  for (const [args, place] of [[[], root], [["--destdir", other.path], other]] as const) {
    const { success } = await new Deno.Command(join(unpacked, "bin/warmboot"), {
      args: ["install", "--no-docs", ...args],
      clearEnv: true,
      env: environment,
    }).output();
    assert(success);
    assert(place.files().includes("/usr/local/bin/warmboot"));
    assertEquals(other.files().length > 0, place === other);
  }
});

Deno.test({
  name: "root does not run a Deno that others may change",
  ignore: Deno.uid() !== 0,
  fn: async () => {
    // The folder for temporary files is everybody's.
    const deno = join(folder, "deno");
    Deno.symlinkSync(Deno.execPath(), deno);
    const { code, said } = await ran(join(unpacked, "bin/warmboot"), ["--version"], deno);
    assertEquals(code, 69);
    assertStringIncludes(said, `error: root does not run ${deno}, which others than root may change`);
  },
});

Deno.test("what others put there is not overwritten, and not removed", async () => {
  using root = new Root();
  Deno.mkdirSync(root.at("usr/local/bin"), { recursive: true });
  Deno.mkdirSync(root.at("etc/kernel/postinst.d"), { recursive: true });
  Deno.writeTextFileSync(root.at("usr/local/bin/warmboot"), "another");
  Deno.symlinkSync("/dev/null", root.at("etc/kernel/postinst.d/zz-warmboot"));
  const refused = await root.install();
  assertEquals(refused.code, 69);
  for (const path of ["/usr/local/bin/warmboot", "/etc/kernel/postinst.d/zz-warmboot"]) {
    assertStringIncludes(refused.said, `${root.path}${path} exists, and was not installed by warmboot`);
  }
  assertEquals(Deno.readTextFileSync(root.at("usr/local/bin/warmboot")), "another");
  assertEquals(root.files(), ["/usr/local/bin/warmboot"]);

  Deno.removeSync(root.at("usr/local/bin/warmboot"));
  Deno.removeSync(root.at("etc/kernel/postinst.d/zz-warmboot"));
  assertEquals((await root.install()).code, 0);
  Deno.writeTextFileSync(root.at("etc/kernel/postrm.d/zz-warmboot"), "#!/bin/sh\n# mine\n");
  Deno.writeTextFileSync(root.at("usr/local/lib/warmboot/note"), "mine");
  assertStringIncludes(
    (await root.install()).said,
    "postrm.d/zz-warmboot exists, and was not installed by warmboot",
  );
  const removed = await root.installed(["uninstall"]);
  assertEquals(removed.code, 0);
  assertStringIncludes(removed.said, "postrm.d/zz-warmboot was changed since it was installed, and stays");
  assertEquals(root.files(), ["/etc/kernel/postrm.d/zz-warmboot", "/usr/local/lib/warmboot/note"]);
  // The folders that were there before stay, too.
  assertEquals([...Deno.readDirSync(root.at("usr/local/bin"))], []);
});

/** The same release with some files changed, and its digests made anew where they are to be right. */
async function changed(name: string, change: (at: string) => void, sums: boolean): Promise<string> {
  const copy = join(folder, name);
  await tool("cp", ["-R", unpacked, copy]);
  change(copy);
  if (sums) {
    await tool("sh", ["-c", "find . -type f ! -name SHA256SUMS | sort | xargs sha256sum >SHA256SUMS"], { cwd: copy });
  }
  return copy;
}

Deno.test("a newer release installs over an older one; what it no longer has goes", async () => {
  const newer = await changed("newer", (at) => {
    Deno.removeSync(join(at, "lib/systemd/system/warmboot-load@.timer"));
    Deno.writeTextFileSync(join(at, "share/doc/warmboot/README.md"), "newer\n");
  }, true);
  using root = new Root();
  assertEquals((await root.install()).code, 0);
  const before = root.files();
  const next = await ran(join(newer, "bin/warmboot"), ["install", "--destdir", root.path]);
  assertEquals(next.code, 0, next.said);
  assertEquals(before.filter((path) => !root.files().includes(path)), [
    "/usr/local/lib/systemd/system/warmboot-load@.timer",
  ]);
  assertEquals(Deno.readTextFileSync(root.at("usr/local/share/doc/warmboot/README.md")), "newer\n");
  assertEquals((await root.installed(["uninstall"])).code, 0);
  assertEquals([...Deno.readDirSync(root.path)], []);
});

Deno.test("a damaged release, a program that is no release, and bad places are refused with a way out", async () => {
  const damaged = await changed(
    "damaged",
    (at) => Deno.writeTextFileSync(join(at, "bin/warmboot"), "#\n", { append: true }),
    false,
  );
  using root = new Root(damaged);
  const refused = await root.install();
  assertEquals(refused.code, 65);
  assertStringIncludes(refused.said, "bin/warmboot does not match SHA256SUMS");

  using good = new Root();
  for (const prefix of ["opt", "/opt/my programs", "/opt/100%"]) {
    const refused = await good.install("--prefix", prefix);
    assertEquals(refused.code, 64);
    assertStringIncludes(refused.said, `${prefix}/bin is not a path that can be installed into`);
  }
  assertStringIncludes(
    (await ran(join(unpacked, "bin/warmboot"), ["uninstall"])).said,
    "was not installed by warmboot install",
  );
  for (const command of ["install", "uninstall"]) {
    const fromSource = await tool(Deno.execPath(), ["run", "-A", "--quiet", join(REPOSITORY, "cli.ts"), command]);
    assertEquals(fromSource?.code, 69);
    assertMatch(fromSource?.said ?? "", /hint: .*(?:deno task install|package manager)/);
  }
  await good.install();
  Deno.writeTextFileSync(good.at("usr/local/lib/warmboot/manifest.json"), "{}");
  assertStringIncludes((await good.installed(["uninstall"])).said, "is not what `warmboot install` wrote");
  assertEquals([...root.files()], []);
});

Deno.test("without deno, the program says what it needs", async () => {
  const { code, stderr } = await new Deno.Command(join(unpacked, "bin/warmboot"), {
    clearEnv: true,
    env: { PATH: "/nowhere", HOME: "/nowhere", WARMBOOT_DENO: "/nowhere/deno" },
  }).output();
  assertEquals(code, 69);
  assertStringIncludes(new TextDecoder().decode(stderr), "WARMBOOT_DENO is /nowhere/deno, which cannot be run");
});
