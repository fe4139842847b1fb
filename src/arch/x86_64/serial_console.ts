import { formatAddress } from "../../core/number.ts";
import { lookUp, omitUndefined } from "../../core/shape.ts";
import type { HostFacts } from "../../host/facts.ts";
import { parameterKey, parseCmdline } from "../../profile/cmdline/cmdline.ts";
import { guestFlag } from "./encrypted_guest.ts";
import type { SerialPort } from "./purgatory.ts";

/** The serial port on which a purgatory reports a mismatch. */
export interface SerialConsole {
  /** Undefined: there is none that purgatory can drive. */
  readonly port?: SerialPort;
  /** The port, for people; or why there is none. */
  readonly about: string;
}

/**
 * The serial console of a command line, else that of the running one, else COM1 as it was left. A command line names it
 * by `console=ttyS1,115200n8`, `console=uart8250,…`, `earlycon=uart8250,io,0x2f8` or `earlyprintk=ttyS1,115200`: of
 * several `console=` the last, and these before the other two. Speed and character are those that the kernel would set.
 */
export function serialConsole(facts: HostFacts, cmdline: string): SerialConsole {
  const guest = guestFlag(facts, EXCEPTION_FLAGS);
  if (guest !== undefined) {
    return {
      about:
        `serial ports of an encrypted guest (${guest}) can only be reached by exceptions, which purgatory does not handle`,
    };
  }
  const named = [cmdline, facts.cmdline ?? ""].flatMap((text) => namedPorts(text, facts));
  return named.find(({ port }) => port !== undefined) ?? named[0] ?? {
    port: { address: STANDARD[0], ...ACCESS_BY_NAME.io },
    about: `I/O port ${
      formatAddress(STANDARD[0])
    } (ttyS0), as it was left, since no command line names a serial console`,
  };
}

/** The I/O ports of ttyS0 to ttyS3 on every PC (arch/x86/include/asm/serial.h). */
const STANDARD = [0x3f8n, 0x2f8n, 0x3e8n, 0x2e8n] as const;

/** The clock of a PC's serial port, Hz: BASE_BAUD * 16. */
const CLOCK = 1_843_200;

/** What the kernel takes where no speed is named: serial8250_console_setup, and DEFAULT_BAUD of earlyprintk. */
const DEFAULT_SPEED = "9600";

/** Guests whose I/O ends in an exception: SEV-ES, SEV-SNP, TDX; the flags of /proc/cpuinfo. */
const EXCEPTION_FLAGS: readonly string[] = ["sev_es", "sev_snp", "tdx_guest"];

/** The ports that a command line names, the best first. */
function namedPorts(cmdline: string, facts: HostFacts): readonly SerialConsole[] {
  const { kernel } = parseCmdline(cmdline);
  const of = (name: string, read: (value: string) => Named | undefined): readonly SerialConsole[] =>
    kernel.filter((parameter) => parameterKey(parameter) === name).toReversed().flatMap(({ text, value = "" }) => {
      const named = read(value);
      return named === undefined ? [] : [consoleOf(named, text)];
    });
  return [
    ...of("console", (value) => ttyPort(value, facts) ?? uartPort(value)),
    ...of("earlycon", uartPort),
    ...of("earlyprintk", earlyPrintkPort),
  ];
}

/** A port that a parameter names. */
interface Named {
  /** What it is called, or where it is. */
  readonly name: string;
  /** Where its registers are; undefined, with the reason, where purgatory cannot drive it. */
  readonly registers?: Omit<SerialPort, "speed">;
  readonly why?: string;
  /** As `115200n8`; undefined: as it was left. */
  readonly options?: string;
  /** Hz. */
  readonly clock?: number;
}

function consoleOf({ name, registers, why = "", options, clock = CLOCK }: Named, parameter: string): SerialConsole {
  if (registers === undefined) return { about: `${name}, which \`${parameter}\` names, ${why}` };
  const speed = options === undefined ? undefined : speedOf(options, clock);
  const place = registers.width === 0
    ? `I/O port ${formatAddress(registers.address)}`
    : `memory at ${formatAddress(registers.address)}`;
  return {
    port: { ...registers, ...omitUndefined({ speed: speed?.registers }) },
    about: `${name === "" ? place : `${name} (${place})`}${
      speed === undefined ? ", as it was left" : ` at ${speed.text}`
    }`,
  };
}

/** `console=ttyS1,115200n8`, and `console=1`, which says the same. */
function ttyPort(value: string, { serialPorts = [] }: HostFacts): Named | undefined {
  const [, line, options = DEFAULT_SPEED] = /^(?:ttyS)?(\d{1,4})(?:,(.*))?$/.exec(value) ?? [];
  if (line === undefined) return undefined;
  const name = `ttyS${Number(line)}`;
  const known = serialPorts.find((port) => port.line === Number(line));
  if (known === undefined) {
    const standard = STANDARD[Number(line)];
    return standard === undefined
      ? { name, why: "is not a port of a PC, and the running kernel does not say where it is" }
      : { name, registers: { address: standard, ...ACCESS_BY_NAME.io }, options };
  }
  const clock = known.clock ?? CLOCK;
  const access = ACCESS_BY_TYPE[known.ioType];
  if (access === undefined) {
    return { name, why: `has registers of a kind that purgatory cannot access (io_type ${known.ioType})` };
  }
  const address = access.width === 0 ? known.port : known.address;
  if (address === 0n || (access.width === 0 && address > 0xffffn)) {
    return { name, why: `is not at an address: \`${formatAddress(address)}\`` };
  }
  const registers = { address, width: access.width, shift: access.width === 0 ? 0 : known.shift };
  return { name, registers, options, clock };
}

