import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { collectAnswers, recordedOverlays, type SecretSources, systemSecrets } from "../../src/app/fill_overlays.ts";
import { type MadeOverlay, makeOverlay, type OverlayPart, readBody, treeOfInitrds } from "../../src/app/overlay.ts";
import { sourceFiles } from "../../src/app/overlay_sources.ts";
import { absoluteSegments } from "../../src/app/named_files.ts";
import { runSecretly } from "../../src/app/run_secretly.ts";
import { sha256Of } from "../../src/core/sha256.ts";
import { omitUndefined } from "../../src/core/shape.ts";
import type { InitrdFile } from "../../src/image/boot_files.ts";
import { type CpioEntry, CpioReader } from "../../src/formats/cpio.ts";
import { addToTree, type InitrdTree } from "../../src/image/initrd_tree.ts";
import type { OverlayFile } from "../../src/profile/overlay_file.ts";
import { fakeLibc } from "../support/fake_libc.ts";
import { initrdFile, profileOf, wholeInitrd } from "../support/profiles.ts";
import { withFiles } from "../support/temp_files.ts";

const HERE = { programs: [] };

function tree(text = "etc/\nusr/\nusr/lib/\nlib\tusr/lib"): InitrdTree {
  const made: InitrdTree = new Map();
  addToTree(made, text);
  return made;
}

function part(files: readonly OverlayFile[]): readonly OverlayPart[] {
  return [{ origin: "profile", files, at: (index) => ["initrd", 1, "files", index] }];
}

/** What an archive holds: names, modes and sizes. */
function entriesOf(archive: Uint8Array): readonly string[] {
  const entries: CpioEntry[] = [];
  assertEquals(new CpioReader((entry) => entries.push(entry)).push(archive), { kind: "more" });
  return entries.map(({ name, mode, size, target }) =>
    `${name} ${mode.toString(8)} ${size}${target === undefined ? "" : ` -> ${target}`}`
  );
}

async function made(files: readonly OverlayFile[]): Promise<MadeOverlay> {
  const found = await makeOverlay("files:1", part(files), tree(), HERE);
  if (found.made === undefined) throw new Error(JSON.stringify(found.diagnostics));
  return found.made;
}

const from = (path: string, more: Partial<OverlayFile> = {}): OverlayFile => ({
  path: "/lib/x",
  secret: false,
  content: { kind: "from", path },
  ...more,
});

Deno.test("a folder is copied with its permissions, its links as links and hidden files, in the order of names", async () => {
  await withFiles({ "t/b": "bb", "t/a/.hidden": "h", "t/ü": "u" }, async (root) => {
    Deno.chmodSync(join(root, "t/b"), 0o640);
    Deno.chmodSync(join(root, "t/a"), 0o700);
    Deno.symlinkSync("../nowhere", join(root, "t/link"));
    const { form } = await made([from(join(root, "t"))]);
    assertEquals(entriesOf(form).map((line) => line.replace("Ã¼", "ü")), [
      "usr/lib/x 40755 0",
      "usr/lib/x/a 40700 0",
      "usr/lib/x/a/.hidden 100644 1",
      "usr/lib/x/b 100640 2",
      "usr/lib/x/link 120777 10 -> ../nowhere",
      "usr/lib/x/ü 100644 1",
    ]);
    assertEquals((await made([from(join(root, "t"))])).form, form);
  });
});

Deno.test("what cannot be copied is said: a FIFO, what is missing, a `mode` for a folder, more than 64 MiB", async () => {
  await withFiles({ "t/a": "a", "big": "" }, async (root) => {
    new Deno.Command("mkfifo", { args: [join(root, "t/fifo")] }).outputSync();
    Deno.truncateSync(join(root, "big"), 65 << 20);
    const says = async (file: OverlayFile): Promise<string> => {
      const { diagnostics, made } = await makeOverlay("files:1", part([file]), tree(), HERE);
      assertEquals([made, diagnostics.length], [undefined, 1]);
      return `${diagnostics[0]?.code}: ${diagnostics[0]?.message}`;
    };
    assertMatch(await says(from(join(root, "t"))), /^file-unreadable: .*fifo is a FIFO/);
    assertMatch(await says(from(join(root, "none"))), /^file-missing: /);
    assertMatch(await says(from(join(root, "big"))), /^too-large: .*65 MiB together/);
    Deno.truncateSync(join(root, "big"), 33 << 20);
    const twice = [from(join(root, "big")), from(join(root, "big"), { path: "/lib/y" })];
    const { diagnostics: [together] } = await makeOverlay("files:1", part(twice), tree(), HERE);
    assertMatch(together?.message ?? "", /have 66 MiB together; \/lib\/x alone has 33 MiB/);
    Deno.removeSync(join(root, "t/fifo"));
    assertMatch(await says(from(join(root, "t"), { mode: 0o600 })), /^conflict: `mode` would be ignored/);
    assertMatch(await says({ path: "/x", secret: true, content: { kind: "withheld" } }), /^overlay-withheld: /);
    assertMatch(await says(from(join(root, "t/a"), { path: "/" })), /^conflict: Only a folder can be copied to/);
  });
});

