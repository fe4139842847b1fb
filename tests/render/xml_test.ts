import { assertEquals } from "@std/assert";
import { escapeXml } from "../../src/render/xml.ts";

Deno.test({
  name: "text as XML 1.0: no markup, no character that it cannot write, and no command of a CI system",
  permissions: "none",
  fn() {
    assertEquals(
      escapeXml(`<a b="c" d='e'>&amp;]]></a>`),
      "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;]]&gt;&lt;/a&gt;",
    );
    assertEquals(
      escapeXml("\u0000\u0008\u000b\u000c\u000e\u001b\u001f\u007f\u0085\u009f\ufffe\uffff"),
      "\ufffd".repeat(12),
    );
    assertEquals(escapeXml("a\t\n\rb é \ud83d\udc27"), "a\t\n\rb é \ud83d\udc27");
    assertEquals(escapeXml("\ud800x\udc00"), "\ufffdx\ufffd");
    assertEquals(escapeXml("##[error] ## ##vso[x"), "&#35;&#35;[error] ## &#35;&#35;vso[x");
  },
});
