import { assertEquals, assertMatch } from "@std/assert";
import { defineProfile } from "../../src/profile/define.ts";
import { parseProfile } from "../../src/profile/parse.ts";
import { resolvePaths } from "../../src/profile/path_variables.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const HEAD = "version: 1\nkernel: /boot/vmlinuz\ninitrd: /boot/initrd.img\n";

function parsed(text: string) {
  return parseProfile(`${HEAD}${text}\n`, "/etc/warmboot/web.yaml");
}

pure("a key file beside the profile, a question and a program", () => {
  const { value, diagnostics } = parsed(
    "unlock:\n- { volume: root, key: { from: keys/root.key } }\n- { volume: /dev/vdb1, key: { ask: 'Data:' } }\n" +
      "- { volume: UUID=5eb63bbb-e01e-4ed0-93cb-22bb8f5acdc3, key: { command: [vault, read, 'a b'] } }",
  );
  assertEquals(diagnostics, []);
  assertEquals(value?.unlock, [
    { volume: "root", key: { kind: "from", path: "/etc/warmboot/keys/root.key" } },
    { volume: "/dev/vdb1", key: { kind: "ask", prompt: "Data:" } },
    {
      volume: "UUID=5eb63bbb-e01e-4ed0-93cb-22bb8f5acdc3",
      key: { kind: "command", argv: ["vault", "read", "a b"] },
    },
  ]);
});

pure("a key has one source, whatever it is called", () => {
  const said = (key: string) =>
    parsed(`unlock: [{ volume: v, key: { ${key} } }]`).diagnostics.map(({ code, path }) => [code, path?.at(-1)]);
  assertEquals(said("from: a, ask: b"), [["conflict", "ask"]]);
  assertEquals(said("ask: b, command: [c], from: a").toSorted(), [["conflict", "ask"], ["conflict", "command"]]);
  assertEquals(said("file: a, ask: b").toSorted(), [["conflict", "ask"], ["unknown-key", "file"]]);
  assertEquals(said("file: a"), [["unknown-key", "file"]]);
});

pure("the path of a key file has the running kernel's variables", () => {
  const { value } = parsed("unlock: [{ volume: root, key: { from: '/keys/${release}.key' } }]");
  if (value === undefined) throw new Error("The profile is not valid");
  const { value: resolved } = resolvePaths(value, { release: "6.1.0", machine: "x86_64" });
  assertEquals(resolved?.unlock[0]?.key, { kind: "from", path: "/keys/6.1.0.key" });
});

pure("what is wrong is an error with its place, and what to do", () => {
  const rows: readonly (readonly [string, RegExp])[] = [
    ["unlock: [{ volume: root, key: {} }]", /The key has no source.*one of from, ask, command/],
    ["unlock: [{ volume: root, key: { from: /a, ask: 'b:' } }]", /`from` and `ask` are mutually exclusive/],
    ["unlock: [{ volume: root, key: /etc/root.key }]", /`key` is not a map of one of/],
    ["unlock: [{ volume: root, key: { command: [] } }]", /a list of a program and its arguments.*Name the program/],
    ["unlock: [{ volume: root }]", /`key`/],
    ["unlock: [{ key: { from: /a } }]", /`volume`/],
    ["unlock: [{ volume: a b, key: { from: /a } }]", /a name of crypttab, a UUID, or a device.*no spaces/],
    ["unlock: [{ volume: -root, key: { from: /a } }]", /a name of crypttab, a UUID, or a device.*begin with `-`/],
    ["unlock: [{ volume: root, key: { keyfile: /a } }]", /`keyfile`.*`from`/],
    ["unlock: [{ device: /dev/vda, key: { from: /a } }]", /`device`.*`volume`/],
    [
      "unlock: [{ volume: root, key: { from: /a } }, { volume: root, key: { from: /b } }]",
      /`unlock` has the volume `root` more than once/,
    ],
  ];
  for (const [text, pattern] of rows) {
    const { value, diagnostics } = parsed(text);
    assertEquals([value, diagnostics.every(({ position }) => position?.line === 4)], [undefined, true], text);
    assertMatch(
      diagnostics.map(({ message, expected, hint }) => `${message} ${expected ?? ""} ${hint ?? ""}`).join("\n"),
      pattern,
      text,
    );
  }
});

pure("explicit segments have no initrd", () => {
  const { diagnostics } = parseProfile(
    "version: 1\nentry: 0x100000\nsegments: [{ at: 0x100000, hex: f4 }]\nunlock: [{ volume: root, key: { from: /a } }]\n",
    "x.yaml",
  );
  assertMatch(diagnostics.map(({ message }) => message).join(), /`unlock` would be ignored/);
});

pure("in code, and a later layer's", () => {
  const { value, diagnostics } = defineProfile({
    kernel: "/boot/vmlinuz",
    initrd: "/boot/initrd.img",
    unlock: [{ volume: "root", key: { ask: "Root:" } }],
  });
  assertEquals([diagnostics, value?.unlock], [[], [{ volume: "root", key: { kind: "ask", prompt: "Root:" } }]]);
});
