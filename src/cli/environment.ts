import { LIMIT_VARIABLES } from "../app/read_limits.ts";

/** The environment variables that count: one table, for the manual. */
export const ENVIRONMENT: readonly { readonly name: string; readonly doc: string }[] = [
  { name: "NO_COLOR", doc: "Set to anything, no colours are used, unless `--color=always` asks for them." },
  { name: "TERM", doc: "`dumb`: no colours are used, unless `--color=always` asks for them." },
  { name: "SUDO_USER", doc: "The user whom `status` names as having loaded an image, if root did it by sudo(8)." },
  {
    name: "JOURNAL_STREAM",
    doc: "Set by systemd. Where it names standard error, each line begins with its level, as sd-daemon(3) has it.",
  },
  {
    name: "WARMBOOT_DENO",
    doc:
      "The Deno that runs the installed program, instead of its own, the one it was installed with or the one on `PATH`.",
  },
  {
    name: "WARMBOOT_MEMORY_LIMIT",
    doc:
      "How much memory may be taken by what kernels and initrds unpack to, and by copies of pinned files, as `512MiB`; " +
      "else what is available, and at most half of the memory.",
  },
  ...LIMIT_VARIABLES.map(({ name, doc }) => ({ name, doc })),
  { name: "DESTDIR", doc: "For `install`: the folder of `--destdir`, which goes before it." },
  {
    name: "DENO_DIR",
    doc:
      "Where Deno keeps compiled code; ~/.cache/deno by default, and /var/cache/warmboot/deno for root with a package.",
  },
];
