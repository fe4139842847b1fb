import { consoleOf } from "./console.ts";
import { crashDump } from "./crash_dump.ts";
import { arm64KernelImage, boundsBeside } from "./image_loader.ts";
import { buildPurgatory, PURGATORY } from "./purgatory.ts";
import { incompatibility } from "../../image/call_compatibility.ts";
import { innerOf } from "../../image/boot_files.ts";
import { formatAddress, MAX_U64 } from "../../core/number.ts";
import { fileLoaderBuffers } from "./file_loader.ts";
import type { LinuxMachine } from "../machine.ts";

/** arm64. */
export const AARCH64: LinuxMachine = {
  // ULONG_MAX; children named `reserved` hold what must survive.
  memory: () => ({ overwritable: ["Kernel code", "Kernel data"], lowest: 0n, limit: MAX_U64 }),
  handover: "dtb",
  lowest: 0n,
  purgatory: {
    ...PURGATORY,
    build: ({ backup: _none, entry32: _none32, ...task }, { facts, deviceTree = facts.deviceTree, cmdline }) => {
      const uart = consoleOf(deviceTree, cmdline);
      return buildPurgatory({ ...task, ...(uart === undefined ? {} : { uart }) });
    },
    mismatch: ({ facts, deviceTree = facts.deviceTree, cmdline }) => {
      const uart = consoleOf(deviceTree, cmdline);
      return uart === undefined
        ? "not reported: neither the device tree nor the command line names a PL011 as the console"
        : `reported on the PL011 at ${formatAddress(uart)}`;
    },
    // It asks the processor itself.
    lacks: () => false,
    // Not measured. The data cache is off: memory, not what is done with it, sets the pace.
    verifiedPerMs: () => 350_000,
  },
  crash: {
    // The crash kernel's pages may be larger than the running one's.
    alignment: 0x1_0000n,
    backup: () => undefined,
    dump: crashDump,
    // The device tree says it.
    cmdline: (cmdline) => cmdline,
  },
  kernelImage: (file, { pageSize }) => {
    const { path } = file;
    const inner = innerOf(file);
    const { info, size } = inner ?? file;
    const isOurs = info.kind === "arm64-image" && !info.bigEndian &&
      incompatibility("kexec_load", info, "aarch64") === undefined;
    return {
      value: isOurs ? arm64KernelImage({ path, size, info, unpacked: inner !== undefined }, pageSize) : undefined,
      diagnostics: [],
    };
  },
  boundsBeside,
  fileLoaderBuffers,
};
