import { assertEquals } from "@std/assert";

/** Runs a program that is sent a signal in the middle of an action that must not stop halfway. */
async function interrupted(
  hold: boolean,
  name = "SIGINT",
): Promise<{ readonly stdout: string; readonly signal: string | null }> {
  const module = new URL("../../src/app/hold_signals.ts", import.meta.url).href;
  const action = `() => {
    console.log("begun");
    Deno.kill(Deno.pid, "${name}");
    // In this time another thread takes the signal, however busy the machine is.
    const end = performance.now() + 500;
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
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    assertEquals(await interrupted(true, signal), { stdout: "begun\ndone\nstopped\n", signal: null }, signal);
  }
});

Deno.test("without holding, the same signal ends the action halfway", async () => {
  assertEquals((await interrupted(false)).signal, "SIGINT");
});
