import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { carryOut } from "../../src/app/carry_out.ts";
import { closeFile, type OpenFile, openFile } from "../../src/app/files/open_file.ts";
import { unpackImages } from "../../src/app/unpack_images.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import { sha256Of } from "../../src/core/sha256.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { findRecord, lockStore, StoreError, type StoreLock } from "../../src/state/record_store.ts";
import { type Libc, openLibc } from "../../src/syscall/libc.ts";
import { crashHost } from "../support/crash_host.ts";
import { unpackedCache } from "../../src/state/unpacked_cache.ts";
import { fakeLibc } from "../support/fake_libc.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, initrdFile, kernelFile, profileOf } from "../support/profiles.ts";
import { ownSignals } from "../support/signals.ts";
import { genuines } from "../fuzz/forgery.ts";
import { listed, packedKernel, vmlinux } from "../support/small_kernel.ts";

/** A plan for one kernel file that is there, a libc that only notes, and a store in a folder of its own. */
async function carried(
  during: (file: OpenFile) => void,
  before: (file: OpenFile) => void = () => {},
  crash = false,
): Promise<
  { readonly kind: string; readonly changed: number; readonly calls: readonly unknown[]; readonly record: string }
> {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-carry-" });
  const path = `${folder}/vmlinuz`;
  Deno.writeTextFileSync(path, "kernel");
  const { value: file } = openFile(path);
  assert(file !== undefined);
  try {
    const facts = crash ? crashHost() : hostFacts();
    const { value: plan } = planBoot({
      profile: profileOf({ crash, initrd: [] }),
      facts,
      images: images({ kernel: kernelFile({ path }), initrd: [] }),
    });
    assert(plan !== undefined);
    before(file);
    const libc = fakeLibc();
    const { kexecFileLoad } = libc;
    const changing = {
      ...libc,
      kexecFileLoad: (...args: Parameters<typeof kexecFileLoad>) => {
        if (args[0] >= 0) during(file);
        return kexecFileLoad(...args);
      },
    };
    let changed = 0;
    const load = async (file: OpenFile, open: () => Libc) => {
      using store = await lockStore({ directory: folder });
      return await carryOut(plan, { facts, files: [file] }, store, { open, onChange: () => void changed++ });
    };
    const { kind } = await load(file, () => changing);
    return {
      kind,
      changed,
      calls: libc.calls.map((call) => call.at(-1)),
      record: findRecord(crash ? "crash" : "reboot", folder).found.kind,
    };
  } finally {
    closeFile(file);
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Files in a folder, the first of them a kernel with a plan for it; closed and removed in the end. */
function temporary(files: Readonly<Record<string, string>>) {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-carry-" });
  for (const [name, text] of Object.entries(files)) Deno.writeTextFileSync(join(folder, name), text);
  const opened: OpenFile[] = [];
  const open = (...names: readonly string[]): readonly OpenFile[] =>
    names.map((name) => {
      const { value } = openFile(join(folder, name));
      assert(value !== undefined);
      opened.push(value);
      return value;
    });
  const [first = ""] = Object.keys(files);
  const path = join(folder, first);
  const [file] = open(first);
  assert(file !== undefined);
  const facts = hostFacts();
  const planWith = (...names: readonly string[]): Plan => {
    const initrd = names.map((name) => ({
      ...initrdFile({ path: join(folder, name) }),
      size: files[name]?.length ?? 0,
      sha256: sha256Of(files[name] ?? ""),
    }));
    const { value: plan } = planBoot({
      profile: profileOf({ initrd: initrd.map(({ path }) => ({ path })) }),
      facts,
      images: images({ kernel: kernelFile({ path }), initrd }),
    });
    assert(plan !== undefined);
    return plan;
  };
  return {
    ...{ folder, path, file, facts, open, planWith, plan: planWith() },
    [Symbol.dispose]() {
      opened.forEach(closeFile);
      Deno.removeSync(folder, { recursive: true });
    },
  };
}

Deno.test("a load makes the planned call, and records it", async () => {
  assertEquals(await carried(() => {}), { kind: "loaded", changed: 1, calls: [4n], record: "record" });
});

Deno.test("a file that changed after it was hashed stops the load before any call", async () => {
  const change = ({ path }: OpenFile) => Deno.writeTextFileSync(path, "another kernel");
  assertEquals(await carried(() => {}, change), { kind: "changed", changed: 0, calls: [], record: "none" });
});

Deno.test("an initrd that changed after it was hashed stops the load before any call as well", async () => {
  using made = temporary({ vmlinuz: "kernel", "a.img": "initrd" });
  const files = [made.file, ...made.open("a.img")];
  const path = join(made.folder, "a.img");
  Deno.writeTextFileSync(path, "another");
  using store = await lockStore({ directory: made.folder });
  const libc = fakeLibc();
  const outcome = await carryOut(made.planWith("a.img"), { facts: made.facts, files }, store, { open: () => libc });
  assertEquals([outcome, libc.calls], [{ kind: "changed", path }, []]);
});

Deno.test("a file that changed while the kernel read it is unloaded again, and not recorded", async () => {
  const change = ({ path }: OpenFile) => Deno.writeTextFileSync(path, "another kernel");
  // KEXEC_FILE_UNLOAD is 1, and KEXEC_FILE_ON_CRASH 2.
  assertEquals(await carried(change), { kind: "tampered", changed: 1, calls: [4n, 1n], record: "none" });
  const crash = await carried(change, undefined, true);
  assertEquals(crash, { kind: "tampered", changed: 1, calls: [6n, 3n], record: "none" });
});

Deno.test("what was recorded before says nothing any more once a tampered image is unloaded", async () => {
  using made = temporary({ vmlinuz: "kernel" });
  const { path, plan, facts } = made;
  const load = async (file: OpenFile, during = () => {}) => {
    using store = await lockStore({ directory: made.folder });
    const libc = fakeLibc();
    const kexecFileLoad: Libc["kexecFileLoad"] = (...args) => {
      during();
      return libc.kexecFileLoad(...args);
    };
    return (await carryOut(plan, { facts, files: [file] }, store, { open: () => ({ ...libc, kexecFileLoad }) })).kind;
  };
  const record = () => findRecord("reboot", made.folder).found.kind;
  assertEquals([await load(made.file), record()], ["loaded", "record"]);
  assertEquals([await load(made.file, () => Deno.writeTextFileSync(path, "another")), record()], ["tampered", "none"]);
});

Deno.test("a signal that comes during the call is acted on after it, and does not hide that the kernel refused", async () => {
  using signals = ownSignals();
  const interrupt = () => signals.raise("SIGTERM");
  assertEquals(await carried(interrupt), { kind: "interrupted", changed: 1, calls: [4n], record: "record" });
  using made = temporary({ vmlinuz: "kernel" });
  using store = await lockStore({ directory: made.folder });
  const kexecFileLoad: Libc["kexecFileLoad"] = () => {
    interrupt();
    return { ok: false, errno: 12 };
  };
  const { kind } = await carryOut(made.plan, { facts: made.facts, files: [made.file] }, store, {
    open: () => ({ ...fakeLibc(), kexecFileLoad }),
  });
  assertEquals([kind, signals.kept()], ["refused", []]);
});

Deno.test("a record that cannot be prepared stops the load before the kernel is told anything", async () => {
  using made = temporary({ vmlinuz: "kernel", reuse: "-" });
  using store = await lockStore({ directory: made.folder });
  const libc = fakeLibc();
  const full: StoreLock = {
    ...store,
    prepare: () => {
      throw new StoreError("No space left on device");
    },
  };
  const reuseKeys = join(made.folder, "reuse");
  const load = carryOut(made.plan, { facts: made.facts, files: [made.file], keepsKeys: true }, full, {
    open: () => libc,
    reuseKeys,
  });
  await assertRejects(() => load, StoreError);
  assertEquals([libc.calls, Deno.readTextFileSync(reuseKeys)], [[], "-"]);
});

Deno.test("initrds that cannot be joined are a refusal, before which the crash kernel is as it was", async () => {
  using made = temporary({ vmlinuz: "kernel", "a.img": "a", "b.img": "b" });
  const files = [made.file, ...made.open("a.img", "b.img")];
  const plan = made.planWith("a.img", "b.img");
  using store = await lockStore({ directory: made.folder });
  const libc = fakeLibc({ memfd: [{ ok: false, errno: 24 }] });
  const outcome = await carryOut(plan, { facts: made.facts, files }, store, { open: () => libc });
  assertEquals([outcome.kind, "crashKernel" in outcome && outcome.crashKernel], ["refused", "kept"]);
  assertEquals(libc.calls, [["memfd", "warmboot-initrd"]]);
});

Deno.test("an initrd that is named twice is verified in both places, and one with a bootconfig in its two pieces", async () => {
  using made = temporary({ vmlinuz: "kernel", "a.img": "aaaa-tail", "b.img": "bb" });
  const load = async (plan: Plan, names: readonly string[], joined: (memfd: number) => void = () => {}) => {
    const files = [made.file, ...made.open(...names)];
    const libc = openLibc();
    const seen: string[] = [];
    using store = await lockStore({ directory: made.folder });
    const [opened, closed]: [number[], number[]] = [[], []];
    const { kind } = await carryOut(plan, { facts: made.facts, files }, store, {
      open: () => ({
        ...libc,
        memfd(name) {
          const result = libc.memfd(name);
          if (result.ok) opened.push(result.value);
          return result;
        },
        close(fd) {
          closed.push(fd);
          return libc.close(fd);
        },
        seal: (fd) => {
          joined(fd);
          return libc.seal(fd);
        },
        kexecFileLoad: (_kernel, initrd) => {
          seen.push(Deno.readTextFileSync(`/proc/self/fd/${initrd}`).replaceAll("\0", "."));
          return { ok: true, value: 0 };
        },
      }),
    });
    assertEquals([opened.length > 0, closed], [true, opened]);
    return [kind, ...seen];
  };
  const twice = made.planWith("a.img", "b.img", "a.img");
  assertEquals(await load(twice, ["a.img", "b.img"]), ["loaded", "aaaa-tail...bb..aaaa-tail"]);
  // The last byte of the second copy is another one.
  const last = (memfd: number) => {
    using file = Deno.openSync(`/proc/self/fd/${memfd}`, { write: true });
    file.seekSync(-1, Deno.SeekMode.End);
    file.writeSync(new TextEncoder().encode("L"));
  };
  assertEquals(await load(twice, ["a.img", "b.img"], last), ["changed"]);
  const { call } = made.planWith("a.img", "b.img");
  assert(call.syscall === "kexec_file_load");
  const path = join(made.folder, "a.img");
  const apart = { ...twice, call: { ...call, bootconfig: { path, size: 5 } } };
  assertEquals(await load(apart, ["a.img", "b.img"]), ["loaded", "aaaabb..-tail"]);
  assertEquals(await load(apart, ["a.img", "b.img"], last), ["changed"]);
});

Deno.test("an initrd is verified where an archive that is made at load follows it, too", async () => {
  using made = temporary({ vmlinuz: "kernel", "a.img": "aaaa" });
  const files = [made.file, ...made.open("a.img")];
  const { call, ...plan } = made.planWith("a.img");
  assert(call.syscall === "kexec_file_load");
  const bytes = new TextEncoder().encode("archive");
  const overlays = [{ path: "files:1", bytes, secret: false, size: bytes.length }];
  const initrd = [...call.initrd, { path: "files:1", size: bytes.length, sha256: "0".repeat(64), about: "files" }];
  const load = async (first: string) => {
    const libc = openLibc();
    using store = await lockStore({ directory: made.folder });
    const { kind } = await carryOut(
      { ...plan, call: { ...call, initrd } },
      { facts: made.facts, files, overlays },
      store,
      {
        open: () => ({
          ...libc,
          seal: (fd) => {
            using file = Deno.openSync(`/proc/self/fd/${fd}`, { write: true });
            file.writeSync(new TextEncoder().encode(first));
            return libc.seal(fd);
          },
          kexecFileLoad: () => ({ ok: true, value: 0 }),
        }),
      },
    );
    return kind;
  };
  assertEquals([await load("a"), await load("b")], ["loaded", "changed"]);
});

Deno.test("an archive that is made at load is handed over, though no initrd comes before it", async () => {
  using made = temporary({ vmlinuz: "kernel" });
  const { call, ...plan } = made.plan;
  assert(call.syscall === "kexec_file_load");
  const bytes = new TextEncoder().encode("archive");
  const archive = { path: "files:1", size: bytes.length };
  const initrd = [{ ...archive, sha256: sha256Of(bytes), about: "files" }];
  const given: string[] = [];
  using store = await lockStore({ directory: made.folder });
  const { kind } = await carryOut(
    { ...plan, call: { ...call, initrd } },
    { facts: made.facts, files: [made.file], overlays: [{ ...archive, bytes, secret: false }] },
    store,
    {
      open: () => ({
        ...openLibc(),
        kexecFileLoad: (_kernel, initrd) => {
          given.push(Deno.readTextFileSync(`/proc/self/fd/${initrd}`));
          return { ok: true, value: 0 };
        },
      }),
    },
  );
  assertEquals([kind, given], ["loaded", ["archive"]]);
});

Deno.test("the keys of the loaded crash image are kept for the load, and only for it", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-carry-" });
  const path = `${folder}/vmlinuz`;
  const reuseKeys = `${folder}/reuse`;
  Deno.writeTextFileSync(path, "kernel");
  const facts = (reuse: boolean) => {
    const host = crashHost();
    return { ...host, kexec: { ...host.kexec, dmCryptKeys: { keys: [{ name: "a", description: "d" }], reuse } } };
  };
  const { value: plan } = planBoot({
    profile: profileOf({ crash: true, initrd: [] }),
    facts: facts(false),
    images: images({ kernel: kernelFile({ path }), initrd: [] }),
  });
  assert(plan !== undefined);
  /** What the kernel reads when it is called, what is left, and what was warned of. */
  const load = async (keepsKeys: boolean, reuse: boolean, answers = {}): Promise<readonly unknown[]> => {
    const { value: file } = openFile(path);
    assert(file !== undefined);
    const read = () => {
      try {
        return Deno.readTextFileSync(reuseKeys);
      } catch {
        return undefined;
      }
    };
    const seen: unknown[] = [];
    const libc = fakeLibc(answers);
    const warnings: string[] = [];
    using store = await lockStore({ directory: folder });
    try {
      const { kind } = await carryOut(plan, { facts: facts(reuse), files: [file], keepsKeys }, store, {
        open: () => ({
          ...libc,
          kexecFileLoad: (...args) => {
            seen.push(read());
            return libc.kexecFileLoad(...args);
          },
        }),
        onWarning: (text) => void warnings.push(text),
        reuseKeys,
      });
      return [kind, ...seen, read(), ...warnings];
    } finally {
      closeFile(file);
    }
  };
  try {
    assertEquals(await load(true, false), [
      "loaded",
      undefined,
      undefined,
      `Cannot write to ${reuseKeys}: No such file or directory`,
    ]);
    Deno.writeTextFileSync(reuseKeys, "-");
    assertEquals(await load(false, false), ["loaded", "-", "-"]);
    assertEquals(await load(true, false), ["loaded", "1", "0"]);
    assertEquals(await load(true, true), ["loaded", "1", "1"]);
    const refused = { "kexec_file_load": [{ ok: false, errno: 12 }] };
    Deno.writeTextFileSync(reuseKeys, "-");
    assertEquals(await load(true, false, refused), ["refused", "1", "1"]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("segments are checked again where the chosen bases put them", async () => {
  const original = genuines().find(({ name }) => name === "an unpacked kernel");
  assert(original !== undefined);
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-carry-" });
  try {
    using store = await lockStore({ directory: folder });
    const contents = new Map([["/boot/vmlinuz", vmlinux({ add64: [listed(8)], add32: [listed(0x100)] })]]);
    const facts = hostFacts({
      iomem: { visibility: "full", roots: [{ name: "System RAM", start: 0n, end: 0x10_0000n, children: [] }] },
    });
    const outcome = await carryOut(original.plan, { facts, files: [], contents }, store, { open: () => fakeLibc() });
    assertEquals(outcome.kind, "misplaced");
    assertStringIncludes("message" in outcome ? outcome.message : "", "Segment");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("an image that is built is handed over at a base of its own, which nothing records; another one is not", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-carry-" });
  const path = `${folder}/vmlinuz`;
  const unpacked = vmlinux({ add64: [listed(8)], add32: [listed(0x100)] });
  Deno.writeFileSync(path, packedKernel(unpacked));
  const { value: file } = openFile(path);
  assert(file !== undefined);
  try {
    const kernel = { path, size: file.size, sha256: "a".repeat(64), info: identifyKernel(file) };
    const facts = hostFacts();
    const profile = profileOf({ initrd: [], load: "kexec_file_load", predecompress: true });
    const opened = { files: [file], budget: undefined };
    const packed = { profile, facts, images: { kernel, initrd: [] } };
    const { images: found, contents } = await unpackImages(packed, opened, unpackedCache(`${folder}/cache`));
    const { value: plan } = planBoot({ profile, facts, images: found });
    assert(plan?.call.syscall === "kexec_file_load" && plan.call.built !== undefined);
    const { built } = plan.call;
    const seen: Uint8Array[] = [];
    const libc = fakeLibc();
    const keeping = {
      ...libc,
      write: (fd: number, bytes: Uint8Array) => {
        seen.push(bytes.slice());
        return libc.write(fd, bytes);
      },
    };
    using store = await lockStore({ directory: folder });
    const load = (held: ReadonlyMap<string, Uint8Array>) =>
      carryOut(plan, { facts, files: [file], contents: held }, store, { open: () => keeping });
    for (let time = 0; time < 8; time++) assertEquals((await load(contents)).kind, "loaded");
    const at = 1024 + 0x20_0000 + 8;
    const before = new DataView(unpacked.buffer).getBigUint64(64 + 56 + 8, true);
    const distances = seen.map((bytes) => new DataView(bytes.buffer).getBigUint64(at, true) - before);
    assertEquals(seen.map(({ length }) => length), distances.map(() => built.size));
    assert(distances.every((each) => each % 0x20_0000n === 0n && each >= 0n && each < 1n << 30n));
    assert(new Set(distances).size > 1);
    assertEquals(libc.calls.slice(0, 4).map(([name]) => name), ["memfd", "write", "kexec_file_load", "close"]);
    const { found: record } = findRecord("reboot", folder);
    assert(record.kind === "record");
    assertEquals(record.record.plan, plan);

    const other = new Map([[path, vmlinux({ code: new Uint8Array(0x2000).fill(9), add64: [listed(8)] })]]);
    assertEquals(await load(other), {
      kind: "misplaced",
      message: `The image that is built from ${path} is not the one of the plan`,
    });
    assertEquals(seen.length, 8);
  } finally {
    closeFile(file);
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("a kernel that cannot be moved is built for the place that it was linked for, and loaded so", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-carry-" });
  const path = `${folder}/vmlinuz`;
  Deno.writeFileSync(path, packedKernel(vmlinux()));
  const { value: file } = openFile(path);
  assert(file !== undefined);
  try {
    const facts = hostFacts();
    const profile = profileOf({ initrd: [], load: "kexec_file_load", predecompress: true });
    const kernel = { path, size: file.size, sha256: "a".repeat(64), info: identifyKernel(file) };
    const packed = { profile, facts, images: { kernel, initrd: [] } };
    const opened = { files: [file], budget: undefined };
    const { images: found, contents } = await unpackImages(packed, opened, unpackedCache(`${folder}/cache`));
    const { value: plan } = planBoot({ profile, facts, images: found });
    assert(plan !== undefined);
    using store = await lockStore({ directory: folder });
    const outcome = await carryOut(plan, { facts, files: [file], contents }, store, { open: () => fakeLibc() });
    assertEquals(outcome.kind, "loaded");
  } finally {
    closeFile(file);
    Deno.removeSync(folder, { recursive: true });
  }
});
