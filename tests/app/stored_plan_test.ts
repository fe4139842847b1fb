import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { prepareFrom } from "../../src/app/prepare.ts";
import { hostFacts } from "../support/host_facts.ts";
import { profileOf } from "../support/profiles.ts";

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
