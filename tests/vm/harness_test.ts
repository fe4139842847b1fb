import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { tinyInitrd } from "./initramfs.ts";
import { startMachine } from "./machine.ts";
import { usualKernel } from "./packages.ts";

const kernel = await usualKernel();

Deno.test({
  name: "the agent runs commands and carries files",
  fn: async (t) => {
    const initrd = await tinyInitrd({ "/etc/given": "text\n" });
    await using machine = await startMachine({ kernel: kernel.image, initrd, icount: 2 });

    await t.step("standard output, standard error and exit code come apart", async () => {
      const result = await machine.run("echo out; echo >&2 'ä err'; exit 3");
      assertEquals(result, { code: 3, stdout: "out\n", stderr: "ä err\n" });
    });

    await t.step("a command gets its standard input, and the files of the initrd", async () => {
      assertEquals(await machine.output("cat - /etc/given", { stdin: "@end 0 0\n" }), "@end 0 0\ntext\n");
    });

    await t.step("two commands at once run one after the other", async () => {
      const results = await Promise.all([machine.output("sleep 1; echo a"), machine.output("echo b")]);
      assertEquals(results, ["a\n", "b\n"]);
    });

    await t.step("a large file goes there and back unchanged", async () => {
      const bytes = crypto.getRandomValues(new Uint8Array(60_000));
      const twice = new Uint8Array([...bytes, ...bytes]);
      await machine.write("/run/it's/here", twice);
      assertEquals(await machine.read("/run/it's/here"), twice);
    });

    await t.step("what the console says is seen when it says it, with the instructions until then", async () => {
      const sights = [];
      for (const text of ["first", "second"]) {
        const seen = machine.sees(text);
        await machine.output(`echo ${text} >/dev/console`);
        sights.push(await seen);
      }
      const [first, second] = sights;
      assert(first !== undefined && second !== undefined);
      assert(first.time < second.time && first.instructions > 1e6 && first.instructions < second.instructions);
      await assertRejects(() => machine.sees("first", 1), Error, "No `first` within 1 s");
    });

    await t.step("a command that takes too long is killed, and the next one runs", async () => {
      await assertRejects(() => machine.run("echo begun; sleep 60", { timeout: 2 }), Error, "killed after 2 s\nbegun");
      assertEquals(await machine.output("echo next"), "next\n");
    });

    await t.step("a panic ends the machine, and the error shows the console", async () => {
      const error = await assertRejects(() => machine.run("echo c > /proc/sysrq-trigger"), Error, "sysrq_handle_crash");
      assertStringIncludes(error.message, "The machine went down");
      await assertRejects(() => machine.nextBoot(), Error, "The machine went down");
    });
  },
});
