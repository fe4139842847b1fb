import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { carryOut } from "../../../src/app/carry_out.ts";
import {
  closeFile,
  hashFile,
  imageOf,
  isUnchanged,
  type OpenFile,
  openFile,
} from "../../../src/app/files/open_file.ts";
import { fileSealer } from "../../../src/app/files/seal_files.ts";
import { memoryBudget } from "../../../src/app/memory_limit.ts";
import { openImages } from "../../../src/app/images.ts";
import { digestBytes } from "../../../src/core/sha256.ts";
import type { HostFacts } from "../../../src/host/facts.ts";
import { parseImaRules } from "../../../src/host/ima.ts";
import { partKey } from "../../../src/plan/input.ts";
import { planBoot } from "../../../src/plan/planner.ts";
import type { PlannedFile } from "../../../src/plan/plan.ts";
import { lockStore } from "../../../src/state/record_store.ts";
import { type Libc, openLibc } from "../../../src/syscall/libc.ts";
import { peFile } from "../../image/build.ts";
import { hostFacts } from "../../support/host_facts.ts";
import { images, initrdFile, kernelFile, profileOf } from "../../support/profiles.ts";

/** Makes a folder of root's own with files in it. */
function folderWith(files: Readonly<Record<string, Uint8Array>>): { readonly folder: string } & Disposable {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-seal-" });
  for (const [name, bytes] of Object.entries(files)) Deno.writeFileSync(join(folder, name), bytes, { mode: 0o644 });
  return { folder, [Symbol.dispose]: () => Deno.removeSync(folder, { recursive: true }) };
}

function opened(path: string): OpenFile {
  const { value } = openFile(path);
  assert(value !== undefined);
  return value;
}

