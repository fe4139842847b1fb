/** kexec_file_load on arm64, which Debian's kernels lack: a kernel that is built for it. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { gzipSync } from "node:zlib";
import { EXIT } from "../../src/core/program.ts";
import { wholeFit } from "../image/build_uboot.ts";
import { MARK, markedTree } from "./board_tree.ts";
import { builtKernel } from "./built_kernel.ts";
import { crashLoaded, crashProfile, panic } from "./crash.ts";
import { ALL } from "./extent.ts";
import { loaded, machineWith, profile, said, status } from "./guest_profile.ts";
import { kernelNames } from "./packages.ts";
import { baseCmdline } from "./qemu.ts";
import { unifiedImage, writtenInitrd } from "./uki.ts";

Deno.test({
  name: "arm64: kexec_file_load boots a packed kernel and a crash kernel, and refuses what warmboot refuses",
  // The build takes minutes; the source is Debian's.
  ignore: !ALL || (await kernelNames("aarch64")).length === 0,
  fn: async (t) => {
    const kernel = await builtKernel("kexec_file");
    const programs = { warmboot: "cli.ts", unchecked: "tests/vm/guest/unchecked.ts" };
    const packed = new Uint8Array(gzipSync(await Deno.readFile(kernel.image)));
    const options = { memory: 1024, append: "crashkernel=256M" };
    const cmdline = `${baseCmdline("aarch64")} crashkernel=256M way=image`;
    const initrd = await writtenInitrd(kernel);
    const tree = await Deno.makeTempFile({ prefix: "warmboot-tree-" });
    await Deno.writeFile(tree, await markedTree("from the UKI"));
    const unified = await unifiedImage(kernel, [
      [".uname", kernel.release],
      [".cmdline", cmdline],
      [".initrd", { file: initrd }],
      [".dtb", { file: tree }],
      [".linux", { file: kernel.image }],
    ]);
    const fit = wholeFit(packed, { ramdisk: await Deno.readFile(initrd), compression: "gzip" });
    for (const path of [initrd, tree]) await Deno.remove(path);
    const files = { "/boot/Image.gz": packed, "/boot/EFI/Linux/a.efi": unified, "/boot/board.itb": fit };
    await using machine = await machineWith(kernel, programs, options, files);

    await t.step("what is no kernel, and what has another one's bytes, is refused by both", async () => {
      for (const [path, says] of [["/boot/initrd", "is not a kernel"], ["/boot/empty", "is empty"]] as const) {
        await profile(machine, `kernel: ${path}\ncmdline: ro`);
        const [code, text] = said(await machine.run("warmboot load /run/p.yaml"));
        assertEquals([code, await loaded(machine)], [EXIT.unavailable.code, "0"], text);
        assertStringIncludes(text, says);
        // Where x86_64 says ENOEXEC of what is no kernel, arm64 says EINVAL (arch/arm64/kernel/kexec_image.c).
        assertEquals(await machine.output(`unchecked ${path} 10`), "-1 EINVAL\n");
      }
    });

    await t.step("a command line of 2048 bytes is the most, though the kernel takes more and cuts it", async () => {
      await profile(machine, `kernel: /boot/vmlinuz\ncmdline: ${"x".repeat(2048)}`);
      const [code, text] = said(await machine.run("warmboot load /run/p.yaml"));
      assertEquals(code, EXIT.unavailable.code, text);
      assertStringIncludes(text, "at most 2048");
      assertEquals(await machine.output("unchecked /boot/vmlinuz 2049"), "0\n");
    });

    await t.step("a kernel that is packed with gzip boots, with both initrds", async () => {
      const cmdline = `${baseCmdline("aarch64")} crashkernel=256M way=file`;
      await profile(machine, `kernel: /boot/Image.gz\ninitrd: [/boot/marker.cpio, /boot/initrd]\ncmdline: ${cmdline}`);
      const plan = JSON.parse(await machine.output("warmboot plan /run/p.yaml -o json"));
      assertEquals(plan.call.syscall, "kexec_file_load");
      await machine.output("warmboot load /run/p.yaml");
      assertEquals((await status(machine)).record, "matches");
      const boot = await machine.runToBoot("warmboot exec --now");
      assertEquals(boot, { release: kernel.release, cmdline });
      assertEquals(await machine.output("cat /marker; grep -c ^processor /proc/cpuinfo"), "unpacked\n2\n");
    });

    await t.step("a unified kernel image boots whole, but for its device tree, which is named", async () => {
      await profile(machine, "kernel: /boot/EFI/Linux/a.efi\nload: kexec_file_load");
      const [code, text] = said(await machine.run("warmboot plan /run/p.yaml"));
      assertEquals(code, EXIT.ok.code, text);
      assertStringIncludes(
        text,
        "/boot/EFI/Linux/a.efi/.dtb is not used: kexec_file_load hands over the running device tree",
      );
      const boot = await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
      assertEquals(boot, { release: kernel.release, cmdline });
      assertEquals((await machine.run(`test -e ${MARK}`)).code, 1);
    });

    await t.step("a FIT image boots whole: the kernel that it holds packed, and its initrd", async () => {
      const cmdline = `${baseCmdline("aarch64")} crashkernel=256M way=fit`;
      await profile(machine, `kernel: /boot/board.itb\nload: kexec_file_load\ncmdline: ${cmdline}`);
      const { call } = JSON.parse(await machine.output("warmboot plan /run/p.yaml -o json"));
      assertEquals([call.syscall, call.kernel.path, call.initrd.map(({ path }: { readonly path: string }) => path)], [
        "kexec_file_load",
        "/boot/board.itb/images/kernel-1",
        ["/boot/board.itb/images/ramdisk-1"],
      ]);
      const boot = await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
      assertEquals(boot, { release: kernel.release, cmdline });
    });

    await t.step("a crash kernel is loaded", async () => {
      await profile(machine, crashProfile("kexec_file_load"));
      await machine.output("warmboot load /run/p.yaml");
      assertEquals(await crashLoaded(machine), "1");
    });
    await panic(t, machine, { release: kernel.release, arch: "aarch64" });
  },
});
