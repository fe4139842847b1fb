import { assertEquals } from "@std/assert";
import { kindAt, textAt, withFile } from "../../src/entry/boot_files.ts";
import { layout } from "../support/boot_layout.ts";

Deno.test({
  name: "what lies at a path, where that can be known, and a file that takes the place of another one alone",
  permissions: "none",
  fn() {
    const files = layout({
      "/a": "text",
      "/ab": "other",
      "/folder": { error: "EISDIR" },
      "/large": { error: "EFBIG" },
      "/denied": { error: "EACCES" },
      "/bytes": { base64: "/w==" },
    });
    assertEquals(["/a", "/folder", "/large", "/denied", "/gone"].map((path) => kindAt(files, path)), [
      "file",
      "folder",
      "file",
      undefined,
      "absent",
    ]);
    assertEquals(["/a", "/bytes", "/large", "/denied", "/gone"].map((path) => textAt(files, path)), [
      "text",
      "\ufffd",
      undefined,
      undefined,
      undefined,
    ]);
    const changed = withFile(files, "/a", new TextEncoder().encode("new"));
    assertEquals(["/a", "/ab", "/a/b"].map((path) => textAt(changed, path)), ["new", "other", undefined]);
    assertEquals([textAt(files, "/a"), changed.list("/")], ["text", files.list("/")]);
  },
});
