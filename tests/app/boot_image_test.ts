import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join, normalize, relative } from "@std/path";
import { companionsOf } from "../../src/app/boot_image.ts";
import { captureImages } from "../../src/app/capture_images.ts";
import { planHost } from "../../src/app/plan_host.ts";
import { prepareFrom } from "../../src/app/prepare.ts";
import { readFacts } from "../../src/app/read_facts.ts";
import { closeFile, hashFile, openFile } from "../../src/app/files/open_file.ts";
import type { Diagnostic } from "../../src/core/diagnostic.ts";
import { EXIT } from "../../src/core/program.ts";
import { sha256Of } from "../../src/core/sha256.ts";
import { openBelow } from "../support/descriptors.ts";
import { run } from "../support/run_cli.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { defineProfile, type ProfileInput } from "../../src/profile/define.ts";
import { arm64Image, ascii, bzImage, peFile, type SectionSpec } from "../image/build.ts";
import { smallTree } from "../image/build_uboot.ts";
import { cpioArchive, MODE } from "../vm/cpio.ts";

const HOSTS = join(import.meta.dirname ?? ".", "../fixtures/hosts");
const HOST = join(HOSTS, "bios-vm.json");

const archive = (path: string): Uint8Array =>
  cpioArchive([{ path, mode: MODE.file, data: new TextEncoder().encode(path) }]);

const KERNEL = bzImage();
const INITRD = archive("/init");

const SECTIONS: readonly SectionSpec[] = [
  { name: ".uname", bytes: ascii("6.1.0-50-amd64") },
  { name: ".cmdline", bytes: ascii("root=/dev/vda1 ro quiet") },
  { name: ".initrd", bytes: INITRD },
  { name: ".linux", bytes: KERNEL },
];

/** A partition with an image, and files for the stub beside it. */
function partition(
  sections: readonly SectionSpec[] = SECTIONS,
  more: { readonly [path: string]: Uint8Array } = {},
): { readonly root: string; readonly image: string } & Disposable {
  const root = Deno.makeTempDirSync({ prefix: "warmboot-esp-" });
  const files = { "EFI/Linux/a.efi": peFile({ sections }), ...more };
  for (const [path, bytes] of Object.entries(files)) {
    Deno.mkdirSync(join(root, path, ".."), { recursive: true });
    Deno.writeFileSync(join(root, path), bytes);
  }
  const image = `${root}/EFI/Linux/a.efi`;
  return { root, image, [Symbol.dispose]: () => Deno.removeSync(root, { recursive: true }) };
}

async function plannedOn(
  host: string,
  input: ProfileInput,
): Promise<{ readonly plan: Plan | undefined; readonly diagnostics: readonly Diagnostic[] }> {
  const { value: profile, diagnostics } = defineProfile(input);
  assert(profile !== undefined, JSON.stringify(diagnostics));
  const prepared = await prepareFrom(
    { kind: "profile", profile, files: [], place: (diagnostic) => diagnostic },
    readFacts(host),
  );
  using _prepared = prepared;
  return { plan: prepared.plan, diagnostics: prepared.diagnostics };
}

async function planned(
  input: ProfileInput,
): Promise<{ readonly plan: Plan | undefined; readonly codes: readonly string[] }> {
  const { plan, diagnostics } = await plannedOn(HOST, input);
  return { plan, codes: diagnostics.map(({ code }) => code) };
}

for (const load of ["kexec_file_load", "kexec_load"] as const) {
  Deno.test(`an image is taken whole, by ${load}: kernel, initrds in order, command line, each part with its digest`, async () => {
    using esp = partition(SECTIONS, {
      "EFI/Linux/a.efi.extra.d/b.addon.efi": peFile({
        sections: [{ name: ".cmdline", bytes: ascii("debug") }, { name: ".initrd", bytes: archive("/b") }],
      }),
      own: archive("/own"),
    });
    const { plan, codes } = await planned({ kernel: esp.image, initrd: `${esp.root}/own`, load });
    assertEquals(codes, []);
    const call = plan?.call;
    assertEquals(call?.cmdline, "root=/dev/vda1 ro quiet debug");
    const files = call?.syscall === "kexec_load" ? call.files : call === undefined ? [] : [call.kernel, ...call.initrd];
    assertEquals(files.map(({ path, sha256 }) => [path, sha256]), [
      [`${esp.image}/.linux`, sha256Of(KERNEL)],
      [`${esp.image}/.initrd`, sha256Of(INITRD)],
      [`${esp.image}.extra.d/b.addon.efi/.initrd`, sha256Of(archive("/b"))],
      [`${esp.root}/own`, sha256Of(archive("/own"))],
    ]);
    if (call?.syscall === "kexec_load") {
      const kernel = call.segments.find(({ name }) => name === "kernel");
      assert(kernel?.source.kind === "file");
      assertEquals(kernel.source.path, `${esp.image}/.linux`);
      assert(kernel.source.offset + kernel.source.length <= KERNEL.length);
    }
  });
}

