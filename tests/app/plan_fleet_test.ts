import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { captureName, capturesOf, findCaptures } from "../../src/app/captures.ts";
import { fitOf } from "../../src/app/plan_fleet.ts";
import { fleetWorkers, sentError, type WorkerAnswer, type WorkerTask } from "../../src/app/fleet_workers.ts";
import { planBoot } from "../../src/plan/planner.ts";
import type { Check } from "../../src/plan/plan.ts";
import type { Diagnostic } from "../../src/core/diagnostic.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, profileOf } from "../support/profiles.ts";
import { withFiles } from "../support/temp_files.ts";

Deno.test({
  name: "a profile fits a host where nothing is to be said of its plan; failures come before warnings",
  permissions: "none",
  fn() {
    const { value: plan } = planBoot({ profile: profileOf(), facts: hostFacts(), images: images() });
    if (plan === undefined) throw new Error("Cannot plan");
    const check = (status: Check["status"], rule: string): Check => ({ rule, status, message: rule });
    const found = (severity: Diagnostic["severity"]): Diagnostic => ({ code: "file-io", severity, message: severity });
    const fit = (checks: readonly Check[], diagnostics: readonly Diagnostic[] = []) => {
      const { status, reasons } = fitOf({ ...plan, checks }, diagnostics);
      return [status, ...reasons.map(({ status, rule }) => `${status} ${rule}`)];
    };
    assertEquals(fit([check("pass", "a")]), ["ok"]);
    assertEquals(fit([check("warn", "a"), check("pass", "b")]), ["warn", "warn a"]);
    assertEquals(fit([check("warn", "a"), check("fail", "b")]), ["fail", "fail b", "warn a"]);
    assertEquals(fit([], [found("warning")]), ["warn", "warn file-io"]);
    assertEquals(fit([check("warn", "a")], [found("warning"), found("error")]), [
      "fail",
      "fail file-io",
      "warn file-io",
      "warn a",
    ]);
    assertEquals(fitOf(undefined, []), { status: "fail", reasons: [], plan: undefined });
  },
});

Deno.test("the captures of a folder are its JSON and YAML files, each a host of its name; none is an error", async () => {
  await withFiles({ "hosts/b.JSON": "", "hosts/rack/a.yml": "", "hosts/notes.txt": "", "none/x": "" }, (root) => {
    const folder = join(root, "hosts");
    const { files, diagnostics } = findCaptures(folder);
    assertEquals([files.map((file) => captureName(file, `${folder}/`)), diagnostics], [["b", "rack/a"], []]);
    assertEquals(findCaptures(join(root, "none")).diagnostics.map(({ code }) => code), ["facts-format"]);
    assertEquals(findCaptures(join(root, "gone")).diagnostics.map(({ code }) => code), ["file-missing"]);
    assertEquals([capturesOf(folder), capturesOf(files[0] ?? "")], [files, files.slice(0, 1)]);
  });
});

/** Workers that answer in the reverse order; each answer may be made another one. */
async function rows(
  count: number,
  hosts: number,
  answer: (task: WorkerAnswer) => WorkerAnswer | string = (all) => all,
) {
  const { Worker } = globalThis;
  let [started, ended] = [0, 0];
  class Imagined {
    onmessage: (event: { readonly data: WorkerAnswer }) => void = () => {};
    onerror: (event: { readonly message: string; preventDefault(): void }) => void = () => {};
    constructor() {
      started++;
      setTimeout(() => this.onmessage({ data: { kind: "ready" } }), 0);
    }
    postMessage(task: WorkerTask): void {
      if (task.kind === "fleet") return;
      const made = answer({
        kind: "rows",
        index: task.index,
        rows: task.files.map((host) => ({ host, cells: [], diagnostics: [] })),
      });
      setTimeout(() => {
        if (typeof made === "string") this.onerror({ message: made, preventDefault() {} });
        else this.onmessage({ data: made });
      }, 10 - 5 * (task.index % 3));
    }
    terminate(): void {
      ended++;
    }
  }
  Object.assign(globalThis, { Worker: Imagined });
  try {
    const files = Array.from({ length: hosts }, (_, index) => `${index}`);
    const fleet = { profiles: [], folder: "/hosts", files };
    const found = await Array.fromAsync(fleetWorkers(fleet, { count, program: "file:///cli.ts" }), ({ host }) => host);
    return [started, ended, found.join(" ") === files.join(" ")];
  } catch (error) {
    return [started, ended, error];
  } finally {
    Object.assign(globalThis, { Worker });
  }
}

Deno.test("workers give the rows in the order of the captures, and none is left over", async () => {
  assertEquals(await rows(3, 200), [3, 3, true]);
  assertEquals(await rows(8, 2), [2, 2, true]);
});

Deno.test("what goes wrong in a worker is thrown as what it was, and the workers end", async () => {
  const missing = Object.assign(new Error("No such file"), { code: "ENOENT" });
  const failed = (error: unknown) => (task: WorkerAnswer): WorkerAnswer | string =>
    task.kind === "rows" && task.index === 2 ? { kind: "failed", index: 2, error: sentError(error) } : task;
  const thrown = async (answer: Parameters<typeof rows>[2]) => {
    const [started, ended, error] = await rows(2, 100, answer);
    if (!(error instanceof Error)) throw new Error("Nothing was thrown");
    const code = "code" in error ? error.code : undefined;
    return [started === ended, error instanceof Deno.errors.NotCapable, error.message, code];
  };
  assertEquals(await thrown(failed(missing)), [true, false, "No such file", "ENOENT"]);
  assertEquals(await thrown(failed(new Deno.errors.NotCapable("Requires read"))), [
    true,
    true,
    "Requires read",
    undefined,
  ]);
  assertEquals(await thrown(failed("text")), [true, false, "text", undefined]);
  assertEquals(await thrown(() => "Requires read access to x"), [true, true, "Requires read access to x", undefined]);
  assertEquals(await thrown(() => "SyntaxError"), [true, false, "A worker ended: SyntaxError", undefined]);
});
