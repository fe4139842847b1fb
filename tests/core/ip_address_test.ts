import { assertEquals } from "@std/assert";
import { formatIpAddress, isPrefix, netmask, networkOf, parseIpAddress } from "../../src/core/ip_address.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function canonical(text: string): string | undefined {
  const parsed = parseIpAddress(text);
  return parsed === undefined ? undefined : formatIpAddress(parsed);
}

pure("addresses are read in every form, and written in one (RFC 4291, RFC 5952)", () => {
  const forms: readonly (readonly [string, string])[] = [
    ["10.0.2.77", "10.0.2.77"],
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["::ffff:10.0.2.77", "::ffff:a00:24d"],
    ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["0:1:2:3:4:5:6:0", "0:1:2:3:4:5:6:0"],
  ];
  for (const [text, expected] of forms) assertEquals(canonical(text), expected, text);
});

pure("what is not an address is not read", () => {
  for (
    const text of [
      "",
      "1.2.3",
      "1.2.3.256",
      "01.2.3.4",
      "1.2.3.4/8",
      "::1%eth0",
      "1::2::3",
      "1:2:3:4::5:6:7:8::9",
      "1:2:3:4:5:6:7",
      "12345::",
      "1:2:3:4:5:6:7:8:9",
      ":::",
      "::1.2.3",
      "g::",
      "1:2:3:4:5:6:7::8",
    ]
  ) {
    assertEquals(canonical(text), undefined, text);
  }
});

pure("a prefix gives the network and the mask", () => {
  const network = (text: string, prefix: number) => {
    const parsed = parseIpAddress(text);
    return parsed === undefined ? undefined : formatIpAddress(networkOf(parsed, prefix));
  };
  assertEquals([network("10.0.2.77", 24), network("10.0.2.77", 0), network("10.0.2.77", 32)], [
    "10.0.2.0",
    "0.0.0.0",
    "10.0.2.77",
  ]);
  assertEquals([network("2001:db8:1:2::3", 64), network("2001:db8::1", 128)], ["2001:db8:1:2::", "2001:db8::1"]);
  assertEquals([netmask(24), netmask(0), netmask(32), netmask(17)], [
    "255.255.255.0",
    "0.0.0.0",
    "255.255.255.255",
    "255.255.128.0",
  ]);
  assertEquals([
    isPrefix(4, 32),
    isPrefix(4, 33),
    isPrefix(6, 128),
    isPrefix(6, 129),
    isPrefix(4, -1),
    isPrefix(4, 1.5),
    isPrefix(4, 0),
    isPrefix(6, 0),
  ], [true, false, true, false, false, false, true, true]);
});
