import { assertEquals } from "@std/assert";
import type { CapturedFile } from "../../src/host/capture.ts";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import type { HostFacts, ImaPolicy } from "../../src/host/facts.ts";
import { parseImaRules } from "../../src/host/ima.ts";
import { parseJson } from "../../src/host/json_position.ts";
import { spareMemory } from "../../src/host/memory.ts";
import { demandsDisk } from "../../src/host/security.ts";
import { hostFacts } from "../support/host_facts.ts";

/** Where each decoder stops to believe a host: the last value that it takes, and the first that it does not. */

function pure(name: string, fn: () => void): void {
  Deno.test({ name: `decode: ${name}`, permissions: "none", fn });
}

const LEAST = { "/proc/sys/kernel/arch": "x86_64\n", "/proc/sys/kernel/osrelease": "6.1.0\n" };

/** A fact, and where something was found malformed. */
function decoded<Key extends keyof HostFacts>(
  key: Key,
  files: { readonly [path: string]: CapturedFile },
): readonly [HostFacts[Key] | undefined, readonly (string | undefined)[]] {
  const { value, diagnostics } = decodeFacts({ format: "warmboot.facts/1", files: { ...LEAST, ...files } });
  return [value?.[key], diagnostics.map(({ position }) => position?.file)];
}

const EFI = "/sys/firmware/efi";
const ENTRY = {
  type: "0x5",
  "phys_addr": "0x1000",
  "virt_addr": "0xfffffffe00001000",
  "num_pages": "0x2",
  attribute: "0x8",
};
const EFI_ENTRY = { type: 5, physAddr: 0x1000n, virtAddr: 0xffff_fffe_0000_1000n, numPages: 2n, attribute: 8n };

function runtimeMap(entry: { readonly [field: string]: string }): { readonly [path: string]: CapturedFile } {
  return Object.fromEntries(
    Object.entries(entry).map(([field, text]) => [`${EFI}/runtime-map/0/${field}`, `${text}\n`]),
  );
}

pure("an entry of the EFI memory map has all five of its files, each a number", () => {
  assertEquals(decoded("efi", runtimeMap(ENTRY))[0], undefined, "the map alone is no sign of UEFI");
  const sign = { [`${EFI}/fw_platform_size`]: "64\n" };
  const found = (entry: { readonly [field: string]: string }) => {
    const [efi, malformed] = decoded("efi", { ...sign, ...runtimeMap(entry) });
    return [efi?.runtimeMap, malformed.length];
  };
  assertEquals(found(ENTRY), [[EFI_ENTRY], 0]);
  for (const field of Object.keys(ENTRY)) {
    const fewer = Object.fromEntries(Object.entries(ENTRY).filter(([key]) => key !== field));
    assertEquals(found(fewer), [[], 1], `without ${field}`);
    assertEquals(found({ ...ENTRY, [field]: "many" }), [[], 1], `${field} is not a number`);
  }
  assertEquals(found({ ...ENTRY, type: "0xffffffff" }), [[{ ...EFI_ENTRY, type: 0xffff_ffff }], 0]);
  assertEquals(found({ ...ENTRY, type: "0x100000000" }), [[], 1]);
});

pure("firmware has 32 or 64 bits", () => {
  const bits = (text: string) => {
    const [efi, malformed] = decoded("efi", { [`${EFI}/fw_platform_size`]: `${text}\n` });
    return [efi?.platformSize, malformed.length];
  };
  assertEquals(["32", "64"].map(bits), [[32, 0], [64, 0]]);
  assertEquals(["31", "33", "63", "65", "0"].map(bits), Array(5).fill([undefined, 1]));
});

const MEMMAP = "/sys/firmware/memmap/0";

pure("an entry of the firmware's map has a start, an end that is not before it, and a type", () => {
  const whole = { start: "0x1000", end: "0x1fff", type: "System RAM" };
  const found = (entry: { readonly [field: string]: string }) => {
    const files = Object.fromEntries(Object.entries(entry).map(([field, text]) => [`${MEMMAP}/${field}`, `${text}\n`]));
    const [map, malformed] = decoded("firmwareMap", files);
    return [map, malformed.length];
  };
  assertEquals(found(whole), [[{ start: 0x1000n, end: 0x2000n, type: "System RAM" }], 0]);
  assertEquals(found({ ...whole, end: "0x1000" }), [[{ start: 0x1000n, end: 0x1001n, type: "System RAM" }], 0]);
  assertEquals(found({ ...whole, end: "0xfff" }), [[], 1]);
  for (const field of Object.keys(whole)) {
    const fewer = Object.fromEntries(Object.entries(whole).filter(([key]) => key !== field));
    assertEquals(found(fewer), [[], 1], `without ${field}`);
  }
  for (const field of ["start", "end"]) assertEquals(found({ ...whole, [field]: "many" }), [[], 1], field);
});

