/** What an x86_64 kernel gets by setup_data: what is dropped, the CC blob, and device trees. */
import { assertEquals, assertMatch } from "@std/assert";
import { setupDataName } from "../../src/arch/x86_64/setup_data.ts";
import type { DeviceTree } from "../../src/formats/fdt.ts";
import { flattenDeviceTree } from "../../src/formats/fdt.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { Images } from "../../src/image/boot_files.ts";
import type { Check } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { readBootParams } from "../arch/read_boot_params.ts";
import { hostFacts } from "../support/host_facts.ts";
import { bzImage, images, kernelFile, PART_DIGESTS, profileOf } from "../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const TREE: DeviceTree = {
  bootCpu: 0,
  reservations: [{ address: 0x1000n, size: 0x2000n }],
  root: {
    name: "",
    properties: [{ name: "compatible", value: new TextEncoder().encode("warmboot,test\0") }],
    children: [{ name: "chosen", properties: [], children: [] }],
  },
};

const DTB: NonNullable<Images["dtb"]> = {
  path: "/boot/board.dtb",
  size: 200,
  sha256: "d".repeat(64),
  info: { kind: "tree", tree: TREE },
};

interface Case {
  readonly profile?: Partial<Profile>;
  readonly facts?: Partial<HostFacts>;
  readonly images?: Partial<Images>;
}

function planned({ profile, facts, images: files }: Case) {
  return planBoot({
    profile: profileOf(profile),
    facts: hostFacts(facts),
    images: images(files),
    partDigests: PART_DIGESTS,
  });
}

/** The verdict of a rule, its message and its hint. */
function says(rule: string, input: Case): readonly (string | undefined)[] {
  const { value, diagnostics } = planned(input);
  if (value === undefined) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  const check: Check | undefined = value.checks.find((each) => each.rule === rule);
  return check === undefined ? [] : [check.status, check.message, check.hint];
}

const given = (...types: readonly number[]): Partial<HostFacts> => ({ setupData: types.map((type) => ({ type })) });

const LOAD = { load: "kexec_load" } as const;

pure("types of setup_data have the kernel's names, pointers to data too", () => {
  assertEquals([0, 1, 2, 9, 10, 11, 0x8000_0003].map(setupDataName), [
    undefined,
    "SETUP_E820_EXT",
    "SETUP_DTB",
    "SETUP_RNG_SEED",
    "SETUP_KEXEC_KHO",
    undefined,
    "SETUP_PCI",
  ]);
});

pure("what is made again is not lost, and a host that was given nothing has no verdict", () => {
  assertEquals(says("setup-data", { profile: LOAD }), []);
  const kept = ["pass", "Nothing is lost of what the running kernel got by setup_data", undefined];
  assertEquals(says("setup-data", { profile: LOAD, facts: given(1, 4, 9) }), kept);
  assertEquals(says("setup-data", { facts: given(1, 4, 8, 9, 10) }), kept);
  assertEquals(says("setup-data", { facts: { ...given(2), machine: "aarch64" } }), []);
});

pure("what every kexec drops is named; what may be missed warns, with what would keep it", () => {
  assertEquals(says("setup-data", { profile: LOAD, facts: given(3, 9, 0x8000_0005, 6) }), [
    "pass",
    "The running kernel was given copies of PCI option ROMs, Apple's device properties and what the hypervisor Jailhouse " +
    "says, which kexec_load does not hand over",
    undefined,
  ]);
  assertEquals(says("setup-data", { facts: given(77, 77) }), [
    "pass",
    "The running kernel was given setup_data of type 77, which kexec_file_load does not hand over",
    undefined,
  ]);
  assertEquals(says("setup-data", { profile: LOAD, facts: given(8, 10, 2) }), [
    "warn",
    "The running kernel was given IMA's measurement list, what kexec handover (KHO) preserved and the device tree, which " +
    "kexec_load does not hand over",
    "Name its file as `dtb`; Set `load: kexec_file_load`, which hands over the current state",
  ]);
  assertEquals(
    says("setup-data", { profile: LOAD, facts: given(8) })[2],
    "Set `load: kexec_file_load`, which hands over the current state",
  );
  assertEquals(says("setup-data", { profile: LOAD, facts: given(10) })[0], "warn");
  assertEquals(says("setup-data", { facts: given(2) }), [
    "warn",
    "The running kernel was given the device tree, which kexec_file_load does not hand over",
    "Set `force_dtb: true`",
  ]);
});

pure("a device tree that is named, or forced, is not dropped", () => {
  const kept = "Nothing is lost of what the running kernel got by setup_data";
  assertEquals(
    says("setup-data", { profile: { ...LOAD, dtb: { path: "/d" } }, images: { dtb: DTB }, facts: given(2) })[1],
    kept,
  );
  const forced = { profile: { fileFlags: ["force_dtb"] as const }, facts: { ...given(2), deviceTree: TREE } };
  assertEquals(says("setup-data", forced)[1], kept);
});

pure("a crash kernel does without measurements and preserved memory", () => {
  const facts = { kexec: { crashSize: 256n << 20n } };
  const crash = { crash: true };
  assertEquals(says("setup-data", { profile: crash, facts: { ...facts, ...given(8, 10) } })[0], "pass");
  assertEquals(says("setup-data", { profile: crash, facts: { ...facts, ...given(8, 2) } }).slice(0, 3), [
    "warn",
    "The running kernel was given IMA's measurement list and the device tree, which kexec_file_load does not hand over",
    "Set `force_dtb: true`",
  ]);
});

