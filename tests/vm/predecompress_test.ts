import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { gzipSync } from "node:zlib";
import { concatenate, cpioArchive, MODE } from "./cpio.ts";
import { ALL } from "./extent.ts";
import { said } from "./guest_profile.ts";
import { fetchKernel, kernelNames } from "./packages.ts";
import { type Bases, boots, LINKED, machineWith, PUT_LIBRARY, writeProfile } from "./predecompress.ts";

const names = await kernelNames();
const [oldest, ...newer] = await Promise.all(names.map(fetchKernel));
/** xz, lz4 and zstd, the last by two generations; where the host has one kernel, that. */
const KERNELS = [oldest, ...names.includes("6.1") ? [await fetchKernel("cloud")] : [], ...newer.toReversed()]
  .filter((kernel) => kernel !== undefined);

Deno.test("kernels of every packing boot unpacked, each at bases of its own, until `nokaslr`", async (t) => {
  await using machine = await machineWith(KERNELS, { memory: 2560, cpus: 1 });
  const seen: Bases[] = [];

  await t.step("without liblzma, xz is refused in words and nothing is loaded", async () => {
    await writeProfile(machine, KERNELS[0] ?? fail(), "step=0");
    if (KERNELS[0]?.name === "6.1") {
      const [code, text] = said(await machine.run("warmboot load /run/p.yaml"));
      assertEquals(code, 69);
      assertStringIncludes(text, "packed with xz, and liblzma.so.5 is not installed");
      assertStringIncludes(text, "liblzma5 on Debian");
    }
  });

  for (const [step, kernel] of (KERNELS.length === 1 ? KERNELS : KERNELS.slice(0, -1)).entries()) {
    await t.step(`${machine.boot().release} boots ${kernel.release}`, async () => {
      const words = `step=${step}`;
      await writeProfile(machine, kernel, words);
      await machine.output(PUT_LIBRARY);
      const bases = await boots(machine, kernel, words);
      seen.push(bases);
    });
  }

  await t.step("no two of them ran at the same bases", () => {
    assertEquals(new Set(seen.map(({ virtual, physical }) => `${virtual} ${physical}`)).size, seen.length);
    assert(seen.some(({ virtual }) => virtual !== LINKED.virtual));
  });

  await t.step("`nokaslr` has the kernel run where it was linked for; what was unpacked is kept", async () => {
    const kernel = KERNELS.at(-1) ?? fail();
    await machine.output(PUT_LIBRARY);
    await writeProfile(machine, kernel, "nokaslr");
    const plan = await machine.output("warmboot plan /run/p.yaml");
    assertStringIncludes(plan.replaceAll(/\s+/g, " "), "without KASLR: the command line has `nokaslr`");
    assertMatch(await machine.output("ls /var/cache/warmboot"), /^[0-9a-f]{64}\.[0-9a-f]{64}$/m);
    assertEquals(await boots(machine, kernel, "nokaslr"), LINKED);
  });
});

/** Large enough that unpacking it takes some time. */
const FILLER = cpioArchive([{ path: "/filler", mode: MODE.file, data: new Uint8Array(48 << 20) }]);

/** Early microcode as it is, then a gzip-compressed archive and another, as distributions' initrds are. */
function packed(initrd: Uint8Array): Uint8Array {
  const microcode = cpioArchive([{ path: "/kernel/x86/microcode/none.bin", mode: MODE.file, data: new Uint8Array(9) }]);
  return concatenate([microcode, gzipSync(initrd), gzipSync(FILLER)]);
}

Deno.test({
  name: "on UEFI, above 4 GiB, with 4-level paging and two CPUs, kernel and initrd boot unpacked and keep EFI",
  ignore: !ALL,
  fn: async () => {
    const kernel = KERNELS.at(-1) ?? fail();
    const options = { firmware: "uefi", memory: 6144, cpus: 2, append: "no5lvl" } as const;
    await using machine = await machineWith([kernel], options, packed);
    await machine.output(PUT_LIBRARY);
    await writeProfile(machine, kernel, "no5lvl way=uefi", "memory: { min: 4GiB }\nchecksum: false");
    const { physical } = await boots(machine, kernel, "no5lvl way=uefi");
    assert(physical >= 0x1_0000_0000n);
    const params = await machine.read("/sys/kernel/boot_params/data");
    assert(new DataView(params.buffer).getUint32(0x21c, true) > FILLER.length, "the initrd was handed over packed");
    assertEquals(await machine.output("wc -c < /filler"), `${48 << 20}\n`);
    assertEquals(await machine.output("grep -c ^processor /proc/cpuinfo"), "2\n");
    assertMatch(await machine.output("ls /sys/firmware/efi/runtime-map"), /^0$/m);
    assertMatch(await machine.output("dmesg"), /efi: EFI v2/);
  },
});

function fail(): never {
  throw new Error("There is no kernel to test");
}
