import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { renderOpenMetrics } from "../../src/render/openmetrics.ts";
import type { ImageStatus, Status } from "../../src/state/status.ts";

const IMAGE: ImageStatus = {
  image: "reboot",
  loaded: "yes",
  record: "matches",
  note: "Loaded by warmboot, as recorded",
  profile: "web",
  release: "6.12.0",
  cmdline: "root=/dev/vda password=secret",
  loadedAt: "2026-11-22T10:00:00Z",
  user: "anna",
  changes: ["/boot/vmlinuz has changed since it was loaded"],
};

const STATUS: Status = {
  format: "warmboot.status/1",
  host: { hostname: "web1", machine: "x86_64", release: "6.1.0" },
  images: [IMAGE, { image: "crash", loaded: "no", record: "none", note: "Nothing is recorded" }],
  crash: { state: "reserved", size: 268435456, ranges: [], note: "Reserved by crashkernel=" },
  allows: [
    { rule: "lockdown", status: "pass", message: "Not locked down" },
    { rule: "load-limit", status: "warn", message: "3 loads are left" },
  ],
  rebootIsKexec: true,
};

/** A reader of the format that is as strict as its grammar: families by name, samples by their labels. */
function parse(text: string): Map<string, { readonly labels: Map<string, string>; readonly value: number }[]> {
  const lines = text.split("\n");
  assertEquals(lines.slice(-2), ["# EOF", ""]);
  const families = new Map<string, { readonly labels: Map<string, string>; readonly value: number }[]>();
  let name = "";
  for (const [index, line] of lines.slice(0, -2).entries()) {
    const help = /^# HELP ([a-z_]+) [^\\"]+$/.exec(line);
    if (help !== null) {
      name = help[1] ?? "";
      assertEquals(families.has(name), false, `Family ${name} is not in one place`);
      assertEquals(lines[index + 1], `# TYPE ${name} gauge`);
      families.set(name, []);
      continue;
    }
    if (line.startsWith("# TYPE ")) continue;
    const sample = /^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\]|\\["\\n])*",?)+)\})? (\d+)$/.exec(line);
    assertEquals(sample?.[1], name, `Line ${index + 1} is not a sample of ${name}: ${line}`);
    const labels = new Map(
      [...(sample?.[2] ?? "").matchAll(/([a-z_]+)="((?:[^"\\]|\\["\\n])*)"/g)].map(([, key = "", value = ""]) => [
        key,
        value.replaceAll(/\\(.)/g, (_, c) => c === "n" ? "\n" : c),
      ]),
    );
    families.get(name)?.push({ labels, value: Number(sample?.[3]) });
  }
  return families;
}

function valueOf(status: Status, name: string, labels: { readonly [name: string]: string } = {}): number | undefined {
  return parse(renderOpenMetrics(status)).get(name)?.find((sample) =>
    Object.entries(labels).every(([key, value]) => sample.labels.get(key) === value)
  )?.value;
}

const VALUES: readonly (readonly [string, { readonly [name: string]: string }, number | undefined])[] = [
  ["warmboot_image_loaded", { image: "reboot" }, 1],
  ["warmboot_image_loaded", { image: "crash" }, 0],
  ["warmboot_image_record", { image: "reboot", record: "matches" }, 1],
  ["warmboot_image_record", { image: "reboot", record: "none" }, 0],
  ["warmboot_image_record", { image: "crash", record: "none" }, 1],
  ["warmboot_image_info", { image: "reboot", profile: "web", release: "6.12.0", user: "anna" }, 1],
  ["warmboot_image_info", { image: "crash" }, undefined],
  ["warmboot_image_load_timestamp_seconds", { image: "reboot" }, 1795341600],
  ["warmboot_image_changes", { image: "reboot" }, 1],
  ["warmboot_image_spent", {}, undefined],
  ["warmboot_crash_reserved_bytes", {}, 268435456],
  ["warmboot_host_checks", { result: "pass" }, 1],
  ["warmboot_host_checks", { result: "warn" }, 1],
  ["warmboot_host_checks", { result: "fail" }, 0],
  ["warmboot_reboot_is_kexec", {}, 1],
];

for (const [name, labels, value] of VALUES) {
  Deno.test({
    name: `${name} ${JSON.stringify(labels)} is ${value ?? "absent"}`,
    permissions: "none",
    fn: () => assertEquals(valueOf(STATUS, name, labels), value),
  });
}

Deno.test({
  name: "that nothing is reserved for a crash kernel is a number",
  permissions: "none",
  fn() {
    const crash = { state: "none", size: 0, ranges: [], note: "" } as const;
    assertEquals(valueOf({ ...STATUS, crash }, "warmboot_crash_reserved_bytes"), 0);
  },
});

Deno.test({
  name: "what the host does not say has no sample, and no help either",
  permissions: "none",
  fn() {
    const text = renderOpenMetrics({
      ...STATUS,
      images: [{ image: "reboot", loaded: "unknown", record: "none", note: "" }],
      crash: { state: "unknown", ranges: [], note: "" },
    });
    for (const name of ["warmboot_image_loaded", "warmboot_image_info", "warmboot_crash_reserved_bytes"]) {
      assertEquals(text.includes(name), false);
    }
    assertEquals(parse(text).get("warmboot_image_record")?.length, 6);
  },
});

Deno.test({
  name: "a record whose time is not a time has no timestamp",
  permissions: "none",
  fn() {
    const status = { ...STATUS, images: [{ ...IMAGE, loadedAt: "yesterday" }] };
    assertEquals(valueOf(status, "warmboot_image_load_timestamp_seconds"), undefined);
  },
});

const HOSTILE = [
  'a"} 1\nwarmboot_image_loaded{image="reboot"} 0\n# EOF\n',
  "ends in \\",
  '\\"',
  "\\n is not a line break, \n is",
  '",image="crash',
];

for (const text of HOSTILE) {
  Deno.test({
    name: `a label keeps ${JSON.stringify(text)}, and nothing else changes`,
    permissions: "none",
    fn() {
      const hostile = { ...STATUS, images: [{ ...IMAGE, profile: text, release: text, user: text }] };
      const written = renderOpenMetrics(hostile);
      const [sample, ...others] = parse(written).get("warmboot_image_info") ?? [];
      assertEquals(others, []);
      assertEquals(Object.fromEntries(sample?.labels ?? []), {
        image: "reboot",
        profile: text,
        release: text,
        user: text,
      });
      assertEquals(
        written.split("\n").length,
        renderOpenMetrics({ ...STATUS, images: [IMAGE] }).split("\n").length,
      );
    },
  });
}

Deno.test({
  name: "a label cannot drive a terminal, is well-formed, and the command line is not in the metrics",
  permissions: "none",
  fn() {
    const text = renderOpenMetrics({
      ...STATUS,
      images: [{ ...IMAGE, profile: "\u001b[2J\r\u009b\u202e\ud800" }],
    });
    // deno-lint-ignore no-control-regex
    assertEquals(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/.test(text), false);
    assertEquals(text.isWellFormed(), true);
    assertMatch(text, /profile="\u241b\[2J\u240d/);
    assertStringIncludes(text, "# EOF");
    assertEquals(text.includes("secret"), false);
  },
});
