import { assertEquals, assertMatch } from "@std/assert";
import { formatMode } from "../../src/profile/overlay_shape.ts";
import { overlayFiles } from "../../src/profile/overlay_file.ts";
import type { LayerReader } from "../../src/profile/layers.ts";
import { parseProfile } from "../../src/profile/parse.ts";
import { renderDiagnostic } from "../../src/render/excerpt.ts";
import { PLAIN } from "../../src/render/style.ts";

function parsed(files: string) {
  return parseProfile(`version: 1\nkernel: k\ninitrd: [i, { files: [${files}] }]\n`, "/p/web.yaml");
}

Deno.test({
  name: "a file of `files` has a path, one content, permissions and a default for `secret`",
  permissions: "none",
  fn() {
    const { value, diagnostics } = parsed(
      '{ path: /a, text: "" }, { path: /b, base64: "YWI=", mode: 0755 }, { path: /c, from: ../x, mode: 0o600 }, ' +
        "{ path: /d, ask: Who, secret: false }, { path: /e, command: [cat, /x] }, { path: /, from: /tree }",
    );
    assertEquals(diagnostics, []);
    assertEquals(overlayFiles(value?.initrd ?? []), [
      { path: "/a", secret: false, content: { kind: "text", text: "" } },
      { path: "/b", mode: 0o755, secret: false, content: { kind: "base64", base64: "YWI=" } },
      { path: "/c", mode: 0o600, secret: false, content: { kind: "from", path: "/p/../x" } },
      { path: "/d", secret: false, content: { kind: "ask", prompt: "Who" } },
      { path: "/e", secret: true, content: { kind: "command", argv: ["cat", "/x"] } },
      { path: "/", secret: false, content: { kind: "from", path: "/tree" } },
    ]);
    assertEquals([formatMode(0o4755), formatMode(0o7)], ["4755", "0007"]);
  },
});

const WRONG: readonly (readonly [files: string, says: RegExp])[] = [
  ["{ path: etc/x, text: a }", /Begin it with `\/`/],
  ["{ path: /etc/../x, text: a }", /without `\.` and `\.\.`/],
  ["{ path: /etc/./x, text: a }", /without `\.` and `\.\.`/],
  ["{ path: /etc//x, text: a }", /one slash/],
  ["{ path: /etc/, text: a }", /slash at the end/],
  ["{ path: /, text: a }", /Only a folder can be copied to/],
  ["{ path: /TRAILER!!!, text: a }", /ends a cpio archive/],
  [`{ path: /${"n".repeat(256)}, text: a }`, /at most 255 bytes/],
  [`{ path: /${"\u00e9".repeat(128)}, text: a }`, /at most 255 bytes/],
  [`{ path: ${`/${"n".repeat(255)}`.repeat(16)}, text: a }`, /at most 4095 bytes/],
  [`{ path: ${`/${"\u00e9".repeat(100)}`.repeat(21)}, text: a }`, /at most 4095 bytes/],
  ["{ path: /x }", /has no content/],
  ["{ path: /x, text: a, from: b }", /mutually exclusive/],
  ["{ path: /x, text: a, mode: rw-r--r-- }", /octal/],
  ["{ path: /x, text: a, mode: 0888 }", /Octal digits/],
  ["{ path: /x, text: a, mode: 0999 }", /Octal digits/],
  ["{ path: /x, text: a, mode: x0644 }", /not permissions/],
  ["{ path: /x, text: a, mode: 064401 }", /not permissions/],
  ["{ path: /x, text: a, mode: 0x1a4 }", /Write it in octal/],
  ["{ path: /x, text: a, mode: u=rw }", /Write it in octal/],
  ["{ path: /x, base64: a }", /multiple of 4/],
  ["{ path: /x, command: [] }", /Name the program/],
  ["{ path: /x, command: cat }", /not a list/],
  ["", /Leave the entry out/],
  ["{ path: /x, text: a }, { path: /x, text: b }", /added twice/],
  ["{ path: /x, text: a }, { path: /x/y, text: b }", /cannot lie in it/],
  ["{ path: /x, content: a }", /Did you mean `text`/],
  ["{ path: /x, text: [a] }", /`text` is not a text/],
  ['{ path: /x, text: "\\ud800" }', /Half of a surrogate pair/],
  ["x", /./],
];

Deno.test({
  name: "`check` finds paths, contents, permissions and duplicates that cannot be meant",
  permissions: "none",
  fn() {
    for (const [files, says] of WRONG) {
      const { value, diagnostics } = parsed(files);
      assertEquals(value, undefined, files);
      assertMatch(diagnostics.map(({ message, hint = "" }) => `${message}; ${hint}`).join("\n"), says, files);
    }
  },
});

