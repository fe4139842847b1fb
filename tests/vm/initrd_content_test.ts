/**
 * That `initrd-content` and the kernel agree on what an initrd is: what the check takes for whole is unpacked without a
 * word, and what it refuses makes the kernel complain, except where the check is the only witness. Each damaged initrd
 * follows a good one that holds the agent, so that the machine comes up and its console can be read; warmboot refuses it,
 * and kexec-tools forces it in.
 */
import { assert, assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { memorySource } from "../../src/core/bytes.ts";
import { openCodecs } from "../../src/formats/codecs.ts";
import type { InitrdContent } from "../../src/host/image_content.ts";
import { readInitrd } from "../../src/image/initrd_content.ts";
import { EXIT } from "../../src/core/program.ts";
import { codecLibraries } from "./codec_library.ts";
import { loaded, profile, said } from "./guest_profile.ts";
import { type Content, denoDisk, diskInitrd, initrdBytes, tinyInitrd } from "./initramfs.ts";
import { kexecTools } from "./kexec_tools.ts";
import { type Machine, startMachine } from "./machine.ts";
import { ALL } from "./extent.ts";
import { usualKernel } from "./packages.ts";

const kernel = await usualKernel();

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
    return { name: `${name}, cut off`, bytes: cut, ...(/gz|zst/.test(name) ? { isSample: true } : {}) };
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

/** Boots the running kernel again with this initrd, by kexec-tools, which looks at nothing; what the console says. */
async function forced(machine: Machine, initrd: string): Promise<string> {
  const before = machine.console().length;
  const load = `kexec -s -l /boot/vmlinuz --initrd=${initrd} --command-line="$(cat /proc/cmdline)"`;
  await machine.runToBoot(`${load} && kexec -e`);
  return machine.console(before);
}

Deno.test("the check refuses what the kernel complains about, and what it takes without a word", async (t) => {
  const initrd = await diskInitrd([kernel], AGENT);
  const files = {
    "/boot/vmlinuz": { file: kernel.image },
    "/boot/initrd": await initrdBytes(initrd),
    ...await kexecTools(),
    ...await codecLibraries(),
  };
  await using machine = await startMachine({
    kernel: kernel.image,
    initrd,
    disk: await denoDisk({ warmboot: "cli.ts" }, files),
    append: "rdinit=/bin/start",
  });
  const put = async (bytes: Uint8Array): Promise<string> => {
    await machine.write("/run/sample", bytes);
    await machine.output("cat /boot/initrd /run/sample > /run/initrd");
    await profile(machine, "kernel: /boot/vmlinuz\ninitrd: /run/initrd\ncmdline: { reuse: true }");
    return "/run/initrd";
  };

  await t.step("a whole one is loaded, and the kernel says nothing", async () => {
    const path = await put(fixture("newc.gz"));
    assertStringIncludes(await machine.output("warmboot load /run/p.yaml"), "Loaded");
    assertNotMatch(await forced(machine, path), COMPLAINT);
    assertEquals(await machine.output("cat /etc/second"), "a file with another name\n");
  });

  for (const { name, bytes, isSilent, isSample } of SAMPLES) {
    await t.step({
      name,
      ignore: !ALL && !isSample,
      async fn() {
        const path = await put(bytes);
        const [code, text] = said(await machine.run("warmboot load /run/p.yaml"));
        assertEquals([code, await loaded(machine)], [EXIT.unavailable.code, "0"], text);
        assertStringIncludes(text, "FAIL initrd-content");
        const console = await forced(machine, path);
        if (isSilent) assertNotMatch(console, COMPLAINT);
        else assertMatch(console, COMPLAINT);
      },
    });
  }
});
