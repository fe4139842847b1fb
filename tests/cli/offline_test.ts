import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { EXIT } from "../../src/core/program.ts";
import type { Check } from "../../src/plan/plan.ts";
import { elf } from "../image/build_elf.ts";
import { bzImage } from "../image/build.ts";
import { type Run, run } from "../support/run_cli.ts";

const folder = Deno.makeTempDirSync({ prefix: "warmboot-offline-" });

addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  Deno.writeFileSync(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
  return path;
}

const INITRDS = new URL("../fixtures/initrds/", import.meta.url);
const CPIO = Deno.readFileSync(new URL("newc", INITRDS));

write("vmlinuz", bzImage());
write("initrd.img", CPIO);
write("payload.bin", Uint8Array.from({ length: 10_000 }, (_, index) => index % 251));
write("notes.txt", "These are notes\n");
write("early", Deno.readFileSync(new URL("early", INITRDS)));
write("packed", Deno.readFileSync(new URL("newc.xz", INITRDS)));
write("cut", CPIO.subarray(0, 1500));

/** One profile of each kind of call and content. */
const PROFILES = [
  write("file.yaml", "version: 1\nkernel: vmlinuz\ninitrd: initrd.img\ncmdline: ro\nload: kexec_file_load\n"),
  write(
    "segments.yaml",
    "version: 1\nkernel: vmlinuz\ninitrd: initrd.img\ncmdline: ro\nload: kexec_load\nstamp: true\n",
  ),
  write(
    "explicit.yaml",
    "version: 1\nentry: 0x1000000\nsegments:\n" +
      "  - { at: 0x1000000, file: payload.bin }\n  - { at: 0x2000000, file: payload.bin, offset: 100, length: 5000 }\n",
  ),
  write("wrong.yaml", "version: 1\nkernel: notes.txt\ninitrd: notes.txt\ncmdline: ro\n"),
  write("packed.yaml", "version: 1\nkernel: vmlinuz\ninitrd: [early, packed]\ncmdline: ro rdinit=/bin/sh\n"),
  write("cut.yaml", "version: 1\nkernel: vmlinuz\ninitrd: [early, cut]\ncmdline: ro\n"),
];
const IMAGES = ["vmlinuz", "initrd.img", "payload.bin", "notes.txt", "early", "packed", "cut"];

/** Nothing but reading is allowed. */
const SANDBOX = ["--allow-read", "--deny-net", "--deny-write", "--deny-run", "--deny-env", "--deny-sys", "--deny-ffi"];

/** Runs a command of which docs/permissions.md says that it needs to read files only. */
function offline(...args: readonly string[]): Promise<Run> {
  return run(args);
}

/** Runs something while the images are not there. */
async function withoutImages(action: () => Promise<void>): Promise<void> {
  for (const name of IMAGES) Deno.renameSync(join(folder, name), join(folder, `${name}.away`));
  try {
    await action();
  } finally {
    for (const name of IMAGES) Deno.renameSync(join(folder, `${name}.away`), join(folder, name));
  }
}

const capture = await run(["facts", "--images", ...PROFILES]);
const host = write("host.json", capture.stdout);

// This host may hide its memory map; that one shows it, so that kexec_load has segments to place.
const fixture = new URL("../fixtures/hosts/bios-vm.json", import.meta.url).pathname;
const guest = write(
  "guest.json",
  JSON.stringify({ ...JSON.parse(Deno.readTextFileSync(fixture)), images: JSON.parse(capture.stdout).images }),
);

Deno.test("facts --images captures what plans need of the files, not the files", () => {
  assertEquals(capture.code, 0, capture.stderr);
  const { images } = JSON.parse(capture.stdout);
  assertEquals(Object.keys(images), IMAGES.map((name) => join(folder, name)).toSorted());
  assert(capture.stdout.length < 200_000, `${capture.stdout.length}`);
});

Deno.test("facts --redact --images captures what the same plans need, without the content of initrds", async () => {
  const redacted = await run(["facts", "--redact", "--images", ...PROFILES]);
  assertEquals(redacted.code, 0, redacted.stderr);
  const { redacted: said, images, files } = JSON.parse(redacted.stdout);
  assertEquals([said, files["/proc/kcore"]], [true, undefined]);
  const cpio = images[join(folder, "initrd.img")];
  const bytes = Uint8Array.fromBase64(cpio.ranges[0].base64);
  assertEquals(bytes.subarray(0, 6), CPIO.subarray(0, 6));
  assert(bytes.subarray(112).every((byte) => byte === 0));
  const path = write("redacted.json", JSON.stringify({ ...JSON.parse(Deno.readTextFileSync(guest)), images }));
  await withoutImages(async () => {
    for (const profile of PROFILES) {
      const plan = (facts: string) => run(["plan", profile, "-o", "json", "--facts", facts]);
      assertEquals(await plan(path), await plan(guest));
    }
  });
});

