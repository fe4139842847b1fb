import { assertEquals } from "@std/assert";

/** Runs a program that is sent SIGINT in the middle of an action that must not stop halfway. */
async function interrupted(hold: boolean): Promise<{ readonly stdout: string; readonly signal: string | null }> {
  const module = new URL("../../src/app/hold_signals.ts", import.meta.url).href;
  const action = `() => {
    console.log("begun");
    Deno.kill(Deno.pid, "SIGINT");
    const end = performance.now() + 50;
    while (performance.now() < end);
    console.log("done");
  }`;
  const program = hold
    ? `import { holdSignals } from "${module}"; await holdSignals(${action}, () => console.log("stopped"));`
    : `(${action})();`;
  const { stdout, signal } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", program],
    stderr: "null",
  }).output();
  return { stdout: new TextDecoder().decode(stdout), signal };
}

Deno.test("a signal waits until the action is done, and is then acted on", async () => {
  assertEquals(await interrupted(true), { stdout: "begun\ndone\nstopped\n", signal: null });
});

Deno.test("without holding, the same signal ends the action halfway", async () => {
  assertEquals((await interrupted(false)).signal, "SIGINT");
});
