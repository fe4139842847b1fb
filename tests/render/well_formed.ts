import { assertEquals } from "@std/assert";

/** Fails unless every tag is closed in its order, and text and attributes hold no markup. */
export function assertWellFormed(svg: string): void {
  const open: string[] = [];
  const bare = svg.replaceAll(
    /<(\/?)([a-z]+)((?: [\w:-]+="[^"<>&]*(?:&(?:amp|lt|gt|quot|#39);[^"<>&]*)*")*)(\/?)>/gi,
    (_tag, closing: string, name: string, _attributes: string, empty: string) => {
      if (closing === "/") assertEquals(open.pop(), name);
      else if (empty === "") open.push(name);
      return "";
    },
  );
  assertEquals(open, []);
  assertEquals(bare.replaceAll(/&(?:amp|lt|gt|quot|#39);/g, "").match(/[<>&].*/), null);
  // deno-lint-ignore no-control-regex
  assertEquals(svg.match(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\ufffe\uffff]/), null);
}
