import { assertEquals, assertMatch } from "@std/assert";
import { parseProfile } from "../../src/profile/parse.ts";

/** Severity, line and message of all that is said of a profile. */
const said = (text: string): readonly string[] =>
  parseProfile(`version: 1\n${text}`, "web.yaml").diagnostics.map(({ severity, position, message }) =>
    `${severity} ${position?.line} ${message}`
  );

Deno.test({
  name: "what is valid and probably not meant is a warning at its place, without a host",
  permissions: "none",
  fn() {
    assertEquals(said("kernel: /boot/vmlinuz-$(uname -r)\n"), [
      "warning 2 The path `/boot/vmlinuz-$(uname -r)` has a command substitution, which no shell expands here",
    ]);
    assertEquals(said("kernel: /boot/vmlinuz-`uname -r`\n").length, 1);
    assertEquals(said("kernel: k\ninitrd: [a, /boot/initrd*]\n"), [
      "warning 3 The path `/boot/initrd*` has a pattern, which no shell expands here",
    ]);
    assertEquals(said("kernel: k\ncmdline: { reuse: true, append: 'quiet, panic=5' }\n"), [
      "warning 3 The parameter `quiet,` ends with a comma, which the kernel gets too",
    ]);
    assertEquals(said("kernel: k\nrequires: { memory: 2 }\n"), [
      "warning 3 `memory` requires 2 bytes, which every host has",
    ]);
  },
});

Deno.test({
  name: "a path that only a shell would expand is found wherever a profile has one",
  permissions: "none",
  fn() {
    const places = (text: string) =>
      parseProfile(`version: 1\n${text}`, "web.yaml").diagnostics.map(({ code, path, position }) =>
        `${code} ${path?.join(".")} ${position?.line}:${position?.column}`
      );
    assertEquals(
      places(
        "kernel: /k*\ninitrd:\n  - /i?\n  - files: [{ path: /x, from: /f* }]\ndtb: /d[ab]\nunlock:\n" +
          "  - { volume: v, key: { from: /u* } }\n",
      ),
      [
        "suspicious kernel 2:9",
        "suspicious initrd.0 4:5",
        "suspicious initrd.1.files.0.from 5:31",
        "suspicious dtb 6:6",
        "suspicious unlock.0.key.from 8:31",
      ],
    );
    assertEquals(places("kernel: k\nmodules: [/m*]\n"), ["suspicious modules.0 3:11"]);
    assertEquals(places("entry: 0\nsegments: [{ at: 0, file: /s* }]\n"), ["suspicious segments.0.file 3:27"]);
    assertEquals(places("kernel: k\ncmdline: { reuse: true, set: 'a, b', remove: 'c, d' }\n"), [
      "suspicious cmdline.set 3:30",
      "suspicious cmdline.remove 3:46",
    ]);
  },
});

Deno.test({
  name: "a missing space after the colon of an inner key is reported where it is, however the value is read",
  permissions: "none",
  fn() {
    const cases: readonly (readonly [text: string, said: string])[] = [
      ["kernel:\n  path:/boot/x", "error 3 `kernel` is not a path"],
      ["kernel:\n  sha256:abc", "error 3 `kernel` is not a path"],
      ["kernel: k\ninitrd:\n  - path:/boot/x", "error 4 `initrd` is not a path"],
      ["kernel: k\ninitrd: [a, file:/boot/x]", "error 3 `initrd` is not a path"],
      ["kernel: k\ndtb: path:/x", "error 3 `dtb` is not a path"],
      ["kernel: { path:/boot/x }", "error 2 There is no space after `path:`"],
      ["kernel: { path: /boot/x,sha256:abc }", "error 2 There is no space after `sha256:`"],
      ["kernel:\n  path: /boot/x\n  sha256:abc", "error 4 There is no space after `sha256:`"],
      ["segments:\n  - at:0x100000\n    size: 4096", "error 3 There is no space after `at:`"],
      ["entry: 0x100000\nsegments:\n  - file:/x", "error 4 `segments` is not a map with `at` and a content"],
      ["kernel: k\nmemory:\n  min:1MiB", "error 4 `memory` is not a map of `min` and `max`"],
      [
        "kernel: k\ncmdline:\n  set:role=web",
        "warning 4 `set:role=web` is a parameter for the kernel: no space follows `set:`",
      ],
      [
        "kernel: k\ncmdline:\n  - reuse:true",
        "warning 4 `reuse:true` is a parameter for the kernel: no space follows `reuse:`",
      ],
    ];
    for (const [text, expected] of cases) {
      assertEquals(said(`${text}\n`), [expected], text);
      const [diagnostic] = parseProfile(`version: 1\n${text}\n`, "web.yaml").diagnostics;
      assertMatch(diagnostic?.hint ?? "", /[Ww]rite `[a-z0-9]+: [^`]+`/, text);
    }
    for (const path of ["./path:x", "/srv/path:x", "sha256", "a:b"]) assertEquals(said(`kernel: ${path}\n`), []);
  },
});

Deno.test({
  name: "what is meant as it is written is not shouted at",
  permissions: "none",
  fn() {
    for (
      const text of [
        "kernel: /boot/vmlinuz-6.1.0+deb13$x\n",
        "kernel: k\ncmdline: console=ttyS0,115200 isolcpus=2,3\n",
        "kernel: k\ncmdline: [quiet, panic=5]\n",
        "kernel: k\ncmdline: ro quiet,\n",
        "kernel: k\nrequires: { memory: 1MiB }\n",
        "kernel: k\ncmdline: ro -- elfcorehdr=1\ncrash: true\n",
        "kernel: k\ncmdline: ro elfcorehdr=1\n",
      ]
    ) assertEquals(said(text), [], text);
  },
});

Deno.test({
  name: "a crash profile with an elfcorehdr of its own is refused before there is a host",
  permissions: "none",
  fn() {
    const message = "The command line states `elfcorehdr=1`, but its address is known only once the image is placed";
    assertEquals(said("kernel: k\ncrash: true\ncmdline: ro elfcorehdr=1\n"), [`error 4 ${message}`]);
    assertEquals(said("kernel: k\ncrash: true\ncmdline: { reuse: true, append: elfcorehdr=1 }\n"), [
      `error 4 ${message}`,
    ]);
  },
});
