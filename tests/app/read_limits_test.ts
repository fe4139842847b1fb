import { assertEquals, assertStringIncludes } from "@std/assert";
import { LIMIT_VARIABLES, readLimits } from "../../src/app/read_limits.ts";
import { READ_LIMITS } from "../../src/image/initrd_content.ts";

const limitsOf = (variables: { readonly [name: string]: string }) => readLimits((name) => variables[name]);

Deno.test("limits are the usual ones, but for what the environment sets", () => {
  assertEquals(limitsOf({}), { limits: READ_LIMITS, diagnostics: [] });
  assertEquals(limitsOf({ WARMBOOT_INITRD_LIMIT: "" }), { limits: READ_LIMITS, diagnostics: [] });
  const set = {
    WARMBOOT_INITRD_LIMIT: "32GiB",
    WARMBOOT_INITRD_FILES_LIMIT: "5000000",
    WARMBOOT_INITRD_STREAMS_LIMIT: "3",
  };
  assertEquals(limitsOf(set), { limits: { size: 2 ** 35, files: 5_000_000, streams: 3 }, diagnostics: [] });
});

Deno.test("a limit that is not a positive number is an error that names its variable", () => {
  for (const text of ["0", "-1", "many", "1.5GiB", "16777216TiB", "0x"]) {
    for (const { name, limit } of LIMIT_VARIABLES) {
      const { limits, diagnostics } = limitsOf({ [name]: text });
      assertEquals([limits[limit], diagnostics.length], [READ_LIMITS[limit], 1], `${name}=${text}`);
      assertStringIncludes(diagnostics[0]?.message ?? "", `${name} is not a `);
    }
  }
});

Deno.test("the manual states the limits that hold by default", () => {
  const stated = LIMIT_VARIABLES.map(({ doc }) => /([0-9]+)(GiB)? by default/.exec(doc));
  const found = stated.map((match) => Number(match?.[1]) * (match?.[2] === undefined ? 1 : 2 ** 30));
  assertEquals(found, LIMIT_VARIABLES.map(({ limit }) => READ_LIMITS[limit]));
});

Deno.test({
  name: "without permission to read the environment, the usual limits hold",
  permissions: "none",
  fn: () => assertEquals(readLimits(), { limits: READ_LIMITS, diagnostics: [] }),
});
