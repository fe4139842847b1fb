import { assertEquals } from "@std/assert";
import { constants } from "node:os";
import { errnoName, ERRNOS, errnoText } from "../../src/syscall/errno.ts";

/** What Node's table lacks, from include/uapi/asm-generic/errno.h and include/linux/errno.h (ENOTSUPP), Linux 7.3. */
const KERNEL_ONLY: Readonly<Record<string, number>> = {
  ENOPKG: 65,
  ELIBBAD: 80,
  ENOKEY: 126,
  EKEYEXPIRED: 127,
  EKEYREVOKED: 128,
  EKEYREJECTED: 129,
  ENOTSUPP: 524,
};

Deno.test("each errno has the number that this system's headers give it", () => {
  const system: Readonly<Record<string, number>> = { ...constants.errno, ...KERNEL_ONLY };
  assertEquals(
    ERRNOS.map(({ name, number }) => [name, number]),
    ERRNOS.map(({ name }) => [name, system[name]]),
  );
});

Deno.test({
  name: "an errno is named and explained by its number; an unlisted one by the number alone",
  permissions: "none",
  fn() {
    assertEquals([errnoName(8), errnoText(8)], ["ENOEXEC", "exec format error"]);
    assertEquals([errnoName(129), errnoText(129)], ["EKEYREJECTED", "key was rejected by service"]);
    assertEquals([errnoName(3), errnoText(3)], ["errno 3", "unknown error"]);
  },
});
