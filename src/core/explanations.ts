import type { DiagnosticCode } from "./catalogue.ts";

/**
 * Files and a command that provoke a code, in a folder that has a valid vmlinuz, vmlinux, arm64 Image and initrd.img.
 * `host` are sources that differ in the capture host.json of a virtual machine: their text, the error of reading them, or
 * null where they are missing; `*` at the end of a path means anything.
 */
export interface Provocation {
  readonly files?: { readonly [name: string]: string };
  readonly host?: { readonly [path: string]: string | null | { readonly error: string } };
  /** The machine of the host; x86_64 by default. */
  readonly machine?: "aarch64";
  /** The command line after `warmboot`. */
  readonly run: string;
}

/** What docs/diagnostics.md and `warmboot explain` say of a code, besides the catalogue's sentence. */
export interface Explanation {
  /** The reason for it: whole sentences. */
  readonly why?: string;
  /** What provokes it; a sentence where no small file does. */
  readonly example: Provocation | string;
  /** What to do: whole sentences. */
  readonly remedy: string;
}

const check = (profile: string): Provocation => ({ files: { "web.yaml": profile }, run: "check web.yaml" });

const planned = (profile: string, host: Provocation["host"] = {}): Provocation => ({
  files: { "web.yaml": profile },
  host,
  run: "plan web.yaml --facts host.json",
});

const KERNEL = "version: 1\nkernel: vmlinuz\n";
const KEXEC_LOAD = `${KERNEL}load: kexec_load\n`;
const TAKE_AGAIN = "Capture the host again with `warmboot facts`, as root and outside of containers.";

const BOOT_ENTRY = "version: 1\nboot_entry: default\n";

/** A host that GRUB starts, with this configuration. */
const grub = (config: string): Provocation["host"] => ({
  "/proc/self/mountinfo": "22 1 8:2 / / rw - ext4 /dev/sda2 rw\n",
  "/boot/grub/grub.cfg": config,
});