Deno.test("the device tree of an image is handed over by kexec_load on arm64, and dropped with a warning by kexec_file_load", async () => {
  const tree = smallTree({ address: 0x4000_0000, size: 0x6000_0000 });
  const arm64: readonly SectionSpec[] = [
    { name: ".cmdline", bytes: ascii("ro") },
    { name: ".initrd", bytes: INITRD },
    { name: ".dtb", bytes: tree },
    { name: ".linux", bytes: arm64Image() },
  ];
  using esp = partition(arm64, { "own.dtb": smallTree() });
  const [kernel, own] = [esp.image, `${esp.root}/own.dtb`];
  const found = async (input: ProfileInput) => {
    const { plan, diagnostics } = await plannedOn(join(HOSTS, "arm64-vm.json"), { kernel, ...input });
    const said = diagnostics.map(({ severity, message }) => `${severity}: ${message}`);
    return [plan?.call.syscall, plan?.declared?.dtb?.replace(`${esp.root}/`, ""), said];
  };
  for (const load of ["auto", "kexec_load"] as const) {
    assertEquals(await found({ load }), ["kexec_load", "EFI/Linux/a.efi/.dtb", []]);
    assertEquals(await found({ load, dtb: own }), ["kexec_load", "own.dtb", []]);
  }
  assertEquals(await found({ load: "kexec_file_load" }), ["kexec_file_load", undefined, [
    `warning: ${kernel}/.dtb is not used: kexec_file_load hands over the running device tree`,
  ]]);
  // Linux on x86_64 does not read the tree that the stub would install.
  using other = partition([...SECTIONS, { name: ".dtb", bytes: tree }]);
  for (const load of ["kexec_load", "kexec_file_load"] as const) {
    const { plan, codes } = await planned({ kernel: other.image, load });
    assertEquals([plan?.call.syscall, plan?.declared?.dtb, codes], [load, undefined, []]);
  }
});

Deno.test("the command line of an image is edited, replaced, or that of a profile", async () => {
  const profile = (text: string): SectionSpec => ({ name: ".profile", bytes: ascii(text) });
  using esp = partition([...SECTIONS, profile("ID=main"), profile("ID=rescue"), {
    name: ".cmdline",
    bytes: ascii("single"),
  }]);
  const cmdlineOf = async (input: ProfileInput) => (await planned({ ...input })).plan?.call.cmdline;
  const kernel = esp.image;
  assertEquals(
    await cmdlineOf({ kernel, cmdline: { reuse: "image", remove: "quiet", set: "root=/dev/vdb", append: "debug" } }),
    "root=/dev/vdb ro debug",
  );
  assertEquals(await cmdlineOf({ kernel, cmdline: "other" }), "other");
  assertEquals(await cmdlineOf({ kernel: { path: kernel, profile: "rescue" } }), "single");
  assertEquals(await cmdlineOf({ kernel: { path: kernel, profile: 1 } }), "single");
  assertEquals(await cmdlineOf({ kernel: { path: kernel, profile: "@0" } }), "root=/dev/vda1 ro quiet");
  assertEquals(await planned({ kernel: { path: kernel, profile: "rescues" } }), {
    plan: undefined,
    codes: ["conflict"],
  });
});

