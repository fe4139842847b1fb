import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { dirname, join } from "@std/path";
import { sha256Of } from "../../src/core/sha256.ts";
import { exitsOf } from "../../src/cli/help.ts";
import { COMMANDS } from "../../src/cli/table.ts";
import { managedMarkOf } from "../../src/profile/managed_profile.ts";
import { findRecord, type ImageSlot } from "../../src/state/record_store.ts";
import {
  type Errno,
  ERRNOS,
  type FailedRun,
  type FailingSystem,
  failingSystem,
  type Operation,
} from "../support/failing_system.ts";
import { digestBytes } from "../../src/core/sha256.ts";
import { cpio } from "../image/build_elf.ts";
import { CAPTURES } from "../host/fixture.ts";
import { kcore } from "../support/kcore.ts";
import { packedKernel, vmlinux } from "../support/small_kernel.ts";

/** Whether each operation fails with each errno, /proc and /sys with one; else each with one, and those are a sample. */
const ALL = Deno.env.get("WARMBOOT_FAULTS_ALL") === "1";

const NAMES = Object.keys(ERRNOS) as Errno[];

const isOfHost = ({ path }: Operation) => /^\/(?:proc\/(?!self\/fd)|sys\/|boot\/config|run\/systemd)/.test(path);

/** Runs a command once for each operation that it makes, which fails; `check` gets each run. */
async function failEach(
  system: FailingSystem,
  args: readonly string[],
  prepare: () => void,
  check: (run: FailedRun, failed: Operation, errno: Errno) => void,
  isMeant: (operation: Operation) => boolean = () => true,
  next: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  prepare();
  const { code, said, operations } = await system.run(args);
  assertEquals(code, 0, said);
  const exits = exitsOf(COMMANDS.find(({ name }) => name === args[0]) ?? { exits: {} }).map((exit) => exit.code);
  for (const [at, failed] of operations.entries()) {
    if (!isMeant(failed) || !ALL && isOfHost(failed) && at % 11 !== 0) continue;
    // The many files of /proc and /sys are all read in one place.
    for (const errno of ALL && !isOfHost(failed) ? NAMES : [NAMES[at % NAMES.length] ?? "EIO"]) {
      prepare();
      const run = await system.run(args, { ...failed, errno });
      const what = `${args[0]}: ${errno} of ${failed.name} ${failed.path}, the ${
        failed.turn + 1
      }.:\n${run.code} ${run.said}`;
      try {
        assert(run.code !== 70 && exits.includes(run.code), "the exit code is not one of the command's");
        if (run.code !== 0 && !isOfHost(failed)) assert(names(run.said, failed), "the message does not name the file");
        check(run, failed, errno);
        await next();
      } catch (error) {
        throw new Error(`${what}\n${error instanceof Error ? error.message : error}`, { cause: error });
      }
    }
  }
}

/** Whether a message names what failed: the file or its folder, or the function of libc. */
function names(said: string, { name, path }: Operation): boolean {
  if (name.startsWith("libc ")) return said.includes(name.slice("libc ".length));
  if (path.startsWith("/run/warmboot")) return said.includes("/run/warmboot");
  return path.startsWith("/proc/self/fd")
    ? /\/boot\/vmlinuz|\/proc\/self\/fd/.test(said)
    : said.includes(dirname(path));
}

/** The command line of the recorded image, or what there is instead of a record. */
function recorded(system: FailingSystem, slot: ImageSlot = "reboot"): string {
  const { found } = system.on(() => findRecord(slot));
  if (found.kind !== "record") return found.kind;
  const { call } = found.record.plan;
  return call.syscall === "kexec_file_load" ? call.cmdline : "segments";
}

function store(system: FailingSystem): readonly string[] {
  return Array.from(Deno.readDirSync(join(system.root, "run/warmboot")), ({ name }) => name).toSorted();
}

/** Writes profiles `old` and `new`, with these lines, and loads the first. */
async function withOld(system: FailingSystem, more = ""): Promise<() => void> {
  const kernel = packedKernel(vmlinux());
  Deno.writeFileSync(join(system.root, "boot/vmlinuz"), kernel);
  for (const name of ["one", "two"]) {
    Deno.writeFileSync(join(system.root, `boot/${name}.img`), cpio([{ name, bytes: new Uint8Array(100) }]));
  }
  for (const name of ["old", "new"]) {
    Deno.writeTextFileSync(
      join(system.root, `${name}.yaml`),
      `version: 1\ncmdline: ${name}\n${more || "kernel: /boot/vmlinuz"}\n`,
    );
  }
  const { code, said } = await system.run(["load", join(system.root, "old.yaml")]);
  assertEquals(code, 0, said);
  return rewind(system);
}

