/** What kexec_file_load(2) answers to calls that are wrong in one thing, with all permissions. */
import { KEXEC_FILE_LOAD_FLAGS } from "../../../src/plan/flags.ts";
import { crashFileLoad, fileLoad } from "./attempts.ts";
import type { Condition } from "./condition.ts";
import { FILES } from "./files.ts";

const { KEXEC_FILE_NO_INITRAMFS, KEXEC_FILE_DEBUG, KEXEC_FILE_NO_CMA, KEXEC_FILE_FORCE_DTB } = KEXEC_FILE_LOAD_FLAGS;

const OPENS_ITSELF = "warmboot opens the files itself, to read them";

const DESCRIPTORS: readonly Condition[] = [
  {
    id: "kernel-closed",
    title: "The kernel's descriptor is not open",
    page: "descriptor",
    attempt: () => fileLoad({ kernel: -1 }),
    answer: "EBADF",
    ours: { by: "nothing", why: `${OPENS_ITSELF}; one that is not there is \`file-missing\`` },
  },
  {
    id: "kernel-for-writing",
    title: "The kernel's descriptor is open for writing only",
    page: "descriptor",
    attempt: () => fileLoad({ kernel: { forWriting: FILES.kernel } }),
    answer: "EBADF",
    ours: { by: "nothing", why: OPENS_ITSELF },
  },
  {
    id: "initrd-for-writing",
    title: "The initrd's descriptor is open for writing only",
    page: "descriptor",
    attempt: () => fileLoad({ initrd: { forWriting: FILES.initrd } }),
    answer: "EBADF",
    ours: { by: "nothing", why: OPENS_ITSELF },
  },
  {
    id: "initrd-none",
    title: "There is no initrd, and the flag KEXEC_FILE_NO_INITRAMFS is missing",
    page: "descriptor",
    attempt: () => fileLoad({ flags: 0n }),
    answer: "EBADF",
    ours: { by: "stored plan", says: "conflict" },
  },
];

const CONTENT: readonly Condition[] = [
  {
    id: "kernel-empty",
    title: "The kernel is an empty file",
    page: "empty",
    attempt: () => fileLoad({ kernel: FILES.empty }),
    answer: "EINVAL",
    ours: { by: "profile", says: "file-size" },
  },
  {
    id: "initrd-empty",
    title: "The initrd is an empty file",
    page: "empty",
    attempt: () => fileLoad({ initrd: FILES.empty }),
    answer: "EINVAL",
    ours: { by: "profile", says: "file-size" },
  },
  {
    id: "kernel-device",
    title: "The kernel is a device",
    attempt: () => fileLoad({ kernel: FILES.device }),
    answer: "EINVAL",
    ours: { by: "profile", says: "file-unreadable" },
  },
  {
    id: "kernel-folder",
    title: "The kernel is a directory",
    attempt: () => fileLoad({ kernel: FILES.folder }),
    answer: "EINVAL",
    ours: { by: "profile", says: "file-unreadable" },
  },
  {
    id: "initrd-device",
    title: "The initrd is a device",
    attempt: () => fileLoad({ initrd: FILES.device }),
    answer: "EINVAL",
    ours: { by: "profile", says: "file-unreadable" },
  },
  {
    id: "kernel-script",
    title: "The kernel is a text",
    page: "format",
    attempt: () => fileLoad({ kernel: FILES.script }),
    answer: "ENOEXEC",
    ours: { by: "profile", says: "kernel-image" },
  },
  {
    id: "kernel-initrd",
    title: "The kernel is an initrd",
    page: "format",
    attempt: () => fileLoad({ kernel: FILES.initrd }),
    answer: "ENOEXEC",
    ours: { by: "profile", says: "kernel-image" },
  },
  {
    id: "kernel-elf",
    title: "The kernel is an ELF file, as vmlinux is",
    page: "format",
    attempt: () => fileLoad({ kernel: FILES.elf }),
    answer: "ENOEXEC",
    ours: { by: "profile", says: "kernel-image" },
  },
  {
    id: "kernel-short",
    title: "The kernel is cut off in its header",
    page: "format",
    attempt: () => fileLoad({ kernel: FILES.short }),
    answer: "ENOEXEC",
    ours: { by: "profile", says: "kernel-image" },
  },
  {
    id: "kernel-old",
    title: "The kernel is a bzImage of boot protocol 2.11",
    page: "format",
    attempt: () => fileLoad({ kernel: FILES.oldProtocol }),
    answer: "ENOEXEC",
    ours: { by: "profile", says: "kernel-image" },
  },
  {
    id: "kernel-zimage",
    title: "The kernel is a zImage, loaded low",
    page: "format",
    attempt: () => fileLoad({ kernel: FILES.zimage }),
    answer: "ENOEXEC",
    ours: { by: "profile", says: "kernel-image" },
  },
  {
    id: "kernel-32",
    title: "The kernel has no 64-bit entry",
    page: "format",
    attempt: () => fileLoad({ kernel: FILES.only32 }),
    answer: "ENOEXEC",
    ours: { by: "profile", says: "kernel-image" },
  },
  {
    id: "kernel-low",
    title: "The kernel cannot be loaded above 4 GiB",
    page: "format",
    attempt: () => fileLoad({ kernel: FILES.low }),
    answer: "ENOEXEC",
    ours: { by: "profile", says: "kernel-image" },
  },
  {
    id: "kernel-huge",
    title: "The kernel is a file of more than 4 GiB",
    attempt: () => fileLoad({ kernel: FILES.above4G }),
    answer: "EFBIG",
    ours: { by: "profile", says: "file-size" },
  },
  {
    id: "initrd-huge",
    title: "The initrd is a file of more than 4 GiB",
    attempt: () => fileLoad({ initrd: FILES.above4G }),
    answer: "EFBIG",
    ours: { by: "profile", says: "file-size" },
  },
  {
    id: "kernel-writer",
    title: "The kernel is open for writing somewhere",
    state: "kernel open for writing",
    attempt: () => fileLoad(),
    answer: "ETXTBSY",
    ours: { by: "cause", says: "the kernel file or an initrd is open for writing" },
  },
];

