import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { gzipSync } from "node:zlib";
import { captureImages } from "../../src/app/capture_images.ts";
import { type PlanSource, prepareFrom } from "../../src/app/prepare.ts";
import { defineProfile, type Plan, planText } from "../../mod.ts";
import { joined } from "../image/build.ts";
import { header1 } from "../image/build_multiboot.ts";
import { hostFacts } from "../support/host_facts.ts";

const IMAGE = joined(header1(3, [0x10_0000, 0x10_0000, 0, 0x10_4000], 0x10_0020), new Uint8Array(3000).fill(0x90));
const HOST = { facts: hostFacts(), diagnostics: [] };

/** A folder with an image, packed or not, and two modules. */
async function inFolder<T>(isPacked: boolean, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-multiboot-" });
  try {
    Deno.writeFileSync(join(folder, "image"), isPacked ? gzipSync(IMAGE) : IMAGE);
    Deno.writeTextFileSync(join(folder, "one"), "first");
    Deno.writeTextFileSync(join(folder, "two"), "second");
    return await use(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function source(folder: string, pin?: string): PlanSource {
  const { value: profile, diagnostics } = defineProfile({
    kernel: join(folder, "image"),
    cmdline: "x",
    modules: [
      { path: join(folder, "one"), cmdline: "a b", ...(pin === undefined ? {} : { sha256: pin }) },
      join(folder, "two"),
    ],
  });
  assert(profile !== undefined, JSON.stringify(diagnostics));
  return { kind: "profile", profile, files: [], place: (diagnostic) => diagnostic };
}

async function planned(folder: string, pin?: string): Promise<Plan> {
  using prepared = await prepareFrom(source(folder, pin), HOST);
  assert(prepared.plan !== undefined, JSON.stringify(prepared.diagnostics));
  return prepared.plan;
}

for (const isPacked of [false, true]) {
  Deno.test(`a Multiboot image${isPacked ? ", packed," : ""} and its modules are read, planned, stored and captured`, async () => {
    await inFolder(isPacked, async (folder) => {
      const plan = await planned(folder);
      const { call } = plan;
      assert(call.syscall === "kexec_load");
      assertEquals(call.segments.map(({ name, source }) => [name, source.kind]), [
        ["kernel", isPacked ? "unpacked" : "file"],
        ["module 1", "file"],
        ["module 2", "file"],
        ["multiboot_info", "bytes"],
        ["purgatory", "bytes"],
      ]);
      assertEquals(call.files.map(({ about }) => about.replace(/entry .*?(, |$)/, "$1")), [
        `Multiboot 1 image, flat, ${isPacked ? ", gzip-compressed" : ""}`,
        "Multiboot module",
        "Multiboot module",
      ]);
      assertEquals(plan.checks.filter(({ status }) => status === "fail"), []);
      assertEquals(plan.declared?.modules, [
        { path: join(folder, "one"), cmdline: "a b" },
        { path: join(folder, "two"), cmdline: "" },
      ]);
      using again = await prepareFrom({ kind: "plan", plan }, HOST);
      assertEquals(again.plan?.checks[0]?.status, "pass", again.plan?.checks[0]?.message);
      // The same plan comes of a capture, where the files are not.
      const profile = join(folder, "p.yaml");
      Deno.writeTextFileSync(
        profile,
        "version: 1\nkernel: image\ncmdline: x\nmodules: [{ path: one, cmdline: a b }, two]\n",
      );
      const { images, diagnostics } = await captureImages([profile], HOST.facts);
      assertEquals(diagnostics, []);
      for (const name of ["image", "one", "two"]) Deno.removeSync(join(folder, name));
      using captured = await prepareFrom(source(folder), { ...HOST, captured: { images } });
      assert(captured.plan !== undefined, JSON.stringify(captured.diagnostics));
      assertEquals(planText(captured.plan), planText(plan));
    });
  });
}

Deno.test("a stored plan is refused where a module or its command line has changed", async () => {
  await inFolder(false, async (folder) => {
    const plan = await planned(folder);
    assert(plan.declared !== undefined);
    const [first, second] = plan.declared.modules ?? [];
    assert(first !== undefined && second !== undefined);
    const forged = { ...plan, declared: { ...plan.declared, modules: [{ ...first, cmdline: "a c" }, second] } };
    using other = await prepareFrom({ kind: "plan", plan: forged }, HOST);
    assertEquals([other.plan?.checks[0]?.rule, other.plan?.checks[0]?.status], ["stored-plan", "fail"]);
    Deno.writeTextFileSync(join(folder, "two"), "third!");
    using changed = await prepareFrom({ kind: "plan", plan }, HOST);
    assertStringIncludes(changed.plan?.checks[0]?.message ?? "", `the SHA-256 of ${join(folder, "two")} changed`);
  });
});

Deno.test("a module is held to its pin", async () => {
  await inFolder(false, async (folder) => {
    const check = (plan: Plan) => plan.checks.find(({ rule }) => rule === "pinned-digest");
    assertEquals(check(await planned(folder, "0".repeat(64)))?.status, "fail");
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode("first"))).toHex();
    assertEquals(check(await planned(folder, digest))?.status, "pass");
  });
});

Deno.test("a missing module is named by its place in the profile", async () => {
  await inFolder(false, async (folder) => {
    Deno.removeSync(join(folder, "two"));
    using prepared = await prepareFrom(source(folder), HOST);
    assertEquals(prepared.diagnostics.map(({ path }) => path), [["modules", 1]]);
  });
});

Deno.test("an image that is its own module is captured as the image that it is", async () => {
  await inFolder(false, async (folder) => {
    const profile = join(folder, "p.yaml");
    Deno.writeTextFileSync(profile, "version: 1\nkernel: image\ncmdline: x\nmodules: [image]\n");
    const { images, diagnostics } = await captureImages([profile], HOST.facts);
    assertEquals(diagnostics, []);
    assertEquals(images[join(folder, "image")]?.ranges.map(({ offset }) => offset), [0]);
  });
});
