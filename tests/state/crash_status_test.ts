import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { changesSince, reservationStatus } from "../../src/state/crash_status.ts";
import { decodeRecord, describedBy, type LoadRecord } from "../../src/state/record.ts";
import { statusOf } from "../../src/state/status.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { crashHost } from "../support/crash_host.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, profileOf } from "../support/profiles.ts";

const FACTS = crashHost();
const FILE_LOAD = { syscall: "kexec_file_load" } as const;
const PLAN = planBoot({ profile: profileOf({ crash: true }), facts: FACTS, images: images() }).value;

function recordOf(changes: Partial<LoadRecord> = {}): LoadRecord {
  if (PLAN === undefined) throw new Error("Cannot plan");
  return {
    format: "warmboot.record/1",
    loadedAt: "2026-11-22T10:00:00Z",
    user: "root",
    uid: 0,
    described: describedBy(FACTS, FILE_LOAD),
    plan: PLAN,
    ...changes,
  };
}

const SAME = new Map([["/boot/vmlinuz", "a".repeat(64)], ["/boot/initrd.img", "b".repeat(64)]]);

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

pure("an image whose files and host are as they were has no changes", () => {
  assertEquals(changesSince(recordOf(), FACTS, SAME), []);
});

pure("a kernel that was updated and an initrd that is gone are told", () => {
  const files = new Map([["/boot/vmlinuz", "c".repeat(64)]]);
  assertEquals(changesSince(recordOf(), FACTS, files), [
    "/boot/vmlinuz has changed since it was loaded",
    "/boot/initrd.img is gone or cannot be read",
  ]);
  assertEquals(changesSince(recordOf(), FACTS, undefined), []);
});

pure("memory and CPUs that came since are told, unless the kernel itself keeps the image in step", () => {
  const { iomem, kexec, crashNotes } = FACTS;
  const more = { name: "System RAM", start: 0x2_0000_0000n, end: 0x2_4000_0000n, children: [] };
  const grown = { iomem: { ...iomem, roots: [...iomem.roots, more] }, crashNotes: crashNotes.slice(1) };
  const [memory = "", cpus = "", ...rest] = changesSince(recordOf(), crashHost(grown), SAME);
  assertMatch(memory, /^Memory was added or removed/);
  assertMatch(cpus, /had 2 CPUs and now has 1/);
  assertEquals(rest, []);
  const kept = { ...kexec, memoryCrashHotplug: true, cpuCrashHotplug: true };
  assertEquals(changesSince(recordOf(), crashHost({ ...grown, kexec: kept }), SAME), []);
});

pure("a reader who sees no addresses is told of no change of memory", () => {
  const blind = hostFacts({ iomem: { visibility: "zeroed", roots: [] }, crashNotes: [] });
  assertEquals(changesSince(recordOf(), blind, SAME), []);
});

pure("only an image that is still loaded has changes", () => {
  const files = new Map<string, string>();
  const found = { kind: "record", record: recordOf() } as const;
  const crashOf = (crashLoaded: boolean) =>
    statusOf(crashHost({ kexec: { ...FACTS.kexec, crashLoaded } }), { kind: "none" }, found, files).images[1];
  assertEquals(crashOf(true)?.changes?.length, 2);
  assertEquals(crashOf(false)?.changes, undefined);
});

pure("the reservations are told with their use, the image's last", () => {
  const { state, size, ranges } = reservationStatus(FACTS);
  assertEquals([state, size], ["reserved", 768 << 20]);
  assertEquals(ranges, [
    { start: "0x30000000", size: 256 << 20, use: "low" },
    { start: "0x110000000", size: 512 << 20, use: "image" },
  ]);
});

pure("no reservation, and one whose place is hidden, are told apart from one that is not known", () => {
  const hidden = { visibility: "zeroed", roots: [] } as const;
  assertEquals(reservationStatus(hostFacts()).state, "none");
  assertEquals(reservationStatus(hostFacts({ kexec: {} })).state, "none");
  assertEquals(reservationStatus(hostFacts({ kexec: {}, iomem: hidden })).state, "unknown");
  const { state, size, ranges } = reservationStatus(hostFacts({ kexec: { crashSize: 1n << 28n }, iomem: hidden }));
  assertEquals([state, size, ranges], ["reserved", 1 << 28, []]);
});

