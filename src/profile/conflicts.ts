import type { Diagnostic, Path, Related } from "../core/diagnostic.ts";
import type { JsonSchema } from "../core/shape.ts";
import { carryConflicts } from "./carry_parameters.ts";
import { guardConflicts } from "./guard_parameters.ts";
import { DEMAND_SCHEMA, demandsOf } from "./demands.ts";
import { isFiles, type OverlayFile } from "./overlay_file.ts";
import { FILE_FLAG_KEYS, type Profile, type ReusedFrom } from "./profile.ts";
import { FILLED, given, IS_FALSE, IS_TRUE, STATED } from "./schema_terms.ts";

/** A combination of keys that is not a valid profile. */
interface ConflictRow {
  readonly code: "conflict" | "missing-key";
  /** Where the message points: a key, or the map that lacks one. */
  readonly at: Path;
  /** The other key of the conflict. */
  readonly other?: string;
  readonly message: string;
  readonly hint: string;
  readonly applies: (profile: Profile) => boolean;
  /** Matches a profile that has the conflict. */
  readonly schema: JsonSchema;
}

/** Keys that describe how a kernel is booted; they have no meaning for explicit segments. */
const OF_A_KERNEL = [
  "initrd",
  "dtb",
  "modules",
  "cmdline",
  "memory",
  "predecompress",
  "unlock",
  "guard",
  "carry",
  "stamp",
  ...FILE_FLAG_KEYS,
] as const;

/** What `preserved_state` must be to have an effect. */
const DISCARD = { const: "discard" };

/** An `initrd` that only adds files. */
const ONLY_FILES: JsonSchema = {
  anyOf: [
    { type: "object", required: ["files"] },
    { type: "array", minItems: 1, items: { type: "object", required: ["files"] } },
  ],
};

const EXPLICIT = given({ segments: FILLED });

/** A command line that starts from another one than the running. */
function reusing(from: ReusedFrom): JsonSchema {
  return given({ cmdline: given({ reuse: { enum: [from] } }) });
}

