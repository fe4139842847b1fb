import { assertEquals } from "@std/assert";
import type { LayerReader } from "../../src/profile/layers.ts";
import { parseProfile } from "../../src/profile/parse.ts";
import { resolvePaths } from "../../src/profile/path_variables.ts";

const none: LayerReader = {
  read: () => ({ kind: "failed", diagnostic: { code: "file-unreadable", severity: "error", message: "not here" } }),
  dropIns: () => ({ files: [], diagnostics: [] }),
};

function parsed(text: string, base?: string) {
  const reader: LayerReader = base === undefined
    ? none
    : { ...none, read: (path) => ({ kind: "bytes", bytes: new TextEncoder().encode(base), id: path }) };
  return parseProfile(`version: 1\n${text}\n`, "/etc/w/p.yaml", {
    reader,
    id: "",
    dropIns: { files: [], diagnostics: [] },
  });
}

function problems(text: string): readonly string[] {
  return parsed(text).diagnostics.map(({ code, message, position }) => `${position?.line}: ${code}: ${message}`);
}

function pure(name: string, fn: () => void): void {
  Deno.test({ name: `modules: ${name}`, permissions: "none", fn });
}

pure("each is a path, or a map with a pin and a command line; relative paths start beside the profile", () => {
  const sha256 = "a".repeat(64);
  assertEquals(
    parsed(`kernel: xen\nmodules:\n  - /boot/a\n  - b\n  - { path: c, sha256: ${sha256}, cmdline: "x  y=1" }`).value
      ?.modules,
    [
      { path: "/boot/a", cmdline: "" },
      { path: "/etc/w/b", cmdline: "" },
      { path: "/etc/w/c", sha256, cmdline: "x  y=1" },
    ],
  );
  assertEquals(parsed("kernel: xen").value?.modules, []);
});

pure("`modules+` adds to those of the base, a list replaces them", () => {
  const base = "version: 1\nkernel: xen\nmodules: [a, { path: b, cmdline: x }]\n";
  const paths = (text: string) => parsed(`extends: base.yaml\n${text}`, base).value?.modules.map(({ path }) => path);
  assertEquals(paths("modules+: [c]"), ["/etc/w/a", "/etc/w/b", "/etc/w/c"]);
  assertEquals(paths("modules: [c]"), ["/etc/w/c"]);
  assertEquals(paths("modules: []"), []);
});

pure("variables of the host are resolved in their paths, not in their command lines", () => {
  const { value } = parsed("kernel: xen\nmodules: [{ path: '/boot/vmlinuz-${release}', cmdline: 'r=${release}' }]");
  if (value === undefined) throw new Error("not parsed");
  const { value: on } = resolvePaths(value, { release: "6.1", machine: "x86_64" });
  assertEquals(on?.modules, [{ path: "/boot/vmlinuz-6.1", cmdline: "r=${release}" }]);
});

pure("what excludes them, or would ignore them, is named with its place", () => {
  assertEquals(problems("kernel: xen\ninitrd: a\nmodules: [b]"), [
    "4: conflict: `modules` and `initrd` are mutually exclusive: a Multiboot kernel has modules, a Linux kernel has initrds",
  ]);
  assertEquals(problems("kernel: xen\nload: kexec_file_load\nmodules: [b]"), [
    "4: conflict: `modules` needs kexec_load: kexec_file_load takes a kernel of Linux, which has no modules of Multiboot",
  ]);
  assertEquals(problems("segments: [{ at: 0x100000, hex: f4 }]\nentry: 0x100000\nmodules: [b]"), [
    "4: conflict: `modules` would be ignored: explicit segments are loaded exactly as written",
  ]);
  assertEquals(problems("kernel: xen\nmodules: [{ path: b, cmdlin: x }]").map((each) => each.split(":")[1]), [
    " unknown-key",
  ]);
  assertEquals(problems('kernel: xen\nmodules: [{ path: b, cmdline: "a\\nb" }]').map((each) => each.split(":")[1]), [
    " wrong-type",
  ]);
  assertEquals(problems("kernel: xen\ninitrd: []\nmodules: [b]"), []);
});
