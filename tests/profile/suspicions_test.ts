import { assertEquals } from "@std/assert";
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
  name: "what is meant as it is written is not shouted at",
  permissions: "none",
  fn() {
    for (
      const text of [
        "kernel: /boot/vmlinuz-6.1.0+deb13$x\n",
        "kernel: k\ncmdline: console=ttyS0,115200 isolcpus=2,3\n",
        "kernel: k\ncmdline: [quiet, panic=5]\n",
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
