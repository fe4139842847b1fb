import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { initProfile } from "../../src/app/init_profile.ts";
import { pinFiles } from "../../src/app/pin_files.ts";
import { refreshProfiles, type RefreshRequest } from "../../src/app/refresh.ts";
import { sha256Of } from "../../src/core/sha256.ts";
import { bzImage } from "../image/build.ts";

/** A host with kernels, and a profile in its folder that follows them. */
async function host(pin = false) {
  const root = Deno.makeTempDirSync({ prefix: "warmboot-refresh-" });
  Deno.mkdirSync(join(root, "boot"));
  Deno.mkdirSync(join(root, "etc/warmboot"), { recursive: true });
  const add = (release: string, hasInitrd = true) => {
    Deno.writeFileSync(join(root, `boot/vmlinuz-${release}`), bzImage({ version: `${release} (x) #1 SMP` }));
    if (hasInitrd) Deno.writeTextFileSync(join(root, `boot/initrd.img-${release}`), "070701");
  };
  add("6.1.0");
  const file = join(root, "etc/warmboot/next.yaml");
  const { kind } = await initProfile({ from: { kind: "newest", root, follow: true }, pin, out: file });
  assertEquals(kind, "profile");
  /** What happened to each file: by its name, and the kernel. */
  const refresh = async (request: RefreshRequest = {}) =>
    (await refreshProfiles({ root, ...request })).map((each) => {
      const of = "kernel" in each ? ` ${each.kernel.replace("/boot/vmlinuz-", "")}` : "";
      return `${each.kind} ${each.file.split("/").at(-1)}${of}`;
    });
  return { root, file, add, refresh, [Symbol.dispose]: () => Deno.removeSync(root, { recursive: true }) };
}

Deno.test("a profile follows the newest kernel that has its initrd, but none that is about to go", async () => {
  using on = await host();
  assertEquals(await on.refresh(), ["unchanged next.yaml 6.1.0"]);
  on.add("6.12.0", false);
  assertEquals(await on.refresh(), ["unchanged next.yaml 6.1.0"]);
  on.add("6.12.0");
  assertEquals(await on.refresh({ without: "6.12.0" }), ["unchanged next.yaml 6.1.0"]);
  assertEquals(await on.refresh(), ["written next.yaml 6.12.0"]);
  assertEquals(await on.refresh({ without: "6.12.0" }), ["written next.yaml 6.1.0"]);
});

Deno.test("what is not to be written stays: other profiles, and one that was changed by hand", async () => {
  using on = await host();
  const other = join(on.root, "etc/warmboot/other.yaml");
  Deno.writeTextFileSync(other, "version: 1\nkernel: /boot/vmlinuz\n");
  assertEquals(await on.refresh(), ["unchanged next.yaml 6.1.0"]);
  assertEquals(await on.refresh({ paths: [other] }), ["unmanaged other.yaml"]);
  const text = Deno.readTextFileSync(on.file).replace("\nversion: 1", "\nname: mine\nversion: 1");
  Deno.writeTextFileSync(on.file, text);
  on.add("6.12.0");
  assertEquals(await on.refresh(), ["changed next.yaml"]);
  assertEquals(Deno.readTextFileSync(on.file), text);
  const gone = join(on.root, "gone.yaml");
  assertEquals(await on.refresh({ paths: [gone] }), ["unreadable gone.yaml"]);
  Deno.removeSync(join(on.root, "etc/warmboot"), { recursive: true });
  assertEquals(await on.refresh(), []);
});

Deno.test("a profile is written again with what it had: pinned or not, and not at all without a kernel", async () => {
  for (const pin of [false, true]) {
    using on = await host(pin);
    on.add("6.12.0");
    await on.refresh();
    const text = Deno.readTextFileSync(on.file);
    assertEquals(text.includes("sha256:"), pin);
    const files = ["boot/vmlinuz-6.12.0", "boot/initrd.img-6.12.0"].map((name) =>
      Deno.readFileSync(join(on.root, name))
    );
    assertEquals(files.map((bytes) => text.includes(sha256Of(bytes))), [pin, pin]);
    for (const release of ["6.1.0", "6.12.0"]) Deno.removeSync(join(on.root, `boot/vmlinuz-${release}`));
    assertEquals(await on.refresh(), ["failed next.yaml"]);
    assertEquals(Deno.readTextFileSync(on.file), text);
  }
});

Deno.test("every file of a profile is pinned as it is below the root, or none where one is missing", async () => {
  using on = await host();
  for (const name of ["tree.dtb", "module"]) Deno.writeTextFileSync(join(on.root, name), name);
  const draft = {
    about: [],
    kernel: { path: "/boot/vmlinuz-6.1.0" },
    initrd: [{ path: "/boot/initrd.img-6.1.0" }],
    dtb: { path: "/tree.dtb" },
    modules: [{ path: "/module", cmdline: "a" }],
    notes: {},
  };
  const { value } = await pinFiles(draft, on.root);
  assert(value !== undefined);
  const { kernel, initrd, dtb, modules } = value;
  const here = (path: string) => ({ path, sha256: sha256Of(Deno.readFileSync(join(on.root, path))) });
  assertEquals([kernel, ...initrd, dtb, ...modules ?? []], [
    here("/boot/vmlinuz-6.1.0"),
    here("/boot/initrd.img-6.1.0"),
    here("/tree.dtb"),
    { ...here("/module"), cmdline: "a" },
  ]);
  Deno.removeSync(join(on.root, "module"));
  const missing = await pinFiles(draft, on.root);
  assertEquals([missing.value, missing.diagnostics.map(({ code }) => code)], [undefined, ["file-missing"]]);
});