pure("what a load may take is what is available, and at most half of all", () => {
  assertEquals(spareMemory({ memTotal: 100n, memAvailable: 49n }), 49n);
  assertEquals(spareMemory({ memTotal: 100n, memAvailable: 51n }), 50n);
  assertEquals(spareMemory({ memTotal: 100n }), 50n);
  assertEquals(spareMemory({ memAvailable: 100n }), 0n);
  assertEquals(spareMemory({}), 0n);
});

pure("memory is counted in units of 1024 bytes", () => {
  const meminfo = (text: string) => decoded("memTotal", { "/proc/meminfo": text });
  assertEquals(meminfo("MemTotal:       3 kB\nMemAvailable: 2 kB\n"), [3072n, []]);
  assertEquals(decoded("memAvailable", { "/proc/meminfo": "MemTotal: 3 kB\nMemAvailable: 2 kB\n" }), [2048n, []]);
  assertEquals(meminfo("MemTotal:       3 MB\n"), [undefined, ["/proc/meminfo"]]);
  assertEquals(meminfo("MemTotal:       3 kB more\n"), [undefined, ["/proc/meminfo"]]);
  assertEquals(meminfo("MemTotalHigh: 9 kB\nMemTotal: 3 kB\n"), [3072n, []]);
});

const APPRAISES: ImaPolicy = { inForce: true, rules: parseImaRules("appraise func=KEXEC_KERNEL_CHECK") };
const MEASURES: ImaPolicy = { inForce: true, rules: parseImaRules("measure func=KEXEC_KERNEL_CHECK") };

/** The parameter, the host, and whether IMA appraisal then demands a file on a disk. */
const APPRAISALS: readonly (readonly [string, Partial<HostFacts>, boolean])[] = [
  ["nothing", {}, false],
  ["a policy that was read", { ima: APPRAISES }, true],
  ["a policy that was read, and does not", { ima: MEASURES }, false],
  [
    "a policy that was read, whatever the kernel was booted with",
    { ima: MEASURES, cmdline: "ima_appraise_tcb" },
    false,
  ],
  ["a file of a policy, whatever it says of the one that was booted with", {
    ima: { ...MEASURES, inForce: false },
    cmdline: "ima_appraise_tcb",
  }, true],
  ["a file of a policy", { ima: { ...APPRAISES, inForce: false } }, true],
  ["ima_policy=appraise_tcb", { cmdline: "ima_policy=appraise_tcb" }, true],
  ["ima_policy=secure_boot among others", { cmdline: "ima_policy=tcb|secure_boot" }, true],
  ["another policy", { cmdline: "ima_policy=tcb" }, false],
  ["ima_appraise_tcb", { cmdline: "ima_appraise_tcb" }, true],
  ["a parameter of init", { cmdline: "ro -- ima_appraise_tcb" }, false],
  ...["off", "log", "fix"].flatMap((mode): readonly (readonly [string, Partial<HostFacts>, boolean])[] => [
    [`ima_appraise=${mode}`, { ima: APPRAISES, cmdline: `ima_appraise=${mode}` }, false],
    [`ima_appraise=${mode}, which Secure Boot overrides`, {
      ima: APPRAISES,
      cmdline: `ima_appraise=${mode}`,
      secureBoot: "enabled",
    }, true],
  ]),
  ["the last ima_appraise=", { ima: APPRAISES, cmdline: "ima_appraise=log ima_appraise=enforce" }, true],
  ["ima_appraise=, and a kernel without it", {
    ima: APPRAISES,
    cmdline: "ima_appraise=log",
    kernelConfig: { CONFIG_IMA_APPRAISE_BOOTPARAM: "n" },
  }, true],
  ["ima_appraise=enforce", { ima: APPRAISES, cmdline: "ima_appraise=enforce" }, true],
  ["no IMA", { ima: APPRAISES, kernelConfig: { CONFIG_IMA: "n" } }, false],
  ["no appraisal", { ima: APPRAISES, kernelConfig: { CONFIG_IMA_APPRAISE: "n" } }, false],
  ["signatures that are built in", { kernelConfig: { CONFIG_IMA_APPRAISE_REQUIRE_KEXEC_SIGS: "y" } }, true],
  ["the policy of the architecture under Secure Boot", {
    secureBoot: "enabled",
    kernelConfig: { CONFIG_KEXEC_SIG: "n", CONFIG_IMA_ARCH_POLICY: "y" },
  }, true],
  ["the same without Secure Boot", {
    secureBoot: "disabled",
    kernelConfig: { CONFIG_KEXEC_SIG: "n", CONFIG_IMA_ARCH_POLICY: "y" },
  }, false],
  ["the same where kexec verifies signatures itself", {
    secureBoot: "enabled",
    kernelConfig: { CONFIG_KEXEC_SIG: "y", CONFIG_IMA_ARCH_POLICY: "y" },
  }, false],
  ["Secure Boot without that policy", { secureBoot: "enabled", kernelConfig: { CONFIG_KEXEC_SIG: "n" } }, false],
];

pure("IMA appraisal demands a file on a disk where a policy says so, and the parameter does not undo it", () => {
  for (const [name, facts, demands] of APPRAISALS) {
    assertEquals(demandsDisk(hostFacts({ kernelConfig: {}, ...facts })), demands ? "IMA appraisal" : undefined, name);
  }
});

