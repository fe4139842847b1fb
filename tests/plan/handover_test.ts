import { assertEquals } from "@std/assert";
import type { LoaderBuffer, LoaderBuffers } from "../../src/arch/file_loader.ts";
import { linuxMachine } from "../../src/arch/machines.ts";
import type { Range } from "../../src/core/range.ts";
import type { HostFacts, KexecHandover } from "../../src/host/facts.ts";
import type { Images } from "../../src/image/boot_files.ts";
import { earlyReservations, handoverFit } from "../../src/plan/handover_fit.ts";
import { placeInScratch } from "../../src/plan/placement/scratch.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { profileOfPlan, recheck } from "../../src/plan/stored.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { arm64File } from "../support/arm64.ts";
import { hostFacts } from "../support/host_facts.ts";
import { bzImage, images, initrdFile, kernelFile, PART_DIGESTS, profileOf } from "../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const MIB = 1n << 20n;
const area = (start: bigint, size: bigint): Range => ({ start: start * MIB, end: (start + size) * MIB });
const NOTHING: KexecHandover = { sessions: [], services: [], reservedMemory: [] };
const SESSION: KexecHandover = { ...NOTHING, sessions: [{ name: "vm", pid: 12 }] };

function planOf(
  handover: KexecHandover | undefined,
  profile: Partial<Profile> = {},
  more: Partial<HostFacts> = {},
): Plan {
  const facts = hostFacts({ ...(handover === undefined ? {} : { handover }), ...more });
  const { value } = planBoot({ profile: profileOf(profile), facts, images: images(), partDigests: PART_DIGESTS });
  if (value === undefined) throw new Error("no plan");
  return value;
}

/** What a rule says; empty where it does not apply. */
function verdict(plan: Plan, rule: string): readonly (string | undefined)[] {
  const check = plan.checks.find((each) => each.rule === rule);
  return check === undefined ? [] : [check.status, check.message, check.hint];
}

/** As the kernel looks for a hole: down or up by pages, in one area after the other. */
function kernelPlaces(buffer: LoaderBuffer, areas: readonly Range[], taken: readonly Range[]): bigint | undefined {
  const page = 4096n;
  const size = (buffer.size + page - 1n) / page * page;
  const down = (address: bigint) => address / buffer.alignment * buffer.alignment;
  for (const { start, end } of areas) {
    if (end - start < size) continue;
    let at = buffer.topDown ? end - size : start > buffer.min ? start : buffer.min;
    while (at >= 0n) {
      at = buffer.topDown ? down(at) : down(at + buffer.alignment - 1n);
      if (at < start || at < buffer.min || at + size > end) break;
      const [from, to] = [at, at + size - 1n];
      if (!taken.some((other) => to > other.start && from <= other.end - 1n)) return at;
      at += buffer.topDown ? -page : page;
    }
  }
  return undefined;
}

pure("buffers lie where the kernel's own search, page by page, finds them", () => {
  // A linear congruential generator: the same cases in each run.
  let seed = 1n;
  const draw = (bound: bigint): bigint =>
    (seed = (seed * 6364136223846793005n + 1442695040888963407n) % (1n << 64n)) / 65536n % bound;
  let missing = 0;
  for (let round = 0; round < 100; round++) {
    const areas = Array.from({ length: 3 }, (_, index) => {
      const start = (BigInt(index) * 8n + draw(4n)) * MIB;
      return { start, end: start + draw(768n) * 4096n };
    });
    const buffers = Array.from({ length: 5 }, (_, index): LoaderBuffer => ({
      name: `${index}`,
      size: 1n + draw(MIB),
      alignment: 4096n << draw(10n),
      min: draw(2n) * draw(20n) * MIB,
      topDown: draw(3n) > 0n,
    }));
    const [kernel, ...rest] = buffers;
    if (kernel === undefined) throw new Error("none");
    const wanted: LoaderBuffers = { before: rest, kernel, beside: () => [], retries: false };
    const found = placeInScratch(wanted, areas, 4096n, "least");
    const expected: Range[] = [];
    let failed: string | undefined;
    for (const buffer of [...rest, kernel]) {
      const start = kernelPlaces(buffer, areas, expected);
      if (start === undefined) {
        failed = buffer.name;
        break;
      }
      expected.push({ start, end: start + (buffer.size + 4095n) / 4096n * 4096n });
    }
    if (failed !== undefined) missing++;
    assertEquals(
      found.kind === "placed" ? found.buffers.map(({ start, end }) => ({ start, end })) : found.failed.name,
      failed ?? expected,
    );
  }
  assertEquals(missing > 10 && missing < 90, true, `${missing} of 100 have no room`);
});

