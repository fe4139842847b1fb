/** On which serial port the x86_64 purgatory reports a mismatch, by the command lines and what the running kernel says. */
import { assertEquals } from "@std/assert";
import { serialConsole } from "../../src/arch/x86_64/serial_console.ts";
import type { SerialPortFacts } from "../../src/host/facts.ts";
import { hostFacts } from "../support/host_facts.ts";

const PORTS: readonly SerialPortFacts[] = [
  { line: 0, ioType: 0, port: 0x3f8n, address: 0n, shift: 0, clock: 1_843_200 },
  { line: 1, ioType: 0, port: 0x2f8n, address: 0n, shift: 0, clock: 1_843_200 },
  { line: 4, ioType: 0, port: 0xc050n, address: 0n, shift: 0, clock: 14_745_600 },
  { line: 5, ioType: 3, port: 0n, address: 0xfedc_9000n, shift: 2, clock: 48_000_000 },
  { line: 6, ioType: 2, port: 0n, address: 0xa000_0200n, shift: 0 },
  { line: 7, ioType: 7, port: 0n, address: 0xa000_0400n, shift: 1, clock: 1_843_200 },
  { line: 9, ioType: 0, port: 0x1_0000n, address: 0n, shift: 0 },
  { line: 10, ioType: 3, port: 0x3f8n, address: 0n, shift: 2 },
  { line: 8, ioType: 6, port: 0n, address: 0xa000_0600n, shift: 2, clock: 1_843_200 },
];

/** What is written to where, in a line, and what is said of it. */
function port(cmdline: string, running?: string, ports?: readonly SerialPortFacts[]): readonly [string, string] {
  const { cmdline: _, ...facts } = hostFacts();
  const { port, about } = serialConsole({
    ...facts,
    ...(running === undefined ? {} : { cmdline: running }),
    ...(ports === undefined ? {} : { serialPorts: ports }),
  }, cmdline);
  if (port === undefined) return ["", about];
  const { address, width, shift, speed } = port;
  const at = `${width === 0 ? "io" : `mem${width}<<${shift}`} ${address.toString(16)}`;
  return [speed === undefined ? at : `${at} /${speed.divisor} ${speed.line.toString(16)}`, about];
}

