/** FIT images and uImages as `kernel`: what of them is handed over, and what is said of those that cannot be. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createHash } from "node:crypto";
import { crc32, gzipSync } from "node:zlib";
import { join, relative } from "@std/path";
import { openImages } from "../../src/app/images.ts";
import { captureImages } from "../../src/app/capture_images.ts";
import { prepareFrom } from "../../src/app/prepare.ts";
import { planHost } from "../../src/app/plan_host.ts";
import { readFacts } from "../../src/app/read_facts.ts";
import { memorySource } from "../../src/core/bytes.ts";
import { sha256Of } from "../../src/core/sha256.ts";
import { crc16 } from "../../src/formats/checksums.ts";
import { parseFit } from "../../src/formats/fit.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { defineProfile, type ProfileInput } from "../../src/profile/define.ts";
import { arm64Image, bzImage } from "../image/build.ts";
import {
  FIT_KERNEL,
  FIT_RAMDISK,
  FIT_TREE,
  fitImage,
  type FitImageSpec,
  type FitSpec,
  type Properties,
  smallTree,
  uImage,
  wholeFit,
} from "../image/build_uboot.ts";
import { openBelow } from "../support/descriptors.ts";
import { run } from "../support/run_cli.ts";
import { cpioArchive, MODE } from "../vm/cpio.ts";

const HOSTS = join(import.meta.dirname ?? ".", "../fixtures/hosts");

const IMAGE = arm64Image();
const GZIP = new Uint8Array(gzipSync(IMAGE));
const INITRD = cpioArchive([{ path: "/init", mode: MODE.file, data: new TextEncoder().encode("init") }]);
const OWN = cpioArchive([{ path: "/init", mode: MODE.file, data: new TextEncoder().encode("own") }]);
const TREE = smallTree({ address: 0x4000_0000, size: 0x6000_0000 });

/** A folder with files. */
function folderOf(files: { readonly [name: string]: Uint8Array }): { readonly path: string } & Disposable {
  const path = Deno.makeTempDirSync({ prefix: "warmboot-uboot-" });
  for (const [name, bytes] of Object.entries(files)) Deno.writeFileSync(join(path, name), bytes);
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

interface Planned {
  readonly plan: Plan | undefined;
  readonly said: readonly string[];
  /** Where in the profile that is. */
  readonly at: readonly unknown[];
}

async function planned(input: ProfileInput, facts = join(HOSTS, "arm64-vm.json")): Promise<Planned> {
  const { value: profile, diagnostics } = defineProfile({ cmdline: "ro", ...input });
  assert(profile !== undefined, JSON.stringify(diagnostics));
  const prepared = await prepareFrom(
    { kind: "profile", profile, files: [], place: (diagnostic) => diagnostic },
    readFacts(facts),
  );
  using _prepared = prepared;
  return {
    plan: prepared.plan,
    said: prepared.diagnostics.map(({ code, message, hint }) => [code, message, hint].join(": ")),
    at: prepared.diagnostics.map(({ path }) => path),
  };
}

/** The files of a plan, by what follows the image's path. */
function filesOf({ plan, said }: Planned, image: string): readonly (readonly [string, string])[] {
  const call = plan?.call;
  assert(call !== undefined, said.join("\n"));
  const files = call.syscall === "kexec_load" ? call.files : [call.kernel, ...call.initrd];
  return files.map(({ path, sha256 }) => [path.replace(image, "@"), sha256]);
}

function checkOf({ plan }: Planned, rule: string): string | undefined {
  const check = plan?.checks.find((each) => each.rule === rule);
  return check === undefined ? undefined : `${check.status} ${check.message}`;
}

for (const external of [undefined, "offset", "position"] as const) {
  Deno.test(`a FIT image is taken whole, with data ${external ?? "in the tree"}: kernel, initrd and device tree`, async () => {
    const fit = wholeFit(GZIP, { ramdisk: INITRD, tree: TREE, compression: "gzip" }, external && { external });
    using folder = folderOf({ "a.itb": fit, own: OWN, "own.dtb": TREE });
    const kernel = `${folder.path}/a.itb`;
    const whole = await planned({ kernel });
    assertEquals(whole.said, []);
    assertEquals(filesOf(whole, kernel), [
      ["@/images/kernel-1", sha256Of(GZIP)],
      ["@/images/ramdisk-1", sha256Of(INITRD)],
      ["@/images/fdt-1", sha256Of(TREE)],
    ]);
    assertEquals(whole.plan?.call.syscall, "kexec_load");
    assertEquals(
      checkOf(whole, "image-parts"),
      `pass ${kernel}/images/kernel-1 has its sha256, ${kernel}/images/ramdisk-1 has its sha256, ` +
        `${kernel}/images/fdt-1 has its sha256`,
    );
    assertStringIncludes(checkOf(whole, "kernel-image") ?? "", "arm64 Image, 4 KiB pages, unsigned, gzip-compressed");
    assertEquals(whole.plan?.checks.filter(({ status }) => status === "fail").map(({ rule }) => rule), []);
    const own = await planned({ kernel, initrd: `${folder.path}/own`, dtb: `${folder.path}/own.dtb` });
    assertEquals(filesOf(own, kernel).map(([path]) => path.replace(folder.path, ".")), [
      "@/images/kernel-1",
      "./own",
      "./own.dtb",
    ]);
    assertEquals(filesOf(await planned({ kernel, initrd: [] }), kernel).map(([path]) => path), [
      "@/images/kernel-1",
      "@/images/fdt-1",
    ]);
  });
}

Deno.test("kexec_file_load gets kernel and initrd of a FIT image, and says that the tree is not used", async () => {
  using folder = folderOf({ "a.itb": wholeFit(IMAGE, { ramdisk: INITRD, tree: TREE }), "b.itb": wholeFit(IMAGE) });
  const kernel = `${folder.path}/a.itb`;
  const file = await planned({ kernel, load: "kexec_file_load" });
  assertEquals(filesOf(file, kernel).map(([path]) => path), ["@/images/kernel-1", "@/images/ramdisk-1"]);
  assertEquals(file.said, [
    `image-part: ${kernel}/images/fdt-1 is not used: kexec_file_load hands over the running device tree: `,
  ]);
  assertEquals((await planned({ kernel: `${folder.path}/b.itb`, load: "kexec_file_load" })).said, []);
});

Deno.test("a part of a FIT image is known with its image, which is no unified kernel image", async () => {
  using folder = folderOf({ "a.itb": wholeFit(IMAGE, { ramdisk: INITRD }) });
  const image = `${folder.path}/a.itb`;
  const [kernel, ramdisk] = ["kernel-1", "ramdisk-1"].map((name) => ({ path: `${image}/images/${name}` }));
  assert(kernel !== undefined && ramdisk !== undefined);
  using opened = await openImages({ kernel, initrd: [ramdisk], segments: [], programs: [] });
  const { images } = opened;
  assertEquals([images.kernel?.image, ...images.initrd.map((each) => each.image)], [image, image]);
  assertEquals(images.uki, undefined);
});

Deno.test("a uImage is taken whole: one kernel, or several files", async () => {
  using folder = folderOf({
    one: uImage({ data: GZIP, compression: 1 }),
    three: uImage({ files: [GZIP, INITRD, TREE], compression: 1 }),
    four: uImage({ files: [IMAGE, INITRD, TREE, TREE] }),
    noload: uImage({ data: IMAGE, type: 14 }),
  });
  const files = async (name: string) => {
    const found = await planned({ kernel: `${folder.path}/${name}` });
    return [filesOf(found, `${folder.path}/${name}`), found.said, checkOf(found, "image-parts")?.split(" ", 1)[0]];
  };
  assertEquals(await files("one"), [[["@/images/0", sha256Of(GZIP)]], [], "pass"]);
  const three: readonly (readonly [string, string])[] = [["@/images/0", sha256Of(GZIP)], [
    "@/images/1",
    sha256Of(INITRD),
  ], ["@/images/2", sha256Of(TREE)]];
  assertEquals(await files("three"), [three, [], "pass"]);
  assertEquals((await files("four"))[1], [
    `image-part: Of ${folder.path}/four, only U-Boot would load its file 3: `,
  ]);
  assertEquals(await files("noload"), [[["@/images/0", sha256Of(IMAGE)]], [], "pass"]);
});

Deno.test("an initrd in a uImage is handed over without its header, pinned or not", async () => {
  const wrapped = uImage({ data: INITRD, type: 3 });
  using folder = folderOf({ Image: IMAGE, uInitrd: wrapped });
  const [kernel, path] = [`${folder.path}/Image`, `${folder.path}/uInitrd`];
  const expected = [["./Image", sha256Of(IMAGE)], ["./uInitrd/images/0", sha256Of(INITRD)]];
  assertEquals(
    filesOf(await planned({ kernel, initrd: path }), folder.path).map(([at, sum]) => [at.replace("@", "."), sum]),
    expected,
  );
  const pinned = await planned({ kernel, initrd: { path, sha256: sha256Of(wrapped) } });
  assertStringIncludes(checkOf(pinned, "pinned-digest") ?? "", "pass");
  const other = await planned({ kernel, initrd: { path, sha256: "0".repeat(64) } });
  assertStringIncludes(other.said.join(), "digest-mismatch");
  // A packed one is the kernel's to unpack, as U-Boot leaves it.
  Deno.writeFileSync(path, uImage({ data: new Uint8Array(gzipSync(INITRD)), type: 3, compression: 1 }));
  assertEquals((await planned({ kernel, initrd: path })).said, []);
});

Deno.test("the pin of a FIT image is that of the whole file, and holds for its parts", async () => {
  const fit = wholeFit(IMAGE, { ramdisk: INITRD });
  using folder = folderOf({ "a.itb": fit });
  const path = `${folder.path}/a.itb`;
  const pinned = await planned({ kernel: { path, sha256: sha256Of(fit) } });
  assertEquals(checkOf(pinned, "pinned-digest"), "pass 2 files have their pinned digests");
  const wrong = await planned({ kernel: { path, sha256: "0".repeat(64) } });
  assertEquals([wrong.plan, wrong.said[0]?.split(":", 1)[0]], [undefined, "digest-mismatch"]);
});

const TWO: FitSpec = {
  images: {
    "kernel-1": { data: IMAGE, properties: FIT_KERNEL },
    "kernel-2": { data: GZIP, properties: { ...FIT_KERNEL, compression: "gzip" } },
    "kernel-3": { data: bzImage(), properties: { ...FIT_KERNEL, arch: "x86_64" } },
    "ramdisk-1": { data: INITRD, properties: FIT_RAMDISK },
    "fdt-1": { data: TREE, properties: FIT_TREE },
    "fdt-2": { data: new Uint8Array(gzipSync(TREE)), properties: { ...FIT_TREE, compression: "gzip" } },
    "overlay-1": { data: TREE, properties: FIT_TREE },
  },
  configurations: {
    plain: { kernel: "kernel-1", fdt: "fdt-1" },
    packed: { kernel: "kernel-2", fdt: "fdt-2", ramdisk: "ramdisk-1" },
    overlaid: { kernel: "kernel-1", fdt: ["fdt-1", "overlay-1"] },
    more: { kernel: "kernel-1", loadables: ["fdt-1", "fdt-2"], fpga: "ramdisk-1" },
    foreign: { kernel: "kernel-3" },
    empty: { description: "No kernel" },
    swapped: { kernel: "ramdisk-1", ramdisk: "kernel-1" },
    missing: { kernel: "kernel-9" },
  },
  default: "plain",
};

Deno.test("a configuration is chosen by its name, and what it has besides is named", async () => {
  using folder = folderOf({ "a.itb": fitImage(TWO), Image: IMAGE });
  const path = `${folder.path}/a.itb`;
  const of = (configuration?: string) => planned({ kernel: { path, ...(configuration && { configuration }) } });
  assertEquals(filesOf(await of(), path).map(([at]) => at), ["@/images/kernel-1", "@/images/fdt-1"]);
  const packed = await of("packed");
  assertEquals(filesOf(packed, path).map(([at]) => at), ["@/images/kernel-2", "@/images/ramdisk-1", "@/images/fdt-2"]);
  assertEquals(packed.said, [], "a packed device tree is unpacked");
  assertEquals((await of("more")).said, [
    `image-part: Of ${path}, only U-Boot would load \`fdt-1\` (\`loadables\`), \`fdt-2\` (\`loadables\`), ` +
    "`ramdisk-1` (`fpga`): ",
  ]);
  const says = async (configuration: string): Promise<string> => {
    const { plan, said } = await of(configuration);
    assertEquals(plan, undefined);
    return said.join("\n").replaceAll(path, "@");
  };
  assertEquals(
    await says("plane"),
    "conflict: @ has no configuration `plane`; it has plain, packed, overlaid, more, foreign, empty, swapped, missing: " +
      "Did you mean `plain`?",
  );
  assertStringIncludes(
    await says("overlaid"),
    "has overlays for its device tree, which are not applied: @/images/overlay-1",
  );
  assertStringIncludes(await says("foreign"), "The configuration `foreign` of @ is for x86_64, and this host is arm64");
  assertStringIncludes(await says("empty"), "The configuration `empty` of @ has no kernel");
  assertStringIncludes(await says("swapped"), "cannot be used: its type is `ramdisk`, not `kernel`");
  assertStringIncludes(await says("missing"), "has the kernel `kernel-9`, which is not in the file");
  // With a tree of one's own, overlays do not matter.
  assertEquals((await planned({ kernel: { path, configuration: "overlaid" }, dtb: `${path}/images/fdt-1` })).said, []);
  assertEquals(
    (await planned({ kernel: { path, configuration: "overlaid" }, load: "kexec_file_load" })).said.length,
    1,
  );
  const other = await planned({ kernel: { path: `${folder.path}/Image`, configuration: "plain" } });
  assertStringIncludes(other.said.join(), "Only a FIT image has configurations, and ");
  assertStringIncludes((await planned({ kernel: { path, profile: "1" } })).said.join(), "Name its configuration");
});

Deno.test("a FIT image without a default configuration, or without any, says what to name", async () => {
  const { default: _, ...undecided } = TWO;
  using folder = folderOf({
    undecided: fitImage(undecided),
    none: fitImage({ images: TWO.images }),
    one: fitImage({ images: TWO.images, configurations: { only: { kernel: "kernel-1" } } }),
    wrong: fitImage({ ...TWO, default: "plan" }),
  });
  const says = async (name: string) =>
    (await planned({ kernel: `${folder.path}/${name}` })).said.join().replaceAll(folder.path, "");
  assertStringIncludes(
    await says("undecided"),
    "/undecided has no default configuration: Name one with `configuration`: plain",
  );
  assertStringIncludes(
    await says("none"),
    "/none has no configurations, which say what belongs together: Name its parts",
  );
  assertStringIncludes(await says("wrong"), "has the default configuration `plan`, which is not in it");
  assertEquals(await says("one"), "");
  const named = await planned({
    kernel: `${folder.path}/none/images/kernel-1`,
    initrd: `${folder.path}/none/images/ramdisk-1`,
  });
  assertEquals(filesOf(named, folder.path).map(([path]) => path), [
    "@/none/images/kernel-1",
    "@/none/images/ramdisk-1",
  ]);
  assertStringIncludes(
    (await planned({ kernel: `${folder.path}/none/images/kernel-7` })).said.join(),
    "has no image `kernel-7`",
  );
});

const ALGORITHMS: { readonly [name: string]: (bytes: Uint8Array) => Uint8Array } = {
  crc32: (bytes) => Uint8Array.fromHex(crc32(bytes).toString(16).padStart(8, "0")),
  ...Object.fromEntries(
    ["md5", "sha1", "sha256", "sha384", "sha512"].map((name) => [
      name,
      (bytes: Uint8Array) => new Uint8Array(createHash(name).update(bytes).digest()),
    ]),
  ),
};

Deno.test("every checksum of U-Boot is compared, and one that differs or is not known is named", async () => {
  const fit = (nodes: { readonly [name: string]: { readonly [name: string]: string | Uint8Array | number } }) =>
    fitImage({
      images: { k: { data: IMAGE, properties: FIT_KERNEL, nodes } },
      configurations: { c: { kernel: "k" } },
      default: "c",
    });
  const check = async (bytes: Uint8Array): Promise<string> => {
    using folder = folderOf({ "a.itb": bytes });
    const found = await planned({ kernel: `${folder.path}/a.itb` });
    return (checkOf(found, "image-parts") ?? found.said.join()).replaceAll(folder.path, "");
  };
  const all = Object.fromEntries(
    Object.entries(ALGORITHMS).map(([algo, sum], index) => [`hash-${index}`, { algo, value: sum(IMAGE) }]),
  );
  assertEquals(
    await check(fit(all)),
    "pass /a.itb/images/k has its crc32 and md5 and sha1 and sha256 and sha384 and sha512",
  );
  for (const [algo, sum] of Object.entries(ALGORITHMS)) {
    const value = sum(IMAGE).map((byte, index) => index === 0 ? byte ^ 1 : byte);
    assertStringIncludes(
      await check(fit({ ...all, last: { algo, value }, hash: { algo, value } })),
      `fail /a.itb/images/k is damaged: its ${algo} is`,
    );
    assertStringIncludes(await check(fit({ hash: { algo, value: sum(IMAGE).subarray(1) } })), "fail");
    assertStringIncludes(await check(fit({ hash: { algo } })), "and its image states none");
    assertStringIncludes(await check(fit({ hash: { algo, value, "uboot-ignore": 1 } })), "has no checksum");
  }
  assertEquals(await check(fit({})), "pass /a.itb/images/k has no checksum");
  // A kernel without a checksum of its own cannot be verified, but for one in an image that has it.
  for (const [nodes, says] of [[{}, "pass"], [all, undefined]] as const) {
    using folder = folderOf({ "a.itb": fit(nodes) });
    const content = checkOf(await planned({ kernel: `${folder.path}/a.itb` }), "kernel-content");
    assertEquals(content?.split(" ", 1)[0], says);
  }
  assertEquals(
    await check(fit({ hash: { algo: "blake3", value: new Uint8Array(32) } })),
    "warn /a.itb/images/k has a checksum that is not known: blake3",
  );
});

Deno.test("a wrong checksum after one that is not known is found, and one over many reads is of all the data", async () => {
  const large = new Uint8Array(260 << 10);
  large.set(IMAGE);
  large.fill(7, 200 << 10);
  const fit = (nodes: Readonly<Record<string, { readonly algo: string; readonly value: Uint8Array }>>) =>
    fitImage({
      images: { k: { data: large, properties: FIT_KERNEL, nodes } },
      configurations: { c: { kernel: "k" } },
    });
  const crc = Uint8Array.fromHex(crc16(large, 0).toString(16).padStart(4, "0"));
  const unknown = { algo: "blake3", value: new Uint8Array(32) };
  using folder = folderOf({
    right: fit({ "hash-1": unknown, "hash-2": { algo: "crc16-ccitt", value: crc } }),
    wrong: fit({ "hash-1": unknown, "hash-2": { algo: "crc16-ccitt", value: crc.toReversed().map((each) => ~each) } }),
  });
  const check = async (name: string) =>
    checkOf(await planned({ kernel: `${folder.path}/${name}` }), "image-parts") ?? "";
  assertMatch(await check("right"), /^warn .* has a checksum that is not known: blake3$/);
  assertMatch(await check("wrong"), /^fail .* is damaged: its crc16-ccitt is/);
});

Deno.test("a checksum that begins with zeros is compared with all its digits", async () => {
  // The first of such that a number at the end gives.
  const withZeros = (sum: (bytes: Uint8Array) => number, most: number): Uint8Array => {
    const bytes = new Uint8Array(IMAGE.length + 4);
    bytes.set(IMAGE);
    const view = new DataView(bytes.buffer);
    for (let number = 0; sum(bytes) >= most; number++) view.setUint32(IMAGE.length, number);
    return bytes;
  };
  const long = withZeros((bytes) => crc32(bytes), 1 << 24);
  const short = withZeros((bytes) => crc16(bytes, 0), 1 << 8);
  const fit = (data: Uint8Array, algo: string, value: Uint8Array) =>
    fitImage({
      images: { k: { data, properties: FIT_KERNEL, nodes: { hash: { algo, value } } } },
      configurations: { c: { kernel: "k" } },
    });
  using folder = folderOf({
    long: fit(long, "crc32", Uint8Array.fromHex(crc32(long).toString(16).padStart(8, "0"))),
    short: fit(short, "crc16-ccitt", Uint8Array.fromHex(crc16(short, 0).toString(16).padStart(4, "0"))),
    damaged: uImage({ data: long }).map((byte, index, all) => index === all.length - 1 ? byte ^ 1 : byte),
  });
  const check = async (name: string) =>
    (checkOf(await planned({ kernel: `${folder.path}/${name}` }), "image-parts") ?? "").replaceAll(folder.path, "");
  assertEquals(await check("long"), "pass /long/images/k has its crc32");
  assertEquals(await check("short"), "pass /short/images/k has its crc16-ccitt");
  assertMatch(await check("damaged"), /the CRC-32 0x[0-9a-f]{8}, and the header states 0x00[0-9a-f]{6}$/);
});

Deno.test("the signatures of a part are its own and those of the configurations that boot it, each named once", async () => {
  const signature = (algo: string, key: string) => ({ algo, "key-name-hint": key });
  const fit = (nodes: FitImageSpec["nodes"], signatures: NonNullable<FitSpec["signatures"]>) =>
    fitImage({
      images: {
        k: { data: IMAGE, properties: FIT_KERNEL, nodes: nodes ?? {} },
        o: { data: GZIP, properties: FIT_KERNEL },
      },
      configurations: { a: { kernel: "k" }, b: { kernel: "k" }, c: { kernel: "o" } },
      default: "a",
      signatures,
    });
  const own = { "signature-1": signature("sha1,rsa2048", "own") };
  const conf = (key: string) => ({ ...signature("sha256,rsa2048", key), "sign-images": "kernel" });
  const rows: readonly (readonly [string, Uint8Array, readonly string[]])[] = [
    ["none", fit({}, {}), []],
    ["of the image alone", fit(own, {}), ["sha1,rsa2048 with the key `own`"]],
    ["of another configuration", fit({}, { c: conf("c") }), []],
    ["of two that boot it", fit(own, { a: conf("a"), b: conf("a"), c: conf("c") }), [
      "sha1,rsa2048 with the key `own`",
      "sha256,rsa2048 with the key `a`",
    ]],
    ["by two keys", fit({}, { a: conf("a"), b: conf("b") }), [
      "sha256,rsa2048 with the key `a`",
      "sha256,rsa2048 with the key `b`",
    ]],
  ];
  for (const [what, bytes, expected] of rows) {
    using folder = folderOf({ "a.itb": bytes });
    using opened = await openImages({
      kernel: { path: `${folder.path}/a.itb/images/k` },
      initrd: [],
      segments: [],
      programs: [],
    });
    const part = opened.images.kernel?.part;
    assertEquals(part?.kind === "checked" ? part.signatures : part, expected, what);
  }
});

Deno.test("as mkimage made them: checksums of all kinds hold, and a signature is named and not verified", async () => {
  const fixtures = join(import.meta.dirname ?? ".", "../fixtures/uboot");
  for (const name of ["inside.itb", "offset.itb", "position.itb", "signed.itb"]) {
    const check = checkOf(await planned({ kernel: join(fixtures, name) }), "image-parts") ?? "";
    assertStringIncludes(
      check,
      "kernel-1 has its crc32 and sha256 and sha1 and md5 and sha512 and sha384 and crc16-ccitt",
    );
    assertEquals(
      check.includes("; it is signed (sha256,rsa2048 with the key `dev`), which is for U-Boot to verify"),
      name === "signed.itb",
    );
  }
  for (const name of ["kernel.uimage", "multi.uimage"]) {
    assertStringIncludes(checkOf(await planned({ kernel: join(fixtures, name) }), "image-parts") ?? "", "pass");
  }
});

Deno.test("what is damaged, cut off, encrypted or not what it states is named", async () => {
  const whole = wholeFit(IMAGE, { ramdisk: INITRD, tree: TREE });
  const changed = (bytes: Uint8Array, at: number): Uint8Array =>
    bytes.map((byte, index) => index === at ? byte ^ 1 : byte);
  const found = parseFit(memorySource(whole));
  const kernelAt = found.kind === "fit-file" && found.images[0]?.data.kind === "data" ? found.images[0].data.offset : 0;
  const one = uImage({ data: IMAGE });
  const part = (
    properties: Properties,
    nodes?: { readonly [name: string]: Record<string, string> },
  ) =>
    fitImage({
      images: { k: { data: IMAGE, properties: { ...FIT_KERNEL, ...properties }, ...(nodes && { nodes }) } },
      configurations: { c: { kernel: "k" } },
      default: "c",
    });
  const swapped = (roles: { readonly [role: string]: string }) =>
    fitImage({ ...TWO, configurations: { plain: { kernel: "kernel-1", ...roles } } });
  const rows: readonly (readonly [string, Uint8Array, string])[] = [
    ["a bit of the kernel", changed(whole, kernelAt + 100), "kernel-1 is damaged: its sha256 is"],
    ["a FIT image cut off", whole.subarray(0, -100), "a truncated FIT image or device tree"],
    ["a uImage cut off", one.subarray(0, -100), "a truncated uImage"],
    ["a bit of a uImage's header", changed(one, 20), "a damaged uImage: its header has the CRC-32"],
    ["a bit of a uImage's data", changed(one, 300), "is damaged: the data of its image have the CRC-32"],
    ["a uImage of a script", uImage({ data: IMAGE, type: 6 }), "a uImage of the type script"],
    ["a uImage for NetBSD", uImage({ data: IMAGE, system: 2 }), "a uImage for the operating system netbsd"],
    [
      "a uImage that is not packed as stated",
      uImage({ data: IMAGE, compression: 1 }),
      "it states `gzip` compression, and its data are not",
    ],
    [
      "a kernel that is not packed as stated",
      part({ compression: "lz4" }),
      "it states `lz4` compression, and its data are not",
    ],
    ["a kernel for U-Boot", part({ os: "u-boot" }), "it is for u-boot, not linux"],
    ["a kernel of no type", part({ type: undefined }), "it states no type"],
    ["a kernel for no machine", part({ arch: undefined }), "states no architecture"],
    [
      "a kernel that is encrypted",
      part({}, { "cipher-1": { algo: "aes256" } }),
      "it is encrypted, and U-Boot has the key",
    ],
    [
      "an empty kernel",
      fitImage({
        images: { k: { data: new Uint8Array(), properties: FIT_KERNEL } },
        configurations: { c: { kernel: "k" } },
      }),
      "it is empty",
    ],
    [
      "a name that no path has",
      fitImage({
        images: { "k/1": { data: IMAGE, properties: FIT_KERNEL } },
        configurations: { c: { kernel: "k/1" } },
      }),
      "cannot be named in a path",
    ],
    ["a device tree that is none", wholeFit(IMAGE, { tree: INITRD }), "is not a device tree"],
    ["an initrd that is a kernel", swapped({ ramdisk: "kernel-1" }), "its type is `kernel`, not `ramdisk`"],
    ["an initrd that is a device tree", swapped({ ramdisk: "fdt-1" }), "its type is `flat_dt`, not `ramdisk`"],
    ["a device tree that is an initrd", swapped({ fdt: "ramdisk-1" }), "its type is `ramdisk`, not `flat_dt`"],
    ["a kernel that is an initrd", swapped({ kernel: "ramdisk-1" }), "its type is `ramdisk`, not `kernel`"],
  ];
  for (const [what, bytes, says] of rows) {
    using folder = folderOf({ image: bytes });
    const found = await planned({ kernel: `${folder.path}/image` });
    const text = [
      ...found.said,
      ...found.plan?.checks.filter(({ status }) => status === "fail").map(({ message }) => message) ?? [],
    ];
    assertStringIncludes(text.join("\n"), says, what);
  }
});

Deno.test("on x86_64, images of U-Boot are refused with the reason, whatever they are for", async () => {
  using folder = folderOf({
    arm: wholeFit(IMAGE),
    x86: fitImage({ ...TWO, default: "foreign" }),
    uimage: uImage({ data: bzImage(), architecture: 24 }),
  });
  const says = async (name: string) => {
    const found = await planned({ kernel: `${folder.path}/${name}` }, join(HOSTS, "bios-vm.json"));
    return found.plan?.checks.filter(({ status }) => status === "fail").map(({ rule, message, hint }) =>
      `${rule}: ${message.replaceAll(folder.path, "")}: ${hint}`
    ).join("\n") ?? found.said.join();
  };
  assertEquals(
    await says("arm"),
    "architecture: /arm is for aarch64, and this host is x86_64: it is FIT image for aarch64, `Images`, 1 configuration: " +
      "Name a kernel built for x86_64",
  );
  const hint = "Such images are taken apart on arm64 only: take the kernel out with `dumpimage`, and name that";
  assertStringIncludes(
    await says("x86"),
    "kernel-image: /x86 (FIT image for x86_64, `Images`, 8 configurations) is not a bzImage",
  );
  assertStringIncludes(await says("x86"), hint);
  assertStringIncludes(await says("uimage"), hint);
  // An initrd in a uImage is handed over as it is.
  Deno.writeFileSync(`${folder.path}/bzImage`, bzImage());
  Deno.writeFileSync(`${folder.path}/uInitrd`, uImage({ data: INITRD, type: 3, architecture: 24 }));
  const [kernel, initrd] = [`${folder.path}/bzImage`, `${folder.path}/uInitrd`];
  const found = await planned({ kernel, initrd }, join(HOSTS, "bios-vm.json"));
  assertEquals(filesOf(found, folder.path).map(([path]) => path), ["@/bzImage", "@/uInitrd"]);
});

Deno.test("a captured host has what a plan needs of its FIT images and uImages: the same plan, byte for byte", async () => {
  const fit = wholeFit(GZIP, { ramdisk: INITRD, tree: TREE, compression: "gzip" });
  using folder = folderOf({
    "a.itb": fit,
    multi: uImage({ files: [IMAGE, INITRD] }),
    uInitrd: uImage({ data: INITRD, type: 3 }),
    Image: IMAGE,
  });
  const capture = JSON.parse(Deno.readTextFileSync(join(HOSTS, "arm64-vm.json")));
  const { facts: host } = readFacts(join(HOSTS, "arm64-vm.json"));
  assert(host !== undefined);
  for (
    const [index, body] of [
      `kernel: { path: ${folder.path}/a.itb, sha256: ${sha256Of(fit)} }`,
      `kernel: ${folder.path}/multi`,
      `kernel: ${folder.path}/Image\ninitrd: ${folder.path}/uInitrd`,
      `kernel: ${folder.path}/Image\ninitrd: ${folder.path}/a.itb`,
    ].entries()
  ) {
    const profile = join(folder.path, `p${index}.yaml`);
    Deno.writeTextFileSync(profile, `version: 1\n${body}\ncmdline: ro\n`);
    const { images, diagnostics } = await captureImages([profile], host);
    assertEquals(diagnostics, []);
    const facts = join(folder.path, "facts.json");
    Deno.writeTextFileSync(facts, JSON.stringify({ ...capture, images }));
    const here = await run(["plan", "-o", "json", "--facts", join(HOSTS, "arm64-vm.json"), profile]);
    assertEquals(here.stderr, "");
    const moved = join(folder.path, "away");
    Deno.mkdirSync(moved, { recursive: true });
    for (const name of ["a.itb", "multi", "uInitrd", "Image"]) {
      Deno.renameSync(join(folder.path, name), join(moved, name));
    }
    const away = await run(["plan", "-o", "json", "--facts", facts, profile]);
    for (const name of ["a.itb", "multi", "uInitrd", "Image"]) {
      Deno.renameSync(join(moved, name), join(folder.path, name));
    }
    assertEquals(away, here);
  }
});

Deno.test("a uImage is captured with its parts on arm64, the only architecture that takes them", async () => {
  using folder = folderOf({ uInitrd: uImage({ data: INITRD, type: 3 }), Image: IMAGE, bzImage: bzImage() });
  const parts = async (name: string, kernel: string, machine?: string) => {
    const { facts } = readFacts(join(HOSTS, `${name}.json`));
    assert(facts !== undefined);
    const host = machine === undefined ? facts : { ...facts, machine };
    const profile = join(folder.path, "p.yaml");
    Deno.writeTextFileSync(profile, `version: 1\nkernel: ${kernel}\ninitrd: uInitrd\ncmdline: ro\n`);
    const found = [];
    for (const word of [profile, relative(Deno.cwd(), profile)]) {
      const { images } = await captureImages([word], host);
      const uInitrd = Object.entries(images).filter(([path]) => path.startsWith("/") && path.endsWith("/uInitrd"));
      found.push(uInitrd.map(([, { parts }]) => parts.map(({ length }) => length)));
    }
    return found;
  };
  assertEquals(await parts("arm64-vm", "Image"), [[[INITRD.length]], [[INITRD.length]]]);
  assertEquals(await parts("bios-vm", "bzImage"), [[[]], [[]]]);
  assertEquals(await parts("bios-vm", "bzImage", "riscv64"), [[[]], [[]]]);
});

Deno.test("a FIT image whose parts a capture lacks is refused: the zeros in their place are not how it is packed", async () => {
  const padded = new Uint8Array(8 << 10);
  padded.set(INITRD);
  // The kernel lies behind what is read of every file.
  const fit = fitImage({
    images: {
      "ramdisk-1": { data: padded, properties: FIT_RAMDISK },
      "kernel-1": { data: GZIP, properties: { ...FIT_KERNEL, compression: "gzip" } },
    },
    configurations: { c: { kernel: "kernel-1", ramdisk: "ramdisk-1" } },
    external: "offset",
  });
  using folder = folderOf({ "a.itb": fit });
  const [path, file] = [`${folder.path}/a.yaml`, `${folder.path}/a.itb`];
  Deno.writeTextFileSync(path, `version: 1\nkernel: ${file}\ncmdline: ro\n`);
  const capture = JSON.parse(Deno.readTextFileSync(join(HOSTS, "arm64-vm.json")));
  const { facts } = readFacts(join(HOSTS, "arm64-vm.json"));
  assert(facts !== undefined);
  const { images = {} } = await captureImages([path], facts);
  const image = images[file];
  const { value: profile } = defineProfile({ kernel: file, cmdline: "ro" });
  assert(image !== undefined && profile !== undefined);
  Deno.removeSync(file);
  const says = async (ranges: typeof image.ranges) => {
    const planned = await planHost(profile, {
      facts: { ...capture, images: { ...images, [file]: { ...image, ranges } } },
    });
    return planned.value === undefined ? planned.diagnostics.map(({ code }) => code) : "planned";
  };
  assertEquals(await says(image.ranges), "planned");
  const head = fit.subarray(0, 4096).toBase64();
  assertEquals(await says([{ offset: 0, base64: head }]), ["image-not-captured"]);
});

Deno.test("a redacted capture has nothing of what initrds in FIT images and uImages hold", async () => {
  const secret = cpioArchive([{ path: "/key", mode: MODE.file, data: new TextEncoder().encode("hunter2") }]);
  const kernel = IMAGE.slice();
  kernel.set(new TextEncoder().encode("no secret"), 500);
  using folder = folderOf({
    "a.itb": wholeFit(kernel, { ramdisk: secret }),
    multi: uImage({ files: [kernel, secret] }),
    uInitrd: uImage({ data: secret, type: 3 }),
    Image: kernel,
  });
  const { facts: host } = readFacts(join(HOSTS, "arm64-vm.json"));
  assert(host !== undefined);
  for (const body of ["kernel: a.itb", "kernel: multi", "kernel: Image\ninitrd: uInitrd"]) {
    const profile = join(folder.path, "p.yaml");
    Deno.writeTextFileSync(profile, `version: 1\n${body}\ncmdline: ro\n`);
    for (const redact of [false, true]) {
      const { images, diagnostics } = await captureImages([profile], host, { redact });
      assertEquals(diagnostics, []);
      const textOf = (paths: readonly string[]) =>
        paths.flatMap((path) => images[path]?.ranges.map(({ base64 }) => atob(base64)) ?? []).join("");
      assertEquals(textOf(Object.keys(images)).includes("hunter2"), !redact, body);
      // Of the kernel in it, all that says what it is.
      const [, name = ""] = /^kernel: (.*)/.exec(body) ?? [];
      assertEquals(textOf([join(folder.path, name)]).includes("no secret"), true, body);
    }
  }
  assertEquals(openBelow(folder.path), []);
});

Deno.test("a diff compares the parts of two FIT images", async () => {
  using folder = folderOf({
    "a.itb": wholeFit(IMAGE, { ramdisk: INITRD }),
    "b.itb": wholeFit(IMAGE, { ramdisk: OWN }),
  });
  for (const name of ["a", "b"]) {
    Deno.writeTextFileSync(`${folder.path}/${name}.yaml`, `version: 1\nkernel: ${name}.itb\ncmdline: ro\n`);
  }
  const { stdout } = await run([
    "diff",
    "--facts",
    join(HOSTS, "arm64-vm.json"),
    `${folder.path}/a.yaml`,
    `${folder.path}/b.yaml`,
  ]);
  assertStringIncludes(stdout, sha256Of(OWN).slice(0, 12));
  assertStringIncludes(stdout, "a.itb/images/ramdisk-1");
});

Deno.test("a device tree that names no memory gets that of the running one", async () => {
  using folder = folderOf({ "a.itb": wholeFit(IMAGE, { tree: smallTree() }) });
  const found = await planned({ kernel: `${folder.path}/a.itb` });
  assertStringIncludes(checkOf(found, "device-tree-memory") ?? "", "pass The device tree lists");
  const uefi = await planned({ kernel: `${folder.path}/a.itb` }, join(HOSTS, "arm64-uefi-vm.json"));
  assertStringIncludes(
    checkOf(uefi, "device-tree-memory") ?? "",
    "pass The device tree refers to the memory map of UEFI",
  );
});

Deno.test("the data of a uImage of several files are summed once, whichever part is wrong", async () => {
  const bytes = uImage({ files: [IMAGE, INITRD] });
  bytes[bytes.length - 8] = (bytes.at(-8) ?? 0) ^ 1;
  using folder = folderOf({ multi: bytes });
  assertStringIncludes(checkOf(await planned({ kernel: `${folder.path}/multi` }), "image-parts") ?? "", "fail");
});

/** The initrds of a plan, by what follows the folder's path. */
function initrdsOf({ plan, said }: Planned, folder: string): readonly string[] {
  assert(plan?.declared !== undefined, said.join("\n"));
  return plan.declared.initrd.map((item) => {
    const text = JSON.stringify(item).replaceAll(folder, "");
    return /^"(.*)"$|"path":"([^"]*)"/.exec(text)?.slice(1).find((found) => found !== undefined) ?? text;
  });
}

