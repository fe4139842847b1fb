import { assertEquals } from "@std/assert";
import { flattenDeviceTree } from "../../src/formats/fdt.ts";
import type { CapturedFile } from "../../src/host/capture.ts";
import { decodeFacts } from "../../src/host/decode_facts.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** Whether a kexec started a kernel that says this, and how much of it is not what a kernel writes. */
function booted(machine: string, files: { readonly [path: string]: CapturedFile }) {
  const auxv = new Uint8Array(BigUint64Array.of(6n, 4096n).buffer).toBase64();
  const { value, diagnostics } = decodeFacts({
    format: "warmboot.facts/1",
    files: {
      "/proc/sys/kernel/arch": `${machine}\n`,
      "/proc/sys/kernel/osrelease": "6.1.0\n",
      "/proc/self/auxv": { base64: auxv },
      ...files,
    },
  });
  return [value?.kexecBooted, diagnostics.filter(({ code }) => code === "facts-malformed").length];
}

pure("on x86, the number of the loader is that of kexec in its upper four bits, whatever version follows", () => {
  const loader = (text: string) => booted("x86_64", { "/proc/sys/kernel/bootloader_type": `${text}\n` });
  // 0xd0 is what every kexec gives, 0x72 GRUB, 0x0d and 0xe0 neither; from 0x100 on are the numbers of newer loaders.
  assertEquals([208, 209, 223].map((number) => loader(`${number}`)), Array(3).fill([true, 0]));
  assertEquals([0, 13, 114, 207, 224, 464, 3328].map((number) => loader(`${number}`)), Array(7).fill([false, 0]));
  assertEquals(loader("kexec"), [undefined, 1]);
  assertEquals(booted("x86_64", {}), [undefined, 0]);
});

pure("elsewhere /chosen of the device tree says it; a host without a tree does not", () => {
  const tree = (node: string, property: string, parent = ""): CapturedFile => {
    const own = { name: node, properties: [{ name: property, value: new Uint8Array() }], children: [] };
    const children = parent === "" ? [own] : [{ name: parent, properties: [], children: [own] }];
    return {
      base64: flattenDeviceTree({ bootCpu: 0, reservations: [], root: { name: "", properties: [], children } }).bytes
        .toBase64(),
    };
  };
  const arm = (file?: CapturedFile) => booted("aarch64", file === undefined ? {} : { "/sys/firmware/fdt": file });
  assertEquals(arm(tree("chosen", "linux,booted-from-kexec")), [true, 0]);
  assertEquals(arm(tree("chosen", "bootargs")), [false, 0]);
  assertEquals(arm(tree("other", "linux,booted-from-kexec")), [undefined, 0]);
  assertEquals(arm(tree("chosen", "linux,booted-from-kexec", "cpus")), [undefined, 0]);
  assertEquals(arm(), [undefined, 0]);
  // The loader's number is the kernel's own word, a tree beside it not.
  assertEquals(
    booted("x86_64", {
      "/proc/sys/kernel/bootloader_type": "114\n",
      "/sys/firmware/fdt": tree("chosen", "linux,booted-from-kexec"),
    }),
    [false, 0],
  );
});
