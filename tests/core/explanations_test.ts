/** The examples of docs/diagnostics.md: each provokes the code that it explains. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { main } from "../../src/cli/main.ts";
import type { Diagnostic } from "../../src/core/diagnostic.ts";
import { EXPLANATIONS, type Provocation } from "../../src/core/explanations.ts";
import { findProfile } from "../../src/app/layer_files.ts";
import { treeHandover } from "../../src/arch/arm64/handover.ts";
import { e820Of } from "../../src/arch/x86_64/e820.ts";
import { elfLayout } from "../../src/arch/x86_64/elf_loader.ts";
import { parseProfile } from "../../src/profile/parse.ts";
import { hostFacts } from "../support/host_facts.ts";
import { run } from "../support/run_cli.ts";
import { PLAIN } from "../../src/render/style.ts";
import { arm64Image, bzImage, peFile } from "../image/build.ts";

interface Host {
  readonly files: Record<string, unknown>;
}

const [PC, ARM64] = ["bios-vm", "arm64-vm"].map((name): Host =>
  JSON.parse(Deno.readTextFileSync(new URL(`../fixtures/hosts/${name}.json`, import.meta.url)))
);

/** A capture with some of its sources changed. */
function changed(host: Host, changes: NonNullable<Provocation["host"]>): Host {
  const files = { ...host.files };
  for (const [path, source] of Object.entries(changes)) {
    const prefix = path.replace(/\*$/, "");
    const paths = prefix === path ? [path] : Object.keys(files).filter((each) => each.startsWith(prefix));
    for (const each of paths) {
      if (source === null) delete files[each];
      else files[each] = source;
    }
  }
  return { ...host, files };
}

