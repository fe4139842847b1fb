import { assertEquals, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../src/core/program.ts";
import { ReadError } from "../../src/app/files/open_file.ts";
import { explain } from "../../src/cli/explain.ts";
import { PLAIN } from "../../src/render/style.ts";

function explained(error: unknown): { readonly exit: string; readonly said: string } {
  let said = "";
  const sink = { layout: { style: PLAIN, width: 80 }, isTerminal: false, write: (text: string) => void (said += text) };
  return { exit: explain(error, { out: sink, err: sink }), said };
}

Deno.test({
  name: "what the operating system refuses is exit code 74 with its name, and not a defect",
  permissions: "none",
  fn() {
    const full = Object.assign(new Error("Too many open files (os error 24): open '/boot/vmlinuz'"), {
      code: "EMFILE",
    });
    for (const error of [full, new ReadError("Cannot read /boot/vmlinuz: Input/output error")]) {
      const { exit, said } = explained(error);
      assertEquals(exit, "io");
      assertStringIncludes(said, "/boot/vmlinuz");
    }
    assertEquals(EXIT.io.code, 74);
  },
});

Deno.test({
  name: "any other error is a defect, and is shown with where it was thrown",
  permissions: "none",
  fn() {
    const { exit, said } = explained(new TypeError("x is not a function"));
    assertEquals(exit, "software");
    assertStringIncludes(said, "TypeError: x is not a function");
    assertStringIncludes(said, "explain_test.ts");
  },
});
