import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import { lookUp } from "../core/shape.ts";
import { formatCmdline, parseCmdline } from "../profile/cmdline/cmdline.ts";
import type { GrubEnvironment } from "./grubenv.ts";

/** A boot loader entry of type 1 (UAPI group, Boot Loader Specification): the keys that concern a kernel's boot. */
export interface BootEntry {
  readonly title?: string;
  readonly version?: string;
  /** The kernel, from the root of the file system that holds the entry. */
  readonly linux: string;
  /** Initrds, in order, from the same root. */
  readonly initrd: readonly string[];
  /** The command line: all lines of `options`. */
  readonly options: string;
  /** As uname -m says it, where the entry names one that is known. */
  readonly architecture?: string;
  /** The entry has a device tree, which the running one replaces. */
  readonly hasDevicetree: boolean;
  /** The variables of `linux`, `initrd` and `options`, each once, and what they were replaced by. */
  readonly expanded: readonly ExpandedVariable[];
}

/** A variable of an entry, as `$tuned_params`; undefined `value`: it is not set, and so expands to nothing. */
export interface ExpandedVariable {
  readonly variable: string;
  readonly value?: string;
}

/**
 * Variables that RHEL, Fedora and CoreOS keep in GRUB's environment block, or set for one boot alone. Where they are not
 * set GRUB puts nothing in their place. Any other variable may be set by grub.cfg, or by GRUB itself.
 */
const MAY_BE_UNSET: readonly string[] = ["tuned_params", "tuned_initrd", "kernelopts", "ignition_firstboot"];

/** The specification's names of architectures are those of EFI's default boot files. */
export const EFI_MACHINES: { readonly [name: string]: string } = {
  x64: "x86_64",
  ia32: "i686",
  aa64: "aarch64",
  arm: "armv7l",
  riscv64: "riscv64",
  loongarch64: "loongarch64",
};

interface Line {
  readonly key: string;
  readonly value: string;
  readonly number: number;
  readonly source: string;
}

/**
 * Reads an entry. Keys that are not about the kernel, or are not known, are passed over, as the specification asks. GRUB
 * replaces variables by what its environment block holds; one that only the boot loader knows is an error.
 */
export function parseBootEntry(
  text: string,
  file: string,
  environment: GrubEnvironment = new Map(),
): Checked<BootEntry> {
  const lines = text.split(/\r?\n/).flatMap((source, index): readonly Line[] => {
    const [, key, value] = /^\s*([^\s#]\S*)(?:\s+(.*?))?\s*$/.exec(source) ?? [];
    return key === undefined ? [] : [{ key, value: value ?? "", number: index + 1, source }];
  });
  const all = (key: string): readonly Line[] => lines.filter((line) => line.key === key && line.value !== "");
  const one = (key: string): string | undefined => all(key)[0]?.value;
  const problem = (line: Line | undefined, message: string, hint: string): Diagnostic => ({
    code: "entry-unusable",
    severity: "error",
    message,
    position: line === undefined
      ? { file, line: 1, column: 1, length: 1 }
      : { file, line: line.number, column: 1, length: Math.max(1, line.source.length), source: line.source },
    hint,
  });

  const diagnostics: Diagnostic[] = [];
  const [linux, ...more] = all("linux");
  if (linux === undefined) diagnostics.push(problem(...withoutKernel(all("uki")[0] ?? all("efi")[0])));
  for (const line of more) {
    diagnostics.push(problem(line, "The entry names a second kernel", "Remove one of the lines `linux`"));
  }
  const expanded = new Map<string, ExpandedVariable>();
  const expand = (line: Line): string =>
    // Not `memmap=64K$0x1869`: no name begins with a digit.
    line.value.replaceAll(/\$(?:([A-Za-z_]\w*)|\{([^{}]*)\})/g, (variable, bare?: string, braced?: string) => {
      const name = bare ?? braced ?? "";
      const value = environment.get(name);
      if (value === undefined && !MAY_BE_UNSET.includes(name)) {
        diagnostics.push(problem(line, unknownVariable(line.key, variable), UNKNOWN_HINT));
      }
      expanded.set(name, value === undefined ? { variable } : { variable, value });
      return value ?? "";
    });
  const pathsOf = (line: Line): readonly string[] => {
    const before = diagnostics.length;
    const paths = expand(line).split(/\s+/).filter((path) => path !== "");
    if (diagnostics.length > before) return [];
    const relative = paths.find((path) => !path.startsWith("/"));
    if (relative !== undefined) {
      const hint = "In the specification, paths begin at the root of the entry's own file system";
      diagnostics.push(problem(line, `\`${line.key}\` is not an absolute path: \`${relative}\``, hint));
    }
    return paths;
  };
  const kernels = linux === undefined ? [] : pathsOf(linux);
  if (kernels.length > 1) diagnostics.push(problem(linux, "The line `linux` names several files", "Name one kernel"));
  const initrd = all("initrd").flatMap(pathsOf);
  const options = all("options").map(expand).join(" ");
  const [kernel] = kernels;
  if (kernel === undefined || diagnostics.length > 0) return { value: undefined, diagnostics };
  const [title, version] = [one("title"), one("version")];
  const architecture = lookUp(EFI_MACHINES, (one("architecture") ?? "").toLowerCase());
  return {
    value: {
      ...(title === undefined ? {} : { title }),
      ...(version === undefined ? {} : { version }),
      linux: kernel,
      initrd,
      options: formatCmdline(parseCmdline(options)),
      ...(architecture === undefined ? {} : { architecture }),
      hasDevicetree: all("devicetree").length > 0,
      expanded: [...expanded.values()],
    },
    diagnostics,
  };
}

function withoutKernel(other: Line | undefined): readonly [Line | undefined, string, string] {
  if (other === undefined) {
    return [other, "The entry names no kernel: it has no line `linux`", "Name an entry of type 1"];
  }
  const what = other.key === "uki" ? "a unified kernel image" : "an EFI program";
  return [
    other,
    `The entry starts ${what}, ${other.value}`,
    "If it is a unified kernel image: warmboot init --uki FILE",
  ];
}

const UNKNOWN_HINT = "Boot the entry, and use the running command line: warmboot init --running";

function unknownVariable(key: string, variable: string): string {
  return `\`${key}\` has \`${variable}\`, whose value only the boot loader knows`;
}
