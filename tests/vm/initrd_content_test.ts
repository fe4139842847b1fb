/**
 * That `initrd-content` and the kernel agree on what an initrd is: what the check takes for whole is unpacked without a
 * word, and what it refuses makes the kernel complain, except where the check is the only witness. Each damaged initrd
 * follows a good one that holds the agent, so that the machine comes up and its console can be read.
 */
import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { memorySource } from "../../src/core/bytes.ts";
import { openCodecs } from "../../src/formats/codecs.ts";
import type { InitrdContent } from "../../src/host/image_content.ts";
import { readInitrd } from "../../src/image/initrd_content.ts";
import { type Content, initrdBytes, tinyInitrd } from "./initramfs.ts";
import { type Machine, startMachine } from "./machine.ts";
import { ALL } from "./extent.ts";
import { fetchKernel, kernelNames } from "./packages.ts";

const names = await kernelNames();
const kernel = await fetchKernel(names.includes("6.12") ? "6.12" : names[0] ?? "host");

const FIXTURES = fromFileUrl(new URL("../fixtures/initrds/", import.meta.url));
const fixture = (name: string): Uint8Array => Deno.readFileSync(join(FIXTURES, name));
const PACKED = ["gz", "bz2", "xz", "lzma", "lzo", "lz4", "zst"].map((end) => `newc.${end}`);

/** What the kernel says when it does not unpack an initrd to its end. */
const COMPLAINT = /Initramfs unpacking failed: ([^\n]*)|rootfs image is not initramfs \(([^\n]*)\)/;

/** The fixtures have an /init of their own. */
const AGENT = { "/bin/start": { file: fromFileUrl(new URL("guest/init", import.meta.url)) } };

async function start(
  initrd: readonly Content[],
): Promise<{ readonly machine: Machine; readonly content: InitrdContent }> {
  using codecs = openCodecs();
  const content = await readInitrd(memorySource(await initrdBytes(initrd)), codecs, { programs: ["/bin/start"] });
  return { machine: await startMachine({ kernel: kernel.image, initrd, append: "rdinit=/bin/start" }), content };
}

Deno.test("an initrd of all compressions that the check takes for whole is unpacked without a word", async () => {
  const agent = await tinyInitrd(AGENT);
  // Legacy LZ4 has no end mark: zeros end it.
  const all = ["early", ...PACKED].flatMap((name) => [fixture(name), new Uint8Array(8)]);
  const size = all.reduce((sum, { length }) => sum + length, 0);
  const { machine, content } = await start([...all, new Uint8Array(-size & 3), ...agent]);
  await using _ = machine;
  assert(content.kind === "whole", JSON.stringify(content));
  assertEquals([content.packed.length, content.programs["/bin/start"]], [7, "executable"]);
  assertNotMatch(machine.console(), COMPLAINT);
  assertEquals(await machine.output("cat /etc/second; ls /usr/lib/modules"), "a file with another name\n6.12.1-test\n");
});

/** What is wrong with an initrd, and whether the kernel says so. */
interface Sample {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly isSilent?: true;
  /** Tried in CI as well. */
  readonly isSample?: true;
}

const flipped = (bytes: Uint8Array): Uint8Array => {
  const at = Math.floor(bytes.length * 0.6);
  return bytes.map((byte, index) => index >= at && index < at + 8 ? byte ^ 0x55 : byte);
};

const SAMPLES: readonly Sample[] = [
  ...PACKED.map((name): Sample => {
    const bytes = fixture(name);
    const cut = bytes.subarray(0, Math.floor(bytes.length * 0.6));
    return { name: `${name}, cut off`, bytes: cut, ...(name === "newc.zst" ? { isSample: true } : {}) };
  }),
  { name: "newc.zst, flipped", bytes: flipped(fixture("newc.zst")) },
  { name: "newc.xz, flipped", bytes: flipped(fixture("newc.xz")) },
  { name: "a text", bytes: new TextEncoder().encode("hello\n") },
  {
    name: "a plain archive that ends within a file",
    bytes: fixture("newc").subarray(0, 1500),
    isSilent: true,
    isSample: true,
  },
];

for (const { name, bytes, isSilent, isSample } of SAMPLES) {
  Deno.test({
    name: `the check refuses what the kernel ${isSilent ? "takes without a word" : "complains about"}: ${name}`,
    ignore: !ALL && !isSample,
    async fn() {
      const { machine, content } = await start([...await tinyInitrd(AGENT), bytes]);
      await using _ = machine;
      assertEquals(content.kind, "damaged", JSON.stringify(content));
      if (isSilent) assertNotMatch(machine.console(), COMPLAINT);
      else assertMatch(machine.console(), COMPLAINT);
    },
  });
}