Deno.test("what is not used of an image and its addons is said", async () => {
  using esp = partition([...SECTIONS, { name: ".dtbauto", bytes: smallTree() }], {
    "EFI/Linux/a.efi.extra.d/a.addon.efi": peFile({
      sections: [{ name: ".cmdline", bytes: ascii("debug") }, { name: ".linux", bytes: KERNEL }],
    }),
  });
  const { diagnostics } = await plannedOn(HOST, { kernel: esp.image });
  const [addon, tree, ...others] = diagnostics.map(({ severity, message }) => `${severity}: ${message}`);
  assertStringIncludes(addon ?? "", `warning: The addon ${esp.image}.extra.d/a.addon.efi is not used: it `);
  assertStringIncludes(tree ?? "", `warning: ${esp.image}/.dtbauto is not used: `);
  assertEquals(others, []);
});

Deno.test("a crash kernel of an image reserves no memory for another one", async () => {
  using esp = partition([...SECTIONS.filter(({ name }) => name !== ".cmdline"), {
    name: ".cmdline",
    bytes: ascii("ro crashkernel=512M quiet"),
  }]);
  const text = async (crash: boolean) => (await planned({ kernel: esp.image, crash })).plan?.declared?.cmdline;
  assertEquals([await text(false), await text(true)], ["ro crashkernel=512M quiet", "ro quiet"]);
});

Deno.test("without a choice, an image boots as its first profile says", async () => {
  using esp = partition([
    ...SECTIONS,
    { name: ".profile", bytes: ascii("ID=main") },
    { name: ".cmdline", bytes: ascii("main") },
    { name: ".profile", bytes: ascii("ID=rescue") },
  ]);
  assertEquals((await planned({ kernel: esp.image })).plan?.call.cmdline, "main");
});

Deno.test("an addon that cannot be opened is passed over, and those after it are not", async () => {
  const addon = (text: string) => peFile({ sections: [{ name: ".cmdline", bytes: ascii(text) }] });
  using esp = partition(SECTIONS, {
    "EFI/Linux/a.efi.extra.d/a.addon.efi/file": ascii("a folder"),
    "EFI/Linux/a.efi.extra.d/b.addon.efi": addon("debug"),
  });
  assertEquals((await planned({ kernel: esp.image })).plan?.call.cmdline, "root=/dev/vda1 ro quiet debug");
});

Deno.test("of a captured image, only what was captured with it counts, whatever lies here", () => {
  using esp = partition(SECTIONS, { "EFI/Linux/a.efi.extra.d/b.addon.efi": peFile({ sections: SECTIONS }) });
  const image = { size: 1, sha256: "0".repeat(64), ranges: [], parts: [] };
  const none = { addons: [], extras: [] };
  assertEquals(companionsOf(esp.image, { images: { [esp.image]: image } }), none);
  const companions = { addons: ["/a"], extras: ["/b"] };
  assertEquals(companionsOf(esp.image, { images: { [esp.image]: { ...image, companions } } }), companions);
  assertEquals(companionsOf(esp.image, { images: {} }).addons, [`${esp.image}.extra.d/b.addon.efi`]);
});

Deno.test("a command line that is not text is refused, but for one that replaces it", async () => {
  using esp = partition([...SECTIONS.filter(({ name }) => name !== ".cmdline"), {
    name: ".cmdline",
    bytes: Uint8Array.of(0x72, 0x6f, 0x20, 0xff),
  }]);
  assertEquals(await planned({ kernel: esp.image }), { plan: undefined, codes: ["uki-part"] });
  assertEquals((await planned({ kernel: esp.image, cmdline: "ro" })).plan?.call.cmdline, "ro");
});

Deno.test("what only an image has is an error with another kernel", async () => {
  using esp = partition(SECTIONS, { vmlinuz: KERNEL });
  const kernel = `${esp.root}/vmlinuz`;
  const configured = { path: kernel, configuration: "one" };
  assertEquals(await planned({ kernel: configured }), { plan: undefined, codes: ["conflict"] });
  assertEquals(await planned({ kernel: { ...configured, path: esp.image } }), { plan: undefined, codes: ["conflict"] });
  assertEquals(await planned({ kernel: { path: kernel, profile: "1" } }), { plan: undefined, codes: ["conflict"] });
  assertEquals(await planned({ kernel, cmdline: { reuse: "image" } }), { plan: undefined, codes: ["conflict"] });
});