pure("an x86 image: the areas in their order, the kernel at its alignment and above its preferred address", () => {
  const scratch = [area(8n, 12n), area(1024n, 128n)];
  const facts = hostFacts({ handover: { ...NOTHING, scratch } });
  const fit = handoverFit({ facts, images: images(), cmdline: "ro", forceDtb: false });
  assertEquals(fit?.kind === "fits" ? fit.buffers : fit, [
    // 64 KiB below the end, where a page would lie at 0x13ff000.
    { name: "the list of scratch areas", start: 0x13f_0000n, end: 0x13f_1000n },
    { name: "purgatory", start: 0x13f_c000n, end: 0x140_0000n },
    { name: "boot_params", start: 0x13f_a000n, end: 0x13f_c000n },
    // The first area is too small.
    { name: "the kernel", start: 0x4440_0000n, end: 0x4800_0000n },
    { name: "the initrd", start: 0x4260_0000n, end: 0x4440_0000n },
  ]);
  assertEquals(fit?.kind === "fits" ? fit.left : undefined, 50n * MIB - 7n * 4096n);
});

/** Whether an image of 60 and 30 MiB fits into areas. */
function fits(scratch: readonly Range[], more: Partial<Images> = {}, facts: Partial<HostFacts> = {}): string {
  const fit = handoverFit({
    facts: hostFacts({ handover: { ...NOTHING, scratch }, ...facts }),
    images: images(more),
    cmdline: "ro",
    forceDtb: false,
  });
  return fit?.kind === "no-room" || fit?.kind === "perhaps" ? `${fit.kind}: ${fit.failed.name}` : fit?.kind ?? "none";
}

pure("an image that just fits, and one page too much", () => {
  const two = [area(16n, 2n), area(64n, 90n)];
  assertEquals(fits(two), "fits");
  assertEquals(fits([area(16n, 2n), { ...area(64n, 90n), end: 154n * MIB - 4096n }]), "no-room: the initrd");
  assertEquals(fits([area(16n, 2n), area(64n, 60n)]), "no-room: the initrd");
  assertEquals(fits([area(16n, 2n), area(64n, 60n), area(256n, 30n)]), "fits");
  assertEquals(fits([area(16n, 2n), area(64n, 59n)]), "no-room: the kernel");
  // Both do not fit into one, and a segment is never split.
  assertEquals(fits([area(64n, 59n), area(123n, 59n)]), "no-room: the kernel");
  // 60 MiB that do not begin at a multiple of the alignment.
  assertEquals(fits([area(16n, 2n), area(65n, 61n), area(256n, 30n)]), "fits");
  assertEquals(
    fits([area(16n, 2n), { start: 64n * MIB + 4096n, end: 125n * MIB }, area(256n, 30n)]),
    "no-room: the kernel",
  );
  // Below the preferred address.
  assertEquals(fits([area(1n, 15n), area(256n, 90n)]), "fits");
  const high = kernelFile({ info: bzImage({ prefAddress: 512n * MIB }) });
  assertEquals(fits([area(16n, 200n)], { kernel: high }), "no-room: the kernel");
  assertEquals(fits([]), "no-room: the list of scratch areas");
  // 4 to 10 pages of purgatory, one of the list and two of boot_params.
  assertEquals(fits([{ start: 16n * MIB, end: 16n * MIB + 0x7000n }, area(64n, 90n)]), "perhaps: the initrd");
});

