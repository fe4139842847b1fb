import { assertEquals } from "@std/assert";
import { parameterProblem, shown } from "../../../src/profile/cmdline/problem.ts";

Deno.test({
  name: "a character that would not reach the kernel is found, unless quotes protect it",
  permissions: "none",
  fn() {
    assertEquals(parameterProblem("a=ü"), undefined);
    assertEquals(parameterProblem('a="à"'), undefined);
    assertEquals(
      parameterProblem("a=à"),
      "has `à`, whose byte 0xa0 ends a parameter for the kernel unless it is quoted",
    );
    assertEquals(parameterProblem("a\u00a0b")?.includes("0xa0"), true);
    assertEquals(parameterProblem('"a\u0007"'), "has a control character, U+0007");
    assertEquals(parameterProblem("a\ud800"), "has half of a surrogate pair, which is not a character");
  },
});

Deno.test({
  name: "a message shows a parameter on one line, and cuts a long one",
  permissions: "none",
  fn() {
    assertEquals(shown("a\nb"), "a\\nb");
    assertEquals([shown("x".repeat(60)), shown("x".repeat(61))], ["x".repeat(60), `${"x".repeat(57)}...`]);
  },
});
