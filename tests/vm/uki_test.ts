import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { peFile } from "../image/build.ts";
import { MARK, markedTree } from "./board_tree.ts";
import { ALL } from "./extent.ts";
import { cpioArchive, MODE } from "./cpio.ts";
import { machineWith, profile, said } from "./guest_profile.ts";
import { EXIT } from "../../src/core/program.ts";
import { fetchKernel, kernelNames, usualKernel } from "./packages.ts";
import { BASE_CMDLINE, baseCmdline } from "./qemu.ts";
import { type Section, unifiedImage, writtenInitrd } from "./uki.ts";

const kernel = await usualKernel();
const text = new TextEncoder();
const LINUX = "/boot/EFI/Linux";

/** An archive with one file, which says that it was unpacked. */
const archive = (path: string): Uint8Array => cpioArchive([{ path, mode: MODE.file, data: text.encode("unpacked\n") }]);

Deno.test(`unified kernel images boot whole, by both calls, by each profile, with their addons (${kernel.name})`, async (t) => {
  const initrdFile = await writtenInitrd(kernel);
  const initrd = await Deno.readFile(initrdFile);
  const plain = await unifiedImage(kernel, [
    [".osrel", "ID=test\n"],
    [".uname", kernel.release],
    [".cmdline", `${BASE_CMDLINE} from=image\n`],
    [".initrd", { file: initrdFile }],
    [".linux", { file: kernel.image }],
  ]);
  await Deno.remove(initrdFile);
  // objcopy adds no two sections of a name.
  const profiles = peFile({
    sections: [
      { name: ".uname", bytes: text.encode(kernel.release) },
      { name: ".cmdline", bytes: text.encode(`${BASE_CMDLINE} profile=base`) },
      { name: ".ucode", bytes: archive("/kernel/x86/microcode/none.bin") },
      { name: ".initrd", bytes: initrd },
      { name: ".linux", bytes: await Deno.readFile(kernel.image) },
      { name: ".profile", bytes: text.encode("ID=main\n") },
      { name: ".profile", bytes: text.encode("ID=rescue\n") },
      { name: ".cmdline", bytes: text.encode(`${BASE_CMDLINE} profile=rescue`) },
    ],
  });
  const addon = peFile({
    sections: [
      { name: ".cmdline", bytes: text.encode("addon=1") },
      { name: ".initrd", bytes: archive("/from-addon") },
    ],
  });
  await using machine = await machineWith(kernel, { warmboot: "cli.ts" }, { memory: 2048 }, {
    [`${LINUX}/plain.efi`]: plain,
    [`${LINUX}/cut.efi`]: plain.slice(0, plain.length >> 1),
    [`${LINUX}/profiles.efi`]: profiles,
    [`${LINUX}/profiles.efi.extra.d/a.addon.efi`]: addon,
  });
  const boots = async (lines: string, cmdline: string): Promise<void> => {
    await profile(machine, lines);
    const boot = await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
    assertEquals(boot, { release: kernel.release, cmdline: `${BASE_CMDLINE} ${cmdline}` });
  };

  await t.step("what systemd-stub and objcopy made, by kexec_file_load, pinned as a whole", async () => {
    const [sha256] = (await machine.output(`sha256sum ${LINUX}/plain.efi`)).split(" ");
    await boots(`kernel: { path: ${LINUX}/plain.efi, sha256: ${sha256} }\nload: kexec_file_load`, "from=image");
  });

  await t.step("the same by kexec_load, its command line edited", async () => {
    const cmdline = "cmdline: { reuse: image, remove: from, append: edited=1 }";
    await boots(`kernel: ${LINUX}/plain.efi\nload: kexec_load\n${cmdline}`, "edited=1");
    assertMatch(await machine.output("dmesg"), /ACPI: RSDP/);
  });

  await t.step("the first profile, with an addon's command line and initrd", async () => {
    await boots(`kernel: ${LINUX}/profiles.efi\nload: kexec_file_load`, "profile=base addon=1");
    assertEquals(await machine.output("cat /from-addon"), "unpacked\n");
  });

  await t.step("another profile by its name, by kexec_load", async () => {
    await boots(`kernel: { path: ${LINUX}/profiles.efi, profile: rescue }\nload: kexec_load`, "profile=rescue addon=1");
    assertEquals(await machine.output("cat /from-addon"), "unpacked\n");
  });

  await t.step("an image that is cut off, and a pin that does not match, are refused", async () => {
    for (
      const [lines, says] of [
        [`kernel: ${LINUX}/cut.efi`, "unified kernel image"],
        [`kernel: { path: ${LINUX}/plain.efi, sha256: ${"0".repeat(64)} }`, "not the pinned"],
      ] as const
    ) {
      await profile(machine, lines);
      const [code, output] = said(await machine.run("warmboot load /run/p.yaml"));
      assertEquals(code, EXIT.unavailable.code, output);
      assertStringIncludes(output, says);
    }
  });

  await t.step("a stored plan of an image loads, and is refused once the image changed", async () => {
    await profile(machine, `kernel: ${LINUX}/plain.efi\nload: kexec_file_load`);
    await machine.output("warmboot plan /run/p.yaml --out /run/plan.json");
    await machine.output("warmboot load /run/plan.json");
    // The kernel is its last section.
    const place = plain.length - (4 << 20);
    await machine.output(`dd if=/dev/zero of=${LINUX}/plain.efi bs=1 seek=${place} count=64 conv=notrunc`);
    const [code, output] = said(await machine.run("warmboot load /run/plan.json"));
    assertEquals(code, EXIT.unavailable.code, output);
    assertStringIncludes(output, `the SHA-256 of ${LINUX}/plain.efi/.linux changed`);
  });
});

const [arm64] = await kernelNames("aarch64");

Deno.test({
  name: "arm64: a unified kernel image boots whole by kexec_load, with its device tree",
  ignore: !ALL || arm64 === undefined,
  fn: async () => {
    const kernel = await fetchKernel(arm64 ?? "host");
    const initrd = await writtenInitrd(kernel);
    const cmdline = `${baseCmdline("aarch64")} from=image`;
    const tree = await Deno.makeTempFile({ prefix: "warmboot-tree-" });
    await Deno.writeFile(tree, await markedTree("from the UKI"));
    const sections: readonly Section[] = [
      [".dtb", { file: tree }],
      [".uname", kernel.release],
      [".cmdline", cmdline],
      [".initrd", { file: initrd }],
      [".linux", { file: kernel.image }],
    ];
    const image = await unifiedImage(kernel, sections);
    await using machine = await machineWith(kernel, { warmboot: "cli.ts" }, { memory: 1024 }, {
      "/boot/EFI/Linux/a.efi": image,
    });
    for (const path of [initrd, tree]) await Deno.remove(path);
    await profile(machine, "kernel: /boot/EFI/Linux/a.efi\nload: kexec_load");
    const boot = await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
    assertEquals(boot, { release: kernel.release, cmdline });
    assertEquals(await machine.output("grep -c ^processor /proc/cpuinfo"), "2\n");
    assertEquals(await machine.output(`tr -d '\\000' < ${MARK}`), "from the UKI");
  },
});