Deno.test("files that a profile adds come after the initrd of the image, and of a uImage; initrds take its place", async () => {
  using folder = folderOf({
    "a.itb": wholeFit(IMAGE, { ramdisk: INITRD }),
    Image: IMAGE,
    own: OWN,
    uInitrd: uImage({ data: INITRD, type: 3 }),
    uKernel: uImage({ data: IMAGE }),
  });
  const at = (name: string) => `${folder.path}/${name}`;
  const files = { files: [{ path: "/etc/a", text: "x" }] };
  const initrds = async (kernel: string, ...initrd: readonly (string | typeof files)[]) =>
    initrdsOf(await planned({ kernel: at(kernel), initrd }), folder.path);
  assertEquals(await initrds("a.itb", files), ["/a.itb/images/ramdisk-1", "/etc/a"]);
  assertEquals(await initrds("a.itb", at("own"), files), ["/own", "/etc/a"]);
  assertEquals(await initrds("Image", at("uInitrd"), files), ["/uInitrd/images/0", "/etc/a"]);
  // Only an initrd is taken out of its uImage.
  assertEquals(await initrds("Image", at("uKernel")), ["/uKernel"]);
  const wrong = await planned({ kernel: at("Image"), initrd: { path: at("uInitrd"), sha256: "0".repeat(64) } });
  assertEquals([wrong.plan, wrong.at], [undefined, [["initrd"]]]);
});