/** What another process does: it maps the file shared, and flips its first byte. No time of the file changes. */
function mapShared(path: string): { flip(): void } & Disposable {
  const libc = Deno.dlopen("libc.so.6", {
    open: { parameters: ["buffer", "i32"], result: "i32" },
    mmap: { parameters: ["usize", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
    close: { parameters: ["i32"], result: "i32" },
  });
  const { size } = Deno.statSync(path);
  const fd = libc.symbols.open(new TextEncoder().encode(`${path}\0`), 2);
  // PROT_READ | PROT_WRITE, MAP_SHARED
  const at = libc.symbols.mmap(0n, BigInt(size), 3, 1, fd, 0n);
  assert(fd >= 0 && at !== null);
  const bytes = new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(at, size));
  bytes[0] = bytes[0] ?? 0;
  return {
    flip: () => void (bytes[0] = (bytes[0] ?? 0) ^ 0xff),
    [Symbol.dispose]() {
      libc.symbols.close(fd);
      libc.close();
    },
  };
}

const MOST = 1 << 20;
const isRoot = Deno.uid() === 0;

Deno.test("a pinned file is hashed in a copy that nothing can change", async () => {
  const bytes = new Uint8Array(100_000).fill(7);
  using made = folderWith({ kernel: bytes });
  const path = join(made.folder, "kernel");
  using shared = mapShared(path);
  using sealer = fileSealer(openLibc, memoryBudget(MOST));
  const { value: file } = sealer.seal(opened(path), true);
  assert(file?.original !== undefined);
  try {
    shared.flip();
    assertEquals(Deno.readFileSync(path)[0], 0xf8);
    assertEquals([file.path, file.size, file.read(0, 1)[0]], [path, bytes.length, 7]);
    assertEquals(await hashFile(file), await digestBytes(bytes));
    // What an attacker changes so does not show in the file's times, which is why it is copied.
    assert(isUnchanged(file.original));
  } finally {
    closeFile(file);
  }
});

Deno.test("a section is copied whoever can write its image, since the kernel takes whole files: its bytes, and no others", async () => {
  const [kernel, initrd] = [new Uint8Array(70_001).fill(1), new Uint8Array(30_003).fill(2)];
  using made = folderWith({
    "a.efi": peFile({ sections: [{ name: ".linux", bytes: kernel }, { name: ".initrd", bytes: initrd }] }),
  });
  using sealer = fileSealer(openLibc, memoryBudget(MOST));
  for (const [name, bytes] of [[".linux", kernel], [".initrd", initrd]] as const) {
    const { value: file } = sealer.seal(opened(join(made.folder, "a.efi", name)), false);
    assert(file?.original !== undefined);
    try {
      assertEquals([file.size, file.handle.statSync().size, await hashFile(file)], [
        bytes.length,
        bytes.length,
        await digestBytes(bytes),
      ]);
      assertEquals(imageOf(file), join(made.folder, "a.efi"));
    } finally {
      closeFile(file);
    }
  }
});

Deno.test({
  name: "a file without a digest is copied unless root alone can write it, or replace it",
  ignore: !isRoot,
  async fn(t) {
    const sealed = (path: string): boolean => {
      using sealer = fileSealer(openLibc, memoryBudget(MOST));
      const { value } = sealer.seal(opened(path), false);
      assert(value !== undefined);
      closeFile(value);
      return value.original !== undefined;
    };
    const cases: readonly (readonly [string, boolean, (folder: string) => string | void])[] = [
      ["root's own", false, () => {}],
      ["a user's", true, (folder) => Deno.chownSync(join(folder, "kernel"), 1000, 0)],
      ["writable by a group", true, (folder) => Deno.chmodSync(join(folder, "kernel"), 0o664)],
      ["writable by everyone", true, (folder) => Deno.chmodSync(join(folder, "kernel"), 0o646)],
      ["in a user's folder", true, (folder) => Deno.chownSync(folder, 1000, 0)],
      ["in a folder of everyone's", true, (folder) => Deno.chmodSync(folder, 0o777)],
      ["in a sticky folder of everyone's", false, (folder) => Deno.chmodSync(folder, 0o1777)],
      ["below a user's folder", true, (folder) => {
        Deno.mkdirSync(join(folder, "below"));
        Deno.renameSync(join(folder, "kernel"), join(folder, "below/kernel"));
        Deno.chownSync(folder, 1000, 0);
        return join(folder, "below/kernel");
      }],
      ["through a link to a user's folder", true, (folder) => {
        Deno.mkdirSync(join(folder, "theirs"));
        Deno.renameSync(join(folder, "kernel"), join(folder, "theirs/kernel"));
        Deno.chownSync(join(folder, "theirs"), 1000, 0);
        Deno.symlinkSync("theirs/kernel", join(folder, "link"));
        return join(folder, "link");
      }],
    ];
    for (const [name, expected, prepare] of cases) {
      await t.step(name, () => {
        using made = folderWith({ kernel: new Uint8Array(10) });
        assertEquals(sealed(prepare(made.folder) ?? join(made.folder, "kernel")), expected);
      });
    }
  },
});

Deno.test("a file that needs more memory than may be spared is refused, and so is one that cannot be copied", () => {
  using made = folderWith({ kernel: new Uint8Array(1000), initrd: new Uint8Array(1000) });
  const at = (name: string) => opened(join(made.folder, name));
  using sealer = fileSealer(openLibc, memoryBudget(1500));
  const kernel = sealer.seal(at("kernel"), true).value;
  assert(kernel !== undefined);
  closeFile(kernel);
  const { value, diagnostics: [short] } = sealer.seal(at("initrd"), true);
  assertEquals([value, short?.code], [undefined, "memory-short"]);
  const cases: readonly (readonly [string, Partial<Libc>])[] = [
    ["memfd_create", { memfd: () => ({ ok: false, errno: 24 }) }],
    ["fcntl", { seal: () => ({ ok: false, errno: 24 }) }],
    ["sendfile", { sendfile: () => ({ ok: false, errno: 24 }) }],
  ];
  for (const [name, broken] of cases) {
    using failing = fileSealer(() => ({ ...openLibc(), ...broken }), memoryBudget(MOST));
    const { diagnostics: [failed] } = failing.seal(at("kernel"), true);
    assertEquals(failed?.code, "file-io");
    assertMatch(failed?.message ?? "", new RegExp(`/kernel into memory: ${name} failed with EMFILE`));
  }
});

Deno.test("a copy that cannot be opened again is told, and neither it nor the file stays open", () => {
  using made = folderWith({ kernel: new Uint8Array(10) });
  const closed: number[] = [];
  const nowhere = 99_999;
  using sealer = fileSealer(() => ({
    ...openLibc(),
    memfd: () => ({ ok: true, value: nowhere }),
    sendfile: (_out, _in, _offset, count) => ({ ok: true, value: count }),
    seal: () => ({ ok: true, value: 0 }),
    close: (fd) => {
      closed.push(fd);
      return { ok: true, value: 0 };
    },
  }), memoryBudget(MOST));
  const file = opened(join(made.folder, "kernel"));
  const { value, diagnostics } = sealer.seal(file, true);
  assertEquals([value, diagnostics.map(({ severity }) => severity), closed], [undefined, ["error"], [nowhere]]);
  assertThrows(() => file.handle.statSync(), Deno.errors.BadResource);
});

/** The descriptors' content when kexec_file_load is called on two initrds, and how that ended; `flip` comes before it. */
async function handedOver(
  facts: Partial<HostFacts>,
  pinned: boolean,
  flip: boolean,
): Promise<{ readonly kind: string; readonly kernel: string; readonly initrd: string }> {
  const text = (name: string) => new TextEncoder().encode(name.repeat(1000));
  using made = folderWith({ kernel: text("k"), one: text("a"), two: text("b") });
  const [kernel = "", one = "", two = ""] = ["kernel", "one", "two"].map((name) => join(made.folder, name));
  using _shared = mapShared(kernel);
  using changing = mapShared(flip ? one : two);
  using sealer = fileSealer(openLibc, memoryBudget(MOST));
  const ref = (path: string, name: string) => ({ path, ...(pinned ? { sha256: name } : {}) });
  using open = await openImages({
    kernel: ref(kernel, "k"),
    initrd: [ref(one, "a"), ref(two, "b")],
    segments: [],
    programs: [],
  }, { sealer });
  const sums = open.images.initrd.map(({ sha256 }) => sha256);
  const { value: plan } = planBoot({
    profile: profileOf({ load: "kexec_file_load" }),
    facts: hostFacts(facts),
    images: images({
      kernel: kernelFile({ path: kernel }),
      initrd: [initrdFile({ path: one }), initrdFile({ path: two })],
    }),
  });
  assert(plan?.call.syscall === "kexec_file_load");
  const initrd = plan.call.initrd.map((file, index): PlannedFile => ({ ...file, sha256: sums[index] ?? "" }));
  if (flip) changing.flip();
  const handed = { kernel: "", initrd: "" };
  const start = (descriptor: number) => {
    const bytes = Deno.readFileSync(`/proc/self/fd/${descriptor}`);
    return new TextDecoder().decode(bytes.filter((_, index) => index % 1000 === 0));
  };
  using store = await lockStore({ directory: made.folder });
  const { kind } = await carryOut(
    { ...plan, call: { ...plan.call, initrd } },
    { facts: hostFacts(facts), files: open.files },
    store,
    {
      open: () => ({
        ...openLibc(),
        kexecFileLoad(kernel, initrd) {
          Object.assign(handed, { kernel: start(kernel), initrd: start(initrd) });
          return { ok: true, value: 0 };
        },
      }),
    },
  );
  return { kind, ...handed };
}

Deno.test("pinned initrds that change after they were hashed are handed over as they were hashed", async () => {
  assertEquals(await handedOver({}, true, true), { kind: "loaded", kernel: "k", initrd: "ab" });
});

Deno.test("initrds of root's own are joined, and hashed again as joined", { ignore: !isRoot }, async () => {
  assertEquals(await handedOver({}, false, false), { kind: "loaded", kernel: "k", initrd: "ab" });
  assertEquals(await handedOver({}, false, true), { kind: "changed", kernel: "", initrd: "" });
});

const APPRAISES = { inForce: true, rules: parseImaRules("appraise func=KEXEC_INITRAMFS_CHECK") };

Deno.test("where IMA appraises, the joined file is hashed again, of pinned files too", async () => {
  assertEquals(await handedOver({ ima: APPRAISES }, true, true), { kind: "changed", kernel: "", initrd: "" });
});

Deno.test("where IMA appraises, kexec_load gets the sealed copies all the same: it takes no file", async () => {
  const size = 4096;
  using made = folderWith({ payload: new Uint8Array(size).fill(7) });
  const path = join(made.folder, "payload");
  using changing = mapShared(path);
  using sealer = fileSealer(openLibc, memoryBudget(MOST));
  const file = { path, sha256: "7" };
  using open = await openImages({ kernel: undefined, initrd: [], segments: [file], programs: [] }, { sealer });
  const [segment] = open.images.segments ?? [];
  assert(segment !== undefined);
  const { kernel: _, ...profile } = profileOf({
    initrd: [],
    load: "kexec_load",
    entry: 0x100_0000n,
    checksum: false,
    segments: [{ at: 0x100_0000n, source: { kind: "file", file: { path }, offset: 0n } }],
  });
  const facts = hostFacts({ ima: APPRAISES });
  const partDigests = new Map([[partKey({ path, offset: 0, length: size }), segment.sha256]]);
  const { value: plan, diagnostics } = planBoot({ profile, facts, images: open.images, partDigests });
  assert(plan?.call.syscall === "kexec_load", JSON.stringify(diagnostics));
  changing.flip();
  let first: number | undefined;
  using store = await lockStore({ directory: made.folder });
  const { kind } = await carryOut(plan, { facts, files: open.files }, store, {
    open: () => ({
      ...openLibc(),
      kexecLoad(_entry, _count, table) {
        const buffer = new DataView(table?.buffer ?? new ArrayBuffer(0), table?.byteOffset).getBigUint64(0, true);
        const pointer = Deno.UnsafePointer.create(buffer);
        first = pointer === null ? undefined : new Deno.UnsafePointerView(pointer).getUint8();
        return { ok: true, value: 0 };
      },
    }),
  });
  assertEquals([kind, first], ["loaded", 7]);
});