pure("what IMA hands over takes room first, by the number of its measurements", () => {
  const config = { ...hostFacts().kernelConfig, CONFIG_IMA_KEXEC: "y" };
  const of = (facts: Partial<HostFacts>) => {
    const load = {
      facts: hostFacts({ handover: { ...NOTHING, scratch: [] }, ...facts }),
      kernel: bzImage(),
      initrd: 0,
      cmdline: "",
      forceDtb: false,
    };
    return linuxMachine("x86_64")?.fileLoaderBuffers(load)?.before.map((
      { name, size, atMost },
    ) => [name, size, atMost]);
  };
  assertEquals(of({})?.[0]?.[0], "the list of scratch areas");
  assertEquals(of({ kernelConfig: config })?.[0], ["IMA's measurements", 64n + 2048n, 512n + 2048n]);
  assertEquals(of({ kernelConfig: { ...config, CONFIG_IMA_KEXEC_EXTRA_MEMORY_KB: "8" }, imaMeasurements: 1000 })?.[0], [
    "IMA's measurements",
    64_000n + 8192n,
    512_000n + 8192n,
  ]);
});

pure("an arm64 image: the kernel as low as possible, the rest above it, and a higher place if that fails", () => {
  const load = (scratch: readonly Range[]) =>
    handoverFit({
      facts: hostFacts({ machine: "aarch64", handover: { ...NOTHING, scratch } }),
      images: { kernel: arm64File(), initrd: [initrdFile({ size: 30 << 20 })] },
      cmdline: "ro",
      forceDtb: false,
    });
  const size = arm64Size();
  const fit = load([area(64n, 160n)]);
  assertEquals(fit?.kind === "fits" ? fit.buffers : fit, [
    { name: "the list of scratch areas", start: 224n * MIB - 0x1_0000n, end: 224n * MIB - 0xf000n },
    { name: "the kernel", start: 64n * MIB, end: 64n * MIB + size },
    { name: "the initrd", start: 64n * MIB + size, end: 64n * MIB + size + 30n * MIB },
    { name: "the device tree", start: 222n * MIB, end: 222n * MIB + 0x1000n },
  ]);
  // A kernel below everything has the rest above it; in the highest area there is no room for both, and lower ones are not tried.
  assertEquals(load([area(64n, 64n), area(512n, 64n)])?.kind, "fits");
  assertEquals(load([area(512n, 60n), area(64n, 64n)])?.kind, "no-room");
  // The only area that has room for the initrd is more than 32 GiB above the first place of the kernel.
  const moved = load([area(64n, 34n), area(65_536n, 160n)]);
  assertEquals(moved?.kind === "fits" ? moved.buffers[1]?.start : moved, 65_536n * MIB);
});

function arm64Size(): bigint {
  const { info } = arm64File();
  return info.kind === "arm64-image" ? (info.imageSize + info.textOffset + 4095n) / 4096n * 4096n : 0n;
}

const ROOM = [area(16n, 2n), area(1024n, 200n)];