/** Runs an example in a folder of its own; what it prints. */
async function output({ files = {}, host, machine, run }: Provocation): Promise<string> {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-explained-" });
  const lines: string[] = [];
  const sink = {
    layout: { style: PLAIN, width: 200 },
    isTerminal: false,
    write: (text: string) => void lines.push(text),
  };
  try {
    Deno.writeFileSync(join(folder, "vmlinuz"), bzImage());
    Deno.writeFileSync(join(folder, "Image"), arm64Image({}));
    Deno.writeFileSync(join(folder, "linux.efi"), peFile({ sections: [{ name: ".linux", bytes: bzImage() }] }));
    Deno.writeTextFileSync(join(folder, "initrd.img"), `070701${"0".repeat(200)}`);
    for (const [name, text] of Object.entries(files)) Deno.writeTextFileSync(join(folder, name), text);
    const fixture = machine === undefined ? PC : ARM64;
    assert(fixture !== undefined);
    const capture = join(folder, "host.json");
    if (host !== undefined && files["host.json"] === undefined) {
      Deno.writeTextFileSync(capture, JSON.stringify(changed(fixture, host)));
    }
    // Tests share one working folder, so that the names of files become paths.
    const words = run.split(" ").map((word) => /^[a-z.]+\.[a-z]+$|^\.$/.test(word) ? join(folder, word) : word);
    await main(words, () => ({ out: sink, err: sink }));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
  return lines.join("");
}

for (const [code, { example }] of Object.entries(EXPLANATIONS)) {
  if (typeof example === "string") continue;
  Deno.test(`the example of ${code} provokes it`, async () => {
    const text = await output(example);
    assert(text.includes(`[${code}]`), text);
  });
}

/** A folder for the time of an action. */
async function inFolder<T>(action: (path: string) => T | Promise<T>): Promise<T> {
  const path = Deno.makeTempDirSync({ prefix: "warmboot-explained-" });
  try {
    return await action(path);
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
}

const shown = (diagnostics: readonly Diagnostic[]): string => diagnostics.map(({ code }) => `[${code}]`).join();

/** What `plan` says of a kernel, from a capture that was taken with another kernel. */
function plannedAfter(change: (kernel: string) => void, name = "vmlinuz"): Promise<string> {
  return inFolder(async (path) => {
    const profile = (kernel: string): string => {
      Deno.writeTextFileSync(join(path, `${kernel}.yaml`), `version: 1\nkernel: ${kernel}\n`);
      return join(path, `${kernel}.yaml`);
    };
    Deno.writeFileSync(join(path, "vmlinuz"), bzImage());
    const { stdout } = await run(["facts", "--images", profile("vmlinuz")]);
    Deno.writeTextFileSync(join(path, "host.json"), stdout);
    change(join(path, "vmlinuz"));
    return (await run(["plan", profile(name), "--facts", join(path, "host.json")])).stderr;
  });
}

/** The examples that are told in a sentence, and what is shown of them. */
const SCENARIOS: { readonly [code: string]: () => string | Promise<string> } = {
  "layer-unavailable": () => shown(parseProfile("version: 1\nextends: base.yaml\n", "web.yaml").diagnostics),
  "profile-masked": () =>
    inFolder((path) => {
      Deno.writeTextFileSync(join(path, "web.yaml"), "");
      return shown(findProfile("web", [path]).diagnostics);
    }),
  "file-not-capable": () =>
    inFolder(async (path) => {
      Deno.writeTextFileSync(join(path, "web.yaml"), "version: 1\nextends: /etc/hosts\n");
      return (await run(["check", join(path, "web.yaml")], [`--allow-read=${path}`])).stderr;
    }),
  "facts-not-capable": () =>
    inFolder(async (path) => {
      Deno.writeTextFileSync(join(path, "web.yaml"), "version: 1\nkernel: /boot/vmlinuz\n");
      return (await run(["plan", join(path, "web.yaml")], ["--allow-read", "--allow-env", "--allow-sys"])).stderr;
    }),
  "image-not-captured": () => plannedAfter(() => {}, "other"),
  "image-differs": () => plannedAfter((kernel) => Deno.writeFileSync(kernel, bzImage().with(0x210, 7))),
  "e820-unknown": () =>
    shown(e820Of(hostFacts({ firmwareMap: [{ start: 0n, end: 0x1000n, type: "Reserved" }] })).diagnostics),
  "elf-layout": () => {
    const load = { offset: 0n, paddr: 0x10_0040n, vaddr: 0n, filesz: 16n, memsz: 16n, align: 1n };
    const image = {
      kind: "elf",
      bits: 64,
      littleEndian: true,
      machine: 62,
      type: 2,
      entry: 0n,
      loads: [load],
    } as const;
    return shown(elfLayout(image, "vmlinux", 4096n).diagnostics);
  },
  "payload-damaged": () =>
    output({
      files: { "web.yaml": "version: 1\nkernel: vmlinuz\nload: kexec_load\npredecompress: true\n" },
      host: {},
      run: "plan web.yaml --facts host.json",
    }),
  "device-tree-limit": () => {
    const root = { name: "", properties: [{ name: "x", value: new Uint8Array(3 << 20) }], children: [] };
    const facts = hostFacts({ deviceTree: { bootCpu: 0, reservations: [], root } });
    return shown(treeHandover({ facts, cmdline: "", initrd: false, kaslr: false }).diagnostics);
  },
};

for (const [code, scenario] of Object.entries(SCENARIOS)) {
  Deno.test(`the example of ${code} provokes it`, async () => {
    const text = await scenario();
    assert(text.includes(`[${code}]`), text);
  });
}

Deno.test({
  name:
    "every example is run, but for what tests/packaging and tests/app damage or start, and a library that is missing",
  permissions: "none",
  fn() {
    const sentences = Object.entries(EXPLANATIONS).filter(([, { example }]) => typeof example === "string");
    const untried = sentences.map(([code]) => code).filter((code) => !Object.hasOwn(SCENARIOS, code));
    assertEquals(untried, [
      "file-damaged",
      "file-io",
      "memory-short",
      "image-part",
      "overlay-withheld",
      "overlay-secret",
      "unlock-key",
      "codec-missing",
      "device-tree-unused",
    ]);
  },
});