const CONFLICTS: readonly ConflictRow[] = [
  {
    code: "missing-key",
    at: [],
    message: "The profile has neither `kernel`, `boot_entry` nor `segments`",
    hint: "Name the kernel to boot: `kernel: /boot/vmlinuz`; or boot what the boot loader would: `boot_entry: default`",
    applies: (profile) => !states(profile, "kernel") && !states(profile, "boot_entry") && profile.segments.length === 0,
    schema: { not: { anyOf: [given({ kernel: STATED }), given({ boot_entry: STATED }), EXPLICIT] } },
  },
  {
    code: "conflict",
    at: ["boot_entry"],
    other: "kernel",
    message: "`boot_entry` and `kernel` are mutually exclusive: the boot loader's entry names its own",
    hint: "Remove one of them",
    applies: (profile) => states(profile, "boot_entry") && states(profile, "kernel"),
    schema: given({ boot_entry: STATED, kernel: STATED }),
  },
  {
    code: "conflict",
    at: ["boot_entry"],
    other: "initrd",
    message: "`boot_entry` and `initrd` are mutually exclusive: the boot loader's entry names its own",
    hint: "Remove one of them; only an entry of `files` may be added to the initrds of the boot loader's entry",
    applies: (profile) =>
      states(profile, "boot_entry") && states(profile, "initrd") &&
      (profile.initrd.length === 0 || !profile.initrd.every(isFiles)),
    schema: given({ boot_entry: STATED, initrd: { not: ONLY_FILES } }),
  },
  {
    code: "conflict",
    at: ["segments"],
    other: "boot_entry",
    message: "`segments` and `boot_entry` are mutually exclusive",
    hint: "Remove one of them",
    applies: (profile) => states(profile, "boot_entry") && profile.segments.length > 0,
    schema: given({ boot_entry: STATED, segments: FILLED }),
  },
  {
    code: "conflict",
    at: ["cmdline", "reuse"],
    message: "`reuse: entry` requires `boot_entry`",
    hint: "Write `reuse: true` to start from the running command line",
    applies: (profile) => reusesFrom(profile, "entry") && !states(profile, "boot_entry"),
    schema: { allOf: [reusing("entry"), { not: given({ boot_entry: STATED }) }] },
  },
  {
    code: "conflict",
    at: ["cmdline", "reuse"],
    other: "boot_entry",
    message: "`reuse: image` requires a unified kernel image as `kernel`",
    hint: "Write `reuse: entry` to start from the command line of the boot entry",
    applies: (profile) => reusesFrom(profile, "image") && states(profile, "boot_entry"),
    schema: { allOf: [reusing("image"), given({ boot_entry: STATED })] },
  },
  {
    code: "conflict",
    at: ["segments"],
    other: "kernel",
    message: "`segments` and `kernel` are mutually exclusive",
    hint: "Remove one of them",
    applies: (profile) => states(profile, "kernel") && profile.segments.length > 0,
    schema: given({ kernel: STATED, segments: FILLED }),
  },
  {
    code: "missing-key",
    at: [],
    message: "Explicit segments require an `entry`, the address where execution starts",
    hint: "Add `entry: ADDRESS`",
    applies: (profile) => profile.segments.length > 0 && !states(profile, "entry"),
    schema: { allOf: [EXPLICIT, { not: given({ entry: STATED }) }] },
  },
  {
    code: "conflict",
    at: ["entry"],
    message: "`entry` would be ignored: it is only for explicit `segments`",
    hint: "Remove `entry`; a kernel file has its own entry point",
    applies: (profile) => states(profile, "entry") && profile.segments.length === 0,
    schema: { allOf: [given({ entry: STATED }), { not: EXPLICIT }] },
  },
  ...OF_A_KERNEL.map((key): ConflictRow => ({
    code: "conflict",
    at: [key],
    other: "segments",
    message: `\`${key}\` would be ignored: explicit segments are loaded exactly as written`,
    hint: `Remove \`${key}\`, or name a \`kernel\` instead of \`segments\``,
    applies: (profile) => profile.segments.length > 0 && states(profile, key),
    schema: given({ segments: FILLED, [key]: STATED }),
  })),
  {
    code: "conflict",
    at: ["modules"],
    other: "initrd",
    message:
      "`modules` and `initrd` are mutually exclusive: a Multiboot kernel has modules, a Linux kernel has initrds",
    hint: "Name the initrd as one of the `modules`",
    applies: (profile) => profile.modules.length > 0 && profile.initrd.length > 0,
    schema: given({ modules: FILLED, initrd: { not: { type: "array", maxItems: 0 } } }),
  },
  {
    code: "conflict",
    at: ["preserve_context"],
    other: "crash",
    message: "`preserve_context` and `crash` are mutually exclusive: after a panic there is no system to continue",
    hint: "Set one of them to `false`",
    applies: (profile) => profile.crash && profile.preserveContext,
    schema: given({ crash: IS_TRUE, preserve_context: IS_TRUE }),
  },
  {
    code: "conflict",
    at: ["unbind"],
    other: "crash",
    message: "`unbind` would be ignored: nothing runs between a panic and the crash kernel",
    hint: "Remove `unbind`",
    applies: (profile) => profile.crash && profile.unbind.length > 0,
    schema: given({ crash: IS_TRUE, unbind: FILLED }),
  },
  {
    code: "conflict",
    at: ["unbind"],
    other: "preserve_context",
    message: "`unbind` and `preserve_context` are mutually exclusive: the system that continues would lack the devices",
    hint: "Remove one of them",
    applies: (profile) => profile.preserveContext && profile.unbind.length > 0,
    schema: given({ preserve_context: IS_TRUE, unbind: FILLED }),
  },
  {
    code: "conflict",
    at: ["guard"],
    other: "crash",
    message: "`guard` would be ignored: a crash kernel starts on a panic, and no reboot leads into it",
    hint: "Remove `guard`",
    applies: (profile) => profile.crash && profile.guard !== undefined,
    schema: given({ crash: IS_TRUE, guard: STATED }),
  },
  {
    code: "conflict",
    at: ["guard"],
    other: "preserve_context",
    message:
      "`guard` and `preserve_context` are mutually exclusive: the running system continues, and nothing is booted",
    hint: "Remove one of them",
    applies: (profile) => profile.preserveContext && profile.guard !== undefined,
    schema: given({ preserve_context: IS_TRUE, guard: STATED }),
  },
  {
    code: "conflict",
    at: ["guard"],
    other: "modules",
    message:
      "`guard` would be ignored: the command line of a Multiboot kernel is not that of the Linux kernel it starts",
    hint: "Remove `guard`",
    applies: (profile) => profile.modules.length > 0 && profile.guard !== undefined,
    schema: given({ modules: FILLED, guard: STATED }),
  },
  {
    code: "conflict",
    at: ["carry"],
    other: "modules",
    message: "`carry` would be ignored: a Multiboot kernel has modules and no initrd",
    hint: "Remove `carry`",
    applies: (profile) => profile.modules.length > 0 && profile.carry.length > 0,
    schema: given({ modules: FILLED, carry: FILLED }),
  },
  {
    code: "conflict",
    at: ["stamp"],
    other: "guard",
    message: "`stamp: false` would be ignored: by the stamp, a guard knows whether the new system arrived",
    hint: "Remove `stamp`",
    applies: (profile) => profile.guard !== undefined && states(profile, "stamp") && !profile.stamp,
    schema: given({ guard: STATED, stamp: IS_FALSE }),
  },
  {
    code: "conflict",
    at: ["unbind_failure"],
    message: "`unbind_failure` would be ignored: it requires `unbind`",
    hint: "Remove `unbind_failure`, or name the devices: `unbind: [DEVICE]`",
    applies: (profile) => states(profile, "unbind_failure") && profile.unbind.length === 0,
    schema: { allOf: [given({ unbind_failure: STATED }), { not: given({ unbind: FILLED }) }] },
  },
  {
    code: "conflict",
    at: ["reentrant"],
    message: "`reentrant` would be ignored: it requires `preserve_context`",
    hint: "Remove `reentrant`, or add `preserve_context: true`",
    applies: (profile) => profile.reentrant && !profile.preserveContext,
    schema: { allOf: [given({ reentrant: IS_TRUE }), { not: given({ preserve_context: IS_TRUE }) }] },
  },
  ...(["crash", "preserve_context"] as const).map((key): ConflictRow => ({
    code: "conflict",
    at: ["preserved_state"],
    other: key,
    message: key === "crash"
      ? "`preserved_state` would be ignored: a crash kernel is handed nothing"
      : "`preserved_state` would be ignored: the running system continues, and loses nothing",
    hint: "Remove `preserved_state`",
    applies: (profile) =>
      profile.preservedState === "discard" && (key === "crash" ? profile.crash : profile.preserveContext),
    schema: given({ preserved_state: DISCARD, [key]: IS_TRUE }),
  })),
  {
    code: "conflict",
    at: ["preserved_state"],
    other: "load",
    message: "`preserved_state: discard` would be ignored: kexec_file_load always hands over what is preserved",
    hint: "Remove `preserved_state`, or use `load: kexec_load` or `load: auto`",
    applies: (profile) => profile.preservedState === "discard" && profile.load === "kexec_file_load",
    schema: given({ preserved_state: DISCARD, load: { const: "kexec_file_load" } }),
  },
  {
    code: "conflict",
    at: ["checksum"],
    other: "preserve_context",
    message: "`checksum` would be ignored: a payload that returns is entered directly",
    hint: "Remove `checksum`, or set it to `false`",
    applies: (profile) => profile.preserveContext && profile.checksum !== false && states(profile, "checksum"),
    schema: given({ preserve_context: IS_TRUE, checksum: { not: IS_FALSE } }),
  },
];

