import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { openImages } from "../../src/app/images.ts";
import { planFiles } from "../../src/app/named_files.ts";
import { planProfile, planStored } from "../../src/app/plan_profile.ts";
import { prepareFrom } from "../../src/app/prepare.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { bootDigest } from "../../src/plan/stamp.ts";
import { bzImage } from "../image/build.ts";
import { withEnvironment } from "../support/environment.ts";
import { failingSystem } from "../support/failing_system.ts";
import { hostFacts } from "../support/host_facts.ts";
import { profileOf } from "../support/profiles.ts";
import { packedKernel, vmlinux } from "../support/small_kernel.ts";
import { withFiles } from "../support/temp_files.ts";

Deno.test("a stored plan whose explicit segments claim the other call is refused, as any edited plan", async () => {
  const path = Deno.makeTempFileSync();
  Deno.writeFileSync(path, new Uint8Array(5000));
  try {
    const host = { facts: hostFacts(), diagnostics: [] };
    const profile = profileOf({
      initrd: [],
      entry: 0x400_0000n,
      segments: [{ at: 0x400_0000n, source: { kind: "file", file: { path }, offset: 16n, length: 100n } }],
      stated: ["version", "segments", "entry"],
    });
    const { kernel: _, ...rest } = profile;
    using planned = await prepareFrom(
      { kind: "profile", profile: rest, files: [], place: (diagnostic) => diagnostic },
      host,
    );
    const { plan } = planned;
    assert(plan?.declared !== undefined, JSON.stringify(planned.diagnostics));
    const forged = { ...plan, declared: { ...plan.declared, load: "kexec_file_load" as const } };
    using prepared = await prepareFrom({ kind: "plan", plan: forged }, host);
    const failed = prepared.plan?.checks.find(({ status }) => status === "fail");
    assertEquals(failed?.rule, "stored-plan");
    assertStringIncludes(failed?.message ?? "", "reasons");
  } finally {
    Deno.removeSync(path);
  }
});

/** Uses the kernel file of a profile, open; `from` are its bytes. */
async function withKernel(
  from: Uint8Array,
  use: (kernel: Awaited<ReturnType<typeof openImages>>, path: string) => Promise<void>,
): Promise<void> {
  await withFiles({}, async (root) => {
    const path = `${root}/vmlinuz`;
    Deno.writeFileSync(path, from);
    using opened = await openImages({ kernel: { path }, initrd: [], segments: [], programs: [] });
    await use(opened, path);
  });
}

/** The first check of a plan, with those of its other ones that failed. */
function verdict(plan: Plan | undefined): unknown {
  const [first, ...others] = plan?.checks ?? [];
  const failed = others.filter(({ status }) => status === "fail").map(({ rule }) => rule);
  return [first?.rule, first?.status, ...failed.filter((rule) => rule === "attempt-failed")];
}

Deno.test("a stored plan is held to the attempts of the host, whether it still fits or not", async () => {
  await withKernel(bzImage(), async (opened, path) => {
    const profile = profileOf({ kernel: { path }, initrd: [] });
    const { value: plan } = await planProfile(profile, hostFacts(), opened, undefined);
    assert(plan !== undefined);
    const failed = [{ plan: bootDigest(plan.call), askedAt: "2026-11-29T05:00:00Z", how: "fell back" }];
    const again = async (of: Plan, hostname: string | undefined, given?: typeof failed) => {
      const facts = hostFacts(hostname === undefined ? {} : { hostname });
      const found = await planStored(of, facts, opened, undefined, given);
      assertEquals(found.diagnostics, []);
      return verdict(found.value);
    };
    assertEquals(await again(plan, undefined), ["stored-plan", "pass"]);
    assertEquals(await again(plan, undefined, failed), ["stored-plan", "pass", "attempt-failed"]);
    assertEquals(await again(plan, "elsewhere"), ["stored-plan", "fail"]);
    assertEquals(await again(plan, "elsewhere", failed), ["stored-plan", "fail", "attempt-failed"]);
    // An older plan does not say of what profile it was made.
    const { declared: _, ...older } = plan;
    assertEquals(await again(older, undefined, failed), ["stored-plan", "fail", "attempt-failed"]);
    // The same of a profile.
    const known = await planProfile(profile, hostFacts(), opened, undefined, failed);
    const rules = known.value?.checks.filter(({ status }) => status === "fail").map(({ rule }) => rule);
    assertEquals(rules?.includes("attempt-failed"), true);
  });
});

