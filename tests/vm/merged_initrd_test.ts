/**
 * `files` below `/lib` of an initrd in which that is a link, as in those of distributions: the initrd still boots, though its
 * init needs an interpreter, a loader and a library that are found through such links. An archive with a folder `lib` would
 * have removed them, which is seen here too.
 */
import { assertEquals, assertStringIncludes, fail } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { cpioArchive, type CpioEntry, MODE } from "./cpio.ts";
import { librariesOf } from "./deno_files.ts";
import { ALL } from "./extent.ts";
import { machineWith, profile } from "./guest_profile.ts";
import { initrdBytes, tinyInitrd } from "./initramfs.ts";
import type { Machine } from "./machine.ts";
import { usualKernel } from "./packages.ts";
import { BASE_CMDLINE } from "./qemu.ts";

const kernel = await usualKernel();

/** The shell of the host, which is linked dynamically; busybox is not. */
const SHELL = "/bin/dash";

/** What comes before an initrd of the guests, and makes it one with merged folders: its init runs in the shell from there. */
async function mergedParts(): Promise<{ readonly before: Uint8Array; readonly after: Uint8Array }> {
  const file = async (path: string, from: string): Promise<CpioEntry> => ({
    path,
    mode: MODE.file,
    data: await Deno.readFile(from),
  });
  const link = (path: string, target: string): CpioEntry => ({
    path,
    mode: MODE.link,
    data: new TextEncoder().encode(target),
  });
  const libraries = Object.entries(await librariesOf(SHELL));
  const script = await Deno.readTextFile(fromFileUrl(new URL("guest/init", import.meta.url)));
  return {
    before: cpioArchive([
      link("/lib", "usr/lib"),
      link("/lib64", "usr/lib64"),
      await file("/usr/lib/shell", SHELL),
      ...await Promise.all(libraries.map(([path, { file: from }]) => file(path.replace(/^(?:\/usr)?/, "/usr"), from))),
    ]),
    after: cpioArchive([
      { path: "/init", mode: MODE.file, data: new TextEncoder().encode(script.replace(/^#!.*/, "#!/lib/shell")) },
    ]),
  };
}

const INITRDS = "/boot/merged, /boot/tiny, /boot/init";
const FILES = "{ files: [{ path: /lib/a, text: a }, { path: /lib64/deep/b, text: b, mode: 0640 }] }";

async function writeProfile(machine: Machine, load: string, last: string): Promise<void> {
  await profile(
    machine,
    `kernel: /boot/vmlinuz\ninitrd: [${INITRDS}, ${last}]\ncmdline: ${BASE_CMDLINE} way=${load}\nload: ${load}`,
  );
}

const BOOT = "warmboot load --exec --now /run/p.yaml";

Deno.test(`a file below /lib leaves the link that the initrd boots by (${kernel.name})`, async (t) => {
  const { before, after } = await mergedParts();
  // The next system needs no disk: a reset leads back from it.
  const files = {
    "/boot/merged": before,
    "/boot/tiny": await initrdBytes(await tinyInitrd()),
    "/boot/init": after,
    "/boot/folder": cpioArchive([{ path: "/lib/a", mode: MODE.file, data: new TextEncoder().encode("a") }]),
  };
  await using machine = await machineWith(kernel, { warmboot: "cli.ts" }, { resets: true }, files);

  for (const load of ALL ? ["kexec_file_load", "kexec_load"] : ["kexec_file_load"]) {
    await t.step(load, async () => {
      await writeProfile(machine, load, FILES);
      assertStringIncludes((await machine.runToBoot(BOOT)).cmdline, `way=${load}`);
      assertEquals(await machine.output("readlink /lib; readlink /lib64"), "usr/lib\nusr/lib64\n");
      assertEquals(await machine.output("cat /usr/lib/a /lib/a /usr/lib64/deep/b"), "aab");
      assertEquals(await machine.output("stat -c %a /usr/lib64/deep/b"), "640\n");
      assertEquals(await machine.output("/lib/shell -c 'echo $((6 * 7))'"), "42\n");
      if (ALL) await machine.runToBoot("reboot -f");
    });
  }

  await t.step({
    name: "an archive with a folder `lib` removes the link, and the init does not start",
    ignore: !ALL,
    async fn() {
      await writeProfile(machine, "kexec_file_load", "/boot/folder");
      const fails = machine.sees("Failed to execute /init (error -2)");
      await Promise.race([fails, machine.runToBoot(BOOT).then(({ cmdline }) => fail(`It boots: ${cmdline}`))]);
    },
  });
});
