/** What is undone with an image that is unloaded, and by which call. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { execLoaded } from "../../src/app/exec.ts";
import { unload } from "../../src/app/unload.ts";
import { parseGrubenv } from "../../src/entry/grubenv.ts";
import { findRecord } from "../../src/state/record_store.ts";
import { type FailingSystem, type Fault, withPrograms } from "../support/failing_system.ts";
import { changeLibc, failures, load, loadableSystem, RESERVATION, WATCHDOG } from "../support/loadable_system.ts";

const SYSTEMD = { kind: "ask", init: "systemd", command: ["systemctl", "kexec"], hook: false } as const;
const ATTEMPTS = "var/lib/warmboot/attempts";
const [EACCES, ENOSYS] = [13, 38];

/** How an unload ended, and what the caller heard. */
async function unloaded(on: FailingSystem, crash = false, fault?: Fault) {
  const heard: string[] = [];
  const events = {
    onChange: () => void heard.push("changed"),
    onTakenBack: (text: string) => void heard.push(text),
    onWarning: (text: string) => void heard.push(`warning: ${text}`),
  };
  const { kind } = await on.on(() => unload(crash, events), fault);
  return [kind, ...heard];
}

/** A host that goes on to its image, for which the boot loader was asked; `file` is its environment block. */
async function leaving(): Promise<FailingSystem & { readonly file: string }> {
  const on = loadableSystem(RESERVATION, { crash: "crash: true" });
  await load(on, "web");
  await on.on(() => execLoaded(SYSTEMD));
  const file = join(on.root, "grubenv");
  Deno.writeTextFileSync(file, "# GRUB Environment Block\nnext_entry=old\n".padEnd(1024, "#"));
  const [entry] = Array.from(Deno.readDirSync(join(on.root, ATTEMPTS)));
  assert(entry !== undefined);
  const path = join(on.root, ATTEMPTS, entry.name);
  const attempt = JSON.parse(Deno.readTextFileSync(path));
  Deno.writeTextFileSync(path, JSON.stringify({ ...attempt, oneShot: { loader: "GRUB", entry: "old", file } }));
  return Object.assign(on, { file });
}

const pending = (file: string): string | undefined => parseGrubenv(Deno.readTextFileSync(file))?.get("next_entry");
const TAKEN_BACK = "GRUB is no longer asked to boot `old` once";

Deno.test("what the boot loader was asked is taken back with the image, loaded or not; a crash image has nothing of it", async () => {
  using on = await leaving();
  on.crashImage = "foreign";
  assertEquals([await unloaded(on, true), pending(on.file)], [["unloaded", "changed"], "old"]);
  assertEquals([await unloaded(on, true), pending(on.file)], [["nothing-loaded"], "old"]);
  assertEquals([await unloaded(on), pending(on.file)], [["unloaded", "changed", "changed", TAKEN_BACK], undefined]);

  using gone = await leaving();
  gone.image = undefined;
  assertEquals([await unloaded(gone), pending(gone.file)], [["nothing-loaded", "changed", TAKEN_BACK], undefined]);

  using broken = await leaving();
  Deno.renameSync(broken.file, `${broken.file}.real`);
  Deno.symlinkSync(`${broken.file}.real`, broken.file);
  const [kind, ...heard] = await unloaded(broken);
  assertEquals([kind, heard.length, pending(broken.file)], ["unloaded", 2, "old"]);
  assert(heard[1]?.startsWith("warning: GRUB is perhaps still asked"), heard[1]);
});

Deno.test("what is taken back of the boot loader is said by the command", async () => {
  using on = await leaving();
  const { code, said } = await on.run(["unload"]);
  assertEquals([code, ...said.trimEnd().split("\n").toSorted()], [0, TAKEN_BACK, "Unloaded the image"]);
});

Deno.test("an image that the kernel keeps leaves everything as it is", async () => {
  using on = await leaving();
  const fault = { name: "libc kexec_file_load", path: "", turn: 0, errno: "EACCES" } as const;
  assertEquals([await unloaded(on, false, fault), pending(on.file)], [["refused"], "old"]);
  assertEquals(on.on(() => findRecord("reboot")).found.kind, "record");
});

Deno.test("a record that cannot be removed is told; the image is gone all the same", async () => {
  using on = await leaving();
  const fault = { name: "removeSync", path: "/run/warmboot/reboot.json", turn: 0, errno: "EIO" } as const;
  assertEquals(await unloaded(on, false, fault), ["still-recorded", "changed", "changed", TAKEN_BACK]);
  assertEquals(on.image, undefined);
});

Deno.test("a kernel without kexec_file_load is asked by kexec_load, and only such a kernel", async () => {
  using on = loadableSystem(RESERVATION, { crash: "crash: true" });
  for (const crash of [false, true]) {
    for (const errno of [ENOSYS, EACCES]) {
      await load(on, crash ? "crash" : "web");
      const asked: unknown[] = [];
      const { kind } = await on.on(() => {
        changeLibc((own) => {
          const { refuse, memcpy } = failures(own);
          return {
            memcpy,
            "kexec_file_load": () => {
              asked.push("kexec_file_load");
              return BigInt(refuse(errno));
            },
            "kexec_load": (...[number, entry, count, segments, flags]: Parameters<typeof own.kexec_load>) => {
              asked.push([count, flags]);
              return own.kexec_load(number, entry, count, segments, flags);
            },
          };
        });
        return unload(crash);
      });
      // KEXEC_ON_CRASH is 1.
      const more = errno === ENOSYS ? [[0n, crash ? 1n : 0n]] : [];
      assertEquals([kind, asked], [more.length > 0 ? "unloaded" : "refused", ["kexec_file_load", ...more]]);
      assertEquals((crash ? on.crashImage : on.image) === undefined, more.length > 0);
    }
  }
});

Deno.test("systemd gets its own watchdog back with the guarded image, and not with a crash image", async () => {
  using on = loadableSystem({ ...RESERVATION, ...WATCHDOG }, {
    crash: "crash: true",
    guarded: "cmdline: quiet\nguard: { watchdog: 2min }",
  });
  const asked = (crash: boolean) =>
    withPrograms({ stdout: "t 5000000\n" }, async () => {
      const [kind] = await unloaded(on, crash);
      return [kind, ...on.started.flatMap((args) => args.split(" KExecWatchdogUSec").slice(1))];
    });
  await withPrograms({ stdout: "t 5000000\n" }, () => load(on, "guarded"));
  await load(on, "crash");
  assertEquals(await asked(true), ["unloaded"]);
  assertEquals(await asked(false), ["unloaded", " t 5000000"]);
});
