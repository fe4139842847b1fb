import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { collectAnswers } from "../../src/app/fill_overlays.ts";
import { makeOverlay } from "../../src/app/overlay.ts";
import { type KeyTrial, refusedKey, tryKey } from "../../src/app/try_key.ts";
import { addToTree, type InitrdTree } from "../../src/image/initrd_tree.ts";
import type { PlannedUnlock } from "../../src/plan/unlock/planned.ts";
import type { OverlayFile } from "../../src/profile/overlay_file.ts";
import { fakeLibc } from "../support/fake_libc.ts";

const ROOT: PlannedUnlock = {
  volume: "root",
  key: { kind: "from", path: "/etc/keys/root.key" },
  opened: { name: "root", device: "/dev/disk/by-uuid/x", file: "/etc/cryptsetup-keys.d/root.key" },
};

/** A program in place of cryptsetup, which keeps its arguments; its standard input is `key`. */
async function trial(
  script: string,
  key: string | Uint8Array,
  unlock: PlannedUnlock = ROOT,
): Promise<{ readonly trial: KeyTrial; readonly runs: readonly string[]; readonly bytes: Uint8Array }> {
  const folder = await Deno.makeTempDir();
  try {
    const [program, log] = [join(folder, "cryptsetup"), join(folder, "log")];
    await Deno.writeTextFile(program, `#!/bin/sh\necho "$*" >> ${log}\n${script}\n`, { mode: 0o755 });
    const bytes = typeof key === "string" ? new TextEncoder().encode(key) : key;
    const result = await tryKey(unlock, bytes, { program });
    return { trial: result, runs: (await Deno.readTextFile(log)).trimEnd().split("\n"), bytes };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Ends as cryptsetup does where the only key is this text. */
const opens = (text: string): string =>
  `test "$(cat; printf .)" = '${text}.' || { echo "No key available" >&2; exit 2; }`;

Deno.test("a key goes through standard input, byte by byte, and is in no argument", async () => {
  const { trial: found, runs, bytes } = await trial(opens("open sesame"), "open sesame");
  assertEquals(found, { kind: "fits" });
  assertEquals(runs, ["open --test-passphrase --type luks --batch-mode --key-file - -- /dev/disk/by-uuid/x"]);
  // They are the caller's, to be placed afterwards.
  assertEquals(new TextDecoder().decode(bytes), "open sesame");
});

Deno.test("the header and the key slot that the initrd uses", async () => {
  const opened = { ...ROOT.opened, name: "root", device: "/dev/vda", file: "/k", header: "/boot/h", keySlot: 0 };
  const { runs } = await trial("exit 0", "x", { ...ROOT, opened });
  assertStringIncludes(runs[0] ?? "", "--key-file - --header /boot/h --key-slot 0 -- /dev/vda");
  const { trial: found } = await trial("exit 2", "x", { ...ROOT, opened });
  assertEquals(found.kind === "refused" ? found.message : "", "The key does not open key slot 0 of the volume `root`");
});

Deno.test("a wrong key is refused, and nothing of it is repeated", async () => {
  const { trial: found, runs } = await trial(opens("open sesame"), "hush");
  if (found.kind !== "refused") throw new Error("It fits");
  assertEquals([found.message, runs.length], ["The key does not open the volume `root`", 1]);
  assertEquals(JSON.stringify(found).includes("hush"), false);
  const asked = await trial("exit 2", "hush\n", { ...ROOT, key: { kind: "ask", prompt: "Root:" } });
  assertEquals(
    asked.trial.kind === "refused" ? asked.trial.message : "",
    "The passphrase does not open the volume `root`",
  );
  assertEquals(asked.runs.length, 1);
});

Deno.test("an end of line that an editor added is what is wrong, where the key opens the volume without it", async () => {
  const { trial: found, runs } = await trial(opens("open sesame"), "open sesame\n");
  if (found.kind !== "refused") throw new Error("It fits");
  assertEquals(runs.length, 2);
  assertStringIncludes(found.message, "without the end of line at its end it does");
  assertStringIncludes(found.hint, "/etc/keys/root.key");
  const program = await trial(opens("a"), "a\n", { ...ROOT, key: { kind: "command", argv: ["vault", "read"] } });
  assertStringIncludes(program.trial.kind === "refused" ? program.trial.hint : "", "print no end of line");
  // As a part of the key it is what opens the volume.
  assertEquals((await trial('[ "$(wc -c)" -eq 2 ] || exit 2', "a\n")).trial, { kind: "fits" });
  const other = await trial(opens("open sesame"), "hush\n");
  assertEquals(other.trial.kind === "refused" ? other.trial.message : "", "The key does not open the volume `root`");
});

Deno.test("a device that is not there, a volume that is not LUKS: in cryptsetup's words", async () => {
  const { trial: found } = await trial("echo 'Device /dev/x does not exist or access denied.' >&2; exit 4", "x");
  assertEquals(
    found.kind === "refused" ? found.message : "",
    "The key of the volume `root` cannot be tried on /dev/disk/by-uuid/x: Device /dev/x does not exist or access denied.",
  );
});

Deno.test("what cannot be tried is said in English by its last line, with the header that was looked at", async () => {
  const message = async (script: string, header?: string) => {
    const opened = { name: "root", device: "/dev/vda", file: "/k", ...(header === undefined ? {} : { header }) };
    const { trial: found } = await trial(script, "x", { ...ROOT, opened });
    return found.kind === "refused" ? found.message.split("cannot be tried ")[1] : found.kind;
  };
  assertEquals(await message('echo "$LC_ALL" >&2; exit 4'), "on /dev/vda: C");
  assertEquals(await message("echo WARNING >&2; echo 'No device' >&2; exit 4"), "on /dev/vda: No device");
  assertEquals(await message("exit 3", "/boot/h"), "on /boot/h: cryptsetup ended with 3");
});

Deno.test("the copy of a key that goes to the program is wiped, whether that reads it or not", async () => {
  for (const script of ["cat > /dev/null", "exit 4"]) {
    const bytes = new TextEncoder().encode("open sesame");
    const copies: Uint8Array[] = [];
    bytes.slice = (...args) => {
      const copy = Uint8Array.prototype.slice.apply(bytes, args);
      copies.push(copy);
      return copy;
    };
    await trial(script, bytes);
    assertEquals(copies.map((copy) => copy.every((byte) => byte === 0)), [true]);
  }
});

Deno.test("a key that has no place, of a volume that is opened or not, is refused: nothing is tried", async () => {
  const { opened: _, ...closed } = ROOT;
  for (const entry of [ROOT, closed]) {
    const found = await refusedKey([entry], [], [], { program: "/nowhere/cryptsetup" });
    assertEquals(found?.message, "The key of the volume `root` has no place in the initrd");
  }
  const found = await tryKey(closed, Uint8Array.of(1), { program: "/nowhere/cryptsetup" });
  assertStringIncludes(found.kind === "refused" ? found.message : "", "is not opened by the next initrd");
});

Deno.test("without cryptsetup the key is refused: nobody can say whether it fits", async () => {
  const found = await tryKey(ROOT, Uint8Array.of(1), { program: "/nowhere/cryptsetup" });
  assertStringIncludes(found.kind === "refused" ? found.message : "", "cryptsetup does not start");
  assertStringIncludes(found.kind === "refused" ? found.hint : "", "Install cryptsetup");
});

Deno.test("a program that ends before it has read the key says why, whatever the size of the key", async () => {
  const { trial: found } = await trial("echo 'No device' >&2; exit 4", new Uint8Array(4 << 20).fill(7));
  assertStringIncludes(found.kind === "refused" ? found.message : "", "No device");
});

/** What becomes of keys that are put into an initrd of these names, and opened by a program that knows the key of each device. */
async function placedAndTried(
  names: string,
  keys: { readonly [path: string]: string },
  known: { readonly [path: string]: string } = keys,
): Promise<string | undefined> {
  const folder = await Deno.makeTempDir();
  try {
    const program = join(folder, "cryptsetup");
    const cases = Object.entries(known).map(([path, key]) => `*" /dev${path}") test "$key" = '${key}.' || exit 2;;`);
    const script = `#!/bin/sh\nkey=$(cat; printf .)\ncase "$*" in\n${cases.join("\n")}\n*) exit 4;;\nesac\n`;
    await Deno.writeTextFile(program, script, { mode: 0o755 });
    const tree: InitrdTree = new Map();
    addToTree(tree, names);
    const secret = (text: string) => ({ mode: 0o400, secret: true, content: { kind: "text", text } }) as const;
    const all: readonly OverlayFile[] = Object.entries(keys).map(([path, key]) => ({ path, ...secret(key) }));
    // An archive of the profile's own comes before that of the keys.
    const own = [{ path: "/of/profile", ...secret("another") }];
    const made = [];
    for (const [path, origin, files] of [["files:1", "profile", own], ["files:2", "unlock", all]] as const) {
      const { made: one, diagnostics } = await makeOverlay(path, [{ origin, files, at: () => [origin] }], tree, {
        programs: [],
      });
      if (one === undefined) throw new Error(JSON.stringify(diagnostics));
      made.push(one);
    }
    using answers = collectAnswers(fakeLibc());
    using filled = await answers.fill(made);
    if (filled.kind !== "filled") throw new Error(filled.diagnostic.message);
    const unlock = Object.keys(keys).map((path): PlannedUnlock => ({
      volume: path.slice(1),
      key: { kind: "from", path: "/etc/keys/k" },
      opened: { name: "x", device: `/dev${path}`, file: path },
    }));
    return (await refusedKey(unlock, made, filled.overlays, { program }))?.message;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a key is tried as it lies in the archive: in a folder that is there, that is made, after a link, of any name", async () => {
  const key = { "/cryptroot/keyfiles/root.key": "open sesame" };
  assertEquals(await placedAndTried("cryptroot/\ncryptroot/keyfiles/", key), undefined);
  assertEquals(await placedAndTried("cryptroot/", key), undefined);
  assertEquals(await placedAndTried("", key), undefined);
  assertEquals(await placedAndTried("usr/\nusr/lib/\nlib\tusr/lib", { "/lib/keys/root.key": "hush" }), undefined);
  assertEquals(await placedAndTried("", { "/schlüssel/root.key": "hush" }), undefined);
  assertEquals(await placedAndTried("", { "/keys/a": "one", "/keys/b": "two" }), undefined);
});

Deno.test("of several keys the one that does not fit is named", async () => {
  const keys = { "/keys/a": "one", "/keys/b": "two" };
  assertEquals(
    await placedAndTried("", keys, { ...keys, "/keys/b": "one" }),
    "The key does not open the volume `keys/b`",
  );
});
