import { assertEquals, assertNotEquals } from "@std/assert";
import { join } from "@std/path";
import { invokingUser } from "../../src/app/invoking_user.ts";
import { recordKey } from "../../src/app/record_key.ts";
import { withEnvironment } from "../support/environment.ts";

Deno.test("the key of records stays the same for a boot, and is its owner's alone", () => {
  const parent = Deno.makeTempDirSync({ prefix: "warmboot-key-" });
  try {
    const folder = join(parent, "run");
    const path = join(folder, "secret.key");
    const mode = () => (Deno.lstatSync(path).mode ?? 0) & 0o777;
    const first = recordKey(folder);
    assertEquals([first.length, mode(), recordKey(folder)], [32, 0o600, first]);
    assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["secret.key"]);
    /** A file that anybody could have read, or written, or made, is not taken for the key. */
    const replaced = (change: () => void) => {
      const before = recordKey(folder);
      change();
      const after = recordKey(folder);
      assertNotEquals(after, before);
      assertEquals([after.length, Deno.lstatSync(path).isFile, mode()], [32, true, 0o600]);
    };
    replaced(() => Deno.chmodSync(path, 0o640));
    replaced(() => Deno.chmodSync(path, 0o604));
    replaced(() => Deno.truncateSync(path, 31));
    replaced(() => {
      Deno.renameSync(path, join(parent, "elsewhere"));
      Deno.symlinkSync(join(parent, "elsewhere"), path);
    });
  } finally {
    Deno.removeSync(parent, { recursive: true });
  }
});

Deno.test("a load is by who ran sudo, where sudo says so", async () => {
  const user = (sudo: string | undefined) => withEnvironment({ SUDO_USER: sudo }, invokingUser);
  const own = await user(undefined);
  assertEquals([own.uid, await user("")], [Deno.uid() ?? 0, own]);
  assertEquals(await user("ann"), { user: `ann (as ${own.user})`, uid: own.uid });
});
