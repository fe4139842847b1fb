import { assertEquals } from "@std/assert";
import type { CapturedFile } from "../../src/host/capture.ts";
import { decodeFacts } from "../../src/host/decode_facts.ts";

const LEAST = { "/proc/sys/kernel/arch": "x86_64\n", "/proc/sys/kernel/osrelease": "6.1.0\n" };
const VARIABLE = "/sys/firmware/efi/efivars/MemoryOverwriteRequestControl-e20939be-32d4-41be-a150-897f85d49829";

function decoded(files: { readonly [path: string]: CapturedFile }) {
  const { value, diagnostics } = decodeFacts({
    format: "warmboot.facts/1",
    // AT_PAGESZ of 4096, and the end.
    files: {
      ...LEAST,
      "/proc/self/auxv": { base64: new Uint8Array(BigUint64Array.of(6n, 4096n, 0n, 0n).buffer).toBase64() },
      ...files,
    },
  });
  const asked = Object.keys(files);
  const problems = diagnostics.filter(({ position }) => asked.includes(position?.file ?? "")).length;
  return [value?.pstoreBackend, value?.memoryOverwrite, problems];
}

Deno.test({
  name: "the backend of pstore, and whether the firmware clears the memory, are as the kernel shows them",
  permissions: "none",
  fn() {
    const backend = (text: string) => decoded({ "/sys/module/pstore/parameters/backend": text });
    assertEquals(backend("ramoops\n"), ["ramoops", undefined, 0]);
    assertEquals(backend("(null)\n"), [undefined, undefined, 0]);
    assertEquals(backend("\n"), [undefined, undefined, 0]);
    const request = (...bytes: readonly number[]) =>
      decoded({ [VARIABLE]: { base64: Uint8Array.of(...bytes).toBase64() } });
    assertEquals(request(7, 0, 0, 0, 0), [undefined, false, 0]);
    assertEquals(request(7, 0, 0, 0, 1), [undefined, true, 0]);
    // The bit 4 is another question to the firmware.
    assertEquals(request(7, 0, 0, 0, 0x10), [undefined, false, 0]);
    assertEquals(request(7, 0, 0, 0, 0x11), [undefined, true, 0]);
    assertEquals(request(7, 0, 0, 0, 2), [undefined, undefined, 1]);
    assertEquals(request(7, 0, 0, 0), [undefined, undefined, 1]);
    assertEquals(request(7, 0, 0, 0, 1, 0), [undefined, undefined, 1]);
    assertEquals(decoded({}), [undefined, undefined, 0]);
  },
});
