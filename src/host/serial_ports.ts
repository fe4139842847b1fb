import { omitUndefined, type Report } from "../core/shape.ts";
import type { Captured } from "./captured.ts";
import type { HostFacts, SerialPortFacts } from "./facts.ts";
import { DECIMAL, HEX, valueOf } from "./one_value.ts";

/** Decodes the serial ports of /sys/class/tty; one that is known in part is left out. Undefined: there are none. */
export function serialPorts(from: Captured, report: Report): HostFacts["serialPorts"] {
  const files = Map.groupBy(from.all("serialPorts"), ({ index }) => index);
  const ports = [...files].flatMap(([line, own]): readonly SerialPortFacts[] => {
    const read = (field: string, form: typeof HEX): bigint | undefined => {
      const found = own.find((file) => file.field === field);
      return found === undefined ? undefined : valueOf(found, report, form);
    };
    const [ioType, shift, clock] = ["io_type", "iomem_reg_shift", "uartclk"].map((field) => read(field, DECIMAL));
    const [port, address] = ["port", "iomem_base"].map((field) => read(field, HEX));
    // What is neither here nor there is a name without a port.
    if (line === undefined || ioType === undefined || port === undefined || address === undefined) return [];
    if (shift === undefined || shift > 7n || (port === 0n && address === 0n)) return [];
    const known = clock === undefined || clock === 0n ? undefined : Number(clock);
    return [{ line, ioType: Number(ioType), port, address, shift: Number(shift), ...omitUndefined({ clock: known }) }];
  });
  return ports.length === 0 ? undefined : ports;
}