pure("kho-scratch", () => {
  const rule = (handover: KexecHandover | undefined, profile: Partial<Profile> = {}, facts: Partial<HostFacts> = {}) =>
    verdict(planOf(handover, { load: "kexec_file_load", ...profile }, facts), "kho-scratch");
  const more =
    "Boot with a larger `kho_scratch=` (`kho_scratch=300%`, or sizes as in `kho_scratch=64M,512M,0`) or with " +
    "`kho=off`, or set `load: kexec_load`, which hands nothing over";
  assertEquals(rule(undefined), []);
  assertEquals(rule({ ...NOTHING, scratch: ROOM }, { crash: true }), []);
  assertEquals(rule({ ...NOTHING, scratch: ROOM }, { load: "kexec_load" }), []);
  assertEquals(rule({ ...NOTHING, scratch: ROOM }), [
    "pass",
    "The image fits into the scratch areas of kexec handover (2 MiB, 200 MiB), and leaves 112 MiB",
    undefined,
  ]);
  assertEquals(rule(NOTHING), [
    "warn",
    "Kexec handover (KHO) is on, so the image must fit into its scratch areas, but the host does not show them",
    "Mount debugfs and run warmboot as root, so that it can read /sys/kernel/debug/kho/out/scratch_phys",
  ]);
  assertEquals(rule({ ...NOTHING, scratch: [area(16n, 32n), area(64n, 40n)] }), [
    "fail",
    "Kexec handover (KHO) is on, and none of its scratch areas (32 MiB, 40 MiB) has room for the kernel, 60 MiB in one piece",
    more,
  ]);
  // What the kernel lacks is not named.
  const alone = { kernelConfig: { CONFIG_KEXEC: "n", CONFIG_KEXEC_FILE: "y" } };
  assertEquals(
    rule({ ...NOTHING, scratch: [area(16n, 32n), area(64n, 40n)] }, {}, alone)[2],
    more.replace(/, or set .*/, ""),
  );
  assertEquals(rule({ ...NOTHING, scratch: [{ start: 16n * MIB, end: 16n * MIB + 0x7000n }, area(64n, 90n)] }), [
    "warn",
    "The image hardly fits into the scratch areas of kexec handover (28 KiB, 90 MiB): the initrd may find no room",
    more,
  ]);
  // Of 1.5 GiB, the running kernel gave 1.3 to its page allocator; the kernel's own lines do not count.
  const roots = [{
    start: 0n,
    end: 1536n * MIB,
    name: "System RAM",
    children: [{ start: 16n * MIB, end: 56n * MIB, name: "Kernel code", children: [] }],
  }];
  const memory = (memTotal: bigint) => ({ memTotal: memTotal * MIB, iomem: { visibility: "full", roots } as const });
  assertEquals(rule({ ...NOTHING, scratch: ROOM }, {}, memory(1385n))[0], "pass");
  assertEquals(rule({ ...NOTHING, scratch: ROOM }, {}, memory(1380n)), [
    "warn",
    "The image leaves 112 MiB of the scratch areas of kexec handover (2 MiB, 200 MiB), where the next kernel starts; the " +
    "running one reserved 116 MiB early",
    more,
  ]);
});

pure("kho-scratch counts all initrds, a built image by its memory, and a device tree that is forced", () => {
  const fit = (files: Partial<Images>, forceDtb = false, facts: Partial<HostFacts> = {}) => {
    const found = handoverFit({
      facts: hostFacts({ handover: { ...NOTHING, scratch: [area(16n, 200n)] }, ...facts }),
      images: images(files),
      cmdline: "ro",
      forceDtb,
    });
    return found?.kind === "fits" ? found.left : found?.kind;
  };
  const plain = fit({});
  if (typeof plain !== "bigint") throw new Error("no room");
  const two = [initrdFile(), initrdFile({ path: "/boot/two" })];
  assertEquals(fit({ initrd: two }), plain - 30n * MIB);
  const built = { size: 50 << 20, sha256: "c".repeat(64), memory: 80 << 20 };
  assertEquals(fit({ kernel: { ...kernelFile(), built } }), plain - 20n * MIB);
  const value = new Uint8Array(0x1_0000);
  const deviceTree = {
    bootCpu: 0,
    reservations: [],
    root: { name: "", properties: [{ name: "large", value }], children: [] },
  };
  assertEquals(fit({}, false, { deviceTree }), plain);
  assertEquals(fit({}, true, { deviceTree }), plain - 0x1_0000n);
  const rule = (fileFlags: Profile["fileFlags"]) =>
    verdict(planOf({ ...NOTHING, scratch: [area(16n, 200n)] }, { fileFlags }, { deviceTree }), "kho-scratch")[1];
  assertEquals(rule([]) === rule(["force_dtb"]), false);
});

