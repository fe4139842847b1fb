import type { Checked, Diagnostic } from "../core/diagnostic.ts";

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
  /** The entry has a device tree, which the running one stands in for. */
  readonly hasDevicetree: boolean;
}

/** The specification's names of architectures are those of EFI's default boot files. */
const MACHINES: { readonly [name: string]: string } = {
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

/** Reads an entry. Keys that are not about the kernel, or are not known, are passed over, as the specification asks. */
export function parseBootEntry(text: string, file: string): Checked<BootEntry> {
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
  const used = [...(linux === undefined ? [] : [linux]), ...all("initrd"), ...all("options")];
  for (const line of used) {
    // Not `memmap=64K$0x1869`: no name begins with a digit.
    const variable = /\$(?:[A-Za-z_]\w*|\{[^}]*\})/.exec(line.value)?.[0];
    if (variable !== undefined) diagnostics.push(problem(line, expanded(line.key, variable), EXPANDED_HINT));
  }
  for (const line of used.filter(({ key }) => key !== "options")) {
    if (!line.value.startsWith("/")) {
      const hint = "The specification has paths from the root of the entry's own file system";
      if (!line.value.startsWith("$")) diagnostics.push(problem(line, `\`${line.key}\` is no absolute path`, hint));
    }
  }
  if (linux === undefined || diagnostics.length > 0) return { value: undefined, diagnostics };
  const [title, version] = [one("title"), one("version")];
  const architecture = MACHINES[(one("architecture") ?? "").toLowerCase()];
  return {
    value: {
      ...(title === undefined ? {} : { title }),
      ...(version === undefined ? {} : { version }),
      linux: linux.value,
      initrd: all("initrd").map(({ value }) => value),
      options: all("options").map(({ value }) => value).join(" "),
      ...(architecture === undefined ? {} : { architecture }),
      hasDevicetree: all("devicetree").length > 0,
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

const EXPANDED_HINT = "Boot the entry, and take the running command line: warmboot init --running";

function expanded(key: string, variable: string): string {
  return `\`${key}\` has \`${variable}\`, which the boot loader replaces by what only it knows`;
}
