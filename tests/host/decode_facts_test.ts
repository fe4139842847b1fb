import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { hasErrors } from "../../src/core/diagnostic.ts";
import { rangeSize } from "../../src/core/range.ts";
import type { Capture, CapturedFile } from "../../src/host/capture.ts";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { crashReservations, systemRam } from "../../src/host/iomem.ts";
import { capturedFacts as host, CAPTURES } from "./fixture.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** The least that a host must say. */
const LEAST = { "/proc/sys/kernel/arch": "x86_64\n", "/proc/sys/kernel/osrelease": "6.1.0\n" };

function decode(files: { readonly [path: string]: CapturedFile }): ReturnType<typeof decodeFacts> {
  return decodeFacts({ format: "warmboot.facts/1", files: { ...LEAST, ...files } });
}

/** The facts of the files, which must be beyond reproach. */
function facts(files: { readonly [path: string]: CapturedFile }): HostFacts {
  const { value, diagnostics } = decode(files);
  assertEquals(diagnostics, []);
  assert(value !== undefined);
  return value;
}

/** Code and place of each complaint. */
function complaints(files: { readonly [path: string]: CapturedFile }): readonly string[] {
  return decode(files).diagnostics.map(({ severity, code, position }) =>
    `${severity} ${code} ${position?.file}:${position?.line}`
  );
}

function base64(...bytes: readonly number[]): CapturedFile {
  return { base64: Uint8Array.from(bytes).toBase64() };
}

pure("hosts seen by root are decoded without complaint, hidden ones with warnings only", () => {
  for (const [name, capture] of CAPTURES) {
    const { diagnostics } = decodeFacts(capture);
    const codes = diagnostics.map(({ severity, code }) => `${severity} ${code}`);
    assertEquals(codes, name === "non-root" ? ["warning facts-unreadable", "warning iomem-zeroed"] : [], name);
  }
});

pure("a machine and a release are all that a host must say", () => {
  assertEquals(facts({}), {
    ...{ machine: "x86_64", release: "6.1.0", pageSize: 4096n, systemd: false },
    ...{ cpuFlags: [], iomem: { visibility: "absent", roots: [] }, firmwareMap: [], kexec: {}, lsm: [] },
    ...{ crashNotes: [], kernelConfig: {} },
  });
});

pure("without them there are no facts", () => {
  const { value, diagnostics } = decodeFacts({ format: "warmboot.facts/1", files: {} });
  assertEquals(value, undefined);
  assertEquals(diagnostics.map(({ code, severity }) => `${severity} ${code}`), Array(3).fill("error facts-missing"));
});

pure("the page size is never guessed where a machine has several", () => {
  const arm = { "/proc/sys/kernel/arch": "aarch64\n" };
  assertEquals(decode(arm).value, undefined);
  const auxv = (size: number) => base64(6, 0, 0, 0, 0, 0, 0, 0, 0, 0, size, 0, 0, 0, 0, 0);
  assertEquals(facts({ ...arm, "/proc/self/auxv": auxv(1) }).pageSize, 65536n);
  assertEquals(complaints({ "/proc/self/auxv": auxv(3) }), ["warning facts-malformed /proc/self/auxv:1"]);
});

pure("of many entries that are not what the kernel writes the first are named, and the others counted", () => {
  const entries = Array.from({ length: 500 }, (_, at) => [`/sys/firmware/memmap/${at}/start`, "0x0\n"]);
  const { diagnostics } = decode(Object.fromEntries(entries));
  assertEquals([diagnostics.length, diagnostics[20]?.severity], [21, "warning"]);
  assertEquals(diagnostics[20]?.message, "There are 480 more problems in the facts of the host");
});

pure("a host that is not Linux is refused", () => {
  assertEquals(decode({ "/proc/sys/kernel/ostype": "FreeBSD\n" }).diagnostics.map(({ code }) => code), [
    "facts-not-linux",
  ]);
});

pure("sizes are exact: kB are 1024 bytes, vmcoreinfo and crash notes are hexadecimal without saying so", () => {
  const { memTotal, memAvailable, vmcoreinfo, crashNotes } = facts({
    "/proc/meminfo": "MemTotal:       18014398509481983 kB\nMemAvailable:    1701336 kB\n",
    "/sys/kernel/vmcoreinfo": "0x00000000018f0000 1024\n",
    "/sys/devices/system/cpu/cpu2/crash_notes": "10\n",
    "/sys/devices/system/cpu/cpu2/crash_notes_size": "368\n",
    "/sys/devices/system/cpu/cpu10/crash_notes": "ffffffffffffffff\n",
    "/sys/devices/system/cpu/cpu10/crash_notes_size": "368\n",
  });
  assertEquals([memTotal, memAvailable], [18014398509481983n * 1024n, 1701336n * 1024n]);
  assertEquals(vmcoreinfo, { address: 0x18f_0000n, size: 0x1024n });
  assertEquals(crashNotes, [
    { cpu: 2, address: 0x10n, size: 368n },
    { cpu: 10, address: 0xffff_ffff_ffff_ffffn, size: 368n },
  ]);
});