Deno.test("the pin of an image is that of the whole file, and holds for its parts", async () => {
  using esp = partition();
  const sha256 = sha256Of(Deno.readFileSync(esp.image));
  const { plan } = await planned({ kernel: { path: esp.image, sha256 } });
  assertEquals(
    plan?.checks.filter(({ rule }) => rule === "pinned-digest").map(({ status, message }) => `${status} ${message}`),
    ["pass 2 files have their pinned digests"],
  );
  assertEquals(await planned({ kernel: { path: esp.image, sha256: "0".repeat(64) } }), {
    plan: undefined,
    codes: ["digest-mismatch"],
  });
});

Deno.test("what the stub would add to the initrd is named, and an image without a command line is", async () => {
  using esp = partition([{ name: ".linux", bytes: KERNEL }, { name: ".pcrsig", bytes: ascii("{}") }], {
    "loader/credentials/x.cred": ascii("x"),
  });
  const { plan, codes } = await planned({ kernel: esp.image });
  assertEquals(codes, ["uki-part"]);
  const extras = plan?.checks.find(({ rule }) => rule === "uki-extras");
  assertEquals([extras?.status, extras?.message], [
    "warn",
    `The initrd lacks what systemd-stub would put into /.extra: ${esp.image}/.pcrsig, ${esp.root}/loader/credentials/x.cred`,
  ]);
  assertEquals((await planned({ kernel: esp.image, cmdline: "ro" })).codes, []);
  // That the image's own is wanted is stated.
  assertEquals((await planned({ kernel: esp.image, cmdline: { reuse: "image", append: [] } })).codes, []);
});

Deno.test("a stub that names its files by path and digest boots these, held to the digests", async () => {
  const digest = (bytes: Uint8Array): Uint8Array => Uint8Array.fromHex(sha256Of(bytes));
  using esp = partition([
    { name: ".linux", bytes: ascii("\\EFI\\nixos\\kernel.efi") },
    { name: ".linuxh", bytes: digest(KERNEL) },
    { name: ".initrd", bytes: ascii("\\EFI\\nixos\\initrd.efi") },
    { name: ".initrdh", bytes: digest(archive("/other")) },
    { name: ".cmdline", bytes: ascii("init=/nix/store/init") },
  ], { "EFI/nixos/kernel.efi": KERNEL, "EFI/nixos/initrd.efi": INITRD });
  const { plan } = await planned({ kernel: esp.image });
  assertEquals(plan?.call.cmdline, "init=/nix/store/init");
  assertEquals(
    plan?.checks.filter(({ status }) => status === "fail").map(({ rule, message }) => [rule, message.split(" ")[0]]),
    [["pinned-digest", `${esp.root}/EFI/nixos/initrd.efi`]],
  );
  assertEquals(await planned({ kernel: { path: esp.image, sha256: "0".repeat(64) } }), {
    plan: undefined,
    codes: ["digest-mismatch"],
  });
});

Deno.test("a plan from a capture is, byte for byte, the plan made with the image at hand", async () => {
  using esp = partition([...SECTIONS, { name: ".pcrsig", bytes: ascii("{}") }], {
    "loader/addons/g.addon.efi": peFile({ sections: [{ name: ".cmdline", bytes: ascii("g=1") }] }),
    "EFI/Linux/a.efi.extra.d/b.addon.efi": peFile({ sections: [{ name: ".cmdline", bytes: ascii("b=1") }] }),
    "EFI/Linux/a.efi.extra.d/x.cred": ascii("x"),
  });
  const path = `${esp.root}/p.yaml`;
  for (const load of ["kexec_file_load", "kexec_load"] as const) {
    const input = {
      kernel: { path: esp.image, sha256: sha256Of(Deno.readFileSync(esp.image)) },
      load,
      name: "p",
    };
    Deno.writeTextFileSync(
      path,
      `version: 1\n${JSON.stringify(input).slice(1, -1)}\n`.replaceAll(',"', '\n"').replaceAll('":', '": '),
    );
    Deno.writeTextFileSync(
      path,
      `version: 1\nkernel: { path: ${input.kernel.path}, sha256: ${input.kernel.sha256} }\nload: ${load}\n`,
    );
    const facts = readFacts(HOST);
    assert(facts.facts !== undefined);
    const { images, diagnostics } = await captureImages([path], facts.facts);
    assertEquals(diagnostics, []);
    const { plan } = await planned(input);
    const { value: profile } = defineProfile(input);
    assert(profile !== undefined && plan !== undefined);
    Deno.renameSync(esp.root, `${esp.root}.away`);
    const capture = { ...JSON.parse(Deno.readTextFileSync(HOST)), images };
    const { value, diagnostics: offline } = await planHost(profile, { facts: capture });
    Deno.renameSync(`${esp.root}.away`, esp.root);
    assertEquals(offline, []);
    assertEquals(value, plan);
  }
});

