import type { JsonSchema } from "../core/shape.ts";
import type { Profile } from "./profile.ts";
import { FILLED, FILLED_MAP, given, IS_TRUE, STATED } from "./schema_terms.ts";

/** Something in a profile that only kexec_load can do. */
export interface Demand {
  /** The profile's key. */
  readonly key: string;
  /** Why kexec_file_load cannot do it. Completes "`key` needs kexec_load: ...". */
  readonly message: string;
}

interface DemandRow extends Demand {
  readonly applies: (profile: Profile) => boolean;
  /** Matches a profile that makes the demand. */
  readonly schema: JsonSchema;
}

/** The flags and arguments of kexec_file_load(2), Linux 7.3: it takes two files, a command line, and no such choices. */
const DEMANDS: readonly DemandRow[] = [
  {
    key: "preserve_context",
    applies: (profile) => profile.preserveContext,
    message: "kexec_file_load has no flag that preserves the running system",
    schema: given({ preserve_context: IS_TRUE }),
  },
  {
    key: "segments",
    applies: (profile) => profile.segments.length > 0,
    message: "kexec_file_load takes a kernel file, not segments",
    schema: given({ segments: FILLED }),
  },
  {
    key: "entry",
    applies: (profile) => profile.entry !== undefined,
    message: "kexec_file_load finds the entry point itself",
    schema: given({ entry: STATED }),
  },
  {
    key: "memory",
    applies: ({ memory }) => memory.min !== undefined || memory.max !== undefined,
    message: "kexec_file_load places the segments itself",
    schema: given({ memory: FILLED_MAP }),
  },
  {
    key: "checksum",
    applies: (profile) => profile.checksum !== true,
    message: "with kexec_file_load the kernel decides how to verify the segments",
    schema: given({ checksum: { not: IS_TRUE } }),
  },
  {
    key: "dtb",
    applies: (profile) => profile.dtb !== undefined,
    message: "kexec_file_load takes no device tree: the next kernel gets the running one's, or none",
    schema: given({ dtb: STATED }),
  },
  {
    key: "modules",
    applies: (profile) => profile.modules.length > 0,
    message: "kexec_file_load takes a kernel of Linux, which has no modules of Multiboot",
    schema: given({ modules: FILLED }),
  },
  {
    key: "arch",
    applies: (profile) => profile.arch !== "default",
    message: "kexec_file_load takes no architecture",
    schema: given({ arch: { not: { const: "default" } } }),
  },
];

/** What in a profile only kexec_load can do, in a fixed order; empty if either call works. */
export function demandsOf(profile: Profile): readonly Demand[] {
  return DEMANDS.filter((row) => row.applies(profile)).map(({ key, message }) => ({ key, message }));
}

/** Matches a profile that makes any demand. */
export const DEMAND_SCHEMA: JsonSchema = { anyOf: DEMANDS.map((row) => row.schema) };