pure("the state of kexec is read from the new place, else from the old one", () => {
  const server = host("many-region-server");
  assertEquals([server.kexec.loaded, server.kexec.crashSize, server.kexec.limitReboot, server.kexec.limitPanic], [
    true,
    5n << 28n,
    3,
    -1,
  ]);
  assertEquals(host("bios-vm").kexec, { loaded: false, crashLoaded: false, crashSize: 0n, loadDisabled: false });
});

pure("reservations and RAM are those of the memory map", () => {
  for (const name of ["uefi-laptop", "arm64-server", "many-region-server"] as const) {
    const { iomem, kexec } = host(name);
    assertEquals(crashReservations(iomem).reduce((sum, range) => sum + rangeSize(range), 0n), kexec.crashSize, name);
  }
  assertEquals(host("non-root").iomem.visibility, "zeroed");
  assertEquals(systemRam(host("bios-vm").iomem).length, 2);
});

pure("the firmware's map keeps its order, and its ends become exclusive", () => {
  const { firmwareMap } = host("bios-vm");
  assertEquals(firmwareMap[0], { start: 0n, end: 0x9fc00n, type: "System RAM" });
  assertEquals([firmwareMap.length, host("many-region-server").firmwareMap.length > 128], [7, true]);
});

pure("Secure Boot is on only if it is on and out of setup mode", () => {
  const guid = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
  const secureBoot = (on: number, setup: number | undefined) =>
    facts({
      [`/sys/firmware/efi/efivars/SecureBoot-${guid}`]: base64(6, 0, 0, 0, on),
      ...(setup === undefined ? {} : { [`/sys/firmware/efi/efivars/SetupMode-${guid}`]: base64(6, 0, 0, 0, setup) }),
    }).secureBoot;
  assertEquals([secureBoot(1, 0), secureBoot(0, 0), secureBoot(0, 1), secureBoot(1, 1), secureBoot(1, undefined)], [
    "enabled",
    "disabled",
    "setup",
    "setup",
    "enabled",
  ]);
  assertEquals(facts({}).secureBoot, undefined);
});

pure("IMA's policy is the one that the kernel shows, else the file that is loaded at boot", () => {
  const ima = (files: { readonly [path: string]: string }) => decode(files).value?.ima;
  const text =
    "# appraise\nmeasure func=KEXEC_KERNEL_CHECK\n\n  dont_appraise fsmagic=0x1021994\naudit func=BPRM_CHECK\n";
  const rules = [
    { action: "measure", conditions: ["func=KEXEC_KERNEL_CHECK"] },
    { action: "dont_appraise", conditions: ["fsmagic=0x1021994"] },
  ] as const;
  assertEquals(ima({ "/sys/kernel/security/ima/policy": text }), { inForce: true, rules });
  assertEquals(ima({ "/etc/ima/ima-policy": text }), { inForce: false, rules });
  assertEquals(ima({ "/sys/kernel/security/ima/policy": "", "/etc/ima/ima-policy": text }), {
    inForce: true,
    rules: [],
  });
  assertEquals(ima({}), undefined);
  assertEquals(decode({ "/proc/sys/kernel/loadpin/enforce": "1\n" }).value?.loadPin, true);
});

pure("dm-crypt keys for a crash kernel are known by name and description, never by content", () => {
  const keys = (files: { readonly [path: string]: string }) =>
    decode(
      Object.fromEntries(
        Object.entries(files).map(([path, text]) => [`/sys/kernel/config/crash_dm_crypt_keys/${path}`, text]),
      ),
    ).value?.kexec.dmCryptKeys;
  assertEquals(keys({}), undefined);
  assertEquals(keys({ restore: "0\n" }), undefined, "in a crash kernel");
  assertEquals(keys({ count: "0\n", reuse: "0\n" }), { keys: [], reuse: false });
  assertEquals(
    keys({
      count: "3\n",
      reuse: "1\n",
      "b/description": "cryptsetup:b\n",
      "a x/description": "(null)\n",
      "c/description": "\n",
    }),
    { keys: [{ name: "a x" }, { name: "b", description: "cryptsetup:b" }, { name: "c" }], reuse: true },
  );
  assertEquals(keys({ count: "1\n", "a/description": "d\n" }), { keys: [{ name: "a", description: "d" }] });
});

