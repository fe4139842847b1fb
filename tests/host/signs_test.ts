/** What single files and bits of a host say, and what of another program they are told apart from. */
import { assertEquals } from "@std/assert";
import type { Diagnostic } from "../../src/core/diagnostic.ts";
import { hasSysBoot, hasSysPtrace } from "../../src/host/capabilities.ts";
import { type CapturedFile, redactCapture } from "../../src/host/capture.ts";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import { MEMORY_LABEL, SIGNATURE_MARKER } from "../../src/host/ima_label.ts";
import { programHeadersEnd } from "../../src/host/kcore.ts";
import { firstProblems, moreProblems } from "../../src/host/many_problems.ts";
import { sourcePath } from "../../src/host/volumes.ts";
import { kcore } from "../support/kcore.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const LEAST = { "/proc/sys/kernel/arch": "x86_64\n", "/proc/sys/kernel/osrelease": "6.1.0\n" };

function decoded(files: { readonly [path: string]: CapturedFile }) {
  return decodeFacts({ format: "warmboot.facts/1", files: { ...LEAST, ...files } });
}

const facts = (files: { readonly [path: string]: CapturedFile }) => decoded(files).value;

pure("a capability is one bit of the reader's", () => {
  const of = (capEff: bigint) => [hasSysBoot({ capEff }), hasSysPtrace({ capEff })];
  assertEquals(of(1n << 22n), [true, false]);
  assertEquals(of(1n << 19n), [false, true]);
  assertEquals(of(0x1ff_ffff_ffffn & ~(1n << 22n)), [false, true]);
  assertEquals([hasSysBoot({}), hasSysPtrace({})], [undefined, undefined]);
});

pure("each name that the firmware gives the machine has a file of its own", () => {
  const dmi = "/sys/class/dmi/id";
  const files = [["sys_vendor", "a"], ["product_name", "b"], ["board_name", "c"], ["chassis_asset_tag", "d"]] as const;
  const named = Object.fromEntries(files.map(([file, text]) => [`${dmi}/${file}`, `${text}\n`]));
  assertEquals(facts(named)?.dmi, { vendor: "a", product: "b", board: "c", assetTag: "d" });
  assertEquals(facts({ "/proc/xen/capabilities": "control_domain x\n" })?.xen, { isControl: false });
});

pure("OpenRC and the program of PID 1 show by what they leave", () => {
  const openrc = facts({ "/run/openrc": "", "/proc/1/exe": "/usr/bin/openrc-init\n" });
  assertEquals([openrc?.openrc, openrc?.initProgram], [true, "/usr/bin/openrc-init"]);
  assertEquals([facts({})?.openrc, facts({})?.initProgram, facts({})?.systemd], [undefined, undefined, false]);
});

