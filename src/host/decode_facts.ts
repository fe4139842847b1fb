import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import { omitUndefined, type Report } from "../core/shape.ts";
import { biosFacts } from "./bios.ts";
import { bootParamsFacts } from "./boot_params.ts";
import type { Capture } from "./capture.ts";
import { type Captured, capturedIn } from "./captured.ts";
import { cpuFacts } from "./cpu.ts";
import { crashFacts } from "./crash.ts";
import { cryptFacts } from "./crypt.ts";
import { deviceTree } from "./device_tree.ts";
import { deviceFacts } from "./devices.ts";
import { efiFacts } from "./efi.ts";
import type { HostFacts } from "./facts.ts";
import { type Iomem, parseIomem } from "./iomem.ts";
import { kernelMap } from "./kcore.ts";
import { kexecBooted } from "./kexec_booted.ts";
import { kexecHandover } from "./kexec_handover.ts";
import { kernelConfig } from "./kernel_config.ts";
import { kexecState } from "./kexec_state.ts";
import { firstProblems } from "./many_problems.ts";
import { firmwareMap, memoryFacts } from "./memory.ts";
import { platformFacts } from "./platform.ts";
import { networkFacts } from "./network.ts";
import { pageSize, processFacts } from "./process.ts";
import { NOT_CAPABLE } from "./reader.ts";
import { securityFacts } from "./security.ts";
import { type SourceName, SOURCES } from "./sources.ts";
import { framebuffers } from "./framebuffers.ts";
import { serialPorts } from "./serial_ports.ts";
import { systemFacts } from "./system.ts";
import { watchdogFacts } from "./watchdog.ts";

/**
 * Decodes a capture, of the live host or from a file. There is a value if the machine, the release and the page size are
 * known, also beside errors; every other fact is left out where the host did not say it, with a warning where it should
 * have.
 */
export function decodeFacts(capture: Capture): Checked<HostFacts> {
  const from = capturedIn(capture);
  if (
    Object.values(capture.files).some((file) =>
      typeof file === "object" && "error" in file && file.error === NOT_CAPABLE
    )
  ) {
    return { value: undefined, diagnostics: [notCapable()] };
  }
  const diagnostics: Diagnostic[] = [];
  const report: Report = (diagnostic) => diagnostics.push(diagnostic);
  reportUnreadable(from, report);
  const { machine, release, ...system } = systemFacts(from, report);
  const bytesPerPage = pageSize(from, report, machine);
  const process = processFacts(from, report);
  const config = kernelConfig(from, report);
  const facts = {
    ...omitUndefined({ redacted: capture.redacted }),
    ...system,
    ...memoryFacts(from, report),
    ...process,
    ...cpuFacts(from, report),
    ...platformFacts(from, report),
    ...deviceFacts(from, report),
    ...cryptFacts(from, report),
    iomem: iomem(from, report),
    firmwareMap: firmwareMap(from, report),
    kexec: kexecState(from, report),
    ...omitUndefined({ handover: kexecHandover(from, report, { ...system, ...process, kernelConfig: config }) }),
    ...securityFacts(from, report),
    ...omitUndefined({ efi: efiFacts(from, report), bios: biosFacts(from, report) }),
    ...bootParamsFacts(from, report),
    ...omitUndefined({ framebuffers: framebuffers(from), serialPorts: serialPorts(from, report) }),
    ...crashFacts(from, report),
    ...omitUndefined({ watchdog: watchdogFacts(from, report, process), pstoreBackend: pstoreBackend(from) }),
    ...omitUndefined({ kernelMap: kernelMap(from, report) }),
    ...omitUndefined({ network: networkFacts(from, report) }),
    ...treeFacts(from, report),
    kernelConfig: config,
  };
  if (machine === undefined) report(missing("machine", "machine"));
  if (release === undefined) report(missing("kernel release", "release"));
  if (bytesPerPage === undefined) report(missing("page size", "auxv"));
  const known = machine !== undefined && release !== undefined && bytesPerPage !== undefined;
  return {
    value: known ? { ...facts, machine, release, pageSize: bytesPerPage } : undefined,
    diagnostics: firstProblems(diagnostics, "the facts of the host"),
  };
}

function sourceNames(): readonly SourceName[] {
  return Object.keys(SOURCES) as SourceName[];
}

function iomem(from: Captured, report: Report): Iomem {
  const found = from.one("iomem");
  if (found === undefined) return { visibility: "absent", roots: [] };
  const parsed = parseIomem(found.text);
  parsed.diagnostics.forEach(report);
  return parsed.iomem;
}

/** The kernel writes `(null)` where there is none. */
function pstoreBackend(from: Captured): string | undefined {
  const name = from.one("pstoreBackend")?.text;
  return name === "" || name === "(null)" ? undefined : name;
}

function treeFacts(from: Captured, report: Report): Pick<HostFacts, "deviceTree" | "kexecBooted"> {
  const tree = deviceTree(from, report);
  return omitUndefined({ deviceTree: tree, kexecBooted: kexecBooted(from, report, tree) });
}

function notCapable(): Diagnostic {
  return {
    code: "facts-not-capable",
    severity: "error",
    message: "The facts of the live host are in /proc and /sys, which warmboot has no permission to read",
    hint: "Run it with -A (--allow-all), or give it a capture with --facts FILE",
  };
}

/** One warning for all that failed alike: a reader without privileges is refused a dozen sources. */
function reportUnreadable(from: Captured, report: Report): void {
  const refused = sourceNames().filter((name) => SOURCES[name].rare !== true).flatMap((name) => {
    const [first, ...others] = from.unreadable(name);
    if (first === undefined) return [];
    return [{ error: first.error, path: others.length === 0 ? first.path : SOURCES[name].paths[0] ?? first.path }];
  });
  for (const [error, rows] of Map.groupBy(refused, (row) => row.error)) {
    const denied = error === "EACCES" || error === "EPERM";
    report({
      code: "facts-unreadable",
      severity: "warning",
      message: `Cannot read ${rows.map((row) => row.path).join(", ")}: ${error}`,
      hint: denied
        ? "Run warmboot as root or with CAP_DAC_READ_SEARCH; if it has that, a security module or a container refuses"
        : "Take the facts again; if it stays so, the kernel's log may say why",
    });
  }
}

function missing(what: string, name: SourceName): Diagnostic {
  const path = SOURCES[name].paths[0] ?? name;
  return {
    code: "facts-missing",
    severity: "error",
    message: `The ${what} of the host is unknown: ${path} is not usable`,
    hint: "See that /proc is mounted, or take the capture again with `warmboot facts`",
  };
}