pure("the lockdown level is the one in brackets", () => {
  const lockdown = (text: string) => decode({ "/sys/kernel/security/lockdown": text }).value?.lockdown;
  assertEquals(lockdown("none integrity [confidentiality]\n"), "confidentiality");
  assertEquals([lockdown("none integrity\n"), lockdown("[none] [integrity]\n"), lockdown("[new]\n")], [
    undefined,
    undefined,
    undefined,
  ]);
});

pure("EFI facts are there on a UEFI host, even where their content is hidden", () => {
  assertEquals(host("bios-vm").efi, undefined);
  assertEquals(host("non-root").efi, { platformSize: 64, systab: {}, runtimeMap: [] });
  const { efi, bootParams, bootProtocol, setupData } = host("uefi-laptop");
  assertEquals(efi?.systab.ACPI20, 0x6f7e_a014n);
  assertEquals(efi?.runtimeMap[0], {
    type: 6,
    physAddr: 0x6f0e_b000n,
    virtAddr: 0xffff_fffe_ffce_6000n,
    numPages: 0x11an,
    attribute: 0x8000_0000_0000_000fn,
  });
  assertEquals([bootParams?.length, bootProtocol, setupData?.[0]?.type, setupData?.[0]?.data?.length], [
    4096,
    0x20f,
    9,
    32,
  ]);
});

pure("options that are off are `n`, and quoted values keep their quotes", () => {
  const { kernelConfig } = facts({
    "/proc/config.gz": '# CONFIG_KEXEC is not set\nCONFIG_CRASH_DUMP=y\nCONFIG_IMA_X="a=b"\n',
  });
  assertEquals(kernelConfig, { CONFIG_KEXEC: "n", CONFIG_CRASH_DUMP: "y", CONFIG_IMA_X: '"a=b"' });
});

pure("a container is told from the host by its namespaces", () => {
  const here = (files: { readonly [path: string]: CapturedFile }) => {
    const { initPidNamespace, initUserNamespace } = facts(files);
    return [initPidNamespace, initUserNamespace];
  };
  const status = (pids: string) => ({ "/proc/self/status": `NSpid:\t${pids}\nCapEff:\t0000000000000000\n` });
  assertEquals(here(status("7")), [undefined, undefined]);
  assertEquals(here(status("812\t7")), [false, undefined]);
  assertEquals(
    here({ ...status("7"), "/proc/self/ns/pid": "pid:[4026532201]\n", "/proc/self/uid_map": "0 100000 65536\n" }),
    [false, false],
  );
  assertEquals(
    here({ "/proc/self/ns/pid": "pid:[4026531836]\n", "/proc/self/uid_map": "         0          0 4294967295\n" }),
    [true, true],
  );
});

pure("a CPU list is counted", () => {
  assertEquals(facts({ "/sys/devices/system/cpu/online": "0-3,8,10-11\n" }).cpusOnline, 7);
});

pure("the command line loses its newline only, and is unknown if it is no UTF-8", () => {
  assertEquals(facts({ "/proc/cmdline": 'ro  a="b c" \n' }).cmdline, 'ro  a="b c" ');
  const { value, diagnostics } = decode({ "/proc/cmdline": base64(0x61, 0xff) });
  assertEquals([value?.cmdline, diagnostics[0]?.code], [undefined, "facts-malformed"]);
});

pure("a name in the memory map may be no UTF-8", () => {
  const text = new TextEncoder().encode("00001000-00001fff : GPIO?\n").map((byte) => byte === 0x3f ? 0xe9 : byte);
  assertEquals(facts({ "/proc/iomem": { base64: text.toBase64() } }).iomem.roots[0]?.name, "GPIOé");
});

pure("a source that is not what the kernel writes is a warning, and its fact unknown", () => {
  const odd: readonly (readonly [string, string, keyof HostFacts])[] = [
    ["/proc/meminfo", "MemTotal: 12 MB\n", "memTotal"],
    ["/sys/kernel/vmcoreinfo", "0x10 20 30\n", "vmcoreinfo"],
    ["/sys/devices/system/cpu/online", "0-3,,4\n", "cpusOnline"],
    ["/sys/devices/system/cpu/online", "3-0\n", "cpusOnline"],
    ["/proc/self/status", "CapEff:\tall\n", "capEff"],
    ["/sys/kernel/boot_params/data", "short", "bootParams"],
    ["/sys/kernel/boot_params/version", "0x1020f\n", "bootProtocol"],
    ["/sys/kernel/boot_params/setup_data/0/type", "nine\n", "setupData"],
    ["/sys/kernel/security/lockdown", "none\n", "lockdown"],
  ];
  for (const [path, text, fact] of odd) {
    assertEquals(complaints({ [path]: text }), [`warning facts-malformed ${path}:1`]);
    assertEquals(decode({ [path]: text }).value?.[fact], undefined, path);
  }
  for (
    const path of ["kexec_loaded", "kexec_crash_size", "crash_elfcorehdr_size"].map((name) => `/sys/kernel/${name}`)
  ) {
    assertEquals(complaints({ [path]: "-2\n" }), [`warning facts-malformed ${path}:1`]);
  }
  assertEquals(complaints({ "/sys/firmware/efi/systab": "ACPI20=0x10\nACPI=zero\n" }), [
    "warning facts-malformed /sys/firmware/efi/systab:2",
  ]);
  assertEquals(complaints({ "/proc/config.gz": "CONFIG_KEXEC=y\nKEXEC\n" }), [
    "warning facts-malformed /proc/config.gz:2",
  ]);
});

