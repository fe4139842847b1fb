import { assertEquals } from "@std/assert";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import { liveReader } from "../../src/host/live.ts";

const LEAST = { "/proc/sys/kernel/arch": "x86_64\n", "/proc/sys/kernel/osrelease": "6.1.0\n" };

function decoded(files: { readonly [path: string]: string }) {
  const { value, diagnostics } = decodeFacts({ format: "warmboot.facts/1", files: { ...LEAST, ...files } });
  return {
    value,
    problems: diagnostics.filter(({ code }) => code === "facts-malformed").map(({ message }) => message),
  };
}

Deno.test({
  name: "devices, disks and consoles are decoded from the listings; without them they are unknown",
  permissions: "none",
  fn() {
    const { value, problems } = decoded({
      "/sys/bus": "pci\te1000\t0000:00:03.0\t/sys/devices/pci0000:00/0000:00:03.0\n",
      "/sys/dev/block": "/sys/devices/pci0000:00/0000:00:05.0/virtio0/block/vda\n",
      "/sys/class/tty/console": "ttyS0\t/sys/devices/pnp0/00:04\n",
    });
    assertEquals(problems, []);
    assertEquals(value?.devices, [{
      bus: "pci",
      driver: "e1000",
      device: "0000:00:03.0",
      path: "/sys/devices/pci0000:00/0000:00:03.0",
    }]);
    assertEquals(value?.rootDisks, ["/sys/devices/pci0000:00/0000:00:05.0/virtio0/block/vda"]);
    assertEquals(value?.consoles, [{ name: "ttyS0", path: "/sys/devices/pnp0/00:04" }]);
    assertEquals([decoded({}).value?.devices, decoded({ "/sys/bus": "" }).value?.devices], [undefined, []]);
  },
});

Deno.test({
  name: "a listing with another number of names is malformed, and its fact unknown",
  permissions: "none",
  fn() {
    for (
      const text of ["pci\te1000\n", "pci\te1000\tx\t/sys/x\tmore\n", "pci\t\tx\t/sys/x\n", "a\tb\tc\td\n\nx\n"]
    ) {
      const { value, problems } = decoded({ "/sys/bus": text });
      assertEquals([value?.devices, problems.length], [undefined, 1], text);
    }
  },
});

Deno.test("the live reader lists this host, each device with the path where sysfs has it", () => {
  const result = liveReader().read("/sys/bus");
  const lines = result.kind === "bytes" ? new TextDecoder().decode(result.bytes).split("\n").slice(0, -1) : [];
  for (const line of lines) {
    const [bus = "", driver = "", device = "", path = "", ...more] = line.split("\t");
    assertEquals(more, []);
    assertEquals(Deno.realPathSync(`/sys/bus/${bus}/drivers/${driver}/${device}`), path);
  }
  assertEquals(lines.some((line) => line.startsWith("cpu\t")), false);
});

Deno.test({
  name: "a driver whose name has a space is one name",
  permissions: "none",
  fn() {
    const { value, problems } = decoded({ "/sys/bus": "pnp\ti8042 kbd\t00:00\t/sys/devices/pnp0/00:00\n" });
    assertEquals([value?.devices?.[0]?.driver, problems], ["i8042 kbd", []]);
  },
});
