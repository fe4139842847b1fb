import type { HostFacts } from "../../src/host/facts.ts";

/** A plain x86_64 host of 4 GiB on which everything is allowed; a test states only what differs. */
export function hostFacts(changes: Partial<HostFacts> = {}): HostFacts {
  return {
    hostname: "web1",
    machine: "x86_64",
    release: "6.1.0-50-amd64",
    bootId: "5b1a6b8e-0000-4000-8000-000000000001",
    cmdline: "BOOT_IMAGE=/boot/vmlinuz-6.1.0-50-amd64 root=LABEL=root ro quiet",
    pageSize: 4096n,
    memTotal: 4n << 30n,
    memAvailable: 3n << 30n,
    capEff: 0x1ff_ffff_ffffn,
    initUserNamespace: true,
    cpusOnline: 2,
    cpuFlags: ["lm"],
    iomem: {
      visibility: "full",
      roots: [
        { start: 0x1000n, end: 0x9_fc00n, name: "System RAM", children: [] },
        { start: 0x10_0000n, end: 0xc000_0000n, name: "System RAM", children: [] },
        { start: 0x1_0000_0000n, end: 0x1_4000_0000n, name: "System RAM", children: [] },
      ],
    },
    firmwareMap: [],
    kexec: {
      loaded: false,
      crashLoaded: false,
      crashSize: 0n,
      loadDisabled: false,
      limitReboot: -1,
      limitPanic: -1,
    },
    lockdown: "none",
    lsm: ["lockdown", "capability"],
    crashNotes: [],
    kernelConfig: { CONFIG_KEXEC: "y", CONFIG_KEXEC_FILE: "y", CONFIG_KEXEC_SIG: "y" },
    setupData: [],
    systemd: false,
    ...changes,
  };
}