pure("an entry of several files is left out, with a warning, if one of them is missing or wrong", () => {
  const memmap = (end: string) => ({
    "/sys/firmware/memmap/0/start": "0x1000\n",
    "/sys/firmware/memmap/0/end": end,
    "/sys/firmware/memmap/0/type": "System RAM\n",
  });
  assertEquals(facts(memmap("0x1fff\n")).firmwareMap.length, 1);
  assertEquals(complaints(memmap("0xfff\n")), ["warning facts-malformed /sys/firmware/memmap/0/end:1"]);
  assertEquals(complaints({ "/sys/firmware/memmap/0/start": "0x1000\n" }), [
    "warning facts-malformed /sys/firmware/memmap/0/start:1",
  ]);
  assertEquals(complaints({ "/sys/devices/system/cpu/cpu0/crash_notes": "10\n" }), [
    "warning facts-malformed /sys/devices/system/cpu/cpu0/crash_notes:1",
  ]);
  const map = "/sys/firmware/efi/runtime-map/0";
  assertEquals(complaints({ "/sys/firmware/efi/systab": "", [`${map}/type`]: "0x5\n" }), [
    `warning facts-malformed ${map}/type:1`,
  ]);
});

pure("what could not be read is one warning that names every source and the privilege", () => {
  const { value, diagnostics } = decode({
    "/proc/iomem": { error: "EACCES" },
    "/sys/firmware/efi/systab": { error: "EACCES" },
    "/sys/kernel/kexec_crash_size": { error: "EBUSY" },
  });
  assertEquals(diagnostics.map(({ message }) => message), [
    "Cannot read /proc/iomem, /sys/firmware/efi/systab: EACCES",
    "Cannot read /sys/kernel/kexec_crash_size: EBUSY",
  ]);
  assertEquals(diagnostics[0]?.hint?.includes("CAP_DAC_READ_SEARCH"), true);
  assertEquals([value?.iomem.visibility, hasErrors(diagnostics)], ["absent", false]);
});

pure("a runtime that withholds /proc and /sys is one error that says how to run it", () => {
  const { value, diagnostics } = decode({
    "/proc/iomem": { error: "NotCapable" },
    "/proc/meminfo": { error: "NotCapable" },
  });
  assertEquals([value, diagnostics.map(({ code, severity }) => `${severity} ${code}`)], [undefined, [
    "error facts-not-capable",
  ]]);
  assertEquals(diagnostics[0]?.hint?.includes("-A"), true);
});

pure("a broken memory map is an error beside the facts", () => {
  assertEquals(complaints({ "/proc/iomem": "00001000-00001fff : System RAM\nnonsense\n" }), [
    "error iomem-malformed /proc/iomem:2",
  ]);
  assertEquals(decode({ "/proc/iomem": "nonsense\n" }).value?.iomem.visibility, "absent");
});

pure("no content of any source makes the decoder throw", () => {
  const server = CAPTURES.get("many-region-server")?.files ?? {};
  const paths = [
    ...Object.keys(server).filter((path) => !/\d\d\//.test(path)),
    "/sys/kernel/boot_params/setup_data/0/type",
  ];
  const content = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom<CapturedFile>("", "\n", "0x", "-1\n", "1 2\n", "[", ":", "0-\n", { error: "EIO" }),
    fc.uint8Array().map((bytes): CapturedFile => ({ base64: bytes.toBase64() })),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...paths), content), { minLength: 1, maxLength: 8 }), (changes) => {
      const capture: Capture = { format: "warmboot.facts/1", files: { ...LEAST, ...Object.fromEntries(changes) } };
      const { value, diagnostics } = decodeFacts(capture);
      assert(value !== undefined || hasErrors(diagnostics));
    }),
  );
});
