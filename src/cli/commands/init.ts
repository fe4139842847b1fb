import { withoutEndSlashes } from "../../core/text.ts";
import { basename } from "@std/path/posix";
import type { InitOutcome, ProfileOrigin } from "../../app/init_profile.ts";
import { STDIO } from "../../app/files/stdio.ts";
import type { ExitName } from "../../core/program.ts";
import { type Command, type Invocation, isSet, textOption } from "../command.ts";
import type { Ports } from "../ports.ts";
import { complain, report, say } from "../report.ts";

/** `warmboot init`. */
export const init: Command = {
  name: "init",
  usage: "",
  words: { min: 0, max: 0 },
  summary: "Write a profile from what is there: the running kernel, the newest, a boot entry, a UKI, a kexec command",
  description:
    "Prints a commented profile to start from. It may read the boot loader's files, but never changes them, and it overwrites nothing. A variable in an entry gets its value from GRUB's environment block; an entry with one that only the boot loader knows is refused.",
  options: [
    { name: "running", doc: "From the running kernel and its command line (the default)" },
    { name: "newest", doc: "From the newest kernel under /boot and /usr/lib/modules" },
    {
      name: "boot-entry",
      value: "ID",
      doc:
        "From the boot loader: `default` for what a cold reset would boot, or the ID of an entry; found again for each plan",
    },
    {
      name: "bls",
      value: "FILE",
      doc: "From a boot loader entry: loader/entries/NAME.conf (Boot Loader Specification, type 1)",
    },
    { name: "uki", value: "FILE", doc: "From a unified kernel image" },
    {
      name: "from-kexec",
      value: "COMMAND",
      doc: "From a command line of kexec-tools, quoted as one word; options without a key are named",
    },
    {
      name: "extract",
      value: "DIR",
      doc: "Write the kernel and the initrd of the unified kernel image into DIR, and name these",
    },
    {
      name: "uki-profile",
      value: "ID",
      doc: "Which profile of the unified kernel image, by its ID or number; required if it has several",
    },
    {
      name: "boot",
      value: "DIR",
      doc:
        "The folder from which the paths of the boot loader entry are resolved; by default the one that holds its loader/entries",
    },
    { name: "root", value: "DIR", doc: "Look for installed kernels under DIR instead of /" },
    {
      name: "facts",
      value: "FILE",
      doc: "Take the running kernel's release and command line, or the boot loader's files, from a capture",
    },
    { name: "pin", doc: "State the digests of the files too, so that no others are loaded in their place" },
    {
      name: "follow",
      doc: "Mark the profile of the newest kernel as one that `warmboot refresh` updates when a newer one is installed",
    },
    {
      name: "guard",
      doc:
        "Have the profile guard its reboot: a machine whose new system fails, or is not confirmed in time, reboots through the firmware",
    },
    { name: "out", value: "FILE", doc: "Write to FILE, which must not be there yet" },
  ],
  examples: [
    { line: "warmboot init --out web.yaml", doc: "The running kernel" },
    {
      line: "warmboot init --newest --pin --follow --out /etc/warmboot/newest.yaml",
      doc: "The newest kernel, by its digest, whatever is installed later",
    },
    { line: "warmboot init --newest --guard --out web.yaml", doc: "The newest kernel, with a way back" },
    { line: "warmboot init --boot-entry default", doc: "What a cold reset would boot, whenever it is planned" },
    { line: "warmboot init --bls /boot/loader/entries/debian.conf", doc: "What a boot loader entry boots" },
    {
      line: "warmboot init --from-kexec 'kexec -l /boot/vmlinuz --reuse-cmdline'",
      doc: "What a command of kexec-tools loads",
    },
    { line: "warmboot init --uki /efi/EFI/Linux/debian.efi", doc: "A unified kernel image, taken whole" },
  ],
  exits: {
    data: "The boot loader entry or the unified kernel image is not usable",
    noinput: "No kernel is found, or a named file is missing or unreadable",
    unavailable: "The host hides what the profile needs",
    permission: "A file or the host may not be read, or the profile may not be written",
  },
  run,
};

