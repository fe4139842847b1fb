// deno-lint-ignore-file camelcase -- these are the keys as a profile writes them
import { shorten } from "../core/text.ts";
import { choice, record, type Shape } from "../core/shape.ts";
import type { Requires } from "./profile.ts";
import { refine } from "./refine.ts";
import { parseReleaseRange } from "./release_range.ts";
import { PLATFORM_NAMES, type PlatformName } from "./platform_names.ts";
import { boolean, label, size } from "./scalars.ts";

interface StatedRequires {
  readonly architecture?: string;
  readonly platform?: PlatformName;
  readonly memory?: bigint;
  readonly hostname?: string;
  readonly kernel?: NonNullable<Requires["kernel"]>;
  readonly firmware?: "uefi" | "bios";
  readonly secure_boot?: boolean;
}

/** What uname -m prints where Linux has kexec, so that a name that no host has (amd64, arm64) is refused at once. */
const MACHINES = [
  "x86_64",
  "i686",
  "aarch64",
  "armv7l",
  "riscv64",
  "ppc64",
  "ppc64le",
  "s390x",
  "loongarch64",
  "mips64",
  "parisc64",
] as const;

const OTHER_NAMES: { readonly [name: string]: string } = {
  amd64: "x86_64",
  x64: "x86_64",
  "x86-64": "x86_64",
  arm64: "aarch64",
  aa64: "aarch64",
  ppc64el: "ppc64le",
  armhf: "armv7l",
};

const named = choice(MACHINES);

const architecture: Shape<string> = {
  ...named,
  decode(value, at, report) {
    const other = typeof value === "string" && Object.hasOwn(OTHER_NAMES, value) ? OTHER_NAMES[value] : undefined;
    return named.decode(
      value,
      at,
      (problem) =>
        report(
          other === undefined
            ? problem
            : { ...problem, hint: `\`uname -m\` calls it \`${other}\``, fix: { replacement: other } },
        ),
    );
  },
};

/** A range as `parseReleaseRange` reads it; the pattern is for editors. */
const releases: Shape<NonNullable<Requires["kernel"]>> = refine(
  label,
  (text, at, report) => {
    const range = parseReleaseRange(text);
    if (range !== undefined) return range;
    return void report({
      code: "wrong-type",
      severity: "error",
      message: "`kernel` is not a range of releases",
      path: at,
      expected: "bounds such as `>=6.1 <7`",
      found: JSON.stringify(shorten(text)),
      hint: "A bound is one of >=, >, <=, <, = followed by numbers; the host must satisfy all of them",
    });
  },
  {
    type: "string",
    pattern: "^ *(?:>=|>|<=|<|=) *\\d{1,6}(?:\\.\\d{1,6})*(?:[ ,]+(?:>=|>|<=|<|=) *\\d{1,6}(?:\\.\\d{1,6})*)* *$",
  },
);

const optional = { fallback: { value: undefined } };

const stated: Shape<StatedRequires> = record<StatedRequires>(
  {
    architecture: {
      shape: architecture,
      doc: "As `uname -m` prints it.",
      ...optional,
      examples: ["x86_64", "aarch64"],
    },
    platform: {
      shape: choice(PLATFORM_NAMES),
      doc: "A platform on which kexec was reported not to come back. A profile that requires it is not warned of it.",
      ...optional,
      examples: ["gcp"],
    },
    memory: {
      shape: size,
      doc:
        "The minimum of memory, compared with MemTotal of /proc/meminfo, which is somewhat less than what is installed.",
      ...optional,
      examples: ["2GiB"],
    },
    hostname: {
      shape: label,
      doc: "A pattern of the host's name: `*`, `?` and `[a-z]` as in a shell.",
      ...optional,
      examples: ["web*"],
    },
    kernel: {
      shape: releases,
      doc: "Bounds of the running kernel's release, compared number by number, as many numbers as the bound has: " +
        "6.1.55 is `=6.1` and `<=6.1`. A suffix such as -rc1 is ignored.",
      ...optional,
      examples: [">=6.1 <7"],
    },
    firmware: { shape: choice(["uefi", "bios"]), doc: "How the host was started.", ...optional },
    secure_boot: { shape: boolean, doc: "Whether the firmware enforces Secure Boot.", ...optional },
  },
  "a map of requirements, such as `architecture` and `memory`",
  {
    otherNames: { arch: "architecture", machine: "architecture", host: "hostname", release: "kernel" },
  },
);

/** The key `requires`. */
export const requires: Shape<Requires> = refine(
  stated,
  ({ secure_boot: secureBoot, ...same }) => ({ ...same, ...(secureBoot === undefined ? {} : { secureBoot }) }),
);
