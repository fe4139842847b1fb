import { assertEquals, assertStringIncludes } from "@std/assert";
import { dirname } from "@std/path";
import { templateFromNewest, templateFromRunning } from "../../src/app/init_installed.ts";
import { capturedFacts } from "../host/fixture.ts";
import { ascii, bzImage, peFile } from "../image/build.ts";
import { hostFacts } from "../support/host_facts.ts";
import { withFiles } from "../support/temp_files.ts";

const RELEASE = "6.12.117+deb13-amd64";
const kernel = (release: string): Uint8Array => bzImage({ version: `${release} (builder@example.org) #1 SMP` });
const FACTS = { ...capturedFacts("bios-vm"), release: RELEASE, cmdline: "root=LABEL=root ro" };

/** A profile of the running kernel, on a host with these files: its paths, or why there is none. */
function written(files: { readonly [path: string]: Uint8Array }): readonly (string | undefined)[] {
  const root = Deno.makeTempDirSync({ prefix: "warmboot-init-" });
  try {
    for (const [path, bytes] of Object.entries(files)) {
      Deno.mkdirSync(dirname(`${root}${path}`), { recursive: true });
      Deno.writeFileSync(`${root}${path}`, bytes);
    }
    const { value, diagnostics } = templateFromRunning(FACTS, root);
    return value === undefined
      ? diagnostics.map(({ message }) => message)
      : [value.kernel?.path, ...value.initrd.map(({ path }) => path)];
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
}

const INITRD = new Uint8Array(1);

Deno.test("the running kernel is found by what is in its file, whatever the name", () => {
  assertEquals(written({ "/boot/vmlinuz": kernel(RELEASE), "/boot/initrd.img": INITRD }), [
    "/boot/vmlinuz",
    "/boot/initrd.img",
  ]);
  assertEquals(written({ "/boot/next": kernel(RELEASE), "/boot/vmlinuz": kernel("6.1.0-50-amd64") }), ["/boot/next"]);
  assertEquals(written({ [`/efi/0123/${RELEASE}/linux`]: kernel(RELEASE), [`/efi/0123/${RELEASE}/initrd`]: INITRD }), [
    `/efi/0123/${RELEASE}/linux`,
    `/efi/0123/${RELEASE}/initrd`,
  ]);
});

Deno.test("a file of the usual name comes first, with the initrd of its version", () => {
  const files = {
    "/boot/vmlinuz": kernel(RELEASE),
    "/boot/initrd.img": INITRD,
    [`/boot/vmlinuz-${RELEASE}`]: kernel(RELEASE),
    [`/boot/initrd.img-${RELEASE}`]: INITRD,
  };
  assertEquals(written(files), [`/boot/vmlinuz-${RELEASE}`, `/boot/initrd.img-${RELEASE}`]);
});

Deno.test("an unversioned initrd is not that of a kernel with a version, and another release is not the running one", () => {
  assertEquals(written({ [`/boot/vmlinuz-${RELEASE}`]: kernel(RELEASE), "/boot/initrd.img": INITRD }), [
    `/boot/vmlinuz-${RELEASE}`,
  ]);
  const [message = ""] = written({ "/boot/vmlinuz": kernel("6.1.0-50-amd64"), "/boot/initrd.img": INITRD });
  assertStringIncludes(message, `No file was found for the running kernel ${RELEASE}`);
});

Deno.test("a kernel that says another release is not the running one, whatever its name; one that says none is", () => {
  const found = (version: string) =>
    withFiles({ "boot/vmlinuz-6.1.0": bzImage({ version }) }, (root) => {
      const { value, diagnostics } = templateFromRunning(hostFacts({ release: "6.1.0", cmdline: "ro" }), root);
      return [value?.kernel?.path, ...diagnostics.map(({ code }) => code)];
    });
  assertEquals(found("6.1.0 (x) #1 SMP"), ["/boot/vmlinuz-6.1.0"]);
  assertEquals(found(""), ["/boot/vmlinuz-6.1.0"]);
  assertEquals(found("6.1.1 (x) #1 SMP"), [undefined, "kernel-not-found"]);
});

Deno.test("of several files of the running release, the one that the boot loader named is taken", () => {
  const files = Object.fromEntries(["boot/aa", "boot/zz", "srv/k"].map((path) => [path, kernel(RELEASE)]));
  const found = (image: string) =>
    withFiles(
      files,
      (root) => templateFromRunning({ ...FACTS, cmdline: `BOOT_IMAGE=${image} ro` }, root).value?.kernel?.path,
    );
  assertEquals(["(hd0,gpt2)/zz", "/boot/zz", "/srv/k", "zz"].map(found), [
    "/boot/zz",
    "/boot/zz",
    "/srv/k",
    "/boot/aa",
  ]);
});

Deno.test("a unified kernel image has its own initrd: one that lies beside it is not taken", () => {
  const image = peFile({
    sections: [{ name: ".uname", bytes: ascii(RELEASE) }, { name: ".linux", bytes: kernel(RELEASE) }],
  });
  const initrds = (bytes: Uint8Array) =>
    withFiles(
      { [`boot/vmlinuz-${RELEASE}`]: bytes, [`boot/initrd.img-${RELEASE}`]: INITRD },
      (root) => templateFromRunning(FACTS, root).value?.initrd.map(({ path }) => path),
    );
  assertEquals([initrds(kernel(RELEASE)), initrds(image)], [[`/boot/initrd.img-${RELEASE}`], []]);
});

Deno.test("an image that does not say its release is known by its name, wherever distributions have it", () => {
  const found = (path: string, cmdline = "ro") =>
    withFiles(
      { [path]: bzImage({ version: "" }) },
      (root) => templateFromRunning(hostFacts({ release: "6.1.0", cmdline }), root).value?.kernel?.path,
    );
  const named = ["vmlinuz", "vmlinux", "Image", "kernel"].map((name) => `/boot/${name}-6.1.0`);
  for (const path of [...named, "/usr/lib/modules/6.1.0/vmlinuz", "/lib/modules/6.1.0/vmlinuz"]) {
    assertEquals(found(path.slice(1)), path);
  }
  assertEquals(found("boot/vmlinuz-6.1.1"), undefined);
  // That it was booted does not make it the one that runs: an update may have replaced it.
  assertEquals(found("boot/vmlinuz", "BOOT_IMAGE=/vmlinuz ro"), undefined);
  assertEquals(found("boot/linux-6.1.0", "BOOT_IMAGE=/linux-6.1.0 ro"), "/boot/linux-6.1.0");
});

Deno.test("the path that the boot loader named is tried from the root first, and a link is followed", () => {
  const files = { "zz": kernel(RELEASE), "boot/zz": kernel(RELEASE), "boot/real": kernel(RELEASE) };
  withFiles(files, (root) => {
    const found = (cmdline: string) => templateFromRunning({ ...FACTS, cmdline }, root).value?.kernel?.path;
    assertEquals(found("BOOT_IMAGE=/zz ro"), "/zz");
    Deno.symlinkSync("real", `${root}/boot/vmlinuz-${RELEASE}`);
    assertEquals(found("ro"), `/boot/vmlinuz-${RELEASE}`);
  });
});

Deno.test("the newest kernel with its initrd is taken only where any kernel has one", () => {
  const files = { "boot/vmlinuz-6.1.0": kernel("6.1.0"), "boot/vmlinuz-6.12.1": kernel("6.12.1") };
  const newest = (more: Readonly<Record<string, Uint8Array>>, wanted: Parameters<typeof templateFromNewest>[1]) =>
    withFiles({ ...files, ...more }, (root) => templateFromNewest(root, wanted).value?.kernel?.path);
  const older = { "boot/initrd.img-6.1.0": INITRD };
  assertEquals(newest({}, { withInitrd: true }), "/boot/vmlinuz-6.12.1");
  assertEquals(newest(older, { withInitrd: true }), "/boot/vmlinuz-6.1.0");
  assertEquals(newest(older, {}), "/boot/vmlinuz-6.12.1");
  assertEquals(newest({}, { without: "6.12.1" }), "/boot/vmlinuz-6.1.0");
});
