import { assertEquals, assertMatch } from "@std/assert";
import { parseProfile } from "../../src/profile/parse.ts";
import { formatTarget, parseTarget, plannedUnbind, unbindOf } from "../../src/profile/unbind_shape.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const HEAD = "version: 1\nkernel: /boot/vmlinuz\n";

function parsed(text: string) {
  return parseProfile(`${HEAD}${text}\n`, "web.yaml");
}

function messages(text: string): readonly string[] {
  return parsed(text).diagnostics.map(({ severity, code, message }) => `${severity} ${code}: ${message}`);
}

pure("a PCI address with and without its domain, a driver, and a device of any bus", () => {
  const { value, diagnostics } = parsed(
    'unbind: [0000:01:00.0, 0A:1F.7, "driver:nouveau", "driver:i8042 kbd", virtio:virtio3, usb:1-1.2:1.0, 10000:e1:00.0]',
  );
  assertEquals(diagnostics, []);
  assertEquals(value?.unbind, [
    { kind: "device", bus: "pci", device: "0000:01:00.0" },
    { kind: "device", bus: "pci", device: "0000:0a:1f.7" },
    { kind: "driver", driver: "nouveau" },
    { kind: "driver", driver: "i8042 kbd" },
    { kind: "device", bus: "virtio", device: "virtio3" },
    { kind: "device", bus: "usb", device: "1-1.2:1.0" },
    { kind: "device", bus: "pci", device: "10000:e1:00.0" },
  ]);
  assertEquals(value?.unbindFailure, "stop");
  for (const target of value?.unbind ?? []) assertEquals(parseTarget(formatTarget(target)), target);
  // An address on another bus is not one of PCI.
  assertEquals(parseTarget("other:0000:01:00.0"), { kind: "device", bus: "other", device: "0000:01:00.0" });
  assertEquals(formatTarget({ kind: "device", bus: "other", device: "0000:01:00.0" }), "other:0000:01:00.0");
  // A device of the PCI bus that has no address is written with its bus.
  assertEquals(formatTarget({ kind: "device", bus: "pci", device: "x" }), "pci:x");
  // A plan keeps them as texts, and nothing where there are none.
  const planned = value === undefined ? undefined : plannedUnbind({ ...value, unbindFailure: "continue" });
  assertEquals(planned?.targets.slice(0, 3), ["0000:01:00.0", "0000:0a:1f.7", "driver:nouveau"]);
  assertEquals(unbindOf(planned), { unbind: value?.unbind ?? [], unbindFailure: "continue" });
  assertEquals(unbindOf(undefined), { unbind: [], unbindFailure: "stop" });
});

pure("what is not one of them is an error with its place", () => {
  for (
    const wrong of ["nouveau", '"driver:"', '"driver:a/b"', "pci:..", "0000:01:00.8", "00:00", '"driver: x"', "-x:y"]
  ) {
    const [problem, ...more] = parsed(`unbind: [${wrong}]`).diagnostics;
    assertEquals([problem?.severity, problem?.position?.line, more], ["error", 3, []], wrong);
    assertMatch(`${problem?.message} ${problem?.expected}`, /PCI address/);
  }
});

pure("what somebody may have meant is told", () => {
  const hint = (text: string) => parsed(`unbind: [${text}]`).diagnostics.map(({ hint }) => hint);
  assertEquals([hint('"driver: nouveau"'), hint('"pci:/sys/x"'), hint("nouveau"), hint('"-x:y"')], [
    ['Write it without a space after the colon, and in quotes: `"driver:nouveau"`'],
    ["Name the device as in /sys/bus/BUS/devices, without a path"],
    ["For all devices of a driver, write `driver:NAME`"],
    [undefined],
  ]);
});

pure("nothing runs before a panic, and a system that continues keeps its devices", () => {
  assertMatch(
    messages("unbind: [driver:x]\ncrash: true").join(),
    /error conflict: `unbind` would be ignored: nothing runs/,
  );
  const preserved = messages("unbind: [driver:x]\npreserve_context: true\nload: kexec_load");
  assertMatch(preserved.join(), /error conflict: `unbind` and `preserve_context` are mutually exclusive/);
  assertEquals(messages("unbind: []\ncrash: true").filter((each) => each.includes("unbind")), []);
});

pure("what to do on a failure requires devices, and is stop or continue", () => {
  assertEquals(parsed("unbind: [driver:x]\nunbind_failure: continue").value?.unbindFailure, "continue");
  assertMatch(messages("unbind_failure: continue").join(), /error conflict: `unbind_failure` would be ignored/);
  assertMatch(messages("unbind: [driver:x]\nunbind_failure: ignore").join(), /^error/);
});
