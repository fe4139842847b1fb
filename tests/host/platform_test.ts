import { assertEquals } from "@std/assert";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import type { HostFacts } from "../../src/host/facts.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function facts(files: { readonly [path: string]: string }): HostFacts | undefined {
  const least = { "/proc/sys/kernel/arch": "x86_64\n", "/proc/sys/kernel/osrelease": "6.1.0\n" };
  return decodeFacts({ format: "warmboot.facts/1", files: { ...least, ...files } }).value;
}

pure("the firmware's names of the machine are trimmed, and empty ones left out", () => {
  const dmi = "/sys/class/dmi/id";
  assertEquals(
    facts({
      [`${dmi}/sys_vendor`]: "Google\n",
      [`${dmi}/product_name`]: "Google Compute Engine \n",
      [`${dmi}/board_name`]: "\n",
    })
      ?.dmi,
    { vendor: "Google", product: "Google Compute Engine" },
  );
  assertEquals(facts({ [`${dmi}/chassis_asset_tag`]: "7783\n" })?.dmi, { assetTag: "7783" });
  assertEquals(facts({ [`${dmi}/board_name`]: "  \n" })?.dmi, undefined);
});

pure("a Xen guest says its kind, and the control domain that it is one", () => {
  assertEquals(facts({})?.xen, undefined);
  assertEquals(facts({ "/sys/hypervisor/guest_type": "HVM\n" })?.xen, { guest: "HVM", isControl: false });
  assertEquals(facts({ "/sys/hypervisor/guest_type": "PV\n", "/proc/xen/capabilities": "control_d\n" })?.xen, {
    guest: "PV",
    isControl: true,
  });
  // Before Linux 4.13 there is only this.
  assertEquals(facts({ "/proc/xen/capabilities": "control_d\n" })?.xen, { isControl: true });
  assertEquals(facts({ "/proc/xen/capabilities": "" })?.xen, { isControl: false });
  assertEquals(facts({ "/proc/xen/capabilities": "other control_d\n" })?.xen, { isControl: true });
  assertEquals(facts({ "/proc/xen/capabilities": "control_d2\n" })?.xen, { isControl: false });
});

pure("the name of a CPU may have colons, and its flags are found behind it", () => {
  const found = facts({ "/proc/cpuinfo": "model name\t: Intel(R) Celeron(R) N5105 @ 2.00GHz: x\nflags\t\t: fpu lm\n" });
  assertEquals([found?.cpuModel, found?.cpuFlags], ["Intel(R) Celeron(R) N5105 @ 2.00GHz: x", ["fpu", "lm"]]);
  assertEquals(facts({ "/proc/cpuinfo": "Features\t: fp asimd\n" })?.cpuFlags, ["fp", "asimd"]);
});