Deno.test("a section is opened by its path, hashed and read within its bounds, and a missing one is named", async () => {
  using esp = partition();
  const { value: open } = openFile(`${esp.image}/.initrd`);
  assert(open !== undefined);
  assertEquals([open.size, await hashFile(open)], [INITRD.length, sha256Of(INITRD)]);
  assertEquals(open.read(INITRD.length - 2, 10).length, 2);
  assertEquals(open.read(INITRD.length + 5, 10).length, 0);
  closeFile(open);
  assertEquals(openFile(`${esp.image}/.ucode`).diagnostics.map(({ code, message }) => [code, message]), [
    ["file-missing", `${esp.image} has no section \`.ucode\``],
  ]);
  assertEquals(openFile(`${HOST}/.linux`).diagnostics.map(({ code }) => code), ["file-missing"]);
});

Deno.test("a plan is stored, but not over the image that it is made of", async () => {
  using esp = partition();
  const profile = `${esp.root}/p.yaml`;
  Deno.writeTextFileSync(profile, `version: 1\nkernel: ${esp.image}\n`);
  const plan = (out: string) => run(["plan", profile, "--facts", HOST, "--out", out]);
  assertEquals((await plan(`${esp.root}/plan.json`)).code, EXIT.ok.code);
  const before = Deno.readFileSync(esp.image);
  const { code, stderr } = await plan(esp.image);
  assertEquals([code, Deno.readFileSync(esp.image)], [EXIT.usage.code, before], stderr);
});

Deno.test("an image whose texts a capture lacks is refused: the zeros in their place are not a command line", async () => {
  const addon = peFile({ sections: [{ name: ".cmdline", bytes: ascii("debug") }] });
  using esp = partition(SECTIONS, { "EFI/Linux/a.efi.extra.d/b.addon.efi": addon });
  const path = `${esp.root}/web.yaml`;
  Deno.writeTextFileSync(path, `version: 1\nkernel: ${esp.image}\n`);
  const facts = readFacts(HOST);
  assert(facts.facts !== undefined);
  const { images } = await captureImages([path], facts.facts);
  assert(images !== undefined);
  const { value: profile } = defineProfile({ kernel: esp.image });
  assert(profile !== undefined);
  const away = `${esp.root}.away`;
  Deno.renameSync(esp.root, away);
  using _back = { [Symbol.dispose]: () => Deno.renameSync(away, esp.root) };
  for (const file of [esp.image, `${esp.image}.extra.d/b.addon.efi`]) {
    const image = images[file];
    assert(image !== undefined);
    // The headers are there, and what follows is not.
    const headers = { offset: 0, base64: image.ranges.map(({ base64 }) => base64)[0] ?? "" };
    const cut = Uint8Array.fromBase64(headers.base64).subarray(0, 0x200).toBase64();
    const less = { ...images, [file]: { ...image, ranges: [{ offset: 0, base64: cut }] } };
    const capture = { ...JSON.parse(Deno.readTextFileSync(HOST)), images: less };
    const { value, diagnostics } = await planHost(profile, { facts: capture });
    assertEquals([value, diagnostics.map(({ code }) => code)], [undefined, ["image-not-captured"]]);
    assertStringIncludes(diagnostics[0]?.message ?? "", `The capture has ${file}, but not the parts`);
    assertStringIncludes(diagnostics[0]?.hint ?? "", "warmboot facts --images PROFILE");
  }
});

