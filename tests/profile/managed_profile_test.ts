import { assertEquals } from "@std/assert";
import { managedMarkOf, managedProfileText } from "../../src/profile/managed_profile.ts";

Deno.test({
  name: "the mark of a profile that is written again says how, and whether a person has edited it",
  permissions: "none",
  fn() {
    const kinds = [{ pin: false }, { pin: true }, { pin: false, guard: true }, { pin: true, guard: true }] as const;
    for (const kind of kinds) {
      const text = managedProfileText("kernel: /k\n", kind);
      assertEquals(managedMarkOf(text), { ...kind, isIntact: true });
      assertEquals(managedMarkOf(`${text}crash: true\n`), { ...kind, isIntact: false });
      assertEquals(managedMarkOf(text.replace("/k", "/l")), { ...kind, isIntact: false });
      assertEquals(managedMarkOf(`\n${text}`), undefined);
      assertEquals([text.endsWith("kernel: /k\n"), text.includes("Do not edit it")], [true, true]);
    }
    assertEquals(new Set(kinds.map((kind) => managedProfileText("", kind))).size, 4);
    assertEquals(managedMarkOf("# warmboot refresh: newest guard pin sha256=00\n"), undefined);
  },
});