const ARGUMENTS: readonly Condition[] = [
  {
    id: "file-flag",
    title: "A flag that no kernel has (0x40)",
    page: "flags",
    attempt: () => fileLoad({ flags: KEXEC_FILE_NO_INITRAMFS | 0x40n }),
    answer: "EINVAL",
    ours: { by: "stored plan", says: "conflict" },
  },
  {
    id: "file-debug",
    title: "KEXEC_FILE_DEBUG, a flag since Linux 6.8",
    page: "flags",
    attempt: () => fileLoad({ flags: KEXEC_FILE_NO_INITRAMFS | KEXEC_FILE_DEBUG }),
    answer: { "6.1": "EINVAL", "6.12": "accepted" },
    ours: { by: "stored plan", says: "flag-known", status: "warn" },
  },
  {
    id: "file-no-cma",
    title: "KEXEC_FILE_NO_CMA, a flag since Linux 6.17",
    page: "flags",
    attempt: () => fileLoad({ flags: KEXEC_FILE_NO_INITRAMFS | KEXEC_FILE_NO_CMA }),
    answer: "EINVAL",
    ours: { by: "stored plan", says: "flag-known", status: "warn" },
  },
  {
    id: "file-force-dtb",
    title: "KEXEC_FILE_FORCE_DTB, a flag since Linux 6.18",
    page: "flags",
    attempt: () => fileLoad({ flags: KEXEC_FILE_NO_INITRAMFS | KEXEC_FILE_FORCE_DTB }),
    answer: "EINVAL",
    ours: { by: "stored plan", says: "force-dtb" },
  },
  {
    id: "cmdline-nul",
    title: "The command line does not end with a NUL",
    page: "nul",
    attempt: () => fileLoad({ nul: "missing" }),
    answer: "EINVAL",
    ours: { by: "nothing", why: "warmboot adds the NUL itself" },
  },
  {
    id: "cmdline-long",
    title: "The command line takes 2018 bytes with its NUL",
    attempt: () => fileLoad({ cmdline: "x".repeat(2017) }),
    answer: "EINVAL",
    ours: { by: "profile", says: "cmdline-length" },
  },
  {
    id: "cmdline-unmapped",
    title: "The command line is where the process has no memory",
    attempt: () => fileLoad({ nul: "unmapped" }),
    answer: "EFAULT",
    ours: { by: "nothing", why: "warmboot hands over memory of its own" },
  },
];

const MEMORY: readonly Condition[] = [
  {
    id: "file-half",
    title: "Kernel and initrd take more than half of the memory",
    attempt: () => fileLoad({ initrd: FILES.halfOfMemory }),
    answer: "EINVAL",
    ours: { by: "profile", says: "half-of-memory" },
  },
  {
    id: "file-memory",
    title: "The initrd is larger than the memory",
    page: "memory",
    attempt: () => fileLoad({ initrd: FILES.moreThanMemory }),
    answer: "ENOMEM",
    ours: { by: "profile", says: "half-of-memory" },
  },
  {
    id: "file-crash-small",
    title: "A crash kernel is larger than the reservation",
    state: "small reservation",
    attempt: crashFileLoad,
    answer: "EADDRNOTAVAIL",
    ours: { by: "profile", says: "crash-reservation" },
  },
  {
    id: "file-crash-none",
    title: "A crash kernel, and nothing is reserved",
    page: "crash-range",
    state: "no reservation",
    attempt: crashFileLoad,
    answer: "EADDRNOTAVAIL",
    ours: { by: "profile", says: "crash-reservation" },
  },
];

const BUILD: readonly Condition[] = [
  {
    id: "file-not-built",
    title: "The kernel is built without the call (CONFIG_KEXEC_FILE)",
    state: "built without kexec_file_load",
    attempt: () => fileLoad(),
    answer: "ENOSYS",
    on: { x86_64: "not there" },
    ours: { by: "profile", says: "call-available" },
  },
];

/** The conditions of kexec_file_load(2) that lie in the call and its files. */
export const KEXEC_FILE_LOAD: readonly Condition[] = [...BUILD, ...DESCRIPTORS, ...CONTENT, ...ARGUMENTS, ...MEMORY];