Deno.test("an initrd whose names are unknown gets no files, and says why", async () => {
  const unknown = { message: "No files can be added", hint: "Name another initrd" };
  const { file, made } = await makeOverlay(
    "files:1",
    part([from("/dev/null", { content: { kind: "text", text: "x" } })]),
    unknown,
    HERE,
  );
  assertEquals([file?.overlay?.fault, made?.entries], [unknown, []]);
});

Deno.test("files are added after initrds whose names are all known; of others it is said what is not", () => {
  const names = (content: InitrdFile["content"], overlay?: InitrdFile["overlay"]) => {
    const file = { ...initrdFile({ path: "/boot/a" }), ...omitUndefined({ content, overlay }) };
    const found = treeOfInitrds([file]);
    return found instanceof Map ? [...found.keys()] : [found.message, found.hint];
  };
  const whole = wholeInitrd();
  assertEquals(names({ ...whole, tree: "etc/\netc/motd" }), ["etc", "etc/motd"]);
  const unknown = "No files can be added after /boot/a, whose links and folders are unknown:";
  const other = "Name another initrd, or the files before it";
  const rows: readonly (readonly [InitrdFile["content"], string, string])[] = [
    [undefined, "they were not kept", other],
    [whole, "they were not kept", other],
    [{ kind: "ramdisk", what: "an ext2 file system" }, "it is an ext2 file system", other],
    [{ kind: "unread", why: "no codec", hint: "Install it" }, "it was not read through: no codec", "Install it"],
    [{ kind: "damaged", why: "is cut off" }, "it is cut off", other],
  ];
  for (const [content, why, hint] of rows) assertEquals(names(content), [`${unknown} ${why}`, hint]);
  // An archive that is made at load has its names without a text of them.
  assertEquals(names(whole, { files: [], folders: [], isOpen: false }), []);
});

Deno.test("a file that is read for an archive must be as large as it was found", async () => {
  await withFiles({ a: "12345" }, (root) => {
    const read = (name: string, size: number) => {
      const bytes = new Uint8Array(size);
      const refused = readBody(join(root, name), bytes);
      return refused === undefined ? new TextDecoder().decode(bytes) : refused.code;
    };
    assertEquals([read("a", 5), read("a", 4), read("a", 6), read("none", 5)], [
      "12345",
      "file-unreadable",
      "file-unreadable",
      "file-missing",
    ]);
  });
});

Deno.test("a captured folder counts as far as it is below the path, and no more than 100,000 files are added", () => {
  const found = (count: number) => {
    const file = { kind: "file", mode: 0o644, size: 0, base64: "" } as const;
    const below = Object.fromEntries(Array.from({ length: count }, (_, index) => [`/a/${index}`, file] as const));
    const overlays = { "/a": { kind: "folder", mode: 0o755 }, ...below, "/ab": file } as const;
    const entry = { file: from("/a"), origin: "profile", at: ["initrd", 0] } as const;
    const { entries, diagnostics } = sourceFiles([entry], { images: {}, overlays });
    return [entries.length, ...diagnostics.map(({ code }) => code)];
  };
  assertEquals(found(2), [3]);
  assertEquals(found(99_999), [100_000]);
  assertEquals(found(100_000), [100_001, "too-large"]);
});

const SECRETS: readonly OverlayFile[] = [
  { path: "/etc/motd", secret: false, content: { kind: "text", text: "hi" } },
  { path: "/etc/pass", secret: true, content: { kind: "ask", prompt: "Who?" } },
  { path: "/etc/again", secret: true, content: { kind: "ask", prompt: "Who?" } },
  { path: "/etc/key", secret: true, content: { kind: "command", argv: ["print", "it"] } },
  { path: "/etc/literal", secret: true, content: { kind: "text", text: "stated!" } },
];

/** Sources that note what they were asked for. */
function sources(answer = "hunter2"): SecretSources & { readonly asked: string[] } {
  const asked: string[] = [];
  const give = (what: string, text: string, into: Uint8Array) => {
    asked.push(what);
    return Promise.resolve({ kind: "secret", size: new TextEncoder().encodeInto(text, into).written } as const);
  };
  return {
    asked,
    ask: (prompt, into) => give(prompt, answer, into),
    run: (argv, into) => give(argv.join(" "), "printed", into),
  };
}