Deno.test("a kernel that changed, and no longer unpacks, is told as a change; what cannot be had is an error, and one", async () => {
  const packed = packedKernel(vmlinux());
  {
    // In a folder that others may write to, no unpacked kernel is kept.
    using system = failingSystem();
    Deno.mkdirSync(join(system.root, "var/cache/warmboot"), { recursive: true });
    Deno.chmodSync(join(system.root, "var/cache/warmboot"), 0o777);
    const path = join(system.root, "vmlinuz");
    const profile = profileOf({ kernel: { path }, initrd: [], load: "kexec_load", predecompress: true });
    const facts = hostFacts();
    const planned = async (plan?: Plan, lacks = false) => {
      const files = plan === undefined ? { kernel: { path }, initrd: [], segments: [], programs: [] } : planFiles(plan);
      using opened = await openImages(files, { facts });
      // Without what it unpacks to, as of a capture.
      const given = lacks ? { ...opened, digestPart: () => Promise.resolve(undefined) } : opened;
      return plan === undefined
        ? await planProfile(profile, facts, given, undefined)
        : await planStored(plan, facts, given);
    };
    const on = async (bytes: Uint8Array, plan?: Plan, lacks = false) => {
      Deno.writeFileSync(path, bytes);
      return await system.on(() => planned(plan, lacks));
    };
    const { value: plan, diagnostics } = await on(packed);
    assertEquals(diagnostics, []);
    assert(plan !== undefined);
    assertEquals(verdict((await on(packed, plan)).value), ["stored-plan", "pass"]);
    const damaged = packed.slice();
    damaged.fill(0x5a, damaged.length - 200, damaged.length - 100);
    const changed = await on(damaged, plan);
    assertEquals([verdict(changed.value), changed.diagnostics], [["stored-plan", "fail"], []]);
    assertStringIncludes(changed.value?.checks[0]?.message ?? "", `the SHA-256 of ${path} changed from `);
    const codes = async (...given: Parameters<typeof on>) => {
      const found = await on(...given);
      return [found.value, found.diagnostics.map(({ code }) => code)];
    };
    for (const lacks of [false, true]) {
      assertEquals(await codes(damaged, undefined, lacks), [undefined, ["payload-damaged"]]);
    }
  }
  // A part whose digest a capture lacks.
  await withKernel(bzImage(), async (opened, path) => {
    const profile = profileOf({ kernel: { path }, initrd: [], load: "kexec_load" });
    const { value: plan } = await planProfile(profile, hostFacts(), opened, undefined);
    assert(plan !== undefined);
    const lacking = { ...opened, digestPart: () => Promise.resolve(undefined) };
    for (
      const { value, diagnostics } of [
        await planProfile(profile, hostFacts(), lacking, undefined),
        await planStored(plan, hostFacts(), lacking),
      ]
    ) {
      assertEquals([value, [...new Set(diagnostics.map(({ code }) => code))]], [undefined, ["image-not-captured"]]);
    }
    // What is wrong before that comes alone.
    const wrong = await withEnvironment(
      { WARMBOOT_MEMORY_LIMIT: "512 MB" },
      () => planProfile(profile, hostFacts(), lacking, undefined),
    );
    assertEquals([wrong.value, wrong.diagnostics.map(({ found }) => found)], [undefined, ['"512 MB"']]);
  });
});