Deno.test("an image is captured with what reading it through found, under its absolute path, wherever the profile is", async () => {
  using esp = partition();
  Deno.writeFileSync(esp.image, peFile({ sections: SECTIONS, certificate: 512 }));
  const path = join(esp.root, "web.yaml");
  Deno.writeTextFileSync(path, "version: 1\nkernel: EFI/Linux/a.efi\n");
  const { facts } = readFacts(HOST);
  assert(facts !== undefined);
  for (const word of [path, relative(Deno.cwd(), path)]) {
    const { images, diagnostics } = await captureImages([word], facts);
    assertEquals(diagnostics, []);
    assertEquals(Object.keys(images).map((each) => each.startsWith("/") ? normalize(each) : each), [
      esp.image,
      ...[".initrd", ".linux"].map((name) => `${esp.image}/${name}`),
    ]);
    // Its certificates are zeros.
    const [image] = Object.values(images);
    assertEquals([image?.kernel?.kind, image?.parts.length], ["damaged", SECTIONS.length]);
  }
});

Deno.test("a redacted capture has nothing of what the initrds of an image and its addons hold, and plans the same", async () => {
  const secret = (path: string, text: string) =>
    cpioArchive([{ path, mode: MODE.file, data: new TextEncoder().encode(`hunter2 ${text}`) }]);
  const sections = SECTIONS.map((each) => each.name === ".initrd" ? { ...each, bytes: secret("/key", "base") } : each);
  using esp = partition([
    ...sections,
    { name: ".profile", bytes: ascii("ID=main\n") },
    { name: ".initrd", bytes: secret("/key", "profile") },
  ], {
    "EFI/Linux/a.efi.extra.d/b.addon.efi": peFile({
      sections: [{ name: ".initrd", bytes: secret("/b", "addon") }, { name: ".ucode", bytes: secret("/c", "ucode") }],
    }),
  });
  const path = join(esp.root, "web.yaml");
  Deno.writeTextFileSync(path, `version: 1\nkernel: ${esp.image}\n`);
  const { facts } = readFacts(HOST);
  assert(facts !== undefined);
  const { value: profile } = defineProfile({ kernel: esp.image });
  assert(profile !== undefined);
  const capture = JSON.parse(Deno.readTextFileSync(HOST));
  const plans: unknown[] = [];
  const held = async (redact: boolean) => {
    const { images, diagnostics } = await captureImages([path], facts, { redact });
    assertEquals(diagnostics, []);
    const { value } = await planHost(profile, { facts: { ...capture, images } });
    assert(value !== undefined);
    plans.push(value);
    return Object.entries(images).flatMap(([name, { ranges }]) =>
      ranges.some(({ base64 }) => atob(base64).includes("hunter2")) ? [name.slice(esp.root.length)] : []
    );
  };
  assertEquals((await held(false)).includes("/EFI/Linux/a.efi"), true);
  assertEquals(await held(true), []);
  assertEquals(plans[0], plans[1]);
  assertEquals(openBelow(esp.root), []);
});

Deno.test("captured for two profiles, an image is what it is captured as for one, with texts that it has twice", async () => {
  const text = { name: ".cmdline", bytes: ascii("root=/dev/vda1 ro quiet splash") };
  using esp = partition([
    // Away from the headers, and from each other.
    { name: ".splash", bytes: new Uint8Array(100_000).fill(1) },
    ...SECTIONS.map((each) => each.name === ".cmdline" ? text : each),
    { name: ".big", bytes: new Uint8Array(100_000).fill(1) },
    { name: ".profile", bytes: ascii("ID=main\n") },
    text,
  ]);
  const paths = ["a", "b"].map((name) => join(esp.root, `${name}.yaml`));
  for (const path of paths) Deno.writeTextFileSync(path, `version: 1\nkernel: ${esp.image}\n`);
  const { facts } = readFacts(HOST);
  assert(facts !== undefined);
  const [one, two] = [await captureImages(paths.slice(0, 1), facts), await captureImages(paths, facts)];
  assertEquals(one.diagnostics, []);
  const texts = one.images[esp.image]?.ranges.filter(({ base64 }) => atob(base64).includes("quiet splash"));
  assertEquals(texts?.length, 2);
  assertEquals(two, one);
  // What is no text is known by its digest.
  const lengths = (one.images[esp.image]?.ranges ?? []).map(({ base64 }) => Uint8Array.fromBase64(base64).length);
  assert(lengths.reduce((sum, length) => sum + length, 0) < 100_000, String(lengths));
});
