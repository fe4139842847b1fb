import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { goesOn, interfacesUp } from "../../src/app/unbind.ts";

const DEVICE = { bus: "pci", driver: "e1000", device: "0000:00:03.0", path: "/sys/devices/x" };

Deno.test("the interfaces that are up, without those that lead back to this host", () => {
  const folder = Deno.makeTempDirSync();
  try {
    // Flags as sysfs has them: up and broadcast; broadcast; up and loopback.
    for (const [name, flags] of [["wlan0", "0x1003"], ["eth0", "0x1103"], ["eth1", "0x1002"], ["lo", "0x9"]] as const) {
      Deno.mkdirSync(join(folder, name));
      Deno.writeTextFileSync(join(folder, name, "flags"), `${flags}\n`);
    }
    Deno.writeTextFileSync(join(folder, "bonding_masters"), "\n");
    assertEquals(interfacesUp(folder), ["eth0", "wlan0"]);
    assertEquals(interfacesUp(join(folder, "none")), []);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test({
  name: "the reboot goes on where an interface stays up, and where a device stays only if the profile says so",
  permissions: "none",
  fn() {
    const unbind = { name: "unbind", device: DEVICE } as const;
    const targets = ["driver:e1000"];
    assertEquals(goesOn({ name: "set_interface", interface: "eth0", up: false }, undefined), true);
    assertEquals(goesOn(unbind, { targets, failure: "stop" }), false);
    assertEquals(goesOn(unbind, { targets, failure: "continue" }), true);
    assertEquals(goesOn({ name: "reboot_kexec" }, { targets, failure: "continue" }), false);
    assertEquals(goesOn({ name: "sync" }, undefined), false);
  },
});
