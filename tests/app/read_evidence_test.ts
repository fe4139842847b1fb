import { assertEquals } from "@std/assert";
import { readEvidence } from "../../src/app/read_evidence.ts";
import { evidenceOf, READ_BYTES } from "../../src/state/evidence.ts";
import { hostFacts } from "../support/host_facts.ts";

const JUMP = "2026-11-28T17:00:00Z";
const AFTER = new Date("2026-11-28T17:01:00Z");

const NOTHING = hostFacts();
const RESET = hostFacts({
  watchdog: {
    devices: [
      { name: "watchdog0", identity: "i6300ESB timer", bootStatus: 0x20 },
      { name: "watchdog1", bootStatus: 0 },
      { name: "watchdog2", bootStatus: 0x01 },
    ],
    coreIsModule: true,
    ipmi: false,
  },
});

function folder(): Disposable & { readonly path: string; write(name: string, text: string, at?: Date): string } {
  const path = Deno.makeTempDirSync({ prefix: "warmboot-pstore-" });
  return {
    path,
    write(name, text, at = AFTER) {
      const file = `${path}/${name}`;
      Deno.mkdirSync(file.slice(0, file.lastIndexOf("/")), { recursive: true });
      Deno.writeTextFileSync(file, text);
      Deno.utimeSync(file, at, at);
      return file;
    },
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}

Deno.test("what the watchdogs and pstore say is found; without either there is nothing", () => {
  using pstore = folder();
  assertEquals(readEvidence(NOTHING, JUMP, [pstore.path, `${pstore.path}/missing`]), undefined);
  const dmesg = pstore.write("dmesg-ramoops-0", "Panic#1 Part1\n<0>Kernel panic\u001b[31m\n");
  assertEquals(readEvidence(RESET, JUMP, [pstore.path]), {
    watchdogs: [
      { name: "watchdog0", identity: "i6300ESB timer", bootStatus: 0x20, reset: true },
      { name: "watchdog2", bootStatus: 1, reset: false },
    ],
    pstore: [{ path: dmesg, text: "Panic#1 Part1\n<0>Kernel panic [31m\n", size: 35 }],
  });
});

Deno.test("files of an earlier failure are not this one's; those without a time may be", () => {
  using pstore = folder();
  pstore.write("dmesg-efi-1", "old", new Date("2026-11-28T16:59:59Z"));
  pstore.write("console-ramoops-0", "no time", new Date(0));
  pstore.write("dmesg-efi-2", "new", new Date(JUMP));
  const found = readEvidence(NOTHING, JUMP, [pstore.path])?.pstore.map(({ text }) => text);
  assertEquals(found, ["new", "no time"]);
});

Deno.test("what systemd-pstore has put together comes first; its folders are gone through, links are not", () => {
  using pstore = folder();
  pstore.write("archive/1764349260/000/dmesg-efi-1", "part", new Date("2026-11-28T17:02:00Z"));
  pstore.write("1764349260/dmesg.txt", "whole");
  pstore.write("a/b/c/d", "too deep");
  Deno.symlinkSync("/etc/hostname", `${pstore.path}/link`);
  assertEquals(readEvidence(NOTHING, JUMP, [pstore.path])?.pstore.map(({ text }) => text), ["whole"]);
  const two = readEvidence(NOTHING, JUMP, [`${pstore.path}/archive`, pstore.path])?.pstore.map(({ text }) => text);
  assertEquals(two, ["whole", "part"]);
});

Deno.test("of long files the end is kept, and of all together as much as an attempt may hold", () => {
  using pstore = folder();
  for (const [index, size] of [READ_BYTES + 1, READ_BYTES - 10, 100].entries()) {
    pstore.write(`dmesg-efi-${index}`, `${"x".repeat(size - 1)}$`, new Date(AFTER.getTime() - index * 1000));
  }
  const kept = readEvidence(NOTHING, JUMP, [pstore.path])?.pstore ?? [];
  assertEquals(kept.map(({ text, size }) => [text.length, size]), [
    [READ_BYTES, READ_BYTES + 1],
    [READ_BYTES - 10, READ_BYTES - 10],
    [10, 100],
  ]);
  assertEquals(kept.map(({ text }) => text.endsWith("$")), [true, true, true]);
});

Deno.test({
  name: "at most 16 files are kept",
  permissions: "none",
  fn() {
    const files = Array.from({ length: 20 }, (_, index) => ({ path: `/${index}`, end: new Uint8Array(1), size: 1 }));
    assertEquals(evidenceOf({}, files)?.pstore.length, 16);
  },
});

Deno.test({
  name: "what a watchdog says is enough, and of a file its end is kept, as text without control characters",
  permissions: "none",
  fn() {
    assertEquals(evidenceOf(RESET, [])?.watchdogs.map(({ name }) => name), ["watchdog0", "watchdog2"]);
    assertEquals(evidenceOf(NOTHING, []), undefined);
    const controls = Uint8Array.from([0, 7, 8, 9, 10, 11, 13, 0x1b, 0x1f, 0x20, 0x7e, 0x7f]);
    const [file] = evidenceOf(NOTHING, [{ path: "/x", end: controls, size: 12 }])?.pstore ?? [];
    assertEquals(file?.text, "   \t\n     ~ ");
    const long = new Uint8Array(READ_BYTES + 100).fill(0x61);
    long[long.length - 1] = 0x62;
    const [first, second, third] = evidenceOf(NOTHING, [long, long, long].map((end) => ({ path: "/x", end, size: 1 })))
      ?.pstore ?? [];
    assertEquals([first?.text.length, second?.text.length, third?.text.length], [READ_BYTES, READ_BYTES, 0]);
    assertEquals(first?.text.endsWith("ab"), true);
  },
});
