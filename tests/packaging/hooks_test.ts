/** The hooks of contrib/hooks, run as package managers run them, on a root of their own. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { dirname, join } from "@std/path";
import { managedMarkOf, managedProfileText } from "../../src/profile/managed_profile.ts";
import { fileItems } from "../../src/profile/overlay_file.ts";
import { parseProfile } from "../../src/profile/parse.ts";
import { bzImage } from "../image/build.ts";
import { run } from "../support/run_cli.ts";
import { hasTool, tool } from "../support/tool.ts";

const REPOSITORY = join(import.meta.dirname ?? ".", "../..");

Deno.test("the mark tells whether a file is as it was written", { permissions: "none" }, () => {
  const text = managedProfileText("version: 1\nkernel: /boot/vmlinuz\n", { pin: true });
  assertEquals(managedMarkOf(text), { pin: true, isIntact: true });
  assertEquals(managedMarkOf(text.replace("vmlinuz", "vmlinux")), { pin: true, isIntact: false });
  assertEquals(managedMarkOf(text.replace("newest pin", "newest")), { pin: false, isIntact: true });
  assertEquals(managedMarkOf(text.slice(text.indexOf("\n") + 1)), undefined);
  assertEquals(managedMarkOf("version: 1\n"), undefined);
  assertEquals(parseProfile(text, "p.yaml").diagnostics, []);
});

/** A host in a folder: kernels and their initrds, a profile that follows the newest, and the program. */
class Host implements Disposable {
  readonly root: string = Deno.makeTempDirSync();

  constructor() {
    this.write(
      "usr/local/bin/warmboot",
      `#!/bin/sh\nexec ${Deno.execPath()} run -A --quiet ${REPOSITORY}/cli.ts "$@" --root=${this.root}\n`,
    );
    Deno.chmodSync(join(this.root, "usr/local/bin/warmboot"), 0o755);
    Deno.mkdirSync(join(this.root, "etc/warmboot"), { recursive: true });
    Deno.mkdirSync(join(this.root, "boot"));
  }

  write(path: string, content: string | Uint8Array): void {
    const file = join(this.root, path);
    Deno.mkdirSync(dirname(file), { recursive: true });
    Deno.writeFileSync(file, typeof content === "string" ? new TextEncoder().encode(content) : content);
  }

  addKernel(release: string): void {
    this.write(`boot/vmlinuz-${release}`, bzImage({ version: `${release} (x) #1 SMP` }));
  }

  addInitrd(release: string, content = release): void {
    this.write(`boot/initrd.img-${release}`, content);
  }

  remove(path: string): void {
    Deno.removeSync(join(this.root, path));
  }

  profile(name: string): string {
    return Deno.readTextFileSync(join(this.root, `etc/warmboot/${name}.yaml`));
  }

  /** The paths that a profile names, and whether it pins them. */
  boots(name: string): readonly [string | undefined, string | undefined, boolean] {
    const { value } = parseProfile(this.profile(name), `${name}.yaml`);
    return [value?.kernel?.path, fileItems(value?.initrd ?? [])[0]?.path, value?.kernel?.sha256 !== undefined];
  }

  async init(name: string, ...options: string[]): Promise<void> {
    const args = ["init", "--newest", "--root", this.root, "--out", join(this.root, `etc/warmboot/${name}.yaml`)];
    const { code, stderr } = await run([...args, ...options]);
    assertEquals(code, 0, stderr);
  }

  /** A hook as it would be installed here. */
  hook(name: string, at: string): string {
    const text = Deno.readTextFileSync(join(REPOSITORY, "contrib/hooks", name));
    this.write(
      at,
      text.replace("program=/usr", `program=${this.root}/usr`).replace("=/etc/warmboot", `=${this.root}/etc/warmboot`),
    );
    Deno.chmodSync(join(this.root, at), 0o755);
    return join(this.root, at);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.root, { recursive: true });
  }
}

const OLD = "6.1.0-50-amd64";
const NEW = "6.12.9-amd64";

