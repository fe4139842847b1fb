import { assert, assertEquals } from "@std/assert";
import { join, relative } from "@std/path";
import { captureText, defineProfile, loadPlan, mayRun, openFile, parseCapture, planHost, planText } from "../../mod.ts";
import { closeFile, identifyKernel } from "../../mod.ts";
import { bzImage } from "../image/build.ts";
import { run } from "../support/run_cli.ts";
import { withFiles } from "../support/temp_files.ts";

const HOSTS = join(import.meta.dirname ?? ".", "../../examples/gitops/hosts");

function capture(name: string) {
  const path = join(HOSTS, `${name}.json`);
  const { value } = parseCapture(Deno.readTextFileSync(path), path);
  assert(value !== undefined);
  return value;
}

for (const load of ["kexec_file_load", "kexec_load"] as const) {
  Deno.test(`planHost plans ${load} for a captured host as \`warmboot plan\` does`, async () => {
    const folder = Deno.makeTempDirSync();
    try {
      const { value: profile } = defineProfile({
        name: "web",
        kernel: "/boot/vmlinuz",
        initrd: "/boot/initrd.img",
        cmdline: "root=LABEL=root ro",
        load,
      });
      assert(profile !== undefined);
      const { value: plan, facts, diagnostics } = await planHost(profile, { facts: capture("web1") });
      assertEquals([plan?.call.syscall, facts?.hostname, diagnostics], [load, "web1", []]);
      assert(plan !== undefined && mayRun(plan.checks));
      const path = join(folder, "web.yaml");
      Deno.writeTextFileSync(
        path,
        `version: 1\nkernel: /boot/vmlinuz\ninitrd: /boot/initrd.img\ncmdline: root=LABEL=root ro\nload: ${load}\n`,
      );
      const { stdout } = await run(["plan", path, "--facts", join(HOSTS, "web1.json"), "-o", "json"]);
      assertEquals(stdout, planText(plan));
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}

Deno.test("planHost says which file of a captured host is missing", async () => {
  const { value: profile } = defineProfile({ kernel: "/boot/vmlinuz-of-no-host" });
  assert(profile !== undefined);
  const { value, diagnostics } = await planHost(profile, { facts: capture("db1") });
  assertEquals([value, diagnostics.map(({ code, path }) => [code, path])], [undefined, [["image-not-captured", [
    "kernel",
  ]]]]);
});

Deno.test("a plan that does not fit this host is refused by loadPlan with the checks that failed", async () => {
  const { value: profile } = defineProfile({ kernel: "/boot/vmlinuz", cmdline: "ro" });
  assert(profile !== undefined);
  const { value: plan } = await planHost(profile, { facts: capture("web1") });
  assert(plan !== undefined);
  using outcome = await loadPlan(plan);
  // Either the files of web1 are missing here, or they are others.
  assert(outcome.kind === "unplanned" || outcome.kind === "checks-failed", outcome.kind);
});

Deno.test("a file that is open can be identified: it is a source of bytes", () => {
  const path = Deno.makeTempFileSync();
  try {
    Deno.writeFileSync(path, bzImage());
    const { value: file } = openFile(path);
    assert(file !== undefined);
    assertEquals(identifyKernel(file).kind, "bzimage");
    closeFile(file);
  } finally {
    Deno.removeSync(path);
  }
});

Deno.test("the text of a capture is read back as the same capture", () => {
  const db1 = capture("db1");
  assertEquals(parseCapture(captureText(db1), "db1.json").value, db1);
});

Deno.test("a plan names the file of a segment by its absolute path, from the working directory of who plans", async () => {
  await withFiles({ "payload.bin": new Uint8Array(100) }, async (root) => {
    const path = relative(Deno.cwd(), join(root, "payload.bin"));
    const { value: profile, diagnostics } = defineProfile({
      segments: [{ name: "payload", at: 0x400_0000, file: path }],
      entry: 0x400_0000,
    });
    assert(profile !== undefined, JSON.stringify(diagnostics));
    const { value: plan } = await planHost(profile, { facts: capture("web1") });
    assert(plan?.call.syscall === "kexec_load");
    const named = plan.call.segments.flatMap(({ source }) => source.kind === "file" ? [source.path] : []);
    assertEquals(named, [join(Deno.cwd(), "/") + path]);
  });
});