pure("a reservation that the map contradicts is not shown as one, nor as none", () => {
  const line = { start: 0x1000n, end: 0x9000n, name: "Crash kernel", children: [] };
  const ram = { start: 0x1000n, end: 0x2000n, name: "System RAM", children: [line] };
  const iomem = { visibility: "full", roots: [ram] } as const;
  const { state, ranges, note } = reservationStatus(hostFacts({ kexec: {}, iomem }));
  assertEquals([state, ranges], ["unknown", []]);
  assertStringIncludes(note, "`Crash kernel` (0x1000-0x8fff) and `System RAM` (0x1000-0x1fff) contradict each other");
  const sized = reservationStatus(hostFacts({ kexec: { crashSize: 0x8000n }, iomem }));
  assertEquals([sized.state, sized.size, sized.ranges], ["reserved", 0x8000, []]);
  assertStringIncludes(sized.note, "contradict each other");
});

pure("each state of the reservation is said whole; what the kernel lends is the system's until a panic", () => {
  const hidden = { visibility: "zeroed", roots: [] } as const;
  const note = (facts: Parameters<typeof reservationStatus>[0]) => reservationStatus(facts).note;
  assertEquals(note(FACTS), "Reserved by crashkernel=");
  assertEquals(
    note(hostFacts({ kexec: { crashSize: 1n }, iomem: hidden })),
    "Reserved by crashkernel=; the kernel shows the addresses to root only",
  );
  assertEquals(
    note(crashHost({ kexec: { ...FACTS.kexec, crashSize: 256n << 20n } })),
    "Reserved by crashkernel=; the kernel reports 256 MiB, and the smaller counts",
  );
  assertEquals(
    note(hostFacts({ kexec: {}, iomem: hidden })),
    "Cannot determine whether memory is reserved for a crash kernel",
  );
  assertMatch(note(hostFacts()), /^No memory is reserved for a crash kernel\. Reserve `crashkernel=256M` for/);
  const crashCmaRanges = [{ start: 0x8000_0000n, end: 0x9000_0000n }];
  assertEquals(reservationStatus(crashHost({ kexec: { ...FACTS.kexec, crashCmaRanges } })).ranges, [
    { start: "0x30000000", size: 256 << 20, use: "low" },
    { start: "0x110000000", size: 512 << 20, use: "image" },
    { start: "0x80000000", size: 256 << 20, use: "borrowed" },
  ]);
});

pure("a change of one kind is not a change of the other, and each is kept in step by itself", () => {
  const { iomem, kexec, crashNotes } = FACTS;
  const more = { name: "System RAM", start: 0x2_0000_0000n, end: 0x2_4000_0000n, children: [] };
  const grown = { iomem: { ...iomem, roots: [...iomem.roots, more] } };
  const fewer = { crashNotes: crashNotes.slice(1) };
  const memory = "Memory was added or removed since, so a dump would not match it";
  const cpus = "The host had 2 CPUs and now has 1, so a dump would not have the registers of all";
  const changes = (facts: Parameters<typeof crashHost>[0]) => changesSince(recordOf(), crashHost(facts), SAME);
  assertEquals(changes(grown), [memory]);
  assertEquals(changes(fewer), [cpus]);
  assertEquals(changes({ ...grown, ...fewer, kexec: { ...kexec, memoryCrashHotplug: true } }), [cpus]);
  assertEquals(changes({ ...grown, ...fewer, kexec: { ...kexec, cpuCrashHotplug: true } }), [memory]);
});

pure("a record names the memory with its last byte, and the number of CPUs", () => {
  const iomem = {
    visibility: "full",
    roots: [{ start: 0x10_0000n, end: 0xc000_0000n, name: "System RAM", children: [] }],
  } as const;
  assertEquals(describedBy(hostFacts({ iomem, crashNotes: FACTS.crashNotes }), FILE_LOAD), {
    memory: ["0x100000-0xbfffffff"],
    cpus: 2,
  });
});

pure("a record keeps what its image describes, and an older one without that is read as well", () => {
  const reread = (record: unknown) => decodeRecord(JSON.parse(JSON.stringify(record)), [], () => {});
  assertEquals(reread(recordOf())?.described, describedBy(FACTS, FILE_LOAD));
  const { described: _, ...older } = recordOf();
  assertEquals(reread(older), older);
  const kernel = { packing: "zstd", unpacked: true, saves: 900 } as const;
  const overlays = [{ path: "files:1", keyed: "a".repeat(64) }, {
    path: "x",
    keyed: "b".repeat(64),
    sha256: "c".repeat(64),
  }];
  const whole = recordOf({ kernel, overlays });
  assertEquals(reread(whole), whole);
  for (const keyed of ["", "a".repeat(63), "a".repeat(65), "A".repeat(64)]) {
    assertEquals(reread({ ...whole, overlays: [{ path: "files:1", keyed }] }), undefined, keyed);
  }
});
