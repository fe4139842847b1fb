import type { HostFacts } from "../host/facts.ts";
import type { BootFiles } from "./boot_files.ts";
import { type BootHost, bootMenu, coldBoot } from "./cold_boot.ts";
import { loaderVariable } from "./efi_variables.ts";
import type { FoundEntry } from "./found_entry.ts";
import type { OneShot } from "./one_shot.ts";
import { releaseOf, runningEntry } from "./running_entry.ts";

/** What a cold reboot of a host boots: where a guard leads back to. */
export interface ColdReboot {
  /** The entry that the boot loader boots by itself; absent where that is not known. */
  readonly entry?: ColdEntry;
  /** Why it is not known: a whole sentence. */
  readonly unknown?: string;
  /** The entry that the boot loader is already asked to boot once. */
  readonly pending?: string;
  /** How the boot loader can be asked to boot the running kernel once; absent where nobody wants that. */
  readonly running?: FallbackWay;
  /** systemd-boot counts the boots of an entry. */
  readonly counts?: true;
}

/** An entry, and the kernel that it boots. */
export interface ColdEntry {
  readonly loader: FoundEntry["loader"];
  readonly id: string;
  readonly kernel: string;
  /** The release of the kernel, where it is known. */
  readonly release?: string;
}

/** Whether the boot loader can be asked to boot the running kernel once. */
export type FallbackWay =
  | {
    readonly kind: "possible";
    readonly oneShot: OneShot;
    /** What else to know of that boot: whole sentences. */
    readonly notes: readonly string[];
  }
  | { readonly kind: "impossible"; readonly why: string; readonly hint?: string };

/** What is asked of the host besides the boot loader's files. */
export type ColdHost = BootHost & Pick<HostFacts, "release" | "cmdline">;

/** What a cold reboot boots, and with `fallback` how it would boot the running kernel. */
export function coldReboot(files: BootFiles, host: ColdHost, fallback: boolean): ColdReboot {
  const { value: entry, diagnostics } = coldBoot(files, host);
  const menu = bootMenu(files, host);
  const pending = menu.value?.pending;
  const isCounted = menu.value?.entries.some((each) => each.isCounted === true) === true ||
    loaderVariable(files, "LoaderBootCountPath") !== undefined;
  return {
    ...(entry === undefined ? { unknown: firstError(diagnostics) } : { entry: coldEntry(files, entry) }),
    ...(pending === undefined ? {} : { pending }),
    ...(fallback ? { running: fallbackWay(files, host, menu) } : {}),
    ...(isCounted ? { counts: true } : {}),
  };
}

function coldEntry(files: BootFiles, { loader, id, kernel }: FoundEntry): ColdEntry {
  const release = releaseOf(files, kernel);
  return { loader, id, kernel, ...(release === undefined ? {} : { release }) };
}

function firstError(diagnostics: ReturnType<typeof coldBoot>["diagnostics"]): string {
  return diagnostics.find(({ severity }) => severity === "error")?.message ?? "The boot loader's files give no entry";
}

function fallbackWay(
  files: BootFiles,
  { release, cmdline = "" }: ColdHost,
  { value: menu, diagnostics }: ReturnType<typeof bootMenu>,
): FallbackWay {
  if (menu === undefined) return { kind: "impossible", why: firstError(diagnostics) };
  const found = runningEntry(files, menu.entries, { release, cmdline });
  if (found.kind === "unknown") {
    return {
      kind: "impossible",
      why: found.why,
      hint: "Let one entry of the boot loader have the running kernel and its command line",
    };
  }
  const way = menu.nextEntry(found.entry);
  if (way.kind === "impossible") return way;
  const { id, loader } = found.entry;
  const differs = found.lacks === undefined
    ? [`The entry \`${id}\` of ${loader} has another command line than the running system`]
    : found.lacks.length === 0
    ? []
    : [
      `The entry \`${id}\` of ${loader} boots the running kernel without ${
        found.lacks.map((text) => `\`${text}\``).join(" ")
      }`,
    ];
  return { ...way, notes: [...differs, ...way.notes] };
}
