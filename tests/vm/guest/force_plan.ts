// deno-lint-ignore-file no-console
/**
 * `force_plan FILE` makes the call of a stored plan as it is written, without deriving it again: `warmboot load` refuses a
 * plan that was edited, and the tests need one whose purgatory does not match. Prints the kernel's answer.
 */
import { closeSync, openSync, readFileSync, statSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { openFile } from "../../../src/app/files/open_file.ts";
import { lowerPlan } from "../../../src/plan/lower.ts";
import { filesOf, type Plan } from "../../../src/plan/plan.ts";
import { execute } from "../../../src/syscall/execute.ts";
import { formatResult, openLibc } from "../../../src/syscall/libc.ts";

const [path = ""] = Deno.args;
const plan: Plan = JSON.parse(Deno.readTextFileSync(path));
const files = filesOf(plan.call).map(({ path }) => {
  const file = plainFile(path);
  return { path, file, fd: openSync(file, "r"), size: statSync(file).size };
});
/** What a file that gzip packed unpacks to: of such, the plan places that. */
const contents = new Map(files.flatMap(({ path, file }) => {
  const bytes = readFileSync(file);
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? [[path, new Uint8Array(gunzipSync(bytes))] as const] : [];
}));
using libc = openLibc();
for (const call of lowerPlan(plan)) console.log(formatResult(execute(call, files, libc, contents)));
for (const { fd } of files) closeSync(fd);

/** A file to open: a section of a PE file is copied to one. */
function plainFile(path: string): string {
  const { value } = openFile(path);
  if (value?.start === undefined) return path;
  const copy = Deno.makeTempFileSync();
  Deno.writeFileSync(copy, value.read(0, value.size));
  return copy;
}