pure(
  "what the running kernel reserved early: memory that is neither given out, nor its own, nor for a crash kernel",
  () => {
    const host = (memTotal: bigint | undefined, ...children: HostFacts["iomem"]["roots"]): HostFacts => {
      const { memTotal: _, ...facts } = hostFacts();
      const roots = [{ start: 0n, end: 1024n * MIB, name: "System RAM", children }];
      return { ...facts, iomem: { visibility: "full", roots }, ...(memTotal === undefined ? {} : { memTotal }) };
    };
    const line = (name: string, start: bigint, size: bigint) => ({ name, ...area(start, size), children: [] });
    const kernel = ["Kernel code", "Kernel rodata", "Kernel data", "Kernel bss"]
      .map((name, index) => line(name, 16n + BigInt(index) * 8n, 8n));
    assertEquals(earlyReservations(host(900n * MIB)), 124n * MIB);
    assertEquals(earlyReservations(host(900n * MIB, ...kernel)), 92n * MIB);
    assertEquals(earlyReservations(host(600n * MIB, ...kernel, line("Crash kernel", 512n, 256n))), 136n * MIB);
    assertEquals([earlyReservations(host(1024n * MIB)), earlyReservations(host(1025n * MIB))], [undefined, undefined]);
    assertEquals(earlyReservations(host(undefined)), undefined);
    assertEquals(earlyReservations({ ...host(1n), iomem: { visibility: "zeroed", roots: [] } }), undefined);
  },
);

pure("what is left of the scratch areas is enough if it is as much as was reserved early", () => {
  const handover = { ...NOTHING, scratch: ROOM };
  const fit = handoverFit({
    facts: hostFacts({ handover }),
    images: images(),
    cmdline: "root=LABEL=root ro",
    forceDtb: false,
  });
  if (fit?.kind !== "fits") throw new Error("no room");
  const ram = 4096n * MIB;
  const roots = [{ start: 0n, end: ram, name: "System RAM", children: [] }];
  const status = (early: bigint) =>
    verdict(
      planOf(handover, {}, { memTotal: ram - early, iomem: { visibility: "full", roots } }),
      "kho-scratch",
    )[0];
  assertEquals([fit.left - 1n, fit.left, fit.left + 1n].map(status), ["pass", "pass", "warn"]);
});

pure("where no higher place is left for the kernel, what did not fit beside the last one is named", () => {
  const buffer = (name: string, size: bigint): LoaderBuffer => ({
    name,
    size: size * MIB,
    alignment: 4096n,
    min: 0n,
    topDown: false,
  });
  const place = (rest: bigint, retries = true) => {
    const result = placeInScratch(
      { before: [], kernel: buffer("kernel", 40n), beside: () => [buffer("rest", rest)], retries },
      [area(0n, 100n), area(200n, 45n)],
      4096n,
      "least",
    );
    return result.kind === "no-room" ? result.failed.name : result.buffers.map(({ start }) => start / MIB);
  };
  assertEquals([place(60n), place(80n), place(101n)], [[0n, 40n], [200n, 0n], "rest"]);
  assertEquals(place(80n, false), "rest");
});

pure("kho-lost", () => {
  const rule = (handover: KexecHandover | undefined, profile: Partial<Profile> = {}) =>
    verdict(planOf(handover, { load: "kexec_load", ...profile }), "kho-lost");
  assertEquals(rule(undefined), []);
  assertEquals(rule(SESSION, { load: "kexec_file_load" }), []);
  assertEquals(rule(NOTHING), [
    "warn",
    "kexec_load hands nothing over, though kexec handover (KHO) is on; nothing is known to be preserved",
    "Use `load: kexec_file_load`, or state `preserved_state: discard`",
  ]);
  assertEquals(rule({ services: [], reservedMemory: [] }), [
    "warn",
    "kexec_load hands nothing over, though kexec handover (KHO) is on; live update sessions are shown to root only",
    "Run warmboot as root, or use `load: kexec_file_load`",
  ]);
  assertEquals(rule(NOTHING, { preservedState: "discard" }), [
    "pass",
    "kexec_load hands nothing over (KHO), which the profile accepts",
    undefined,
  ]);
  assertEquals(rule(SESSION), [
    "fail",
    "kexec_load would lose what the running kernel preserves: live update session `vm` (process 12)",
    "Use `load: kexec_file_load`, or accept the loss by `preserved_state: discard`",
  ]);
  assertEquals(rule(SESSION, { preservedState: "discard" }), [
    "pass",
    "kexec_load loses what the running kernel preserves, which the profile accepts: live update session `vm` (process 12)",
    undefined,
  ]);
  assertEquals(rule({ ...NOTHING, reservedMemory: ["trace"] })[0], "fail");
  assertEquals(rule({ ...NOTHING, services: [{ unit: "a.service", descriptors: 1 }] })[0], "fail");
  // The running system goes on.
  const payload: Partial<Profile> = {
    preserveContext: true,
    checksum: false,
    segments: [{ at: 0x400_0000n, source: { kind: "bytes", bytes: Uint8Array.of(0xc3) } }],
    entry: 0x400_0000n,
  };
  assertEquals(rule(SESSION, payload), []);
  assertEquals(rule(SESSION, { ...payload, preserveContext: false })[0], "fail");
  // So it does while a crash kernel is loaded.
  assertEquals(rule(SESSION, { crash: true }), []);
  // Sessions that are not shown are among what the profile discards.
  const { sessions: _, ...hidden } = NOTHING;
  assertEquals(rule(hidden, { preservedState: "discard" })[0], "pass");
});

