import { assertEquals } from "@std/assert";
import type { CapturedFile } from "../../src/host/capture.ts";
import { decodeFacts } from "../../src/host/decode_facts.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const KERNEL = "/proc/sys/kernel";
const LEAST = { [`${KERNEL}/arch`]: "x86_64\n", [`${KERNEL}/osrelease`]: "6.1.0\n" };

function facts(files: { readonly [path: string]: CapturedFile }) {
  return decodeFacts({ format: "warmboot.facts/1", files: { ...LEAST, ...files } });
}

pure("who the host is, each by its own file", () => {
  const { value, diagnostics } = facts({
    [`${KERNEL}/ostype`]: "Linux\n",
    [`${KERNEL}/version`]: "#1 SMP Debian\n",
    [`${KERNEL}/hostname`]: "web1\n",
    [`${KERNEL}/random/boot_id`]: "5b1a6b8e-0000-4000-8000-000000000001\n",
    "/proc/1/comm": "init\n",
    "/proc/1/exe": "/usr/bin/busybox (deleted)\n",
  });
  assertEquals(diagnostics, []);
  const { machine, release, version, hostname, bootId, init, initProgram } = value ?? {};
  assertEquals([machine, release, version, hostname, bootId, init, initProgram], [
    "x86_64",
    "6.1.0",
    "#1 SMP Debian",
    "web1",
    "5b1a6b8e-0000-4000-8000-000000000001",
    "init",
    "/usr/bin/busybox (deleted)",
  ]);
});

pure("systemd and OpenRC are told apart by their folders", () => {
  const of = (...folders: readonly string[]) => {
    const { value } = facts(Object.fromEntries(folders.map((folder) => [folder, ""])));
    return [value?.systemd, value?.openrc];
  };
  assertEquals([of(), of("/run/systemd/system"), of("/run/openrc")], [
    [false, undefined],
    [true, undefined],
    [false, true],
  ]);
});

pure("a host that is not Linux has no plans: an error, not a warning", () => {
  assertEquals(
    facts({ [`${KERNEL}/ostype`]: "GNU\n" }).diagnostics.map(({ severity, message }) => [severity, message]),
    [["error", "The host runs GNU, not Linux"]],
  );
});

pure("32-bit x86 has pages of 4096 bytes, too", () => {
  for (const machine of ["i386", "i686"]) {
    assertEquals(facts({ [`${KERNEL}/arch`]: `${machine}\n` }).value?.pageSize, 4096n, machine);
  }
});