const ROWS: readonly (readonly [cmdline: string, where: string, about: string])[] = [
  ["console=ttyS1,115200n8", "io 2f8 /1 3", "ttyS1 (I/O port 0x2f8) at 115200 baud"],
  ["console=ttyS3,9600e7", "io 2e8 /12 1a", "ttyS3 (I/O port 0x2e8) at 9600 baud, 7e1"],
  ["console=ttyS2,19200o8r", "io 3e8 /6 b", "ttyS2 (I/O port 0x3e8) at 19200 baud, 8o1"],
  // The kernel's own default, and names without digits.
  ["console=ttyS1", "io 2f8 /12 3", "ttyS1 (I/O port 0x2f8) at 9600 baud"],
  ["console=1,38400", "io 2f8 /3 3", "ttyS1 (I/O port 0x2f8) at 38400 baud"],
  ["console=ttyS1,0", "io 2f8", "ttyS1 (I/O port 0x2f8), as it was left"],
  ["console=ttyS1,nonsense", "io 2f8", "ttyS1 (I/O port 0x2f8), as it was left"],
  ["console=ttyS1,10000000", "io 2f8", "ttyS1 (I/O port 0x2f8), as it was left"],
  // The last one counts, whatever else is a console.
  ["console=ttyS0 console=ttyS1,115200 console=tty0", "io 2f8 /1 3", "ttyS1 (I/O port 0x2f8) at 115200 baud"],
  [
    "earlyprintk=ttyS0 earlycon=uart,io,0x3f8 console=ttyS1,115200",
    "io 2f8 /1 3",
    "ttyS1 (I/O port 0x2f8) at 115200 baud",
  ],
  ["earlyprintk=ttyS0 earlycon=uart8250,io,0x2e8,57600", "io 2e8 /2 3", "I/O port 0x2e8 at 57600 baud"],
  // The nearest divisor, and a speed that no divisor gives.
  ["console=ttyS1,12000", "io 2f8 /10 3", "ttyS1 (I/O port 0x2f8) at 12000 baud"],
  ["console=ttyS1,1", "io 2f8", "ttyS1 (I/O port 0x2f8), as it was left"],
  ["earlycon=ns16550,io,0x2f8,38400", "io 2f8 /3 3", "I/O port 0x2f8 at 38400 baud"],
  ["earlycon=uart8250,io,0x2f8,115200,0", "io 2f8 /1 3", "I/O port 0x2f8 at 115200 baud"],
  ["earlyprintk=serial,ttyS1,keep,115200", "io 2f8 /1 3", "ttyS1 (I/O port 0x2f8) at 115200 baud"],
  [
    "earlyprintk=xmmio32,0xfedc9000,115200",
    "io 3f8",
    "I/O port 0x3f8 (ttyS0), as it was left, since no command line names a serial console",
  ],
  ["earlyprintk=ttyS1,0", "io 2f8 /12 3", "ttyS1 (I/O port 0x2f8) at 9600 baud"],
  ["earlyprintk=serial,1,115200", "io 2f8 /1 3", "ttyS1 (I/O port 0x2f8) at 115200 baud"],
  ["earlyprintk=serial,ttyS01,115200", "io 2f8 /1 3", "ttyS1 (I/O port 0x2f8) at 115200 baud"],
  ["earlyprintk=serial,0x102f8,115200", "io 2f8 /1 3", "I/O port 0x2f8 at 115200 baud"],
  ["earlycon=uart8250,io,0x2f8", "io 2f8", "I/O port 0x2f8, as it was left"],
  ["earlycon=uart8250,io,0x2f8,115200n8", "io 2f8 /1 3", "I/O port 0x2f8 at 115200 baud"],
  ["console=uart8250,mmio32,0xfedc9000,115200n8", "mem4<<2 fedc9000 /1 3", "memory at 0xfedc9000 at 115200 baud"],
  ["earlycon=uart,mmio,0x4017000000", "mem1<<0 4017000000", "memory at 0x4017000000, as it was left"],
  [
    "earlycon=ns16550a,mmio16,0xfe030000,115200,48000000",
    "mem2<<1 fe030000 /26 3",
    "memory at 0xfe030000 at 115200 baud",
  ],
  ["earlycon=uart8250,mmio32native,0xfe030000", "mem4<<2 fe030000", "memory at 0xfe030000, as it was left"],
  ["earlycon=uart8250,0xfe030000,9600", "mem1<<0 fe030000 /12 3", "memory at 0xfe030000 at 9600 baud"],
  ["earlyprintk=serial,ttyS1,115200", "io 2f8 /1 3", "ttyS1 (I/O port 0x2f8) at 115200 baud"],
  ["earlyprintk=ttyS1,115200,keep", "io 2f8 /1 3", "ttyS1 (I/O port 0x2f8) at 115200 baud"],
  ["earlyprintk=serial", "io 3f8 /12 3", "ttyS0 (I/O port 0x3f8) at 9600 baud"],
  ["earlyprintk=serial,keep", "io 3f8 /12 3", "ttyS0 (I/O port 0x3f8) at 9600 baud"],
  ["earlyprintk=serial,0x2e8,38400", "io 2e8 /3 3", "I/O port 0x2e8 at 38400 baud"],
  // It knows two ports by name.
  ["earlyprintk=ttyS3,38400", "io 3f8 /3 3", "ttyS0 (I/O port 0x3f8) at 38400 baud"],
  ["earlyprintk=mmio32,0xfedc9000,115200", "mem4<<2 fedc9000 /1 3", "memory at 0xfedc9000 at 115200 baud"],
  ["earlyprintk=mmio,0xfedc9000,nocfg", "mem4<<2 fedc9000", "memory at 0xfedc9000, as it was left"],
  // What init is given names no console.
  [
    "quiet -- console=ttyS1",
    "io 3f8",
    "I/O port 0x3f8 (ttyS0), as it was left, since no command line names a serial console",
  ],
  [
    "console=tty0 earlyprintk=vga",
    "io 3f8",
    "I/O port 0x3f8 (ttyS0), as it was left, since no command line names a serial console",
  ],
];

for (const [cmdline, where, about] of ROWS) {
  Deno.test({
    name: `\`${cmdline}\` is ${where}`,
    permissions: "none",
    fn: () => assertEquals(port(cmdline), [where, about]),
  });
}

