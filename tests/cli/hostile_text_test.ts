import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { run } from "../support/run_cli.ts";
import { bzImage } from "../image/build.ts";

const folder = Deno.makeTempDirSync({ prefix: "warmboot-hostile-" });

addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  Deno.writeFileSync(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
  return path;
}

/** What GitHub's runners and Azure's act on: at the start of a line, and anywhere in one. */
const COMMAND = /^\s*::|##\w*\[|^::/m;

/** What a terminal acts on. */
// deno-lint-ignore no-control-regex
const DRIVES = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

const HOSTILE = [
  "::error::x ##[error]x \u202egnp\u2066",
  "a ##vso[task.setvariable variable=x]y [x](https://e.example) \u2028::x::y",
  "line\n::add-mask::x",
  "line\r\n  ::stop-commands::x",
  "\u001b[2J",
];

const fixture = new URL("../fixtures/hosts/bios-vm.json", import.meta.url).pathname;
const host = JSON.parse(Deno.readTextFileSync(fixture));
write("vmlinuz", bzImage());

Deno.test("no command writes what a workflow or a terminal acts on, whatever profiles and captures say", async () => {
  for (const [index, text] of HOSTILE.entries()) {
    const quoted = JSON.stringify(text);
    const good = write(
      `good${index}.yaml`,
      `version: 1\nname: ${
        JSON.stringify(`n ${text}`)
      }\nkernel: vmlinuz\ncmdline: ${quoted}\ndescription: ${quoted}\nload: kexec_file_load\n`,
    );
    const segments = write(
      `segments${index}.yaml`,
      `version: 1\nkernel: vmlinuz\ncmdline: ${quoted}\nload: kexec_load\n`,
    );
    const bad = [
      write(
        `bad${index}.yaml`,
        `version: 1\n${quoted}: 1\nkernel: ${quoted}\ncmdline: [${quoted}, 5]\nrequires: { hostname: ${quoted} }\n`,
      ),
      write(`syntax${index}.yaml`, `version: 1\nkernel: {${text}\n`),
      write(`missing${index}.yaml`, `version: 1\nkernel: ${quoted}\nextends: ${quoted}\n`),
    ];
    const facts = write(
      `host${index}.json`,
      JSON.stringify({
        ...host,
        files: {
          ...host.files,
          [text]: text,
          "/proc/sys/kernel/hostname": text,
          "/proc/cmdline": `${text}\n`,
          "/proc/sys/kernel/version": text,
          "/sys/kernel/kexec_loaded": text,
          "/sys/kernel/security/lsm": text,
          "/proc/1/comm": text,
          "/proc/iomem": `${host.files["/proc/iomem"]}c0000000-c0000fff : ${text.split(/[\r\n]/)[0]}\n`,
        },
        images: {},
      }),
    );
    const torn = write(
      `torn${index}.json`,
      JSON.stringify({ ...host, files: { ...host.files, "/proc/iomem": `f : ${text}\n` } }),
    );
    const broken = write(`broken${index}.json`, JSON.stringify({ format: text }));
    const named = write(`${text.replaceAll("/", "_")}.yaml`, `version: 1\nkernl: x\n`);
    const plan = join(folder, `plan${index}.json`);
    const runs: readonly (readonly string[])[] = [
      ...[undefined, "json", "sarif", "junit"].map((form) => [
        "check",
        good,
        ...bad,
        named,
        ...(form === undefined ? [] : ["-o", form]),
      ]),
      ["check", "--origin", good],
      ...["text", "json", "yaml", "svg", "markdown"].flatMap((form) =>
        [good, segments].map((profile) => [
          "plan",
          profile,
          "--facts",
          facts,
          "-o",
          form,
        ])
      ),
      ["plan", good, "--facts", facts, "--out", plan],
      ["plan", bad[0] ?? "", "--facts", facts],
      ["plan", good, "--facts", torn],
      ["plan", named, "--facts", broken],
      ["plan", good, "--facts", broken, "-o", "json"],
      ...["text", "json", "yaml", "svg"].map((form) => ["diff", good, segments, "--facts", facts, "-o", form]),
      ["diff", "@running", good, "--facts", facts],
      ["diff", plan, text],
      ["load", "--dry-run", plan],
      ["load", "--dry-run", text],
      ["explain", text],
      ["schema", text],
      [text],
      ["plan", `--${text}`],
      ["plan", folder, "--facts-dir", folder],
      ["plan", folder, "--facts-dir", folder, "-o", "yaml"],
    ];
    for (const args of runs) {
      const { stdout, stderr } = await run(args);
      const all = `${stdout}\n${stderr}`;
      const found = all.split("\n").filter((line) => COMMAND.test(line) || DRIVES.test(line)).slice(0, 2);
      assertEquals(found, [], `${JSON.stringify(text)}: ${args.join(" ")}`);
    }
    // A command line has one line.
    const written = Array.from(Deno.readDirSync(folder)).some(({ name }) => name === `plan${index}.json`);
    assertEquals(written, !["\n", "\u001b"].some((each) => text.includes(each)), JSON.stringify(text));
  }
});