/** Every code with its explanation. A test runs each example and looks for the code. */
export const EXPLANATIONS: { readonly [Code in DiagnosticCode]: Explanation } = {
  "wrong-type": {
    why: "The message says what the key requires and what was found. Where YAML readers disagree on a value " +
      "(`yes`, `010`), warmboot accepts only the spelling that all of them read alike.",
    example: check(`${KERNEL}crash: yes\n`),
    remedy: "Write the value in the form that `expected` shows. `warmboot check --fix` corrects what it can.",
  },
  "unknown-key": {
    why: "An unknown key is an error, so that a mistyped one is never ignored silently.",
    example: check("version: 1\nkernal: vmlinuz\n"),
    remedy: "Correct the key; the nearest known one is suggested, and `warmboot check --fix` writes it. " +
      "warmboot.profile(5) lists all keys.",
  },
  "missing-key": {
    example: check("version: 1\ninitrd: initrd.img\n"),
    remedy: "Add the key. A base that a profile extends, or a drop-in, may supply it too.",
  },
  "too-large": {
    why:
      "A profile may have 1 MiB, a plan or a capture 16 MiB, a kernel or an initrd 64 GiB; a file in a capture as much as the kernel can write there. Usually a kernel was given in place of a profile.",
    example: {
      files: { "web.yaml": `version: 1\nkernel: vmlinuz\n# ${"x".repeat(1 << 20)}\n` },
      run: "check web.yaml",
    },
    remedy: "Give the profile that names the file, not the file itself.",
  },
  "not-text": {
    example: check(`${KERNEL}description: "\0"\n`),
    remedy: "Save the profile as UTF-8, without NUL bytes. If it is a kernel or an archive, name it inside a profile.",
  },
  "yaml-syntax": {
    why: "The place is where the mistake is likely to be, which may be before the line where reading fails.",
    example: check("version: 1\nkernel:/boot/vmlinuz\n"),
    remedy: "Do what the hint says: usually a space is missing after a colon, or a quote or bracket is not closed.",
  },
  "empty-document": {
    example: check("# version: 1\n"),
    remedy: "Write at least `version: 1` and a `kernel`. `warmboot init` writes a profile for this host.",
  },
  "several-documents": {
    example: check(`${KERNEL}---\nversion: 1\n`),
    remedy: "Move each document to a file of its own and remove the `---` between them.",
  },
  "duplicate-key": {
    why: "YAML readers differ on which of the two counts.",
    example: check(`${KERNEL}kernel: vmlinuz.old\n`),
    remedy: "Remove one of the two; the message names the line of the first.",
  },
  "too-complex": {
    why: "Aliases can expand a small text to billions of values. A profile may nest 64 levels deep and expand to " +
      "10,000 values; the JSON of a capture or a plan may have 250,000. A text of a command line may have 65,536 characters.",
    example: check("version: 1\nkernel: &a [*a]\n"),
    remedy: "Write the values out instead of using aliases, and flatten what is nested.",
  },
  "too-many-problems": {
    example: check(`${KERNEL}${Array.from({ length: 101 }, (_, index) => `key${index}: 1\n`).join("")}`),
    remedy: "Correct the problems that are shown, and check again.",
  },
  "unsupported-version": {
    why: "A later version may give keys another meaning, so nothing else of the file is judged.",
    example: check("version: 2\nkernel: vmlinuz\n"),
    remedy: "Install a newer warmboot, or write the profile for version 1.",
  },
  "conflict": {
    why: "A key that would have no effect is an error, so that no profile says more than it does.",
    example: check(`${KERNEL}entry: 0x100000\n`),
    remedy: "Remove one of the keys; the hint says which ones can be combined.",
  },
  "suspicious": {
    why: "No shell reads a profile, and YAML keeps a comma between two words of a text. The value is used as it is.",
    example: check(`${KERNEL}cmdline: { reuse: true, append: "quiet, panic=5" }\n`),
    remedy: "Write what is meant; the hint shows the form. `--strict` makes this an error.",
  },
  "cmdline-quote": {
    why: "The kernel ends an unclosed quote at the end of the command line and cannot escape one, so that everything " +
      "after it would belong to one parameter.",
    example: check(`${KERNEL}cmdline: root=LABEL=root dyndbg="file a.c +p\n`),
    remedy: "Close the quote, or remove it.",
  },
  "cmdline-character": {
    example: check(`${KERNEL}cmdline: "ro name=a\\u0007b"\n`),
    remedy: "Remove the character. One whose UTF-8 form has the byte 0xa0 reaches the kernel within double quotes.",
  },
  "cmdline-no-match": {
    example: planned(`${KERNEL}cmdline: { reuse: true, remove: quite }\n`),
    remedy: "Correct the name in `remove`, or leave it out. A name removes every parameter of that name; " +
      "`name=value` only the one with that value.",
  },
  "cmdline-not-known": {
    example: planned(`${KERNEL}cmdline: { reuse: true }\n`, { "/proc/cmdline": null }),
    remedy: "Write the whole command line, or capture the host with /proc/cmdline.",
  },
  "layer-unavailable": {
    example: "`parseProfile` of the library reads a profile with `extends`, and is given no reader of files.",
    remedy: "Give `parseProfile` a context with a reader, or use `extends` only in files.",
  },
  "layer-cycle": {
    example: { files: { "web.yaml": "version: 1\nextends: web.yaml\nkernel: vmlinuz\n" }, run: "check web.yaml" },
    remedy: "Remove one `extends` of the chain that the message shows.",
  },
  "layer-depth": {
    why: "A chain of `extends` may have 8 files, and a profile 64 with its drop-ins.",
    example: {
      files: {
        "web.yaml": "version: 1\nextends: 1.yaml\n",
        ...Object.fromEntries(
          Array.from({ length: 8 }, (_, index) => [`${index + 1}.yaml`, `extends: ${index + 2}.yaml\n`]),
        ),
      },
      run: "check web.yaml",
    },
    remedy: "List the bases next to each other, `extends: [a.yaml, b.yaml]`, or merge small files.",
  },
  "profile-missing": {
    why:
      "A word without a slash and without an extension is the name of a profile in /etc/warmboot, /run/warmboot or " +
      "/usr/lib/warmboot.",
    example: { run: "check no-such-profile" },
    remedy: "Correct the name. A file in the working folder is named with its extension, or with a slash: `./web`.",
  },
  "profile-masked": {
    why: "As with systemd, an empty file in /etc/warmboot disables the profile of that name in /run and /usr/lib.",
    example: "/etc/warmboot/web.yaml is empty, and `warmboot plan web` is run.",
    remedy: "Remove the empty file to get back the profile that it hides, or write a profile into it.",
  },
  "no-version": {
    why:
      "In a folder, a file with `version` is a profile, and one without is a part of others. One that nothing uses " +
      "is usually a forgotten `version: 1`.",
    example: { files: { "web.yaml": KERNEL, "db.yaml": "kernel: vmlinuz\n" }, run: "check ." },
    remedy: "Add `version: 1` if the file is a profile; extend it from one, or delete it, if it is not.",
  },
  "cmdline-exactmap": {
    why:
      "A kernel with `memmap=exactmap` uses only the memory that its command line lists. Reused, the list would limit " +
      "the next kernel too.",
    example: planned(`${KERNEL}cmdline: { reuse: true }\n`, {
      "/proc/cmdline": "root=/dev/vda1 memmap=exactmap memmap=64M@1M\n",
    }),
    remedy: "Check the memory that the next kernel gets, or write the whole command line instead of reusing it.",
  },
  "cmdline-stamp": {
    example: planned(`${KERNEL}cmdline: ro warmboot.plan=${"0".repeat(64)}\nstamp: true\n`),
    remedy: "Remove `warmboot.plan=` from the command line; each plan computes its own.",
  },
  "entry-unusable": {
    example: { files: { "debian.conf": "title Debian\n" }, run: "init --bls debian.conf --boot ." },
    remedy: "Boot the entry once and use its command line with `warmboot init --running`, or name another entry.",
  },
  "boot-loader": {
    why:
      "A cold reset starts a boot loader, and each has its own rules. warmboot follows those of systemd-boot and GRUB.",
    example: planned(BOOT_ENTRY),
    remedy: "Mount /boot and the EFI system partition, as root. With another boot loader, name the kernel: `kernel`, " +
      "`initrd` and `cmdline`.",
  },
  "boot-entry": {
    why:
      "An entry may start another system, or lie on a file system that is not mounted. What it would boot is never " +
      "guessed.",
    example: planned(BOOT_ENTRY, grub('menuentry "Windows" { chainloader (hd0,1)+1; }\n')),
    remedy: "Choose another entry in the boot loader or in `boot_entry`, mount what is missing, or name the kernel.",
  },
  "boot-script": {
    why:
      "grub.cfg is a program. warmboot follows the commands that `grub-mkconfig` writes, and stops at any other that " +
      "could change what is booted. A command that the installed GRUB does not have is a warning: GRUB passes over it.",
    example: planned(BOOT_ENTRY, grub("eval $menu\n")),
    remedy: "Remove the command from GRUB's configuration, or name the kernel instead of `boot_entry`.",
  },
  "kernel-not-found": {
    example: { run: "init --newest --root ." },
    remedy: "Install a kernel, or name a boot loader entry with `--bls FILE` or an image with `--uki FILE`.",
  },
  "file-missing": {
    example: { run: "check missing.yaml" },
    remedy: "Correct the path. A relative path in a profile leads from the folder of the file that has it.",
  },
  "file-damaged": {
    example: "A file of an unpacked release was changed, and `bin/warmboot install` is run.",
    remedy: "Download and unpack the release again.",
  },
  "file-unreadable": {
    example: planned("version: 1\nkernel: .\n"),
    remedy: "Name a regular file that the user of warmboot may read; kernels under /boot are often root's alone.",
  },
  "file-io": {
    why:
      "The file is there, but the system could not open or read it, or copy it into memory. The message has the errno.",
    example: "A kernel lies on a disk that fails (EIO), or this process may not open more files (EMFILE).",
    remedy: "See the kernel's log (`dmesg`) for the disk; for EMFILE, raise `ulimit -n`, or LimitNOFILE= of the unit.",
  },
  "memory-short": {
    why: "A file that has a digest to hold to, or that not root alone can write, is copied into memory before it is " +
      "loaded. What files unpack to takes memory as well. All of it may take what is available, and at most half of the memory.",
    example: "A pinned initrd of 300 MiB is loaded on a host where 200 MiB are available.",
    remedy: "Free memory, or use a smaller file.",
  },
  "file-not-capable": {
    example: "`deno run --allow-read=profiles cli.ts check profiles/web.yaml`, which extends a file in another folder.",
    remedy: "Run warmboot with `--allow-read`, or with `-A`. docs/permissions.md lists what each command needs.",
  },
  "image-not-captured": {
    example: "A host was captured with `facts --images`, but the profile names a kernel that the capture lacks.",
    remedy: "Capture the files with the host: `warmboot facts --images PROFILE`.",
  },
  "digest-mismatch": {
    why: "The pin of a unified kernel image is that of the whole file, and holds for every section of it.",
    example: planned(`version: 1\nkernel: { path: linux.efi, sha256: ${"0".repeat(64)} }\n`),
    remedy: "Find out what changed the image. If that was intended, write its new digest into the profile: " +
      "`sha256sum FILE` prints it.",
  },
  "uki-part": {
    why: "systemd-stub passes over addons that were made for another release, and an image without a command line " +
      "gets it from its boot loader.",
    example: planned("version: 1\nkernel: linux.efi\n"),
    remedy: "State `cmdline` where the image has none, and remove addons that are not for it.",
  },
  "image-part": {
    why:
      "U-Boot would not boot such an image either, or would do more than kexec does: apply overlays, load further images.",
    example: "`kernel` names a FIT image that is cut off, or whose configuration has a device tree and an overlay.",
    remedy:
      "Copy or make the image again, name another configuration with `kernel: { path, configuration }`, or name a " +
      "device tree with `dtb`.",
  },
  "overlay-withheld": {
    why: "A plan holds no secrets: of a file with `secret: true` and a `text`, it has only the path and the size.",
    example: "`warmboot load web.plan.json`, where the profile has `{ path: /etc/key, text: ..., secret: true }`.",
    remedy: "Load the profile itself, or name a file in it: `from: /etc/keys/key`. It is read when the plan is loaded.",
  },
  "overlay-secret": {
    why:
      "`ask` needs a terminal or systemd-ask-password, and somebody who answers in time; `command` a program that ends " +
      "with status 0 in time, and prints no more than the limit.",
    example: "`warmboot load web.yaml` from a timer, where the profile has `{ path: /etc/key, ask: Passphrase }`.",
    remedy: "Read what the message says of the program, run it by hand, and load again. Nothing was loaded.",
  },
  "unlock-key": {
    why: "Before anything is loaded, each key is tried against the header of its volume by `cryptsetup open " +
      "--test-passphrase`. A wrong one would have the next initrd stop at the question for the passphrase.",
    example:
      "`warmboot load web.yaml`, where the profile has `unlock: [{ volume: root, key: { ask: 'Passphrase:' } }]`, and a typing error.",
    remedy:
      "Load again with the right key. A key file is taken byte by byte, so that an end of line is a part of it. Without " +
      "cryptsetup on the host, install it. Nothing was loaded.",
  },
  "image-differs": {
    example: "A host was captured with `facts --images`, and the local kernel of the same path has another content.",
    remedy:
      "To plan for the host, ignore it: the captured file counts. To plan with the local file, capture the host " +
      "without `--images`.",
  },
  "facts-syntax": {
    example: { files: { "web.yaml": KERNEL, "host.json": "facts" }, run: "plan web.yaml --facts host.json" },
    remedy: "Give a file that `warmboot facts` wrote, whole and unchanged.",
  },
  "facts-format": {
    example: {
      files: { "web.yaml": KERNEL, "host.json": '{ "format": "warmboot.facts/9", "files": {} }' },
      run: "plan web.yaml --facts host.json",
    },
    remedy: "Capture the host again, with the version of warmboot that plans.",
  },
  "facts-unknown-source": {
    why: "A mistyped path would otherwise be a fact that is silently missing.",
    example: planned(KERNEL, { "/proc/iomen": "" }),
    remedy: "Correct the path in the capture, or remove it.",
  },
  "facts-not-capable": {
    why: "Deno lets a program read /proc and /sys only with all permissions.",
    example: "`deno run --allow-read cli.ts plan web.yaml`, without `--facts`.",
    remedy: "Run it with `-A`, or plan from a capture with `--facts FILE`, which needs `--allow-read` alone.",
  },
  "facts-unreadable": {
    example: planned(KERNEL, { "/sys/kernel/boot_params/data": { error: "EACCES" } }),
    remedy: "Run warmboot as root. If it already is, a security module or a container refuses the access.",
  },
  "facts-malformed": {
    example: planned(KERNEL, { "/sys/kernel/kexec_loaded": "maybe\n" }),
    remedy: TAKE_AGAIN,
  },
  "facts-old": {
    why: "A capture shows its host as it was. Another kernel may run there since, or files may have been replaced. " +
      "Captures of versions that did not write `capturedAt` do not say how old they are.",
    example: { files: { "web.yaml": KERNEL }, host: {}, run: "plan web.yaml --facts host.json --max-age 30d" },
    remedy: "Capture the host again with `warmboot facts`. It is a warning; `plan --strict` makes it an error.",
  },
  "facts-missing": {
    example: planned(KERNEL, { "/proc/sys/kernel/osrelease": null }),
    remedy: "Mount /proc, and capture the host again with `warmboot facts`.",
  },
  "facts-not-linux": {
    example: planned(KERNEL, { "/proc/sys/kernel/ostype": "GNU\n" }),
    remedy: "Use warmboot on Linux; no other system has the kexec calls.",
  },
  "iomem-empty": { example: planned(KERNEL, { "/proc/iomem": "" }), remedy: TAKE_AGAIN },
  "iomem-zeroed": {
    why: "The kernel shows addresses only to processes with CAP_SYS_ADMIN in the initial user namespace.",
    example: planned(KERNEL, {
      "/proc/iomem": "00000000-00000000 : System RAM\n  00000000-00000000 : Kernel code\n",
    }),
    remedy: "Run warmboot as root, outside of containers. `kexec_file_load` works without the addresses.",
  },
  "iomem-malformed": {
    example: planned(KERNEL, { "/proc/iomem": "00001000-7fffffff : System RAM\nfirmware\n" }),
    remedy: TAKE_AGAIN,
  },
  "iomem-backwards": {
    example: planned(KERNEL, { "/proc/iomem": "7fffffff-00001000 : System RAM\n" }),
    remedy: TAKE_AGAIN,
  },
  "iomem-indentation": {
    example: planned(KERNEL, {
      "/proc/iomem": "00001000-7fffffff : System RAM\n      01000000-01ffffff : Kernel code\n",
    }),
    remedy: TAKE_AGAIN,
  },
  "iomem-outside-parent": {
    example: planned(KERNEL, { "/proc/iomem": "00001000-00ffffff : System RAM\n  00f00000-01ffffff : Kernel code\n" }),
    remedy: "Capture the host again: the map may have changed while it was read.",
  },
  "iomem-overlap": {
    example: planned(KERNEL, { "/proc/iomem": "00001000-01ffffff : System RAM\n01000000-7fffffff : System RAM\n" }),
    remedy: "Capture the host again: the map may have changed while it was read.",
  },
  "memory-hidden": {
    example: planned(KEXEC_LOAD, {
      "/proc/iomem": "00000000-00000000 : System RAM\n  00000000-00000000 : Kernel code\n",
    }),
    remedy: "Run warmboot as root, outside of containers, or use `load: kexec_file_load`.",
  },
  "memory-unknown": {
    example: planned(KEXEC_LOAD, { "/proc/iomem": null }),
    remedy:
      "Capture the host again, with /proc/iomem, or use `load: kexec_file_load`. A crash image is refused as well " +
      "where lines of the map contradict the reservation.",
  },
  "memory-none": {
    example: planned(`${KEXEC_LOAD}memory: { min: 1TiB }\n`),
    remedy: "Widen `memory`. For a crash kernel, reserve memory with `crashkernel=` on the running command line.",
  },
  "too-many-segments": {
    example: planned(`${KEXEC_LOAD}initrd: [${Array.from({ length: 16 }, () => "initrd.img").join(", ")}]\n`),
    remedy: "Concatenate some initrds to one file, each padded with zeros to a multiple of 4 bytes.",
  },
  "no-room": {
    example: planned(`${KEXEC_LOAD}memory: { min: 1MiB, max: 1028KiB }\n`),
    remedy: "Widen `memory`, use a smaller initrd, or reserve more with `crashkernel=` for a crash kernel.",
  },
  "segment-content": {
    example: planned("version: 1\nentry: 0x1000000\nsegments: [{ at: 0x1000000, file: vmlinuz, offset: 1TiB }]\n"),
    remedy: "Compare `offset` and `length` with the size of the file; it may not be the file that was meant.",
  },
  "elf-layout": {
    example: "A vmlinux or a Multiboot image whose segments do not start on pages, or share one.",
    remedy: "Name the vmlinux or bzImage as its build made it.",
  },
  "payload-damaged": {
    example: "`predecompress: true` with a kernel of which 16 bytes of the compressed part were overwritten.",
    remedy: "Reinstall the kernel or rebuild the initrd. A full /boot is the usual cause.",
  },
  "codec-missing": {
    why: "xz, lzma and bzip2 need a library of the system; the other compressions do not.",
    example: "`predecompress: true` with an xz kernel, on a host without liblzma.",
    remedy: "Install the library that the message names, or leave out `predecompress`: the kernel unpacks itself.",
  },
  "e820-unknown": {
    example: "The firmware's memory map of a captured host has no `System RAM`, and the profile uses kexec_load.",
    remedy: TAKE_AGAIN,
  },
  "e820-type": {
    example: planned(KEXEC_LOAD, { "/sys/firmware/memmap/2/type": "Moon dust\n" }),
    remedy: "Nothing, as a rule: the next kernel keeps away from such memory. Please report the type.",
  },
  "e820-limited": {
    example: planned(KEXEC_LOAD, { "/sys/firmware/memmap/*": null, "/proc/cmdline": "root=/dev/vda1 mem=1G\n" }),
    remedy: "Reboot through the firmware without the parameter if the next kernel needs all of the memory.",
  },
  "device-tree-unknown": {
    example: {
      ...planned("version: 1\nkernel: Image\nload: kexec_load\n", { "/sys/firmware/fdt": null }),
      machine: "aarch64",
    },
    remedy: "Run warmboot as root on the host itself, or name a device tree with `dtb`.",
  },
  "device-tree-unused": {
    example: "`dtb` together with a Multiboot image, or a kernel that starts in real mode.",
    remedy: "Remove `dtb`.",
  },
  "device-tree-damaged": {
    example: {
      ...planned("version: 1\nkernel: Image\ndtb: initrd.img\nload: kexec_load\n"),
      machine: "aarch64",
    },
    remedy: "Name a flattened device tree: a .dtb that `dtc` or the build of a kernel made.",
  },
  "device-tree-limit": {
    example: "A `dtb` of more than 2 MiB, on x86_64 of more than 252 KiB.",
    remedy: "Name a smaller device tree with `dtb`.",
  },
  "crash-unknown": {
    example: planned(`${KEXEC_LOAD}crash: true\n`, {
      "/proc/iomem": "00001000-0009ffff : System RAM\n00100000-7fffffff : System RAM\n" +
        "  01000000-02ffffff : Kernel code\n  20000000-3fffffff : Crash kernel\n",
      "/sys/kernel/kexec_crash_size": "536870912\n",
      "/sys/kernel/vmcoreinfo": null,
    }),
    remedy: "Run warmboot as root on the host itself, or use `load: kexec_file_load`.",
  },
  "crash-cmdline": {
    example: planned(`${KERNEL}crash: true\ncmdline: ro elfcorehdr=0x1000000\n`),
    remedy: "Remove the parameter; it is added when the crash kernel is loaded.",
  },
};
