import type { CauseRow } from "./cause.ts";

/** Why reboot(2) does not run the loaded image: kernel/reboot.c and kernel_kexec in kernel/kexec_core.c, Linux 7.3. */
export const REBOOT_CAUSES: readonly CauseRow[] = [
  {
    errno: "EINVAL",
    when: ({ facts }) => facts.kexec.loaded === false,
    cause: "no image is loaded",
    remedy: "Load one first: warmboot load PROFILE",
  },
  {
    errno: "EINVAL",
    when: ({ returns }) => returns !== true,
    cause: "reboot(2) was called from a child PID namespace, or the kernel lacks kexec",
    remedy: "Run warmboot on the host itself, outside the container",
  },
  {
    errno: "EBUSY",
    when: ({ returns }) => returns === true,
    cause: "a process, a device or a CPU could not be stopped for the payload (or a load is in progress)",
    remedy: "The system continues as before; `dmesg` names what refused to freeze or suspend",
  },
  {
    // The errno comes from the driver that refused; EPERM is decided before any driver is asked.
    when: ({ returns, errno }) => returns === true && errno !== EPERM,
    cause: "a device or a CPU could not be stopped for the payload",
    remedy: "The system continues as before; `dmesg` names what refused to suspend",
  },
];

const EPERM = 1;