/** Which options say what the profile is written from; at most one of them is given. */
const ORIGINS = ["running", "newest", "boot-entry", "bls", "uki", "from-kexec"] as const;

/** Options that are of use with some origins only. */
const ONLY_WITH: { readonly [option: string]: readonly string[] } = {
  facts: ["running", "boot-entry"],
  root: ["running", "newest"],
  boot: ["bls"],
  extract: ["uki"],
  "uki-profile": ["uki"],
  pin: ["running", "newest", "bls", "uki", "from-kexec"],
  follow: ["newest"],
};

async function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
  const [origin = "running", other] = ORIGINS.filter((name) => invocation.options[name] !== undefined);
  if (other !== undefined) {
    complain(`--${origin} and --${other} are mutually exclusive`, "Use one of them", ports);
    return "usage";
  }
  const useless = Object.entries(ONLY_WITH).find(([option, origins]) =>
    invocation.options[option] !== undefined && !origins.includes(origin)
  );
  if (useless !== undefined) {
    const [option, origins] = useless;
    complain(`--${option} has no effect with --${origin}`, `It requires --${origins.join(" or --")}`, ports);
    return "usage";
  }
  const { initProfile } = await import("../../app/init_profile.ts");
  const word = textOption(invocation, "out");
  const out = word === undefined || word === STDIO ? {} : { out: word };
  const from = originFrom(origin, invocation);
  const guard = isSet(invocation, "guard");
  const outcome = await initProfile({ from, pin: isSet(invocation, "pin"), guard, ...out });
  const exit = show(outcome, word, ports);
  if (outcome.kind === "profile" && guard) GUARD_STEPS.forEach((line) => say(line, ports));
  return exit;
}

/** What a guard needs of the system that comes up; units are never enabled without being asked for. */
const GUARD_STEPS: readonly string[] = [
  "The guard needs two units, enabled where the new system runs:",
  "  systemctl enable --now warmboot-arrive",
  "  systemctl enable warmboot-confirm",
  "docs/guard.md says what confirms, and what other init systems need",
];

function originFrom(origin: typeof ORIGINS[number], invocation: Invocation): ProfileOrigin {
  // The folder that takes the place of /, without the slash at its end.
  const root = withoutEndSlashes(textOption(invocation, "root") ?? "");
  const given = <Name extends string>(name: Name): { readonly [name in Name]?: string } => {
    const value = textOption(invocation, name);
    return value === undefined ? {} : { [name]: value } as { readonly [name in Name]?: string };
  };
  switch (origin) {
    case "running":
      return { kind: "running", root, ...given("facts") };
    case "newest":
      return { kind: "newest", root, follow: isSet(invocation, "follow") };
    case "boot-entry":
      return { kind: "boot-entry", id: textOption(invocation, "boot-entry") ?? "", ...given("facts") };
    case "bls":
      return { kind: "bls", file: textOption(invocation, "bls") ?? "", ...given("boot") };
    case "from-kexec":
      return { kind: "kexec", command: textOption(invocation, "from-kexec") ?? "" };
    case "uki":
      return {
        kind: "uki",
        file: textOption(invocation, "uki") ?? "",
        ...given("extract"),
        ...(invocation.options["uki-profile"] === undefined
          ? {}
          : { profile: textOption(invocation, "uki-profile") ?? "" }),
      };
  }
}

function show(outcome: InitOutcome, out: string | undefined, ports: Ports): ExitName {
  switch (outcome.kind) {
    case "invalid":
      return report(outcome.diagnostics, ports);
    case "taken":
      complain(
        `${outcome.path} already exists, and init never overwrites a file`,
        "Name another file with --out, or remove it",
        ports,
      );
      return "usage";
    case "no-folder":
      complain(`The folder ${outcome.path} for ${basename(out ?? "")} does not exist`, "Create it first", ports);
      return "io";
    case "profile":
      report(outcome.diagnostics, ports);
      if (out === undefined || out === STDIO) ports.out.write(outcome.text);
      else say(`Written to ${out}; look at what it would do with: warmboot plan ${out}`, ports);
      return "ok";
  }
}
