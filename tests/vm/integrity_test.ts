/** What the kernel's integrity policy (IMA) refuses and measures, and the dm-crypt keys of a crash kernel, on the built kernel. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../src/core/program.ts";
import { builtKernel } from "./built_kernel.ts";
import { ALL } from "./extent.ts";
import { crashLoaded, crashProfile } from "./crash.ts";
import { answer, KERNEL, loaded, machineWith, planned, profile, said } from "./guest_profile.ts";
import type { Machine } from "./machine.ts";
import { kernelNames } from "./packages.ts";

const KEYS = "/sys/kernel/config/crash_dm_crypt_keys";
const NAMES = ["cryptsetup:one", "cryptsetup:two"];
const IMA = "/sys/kernel/security/ima";

/** What `status` says of the keys. */
async function dumpKeys(machine: Machine): Promise<{ readonly keys: readonly string[]; readonly loaded: string }> {
  return JSON.parse(await machine.output("warmboot status -o json")).dumpKeys;
}

Deno.test({
  name: "dm-crypt keys go with a crash kernel and are kept by a reload; an integrity policy's answer is known before",
  // The source is Debian's.
  ignore: !ALL || !(await kernelNames()).includes("newest"),
  fn: async (t) => {
    const kernel = await builtKernel("kexec_full");
    const programs = {
      warmboot: "cli.ts",
      label: "tests/vm/guest/label.ts",
      "force_plan": "tests/vm/guest/force_plan.ts",
    };
    await using machine = await machineWith(kernel, programs, { memory: 1024, append: "crashkernel=256M" });
    const file = `${KERNEL}\nload: kexec_file_load`;
    const segments = `${KERNEL}\nload: kexec_load`;

    await t.step("registered keys are in the plan and in status, and go into the crash image", async () => {
      await machine.output("mount -t configfs configfs /sys/kernel/config");
      for (const name of NAMES) {
        await machine.output(`label key ${name}; mkdir ${KEYS}/${name.slice(11)}`);
      }
      const [unstated, why] = await planned(machine, crashProfile("kexec_file_load"));
      assertEquals(unstated, EXIT.unavailable.code, why);
      assertMatch(why, /FAIL +crash-keys +The dm-crypt key one has no description/);
      for (const name of NAMES) await machine.output(`echo ${name} >${KEYS}/${name.slice(11)}/description`);
      const [code, text] = said(await machine.run("warmboot plan -v /run/p.yaml"));
      assertEquals(code, EXIT.ok.code, text);
      assertStringIncludes(
        text,
        "The crash kernel gets 2 dm-crypt keys (cryptsetup:one, cryptsetup:two), from the keyring",
      );
      assertEquals((await dumpKeys(machine)).loaded, "no");
      await machine.output("warmboot load /run/p.yaml");
      assertEquals(await crashLoaded(machine), "1");
      const { keys, loaded } = await dumpKeys(machine);
      assertEquals([keys, loaded], [NAMES, "yes"]);
      assertStringIncludes((await said(await machine.run("warmboot status")))[1], "The loaded crash image has them");
    });

    await t.step(
      "a reload keeps the keys that are no longer in the keyring; without that, the kernel drops the image",
      async () => {
        await machine.output("label forget");
        const dry = await machine.output("warmboot load --force --dry-run /run/p.yaml");
        assertMatch(
          dry,
          /^write\(open\("\S+reuse"\), "1", 1\)\nkexec_file_load\(.*\nwrite\(open\("\S+reuse"\), "0", 1\)$/m,
        );
        await machine.output("warmboot load --force /run/p.yaml");
        assertEquals([await crashLoaded(machine), (await machine.output(`cat ${KEYS}/reuse`)).trim()], ["1", "0"]);
        assertEquals((await dumpKeys(machine)).loaded, "yes");
        // As another program would load: the kernel looks into the keyring.
        assertEquals(await answer(machine), "-1 ENOKEY");
        assertEquals(await crashLoaded(machine), "0");
        const [code, text] = said(await machine.run("warmboot load /run/p.yaml"));
        assertEquals(code, EXIT.refused.code, text);
        assertStringIncludes(
          text,
          "ENOKEY: a dm-crypt key that is registered for the crash kernel is not, or no longer",
        );
      },
    );

    await t.step("the crash kernel gets the kept keys", async () => {
      for (const name of NAMES) await machine.output(`label key ${name}`);
      await profile(machine, crashProfile("kexec_file_load"));
      await machine.output("warmboot load /run/p.yaml");
      await machine.output("label forget");
      await machine.output("warmboot load --force /run/p.yaml");
      assertEquals(await crashLoaded(machine), "1");
    });

    await t.step("without a policy, nothing is said and both calls load", async () => {
      for (const lines of [file, segments]) {
        const [code, text] = await planned(machine, lines);
        assertEquals([code, /ima-/.test(text)], [EXIT.ok.code, false], text);
        await machine.output("warmboot load /run/p.yaml && warmboot unload");
      }
    });

    await t.step("kexec_file_load is measured, kexec_load is not", async () => {
      const measured = async () => (await machine.output(`cat ${IMA}/ascii_runtime_measurements`)).split("\n").length;
      await machine.output(`echo 'measure func=KEXEC_KERNEL_CHECK' >${IMA}/policy`);
      const before = await measured();
      const [, text] = await planned(machine, segments);
      assertMatch(
        text,
        /warn +ima-measurement +IMA's policy measures what is loaded \(`measure func=KEXEC_KERNEL_CHECK`\)/,
      );
      await machine.output("warmboot load /run/p.yaml && warmboot unload");
      assertEquals(await measured(), before);
      assertMatch((await planned(machine, file))[1], /ok +ima-measurement +IMA measures \/boot\/vmlinuz/);
      await machine.output("warmboot load /run/p.yaml && warmboot unload");
      assertEquals(await measured(), before + 1);
      assertMatch(await machine.output(`tail -n 1 ${IMA}/ascii_runtime_measurements`), /boot\/vmlinuz/);
    });

    await t.step(
      "a policy that appraises kernels: the plan refuses before, and the kernel's own answer agrees",
      async () => {
        await machine.output(`echo 'appraise func=KEXEC_KERNEL_CHECK' >${IMA}/policy`);
        const [code, text] = await planned(machine, file);
        assertEquals(code, EXIT.unavailable.code, text);
        assertMatch(text, /FAIL +ima-appraisal .*refuses the load with EACCES: \/boot\/vmlinuz has no security.ima/);
        assertEquals(await answer(machine), "-1 EACCES");
        const [other, why] = await planned(machine, segments);
        assertEquals(other, EXIT.unavailable.code, why);
        assertMatch(
          why,
          /FAIL +ima-appraisal +IMA's policy appraises kernels .*so the kernel refuses kexec_load with EACCES/,
        );
        assertEquals(await answer(machine), "-1 EACCES");
        const [, auto] = await planned(machine, KERNEL);
        assertStringIncludes(auto, "which allows only kexec_file_load");
      },
    );

    await t.step(
      "the digest of another content is refused by both, a signature by the kernel, the right digest by none",
      async () => {
        await machine.output("label other /boot/vmlinuz");
        const [code, text] = await planned(machine, file);
        assertEquals(code, EXIT.unavailable.code, text);
        assertStringIncludes(text, "/boot/vmlinuz has the digest of another content in security.ima");
        assertEquals(await answer(machine), "-1 EACCES");
        await machine.output("label signature /boot/vmlinuz");
        const [open, asks] = await planned(machine, file);
        assertEquals(open, EXIT.ok.code, asks);
        assertStringIncludes(asks, "only the kernel can verify the signature in its security.ima");
        const [refused, cause] = said(await machine.run("warmboot load /run/p.yaml"));
        assertEquals(refused, EXIT.refused.code, cause);
        assertStringIncludes(
          cause,
          "EACCES: IMA's policy (`appraise func=KEXEC_KERNEL_CHECK`) does not take the kernel",
        );
        await machine.output("label hash /boot/vmlinuz");
        assertMatch(
          (await planned(machine, file))[1],
          /ok +ima-appraisal .*the digest in security.ima is that of the file/,
        );
        await machine.output("warmboot load /run/p.yaml");
        assertEquals(await loaded(machine), "1");
        await machine.output("warmboot unload");
      },
    );

    await t.step("a plan from a capture of this host is the plan made here", async () => {
      await machine.output("warmboot facts --images /run/p.yaml -o json >/run/facts.json");
      const here = await machine.output("warmboot plan -o json /run/p.yaml");
      assertEquals(await machine.output("warmboot plan -o json --facts /run/facts.json /run/p.yaml"), here);
    });

    await t.step("several initrds, which are joined in memory, are refused where initrds are appraised", async () => {
      await machine.output(`echo 'appraise func=KEXEC_INITRAMFS_CHECK' >${IMA}/policy`);
      const [code, text] = await planned(machine, `${file}\ninitrd: [/boot/initrd, /boot/marker.cpio]`);
      assertEquals(code, EXIT.unavailable.code, text);
      assertStringIncludes(text, "2 initrds are joined in memory, and a file in memory has no security.ima");
      assertEquals(await answer(machine), "-1 EACCES");
    });

    await t.step("after a panic, the crash kernel has both keys", async () => {
      const { cmdline } = await machine.runToBoot("echo c > /proc/sysrq-trigger");
      assertMatch(cmdline, /\bdmcryptkeys=0x/);
      await machine.output("mount -t configfs configfs /sys/kernel/config");
      await machine.output(`echo 1 >${KEYS}/restore`);
      const found = await machine.output("cat /proc/keys");
      for (const name of NAMES) assertStringIncludes(found, `user      ${name}: 64`);
    });
  },
});
