// deno-lint-ignore-file no-console
/**
 * A virtual machine to try warmboot on: each line that is typed runs in it, as root. It has a profile, a kernel to reboot
 * into, and nothing to lose. Nothing on this computer is rebooted, loaded or changed.
 */
import { COLOURED, PLAIN } from "../../src/render/style.ts";
import { demoKernels, PROFILE, startDemoMachine, typed } from "./demo_machine.ts";
import { SetupError } from "./host_command.ts";
import { linesOf } from "./agent.ts";

const style = Deno.stdout.isTerminal() && !Deno.noColor ? COLOURED : PLAIN;
const PROMPT = "guest# ";

async function tryOut(): Promise<void> {
  const kernels = await demoKernels();
  console.log(`Starting a virtual machine with Linux ${kernels.running.release} (no KVM needed; about half a minute)`);
  await using machine = await startDemoMachine(kernels);
  console.log(
    `It is up. Try: warmboot plan ${PROFILE}\nEach line is a shell of its own. Ctrl-D, or exit, ends the machine.`,
  );
  const show = (text: string): number => Deno.stdout.writeSync(new TextEncoder().encode(text));
  show(style.accent(PROMPT));
  for await (const line of linesOf(Deno.stdin.readable)) {
    const command = line.trim();
    if (command === "exit") return;
    // What is piped in does not show by itself.
    if (!Deno.stdin.isTerminal()) show(`${command}\n`);
    if (command !== "") show(await typed(machine, command));
    show(style.accent(PROMPT));
  }
  show("\n");
}

try {
  await tryOut();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`\nThe machine cannot run here: ${error.message}`);
  Deno.exit(69);
}