/** Puts records and image back as they are now. */
function rewind(system: FailingSystem): () => void {
  const folder = join(system.root, "run/warmboot");
  const files = store(system).map((name) => [join(folder, name), Deno.readFileSync(join(folder, name))] as const);
  const { image, crashImage } = system;
  return () => {
    Deno.removeSync(folder, { recursive: true });
    Deno.mkdirSync(folder);
    for (const [path, bytes] of files) Deno.writeFileSync(path, bytes);
    system.image = image;
    system.crashImage = crashImage;
  };
}

Deno.test("load: whatever fails, the record is that of the loaded image, or the message says what is loaded", async () => {
  using system = failingSystem();
  const prepare = await withOld(system);
  await failEach(system, ["load", join(system.root, "new.yaml")], prepare, ({ code, said }, failed) => {
    if (failed.name === "handle unlockSync") {
      assertEquals(code, 0);
      assertMatch(said, /^warning: Cannot unlock \/run\/warmboot\/lock: /m);
    }
    if (system.image === "old") {
      assert(code !== 0);
      assertEquals([recorded(system), store(system)], ["old", ["lock", "reboot.json"]]);
    } else if (system.image === undefined) {
      assertEquals([code, recorded(system)], [74, "none"]);
      assertStringIncludes(said, "It was unloaded again");
    } else if (code !== 0) {
      assertEquals(code, 74);
      assertMatch(said, /^error: The image is loaded, but .*\n {2}hint: Unload it with: warmboot unload\n/m);
      assertEquals(recorded(system), "interrupted");
    } else {
      assertEquals([recorded(system), store(system)], ["new", ["lock", "reboot.json"]]);
    }
  });
});

Deno.test("unload: whatever fails, a record that is left is one that the message names", async () => {
  using system = failingSystem();
  const prepare = await withOld(system);
  await failEach(system, ["unload"], prepare, ({ code, said }) => {
    if (system.image === "old") {
      assert(code !== 0);
      assertEquals(recorded(system), "old");
    } else if (code === 0) {
      assertEquals(store(system), ["lock"]);
    } else {
      assertEquals(code, 74);
      assertMatch(said, /^error: The image is unloaded, but its record is still there\. /m);
    }
  });
});

Deno.test("exec --now: whatever fails, the image and its record stay", async () => {
  using system = failingSystem();
  const prepare = await withOld(system);
  await failEach(system, ["exec", "--now"], prepare, () => {
    assertEquals([system.image, recorded(system), store(system)], ["old", "old", ["lock", "reboot.json"]]);
  });
});

Deno.test("load of pinned files and joined initrds: the copies and the joined file may fail, too", async () => {
  using system = failingSystem();
  const pinned = `kernel: { path: /boot/vmlinuz, sha256: ${await digestBytes(packedKernel(vmlinux()))} }`;
  const prepare = await withOld(system, `${pinned}\ninitrd: [/boot/one.img, /boot/two.img]\nload: kexec_file_load`);
  await failEach(system, ["load", join(system.root, "new.yaml")], prepare, ({ code, said }) => {
    if (system.image === "old") {
      assert(code !== 0);
      assertEquals([recorded(system), store(system)], ["old", ["lock", "reboot.json"]]);
    } else if (system.image === "new" && code !== 0) {
      assertMatch(said, /^error: The image is loaded, but /m);
    }
  }, ({ name }) => name.startsWith("libc ") || name.startsWith("handle "));
});

const CRASH_HOST = {
  "/proc/iomem": String(CAPTURES.get("bios-vm")?.files["/proc/iomem"]).replace(
    "7ffdc000-7fffffff",
    "  30000000-4fffffff : Crash kernel\n7ffdc000-7fffffff",
  ),
  "/sys/kernel/kexec_crash_size": "536870912\n",
  "/proc/kcore": {
    base64: kcore(
      [0xffff_ffff_9ae0_0000n, 0x1ae0_0000n, 0x280_0000n],
      [0xffff_9a31_0000_1000n, 0x1000n, 0x9_e000n],
      [0xffff_9a31_0010_0000n, 0x10_0000n, 0x7fed_c000n],
    ).toBase64(),
  },
};

