/** What an initrd is by the files in it: what runs there, what configures its network, and what opens its volumes. */
import { assertEquals } from "@std/assert";
import type { Program } from "../../src/host/image_content.ts";
import { CRYPT_FILES, CRYPT_TEXTS, cryptTool } from "../../src/image/initrd_crypt.ts";
import { hasRamoops, initrdMaker, MAKER_FILES, RAMOOPS_MODULE } from "../../src/image/initrd_maker.ts";
import { initrdNetwork, NETWORK_FILES } from "../../src/image/initrd_network.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** An initrd with these files. */
function having(paths: readonly string[], kind: Program = "executable") {
  return { programs: Object.fromEntries(paths.map((path) => [path, kind])) };
}

const SCRIPTS = "/scripts/functions";
const [DRACUT, DRACUT_OLD] = ["/usr/lib/dracut-lib.sh", "/lib/dracut-lib.sh"];
const [EMERGENCY, EMERGENCY_OLD] = ["/usr/bin/dracut-emergency", "/bin/dracut-emergency"];
const [SYSTEMD, SYSTEMD_OLD] = ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"];
const DROP_IN = "/etc/systemd/system/emergency.service.d/warmboot.conf";

pure("what runs in an initrd is known by its files, each of which is looked for", () => {
  const rows: readonly (readonly [readonly string[], ReturnType<typeof initrdMaker>])[] = [
    [[], undefined],
    [[SCRIPTS], "initramfs-tools"],
    [[SCRIPTS, DRACUT, SYSTEMD], "initramfs-tools"],
    [[DRACUT], "dracut"],
    [[DRACUT_OLD], "dracut"],
    [[DRACUT, EMERGENCY], "dracut"],
    [[SYSTEMD], "systemd"],
    [[SYSTEMD_OLD], "systemd"],
    [[SYSTEMD, DROP_IN], "systemd-reset"],
    [[DROP_IN], undefined],
    // Without its own emergency.service, dracut's parameters have no effect.
    [[SYSTEMD, DRACUT], "systemd"],
    [[SYSTEMD, EMERGENCY], "systemd"],
    [[SYSTEMD, DRACUT, EMERGENCY], "dracut-systemd"],
    [[SYSTEMD, DRACUT, EMERGENCY_OLD], "dracut-systemd"],
    [[SYSTEMD, DRACUT, EMERGENCY, DROP_IN], "dracut-systemd"],
    [[SYSTEMD, DRACUT, DROP_IN], "systemd-reset"],
  ];
  assertEquals(
    rows.map(([files]) => [files, initrdMaker([having(files)])]),
    rows.map(([files, maker]) => [files, maker]),
  );
  for (const [files] of rows) assertEquals(files.filter((path) => !MAKER_FILES.includes(path)), []);
  // It may be spread over several, and need not be executable; a link to nowhere is nothing.
  assertEquals(
    initrdMaker([having([SYSTEMD], "not-executable"), having([DRACUT]), having([EMERGENCY])]),
    "dracut-systemd",
  );
  for (const kind of ["absent", "dangling"] as const) {
    assertEquals(initrdMaker([having([SCRIPTS, SYSTEMD], kind)]), undefined);
  }
  assertEquals(initrdMaker([]), undefined);
});

pure("whether an initrd has ramoops is not known where nobody looked, unless another one has it", () => {
  const [has, lacks, unknown] = [
    having([RAMOOPS_MODULE], "not-executable"),
    having([RAMOOPS_MODULE], "absent"),
    having([]),
  ];
  assertEquals([
    hasRamoops([has]),
    hasRamoops([lacks]),
    hasRamoops([unknown]),
    hasRamoops([lacks, has]),
    hasRamoops([lacks, lacks]),
    hasRamoops([lacks, unknown]),
    hasRamoops([unknown, has]),
    hasRamoops([]),
  ], [true, false, undefined, true, false, undefined, true, false]);
});