pure("a CC blob by setup_data is refused by both calls, where EFI cannot have it", () => {
  for (const profile of [{}, LOAD]) {
    assertEquals(says("cc-blob", { profile }), []);
    assertEquals(says("cc-blob", { profile, facts: given(7) }), [
      "fail",
      "The running kernel got the CC blob of SEV-SNP by setup_data, which neither call hands over, and there are no EFI " +
      "tables that could have it: the next kernel would not find its secrets and CPUID page",
      "Reboot by the hypervisor",
    ]);
    const efi = { systab: {}, runtimeMap: [] };
    assertEquals(says("cc-blob", { profile, facts: { ...given(7), efi } }), [
      "warn",
      "The running kernel got the CC blob of SEV-SNP by setup_data, which neither call hands over: the next kernel comes " +
      "up only if the EFI tables have it as well, which cannot be seen here",
      "Try it while someone can reset the guest",
    ]);
    assertEquals(says("setup-data", { profile, facts: given(7) })[0], "pass");
  }
});

pure("`dtb` on x86_64 is setup_data's node of that kind, as the file has it", () => {
  const { value } = planned({ profile: { ...LOAD, dtb: { path: "/boot/board.dtb" } }, images: { dtb: DTB } });
  const call = value?.call;
  if (call?.syscall !== "kexec_load") throw new Error("Not a kexec_load call");
  assertEquals(call.files.at(-1), { path: DTB.path, size: DTB.size, sha256: DTB.sha256, about: "device tree" });
  const segment = call.segments.find(({ name }) => name === "boot_params");
  if (segment?.source.kind !== "bytes") throw new Error("No boot_params");
  const { nodes } = readBootParams(Uint8Array.fromBase64(segment.source.base64), BigInt(segment.mem));
  assertEquals(nodes.find(({ type }) => type === 2)?.data, flattenDeviceTree(TREE).bytes);
});

pure("`dtb` has to be one, of a kernel that takes it, and no larger than what an x86_64 kernel maps", () => {
  const of = (files: Partial<Images>) => {
    const { value, diagnostics } = planned({ profile: { ...LOAD, dtb: { path: "/d" } }, images: files });
    return [value === undefined, ...diagnostics.map(({ code, message }) => `${code}: ${message}`)];
  };
  assertEquals(of({ dtb: { ...DTB, info: { kind: "fault", why: "breaks off before its end" } } }), [
    true,
    "device-tree-damaged: /boot/board.dtb is not a device tree: it breaks off before its end",
  ]);
  assertEquals(
    of({
      dtb: DTB,
      kernel: kernelFile({
        info: bzImage({ protocol: 0x201, loadedHigh: false, entry64: false, above4G: false, relocatable: false }),
      }),
    }),
    [
      true,
      "device-tree-unused: `dtb` would be ignored: on x86_64, only a bzImage that starts in 64-bit or 32-bit mode, or a " +
      "vmlinux, gets a device tree",
    ],
  );
  // A name of four bytes with its end: the blob can have any multiple of 4.
  const sized = (size: number): NonNullable<Images["dtb"]> => {
    const empty = flattenDeviceTree({
      ...TREE,
      root: { ...TREE.root, properties: [{ name: "abc", value: new Uint8Array() }] },
    });
    const value = new Uint8Array((size - empty.bytes.length) & ~3);
    return {
      ...DTB,
      info: { kind: "tree", tree: { ...TREE, root: { ...TREE.root, properties: [{ name: "abc", value }] } } },
    };
  };
  assertEquals(of({ dtb: sized(63 * 4096) }), [false]);
  assertEquals(of({ dtb: sized(63 * 4096 + 4) }), [
    true,
    "device-tree-limit: The device tree for the next kernel is larger than 252 KiB, the most that an x86_64 kernel takes",
  ]);
});

pure("a kernel that gets a device tree is built to read it, as far as the host knows", () => {
  const same = { kernel: kernelFile({ info: bzImage({ release: "6.1.0-1-amd64" }) }) };
  const of = (kernelConfig: HostFacts["kernelConfig"], release = "6.1.0-1-amd64"): readonly (string | undefined)[] =>
    says("device-tree-kernel", {
      profile: { ...LOAD, dtb: { path: "/d" } },
      images: { ...same, dtb: DTB },
      facts: { kernelConfig, release },
    });
  assertEquals(of({ CONFIG_OF: "y", CONFIG_OF_EARLY_FLATTREE: "y" }), [
    "pass",
    "The kernel 6.1.0-1-amd64 is built with CONFIG_OF, and so reads the device tree",
    undefined,
  ]);
  assertEquals(of({ CONFIG_OF: "n" }).slice(0, 2), [
    "fail",
    "The kernel 6.1.0-1-amd64 is built without CONFIG_OF, and so ignores the device tree",
  ]);
  assertEquals(of({ CONFIG_OF: "y", CONFIG_OF_EARLY_FLATTREE: "n" }).slice(0, 2), [
    "fail",
    "The kernel 6.1.0-1-amd64 is built without CONFIG_OF_EARLY_FLATTREE, and so ignores the device tree",
  ]);
  for (const unknown of [of({}), of({ CONFIG_OF: "n" }, "6.1.0-2-amd64"), of({ CONFIG_OF: "y" })]) {
    assertEquals(unknown[0], "warn");
    assertMatch(unknown[1] ?? "", /^Cannot determine whether the kernel 6\.1\.0-1-amd64 is built with CONFIG_OF, /);
  }
  assertEquals(says("device-tree-kernel", { profile: LOAD }), []);
  assertEquals(
    says("device-tree-kernel", { profile: { fileFlags: ["force_dtb"] }, facts: { deviceTree: TREE } })[0],
    "warn",
  );
  assertEquals(says("device-tree-kernel", { facts: { machine: "aarch64" } }), []);
});
