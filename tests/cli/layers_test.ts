import { gzipSync } from "node:zlib";
import { assertEquals, assertStrictEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { EXIT } from "../../src/core/program.ts";
import { checkProfiles } from "../../src/app/check_files.ts";
import { compareReleases } from "../../src/core/release.ts";
import { findProfile, layerFiles } from "../../src/app/layer_files.ts";
import { isFolder } from "../../src/app/files/find_files.ts";
import { ascii, bzImage, peFile } from "../image/build.ts";
import { run } from "../support/run_cli.ts";

const FACTS = join(import.meta.dirname ?? ".", "../fixtures/hosts/bios-vm.json");
const READ = ["--allow-read"];

/** Writes files below a folder of their own, which goes when the test ends. */
function folderOf(files: { readonly [path: string]: string | Uint8Array }): { readonly path: string } & Disposable {
  const path = Deno.makeTempDirSync({ prefix: "warmboot-layers-" });
  for (const [name, content] of Object.entries(files)) {
    Deno.mkdirSync(join(path, name, ".."), { recursive: true });
    if (typeof content === "string") Deno.writeTextFileSync(join(path, name), content);
    else Deno.writeFileSync(join(path, name), content);
  }
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

Deno.test("a profile is found by its name: the strongest folder wins, masks switch off, drop-ins of all folders count", () => {
  using folder = folderOf({
    "etc/web.yaml": "version: 1\nkernel: e\n",
    "usr/web.yaml": "version: 1\nkernel: u\n",
    "usr/db.yaml": "version: 1\nkernel: u\n",
    "etc/db.yaml": "",
    "usr/old.yaml": "version: 1\nkernel: u\n",
    "run/reboot.json": "{}",
    "run/web.yaml.d/10.yaml": "crash: false\n",
    "usr/web.yaml.d/10.yaml": "crash: true\n",
    "usr/web.yaml.d/05.yaml": "crash: true\n",
    "usr/web.yaml.d/20.yaml": "crash: true\n",
    "etc/web.yaml.d/notes.txt": "no drop-in",
  });
  const roots = ["etc", "run", "usr"].map((name) => join(folder.path, name));
  Deno.symlinkSync("/dev/null", join(folder.path, "etc/old.yaml"));
  Deno.symlinkSync("/dev/null", join(folder.path, "etc/web.yaml.d/20.yaml"));
  const { value: web } = findProfile("web", roots);
  assertEquals(web?.path, `${roots[0]}/web.yaml`);
  assertEquals(web?.dropIns?.files, [`${roots[2]}/web.yaml.d/05.yaml`, `${roots[1]}/web.yaml.d/10.yaml`]);
  const failed = ["db", "old", "webb"].map((name) => findProfile(name, roots).diagnostics);
  assertEquals(failed.map(([found]) => found?.code), [
    "profile-masked",
    "profile-masked",
    "profile-missing",
  ]);
  const hints = failed.map(([found]) => found?.hint);
  assertEquals(hints[2], "Did you mean web?");
});

Deno.test("check walks folders: profiles have a version, parts are used or warned of, the hidden and the foreign are left", async () => {
  using folder = folderOf({
    "p/base.yaml": "kernel: k\n",
    "p/a/web.yaml": "version: 1\nextends: ../base.yaml\n",
    "p/a/web.yaml.d/1.yaml": "version: 1\ncrash: false\n",
    "p/bad.yml": "version: 1\nkernal: x\n",
    "p/broken.yaml": "version: 1\nkernel: [\n",
    "p/stray.yaml": "services: []\n",
    "p/gone.yaml.d/1.yaml": "crash: true\n",
    "p/host.yaml": "format: warmboot.facts/1\nfiles: {}\n",
    "p/.hidden/x.yaml": "version: 7\n",
    "p/readme.md": "version: 1\n",
    "empty/x.txt": "",
  });
  const found = await run(["check", join(folder.path, "p"), "-o", "json"], READ);
  assertEquals(found.code, EXIT.data.code, found.stderr);
  const { summary, files, parts } = JSON.parse(found.stdout);
  const short = (path: string): string => path.slice(folder.path.length + 3);
  assertEquals(summary, { profiles: 3, invalid: 2, warnings: 2, parts: 4 });
  assertEquals(files.map((each: { file: string; valid: boolean }) => `${short(each.file)} ${each.valid}`), [
    "a/web.yaml true",
    "bad.yml false",
    "broken.yaml false",
  ]);
  assertEquals(parts.map((each: { file: string; used: boolean }) => `${short(each.file)} ${each.used}`), [
    "a/web.yaml.d/1.yaml true",
    "base.yaml true",
    "gone.yaml.d/1.yaml false",
    "stray.yaml false",
  ]);
  const empty = await run(["check", join(folder.path, "empty")]);
  assertEquals(empty.code, EXIT.noinput.code);
  assertStringIncludes(empty.stderr, "There is no profile under");
});

Deno.test("a problem of a base is reported once, however many profiles are made of it; `-` there is a file's name", async () => {
  using folder = folderOf({
    "p/base.yaml": "kernal: /k\n",
    "p/a.yaml": "version: 1\nextends: base.yaml\n",
    "p/b.yaml": "version: 1\nextends: base.yaml\n",
    "p/spare.yaml": "crash: false\n",
    "c.yaml": 'version: 1\nextends: "-"\nkernel: /k\n',
  });
  const found = await run(["check", join(folder.path, "p")]);
  assertEquals([found.code, found.stdout], [
    EXIT.data.code,
    "2 of 2 profiles are not valid; 1 warning; 1 file is part of profiles\n",
  ]);
  assertEquals(found.stderr.split("Unknown key `kernal`").length, 2, found.stderr);
  const sarif = JSON.parse((await run(["check", join(folder.path, "p"), "-o", "sarif"])).stdout);
  const unknown = sarif.runs[0].results.filter((each: { ruleId: string }) => each.ruleId === "unknown-key");
  assertEquals(unknown.length, 1);
  const stream = await run(["check", join(folder.path, "c.yaml")]);
  assertStringIncludes(stream.stderr, "- does not exist");
});

Deno.test("two thousand profiles are checked in one process, and what they share is read once", () => {
  // More than the files that a process may have open.
  const count = 2000;
  using folder = folderOf({ "base.yaml": "kernel: /boot/vmlinuz\n" });
  for (let index = 0; index < count; index++) {
    const key = index % 500 === 7 ? "crahs" : "crash";
    Deno.writeTextFileSync(join(folder.path, `${index}.yaml`), `version: 1\nextends: base.yaml\n${key}: false\n`);
  }
  const { read, ...others } = layerFiles();
  assertStrictEquals(others.dropIns(folder.path), others.dropIns(folder.path));
  let reads = 0;
  const result = checkProfiles([folder.path], () => {}, { ...others, read: (path) => (reads++, read(path)) });
  assertEquals(result.profiles.length, count);
  assertEquals(result.profiles.filter(({ verdict }) => !verdict.valid).length, 4);
  assertEquals(result.parts.map(({ used }) => used), [true]);
  assertEquals(reads, count);
});

Deno.test("a plan is made of all layers, a missing image is told of where it is named, and an input is not overwritten", async () => {
  using folder = folderOf({
    "vmlinuz": bzImage(),
    "base.yaml": "kernel: vmlinuz\n\ninitrd: gone.img\ncmdline: ro\n",
    "web.yaml": "version: 1\nextends: base.yaml\n",
    "ok.yaml": "version: 1\nextends: base.yaml\ninitrd: []\ncmdline+: quiet\n",
    "ok.yaml.d/1.yaml": 'cmdline+: last\nrequires: { hostname: "db*" }\n',
  });
  const missing = await run(["plan", join(folder.path, "web.yaml"), "--facts", FACTS]);
  assertEquals(missing.code, EXIT.noinput.code);
  assertStringIncludes(missing.stderr, `${folder.path}/base.yaml:3:9: error`);
  const plan = await run(["plan", join(folder.path, "ok.yaml"), "--facts", FACTS, "-o", "json"]);
  assertEquals(plan.code, EXIT.unavailable.code, plan.stderr);
  const made = JSON.parse(plan.stdout);
  assertEquals([made.call.cmdline, made.requires], ["ro quiet last", { hostname: "db*" }]);
  assertEquals(made.checks[0].rule, "requires-hostname");
  for (const name of ["base.yaml", "ok.yaml", "ok.yaml.d/1.yaml", "vmlinuz"]) {
    const out = ["--out", join(folder.path, name)];
    const over = await run(["plan", join(folder.path, "ok.yaml"), "--facts", FACTS, ...out]);
    assertEquals(over.code, EXIT.usage.code, over.stderr);
  }
});

Deno.test("the matrix says which profile fits which host, and exits by whether one fails on a host that it is for", async () => {
  using folder = folderOf({
    "vmlinuz": bzImage({ payload: gzipSync("a kernel") }),
    "p/fits.yaml": "version: 1\nkernel: ../vmlinuz\ncmdline: ro\n",
    "p/none.yaml": 'version: 1\nkernel: gone\nrequires: { hostname: "db*" }\n',
    "hosts/vm.json": Deno.readTextFileSync(FACTS),
    "hosts/deep/other.json": Deno.readTextFileSync(FACTS.replace("bios-vm", "arm64-server")),
    "bad/x.json": "{}",
  });
  const at = (name: string): string => join(folder.path, name);
  const all = await run(["plan", at("p"), "--facts-dir", at("hosts"), "-o", "json"], READ);
  assertEquals(all.code, EXIT.unavailable.code, all.stderr);
  const { hosts, cells } = JSON.parse(all.stdout);
  assertEquals(hosts, ["deep/other", "vm"]);
  const rules = (cell: { status: string; reasons: { rule: string }[] }) =>
    [cell.status, ...cell.reasons.map(({ rule }) => rule)].join(" ");
  assertEquals(cells.map(rules).map((line: string) => line.split(" ").slice(0, 2).join(" ")), [
    "fail architecture",
    "ok",
    "excluded requires-hostname",
    "excluded requires-hostname",
  ]);
  const one = await run(["plan", at("p/fits.yaml"), "--facts-dir", at("hosts")]);
  assertEquals(one.code, EXIT.unavailable.code, one.stderr);
  Deno.removeSync(at("hosts/deep"), { recursive: true });
  const fine = await run(["plan", at("p"), "--facts-dir", at("hosts")]);
  assertEquals(fine.code, EXIT.ok.code, fine.stdout);
  assertStringIncludes(fine.stdout, "Fits no host: ");
  const unmatched = await run(["plan", at("p"), "--facts-dir", at("hosts"), "--unmatched"]);
  assertEquals(unmatched.code, EXIT.unavailable.code, unmatched.stdout);
  const file = await run(["plan", at("p/fits.yaml"), "--facts-dir", at("hosts/vm.json")]);
  assertEquals(file.code, EXIT.noinput.code, file.stderr);
  assertStringIncludes(file.stderr, "vm.json is a file");
  const bad = await run(["plan", at("p/fits.yaml"), "--facts-dir", at("bad")]);
  assertEquals(bad.code, EXIT.data.code, bad.stderr);
  for (const args of [["--facts-dir", at("hosts"), "-o", "svg"], [at("p/none.yaml")], ["--unmatched"]]) {
    assertEquals((await run(["plan", at("p/fits.yaml"), ...args])).code, EXIT.usage.code);
  }
});

Deno.test("init writes a valid profile of the running kernel, the newest, an entry and a UKI, and overwrites nothing", async () => {
  const kernel = bzImage({ version: "6.1.0-41-amd64 (x) #1 SMP" });
  using folder = folderOf({
    "root/boot/vmlinuz-6.1.0-41-amd64": kernel,
    "root/boot/initrd.img-6.1.0-41-amd64": "i",
    "root/boot/vmlinuz-6.10.0": bzImage({ version: "6.10.0 (x) #1 SMP" }),
    "root/boot/vmlinuz-0-rescue-1": bzImage({ version: "9.9.9 (x) #1 SMP" }),
    "root/boot/initramfs-6.10.0.img": "i",
    "esp/loader/entries/deb.conf": "title Debian\nlinux /deb/linux\ninitrd /deb/initrd\noptions root=LABEL=r ro\n",
    "esp/loader/entries/gone.conf": "linux /gone\n",
    "esp/loader/entries/rhel.conf": "linux /deb/linux\ninitrd /deb/initrd $tuned_initrd\noptions ro $tuned_params\n",
    "esp/grub2/grubenv": `# GRUB Environment Block\ntuned_params=isolcpus=2-3\n${"#".repeat(20)}`,
    "esp/deb/linux": kernel,
    "esp/deb/initrd": "i",
    "u.efi": peFile({
      sections: [{ name: ".linux", bytes: kernel }, { name: ".initrd", bytes: ascii("070701") }, {
        name: ".cmdline",
        bytes: ascii("ro quiet\0"),
      }],
    }),
    "many.efi": peFile({
      sections: [
        { name: ".linux", bytes: kernel },
        { name: ".profile", bytes: ascii("ID=main\nTITLE=Normal\n") },
        { name: ".cmdline", bytes: ascii("ro quiet") },
        { name: ".profile", bytes: ascii("ID=rescue\n") },
        { name: ".cmdline", bytes: ascii("ro rescue") },
      ],
    }),
    "there.yaml": "mine",
    "root/boot/vmlinuz-7.1.0": "no kernel at all",
    "root/boot/vmlinuz-7.2.0.dpkg-new": bzImage({ version: "7.2.0 (x) #1 SMP" }),
    "esp/loader/entries/latin.conf": new Uint8Array([...ascii("linux /deb/linux\noptions init=/caf"), 0xe9]),
    "latin.efi": peFile({
      sections: [{ name: ".linux", bytes: kernel }, { name: ".cmdline", bytes: new Uint8Array([0x61, 0x3d, 0xe9]) }],
    }),
  });
  const at = (name: string): string => join(folder.path, name);
  const init = (...args: string[]) => run(["init", ...args]);
  const text = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await init(...args);
    assertEquals(code, 0, stderr);
    return stdout.split("\n").filter((line) => line !== "" && !line.startsWith("#")).join("\n");
  };
  const running = await text("--root", at("root"), "--facts", FACTS);
  assertEquals(
    running,
    "version: 1\nrequires: { architecture: x86_64 }\nkernel: /boot/vmlinuz-6.1.0-41-amd64\n" +
      "initrd: /boot/initrd.img-6.1.0-41-amd64\ncmdline:\n  reuse: true",
  );
  const newest = await text("--newest", "--root", at("root"));
  assertEquals(
    newest,
    "version: 1\nkernel: /boot/vmlinuz-6.10.0\ninitrd: /boot/initramfs-6.10.0.img\ncmdline:\n  reuse: true",
  );
  assertEquals(
    await text("--bls", at("esp/loader/entries/deb.conf")),
    `version: 1\ndescription: Debian\nkernel: ${at("esp/deb/linux")}\ninitrd: ${
      at("esp/deb/initrd")
    }\ncmdline: root=LABEL=r ro`,
  );
  assertEquals(
    await text("--bls", at("esp/loader/entries/rhel.conf")),
    `version: 1\nkernel: ${at("esp/deb/linux")}\ninitrd: ${at("esp/deb/initrd")}\ncmdline: ro isolcpus=2-3`,
  );
  const rescue = await text("--uki", at("many.efi"), "--uki-profile", "rescue", "--extract", at("many"));
  assertStringIncludes(rescue, at("many/many.profile1.linux"));
  assertStringIncludes(rescue, "cmdline: ro rescue");
  assertEquals(await text("--uki", at("u.efi")), `version: 1\nkernel: ${at("u.efi")}`);
  assertEquals(
    await text("--uki", at("many.efi"), "--uki-profile", "rescue"),
    `version: 1\nkernel:\n  path: ${at("many.efi")}\n  profile: rescue`,
  );
  assertEquals(
    await text("--from-kexec", 'kexec -p /boot/vmlinuz-$(uname -r) --append="$(cat /proc/cmdline) irqpoll" -c'),
    'version: 1\nkernel: "/boot/vmlinuz-${release}"\ninitrd: []\ncmdline:\n  reuse: true\n  append: irqpoll\n' +
      "crash: true\nload: kexec_load",
  );
  assertEquals(
    await text("--from-kexec", `kexec -l /boot/xen --module='/k console=hvc0' --module=/i --mem-max=0x3fffffff`),
    'version: 1\nkernel: /boot/xen\ninitrd: []\ncmdline: ""\nmodules:\n  - path: /k\n    cmdline: console=hvc0\n' +
      "  - path: /i\nmemory: { max: 0x40000000 }",
  );
  const uki = await init("--uki", at("u.efi"), "--extract", at("out"), "--out", at("uki.yaml"));
  assertEquals(uki.code, 0, uki.stderr);
  assertEquals(Deno.readFileSync(at("out/u.linux")), kernel);
  assertEquals(Deno.readTextFileSync(at("out/u.initrd")), "070701");
  const planned = await run(["plan", at("uki.yaml"), "--facts", FACTS, "-o", "json"]);
  assertEquals(JSON.parse(planned.stdout).call.cmdline, "ro quiet");

  // Its parts are read from the file itself, which no plan may replace.
  Deno.writeTextFileSync(at("whole.yaml"), "version: 1\nkernel: u.efi\n");
  const whole = Deno.readFileSync(at("u.efi"));
  const over = await run(["plan", at("whole.yaml"), "--facts", FACTS, "--out", at("u.efi")]);
  assertEquals([over.code, Deno.readFileSync(at("u.efi"))], [EXIT.usage.code, whole], over.stderr);

  const refused: readonly (readonly [readonly string[], number, string])[] = [
    [["--uki", at("u.efi"), "--extract", at("out")], EXIT.data.code, "u.linux already exists"],
    [["--uki", at("many.efi"), "--extract", at("new")], EXIT.data.code, "has 2 profiles: main (Normal), rescue"],
    [
      ["--uki", at("many.efi"), "--extract", at("new"), "--uki-profile", "rescu"],
      EXIT.data.code,
      "Choose one: --uki-profile rescue",
    ],
    [["--uki", at("u.efi"), "--extract", at("new"), "--uki-profile", "a"], EXIT.data.code, "has no profiles"],
    [["--from-kexec", "kexec -e"], EXIT.data.code, "warmboot exec"],
    [["--from-kexec", "ls -l"], EXIT.data.code, "not kexec, but `ls`"],
    [["--newest", "--uki-profile", "a"], EXIT.usage.code, "has no effect with --newest"],
    [["--uki", at("u.efi"), "--extract", at("there.yaml")], EXIT.io.code, "Cannot write"],
    [["--uki", at("u.efi"), "--extract", at("new"), "--out", at("no/x.yaml")], EXIT.io.code, "does not exist"],
    [["--uki", at("latin.efi"), "--extract", at("new")], EXIT.data.code, "not UTF-8"],
    [["--bls", at("esp/loader/entries/latin.conf")], EXIT.data.code, "not UTF-8"],
    [["--uki", at("there.yaml"), "--extract", at("out")], EXIT.data.code, "not a unified kernel image"],
    [["--newest", "--root", at("root"), "--out", at("there.yaml")], EXIT.usage.code, "never overwrites"],
    [["--bls", at("esp/loader/entries/gone.conf")], EXIT.noinput.code, "/gone does not exist"],
    [["--bls", at("there.yaml")], EXIT.data.code, "names no kernel"],
    [["--newest", "--root", at("esp")], EXIT.noinput.code, "There is no kernel"],
    [
      ["--root", at("esp"), "--facts", FACTS],
      EXIT.noinput.code,
      "No file was found for the running kernel 6.1.0-41-amd64",
    ],
    [["--newest", "--running"], EXIT.usage.code, "are mutually exclusive"],
    [["--newest", "--extract", at("out")], EXIT.usage.code, "has no effect with --newest"],
  ];
  for (const [args, code, says] of refused) {
    const result = await init(...args);
    assertEquals(result.code, code, result.stderr);
    assertStringIncludes(result.stderr, says);
  }
  assertEquals(Deno.readTextFileSync(at("there.yaml")), "mine");
  assertEquals(isFolder(at("new")), false);
});

Deno.test("releases are ordered by their numbers, a candidate before its release", () => {
  const sorted = ["6.9.1", "6.10.0-rc2", "6.10.0-rc10", "6.10.0", "6.10.0-2-amd64", "7.0"];
  assertEquals(sorted.toReversed().toSorted(compareReleases), sorted);
});
