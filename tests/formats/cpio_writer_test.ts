import { assertEquals } from "@std/assert";
import { cpioArchive, layOutCpio } from "../../src/formats/cpio_writer.ts";
import { type CpioEntry, CpioReader } from "../../src/formats/cpio.ts";

const ENTRIES = [
  { kind: "folder", name: "etc", mode: 0o755 },
  { kind: "file", name: "etc/Grüße", mode: 0o4640, size: 5 },
  { kind: "file", name: "etc/empty", mode: 0o600, size: 0 },
  { kind: "link", name: "lib", target: "usr/lib" },
  { kind: "link", name: "grüße", target: "etc/Grüße" },
] as const;

const BODY = new TextEncoder().encode("hello");

Deno.test({
  name: "an archive has the types, permissions, sizes and targets that were asked for, and ends at a multiple of 4",
  permissions: "none",
  fn() {
    const archive = cpioArchive(ENTRIES, () => BODY);
    const read: CpioEntry[] = [];
    const reader = new CpioReader((entry) => read.push(entry));
    assertEquals(reader.push(archive), { kind: "more" });
    const name = (text: string) => String.fromCharCode(...new TextEncoder().encode(text));
    assertEquals(read, [
      { name: "etc", mode: 0o040755, size: 0 },
      { name: name("etc/Grüße"), mode: 0o104640, size: 5 },
      { name: "etc/empty", mode: 0o100600, size: 0 },
      { name: "lib", mode: 0o120777, size: 7, target: "usr/lib" },
      { name: name("grüße"), mode: 0o120777, size: 11, target: name("etc/Grüße") },
    ]);
    assertEquals(reader.archives, { withTrailer: 1, without: 0 });
    assertEquals([archive.length % 4, reader.isBetween], [0, true]);
    const { bodies, size } = layOutCpio(ENTRIES);
    assertEquals(size, archive.length);
    assertEquals(archive.subarray(bodies[1], (bodies[1] ?? 0) + 5), BODY);
  },
});

Deno.test({
  name: "owner, group and times are 0, and no two entries have one inode number",
  permissions: "none",
  fn() {
    const text = new TextDecoder().decode(cpioArchive(ENTRIES, () => BODY));
    const headers = [...text.matchAll(/070701([0-9a-f]{104})/g)].map(([, fields = ""]) => fields.match(/.{8}/g) ?? []);
    assertEquals(
      headers.map(([, , uid, gid, , time]) => [uid, gid, time]),
      headers.map(() => Array(3).fill("00000000")),
    );
    assertEquals(new Set(headers.map(([inode]) => inode)).size, headers.length);
    // A folder is named by itself as well; the trailer comes last.
    assertEquals(headers.map(([, , , , links]) => Number(links)), [2, 1, 1, 1, 1, 1]);
    assertEquals(cpioArchive(ENTRIES, () => BODY), cpioArchive(ENTRIES, () => BODY));
  },
});
