/** `deno task install`: makes a release of this checkout, and runs its `warmboot install` with the same options. */
import { join } from "@std/path";
import { releaseTree, writeTree } from "./tree.ts";

const folder = Deno.makeTempDirSync({ prefix: "warmboot-install-" });
let code = 1;
try {
  writeTree(folder, await releaseTree());
  const child = new Deno.Command(join(folder, "bin/warmboot"), {
    args: ["install", ...Deno.args],
    env: { WARMBOOT_DENO: Deno.execPath() },
  }).spawn();
  code = (await child.status).code;
} finally {
  Deno.removeSync(folder, { recursive: true });
}
Deno.exit(code);
