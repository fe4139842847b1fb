import { assert, assertEquals } from "@std/assert";
import { closeFile, hashFile, openFile } from "../../../src/app/files/open_file.ts";

const MIB = 1 << 20;

/** Hashes a file of that size, and gives the most memory, in bytes, that any one read was given a part of. */
async function largestBuffer(size: number): Promise<{ readonly sha256: string; readonly largest: number }> {
  const path = Deno.makeTempFileSync();
  Deno.truncateSync(path, size);
  const file = openFile(path).value;
  Deno.removeSync(path);
  assert(file !== undefined);
  let largest = 0;
  const handle = new Proxy(file.handle, {
    get(target, key) {
      if (key === "readSync") {
        return (buffer: Uint8Array): number | null => {
          largest = Math.max(largest, buffer.buffer.byteLength);
          return target.readSync(buffer);
        };
      }
      const value = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const sha256 = await hashFile({ ...file, handle });
  closeFile(file);
  return { sha256, largest };
}

Deno.test("hashing takes as much memory for a large file as for a kernel, and never a copy of either", async () => {
  const kernel = await largestBuffer(9 * MIB);
  const initrd = await largestBuffer(48 * MIB);
  assertEquals(initrd.largest, kernel.largest);
  assert(kernel.largest <= MIB, `${kernel.largest} bytes`);
});

Deno.test("a file is hashed to the same, in one piece and in many", async () => {
  for (const size of [0, 1, 4 * MIB, 4 * MIB + 1]) {
    const expected = new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(size))).toHex();
    assertEquals((await largestBuffer(size)).sha256, expected);
  }
});
