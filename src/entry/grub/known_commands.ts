// deno-lint-ignore-file camelcase -- names of commands as GRUB has them
/**
 * Commands of GRUB that change neither a variable, nor the menu, nor what is loaded (GRUB Manual 2.14, "Commands", and
 * grub-core/Makefile.core.def). Whether they succeed is not known.
 */
export const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  "acpi",
  "authenticate",
  "background_color",
  "background_image",
  "badram",
  "blocklist",
  "cat",
  "clear",
  "cls",
  "cmosclean",
  "cmosdump",
  "cmosset",
  "cmostest",
  "cmp",
  "crc",
  "cryptomount",
  "cutmem",
  "date",
  "distrust",
  "drivemap",
  "echo",
  "efitextmode",
  "file",
  "fwsetup",
  "gettext",
  "gptsync",
  "hashsum",
  "hdparm",
  "help",
  "hexdump",
  "insmod",
  "keymap",
  "keystatus",
  "list_env",
  "list_trusted",
  "loadfont",
  "ls",
  "lsfonts",
  "lsmod",
  "lspci",
  "md5sum",
  "nativedisk",
  "password",
  "password_pbkdf2",
  "play",
  "rmmod",
  "serial",
  "sha1sum",
  "sha256sum",
  "sha512sum",
  "sleep",
  "terminal_input",
  "terminal_output",
  "terminfo",
  "trust",
  "usb",
  "vbeinfo",
  "verify_detached",
  "versioncheck",
  "videoinfo",
  "videomode",
  "cpuid",
  "bli",
  "tpm2_dump_pcr",
  "tpm2_key_protector_clear",
  "tpm2_key_protector_init",
]);

/** Commands that set a variable to what only GRUB can find out; `names` are those that they set. */
export const ASSIGNS: { readonly [command: string]: (args: readonly string[]) => readonly string[] } = {
  probe: (args) => afterOption(args, "--set", "-s"),
  // Ubuntu's: compares the hardware with a list.
  hwmatch: () => ["match"],
  smbios: (args) => afterOption(args, "--set"),
  regexp: (args) => afterOption(args, "--set", "-s").map((each) => each.replace(/^\d+:/, "")),
  tr: (args) => afterOption(args, "--set", "-s"),
  rdmsr: (args) => afterOption(args, "--variable", "-v"),
  inb: (args) => afterOption(args, "--variable", "-v"),
  inw: (args) => afterOption(args, "--variable", "-v"),
  inl: (args) => afterOption(args, "--variable", "-v"),
  read: (args) => args.filter((each) => !each.startsWith("-")),
  getenv: (args) => args.slice(1),
  "zfs-bootfs": (args) => args.slice(1),
};

/** The values of an option, in every form that GRUB takes. */
function afterOption(args: readonly string[], ...options: readonly string[]): readonly string[] {
  return args.flatMap((arg, index) => {
    const option = options.find((each) => arg === each || arg.startsWith(`${each}=`));
    if (option === undefined) return [];
    return arg === option ? args.slice(index + 1, index + 2) : [arg.slice(option.length + 1)];
  });
}

/** Commands that start what kexec cannot: the words complete "The entry ... ". */
export const STARTS_OTHER: { readonly [command: string]: string } = {
  multiboot: "starts a Multiboot kernel",
  multiboot2: "starts a Multiboot kernel",
  xen_hypervisor: "starts Xen",
  xen_linux: "starts Xen",
  kfreebsd: "starts a kernel of FreeBSD",
  knetbsd: "starts a kernel of NetBSD",
  kopenbsd: "starts a kernel of OpenBSD",
  xnu_kernel: "starts a kernel of macOS",
  xnu_kernel64: "starts a kernel of macOS",
  ntldr: "starts Windows",
  freedos: "starts FreeDOS",
  plan9: "starts Plan 9",
  truecrypt: "starts a TrueCrypt loader",
  pxechainloader: "starts a program from the network",
  halt: "turns the machine off",
  reboot: "starts the machine again",
  exit: "leaves GRUB",
};
