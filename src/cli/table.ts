import type { Command } from "./command.ts";
import { check } from "./commands/check.ts";
import { exec } from "./commands/exec.ts";
import { facts } from "./commands/facts.ts";
import { load } from "./commands/load.ts";
import { plan } from "./commands/plan.ts";
import { schema } from "./commands/schema.ts";
import { status } from "./commands/status.ts";
import { unload } from "./commands/unload.ts";

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [check, plan, load, exec, unload, status, facts, schema];