Deno.test("Debian's hook follows the newest kernel once its initrd is there, and writes over nobody's work", async () => {
  using host = new Host();
  host.addKernel(OLD);
  host.addInitrd(OLD);
  await host.init("newest", "--follow");
  await host.init("pinned", "--follow", "--pin");
  await host.init("fixed");
  await host.init("edited", "--follow");
  host.write("etc/warmboot/edited.yaml", host.profile("edited") + "stamp: true\n");
  const untouched = [host.profile("fixed"), host.profile("edited")];
  const hook = host.hook("zz-warmboot", "etc/kernel/postinst.d/zz-warmboot");
  const runHook = async (): Promise<string> => {
    const args = [NEW, `/boot/vmlinuz-${NEW}`];
    // As the scripts of Debian's kernel packages do; elsewhere by itself.
    const ran = await tool("run-parts", ["--exit-on-error", ...args.map((each) => `--arg=${each}`), dirname(hook)]) ??
      await tool(hook, args);
    assertEquals(ran?.code, 0);
    return ran?.said ?? "";
  };

  host.addKernel(NEW);
  await runHook();
  assertEquals(host.boots("newest"), [`/boot/vmlinuz-${OLD}`, `/boot/initrd.img-${OLD}`, false]);

  host.addInitrd(NEW);
  const said = await runHook();
  assertEquals(host.boots("newest"), [`/boot/vmlinuz-${NEW}`, `/boot/initrd.img-${NEW}`, false]);
  assertEquals(host.boots("pinned"), [`/boot/vmlinuz-${NEW}`, `/boot/initrd.img-${NEW}`, true]);
  assertMatch(said, /edited\.yaml was changed since it was written, and is left as it is/);
  assertStringIncludes(said, "not all profiles were refreshed");

  // The initrd is built again: only its digest changes.
  const before = host.profile("pinned");
  host.addInitrd(NEW, "another");
  await runHook();
  assertEquals(host.profile("pinned") === before, false);
  assertEquals(managedMarkOf(host.profile("pinned")), { pin: true, isIntact: true });

  for (const name of [`boot/vmlinuz-${NEW}`, `boot/initrd.img-${NEW}`]) host.remove(name);
  await runHook();
  assertEquals(host.boots("newest"), [`/boot/vmlinuz-${OLD}`, `/boot/initrd.img-${OLD}`, false]);

  // Without any kernel, what was written stays.
  for (const name of [`boot/vmlinuz-${OLD}`, `boot/initrd.img-${OLD}`]) host.remove(name);
  assertStringIncludes(await runHook(), "There is no kernel");
  assertEquals(host.boots("newest"), [`/boot/vmlinuz-${OLD}`, `/boot/initrd.img-${OLD}`, false]);
  assertEquals([host.profile("fixed"), host.profile("edited")], untouched);
});

Deno.test("a hook without profiles to refresh, or without the program, is silent", async () => {
  using host = new Host();
  host.addKernel(OLD);
  host.write("etc/warmboot/web.yaml", "version: 1\nkernel: /boot/vmlinuz\n");
  const hook = host.hook("zz-warmboot", "etc/kernel/postinst.d/zz-warmboot");
  assertEquals(await tool(hook, [OLD]), { code: 0, said: "" });
  await host.init("newest", "--follow");
  host.remove("usr/local/bin/warmboot");
  assertEquals(await tool(hook, [OLD]), { code: 0, said: "" });
});

Deno.test({
  name: "kernel-install runs the plugin: a kernel that is added is followed, and one that is removed no longer",
  ignore: !await hasTool("kernel-install"),
  fn: async () => {
    using host = new Host();
    host.addKernel(OLD);
    host.addInitrd(OLD);
    await host.init("newest", "--follow", "--pin");
    const plugin = host.hook("90-warmboot.install", "etc/kernel/install.d/90-warmboot.install");
    const token = "debian";
    host.write("etc/kernel/entry-token", `${token}\n`);
    host.write("etc/kernel/install.conf", "layout=bls\n");
    // What the plugins of a distribution do, in its simplest form: kernel and initrd beside the entry.
    host.write(
      "etc/kernel/install.d/50-copy.install",
      '#!/bin/sh\n[ "$1" = add ] && cp "$4" "$3/linux" && echo initrd >"$3/initrd"\nexit 0\n',
    );
    Deno.chmodSync(join(host.root, "etc/kernel/install.d/50-copy.install"), 0o755);
    host.write("new", bzImage({ version: `${NEW} (x) #1 SMP` }));
    const env = {
      KERNEL_INSTALL_CONF_ROOT: join(host.root, "etc/kernel"),
      KERNEL_INSTALL_PLUGINS: `${join(host.root, "etc/kernel/install.d/50-copy.install")} ${plugin}`,
      MACHINE_ID: "0123456789abcdef0123456789abcdef",
      BOOT_ROOT: join(host.root, "boot"),
    };
    const added = await tool("kernel-install", ["add", NEW, join(host.root, "new")], { env });
    assertEquals(added?.code, 0, added?.said);
    const folder = `/boot/${token}/${NEW}`;
    assertEquals(host.boots("newest"), [`${folder}/linux`, `${folder}/initrd`, true], added?.said);

    const removed = await tool("kernel-install", ["remove", NEW], { env });
    assertEquals(removed?.code, 0, removed?.said);
    assertEquals(host.boots("newest"), [`/boot/vmlinuz-${OLD}`, `/boot/initrd.img-${OLD}`, true], removed?.said);
  },
});

Deno.test("refresh of a file that nobody had written for it says what it is for", async () => {
  using host = new Host();
  host.addKernel(OLD);
  host.write("etc/warmboot/web.yaml", "version: 1\nkernel: /boot/vmlinuz\n");
  const one = await run(["refresh", join(host.root, "etc/warmboot/web.yaml"), "--root", host.root]);
  assertEquals([one.code, one.stdout], [69, ""]);
  assertStringIncludes(one.stderr, "--follow");
  assertEquals((await run(["refresh", join(host.root, "none.yaml")])).code, 66);
  assertEquals(await run(["refresh", "--root", host.root]), { code: 0, stdout: "", stderr: "" });
});
