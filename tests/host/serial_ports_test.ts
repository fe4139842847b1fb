import { assertEquals } from "@std/assert";
import { decodeFacts } from "../../src/host/decode_facts.ts";

/** What is known of the serial ports with these files below /sys/class/tty, and how many problems they have. */
function ports(files: { readonly [file: string]: string }) {
  const least = { "/proc/sys/kernel/arch": "x86_64\n", "/proc/sys/kernel/osrelease": "6.1.0\n" };
  const own = Object.fromEntries(Object.entries(files).map(([file, text]) => [`/sys/class/tty/${file}`, `${text}\n`]));
  const { value, diagnostics } = decodeFacts({ format: "warmboot.facts/1", files: { ...least, ...own } });
  return [value?.serialPorts, diagnostics.filter(({ message }) => message.includes("/tty/")).length] as const;
}

function port(name: string, values: readonly [string, string, string, string, string]): { [file: string]: string } {
  const fields = ["io_type", "port", "iomem_base", "iomem_reg_shift", "uartclk"];
  return Object.fromEntries(fields.map((field, index) => [`${name}/${field}`, values[index] ?? ""]));
}

Deno.test({
  name: "a serial port is where its five files say; one without registers, or known in part, is left out",
  permissions: "none",
  fn() {
    const first = port("ttyS0", ["0", "0x3F8", "0x0", "0", "1843200"]);
    const known = { line: 0, ioType: 0, port: 0x3f8n, address: 0n, shift: 0, clock: 1_843_200 };
    assertEquals(ports({}), [undefined, 0]);
    assertEquals(ports(first), [[known], 0]);
    // One in memory with a clock that the kernel does not know, and a name without a port.
    const others = {
      ...port("ttyS4", ["3", "0x0", "0xFEDC9000", "2", "0"]),
      ...port("ttyS31", ["0", "0x0", "0x0", "0", "1843200"]),
    };
    assertEquals(ports({ ...first, ...others }), [
      [known, { line: 4, ioType: 3, port: 0n, address: 0xfedc_9000n, shift: 2 }],
      0,
    ]);
    for (const field of ["io_type", "port", "iomem_base", "iomem_reg_shift"]) {
      const { [`ttyS0/${field}`]: _, ...rest } = first;
      assertEquals(ports(rest), [undefined, 0], field);
      assertEquals(ports({ ...first, [`ttyS0/${field}`]: "here" }), [undefined, 1], field);
    }
    assertEquals(ports({ ...first, "ttyS0/iomem_reg_shift": "8" }), [undefined, 0]);
  },
});
