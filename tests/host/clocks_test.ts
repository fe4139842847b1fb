import { assertEquals } from "@std/assert";
import { decodeMoments, decodeRtc, decodeStopNote, decodeUptime, SHOW_MOMENTS } from "../../src/host/clocks.ts";

const pure = (name: string, fn: () => void) => Deno.test({ name, permissions: "none", fn });

pure("systemd's moments are read in milliseconds; what it prints 0 for did not happen", () => {
  const text = (initrd: number, finish: number) =>
    `InitRDTimestampMonotonic=${initrd}\nUserspaceTimestampMonotonic=4123456\nFinishTimestampMonotonic=${finish}\n`;
  assertEquals(decodeMoments(text(1_200_499, 9_999_500)), { initrd: 1200, userspace: 4123, finished: 10_000 });
  assertEquals(decodeMoments(text(0, 0)), { userspace: 4123 });
  assertEquals(decodeMoments(""), {});
  assertEquals(decodeMoments("Failed to connect to bus: No such file or directory\n"), {});
  assertEquals(decodeMoments("XFinishTimestampMonotonic=1000000\nFinishTimestampMonotonic=1e6\n"), {});
  assertEquals(SHOW_MOMENTS, [
    "show",
    "--property=InitRDTimestampMonotonic",
    "--property=UserspaceTimestampMonotonic",
    "--property=FinishTimestampMonotonic",
  ]);
});

pure("how long a kernel has run is the first number of /proc/uptime", () => {
  assertEquals(decodeUptime("53712.82 100001.10\n"), 53_712_820);
  assertEquals(decodeUptime("0.29 0.10\n"), 290);
  for (const text of ["", "53712.82", "53712 1.00\n", "-1.00 1.00\n"]) {
    assertEquals(decodeUptime(text), undefined, text);
  }
});

pure("the hardware clock is read in seconds", () => {
  assertEquals(decodeRtc("1795900416\n"), 1_795_900_416);
  for (const text of ["", "\n", "1795900416.5\n", "-1\n", "1 2\n"]) assertEquals(decodeRtc(text), undefined, text);
});

const BOOT = "5b1a6b8e-0000-4000-8000-000000000001";

pure("the note of a stop is of one boot, and whole", () => {
  assertEquals(decodeStopNote(`${BOOT}\n812.31 1500.00\n`), { bootId: BOOT, boottime: 812_310 });
  for (
    const text of ["", BOOT, `${BOOT}\n`, `${BOOT}\n812.31 15`, `${BOOT}\n812.31 1.00\nmore\n`, "x\n812.31 1.00\n"]
  ) {
    assertEquals(decodeStopNote(text), undefined, text);
  }
});
