// deno-lint-ignore-file no-console
/**
 * `force_plan FILE` makes the call of a stored plan as it is written, without deriving it again: `warmboot load` refuses a
 * plan that was edited, and the tests need one whose purgatory does not match. Prints the kernel's answer.
 */
import { closeSync, openSync, statSync } from "node:fs";
import { lowerPlan } from "../../../src/plan/lower.ts";
import { filesOf, type Plan } from "../../../src/plan/plan.ts";
import { execute } from "../../../src/syscall/execute.ts";
import { formatResult, openLibc } from "../../../src/syscall/libc.ts";

const [path = ""] = Deno.args;
const plan: Plan = JSON.parse(Deno.readTextFileSync(path));
const files = filesOf(plan.call).map((file) => ({
  path: file.path,
  fd: openSync(file.path, "r"),
  size: statSync(file.path).size,
}));
using libc = openLibc();
for (const call of lowerPlan(plan)) console.log(formatResult(execute(call, files, libc)));
for (const { fd } of files) closeSync(fd);
