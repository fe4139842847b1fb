import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { carryOut } from "../../src/app/carry_out.ts";
import { closeFile, type OpenFile, openFile } from "../../src/app/files/open_file.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { findRecord, lockStore } from "../../src/state/record_store.ts";
import { crashHost } from "../support/crash_host.ts";
import { fakeLibc } from "../support/fake_libc.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, kernelFile, profileOf } from "../support/profiles.ts";
import { genuines } from "../fuzz/forgery.ts";
import { listed, vmlinux } from "../support/small_kernel.ts";

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
