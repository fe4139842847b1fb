import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { captureImages } from "../../src/app/capture_images.ts";
import { planFiles } from "../../src/app/named_files.ts";
import { type PlanSource, prepareFrom } from "../../src/app/prepare.ts";
import type { CapturedFiles } from "../../src/app/image_file.ts";
import { defineProfile, parseProfile, type Plan, planText, type Profile } from "../../mod.ts";
import { MAKER_FILES } from "../../src/image/initrd_maker.ts";
import { bzImage } from "../image/build.ts";
import { cpio } from "../image/build_elf.ts";
import { hostFacts } from "../support/host_facts.ts";

const HOST = { facts: hostFacts(), diagnostics: [] };
const EMPTY = { bytes: new Uint8Array(1) };

/** What shows whose initrd it is; links lead to it as in the archives themselves. */
const INITRDS = {
  "initramfs-tools": [{ name: "init", ...EMPTY }, { name: "scripts/functions", ...EMPTY }],
  dracut: [{ name: "init", ...EMPTY }, { name: "usr/lib/dracut-lib.sh", ...EMPTY }],
  unknown: [{ name: "init", ...EMPTY }],
} as const;

async function planIn(folder: string, captured?: CapturedFiles): Promise<Plan> {
  const { value: profile } = defineProfile({
    kernel: join(folder, "vmlinuz"),
    initrd: join(folder, "initrd"),
    cmdline: "ro",
    guard: { panic: "10s" },
  });
  return await planOf(profile, captured);
}

async function planOf(profile: Profile | undefined, captured?: CapturedFiles): Promise<Plan> {
  if (profile === undefined) throw new Error("Not valid");
  const source: PlanSource = { kind: "profile", profile, files: [], place: (diagnostic) => diagnostic };
  using prepared = await prepareFrom(source, { ...HOST, ...(captured === undefined ? {} : { captured }) });
  if (prepared.plan === undefined) throw new Error(prepared.diagnostics.map(({ message }) => message).join("\n"));
  return prepared.plan;
}

Deno.test("whose initrd it is shows in the file, and in a capture of it; an older capture does not say", async () => {
  for (const [maker, files] of Object.entries(INITRDS)) {
    const folder = Deno.makeTempDirSync({ prefix: "warmboot-guard-" });
    try {
      const profile = join(folder, "web.yaml");
      Deno.writeFileSync(join(folder, "vmlinuz"), bzImage());
      Deno.writeFileSync(join(folder, "initrd"), cpio(files));
      Deno.writeTextFileSync(
        profile,
        "version: 1\nkernel: vmlinuz\ninitrd: initrd\ncmdline: ro\nguard: { panic: 10s }\n",
      );
      const plan = await planIn(folder);
      assertEquals(plan.guard?.initrd, maker);
      assertEquals(planFiles(plan).programs, ["/init", ...MAKER_FILES]);
      const { images } = await captureImages([profile], HOST.facts);
      for (const name of ["vmlinuz", "initrd"]) Deno.removeSync(join(folder, name));
      assertEquals(planText(await planIn(folder, { images, files: {} })), planText(plan));
      const older = Object.fromEntries(
        Object.entries(images).map(([path, { initrd: _, ...image }]) => [path, image]),
      );
      assertEquals((await planIn(folder, { images: older, files: {} })).guard?.initrd, "unknown");
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  }
});

Deno.test("the profile of docs/guard-panic.md adds the drop-in to an initrd of systemd, and the plan knows it", async () => {
  const page = Deno.readTextFileSync(new URL("../../docs/guard-panic.md", import.meta.url));
  const [, text = ""] = /\n```yaml\n(version: 1\n[^]*?)```\n/.exec(page) ?? [];
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-guard-" });
  try {
    Deno.writeFileSync(join(folder, "vmlinuz"), bzImage());
    Deno.writeFileSync(
      join(folder, "initrd.img"),
      cpio([{ name: "init", ...EMPTY }, { name: "usr/lib/systemd/systemd", ...EMPTY }]),
    );
    const plan = async (lines: string) =>
      await planOf(parseProfile(lines.replaceAll("/boot", folder), "web.yaml").value);
    const has = await plan(text);
    assertEquals([has.guard?.initrd, has.checks.find(({ rule }) => rule === "guard-panic")?.status], [
      "systemd-reset",
      "pass",
    ]);
    const lacks = await plan(text.replace(/^ {2}- files:\n(?: {6}.*\n)+/m, ""));
    const { status, hint } = lacks.checks.find(({ rule }) => rule === "guard-panic") ?? {};
    assertEquals([lacks.guard?.initrd, status], ["systemd", "warn"]);
    assertEquals(hint, "Add a drop-in for emergency.service to `initrd`: docs/guard-panic.md has a profile to copy");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
