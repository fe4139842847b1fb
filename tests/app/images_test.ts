import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import type { Sealer } from "../../src/app/files/seal_files.ts";
import type { CapturedFiles } from "../../src/app/image_file.ts";
import { openImages } from "../../src/app/images.ts";
import { sha256Of } from "../../src/core/sha256.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { parseImaRules } from "../../src/host/ima.ts";
import { type Libc, LibcError } from "../../src/syscall/libc.ts";
import { ascii, bzImage, peFile } from "../image/build.ts";
import { cpio } from "../image/build_elf.ts";
import { openBelow } from "../support/descriptors.ts";
import { withEnvironment } from "../support/environment.ts";
import { fakeLibc } from "../support/fake_libc.ts";
import { hostFacts } from "../support/host_facts.ts";
import { withFiles } from "../support/temp_files.ts";

Deno.test("a file that is named twice is opened and hashed once, and stands twice in the images", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const [kernel, initrd] = [{ path: join(folder, "vmlinuz") }, { path: join(folder, "initrd") }];
    Deno.writeFileSync(kernel.path, bzImage());
    Deno.writeTextFileSync(initrd.path, "070701");
    const pinned = { ...initrd, sha256: "0".repeat(64) };
    const hashed: string[] = [];
    const names = { kernel, initrd: [initrd, kernel, pinned], segments: [], programs: [] };
    using opened = await openImages(names, { onReading: (path) => void hashed.push(path) });
    assertEquals(opened.diagnostics, []);
    assertEquals(hashed.toSorted(), [initrd.path, kernel.path].toSorted());
    assertEquals(opened.files.map(({ path }) => path), [kernel.path, initrd.path]);
    const { images } = opened;
    assertEquals(images.initrd.map(({ path, pinned }) => [path, pinned !== undefined]), [
      [initrd.path, false],
      [kernel.path, false],
      [initrd.path, true],
    ]);
    assertEquals(images.initrd[0]?.sha256, images.initrd[2]?.sha256);
    assertEquals(images.initrd[1]?.sha256, images.kernel?.sha256);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

const NO_MORE = { segments: [], programs: ["/init"] } as const;

/** Files of these names: a kernel, and initrds. */
async function inFolder<T>(look: (at: (name: string) => string, root: string) => Promise<T>): Promise<T> {
  const files = { vmlinuz: bzImage(), "a.img": cpio([{ name: "init", bytes: new Uint8Array(1) }]), "b.img": "070701" };
  return await withFiles(files, (root) => look((name) => join(root, name), root));
}

Deno.test("a file has a digest to hold to if it is pinned anywhere, and each file of a stored plan has", async () => {
  await inFolder(async (at) => {
    const sealed = async (hasDigests: boolean) => {
      const seen: unknown[] = [];
      const sealer: Sealer = {
        seal(file, hasDigest) {
          seen.push(hasDigest);
          return { value: file, diagnostics: [] };
        },
        [Symbol.dispose]() {},
      };
      const initrd = [{ path: at("a.img") }, { path: at("b.img") }, { path: at("a.img"), sha256: "0".repeat(64) }];
      using _ = await openImages({ ...NO_MORE, kernel: { path: at("vmlinuz") }, initrd }, { sealer, hasDigests });
      return seen;
    };
    assertEquals([await sealed(false), await sealed(true)], [[false, true, false], [true, true, true]]);
  });
});

Deno.test("files are added to initrds under names of their own, but not where one of these is missing", async () => {
  await inFolder(async (at) => {
    const files = (path: string) => ({
      files: [{ path, secret: false, content: { kind: "text", text: "x" } }],
    } as const);
    const open = async (first: string) => {
      const read: string[] = [];
      const items = [{ path: at(first) }, files("/etc/a"), { path: at("a.img") }, files("/etc/b")];
      using opened = await openImages({ ...NO_MORE, kernel: { path: at("vmlinuz") }, initrd: items }, {
        onReading: (path) => void read.push(path),
      });
      return {
        overlays: opened.overlays.map(({ path, entries }) => [path, entries.map(({ name }) => name)]),
        initrd: opened.images.initrd.map(({ path }) => path.split("/").at(-1)),
        codes: opened.diagnostics.map(({ code }) => code),
        isRead: read.length > 0,
      };
    };
    assertEquals(await open("a.img"), {
      overlays: [["files:1", ["etc", "etc/a"]], ["files:2", ["etc/b"]]],
      initrd: ["a.img", "files:1", "a.img", "files:2"],
      codes: [],
      isRead: true,
    });
    assertEquals(await open("gone.img"), { overlays: [], initrd: [], codes: ["file-missing"], isRead: false });
  });
});

Deno.test("a file that is missing is told at its place in the profile", async () => {
  await inFolder(async (at) => {
    const gone = (name: string) => ({ path: at(`gone-${name}`) });
    const names = {
      kernel: gone("kernel"),
      initrd: [{ path: at("a.img") }, gone("initrd")],
      dtb: gone("dtb"),
      modules: [{ path: at("b.img") }, gone("module")],
      segments: [{ path: at("vmlinuz") }, gone("segment")],
    };
    using opened = await openImages({ ...NO_MORE, ...names });
    assertEquals(opened.diagnostics.map(({ path }) => path), [
      ["kernel"],
      ["initrd", 1],
      ["dtb"],
      ["modules", 1],
      ["segments", 1, "file"],
    ]);
  });
});

Deno.test("what IMA looks at is read on the very host that appraises, and only there", async () => {
  await inFolder(async (at) => {
    const ima = { inForce: true, rules: parseImaRules("appraise func=KEXEC_KERNEL_CHECK") };
    const labels = async (facts: HostFacts | undefined, captured: CapturedFiles | undefined, open: () => Libc) => {
      let opens = 0;
      const options = {
        facts,
        captured,
        open: () => {
          opens++;
          return open();
        },
      };
      using opened = await openImages({ ...NO_MORE, kernel: { path: at("vmlinuz") }, initrd: [] }, options);
      return [opens, opened.images.kernel?.label !== undefined];
    };
    const none = () => {
      throw new LibcError("No permission");
    };
    assertEquals(await labels(hostFacts({ ima }), undefined, fakeLibc), [1, true]);
    assertEquals(await labels(hostFacts({ ima }), undefined, none), [1, false]);
    assertEquals(await labels(hostFacts({ ima }), { images: undefined }, fakeLibc), [0, false]);
    assertEquals(await labels(hostFacts({ lsm: ["loadpin"] }), undefined, fakeLibc), [0, false]);
    assertEquals(await labels(undefined, undefined, fakeLibc), [0, false]);
    await assertRejects(() =>
      labels(hostFacts({ ima }), undefined, () => {
        throw new TypeError("defect");
      }), TypeError);
  });
});

Deno.test("what IMA looks at of a captured file is what was captured of it", async () => {
  await inFolder(async (at) => {
    const bytes = bzImage();
    const label = { owner: 1000, group: 100, fsMagic: 0xef53, appended: true };
    const ranges = [{ offset: 0, base64: bytes.toBase64() }];
    const image = { size: bytes.length, sha256: sha256Of(bytes), ranges, parts: [], label };
    const captured = { images: { [at("vmlinuz")]: image } };
    using opened = await openImages({ ...NO_MORE, kernel: { path: at("vmlinuz") }, initrd: [] }, { captured });
    assertEquals(opened.images.kernel?.label, label);
  });
});

Deno.test("every file is closed in the end; a limit of the environment that is none is told", async () => {
  await inFolder(async (at, root) => {
    const names = {
      ...NO_MORE,
      kernel: { path: at("vmlinuz") },
      initrd: [{ path: at("a.img") }, { path: at("b.img") }],
    };
    {
      using opened = await openImages(names);
      assertEquals([openBelow(root).length, opened.diagnostics], [3, []]);
    }
    assertEquals(openBelow(root), []);
    await withEnvironment({ WARMBOOT_INITRD_LIMIT: "much" }, async () => {
      using opened = await openImages(names);
      assertEquals(opened.diagnostics.map(({ code }) => code), ["wrong-type"]);
    });
  });
});

Deno.test("a device tree that is far too large, or none at all, is one with a fault", async () => {
  await inFolder(async (at) => {
    Deno.writeFileSync(at("large.dtb"), new Uint8Array());
    Deno.truncateSync(at("large.dtb"), (16 << 20) + 1);
    Deno.writeTextFileSync(at("none.dtb"), "no tree");
    const fault = async (name: string) => {
      using opened = await openImages({
        ...NO_MORE,
        kernel: { path: at("vmlinuz") },
        initrd: [],
        dtb: { path: at(name) },
      });
      const info = opened.images.dtb?.info;
      return info?.kind === "fault" ? info.why : info?.kind;
    };
    assertEquals(await fault("large.dtb"), "is far larger than any");
    assertEquals((await fault("none.dtb")) === undefined, false);
  });
});

Deno.test("of a unified kernel image that a kernel is a part of, the signature is read, here none that can be, and nothing of an unsigned one", async () => {
  const uki = (certificate: number) =>
    peFile({ sections: [{ name: ".cmdline", bytes: ascii("ro") }, { name: ".linux", bytes: bzImage() }], certificate });
  await withFiles({ "signed.efi": uki(16), "unsigned.efi": uki(0) }, async (root) => {
    const found = async (name: string) => {
      using opened = await openImages({ ...NO_MORE, kernel: { path: `${root}/${name}/.linux` }, initrd: [] });
      const { uki, kernel } = opened.images;
      assertEquals(kernel?.image, uki?.path);
      return [opened.diagnostics, uki?.path, uki?.content?.kind];
    };
    assertEquals(await found("unsigned.efi"), [[], `${root}/unsigned.efi`, undefined]);
    assertEquals(await found("signed.efi"), [[], `${root}/signed.efi`, "damaged"]);
  });
});