/** The conflicts between the keys of a profile; empty if there are none. */
export function conflictsOf(profile: Profile): readonly Diagnostic[] {
  const between = CONFLICTS.filter((row) => row.applies(profile)).map((row): Diagnostic => ({
    code: row.code,
    severity: "error",
    message: row.message,
    path: row.at,
    hint: row.hint,
    ...(row.other === undefined ? {} : { related: [relatedKey(row.other)] }),
  }));
  const ignored = profile.load !== "kexec_file_load" ? [] : demandsOf(profile).map((demand): Diagnostic => ({
    code: "conflict",
    severity: "error",
    message: `\`${demand.key}\` needs kexec_load: ${demand.message}`,
    path: [demand.key],
    related: [relatedKey("load")],
    hint: `Use \`load: kexec_load\` or \`load: auto\`, or remove \`${demand.key}\``,
  }));
  const [demand] = demandsOf(profile);
  const other = profile.load === "kexec_load" ? "load" : demand?.key;
  const flags = other === undefined || profile.segments.length > 0 ? [] : profile.fileFlags.map((key): Diagnostic => ({
    code: "conflict",
    severity: "error",
    message: other === "load"
      ? `\`${key}\` needs kexec_file_load: kexec_load has no such flag`
      : `\`${key}\` and \`${other}\` are mutually exclusive: one needs kexec_file_load, the other kexec_load`,
    path: [key],
    related: [relatedKey(other)],
    hint: other === "load"
      ? `Use \`load: kexec_file_load\` or \`load: auto\`, or remove \`${key}\``
      : "Remove one of them",
  }));
  return [
    ...between,
    ...ignored,
    ...flags,
    ...guardConflicts(profile),
    ...fileConflicts(profile),
    ...carryConflicts(profile),
  ];
}