for (const call of ["kexec_file_load", "kexec_load"]) {
  Deno.test(`load of a crash kernel by ${call}: whatever fails, the message says whether one is loaded`, async () => {
    using system = failingSystem(CRASH_HOST);
    const prepare = await withOld(system, `kernel: /boot/vmlinuz\ncrash: true\nload: ${call}`);
    const was = system.crashImage;
    assert(was !== undefined);
    const old = recorded(system, "crash");
    await failEach(system, ["load", join(system.root, "new.yaml")], prepare, ({ code, said }) => {
      const now = recorded(system, "crash");
      if (system.crashImage === undefined) {
        assert(code !== 0 && now === "none", now);
        assertMatch(said, /[Nn]o crash kernel is loaded now/);
      } else if (code === 0) {
        assertEquals([now, store(system)], [call === "kexec_load" ? "segments" : system.crashImage, [
          "crash.json",
          "lock",
        ]]);
      } else if (now !== old || /The image is loaded, but/.test(said)) {
        assertMatch(
          said,
          /^error: The image is loaded, but .*\n {2}hint: Unload it with: warmboot unload --crash\n/m,
        );
      }
    });
  });
}

Deno.test("exec, and load --exec, refuse where no init system can be asked, and load nothing", async () => {
  using system = failingSystem({ "/proc/1/comm": "launcher\n" });
  Deno.removeSync(join(system.root, "run/systemd/system"));
  await withOld(system);
  for (const args of [["exec"], ["exec", "--dry-run"], ["load", join(system.root, "new.yaml"), "--exec"]]) {
    const { code, said, started } = await system.run(args);
    assertEquals([code, started, system.image, recorded(system)], [69, [], "old", "old"], said);
    assertMatch(said, /PID 1 is `launcher`, which warmboot cannot ask to stop services/);
    assertMatch(said, /warmboot exec --now/);
  }
});

Deno.test("exec: systemd is not asked where the record cannot be read, and the image may return", async () => {
  using system = failingSystem(PAYLOAD_HOST);
  const profile = new URL("../../examples/preserve.yaml", import.meta.url).pathname;
  assertEquals((await system.run(["load", profile])).code, 0);
  const { operations } = await system.run(["exec", "--dry-run"]);
  const reads = operations.filter(({ name, path }) => name === "readTextFileSync" && path.startsWith("/run/warmboot"));
  assertEquals(reads.length, 2);
  for (const failed of reads.slice(1)) {
    const { code, said, started } = await system.run(["exec"], { ...failed, errno: "EIO" });
    assertEquals([code, started], [69, []], said);
    assertMatch(
      said,
      /^error: What is loaded is not known: \/run\/warmboot\/reboot.json cannot be read: .*EIO|os error 5/m,
    );
  }
});

const PAYLOAD_HOST = {
  "/proc/sys/kernel/osrelease": "6.14.0-1-amd64\n",
  "/boot/config-6.14.0-1-amd64": "CONFIG_KEXEC_CORE=y\nCONFIG_KEXEC=y\nCONFIG_KEXEC_FILE=y\nCONFIG_KEXEC_JUMP=y\n",
};

Deno.test("load and exec of a payload that returns: whatever fails, the record stays whole", async () => {
  using system = failingSystem(PAYLOAD_HOST);
  const profile = new URL("../../examples/preserve.yaml", import.meta.url).pathname;
  const nothing = () => {
    for (const name of store(system)) Deno.removeSync(join(system.root, "run/warmboot", name));
    system.image = undefined;
  };
  Deno.mkdirSync(join(system.root, "run/warmboot"));
  await failEach(system, ["load", profile], nothing, ({ code, said }) => {
    const was = [system.image, recorded(system)];
    if (code === 0) assertEquals(was, ["segments", "segments"]);
    else if (system.image === undefined) assertEquals(was, [undefined, "none"]);
    else assertMatch(said, /^error: The image is loaded, but /m);
  });
  nothing();
  assertEquals((await system.run(["load", profile])).code, 0);
  await failEach(system, ["exec"], rewind(system), () => {
    assertEquals([system.image, recorded(system), store(system)], ["segments", "segments", ["lock", "reboot.json"]]);
  });
});