/** UPIO_PORT, _MEM, _MEM32 and _MEM16 of include/linux/serial_core.h. */
const ACCESS_BY_TYPE: { readonly [ioType: number]: { readonly width: SerialPort["width"] } } = {
  0: { width: 0 },
  2: { width: 1 },
  3: { width: 4 },
  7: { width: 2 },
};

/**
 * `uart8250,mmio32,0xfedc9000,115200n8`: uart_parse_earlycon in drivers/tty/serial/serial_core.c, and parse_options in
 * earlycon.c, which knows the distance of the registers by the kind, and the clock after the options.
 */
function uartPort(value: string): Named | undefined {
  const [name = "", ...rest] = value.split(",");
  if (!/^(?:uart|uart8250|ns16550|ns16550a)$/.test(name) || rest.length === 0) return undefined;
  const isBare = rest[0]?.startsWith("0x") === true;
  const kind = isBare ? "mmio" : rest[0] ?? "";
  const [address = "", options, clock] = isBare ? rest : rest.slice(1);
  const access = lookUp<Pick<SerialPort, "width" | "shift">>(ACCESS_BY_NAME, kind);
  if (access === undefined) return { name, why: `has registers of a kind that purgatory cannot access (${kind})` };
  if (!/^0x[0-9a-f]{1,16}$/i.test(address) || (access.width === 0 && BigInt(address) > 0xffffn)) {
    return { name, why: `is not at an address: \`${address}\`` };
  }
  return {
    name: "",
    registers: { address: BigInt(address), ...access },
    ...omitUndefined({
      options: options === "" ? undefined : options,
      clock: /^\d{1,10}$/.test(clock ?? "") && Number(clock) > 0 ? Number(clock) : undefined,
    }),
  };
}

const ACCESS_BY_NAME = {
  io: { width: 0, shift: 0 },
  mmio: { width: 1, shift: 0 },
  mmio16: { width: 2, shift: 1 },
  mmio32: { width: 4, shift: 2 },
  // The processor's own order, which is that of mmio32.
  mmio32native: { width: 4, shift: 2 },
} as const satisfies { readonly [kind: string]: Pick<SerialPort, "width" | "shift"> };

/**
 * `serial,ttyS1,115200`, `ttyS1,115200`, `serial,0x2f8`, `mmio32,0xfedc9000,115200`: setup_early_printk in
 * arch/x86/kernel/early_printk.c, Linux 7.2, which knows two ports by name, accesses memory by 32 bits, and takes 9600
 * where no speed is named.
 */
function earlyPrintkPort(value: string): Named | undefined {
  const [kind = "", ...rest] = value.split(",").filter((part) => part !== "keep");
  if (kind === "pciserial") return { name: "The PCI port", why: "is known by its place on the bus only" };
  const isMemory = /^mmio(?:32)?$/.test(kind);
  if (!isMemory && kind !== "serial" && !/^ttyS\d*$/.test(kind)) return undefined;
  const [place = "", speed] = kind.startsWith("ttyS") ? [kind, ...rest] : rest;
  const options = speed === "nocfg" ? undefined : /^0*[1-9]/.test(speed ?? "") ? speed : DEFAULT_SPEED;
  if (/^0x[0-9a-f]{1,8}$/i.test(place)) {
    const address = BigInt(place);
    const registers = isMemory
      ? { address, ...ACCESS_BY_NAME.mmio32 }
      : { address: address & 0xffffn, ...ACCESS_BY_NAME.io };
    return { name: "", registers, ...omitUndefined({ options }) };
  }
  if (isMemory) return { name: kind, why: `is not at an address: \`${place}\`` };
  const line = /^(?:ttyS)?0*1$/.test(place) ? 1 : 0;
  return {
    name: `ttyS${line}`,
    registers: { address: STANDARD[line], ...ACCESS_BY_NAME.io },
    ...omitUndefined({ options }),
  };
}

/**
 * Options such as `115200n8` as registers; undefined for a speed that the port cannot have, which is then left as it is.
 * Speed, parity and bits as uart_parse_options reads them; 8n1 unless they say otherwise.
 */
function speedOf(
  options: string,
  clock: number,
): { readonly registers: NonNullable<SerialPort["speed"]>; readonly text: string } | undefined {
  const [, digits = "0", parity = "n", bits = "8"] = /^(\d{1,8})([noe])?([5-8])?/.exec(options) ?? [];
  const speed = Number(digits);
  const divisor = speed === 0 ? 0 : Math.round(clock / (16 * speed));
  if (divisor < 1 || divisor > 0xffff) return undefined;
  return {
    registers: { divisor, line: (Number(bits) - 5) | (lookUp<number>(PARITY, parity) ?? 0) },
    text: `${speed} baud${parity === "n" && bits === "8" ? "" : `, ${bits}${parity}1`}`,
  };
}

/** Bits of the line control register: parity, and whether it is even. */
const PARITY = { n: 0, o: 0x08, e: 0x18 } as const;
