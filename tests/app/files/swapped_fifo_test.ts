import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { openFile } from "../../../src/app/files/open_file.ts";
import { othersCanReplace } from "../../../src/app/files/writers.ts";

/** Opens a file in whose place a FIFO is put between the look at it and the opening. */
const SWAP = `
const { openFile } = await import(Deno.args[0]);
const [, path] = Deno.args;
const real = Deno.statSync;
Deno.statSync = (name) => {
  const stats = real(name);
  if (name === path) {
    Deno.removeSync(path);
    new Deno.Command("mkfifo", { args: [path] }).outputSync();
    Deno.statSync = real;
  }
  return stats;
};
console.log(openFile(path).diagnostics[0]?.message);
`;

Deno.test("a FIFO that takes a file's name before it is opened is refused, and not waited for", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-fifo-" });
  try {
    Deno.chmodSync(folder, 0o777);
    const path = join(folder, "vmlinuz");
    Deno.writeTextFileSync(path, "x");
    const script = join(folder, "swap.ts");
    Deno.writeTextFileSync(script, SWAP);
    const config = new URL("../../../deno.json", import.meta.url).pathname;
    const module = new URL("../../../src/app/files/open_file.ts", import.meta.url).href;
    // `timeout` ends it where it waits, so that the test fails and does not hang.
    const { code, stdout, stderr } = await new Deno.Command("timeout", {
      args: ["120", Deno.execPath(), "run", "-A", "--quiet", "--no-check", "--config", config, script, module, path],
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    assertStringIncludes(new TextDecoder().decode(stdout), `${path} is a FIFO`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("others can replace a file in a shared folder, and not in one's own", () => {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-fifo-" });
  try {
    const path = join(folder, "vmlinuz");
    Deno.writeTextFileSync(path, "content");
    assertEquals(othersCanReplace(path), false);
    Deno.chmodSync(folder, 0o770);
    assertEquals(othersCanReplace(path), true);
    // What is opened without waiting is the file itself.
    const { value, diagnostics } = openFile(path);
    assert(value !== undefined, diagnostics[0]?.message);
    assertEquals(new TextDecoder().decode(value.read(2, 3)), "nte");
    value.handle.close();
    Deno.chmodSync(folder, 0o1777);
    assertEquals(othersCanReplace(path), false);
    const link = join(folder, "link");
    Deno.symlinkSync(path, link);
    assertEquals(othersCanReplace(link), false);
    if (Deno.uid() === 0) {
      Deno.chownSync(path, 12345, 12345);
      assertEquals([othersCanReplace(path), othersCanReplace(link)], [true, true]);
    }
    assertEquals(openFile(join(folder, "nothing")).diagnostics[0]?.code, "file-missing");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
