import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { carryOut } from "../../src/app/carry_out.ts";
import { closeFile, type OpenFile, openFile } from "../../src/app/files/open_file.ts";
import { unpackImages } from "../../src/app/unpack_images.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { findRecord, lockStore } from "../../src/state/record_store.ts";
import { crashHost } from "../support/crash_host.ts";
import { unpackedCache } from "../../src/state/unpacked_cache.ts";
import { fakeLibc } from "../support/fake_libc.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, kernelFile, profileOf } from "../support/profiles.ts";
import { genuines } from "../fuzz/forgery.ts";
import { listed, packedKernel, vmlinux } from "../support/small_kernel.ts";

/** A plan for one kernel file that is there, a libc that only notes, and a store in a folder of its own. */
async function carried(
  during: (file: OpenFile) => void,
  before: (file: OpenFile) => void = () => {},
): Promise<
  { readonly kind: string; readonly changed: number; readonly calls: readonly unknown[]; readonly record: string }
> {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-carry-" });
  const path = `${folder}/vmlinuz`;
  Deno.writeTextFileSync(path, "kernel");
  const { value: file } = openFile(path);
  assert(file !== undefined);
  try {
    const { value: plan } = planBoot({
      profile: profileOf({ initrd: [] }),
      facts: hostFacts(),
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
    using store = await lockStore({ directory: folder });
    let changed = 0;
    const { kind } = await carryOut(plan, { facts: hostFacts(), files: [file] }, store, {
      open: () => changing,
      onChange: () => void changed++,
    });
    return {
      kind,
      changed,
      calls: libc.calls.map((call) => call.at(-1)),
      record: findRecord("reboot", folder).found.kind,
    };
  } finally {
    closeFile(file);
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("a load makes the planned call, and records it", async () => {
  assertEquals(await carried(() => {}), { kind: "loaded", changed: 1, calls: [4n], record: "record" });
});

Deno.test("a file that changed after it was hashed stops the load before any call", async () => {
  const change = ({ path }: OpenFile) => Deno.writeTextFileSync(path, "another kernel");
  assertEquals(await carried(() => {}, change), { kind: "changed", changed: 0, calls: [], record: "none" });
});

Deno.test("a file that changed while the kernel read it is unloaded again, and not recorded", async () => {
  const change = ({ path }: OpenFile) => Deno.writeTextFileSync(path, "another kernel");
  // KEXEC_FILE_UNLOAD is 1.
  assertEquals(await carried(change), { kind: "tampered", changed: 1, calls: [4n, 1n], record: "none" });
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
