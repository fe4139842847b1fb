// deno-lint-ignore-file no-console
/**
 * `preserve_rounds COUNT` runs `warmboot exec` that many times, in one start of Deno. After each run it prints, as a line
 * of JSON, the exit code, what exec wrote to standard output, the mark at 0x4f0 (examples/preserve.yaml), which is then
 * overwritten, and the CPUs that are online.
 */
import { main } from "../../../src/cli/main.ts";
import { type Ports, systemPorts } from "../../../src/cli/ports.ts";

const MARK = 0x4f0;

/** The eight letters, and the count. */
function readMark(): readonly [string, number] {
  using memory = Deno.openSync("/dev/mem", { read: true, write: true });
  const bytes = new Uint8Array(16);
  memory.seekSync(MARK, Deno.SeekMode.Start);
  memory.readSync(bytes);
  memory.seekSync(MARK, Deno.SeekMode.Start);
  memory.writeSync(new Uint8Array(16));
  return [new TextDecoder().decode(bytes.subarray(0, 8)), Number(new DataView(bytes.buffer).getBigUint64(8, true))];
}

for (let round = 0; round < Number(Deno.args[0] ?? 1); round++) {
  let said = "";
  const ports = (): Ports => {
    const real = systemPorts("never");
    return { ...real, out: { ...real.out, write: (text) => void (said += text) } };
  };
  const code = await main(["exec"], ports);
  const cpus = Deno.readTextFileSync("/sys/devices/system/cpu/online").trim();
  console.log(JSON.stringify({ code, said, mark: readMark(), cpus }));
}