Deno.test({
  name: "of two contents the second is the fault, and the first is where it is related to",
  permissions: "none",
  fn() {
    const places = (files: string) =>
      parsed(files).diagnostics.map((
        { position, related = [] },
      ) => [position?.column, ...related.map((each) => `${each.position?.column} ${each.message}`)]);
    assertEquals(parsed("").diagnostics.map(({ path }) => path), [["initrd", 1, "files"]]);
    assertEquals(parsed("{ path: /, text: a }").diagnostics.map(({ path }) => path), [[
      "initrd",
      1,
      "files",
      0,
      "path",
    ]]);
    assertEquals(places("{ path: /x, text: a }, { path: /x, text: b }"), [[48, "25 /x is added here"]]);
    assertEquals(places("{ path: /x, text: a }, { path: /x/y/z, text: b }"), [[48, "25 /x is added here"]]);
    const [fault, ...more] = parsed("{ path: /x, from: b, text: a }").diagnostics;
    const columns = [fault?.position?.column, fault?.related?.[0]?.position?.column];
    assertEquals([more, fault?.message.slice(0, 18), columns], [[], "`text` and `from` ", [35, 44]]);
  },
});

Deno.test({
  name: "a folder may be filled by several entries, and by files in it",
  permissions: "none",
  fn() {
    // The longest name and the longest path that there are.
    const longest = `${`/${"n".repeat(255)}`.repeat(15)}/${"n".repeat(254)}`;
    assertEquals([longest.length, parsed(`{ path: ${longest}, text: a }`).diagnostics], [4095, []]);
    assertEquals(parsed(`{ path: /${"\u00e9".repeat(127)}n, text: a }`).diagnostics, []);
    assertEquals(parsed("{ path: /x, from: /tree }, { path: /x/y, text: a }").diagnostics, []);
  },
});

function layered(base: string, top: string) {
  const reader: LayerReader = {
    read: (path) => ({ kind: "bytes", bytes: new TextEncoder().encode(base), id: path }),
    dropIns: () => ({ files: [], diagnostics: [] }),
  };
  return parseProfile(`version: 1\nextends: /base/b.yaml\nkernel: k\n${top}`, "/top/web.yaml", { reader });
}

Deno.test({
  name: "layers merge files by path: another content replaces it, other keys stay, and the rest is added",
  permissions: "none",
  fn() {
    const { value, diagnostics } = layered(
      "initrd:\n  - i\n  - files:\n      - { path: /a, from: a, mode: 0600 }\n      - { path: /b, ask: Who }\n",
      "initrd+:\n  files:\n    - { path: /b, from: mine }\n    - { path: /a, mode: 0640 }\n    - { path: /c, text: c }\n",
    );
    assertEquals(diagnostics, []);
    assertEquals(value?.initrd, [
      { path: "/base/i" },
      {
        files: [
          { path: "/a", mode: 0o640, secret: false, content: { kind: "from", path: "/base/a" } },
          { path: "/b", secret: false, content: { kind: "from", path: "/top/mine" } },
        ],
      },
      { files: [{ path: "/c", secret: false, content: { kind: "text", text: "c" } }] },
    ]);
    // Of each content that a base has, any other one takes the place; what is all merged adds no entry.
    const contents = ["text: a", "base64: YQ==", "from: /a", "ask: Who", "command: [a]"];
    for (const below of contents) {
      for (const above of contents) {
        const { value, diagnostics } = layered(
          `initrd:\n  - files:\n      - { path: /x, ${below}, mode: 0600 }\n`,
          `initrd+:\n  files:\n    - { path: /x, ${above} }\n`,
        );
        const files = overlayFiles(value?.initrd ?? []);
        assertEquals([below, above, diagnostics.length, value?.initrd.length, files.length], [below, above, 0, 1, 1]);
        assertEquals([files[0]?.mode, files[0]?.content.kind], [0o600, above.split(":")[0]] as never);
      }
    }
  },
});

Deno.test({
  name: "files alone may be added to a boot entry; an initrd may not",
  permissions: "none",
  fn() {
    const of = (initrd: string) =>
      parseProfile(`version: 1\nboot_entry: default\ninitrd: ${initrd}\n`, "web.yaml").diagnostics.map(({ code }) =>
        code
      );
    assertEquals(of("{ files: [{ path: /a, text: b }] }"), []);
    assertEquals(of("[i, { files: [{ path: /a, text: b }] }]"), ["conflict"]);
    assertEquals(of("[]"), ["conflict"]);
  },
});

Deno.test({
  name: "a secret of the profile is in no message about it, nor in the source line that one shows",
  permissions: "none",
  fn() {
    const { diagnostics } = parsed(
      "{ path: etc/x, text: hunter2, secret: true }, { path: /y, base64: hunter2!, secret: true }",
    );
    const shown = diagnostics.map((each) => renderDiagnostic(each, { style: PLAIN, width: 100 })).join("\n");
    assertEquals(diagnostics.length, 2);
    assertEquals([shown.includes("hunter2"), shown.includes("(secret)")], [false, true]);
    assertEquals(JSON.stringify(diagnostics).includes("hunter2"), false);
  },
});