Deno.test("secrets are left out until the load; then each is asked once, in locked memory that is overwritten", async () => {
  const overlay = await made(SECRETS);
  assertEquals([overlay.isOpen, new TextDecoder().decode(overlay.form).includes("stated!")], [true, false]);
  const [libc, from] = [fakeLibc(), sources()];
  const answers = collectAnswers(libc, from);
  const filled = await answers.fill([overlay]);
  if (filled.kind !== "filled") throw new Error(filled.diagnostic.message);
  const [{ bytes, secret, size } = { bytes: new Uint8Array(), secret: false, size: 0 }] = filled.overlays;
  assertEquals([secret, size, bytes.length], [true, overlay.form.length, overlay.form.length]);
  assertEquals(entriesOf(bytes), [
    "etc/motd 100644 2",
    "etc/pass 100600 7",
    "etc/again 100600 7",
    "etc/key 100600 7",
    "etc/literal 100600 7",
  ]);
  assertEquals(new TextDecoder().decode(bytes).match(/hunter2|printed|stated!\0/g), [
    "hunter2",
    "hunter2",
    "printed",
    "stated!\0",
  ]);
  assertEquals(from.asked, ["Who?", "print it"]);
  assertEquals(libc.calls.filter(([name]) => name !== "secret_memory"), [["set_dumpable", false]]);

  await answers.fill([overlay]);
  assertEquals(from.asked.length, 2);

  const key = new Uint8Array(32).fill(1);
  const [recorded] = await recordedOverlays([overlay], filled.overlays, key);
  const other = await collectAnswers(fakeLibc(), sources("hunter3")).fill([overlay]);
  const [different] = other.kind === "filled" ? await recordedOverlays([overlay], other.overlays, key) : [];
  const [otherKey] = await recordedOverlays([overlay], filled.overlays, new Uint8Array(32));
  assertEquals(recorded?.keyed.length, 64);
  assertEquals(new Set([recorded?.keyed, different?.keyed, otherKey?.keyed, sha256Of(bytes)]).size, 4);
  assertEquals([recorded?.sha256, JSON.stringify(recorded).includes("hunter2")], [undefined, false]);

  filled[Symbol.dispose]();
  answers[Symbol.dispose]();
  assertEquals(bytes.every((byte) => byte === 0), true);
  assertEquals(libc.calls.at(-1), ["set_dumpable", true]);
});

Deno.test("an answer that is missing says which file lacks it, and why", async () => {
  const overlay = await made(SECRETS);
  const failing: SecretSources = {
    ...sources(),
    run: () => Promise.resolve({ kind: "failed", why: "it broke", hint: "Mend it" }),
  };
  const filled = await collectAnswers(fakeLibc(), failing).fill([overlay]);
  assertEquals(filled.kind === "failed" && filled.diagnostic, {
    code: "overlay-secret",
    severity: "error",
    message: "The content of /etc/key is missing: it broke",
    hint: "Mend it",
  });
  const full = fakeLibc();
  const refused = { ...full, secretMemory: () => ({ ok: false, errno: 12, function: "mlock" }) as const };
  const unlocked = await collectAnswers(refused, sources()).fill([overlay]);
  assertMatch(unlocked.kind === "failed" ? unlocked.diagnostic.message : "", /mlock failed with ENOMEM/);
});

Deno.test("a secret file is read at load, into locked memory; what is not here any more, or nowhere here, is missing", async () => {
  await withFiles({ key: "0123456789" }, async (root) => {
    const overlay = await made([from(join(root, "key"), { secret: true })]);
    assertEquals(new TextDecoder().decode(overlay.form).includes("0123456789"), false);
    const fill = async (bodies = overlay.bodies) => {
      const libc = fakeLibc();
      using filled = await collectAnswers(libc, sources()).fill([{ ...overlay, bodies }]);
      return filled.kind === "failed" ? filled.diagnostic.message.replace(root, "") : [
        filled.overlays.map(({ bytes }) => entriesOf(bytes)),
        libc.calls.filter(([name]) => name === "secret_memory"),
      ];
    };
    const held = ["usr/lib/x 100644 10"];
    assertEquals(await fill(), [[held], [["secret_memory", 10], ["secret_memory", overlay.form.length]]]);
    assertEquals(
      await fill(overlay.bodies.map(() => ({ kind: "none" }))),
      "The content of /lib/x is missing: only its size is known here",
    );
    Deno.writeTextFileSync(join(root, "key"), "0123");
    assertEquals(await fill(), "The content of /lib/x is missing: /key changed while it was read");
  });
});