Deno.test("a named configuration may be for this machine, whatever the default one is for; a wrong name is shown there", async () => {
  using folder = folderOf({ "a.itb": fitImage({ ...TWO, default: "foreign" }) });
  const path = `${folder.path}/a.itb`;
  const plain = await planned({ kernel: { path, configuration: "plain" } });
  assertEquals(filesOf(plain, path).map(([at]) => at), ["@/images/kernel-1", "@/images/fdt-1"]);
  assertEquals((await planned({ kernel: { path, configuration: "plane" } })).at, [["kernel", "configuration"]]);
  assertEquals((await planned({ kernel: { path, configuration: "empty" } })).at, [["kernel"]]);
});

Deno.test("device trees of any size that there are, packed or not; what is larger, or damaged, says so", async () => {
  const large = new Uint8Array((16 << 20) + 1);
  large.set(TREE);
  const padded = large.subarray(0, 64 << 10);
  const damaged = new Uint8Array(gzipSync(padded)).fill(0, 40);
  // A comment in the header, which only the kernel does not read.
  const plain = gzipSync(padded);
  const commented = Uint8Array.of(
    ...plain.subarray(0, 3),
    0x10,
    ...plain.subarray(4, 10),
    0x63,
    0,
    ...plain.subarray(10),
  );
  using folder = folderOf({
    Image: IMAGE,
    padded,
    large,
    packed: new Uint8Array(gzipSync(padded)),
    bomb: new Uint8Array(gzipSync(large)),
    damaged,
    commented,
  });
  const check = async (name: string) => {
    const found = await planned({ kernel: `${folder.path}/Image`, dtb: `${folder.path}/${name}`, load: "kexec_load" });
    return found.plan === undefined ? found.said.join().replaceAll(folder.path, "").split(": ")[2] ?? "" : "planned";
  };
  assertEquals(await check("padded"), "planned");
  assertEquals(await check("packed"), "planned");
  assertEquals(await check("commented"), "planned");
  assertEquals(await check("large"), "it is far larger than any");
  assertEquals(await check("bomb"), "it is packed with gzip, and far larger than any");
  assertStringIncludes(await check("damaged"), "it is packed with gzip, and its data are damaged");
});
