import type { Command } from "../command.ts";

/** `warmboot init`. */
export const init: Command = {
  name: "init",
  usage: "",
  words: { min: 0, max: 0 },
  summary: "Write a profile from what is there: the running kernel, the newest, a boot entry, a UKI",
  description:
    "Prints a commented profile to go on with. The boot loader is read where need be, and never touched; nothing is overwritten. What the boot loader alone knows, as a variable in an entry, is refused and not guessed.",
  options: [
    { name: "running", doc: "From the running kernel and its command line (the default)" },
    { name: "newest", doc: "From the newest kernel under /boot and /usr/lib/modules" },
    {
      name: "bls",
      value: "FILE",
      doc: "From a boot loader entry: loader/entries/NAME.conf (Boot Loader Specification, type 1)",
    },
    { name: "uki", value: "FILE", doc: "From a unified kernel image, with --extract" },
    { name: "extract", value: "DIR", doc: "Write the kernel and the initrd of the unified kernel image into DIR" },
    {
      name: "boot",
      value: "DIR",
      doc: "Where the paths of the boot loader entry begin; else where its loader/entries lies",
    },
    { name: "root", value: "DIR", doc: "Look for installed kernels under DIR instead of /" },
    { name: "facts", value: "FILE", doc: "Take the running kernel's release and command line from a capture" },
    { name: "pin", doc: "State the digests of the files too, so that no others are loaded in their place" },
    {
      name: "follow",
      doc: "Mark the profile of the newest kernel as one that `warmboot refresh` may write anew when there is a newer",
    },
    { name: "out", value: "FILE", doc: "Write to FILE, which must not be there yet" },
  ],
  examples: [
    { line: "warmboot init --out web.yaml", doc: "The running kernel" },
    {
      line: "warmboot init --newest --pin --follow --out /etc/warmboot/newest.yaml",
      doc: "The newest kernel, by its digest, whatever is installed later",
    },
    { line: "warmboot init --bls /boot/loader/entries/debian.conf", doc: "What a boot loader entry boots" },
    { line: "warmboot init --uki /efi/EFI/Linux/debian.efi --extract /boot", doc: "What a unified kernel image boots" },
  ],
  run: async (...call) => await (await import("../actions/init.ts")).run(...call),
};