pure("a kexec shows by the upper bits of the loader's number, whatever its version, or by the device tree", () => {
  const booted = (text: string) => facts({ "/proc/sys/kernel/bootloader_type": text })?.kexecBooted;
  assertEquals(["208\n", "209\n", "223\n", "114\n", "13\n", "224\n"].map(booted), [
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
  assertEquals(facts({})?.kexecBooted, undefined);
});

pure("features are those of arm64, and a CPU without either has none", () => {
  const flags = (text: string) => facts({ "/proc/cpuinfo": text })?.cpuFlags;
  assertEquals(flags("Features\t: fp asimd\n"), ["fp", "asimd"]);
  assertEquals([flags("cpu\t: POWER9\n"), facts({})?.cpuFlags], [[], []]);
  const online = (text: string) => facts({ "/sys/devices/system/cpu/online": text })?.cpusOnline;
  assertEquals(["0\n", "0-7,9\n", "7-0\n", "0-\n", "\n"].map(online), [1, 9, undefined, undefined, undefined]);
});

pure("each node of setup_data has the bytes of its own number", () => {
  const node = (index: number, type: string, byte: number) => ({
    [`/sys/kernel/boot_params/setup_data/${index}/type`]: `${type}\n`,
    [`/sys/kernel/boot_params/setup_data/${index}/data`]: { base64: Uint8Array.of(byte).toBase64() },
  });
  const unread = { "/sys/kernel/boot_params/setup_data/3/type": "0x9\n" };
  assertEquals(facts({ ...node(0, "0x4", 1), ...node(2, "0x1", 2), ...unread })?.setupData, [
    { type: 4, data: Uint8Array.of(1) },
    { type: 1, data: Uint8Array.of(2) },
    { type: 9 },
  ]);
});

pure("a note for a crash dump is known whole, or not at all", () => {
  const note = (address: string, size: string) => ({
    "/sys/devices/system/cpu/cpu0/crash_notes": `${address}\n`,
    "/sys/devices/system/cpu/cpu0/crash_notes_size": `${size}\n`,
  });
  assertEquals(facts(note("3fc01000", "368"))?.crashNotes, [{ cpu: 0, address: 0x3fc0_1000n, size: 368n }]);
  assertEquals([facts(note("3fc01000", "much"))?.crashNotes, facts(note("here", "368"))?.crashNotes], [[], []]);
});

pure("the BIOS's data are known where all of what is read is there", () => {
  const bytes = (length: number) => ({ "/dev/mem": { base64: new Uint8Array(length).fill(1).toBase64() } });
  assertEquals(facts(bytes(0x415))?.bios?.baseMemory, 0x101n << 10n);
  assertEquals([facts(bytes(0x414))?.bios, facts(bytes(0x413))?.bios], [undefined, undefined]);
});

pure("what the reader may not read is one warning for each errno, and nothing of what few need", () => {
  const denied = { error: "EPERM" };
  const { diagnostics } = decoded({
    "/proc/iomem": denied,
    "/proc/kcore": denied,
    "/sys/firmware/memmap/0/start": denied,
    "/sys/firmware/memmap/1/start": denied,
    "/sys/kernel/vmcoreinfo": { error: "EIO" },
  });
  const unreadable = diagnostics.filter(({ code }) => code === "facts-unreadable");
  assertEquals(unreadable.map(({ message }) => message), [
    "Cannot read /proc/iomem, /sys/firmware/memmap/*/{start,end,type}: EPERM",
    "Cannot read /sys/kernel/vmcoreinfo: EIO",
  ]);
  assertEquals(unreadable.map(({ hint }) => hint?.split(" ", 2).join(" ")), ["Run warmboot", "Take the"]);
});

pure("of many problems the first 20 are told, and that there are more; errors among those are an error", () => {
  const problem = (severity: Diagnostic["severity"]): Diagnostic => ({ code: "x", severity, message: "m" }) as never;
  const told = (count: number, last: Diagnostic["severity"] = "warning") => {
    const all = [...Array.from({ length: count - 1 }, () => problem("warning")), problem(last)];
    const found = firstProblems(all, "the capture");
    return [found.length, found.at(-1)?.severity, found.at(-1)?.message];
  };
  assertEquals(told(20), [20, "warning", "m"]);
  assertEquals(told(21), [21, "warning", "There is 1 more problem in the capture"]);
  assertEquals(told(30, "error"), [21, "error", "There are 10 more problems in the capture"]);
  assertEquals(moreProblems(2, false, "the plan").severity, "warning");
});

pure(
  "a redacted capture has the files for an initrd without their content, when it was taken, and its boot files edited",
  () => {
    const file = { kind: "file", mode: 0o600, size: 3, base64: "YWJj" } as const;
    const link = { kind: "link", target: "a" } as const;
    const capturedAt = "2026-11-29T05:00:00Z";
    const capture = {
      format: "warmboot.facts/1",
      capturedAt,
      files: { "/boot/loader/entries/a.conf": "options ro rootpw=x\n", "/etc/shadow": "root:x\n" },
      overlays: { "/etc/a": file, "/etc/b": link },
    } as const;
    assertEquals(redactCapture(capture), {
      format: "warmboot.facts/1",
      redacted: true,
      capturedAt,
      files: { "/boot/loader/entries/a.conf": "options ro rootpw=<redacted>\n" },
      overlays: { "/etc/a": { kind: "file", mode: 0o600, size: 3 }, "/etc/b": link },
    });
    assertEquals(redactCapture(redactCapture(capture)), redactCapture(capture));
  },
);

pure("numbers and marks of others are as they have them", () => {
  // TMPFS_MAGIC, and MODULE_SIGNATURE_MARKER with its line's end.
  assertEquals([MEMORY_LABEL.fsMagic, SIGNATURE_MARKER.length], [0x0102_1994, 28]);
  assertEquals([sourcePath("LABEL=root"), sourcePath("PARTLABEL=root")], [
    "/dev/disk/by-label/root",
    "/dev/disk/by-partlabel/root",
  ]);
  const start = kcore([1n, 2n, 3n]);
  const changed = (at: number, byte: number) => programHeadersEnd(start.with(at, byte));
  // The class, the byte order, the size of a program header.
  assertEquals([programHeadersEnd(start), changed(4, 1), changed(5, 2), changed(54, 32)], [start.length, 0, 0, 0]);
});