Deno.test("a plan made without kernel and initrd is, byte for byte, the plan made live, with read permission alone", async () => {
  const here = new Map<string, Run>();
  for (const path of PROFILES) {
    here.set(`${path} ${host}`, await run(["plan", path, "-o", "json"]));
    here.set(`${path} ${guest}`, await run(["plan", path, "-o", "json", "--facts", fixture]));
  }
  await withoutImages(async () => {
    for (const path of PROFILES) {
      const inSandbox = await run(["plan", path, "-o", "json", "--facts", guest], SANDBOX);
      assertEquals(inSandbox, here.get(`${path} ${guest}`));
      assertEquals(await offline("plan", path, "-o", "json", "--facts", host), here.get(`${path} ${host}`));
    }
  });
  const checksOf = (path: string | undefined): readonly Check[] =>
    JSON.parse(here.get(`${path} ${guest}`)?.stdout ?? "").checks;
  const packed = checksOf(PROFILES[4]).filter(({ rule }) => rule.startsWith("initrd-"));
  assertEquals(packed.map(({ rule, status }) => [rule, status]), [
    ["initrd-content", "pass"],
    ["initrd-init", "warn"],
    ["initrd-modules", "warn"],
  ]);
  const cut = checksOf(PROFILES[5]).find(({ rule }) => rule === "initrd-content");
  assertStringIncludes(cut?.message ?? "", "ends within the file etc/numbers");
  assertEquals(here.get(`${PROFILES[5]} ${guest}`)?.code, EXIT.unavailable.code);
  const segments = JSON.parse(here.get(`${PROFILES[1]} ${guest}`)?.stdout ?? "").call.segments;
  assertEquals(segments.map(({ name }: { name: string }) => name), ["kernel", "initrd", "boot_params", "purgatory"]);
});

Deno.test("profiles are compared without kernel and initrd, with read permission alone", async () => {
  const [a = "", b = ""] = PROFILES;
  await withoutImages(async () => {
    const { code, stdout, stderr } = await offline("diff", a, b, "--facts", host);
    assertEquals([code, stderr], [EXIT.differs.code, ""]);
    assertStringIncludes(stdout, "kexec_file_load -> kexec_load");
  });
});

Deno.test("a file that neither is here nor was captured is named, with how to capture it", async () => {
  const path = write("more.yaml", "version: 1\nkernel: vmlinuz\ninitrd: more.img\ncmdline: ro\n");
  const lacks = await offline("plan", path, "--facts", host);
  assertEquals(lacks.code, EXIT.noinput.code);
  assertStringIncludes(lacks.stderr, "more.img does not exist here, and the capture does not contain it");
  assertStringIncludes(lacks.stderr, "warmboot facts --images PROFILE");
  const bare = write("bare.json", JSON.stringify({ ...JSON.parse(capture.stdout), images: undefined }));
  const none = await offline("plan", path, "--facts", bare);
  assertEquals(none.code, EXIT.noinput.code);
  assertStringIncludes(none.stderr, "warmboot facts --images PROFILE");
});

Deno.test("the captured file is planned with where the one here differs, and that is said", async () => {
  const [path = ""] = PROFILES;
  const before = await offline("plan", path, "-o", "json", "--facts", host);
  write("initrd.img", CPIO.toReversed());
  try {
    const after = await offline("plan", path, "-o", "json", "--facts", host);
    assertEquals([after.stdout, after.code], [before.stdout, before.code]);
    assertStringIncludes(after.stderr, "initrd.img here differs from the captured one");
    assertEquals(before.stderr, "");
  } finally {
    write("initrd.img", CPIO);
  }
});

Deno.test("a local file stands in for one that the capture's images lack, and that is said", async () => {
  write("extra.img", CPIO);
  const path = write("extra.yaml", "version: 1\nkernel: vmlinuz\ninitrd: extra.img\ncmdline: ro\n");
  const { code, stderr } = await offline("plan", path, "--facts", guest);
  assertEquals(code, 0, stderr);
  assertStringIncludes(stderr, "The capture has images, but not");
});

Deno.test("a part that the capture does not have is no defect, but a capture to take anew", async () => {
  const path = write(
    "parts.yaml",
    "version: 1\nentry: 0x1000000\nsegments: [{ at: 0x1000000, file: payload.bin, offset: 1 }]\n",
  );
  await withoutImages(async () => {
    const { code, stderr } = await offline("plan", path, "--facts", host);
    assertEquals(code, EXIT.noinput.code, stderr);
    assertStringIncludes(stderr, "not the parts of it that this profile needs");
  });
  const swapped = write("swapped.yaml", "version: 1\nkernel: initrd.img\ninitrd: payload.bin\ncmdline: ro\n");
  await withoutImages(async () => {
    const { code, stderr } = await offline("plan", swapped, "--facts", host);
    assertEquals(code, EXIT.noinput.code, stderr);
  });
});

Deno.test("facts --images without a profile, or with a bad one, captures nothing", async () => {
  const cases: readonly (readonly [readonly string[], number, string])[] = [
    [["facts", "--images"], EXIT.usage.code, "needs a profile"],
    [["facts", "web.yaml"], EXIT.usage.code, "only with --images"],
    [["facts", "--images", join(folder, "none.yaml")], EXIT.noinput.code, "does not exist"],
    [["facts", "--images", write("lost.yaml", "version: 1\nkernel: lost\n")], EXIT.noinput.code, "lost"],
    [["facts", "--images", host], EXIT.data.code, "This is a capture"],
    [
      ["facts", "--images", write("bad.yaml", "version: 1\n")],
      EXIT.data.code,
      "neither `kernel`, `boot_entry` nor `segments`",
    ],
  ];
  for (const [args, code, says] of cases) {
    const result = await run(args);
    assertEquals([result.code, result.stdout], [code, ""], args.join(" "));
    assertStringIncludes(result.stderr, says);
  }
});

Deno.test("an ELF kernel is captured with each part that is placed", async () => {
  write(
    "vmlinux",
    elf({ segments: [{ paddr: 0x100_0000n, vaddr: 0xffff_ffff_8100_0000n, bytes: new Uint8Array(5000).fill(7) }] }),
  );
  const path = write("elf.yaml", "version: 1\nkernel: vmlinux\ncmdline: ro\nload: kexec_load\n");
  const live = await run(["plan", path, "-o", "json"]);
  const captured = write("elf.json", (await run(["facts", "--images", path])).stdout);
  Deno.removeSync(join(folder, "vmlinux"));
  const made = await offline("plan", path, "-o", "json", "--facts", captured);
  assertEquals([made.stdout, made.code], [live.stdout, live.code]);
});