pure("a JSON text is at fault where V8 says, whichever way it says it", () => {
  const at = (text: string) => {
    const [problem] = parseJson(text, "x.json").diagnostics;
    return [problem?.position?.line, problem?.position?.column];
  };
  assertEquals(at('{\n  "a": 1,\n}'), [3, 1]);
  assertEquals(at('{\n  "a": "b"'), [2, 11]);
  assertEquals(at("[1, 2"), [1, 6]);
  assertEquals(at(`{"a": "${"x".repeat(200)}",\n "b": nope, "c": "${"y".repeat(200)}" }`), [2, 8]);
  assertEquals(at(`{"a": "${"x".repeat(200)}",\n "b": nope }`), [2, 8]);
});

pure("the memory that is lent to a crash kernel: ranges with their last byte, all of them or none", () => {
  const path = "/sys/kernel/kexec/crash_cma_ranges";
  const found = (text: string) => {
    const [kexec, malformed] = decoded("kexec", { [path]: text });
    return [kexec?.crashCmaRanges?.map(({ start, end }) => `${start.toString(16)} ${end.toString(16)}`), malformed];
  };
  assertEquals(found("40000000-4fffffff\n80000000-80000000\n"), [["40000000 50000000", "80000000 80000001"], []]);
  assertEquals(found("\n"), [[], []]);
  assertEquals(found("40000000-4fffffff\nmore\n"), [undefined, [path]]);
  assertEquals(found("40000000-3ffffffe\n"), [undefined, [path]]);
  assertEquals(found("40000000-3fffffff\n"), [undefined, [path]]);
});

pure("of the loads that are left and may be made, each image has its own", () => {
  const sysctl = (name: string) => `/proc/sys/kernel/kexec_load_${name}`;
  const [kexec] = decoded("kexec", { [sysctl("limit_reboot")]: "-1\n", [sysctl("limit_panic")]: "3\n" });
  assertEquals([kexec?.limitReboot, kexec?.limitPanic, kexec?.loadDisabled], [-1, 3, undefined]);
  const bad = decoded("kexec", { [sysctl("limit_reboot")]: "-2\n", [sysctl("disabled")]: "2\n" });
  assertEquals([bad[0]?.limitReboot, bad[0]?.loadDisabled, bad[1].length], [undefined, undefined, 2]);
});

pure("dm-crypt keys are those of a kernel that counts them, by their description, or their folder without one", () => {
  const folder = "/sys/kernel/config/crash_dm_crypt_keys";
  const keys = {
    [`${folder}/a/description`]: "cryptsetup:a\n",
    [`${folder}/b/description`]: "(null)\n",
    [`${folder}/c/description`]: "\n",
  };
  const found = (files: { readonly [path: string]: CapturedFile }) => decoded("kexec", files)[0]?.dmCryptKeys;
  assertEquals(found({ ...keys, [`${folder}/count`]: "3\n", [`${folder}/reuse`]: "1\n" }), {
    keys: [{ name: "a", description: "cryptsetup:a" }, { name: "b" }, { name: "c" }],
    reuse: true,
  });
  assertEquals(found({ [`${folder}/count`]: "0\n" }), { keys: [] });
  // In a crash kernel, the folder has another file.
  assertEquals(found({ ...keys, [`${folder}/reuse`]: "1\n" }), undefined);
});

pure("what is one line has one, and an empty file says nothing", () => {
  const path = "/proc/sys/kernel/hostname";
  const found = (text: string) => {
    const [hostname, malformed] = decoded("hostname", { [path]: text });
    return [hostname, malformed.includes(path)];
  };
  assertEquals([found("web 1\n"), found("web")], [["web 1", false], ["web", false]]);
  assertEquals([found("web\nmore\n"), found("\n")], [[undefined, true], [undefined, true]]);
});

pure("a number has digits alone, and no more than a kernel writes", () => {
  const path = "/sys/kernel/kexec/crash_size";
  const found = (text: string) => {
    const [kexec, malformed] = decoded("kexec", { [path]: text });
    return [kexec?.crashSize, malformed.includes(path)];
  };
  assertEquals(found("18446744073709551615\n"), [18_446_744_073_709_551_615n, false]);
  for (const text of ["12 kB\n", "12x\n", "-1\n", "0x10\n", "\n", "123456789012345678901\n"]) {
    assertEquals(found(text), [undefined, true], text);
  }
});

pure("a host of UEFI is one also for a reader that may not read what says so", () => {
  const efi = (files: { readonly [path: string]: CapturedFile }) => decoded("efi", files)[0];
  assertEquals(efi({ [`${EFI}/systab`]: { error: "EACCES" } }), { systab: {}, runtimeMap: [] });
  assertEquals(efi({ [`${EFI}/runtime`]: "0x1000\n" }), { systab: {}, runtime: 0x1000n, runtimeMap: [] });
  assertEquals(efi({}), undefined);
});