/** The files below a folder with their contents, by path. */
function contentOf(folder: string): ReadonlyMap<string, string> {
  return new Map(
    Array.from(Deno.readDirSync(folder)).flatMap(({ name, isDirectory }) => {
      const path = join(folder, name);
      return isDirectory ? [...contentOf(path)] : [[path, Deno.readTextFileSync(path)] as const];
    }),
  );
}

function putBack(folder: string, files: ReadonlyMap<string, string>): void {
  Deno.removeSync(folder, { recursive: true });
  for (const [path, text] of files) {
    Deno.mkdirSync(dirname(path), { recursive: true });
    Deno.writeTextFileSync(path, text);
  }
}

/** Writes an unpacked release, and makes it the one that runs. */
function release(folder: string, text: string): void {
  const files = { "bin/warmboot": `program ${text}`, "lib/warmboot/cli.js": text, "share/man/man8/warmboot.8": text };
  for (const [path, content] of Object.entries(files)) {
    Deno.mkdirSync(dirname(join(folder, path)), { recursive: true });
    Deno.writeTextFileSync(join(folder, path), content);
  }
  const sums = Object.entries(files).map(([path, content]) => `${sha256Of(content)}  ${path}\n`);
  Deno.writeTextFileSync(join(folder, "SHA256SUMS"), sums.join(""));
  Object.defineProperty(Deno, "mainModule", {
    value: `file://${folder}/lib/warmboot/cli.js`,
    configurable: true,
    writable: true,
  });
}

Deno.test("install: whatever fails, each file is the old one or the new one, and the next installation ends it", async () => {
  using system = failingSystem();
  const started = Deno.mainModule;
  try {
    const dest = join(system.root, "dest");
    const args = ["install", "--destdir", dest, "--prefix", "/usr"];
    release(join(system.root, "release"), "old");
    assertEquals((await system.run(args)).code, 0);
    const before = contentOf(dest);
    release(join(system.root, "release"), "new, and longer");
    assertEquals((await system.run(args)).code, 0);
    const after = contentOf(dest);
    const manifest = join(dest, "usr/lib/warmboot/manifest.json");
    await failEach(
      system,
      args,
      () => putBack(dest, before),
      () => {
        for (const [path, text] of contentOf(dest)) {
          if (path === manifest) JSON.parse(text);
          else assert(text === before.get(path) || text === after.get(path), `${path} is neither old nor new`);
        }
      },
      undefined,
      async () => {
        assertEquals((await system.run(args)).code, 0);
        assertEquals(contentOf(dest), after);
      },
    );
  } finally {
    Object.defineProperty(Deno, "mainModule", { value: started, configurable: true, writable: true });
  }
});

Deno.test("refresh: whatever fails, the profile is the old one or the new one", async () => {
  using system = failingSystem();
  const folder = join(system.root, "etc/warmboot");
  Deno.mkdirSync(folder, { recursive: true });
  const kernel = (release: string) =>
    Deno.writeFileSync(join(system.root, `boot/vmlinuz-${release}`), packedKernel(vmlinux()));
  const args = ["refresh", "--root", system.root];
  kernel("6.1.0-41-amd64");
  const made = await system.run([
    "init",
    "--newest",
    "--follow",
    "--pin",
    "--root",
    system.root,
    "--out",
    join(folder, "next.yaml"),
  ]);
  assertEquals(made.code, 0, made.said);
  const before = contentOf(folder);
  kernel("6.1.0-99-amd64");
  assertEquals((await system.run(args)).code, 0);
  const after = contentOf(folder);
  assert([...before.values()][0] !== [...after.values()][0]);
  await failEach(system, args, () => putBack(folder, before), ({ code }, _failed, errno) => {
    const found = contentOf(folder);
    // A kernel that this user may not see is not there, or is known by its name alone: the text is whole, and another one.
    if (errno === "EACCES") {
      for (const text of found.values()) assert(managedMarkOf(text)?.isIntact);
      return;
    }
    const written = [...found.values()].join() === [...after.values()].join();
    assertEquals(found, written ? after : before);
    if (code === 0) assert(written);
  });
});
