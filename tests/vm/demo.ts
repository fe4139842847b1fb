// deno-lint-ignore-file no-console
/**
 * The main job, shown to a newcomer without risk: a virtual machine reboots from a profile. Nothing on this computer is
 * rebooted, loaded or changed; what is fetched goes to the cache folder.
 */
import { COLOURED, PLAIN } from "../../src/render/style.ts";
import { demoKernels, PROFILE, PROFILE_TEXT, startDemoMachine } from "./demo_machine.ts";
import { SetupError } from "./host_command.ts";
import { BASE_CMDLINE } from "./qemu.ts";

const style = Deno.stdout.isTerminal() && !Deno.noColor ? COLOURED : PLAIN;

function step(text: string): void {
  console.log(`\n${style.accent("==>")} ${style.bold(text)}`);
}

function show(text: string): void {
  console.log(text.trimEnd().split("\n").map((line) => `    ${line}`).join("\n"));
}

async function demo(): Promise<void> {
  console.log("A virtual machine will be rebooted from a YAML file. Your own machine is not touched.");
  step("Getting two kernels of your distribution (the first time only)");
  const kernels = await demoKernels();
  const { running, next } = kernels;
  console.log(`    Linux ${running.release}, and Linux ${next.release} to reboot into`);

  step(`Starting a virtual machine with Linux ${running.release} (no KVM needed; about half a minute)`);
  await using machine = await startDemoMachine(kernels);
  show(`${await machine.output("uname -r")}${machine.boot().cmdline}`);

  step(`Its profile: ${PROFILE}`);
  show(PROFILE_TEXT);

  step(`warmboot plan ${PROFILE}`);
  const plan = await machine.run(`warmboot plan ${PROFILE} ${Deno.stdout.isTerminal() ? "--color=always" : ""}`);
  show(plan.stdout + plan.stderr);

  step(`warmboot load ${PROFILE}`);
  show(await machine.output(`warmboot load ${PROFILE} 2>&1`));

  step("warmboot exec --now");
  const boot = await machine.runToBoot("warmboot exec --now");
  show(`Linux ${boot.release} is up\n${boot.cmdline}`);

  if (boot.release !== next.release || !boot.cmdline.startsWith(BASE_CMDLINE)) {
    throw new Error("It is not what the profile says");
  }
  console.log(
    `\n${style.good("Done:")} the machine went from ${running.release} to ${boot.release} without its firmware,`,
  );
  console.log(
    `with the command line of the profile. ${style.dim("Write your own: examples/, then warmboot plan PROFILE")}`,
  );
}

try {
  await demo();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`\nThe demo cannot run here: ${error.message}`);
  Deno.exit(69);
}
