import { BACKUP_SOURCE, crashDump, needsBackup } from "./crash_dump.ts";
import { buildPurgatory, hasShaInstructions, PURGATORY, purgatoryUsesSha } from "./purgatory.ts";
import { formatAddress } from "../../core/number.ts";
import type { HostFacts } from "../../host/facts.ts";
import { drmDriver } from "../../host/framebuffers.ts";
import { addParameter } from "../../profile/cmdline/cmdline.ts";
import { kernelImage } from "./bzimage_loader.ts";
import { fileLoaderBuffers } from "./file_loader.ts";
import type { LinuxMachine } from "../machine.ts";
import { LOW_MEMORY, LOWEST_ADDRESS } from "./memory_layout.ts";
import { serialConsole } from "./serial_console.ts";

/** screen_info.orig_video_isVGA in boot_params, and its value for a text screen at 0xb8000. */
const VIDEO_TYPE = 0x0f;

const VGA_TEXT = 1;

/** Whether what is written to the text screen is seen: a DRM driver has left text mode. */
function hasTextScreen(facts: HostFacts): boolean {
  return facts.bootParams?.[VIDEO_TYPE] === VGA_TEXT && drmDriver(facts) === undefined;
}

/** x86_64. */
export const X86_64: LinuxMachine = {
  // MAXMEM - 1, where MAXMEM is 2^52 with 5-level paging active, which is when the kernel shows the flag la57, and 2^46
  // otherwise (arch/x86/include/asm/kexec.h, pgtable_64_types.h, Linux 7.3). Below 1 MiB are firmware's data and the
  // trampolines with which CPUs start.
  memory: ({ cpuFlags }) => ({
    overwritable: ["Kernel code", "Kernel rodata", "Kernel data", "Kernel bss"],
    lowest: LOW_MEMORY.end,
    limit: (1n << (cpuFlags.includes("la57") ? 52n : 46n)) - 1n,
  }),
  handover: "boot_params",
  lowest: LOWEST_ADDRESS,
  purgatory: {
    ...PURGATORY,
    build: ({ handover, ...task }, { facts, cmdline }) => {
      const { port } = serialConsole(facts, cmdline);
      return buildPurgatory({
        ...task,
        bootParams: handover,
        sha: task.verify === "sha256" && hasShaInstructions(facts.cpuFlags),
        console: { ...(port === undefined ? {} : { serial: port }), vga: hasTextScreen(facts) },
      });
    },
    mismatch: ({ facts, cmdline }) => {
      const { port, about } = serialConsole(facts, cmdline);
      const screen = hasTextScreen(facts) ? "the text screen" : undefined;
      if (port !== undefined) return `reported on ${about}${screen === undefined ? "" : `, and on ${screen}`}`;
      return screen === undefined ? `not reported: ${about}` : `reported on ${screen} only: ${about}`;
    },
    lacks: (bytes, facts) => purgatoryUsesSha(bytes) && !hasShaInstructions(facts.cpuFlags),
    // On one core of an AMD EPYC of 2020: XXH64, SHA-256 by SHA instructions, and by integer instructions.
    verifiedPerMs: (by, { cpuFlags }) =>
      by === "xxh64" ? 13_000_000 : hasShaInstructions(cpuFlags) ? 1_800_000 : 350_000,
  },
  crash: {
    alignment: 4096n,
    backup: ({ release }) => needsBackup(release) ? BACKUP_SOURCE : undefined,
    dump: crashDump,
    cmdline: (cmdline, elfcorehdr) => addParameter(cmdline, `elfcorehdr=${formatAddress(elfcorehdr)}`),
  },
  kernelImage,
  boundsBeside: () => ({ min: LOWEST_ADDRESS, initrdMax: 1n << 64n }),
  fileLoaderBuffers,
};
