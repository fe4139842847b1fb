import { assert, assertEquals } from "@std/assert";
import { conflictsOf } from "../../src/profile/conflicts.ts";
import { demandsOf } from "../../src/profile/demands.ts";
import { parseProfile } from "../../src/profile/parse.ts";

/** The keys on which only kexec_load can act. */
function demanded(text: string): readonly string[] {
  const { value } = parseProfile(`version: 1\n${text}\n`, "p.yaml");
  assert(value !== undefined, text);
  return demandsOf(value).map(({ key }) => key);
}

Deno.test({
  name: "a plain kernel demands neither call, whatever its defaults",
  permissions: "none",
  fn() {
    assertEquals(demanded("kernel: a"), []);
    assertEquals(
      demanded(
        "kernel: a\ninitrd: b\ncmdline: c\ncrash: true\npreserve_context: false\npredecompress: false\narch: default\nchecksum: true\nmemory: {}",
      ),
      [],
    );
  },
});

Deno.test({
  name: "each key that only kexec_load honours is a demand",
  permissions: "none",
  fn() {
    for (
      const line of [
        "preserve_context: true",
        "memory: { min: 1MiB }",
        "checksum: false",
        "dtb: board.dtb",
        "modules: [a]",
        "arch: x86_64",
      ]
    ) assertEquals(demanded(`kernel: a\n${line}`), line.split(":").slice(0, 1));
    assertEquals(demanded("entry: 0\nsegments: [{ at: 0, hex: 90 }]"), ["segments", "entry"]);
  },
});

Deno.test({
  name: "the flags of kexec_file_load conflict with kexec_load, and with what needs it",
  permissions: "none",
  fn() {
    const { value } = parseProfile("version: 1\nkernel: a\nforce_dtb: true\ndebug: true\n", "p.yaml");
    assert(value !== undefined);
    assertEquals(value.fileFlags, ["debug", "force_dtb"]);
    assertEquals(conflictsOf(value), []);
    assertEquals(conflictsOf({ ...value, crash: true, load: "kexec_file_load" }), []);
    assertEquals(conflictsOf({ ...value, load: "kexec_load", fileFlags: ["no_cma"] }), [{
      code: "conflict",
      severity: "error",
      message: "`no_cma` needs kexec_file_load: kexec_load has no such flag",
      path: ["no_cma"],
      related: [{ message: "`load` is set here", path: ["load"] }],
      hint: "Use `load: kexec_file_load` or `load: auto`, or remove `no_cma`",
    }]);
    // With segments it would be ignored in any case, which is said once.
    const segments = "version: 1\nentry: 0\nsegments: [{ at: 0, hex: 90 }]\nno_cma: true\nload: kexec_load\n";
    assertEquals(parseProfile(segments, "p.yaml").diagnostics.map(({ path }) => path), [["no_cma"]]);
    // Either call can start an unpacked kernel.
    assertEquals(conflictsOf({ ...value, predecompress: true }), []);
    assertEquals(conflictsOf({ ...value, checksum: false }).map(({ message }) => message), [
      "`debug` and `checksum` are mutually exclusive: one needs kexec_file_load, the other kexec_load",
      "`force_dtb` and `checksum` are mutually exclusive: one needs kexec_file_load, the other kexec_load",
    ]);
    // Of two demands the first is named, once for each flag.
    const both = conflictsOf({ ...value, checksum: false, dtb: { path: "/board.dtb" } });
    assertEquals(both.map(({ path, related }) => [path, related?.map((each) => each.path)]), [
      [["debug"], [["checksum"]]],
      [["force_dtb"], [["checksum"]]],
    ]);
  },
});

Deno.test({
  name: "a demand conflicts with kexec_file_load only, and says what to do",
  permissions: "none",
  fn() {
    const { value } = parseProfile("version: 1\nkernel: a\nchecksum: false\n", "p.yaml");
    assert(value !== undefined);
    assertEquals(conflictsOf(value), []);
    assertEquals(conflictsOf({ ...value, load: "kexec_load" }), []);
    assertEquals(conflictsOf({ ...value, checksum: true, load: "kexec_file_load" }), []);
    // It would verify by SHA-256 on x86_64, and on arm64 not at all.
    assertEquals(conflictsOf({ ...value, checksum: "sha256", load: "kexec_file_load" }).length, 1);
    assertEquals(conflictsOf({ ...value, load: "kexec_file_load" }), [{
      code: "conflict",
      severity: "error",
      message: "`checksum` needs kexec_load: with kexec_file_load the kernel decides how to verify the segments",
      path: ["checksum"],
      related: [{ message: "`load` is set here", path: ["load"] }],
      hint: "Use `load: kexec_load` or `load: auto`, or remove `checksum`",
    }]);
  },
});
