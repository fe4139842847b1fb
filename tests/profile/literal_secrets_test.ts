import { assertEquals } from "@std/assert";
import type { Diagnostic } from "../../src/core/diagnostic.ts";
import { isMarkedSecret, literalSecrets, maskSecrets } from "../../src/profile/literal_secrets.ts";
import { readLayerText } from "../../src/profile/layer.ts";
import { parseLayers } from "../../src/profile/parse.ts";
import { originRows } from "../../src/profile/origin_rows.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

pure("the secrets of a profile are the lines of contents that are marked, in any file of it, the longest first", () => {
  const file = (more: object) => ({ path: "/a", secret: "true", ...more });
  assertEquals(["true", "True", "TRUE", "yes", "", undefined].map((secret) => isMarkedSecret({ secret })), [
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
  assertEquals(
    literalSecrets([
      { initrd: ["/i", { files: [file({ text: "one\n  three \n\nthree\n" }), file({ base64: "base64==" })] }] },
      { "initrd+": { files: [file({ text: "added" })] }, initrd: "/i" },
      { initrd: { files: [{ path: "/b", text: "public" }, file({ secret: "false", text: "public" })] } },
      { initrd: { files: [file({ ask: "Who?" }), file({ from: "/etc/x" }), file({ command: ["x"] })] } },
      { cmdline: "ro", initrd: { files: "x" } },
      undefined,
      "x",
    ]),
    ["base64==", "three", "added", "one"],
  );
});

pure("a secret is masked wherever a diagnostic has it, as a whole where one is a part of another", () => {
  const position = (source: string) => ({ file: "p", line: 1, column: 1, length: 1, source });
  const diagnostic: Diagnostic = {
    code: "conflict",
    severity: "error",
    message: "a swordfish",
    expected: "no sword",
    found: "swordfish sword",
    hint: "not sword",
    position: position("text: swordfish"),
    related: [{ message: "here", position: position("sword") }, { message: "there", path: ["a"] }],
  };
  assertEquals(maskSecrets(diagnostic, ["swordfish", "sword"]), {
    code: "conflict",
    severity: "error",
    message: "a (secret)",
    expected: "no (secret)",
    found: "(secret) (secret)",
    hint: "not (secret)",
    position: position("text: (secret)"),
    related: [{ message: "here", position: position("(secret)") }, { message: "there", path: ["a"] }],
  });
  assertEquals(maskSecrets(diagnostic, []), diagnostic);
  const { source: _, ...bare } = position("");
  assertEquals(maskSecrets({ code: "conflict", severity: "error", message: "m", position: bare }, ["x"]), {
    code: "conflict",
    severity: "error",
    message: "m",
    position: bare,
  });
});

pure("where each value comes from is shown without the content of a secret, and with all else of its file", () => {
  const text = "version: 1\nkernel: /k\nunbind: []\nmemory: {}\nname:\ninitrd:\n  files:\n" +
    "    - { path: /a, text: hidden, secret: true, mode: 0600 }\n    - { path: /b, text: shown }\n";
  const { merged } = parseLayers(readLayerText(text, "p.yaml", "profile"), undefined);
  const rows = merged === undefined ? [] : originRows(merged);
  assertEquals(rows.map(({ path, value, line, column }) => `${path.join(".")} ${value} ${line}:${column}`), [
    "version 1 1:10",
    "kernel /k 2:9",
    "unbind [] 3:9",
    "memory {} 4:9",
    "name undefined 5:1",
    "initrd.files.0.path /a 8:15",
    "initrd.files.0.text (secret) 8:25",
    "initrd.files.0.secret true 8:41",
    "initrd.files.0.mode 0600 8:53",
    "initrd.files.1.path /b 9:15",
    "initrd.files.1.text shown 9:25",
  ]);
});
