import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { fileSide } from "../../src/app/diff_operands.ts";
import { planMatrix } from "../../src/app/plan_matrix.ts";
import { prepare } from "../../src/app/prepare.ts";
import { readFacts } from "../../src/app/read_facts.ts";
import { bzImage } from "../image/build.ts";

const HOST = join(import.meta.dirname ?? ".", "../fixtures/hosts/bios-vm.json");

/** A folder with kernels of two releases, a profile that names them by `${release}`, and hosts that run each, and a third. */
function fleet(): { readonly path: string } & Disposable {
  const path = Deno.makeTempDirSync({ prefix: "warmboot-variables-" });
  for (const release of ["6.1", "6.12"]) Deno.writeFileSync(join(path, `vmlinuz-${release}`), bzImage());
  Deno.writeTextFileSync(join(path, "web.yaml"), "version: 1\nkernel: vmlinuz-${release}\ncmdline: ro ${release}\n");
  const capture = JSON.parse(Deno.readTextFileSync(HOST));
  for (const [name, release] of [["a", "6.1"], ["b", "6.12"], ["c", "6.9"], ["d", ".."]] as const) {
    const files = { ...capture.files, "/proc/sys/kernel/osrelease": `${release}\n` };
    Deno.writeTextFileSync(join(path, `${name}.json`), JSON.stringify({ ...capture, files }));
  }
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

Deno.test("a plan records the path that the host's release gives, and leaves the command line alone", async () => {
  using folder = fleet();
  for (const [host, release] of [["a", "6.1"], ["b", "6.12"]] as const) {
    using prepared = await prepare(join(folder.path, "web.yaml"), {
      facts: join(folder.path, `${host}.json`),
      storedPlans: true,
    });
    const call = prepared.plan?.call;
    assert(call?.syscall === "kexec_file_load", JSON.stringify(prepared.diagnostics));
    assertEquals([call.kernel.path, call.cmdline], [join(folder.path, `vmlinuz-${release}`), "ro ${release}"]);
  }
});

Deno.test("a release without a kernel is a missing file, one that leaves the folder is refused; the matrix has both", async () => {
  using folder = fleet();
  Deno.mkdirSync(join(folder.path, "hosts"));
  for (const host of ["a", "b", "c", "d"]) {
    Deno.renameSync(join(folder.path, `${host}.json`), join(folder.path, "hosts", `${host}.json`));
  }
  const matrix = await planMatrix([join(folder.path, "web.yaml")], join(folder.path, "hosts"));
  const failures = matrix?.cells.flatMap(({ host, reasons }) =>
    reasons.filter(({ status }) => status === "fail").map(({ rule }) => `${host} ${rule}`)
  );
  assertEquals(failures, ["c file-missing", "d facts-malformed"]);
});

Deno.test("diff plans a profile for the release of its host", async () => {
  using folder = fleet();
  const path = join(folder.path, "b.json");
  const found = await fileSide(join(folder.path, "web.yaml"), { path, read: () => readFacts(path) });
  assert(found.kind === "side" && found.side.kind === "profile");
  const { call } = found.side.plan;
  assertEquals(call.syscall === "kexec_file_load" ? call.kernel.path : "", join(folder.path, "vmlinuz-6.12"));
});