pure("what configures the network: in the order in which dracut prefers its modules", () => {
  const [connman, manager, ifup] = ["/usr/sbin/connmand", "/usr/libexec/nm-initrd-generator", "/sbin/ifup"];
  const [networkd, resolved] = ["/usr/lib/systemd/systemd-networkd", "/usr/lib/systemd/systemd-resolved"];
  const rows: readonly (readonly [readonly string[], string | undefined])[] = [
    [[], undefined],
    [[SCRIPTS, DRACUT, connman, networkd], "initramfs-tools"],
    [[DRACUT, connman, manager, ifup, networkd], "connman"],
    [[DRACUT, "/usr/bin/connmand"], "connman"],
    [[DRACUT, manager, ifup, networkd], "NetworkManager"],
    [[DRACUT, "/usr/lib/nm-initrd-generator"], "NetworkManager"],
    [[DRACUT, "/usr/lib/NetworkManager/nm-initrd-generator"], "NetworkManager"],
    [[DRACUT, ifup, networkd], "network-legacy"],
    [[DRACUT_OLD, "/usr/sbin/ifup"], "network-legacy"],
    [[DRACUT, "/usr/bin/ifup"], "network-legacy"],
    [[DRACUT, networkd], "systemd-networkd"],
    [[DRACUT], undefined],
    // Without dracut they are not its modules.
    [[connman, manager, ifup], undefined],
    [[manager, networkd], "systemd-networkd"],
    [["/lib/systemd/systemd-networkd"], "systemd-networkd"],
  ];
  assertEquals(
    rows.map(([files]) => [files, initrdNetwork([having(files)])?.tool]),
    rows.map(([files, tool]) => [files, tool]),
  );
  for (const [files] of rows) assertEquals(files.filter((path) => !NETWORK_FILES.includes(path)), []);
  const names = (...files: readonly string[]) => initrdNetwork([having([networkd]), having(files)])?.hasResolved;
  assertEquals([names(), names(resolved), names("/lib/systemd/systemd-resolved")], [false, true, true]);
  const hooks = ["/usr/lib", "/lib", "/var/lib"].map((folder) =>
    `${folder}/dracut/hooks/pre-udev/50-ifname-genrules.sh`
  );
  assertEquals(
    [[], ...hooks.map((path) => [path])].map((more) => initrdNetwork([having([DRACUT, ifup, ...more])])?.hasIfname),
    [false, true, true, true],
  );
  for (const path of hooks) assertEquals(NETWORK_FILES.includes(path), true);
  assertEquals(initrdNetwork([having([networkd], "dangling")]), undefined);
  assertEquals(initrdNetwork([having([networkd], "not-executable")])?.tool, "systemd-networkd");
});

pure("what opens encrypted volumes, by what runs in the initrd, and what is to be done where it is lacking", () => {
  const [crypt, generator] = [
    "/usr/lib/systemd/systemd-cryptsetup",
    "/usr/lib/systemd/system-generators/systemd-cryptsetup-generator",
  ];
  const tool = (...files: readonly string[]) => {
    const found = cryptTool([having(files)]);
    return found.kind === "tool" ? found.tool : found.kind === "lacking" ? `${found.what}: ${found.hint}` : found.kind;
  };
  const add = "Make the initrd with `dracut --add crypt`";
  const parts = "systemd-cryptsetup and its generator";
  const rows: readonly (readonly [readonly string[], string])[] = [
    [[], "unknown"],
    [[crypt, generator], "unknown"],
    [[SCRIPTS], "cryptsetup-initramfs: Install cryptsetup-initramfs, and run `update-initramfs -u`"],
    [[SCRIPTS, "/scripts/local-top/cryptroot"], "cryptsetup-initramfs"],
    [[DRACUT], `dracut's module \`crypt\`: ${add}`],
    ...["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map((folder) =>
      [[DRACUT, `${folder}/cryptroot-ask`], "dracut"] as const
    ),
    [[SYSTEMD, crypt, generator], "systemd"],
    [[SYSTEMD, DROP_IN, crypt, generator], "systemd"],
    ...["/lib/systemd", "/usr/bin", "/bin"].map((folder) =>
      [[SYSTEMD, `${folder}/systemd-cryptsetup`, generator], "systemd"] as const
    ),
    [[SYSTEMD, crypt, "/lib/systemd/system-generators/systemd-cryptsetup-generator"], "systemd"],
    [[SYSTEMD, crypt], `${parts}: Make the initrd with them: mkinitcpio's hook is \`sd-encrypt\``],
    [[SYSTEMD, generator], `${parts}: Make the initrd with them: mkinitcpio's hook is \`sd-encrypt\``],
    [[SYSTEMD, DRACUT, EMERGENCY, crypt, generator], "dracut-systemd"],
    [[SYSTEMD, DRACUT, EMERGENCY, crypt], `${parts}: ${add}`],
    // Not dracut's own script where systemd runs.
    [[SYSTEMD, DRACUT, EMERGENCY, "/sbin/cryptroot-ask"], `${parts}: ${add}`],
  ];
  assertEquals(rows.map(([files]) => [files, tool(...files)]), rows.map(([files, found]) => [files, found]));
  const known = [...MAKER_FILES, ...CRYPT_FILES];
  for (const [files] of rows) assertEquals(files.filter((path) => !known.includes(path)), []);
  assertEquals(cryptTool([having([SYSTEMD, crypt, generator], "not-executable")]).kind, "tool");
  assertEquals(cryptTool([having([SYSTEMD]), having([crypt, generator], "dangling")]).kind, "lacking");
  assertEquals(cryptTool([having([SYSTEMD]), having([crypt]), having([generator])]).kind, "tool");
  assertEquals(CRYPT_TEXTS, ["/cryptroot/crypttab", "/etc/crypttab", "/etc/cmdline", "/etc/cmdline.d/*"]);
});
