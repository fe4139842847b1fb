import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../src/core/program.ts";
import { ALL } from "./extent.ts";
import { loaded, machineWith, profile, said } from "./guest_profile.ts";
import { usualKernel } from "./packages.ts";
import { BASE_CMDLINE } from "./qemu.ts";

const kernel = await usualKernel();

/** The magic number of the setup header, without which kexec_file_load answers ENOEXEC, and a byte of the payload. */
const HEADER = 0x202;
const PAYLOAD = Deno.statSync(kernel.image).size >> 1;

const LOADS = ALL ? 8 : 3;

Deno.test(`a pin holds while the kernel's owner changes the file through a shared mapping (${kernel.name})`, async (t) => {
  const programs = { warmboot: "cli.ts", flip: "tests/vm/guest/flip_shared.ts" };
  for (const call of ["kexec_file_load", "kexec_load"] as const) {
    await using machine = await machineWith(kernel, programs, { cpus: 2 });
    // In memory, where the mapping and the reader share their pages.
    await machine.output("cp /boot/vmlinuz /run/vmlinuz && chown 1000 /run/vmlinuz");
    const digest = (await machine.output("sha256sum /run/vmlinuz")).slice(0, 64);
    await profile(
      machine,
      `kernel: { path: /run/vmlinuz, sha256: ${digest} }\ninitrd: /boot/initrd\ncmdline: ${BASE_CMDLINE}\nload: ${call}\n` +
        (call === "kexec_load" ? "checksum: sha256\n" : ""),
    );
    await machine.output(`flip /run/vmlinuz ${HEADER} ${PAYLOAD} >/run/flips 2>&1 & echo $! >/run/pid`);

    await t.step(`${call}: each load is refused before the call, or succeeds`, async () => {
      const codes: number[] = [];
      for (let turn = 0; turn < LOADS || !codes.includes(EXIT.ok.code) && turn < 20; turn++) {
        const [code, text] = said(await machine.run("warmboot load --force /run/p.yaml"));
        // Never 71: that the kernel was given another file than the one that was hashed.
        assert(code === EXIT.ok.code || code === EXIT.unavailable.code, `${code} ${text}`);
        if (code !== EXIT.ok.code) assertStringIncludes(text, "pinned-digest");
        codes.push(code);
      }
      assert(codes.includes(EXIT.ok.code) && Number(await machine.output("wc -l </run/flips")) > 1, codes.join());
      assertEquals(await loaded(machine), "1");
    });

    await t.step(`${call}: what is loaded boots`, async () => {
      await machine.output("kill $(cat /run/pid)");
      const boot = await machine.runToBoot("warmboot exec --now");
      assertEquals(boot.release, kernel.release);
    });
  }
});
