import { assertEquals } from "@std/assert";
import { parseProfile } from "../../src/profile/parse.ts";
import { plannedRequires, requiresOf, requiresShape } from "../../src/profile/planned_requires.ts";

Deno.test({
  name: "what a profile requires is in a plan as it was written, and comes back from it",
  permissions: "none",
  fn() {
    const text =
      "version: 1\nkernel: k\nrequires: { architecture: x86_64, platform: gcp, memory: 2GiB, hostname: 'w*', " +
      "kernel: '>=6.1, <7', firmware: uefi, secure_boot: false }\n";
    const requires = parseProfile(text, "p.yaml").value?.requires ?? {};
    const planned = plannedRequires(requires);
    assertEquals(planned, {
      architecture: "x86_64",
      platform: "gcp",
      memory: "0x80000000",
      hostname: "w*",
      kernel: ">=6.1 <7",
      firmware: "uefi",
      secureBoot: false,
    });
    const faults: unknown[] = [];
    assertEquals(requiresShape.decode(planned, [], (fault) => faults.push(fault)), planned);
    assertEquals([faults, requiresOf(planned)], [[], requires]);
    assertEquals([plannedRequires({}), requiresOf({})], [{}, {}]);
  },
});
