import type { Command } from "./command.ts";
import { arrive } from "./commands/arrive.ts";
import { check } from "./commands/check.ts";
import { confirm } from "./commands/confirm.ts";
import { depart } from "./commands/depart.ts";
import { diff } from "./commands/diff.ts";
import { exec } from "./commands/exec.ts";
import { explain } from "./commands/explain.ts";
import { facts } from "./commands/facts.ts";
import { history } from "./commands/history.ts";
import { init } from "./commands/init.ts";
import { install } from "./commands/install.ts";
import { load } from "./commands/load.ts";
import { plan } from "./commands/plan.ts";
import { refresh } from "./commands/refresh.ts";
import { schema } from "./commands/schema.ts";
import { status } from "./commands/status.ts";
import { uninstall } from "./commands/uninstall.ts";
import { unload } from "./commands/unload.ts";

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  check,
  plan,
  diff,
  load,
  exec,
  unload,
  depart,
  arrive,
  confirm,
  history,
  status,
  facts,
  init,
  refresh,
  explain,
  schema,
  install,
  uninstall,
];
