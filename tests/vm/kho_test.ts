/** Kexec handover (KHO) on the built kernel: what it preserves, where it lets images lie, and what the plan knows of it. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../src/core/program.ts";
import { parseCapture } from "../../src/host/capture.ts";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { SETUP_HEADER } from "../../src/image/setup_header.ts";
import { builtKernel } from "./built_kernel.ts";
import { ALL } from "./extent.ts";
import { answer, loaded, machineWith, planned, profile, said } from "./guest_profile.ts";
import type { Machine } from "./machine.ts";
import { kernelNames } from "./packages.ts";
import { withoutDecompressor } from "./predecompress.ts";
import { BASE_CMDLINE } from "./qemu.ts";

const MIB = 1 << 20;
const PROGRAMS = {
  warmboot: "cli.ts",
  "live_update": "tests/vm/guest/live_update.ts",
  "force_plan": "tests/vm/guest/force_plan.ts",
};
const HANDOVER = `${BASE_CMDLINE} kho=on liveupdate=on`;

/** The lines of a profile that boots the guest's own kernel with these parameters. */
function lines(parameters: string, more: string, initrd = "/boot/initrd"): string {
  return `kernel: /boot/vmlinuz\ninitrd: ${initrd}\ncmdline: ${HANDOVER} ${parameters}\n${more}`;
}

async function facts(machine: Machine): Promise<HostFacts> {
  const { value: capture } = parseCapture(await machine.output("warmboot facts -o json"), "facts");
  const { value } = capture === undefined ? {} : decodeFacts(capture);
  if (value === undefined) throw new Error("The guest has no facts");
  return value;
}

/** Preserves /disk/state, until the next kernel. */
async function hold(machine: Machine): Promise<void> {
  await machine.output(
    "(live_update hold vm-1 /disk/state >/run/held 2>&1 &); for i in $(seq 1200); do [ -s /run/held ] && break; " +
      "sleep 0.5; done; grep -q '^held' /run/held || { cat /run/held >&2; exit 1; }",
  );
}