Deno.test("what a program prints that is no secret is recorded by a digest of the archive, up to its end", async () => {
  const overlay = await made([{ path: "/etc/now", secret: false, content: { kind: "command", argv: ["date"] } }]);
  const libc = fakeLibc();
  using answers = collectAnswers(libc, sources());
  const filled = await answers.fill([overlay]);
  assert(filled.kind === "filled");
  const [{ bytes, end, secret } = { bytes: new Uint8Array(), end: undefined, secret: true }] = filled.overlays;
  const [recorded] = await recordedOverlays(
    [overlay, { ...overlay, path: "files:2", isOpen: false }],
    filled.overlays,
    bytes,
  );
  assertEquals([secret, recorded?.sha256], [false, sha256Of(bytes.subarray(0, end))]);
  assert(end !== undefined && end < bytes.length);
});

Deno.test("memory that cannot be locked for the archive itself is told, and what was asked is wiped", async () => {
  const overlay = await made(SECRETS);
  const libc = fakeLibc();
  const given: Uint8Array[] = [];
  const secretMemory: typeof libc.secretMemory = (length) => {
    if (length === overlay.form.length) return { ok: false, errno: 12, function: "mlock" };
    const memory = libc.secretMemory(length);
    if (memory.ok) given.push(memory.bytes);
    return memory;
  };
  {
    using answers = collectAnswers({ ...libc, secretMemory }, sources());
    const filled = await answers.fill([overlay]);
    assertEquals(
      filled.kind === "failed" ? filled.diagnostic.message : "",
      "The archive files:1 is not made: no memory can be locked for it: mlock failed with ENOMEM",
    );
    assertEquals(given.map((bytes) => bytes.some((byte) => byte !== 0)), [true, true]);
  }
  assertEquals(given.map((bytes) => bytes.some((byte) => byte !== 0)), [false, false]);
});

Deno.test("a program is found by its name where the system has its own, and run by its path elsewhere", async () => {
  await withFiles({ "print": "#!/bin/sh\nprintf own\n" }, async (root) => {
    Deno.chmodSync(join(root, "print"), 0o755);
    const { run } = systemSecrets(fakeLibc());
    const into = new Uint8Array(16);
    assertEquals(await run([join(root, "print")], into), { kind: "secret", size: 3 });
    assertEquals(await run(["printf", "12"], into), { kind: "secret", size: 2 });
    const none = await run(["no-such-program"], into);
    assertMatch(none.kind === "failed" ? none.why : "", /^`no-such-program` cannot be started/);
  });
});

/** Programs, what is said of them, and how long each is waited for where that is not the standard: a busy machine is slow. */
const PROGRAMS: readonly (readonly [argv: readonly string[], says: RegExp, patience?: number])[] = [
  [["sh", "-c", "echo hidden; echo wrong >&2; exit 3"], /ended with status 3: wrong$/],
  [["sh", "-c", "kill -9 $$"], /was stopped by SIGKILL$/],
  [["true"], /printed nothing$/],
  [["sh", "-c", "head -c 200 /dev/zero; sleep 20"], /printed more than 64 bytes$/],
  [["sleep", "20"], /did not end within 1 s$/, 1000],
  [["sh", "-c", "sleep 20 & exit 0"], /did not end within 1 s$/, 1000],
];

Deno.test("a program that fails, hangs or says too much is reported without what it prints", async () => {
  const into = new Uint8Array(64);
  assertEquals(await runSecretly(["printf", "se\\ncret\\n"], into), { kind: "secret", size: 8 });
  assertEquals(new TextDecoder().decode(into.subarray(0, 8)), "se\ncret\n");
  for (const [argv, says, patience] of PROGRAMS) {
    const result = await runSecretly(argv, into, patience === undefined ? {} : { patience });
    assertMatch(result.kind === "failed" ? result.why : result.kind, says);
    assertEquals(JSON.stringify(result).includes("hidden\n"), false);
  }
  assertEquals((await runSecretly(["/nowhere/program"], into)).kind, "missing");
});

Deno.test("a plan names the files that are copied by absolute paths, so that it can be loaded from anywhere", () => {
  const profile = profileOf({ initrd: [{ path: "/boot/initrd.img" }, { files: [from("setup")] }] });
  const [, item] = absoluteSegments(profile).initrd;
  const content = item !== undefined && "files" in item ? item.files[0]?.content : undefined;
  assertEquals(content, { kind: "from", path: join(Deno.cwd(), "setup") });
});
