/**
 * Hosts as users reported them, by the program as it is called: what it says of each, and what the next kernel gets.
 * The captures are of real machines; names are replaced, and sources that a report lacked are filled in.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { gzipSync } from "node:zlib";
import type { Plan } from "../../src/plan/plan.ts";
import { parseDeviceTree } from "../../src/formats/fdt.ts";
import { readBootParams } from "../arch/read_boot_params.ts";
import { type CoreHeader, readElfCore } from "../arch/read_elf_core.ts";
import { arm64Image, bzImage } from "../image/build.ts";
import { run } from "../support/run_cli.ts";

const NEWC = Deno.readFileSync(new URL("../fixtures/initrds/newc", import.meta.url));
const CRASH = "crash: true\ncmdline: root=/dev/sda1 ro nr_cpus=1 reset_devices\n";
const NORMAL = "cmdline: root=/dev/sda1 ro\n";

interface Reported {
  readonly code: number;
  readonly stderr: string;
  readonly plan: Plan;
}

/** What `plan --facts HOST -o json` gives. */
async function planOf(host: string, profile: string): Promise<Reported> {
  const folder = await Deno.makeTempDir({ prefix: "warmboot-reported-" });
  try {
    await Deno.writeFile(join(folder, "vmlinuz"), bzImage());
    await Deno.writeFile(join(folder, "Image"), arm64Image());
    await Deno.writeFile(join(folder, "initrd"), gzipSync(NEWC));
    const kernel = /arm64|spin|vendor/.test(host) ? "Image" : "vmlinuz";
    const path = join(folder, "p.yaml");
    await Deno.writeTextFile(path, `version: 1\nkernel: ${kernel}\ninitrd: initrd\nload: kexec_load\n${profile}`);
    const facts = fromFileUrl(new URL(`../fixtures/reported/${host}.json`, import.meta.url));
    const { code, stdout, stderr } = await run(["plan", path, "--facts", facts, "-o", "json"], ["--allow-read"]);
    return { code, stderr, plan: JSON.parse(stdout) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A segment that the planner made: its address and bytes. */
function made({ call }: Plan, name: string): { readonly at: bigint; readonly bytes: Uint8Array } {
  const segment = call.syscall === "kexec_load" ? call.segments.find((each) => each.name === name) : undefined;
  assert(segment?.source.kind === "bytes", name);
  return { at: BigInt(segment.mem), bytes: Uint8Array.fromBase64(segment.source.base64) };
}

/** The memory map that the next kernel gets: start, end, type. */
function e820Of(plan: Plan): readonly (readonly [bigint, bigint, number])[] {
  const { at, bytes } = made(plan, "boot_params");
  return readBootParams(bytes, at).e820.map(({ start, end, type }) => [start, end, type]);
}

function loadsOf(plan: Plan): readonly CoreHeader[] {
  return readElfCore(made(plan, "elfcorehdr").bytes).headers.filter(({ type }) => type === "LOAD");
}

/** A property of /chosen, as 64-bit cells. */
function chosenOf(plan: Plan, name: string): readonly bigint[] {
  const parsed = parseDeviceTree(made(plan, "dtb").bytes);
  assert(parsed.kind === "tree");
  const chosen = parsed.tree.root.children.find((node) => node.name === "chosen");
  const bytes = chosen?.properties.find((property) => property.name === name)?.value ?? new Uint8Array();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 8 }, (_, index) => view.getBigUint64(index * 8));
}

function failures({ checks }: Plan): Plan["checks"] {
  return checks.filter(({ status }) => status === "fail");
}

Deno.test("windows of PCI bridges that are not set up are no warnings", async () => {
  const { code, stderr, plan } = await planOf("unset_windows", NORMAL);
  assertEquals([code, stderr, failures(plan)], [0, "", []]);
});

Deno.test("arm64 before 5.4: the text of a dump is the mapping that begins at the kernel's code", async () => {
  const { plan } = await planOf("arm64_5_3", CRASH);
  const [text, ...ram] = loadsOf(plan);
  assertEquals([text?.vaddr, text?.paddr], [0xffff_0000_1008_0000n, 0x92a8_0000n]);
  const [first] = ram.toSorted((a, b) => a.paddr < b.paddr ? -1 : 1);
  assertEquals([first?.vaddr, first?.paddr], [0xffff_8000_1000_0000n, 0x9000_0000n]);
});

Deno.test("CPUs in spin tables without PSCI cannot be stopped: refused, and for a crash kernel a warning", async () => {
  const { code, plan } = await planOf("spin_tables", NORMAL);
  assertEquals([code, failures(plan).map(({ rule }) => rule)], [69, ["cpus-stop"]]);
  assertStringIncludes(failures(plan)[0]?.hint ?? "", "nr_cpus=1");
  const crash = (await planOf("spin_tables", CRASH)).plan.checks.find(({ rule }) => rule === "cpus-stop");
  assertEquals(crash?.status, "warn");
});

Deno.test("the crash kernel is not told of Soft Reserved memory", async () => {
  const { plan } = await planOf("soft_reserved", CRASH);
  const softReserved = 0xefff_ffff;
  assertEquals(e820Of(plan).filter(([, , type]) => type === softReserved), []);
  assertEquals(e820Of(plan).filter(([start]) => start >= 0x20_4000_0000n), []);
  // The dump still has the memory that was in use.
  assert(loadsOf(plan).some(({ paddr }) => paddr === 0x1_0000_0000n));
});

Deno.test("memory that a driver added before 5.8 is not handed over as RAM", async () => {
  const { code, plan } = await planOf("pmem_as_ram", NORMAL);
  assertEquals([code, failures(plan)], [0, []]);
  const ram = e820Of(plan).filter(([, , type]) => type === 1);
  assertEquals(ram.filter(([, end]) => end > 0x1_5000_0000n), []);
  assert(ram.some(([start]) => start === 0x1_0000_0000n), "the RAM below it is there");
});

Deno.test("`Crash kernel (low)` of a vendor kernel is memory of the crash kernel", async () => {
  const { code, plan } = await planOf("crash_low_of_vendor", CRASH);
  assertEquals([code, failures(plan)], [0, []]);
  assertEquals(chosenOf(plan, "linux,usable-memory-range"), [
    0xf_0000_0000n,
    0x4000_0000n,
    0xf1a0_0000n,
    0x640_0000n,
  ]);
});

Deno.test("a `Crash kernel` line without an extent is no reservation", async () => {
  const { code, stderr, plan } = await planOf("crash_kernel_empty", CRASH);
  assertEquals([code, stderr], [69, ""]);
  const failed = failures(plan).map(({ rule, message }) => [rule, message]);
  assertEquals(failed, [["crash-reservation", "No memory is reserved for a crash kernel"]]);
});