Deno.test({
  name: "the running kernel says where a port is, and by which clock it runs",
  permissions: "none",
  fn() {
    const of = (cmdline: string) => port(cmdline, undefined, PORTS);
    assertEquals(of("console=ttyS4,115200"), ["io c050 /8 3", "ttyS4 (I/O port 0xc050) at 115200 baud"]);
    assertEquals(of("console=ttyS5,115200"), ["mem4<<2 fedc9000 /26 3", "ttyS5 (memory at 0xfedc9000) at 115200 baud"]);
    assertEquals(of("console=ttyS6,115200"), ["mem1<<0 a0000200 /1 3", "ttyS6 (memory at 0xa0000200) at 115200 baud"]);
    assertEquals(of("console=ttyS7,115200"), ["mem2<<1 a0000400 /1 3", "ttyS7 (memory at 0xa0000400) at 115200 baud"]);
    assertEquals(of("console=ttyS2,115200"), ["io 3e8 /1 3", "ttyS2 (I/O port 0x3e8) at 115200 baud"]);
  },
});

Deno.test({
  name: "a port that cannot be driven gives way to another one that is named; without one, nothing is written",
  permissions: "none",
  fn() {
    assertEquals(port("console=ttyS9,115200"), [
      "",
      "ttyS9, which `console=ttyS9,115200` names, is not a port of a PC, and the running kernel does not say where it is",
    ]);
    for (const [line, place] of [[9, "0x10000"], [10, "0x0"]] as const) {
      assertEquals(port(`console=ttyS${line}`, undefined, PORTS), [
        "",
        `ttyS${line}, which \`console=ttyS${line}\` names, is not at an address: \`${place}\``,
      ]);
    }
    assertEquals(port("console=ttyS8", undefined, PORTS), [
      "",
      "ttyS8, which `console=ttyS8` names, has registers of a kind that purgatory cannot access (io_type 6)",
    ]);
    assertEquals(port("earlycon=uart8250,mmio32be,0xfe030000"), [
      "",
      "uart8250, which `earlycon=uart8250,mmio32be,0xfe030000` names, has registers of a kind that purgatory cannot " +
      "access (mmio32be)",
    ]);
    assertEquals(
      port("earlycon=uart8250,io,0x12f80")[1],
      "uart8250, which `earlycon=uart8250,io,0x12f80` names, is not at an address: `0x12f80`",
    );
    assertEquals(
      port("earlyprintk=mmio32,here")[1],
      "mmio32, which `earlyprintk=mmio32,here` names, is not at an address: `here`",
    );
    assertEquals(port("earlyprintk=pciserial,00:16.3,115200"), [
      "",
      "The PCI port, which `earlyprintk=pciserial,00:16.3,115200` names, is known by its place on the bus only",
    ]);
    assertEquals(port("console=ttyS9 earlyprintk=ttyS1,115200")[0], "io 2f8 /1 3");
    assertEquals(port("console=ttyS9", "console=ttyS1,115200")[0], "io 2f8 /1 3");
  },
});

Deno.test({
  name: "the running command line counts where the next one names no serial console",
  permissions: "none",
  fn() {
    assertEquals(port("quiet", "console=ttyS1,57600n8")[0], "io 2f8 /2 3");
    assertEquals(port("console=ttyS0,115200", "console=ttyS1,57600n8")[0], "io 3f8 /1 3");
    assertEquals(port("earlycon=uart,io,0x2e8", "console=ttyS1,57600n8")[0], "io 2e8");
  },
});

Deno.test({
  name:
    "in a guest whose I/O ends in an exception nothing is written; on its host, and under ordinary hypervisors, it is",
  permissions: "none",
  fn() {
    const { cmdline: _, ...facts } = hostFacts();
    const of = (cpuFlags: readonly string[]) => serialConsole({ ...facts, cpuFlags }, "console=ttyS0,115200");
    for (const flags of [["tdx_guest"], ["hypervisor", "sev", "sev_es"], ["hypervisor", "sev_snp"]]) {
      const { port, about } = of(flags);
      assertEquals([port, about], [
        undefined,
        `serial ports of an encrypted guest (${
          flags.at(-1)
        }) can only be reached by exceptions, which purgatory does not handle`,
      ]);
    }
    for (const flags of [["sev", "sev_es", "sev_snp"], ["hypervisor"], ["hypervisor", "sev"]]) {
      assertEquals(of(flags).port?.address, 0x3f8n);
    }
  },
});