pure("`load: auto` hands over what is preserved, and avoids small scratch areas where nothing is", () => {
  const choice = (
    handover: KexecHandover | undefined,
    profile: Partial<Profile> = {},
    facts: Partial<HostFacts> = {},
  ) => {
    const { call, reasons } = planOf(handover, profile, facts);
    return [call.syscall, ...reasons.map(({ message }) => message)];
  };
  const ordinary =
    "Nothing in the profile needs kexec_load; with kexec_file_load, the kernel itself checks and places the image";
  const handsOver =
    "Only kexec_file_load hands over what the running kernel preserves: live update session `vm` (process 12)";
  const small = [area(16n, 32n)];
  assertEquals(choice(undefined), ["kexec_file_load", ordinary]);
  assertEquals(choice({ ...NOTHING, scratch: ROOM }), ["kexec_file_load", ordinary]);
  assertEquals(choice(NOTHING), ["kexec_file_load", ordinary]);
  assertEquals(choice({ ...SESSION, scratch: ROOM }), ["kexec_file_load", handsOver]);
  // It fails its check then, rather than lose the session.
  assertEquals(choice({ ...SESSION, scratch: small }), ["kexec_file_load", handsOver]);
  const noRoom = "kexec_file_load has no room for the kernel in the scratch areas of kexec handover (KHO), and ";
  assertEquals(choice({ ...NOTHING, scratch: small }), ["kexec_load", `${noRoom}nothing is known to be preserved`]);
  assertEquals(choice({ ...SESSION, scratch: small }, { preservedState: "discard" }), [
    "kexec_load",
    `${noRoom}the profile discards what is preserved`,
  ]);
  // A crash kernel is handed nothing, and has its own memory.
  for (const handover of [SESSION, { ...NOTHING, scratch: small }]) {
    assertEquals(choice(handover, { crash: true }), ["kexec_file_load", ordinary]);
  }
  const kernelConfig = { ...hostFacts().kernelConfig, CONFIG_KEXEC: "n" };
  assertEquals(choice({ ...NOTHING, scratch: small }, {}, { kernelConfig })[0], "kexec_file_load");
  assertEquals(choice({ ...NOTHING, scratch: small }, {}, { lockdown: "integrity" })[0], "kexec_file_load");
});

pure("a stored plan keeps the choice, and is refused where something is preserved since", () => {
  const kept = planOf(NOTHING, { load: "kexec_load" });
  const discarding = planOf(NOTHING, { load: "kexec_load", preservedState: "discard" });
  assertEquals([kept, discarding].map((plan) => plan.declared?.preservedState), [undefined, "discard"]);
  assertEquals([kept, discarding].map((plan) => profileOfPlan(plan)?.preservedState), ["keep", "discard"]);
  const facts = hostFacts({ handover: SESSION });
  const again = (plan: Plan) =>
    recheck(plan, facts, images(), PART_DIGESTS).checks.find(({ rule }) => rule === "kho-lost");
  assertEquals([again(kept)?.status, again(discarding)?.status], ["fail", "pass"]);
  // One that no longer fits is judged by the same choice.
  const elsewhere = { ...discarding, host: { ...discarding.host, release: "1.0" } };
  assertEquals(again(elsewhere)?.status, "pass");
});