/** Files of the next initrd that are added twice, or in the place of a folder of another one. */
function fileConflicts({ initrd }: Profile): readonly Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const seen = new Map<string, { readonly file: OverlayFile; readonly at: Path }>();
  for (const [index, item] of initrd.entries()) {
    if (!isFiles(item)) continue;
    for (const [number, file] of item.files.entries()) {
      const at: Path = ["initrd", index, "files", number, "path"];
      const before = seen.get(file.path);
      const above = file.path.split("/").slice(1, -1).map((_, depth, parts) =>
        `/${parts.slice(0, depth + 1).join("/")}`
      )
        .flatMap((path) => seen.get(path) ?? []).find((each) => each.file.content.kind !== "from");
      const other = before ?? above;
      if (other !== undefined) {
        diagnostics.push({
          code: "conflict",
          severity: "error",
          message: before !== undefined
            ? `The file ${file.path} is added twice`
            : `${other.file.path} is a file, so ${file.path} cannot lie in it`,
          path: at,
          hint: "Remove one of them, or choose another path",
          related: [{ message: `${other.file.path} is added here`, path: other.at }],
        });
      }
      seen.set(file.path, { file, at });
    }
  }
  return diagnostics;
}

/** Matches a profile without conflicts. */
export const CONFLICT_SCHEMA: JsonSchema = {
  allOf: [
    ...CONFLICTS.map((row) => ({ not: row.schema })),
    { not: { allOf: [given({ load: { const: "kexec_file_load" } }), DEMAND_SCHEMA] } },
    {
      not: {
        allOf: [
          { anyOf: FILE_FLAG_KEYS.map((key) => given({ [key]: IS_TRUE })) },
          { anyOf: [given({ load: { const: "kexec_load" } }), DEMAND_SCHEMA] },
        ],
      },
    },
  ],
};

function relatedKey(key: string): Related {
  return { message: `\`${key}\` is set here`, path: [key] };
}

function reusesFrom({ cmdline }: Profile, from: ReusedFrom): boolean {
  return cmdline.kind === "edit" && cmdline.reuse === from;
}

function states(profile: Profile, key: string): boolean {
  return profile.stated.includes(key);
}
