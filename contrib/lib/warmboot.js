// deno-lint-ignore-file no-console
// Starts warmboot, unless this Deno is too old: it might not even parse the program.
const needed = [2, 9];
const [major, minor] = Deno.version.deno.split(".").map(Number);
if (major < needed[0] || (major === needed[0] && minor < needed[1])) {
  console.error(
    `error: warmboot needs Deno ${needed.join(".")} or newer; ${Deno.execPath()} is ${Deno.version.deno}\n` +
      "  hint: Update it, or name another one: WARMBOOT_DENO=/path/to/deno warmboot ...",
  );
  Deno.exit(69);
}
Deno.exit(await (await import("./program.js")).run());
