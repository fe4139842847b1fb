import { assertEquals } from "@std/assert";
import { firstLines, keepBios, keepPageSize, keepStores, type KeptPart, lines } from "../../src/host/capture_filter.ts";
import { SOURCES } from "../../src/host/sources.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name: `kept of a source: ${name}`, permissions: "none", fn });
}

/** What is kept of a text, whose characters are bytes; twice, since it may have been captured before. */
function kept(part: KeptPart | undefined, text: string): string {
  const once = part?.(Uint8Array.from(text, (character) => character.charCodeAt(0))) ?? new Uint8Array();
  assertEquals(part?.(once), once);
  return String.fromCharCode(...once);
}

/** The words of an auxiliary vector. */
const vector = (...words: readonly bigint[]) =>
  String.fromCharCode(...new Uint8Array(BigUint64Array.from(words).buffer));

pure("the lines that match, whatever bytes they have, each with its end", () => {
  assertEquals(kept(lines(/^a/), "a\xff1\nb\na2"), "a\xff1\na2\n");
  assertEquals(kept(lines(/^a/), "b\n"), "");
  assertEquals(kept(firstLines(/^b/, /^a/, /^x/), "a1\nb1\na2\nb2\n"), "b1\na1\n");
});

pure("of the auxiliary vector the page size, and none of its addresses", () => {
  assertEquals(kept(keepPageSize, vector(33n, 0x7fff_0000n, 6n, 4096n, 25n, 0x7fff_1234n, 0n, 0n)), vector(6n, 4096n));
  assertEquals(kept(keepPageSize, vector(33n, 6n, 0n, 0n)), "");
  assertEquals(kept(keepPageSize, vector(33n, 0x7fff_0000n, 6n)), "", "cut off");
});

pure("of the BIOS its vectors, and its data up to the size of memory", () => {
  const bytes = String.fromCharCode(...Array.from({ length: 4096 }, (_, at) => at & 0xff));
  assertEquals(kept(keepBios, bytes), bytes.slice(0, 0x415));
});

pure("of systemd's services those that store descriptors, behind what the manager says", () => {
  const stanza = (id: string, count: string) => `Id=${id}\nNFileDescriptorStore=${count}\n`;
  assertEquals(
    kept(
      keepStores,
      `Version=261\n\n${stanza("a", "0")}\n\n${stanza("b", "10")}\n${stanza("c", "00")}\n${stanza("d", "02")}`,
    ),
    `Version=261\n\n${stanza("b", "10")}\n${stanza("d", "02")}`,
  );
  assertEquals(kept(keepStores, "Version=261\n"), "Version=261\n");
});

pure("of a source with private lines the others", () => {
  const of = (name: keyof typeof SOURCES, text: string) => kept(SOURCES[name].keep, text);
  assertEquals(
    of("imaPolicy", "# secret\n dont_appraise fsmagic=1\nmeasure\nappraised\naudit\n"),
    " dont_appraise fsmagic=1\nmeasure\n",
  );
  assertEquals(
    of("resolver", "# x\n nameserver 1.1.1.1\nsearch lan\nsortlist 1\ndomain a\n"),
    " nameserver 1.1.1.1\nsearch lan\ndomain a\n",
  );
  assertEquals(of("status", "Name:\tx\nNSpid:\t1\nCapInh:\t0\nCapEff:\t1\n"), "NSpid:\t1\nCapEff:\t1\n");
  assertEquals(
    of("meminfo", "MemTotal: 1 kB\nMemFree: 2 kB\nMemAvailable: 3 kB\n"),
    "MemTotal: 1 kB\nMemAvailable: 3 kB\n",
  );
  assertEquals(
    of("openDevices", "3 /dev/watchdog\n4 /dev/watchdog12\n5 /dev/watchdogs\n6 anon_inode:[luo_session] a\n7 /etc/x\n"),
    "3 /dev/watchdog\n4 /dev/watchdog12\n6 anon_inode:[luo_session] a\n",
  );
  assertEquals(of("watchdogKeeper", "[Unit]\nDescription=Watch\nExecStart=/x\n"), "Description=Watch\n");
  assertEquals(
    of("ipv4Tables", "Id 100:\n  Id 5:\nMain:\n  +-- 0.0.0.0/0 3 0 5\nLocal:\n"),
    "Id 100:\nMain:\nLocal:\n",
  );
  const config = [
    "CONFIG_KEXEC=y",
    "# CONFIG_KEXEC_FILE is not set",
    "CONFIG_ARCH_SUPPORTS_CRASH_DUMP=y",
    "CONFIG_IMA_APPRAISE=y",
    "CONFIG_PSTORE_RAM=m",
    "CONFIG_OF_EARLY_FLATTREE=y",
    "CONFIG_RANDOMIZE_BASE=y",
    "CONFIG_SECURITY_LOCKDOWN_LSM=y",
  ];
  const others = [
    "CONFIG_PSTORE=y",
    "CONFIG_OFFICE=y",
    "# CONFIG_NET is not set",
    "CONFIG_IMAGE=y",
    "#",
    "CONFIG_KEXECS=y",
  ];
  assertEquals(of("kernelConfig", [...config, ...others].join("\n")), config.map((line) => `${line}\n`).join(""));
});
