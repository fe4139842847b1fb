/** Where the screen may stay black after the reboot, by forged hosts. */
import { assertEquals } from "@std/assert";
import { X86_64 } from "../../src/arch/x86_64/machine.ts";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import { drmDriver } from "../../src/host/framebuffers.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, profileOf } from "../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** boot_params whose screen_info has this type, and for the last two an address and a size. */
function bootParams(type: number): Uint8Array {
  const bytes = new Uint8Array(4096);
  bytes.set([80], 0x07);
  bytes.set([25, type], 0x0e);
  new DataView(bytes.buffer).setUint32(0x18, type === 0x23 || type === 0x70 ? 0xe000_0000 : 0, true);
  return bytes;
}

const TEXT = 0x01;

/** The verdict on a host with these framebuffers and this kind of screen. */
function says(
  framebuffers: readonly string[],
  type: number,
  cmdline: string,
  more: Partial<HostFacts> = {},
): readonly (string | undefined)[] {
  const { value } = planBoot({
    profile: profileOf({ cmdline: { kind: "parameters", parameters: [cmdline] } }),
    facts: hostFacts({ framebuffers, bootParams: bootParams(type), ...more }),
    images: images(),
  });
  const check = value?.checks.find(({ rule }) => rule === "screen");
  return check === undefined ? [] : [check.status, check.message, check.hint];
}

const BLACK =
  "The driver ast has the screen, and the firmware left no framebuffer: the screen may stay black until a driver " +
  "of the next kernel starts";

pure("a DRM driver without a framebuffer of the firmware: the consoles that remain are named", () => {
  assertEquals(says(["astdrmfb"], TEXT, "console=tty0 console=ttyS1,115200 console=hvc0 console=ttyS1"), [
    "pass",
    `${BLACK}; what remains: ttyS1, hvc0`,
    undefined,
  ]);
  assertEquals(says(["EFI VGA", "astdrmfb"], 0, "netconsole=@/,@10.0.0.1/")[1], `${BLACK}; what remains: netconsole`);
});

pure("without another console it warns: the screen's, none, and what init is given do not count", () => {
  const warning = [
    "warn",
    `${BLACK}, and the command line names no other console`,
    "Add one, such as `console=ttyS0,115200`, or have the driver in the initrd",
  ];
  for (const cmdline of ["ro", "console=tty0", "console=tty", "console=null", "console=", "ro -- console=ttyS0"]) {
    assertEquals(says(["astdrmfb"], TEXT, cmdline), warning, cmdline);
  }
});

pure("where the firmware left a framebuffer, or no DRM driver has the screen, nothing is said", () => {
  for (const type of [0x23, 0x70]) assertEquals(says(["astdrmfb"], type, "ro"), []);
  for (const name of ["EFI VGA", "VESA VGA", "simple", "simpledrmdrmfb", "efidrmdrmfb", "hyperv_fb"]) {
    assertEquals(says([name], TEXT, "ro"), [], name);
  }
  assertEquals(says([], TEXT, "ro"), []);
  assertEquals(says(["astdrmfb"], TEXT, "ro", { machine: "aarch64" }), []);
});

pure("/proc/fb has a number and a name in each line", () => {
  const of = (text: string) => {
    const files = { "/proc/sys/kernel/arch": "x86_64\n", "/proc/sys/kernel/osrelease": "6.1.0\n", "/proc/fb": text };
    return decodeFacts({ format: "warmboot.facts/1", files }).value?.framebuffers;
  };
  assertEquals([of(""), of("nothing\n")], [undefined, undefined]);
  assertEquals(of("0 EFI VGA\n1 i915drmfb\n"), ["EFI VGA", "i915drmfb"]);
  assertEquals(
    ["i915drmfb", "virtio_gpudrmfb", "simpledrmdrmfb", "EFI VGA"].map((name) => drmDriver({ framebuffers: [name] })),
    ["i915", "virtio_gpu", undefined, undefined],
  );
});

pure("purgatory writes to the text screen only where that is shown", () => {
  const of = (framebuffers: readonly string[]) =>
    X86_64.purgatory.mismatch({
      facts: hostFacts({ framebuffers, bootParams: bootParams(TEXT) }),
      cmdline: "console=ttyS1,115200",
    });
  assertEquals(of([]), "reported on ttyS1 (I/O port 0x2f8) at 115200 baud, and on the text screen");
  assertEquals(of(["astdrmfb"]), "reported on ttyS1 (I/O port 0x2f8) at 115200 baud");
  const silent = (type: number) =>
    X86_64.purgatory.mismatch({ facts: hostFacts({ bootParams: bootParams(type) }), cmdline: "console=ttyS9" });
  const why =
    "ttyS9, which `console=ttyS9` names, is not a port of a PC, and the running kernel does not say where it is";
  assertEquals([silent(TEXT), silent(0)], [`reported on the text screen only: ${why}`, `not reported: ${why}`]);
});

pure("explicit segments are no kernel, and a console on the network counts where it is named", () => {
  const { value } = planBoot({
    profile: profileOf({
      load: "kexec_load",
      segments: [{ at: 0x400_0000n, source: { kind: "bytes", bytes: Uint8Array.of(0xc3) } }],
      entry: 0x400_0000n,
    }),
    facts: hostFacts({ framebuffers: ["i915drmfb"], bootParams: bootParams(TEXT) }),
    images: { initrd: [] },
  });
  assertEquals(value?.checks.filter(({ rule }) => rule === "screen"), []);
  const status = (cmdline: string) => says(["i915drmfb"], TEXT, cmdline)[0];
  assertEquals(
    ["netconsole", "netconsole=@/eth0", "console=null", "console=", "console=tty1", "console=ttyS1"].map(status),
    ["warn", "pass", "warn", "warn", "warn", "pass"],
  );
});