Deno.test({
  name:
    "kexec handover: a memfd outlasts kexec_file_load, kexec_load loses it, and images must fit into the scratch areas",
  // The source is Debian's.
  ignore: !(await kernelNames()).includes("newest"),
  fn: async (t) => {
    const kernel = await builtKernel("kexec_full");
    const head = new DataView((await Deno.readFile(kernel.image)).buffer);
    const initSize = head.getUint32(SETUP_HEADER.init_size, true);
    await using machine = await machineWith(kernel, PROGRAMS, { memory: 1024, append: "kho=on liveupdate=on" }, {
      "/boot/halts": await withoutDecompressor(kernel),
    });
    const mount = () => machine.output("mount -t debugfs debugfs /sys/kernel/debug");
    await machine.output("dd if=/dev/urandom of=/disk/state bs=65537 count=50 2>/dev/null");

    await t.step("debugfs that is not mounted hides the scratch areas; the facts have them where it is", async () => {
      const hidden = await facts(machine);
      assertEquals([hidden.handover?.scratch, hidden.handover?.sessions], [undefined, []]);
      const [code, text] = await planned(machine, lines("step=1", "load: kexec_file_load"));
      assertEquals(code, EXIT.ok.code, text);
      assertStringIncludes(text, "the image must fit into its scratch areas, but the host does not show them");
      await mount();
      const { handover } = await facts(machine);
      assertEquals(handover?.scratch?.length, 3);
      assertEquals(handover?.reservedMemory, []);
    });

    await t.step(
      "a session is known by its holder; kexec_load is refused for it, and `auto` hands it over",
      async () => {
        await hold(machine);
        assertEquals((await facts(machine)).handover?.sessions?.map(({ name }) => name), ["vm-1"]);
        const [code, text] = await planned(machine, lines("step=2", "load: kexec_load"));
        assertEquals(code, EXIT.unavailable.code, text);
        assertMatch(
          text,
          /FAIL +kho-lost +kexec_load would lose what the running kernel preserves: live update session `vm-1`/,
        );
        const [, auto] = await planned(machine, lines("step=2", ""));
        assertStringIncludes(auto, "Only kexec_file_load hands over what the running kernel preserves");
        assertMatch(auto, /ok +kho-scratch +The image fits into the scratch areas/);
      },
    );

    await t.step("after kexec_file_load, the memfd has the same bytes", async () => {
      await profile(machine, lines("step=2", ""));
      const { cmdline } = await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
      assertStringIncludes(cmdline, "step=2");
      assertMatch(await machine.output("dmesg"), /KHO: found kexec handover data/);
      assertEquals(
        await machine.output("live_update take vm-1 >/run/back && cmp /run/back /disk/state && wc -c </run/back"),
        `${50 * 65537}\n`,
      );
    });

    await t.step(
      "with `preserved_state: discard` the same image boots by kexec_load, and nothing is handed over",
      async () => {
        await mount();
        await hold(machine);
        const tiny = lines("step=3 kho_scratch=4M,8M,4M", "load: kexec_load\npreserved_state: discard");
        const [code, text] = await planned(machine, tiny);
        assertEquals(code, EXIT.ok.code, text);
        assertMatch(
          text,
          /ok +kho-lost +kexec_load loses what the running kernel preserves, which the profile accepts/,
        );
        const { cmdline } = await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
        assertStringIncludes(cmdline, "step=3");
        assertEquals((await machine.run("live_update take vm-1")).code === 0, false);
        assertEquals(/KHO: found kexec handover data/.test(await machine.output("dmesg")), false);
      },
    );

    await t.step(
      "a tiny kho_scratch= is refused before the call, the kernel refuses it too, and errors name it",
      async () => {
        const text = lines("step=4", "load: kexec_file_load");
        await profile(machine, text);
        const [unknown, explained] = said(await machine.run("warmboot load /run/p.yaml"));
        assertEquals(unknown, EXIT.refused.code, explained);
        assertStringIncludes(
          explained,
          "EADDRNOTAVAIL: kexec handover (KHO) is on, and the image does not fit into its scratch areas",
        );
        await mount();
        const [code, plan] = await planned(machine, text);
        assertEquals(code, EXIT.unavailable.code, plan);
        assertMatch(
          plan,
          /FAIL +kho-scratch +.* none of its scratch areas \(4 MiB, 8 MiB, 4 MiB\) has room for the kernel/,
        );
        assertEquals(await answer(machine), "-1 EADDRNOTAVAIL");
        const [auto, why] = await planned(machine, lines("step=4", ""));
        assertEquals(auto, EXIT.ok.code, why);
        assertStringIncludes(why, "kexec_file_load has no room for the kernel in the scratch areas");
        assertEquals(await loaded(machine), "0");
      },
    );

    if (!ALL) return;
    await t.step("what is preserved outlasts a kernel that is unpacked before, and has no decompressor", async () => {
      await profile(machine, lines("step=4", "load: kexec_load\npreserved_state: discard"));
      await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
      await mount();
      await hold(machine);
      const text = lines("step=5", "predecompress: auto").replace("/boot/vmlinuz", "/boot/halts");
      const [code, plan] = await planned(machine, text);
      assertEquals(code, EXIT.ok.code, plan);
      assertStringIncludes(plan, "Only kexec_file_load hands over what the running kernel preserves");
      assertStringIncludes(plan, "without a decompressor is built around it");
      assertMatch(plan, /ok +kho-scratch +The image fits into the scratch areas/);
      const { cmdline } = await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
      assertStringIncludes(cmdline, "step=5");
      assertMatch(await machine.output("dmesg"), /KHO: found kexec handover data/);
      await machine.output("live_update take vm-1 >/run/back && cmp /run/back /disk/state");
    });

    await t.step("an image that just fits boots; one page more is refused by plan and kernel", async () => {
      // The kernel's area has less room left than the initrd needs, which then has one of its own, filled to the last page.
      const low = Math.ceil(initSize / (4 * MIB)) * 4 + 12;
      const areas = `kho_scratch=${low}M,20M,16M`;
      await profile(machine, lines(`step=6 ${areas}`, "load: kexec_load\npreserved_state: discard"));
      await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
      await mount();
      await machine.output(
        `cp /boot/initrd /disk/full && truncate -s ${
          20 * MIB
        } /disk/full && cp /disk/full /disk/more && echo >>/disk/more`,
      );
      const [refused, why] = await planned(machine, lines("step=7", "load: kexec_file_load", "/disk/more"));
      assertEquals(refused, EXIT.unavailable.code, why);
      assertMatch(why, /FAIL +kho-scratch +.* has room for the initrd/);
      assertEquals(await answer(machine), "-1 EADDRNOTAVAIL");
      const [code, text] = await planned(machine, lines("step=7", "load: kexec_file_load", "/disk/full"));
      assertEquals(code, EXIT.ok.code, text);
      const { cmdline } = await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
      assertStringIncludes(cmdline, "step=7");
    });
  },
});
