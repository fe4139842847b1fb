import { assertEquals } from "@std/assert";
import { type Capture, captureReader, collect } from "../../src/host/capture.ts";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import type { KexecHandover } from "../../src/host/facts.ts";
import { preservedState, preservedText, scratchText } from "../../src/host/kexec_handover.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

type Files = Capture["files"];

const LEAST = { "/proc/sys/kernel/arch": "x86_64\n", "/proc/sys/kernel/osrelease": "7.2.13\n" };
const CONFIG = "/boot/config-7.2.13";
const BUILT = { [CONFIG]: "CONFIG_KEXEC_HANDOVER=y\n# CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT is not set\n" };
const BY_DEFAULT = { [CONFIG]: "CONFIG_KEXEC_HANDOVER=y\nCONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT=y\n" };
const ON = { ...BUILT, "/proc/cmdline": "kho=on\n" };
const LIVE = { ...ON, "/sys/class/misc/liveupdate": "" };
const SHOW = "systemctl show";

function handover(files: Files): KexecHandover | undefined {
  return decodeFacts({ format: "warmboot.facts/1", files: { ...LEAST, ...files } }).value?.handover;
}

pure("handover is on where it is built in and the command line or the default says so", () => {
  const rows: readonly (readonly [Files, string, boolean])[] = [
    [{}, "ro", false],
    [BUILT, "ro", false],
    [BUILT, "kho=on", true],
    [BUILT, "kho=1", true],
    [BUILT, "kho=Y ro", true],
    [BUILT, "kho=true", true],
    [BUILT, "kho=enable", true],
    [BUILT, "kho=O", false],
    [BUILT, "KHO=on", false],
    [BUILT, "kho", false],
    [BUILT, "kho=what", false],
    [BUILT, "kho=on kho=off", false],
    [BUILT, "kho=off kho=on", true],
    // What kstrtobool does not take changes nothing.
    [BUILT, "kho=on kho=x", true],
    [BUILT, "ro -- kho=on", false],
    [BUILT, "kho-scratch=1M,2M,0", false],
    [BY_DEFAULT, "ro", true],
    [BY_DEFAULT, "kho=off", false],
    [BY_DEFAULT, "kho=0", false],
    [BY_DEFAULT, "kho=No", false],
    [BY_DEFAULT, "kho=False", false],
    [BY_DEFAULT, "kho=Disabled", false],
    [BY_DEFAULT, "kho=o", true],
    // A kernel that does not show its options is believed.
    [{}, "kho=on", true],
    [{ [CONFIG]: "CONFIG_KEXEC=y\n" }, "kho=on", false],
    [{ [CONFIG]: "# CONFIG_KEXEC_HANDOVER is not set\n" }, "kho=on", false],
  ];
  for (const [files, cmdline, isOn] of rows) {
    const found = handover({ ...files, "/proc/cmdline": `${cmdline}\n` });
    assertEquals(found !== undefined, isOn, `${Object.values(files)[0]}: ${cmdline}`);
  }
  assertEquals(handover(ON), { sessions: [], services: [], reservedMemory: [] });
});

const OUT = "/sys/kernel/debug/kho/out";

pure("the scratch areas are those of debugfs, in its order, and show that handover is on", () => {
  const files = {
    [`${OUT}/scratch_phys`]: "0x7ac00000\n0x1000000\n0x40000000\n",
    [`${OUT}/scratch_len`]: "0x2400000\n0x400000\n0x0\n",
    "/proc/cmdline": "kho_scratch=4M,36M,0\n",
  };
  assertEquals(handover(files)?.scratch, [
    { start: 0x7ac0_0000n, end: 0x7d00_0000n },
    { start: 0x100_0000n, end: 0x140_0000n },
    { start: 0x4000_0000n, end: 0x4000_0000n },
  ]);
  assertEquals(handover(files)?.scratchParameter, "4M,36M,0");
  assertEquals(
    handover({ ...files, "/proc/cmdline": "kho_scratch=1M,2M,0 kho_scratch=30%\n" })?.scratchParameter,
    "30%",
  );
  const parameter = (cmdline: string) => handover({ ...ON, "/proc/cmdline": `kho=on ${cmdline}\n` })?.scratchParameter;
  assertEquals(
    [parameter("kho_scratch=1M,2M,0 kho-scratch=300%"), parameter("kho_scratch"), parameter("-- kho_scratch=1M,2M,0")],
    ["300%", undefined, undefined],
  );
  assertEquals(scratchText(handover(files)?.scratch ?? []), "36 MiB, 4 MiB, 0 bytes");
  const decimal = handover({ ...ON, [`${OUT}/scratch_phys`]: "4096\n", [`${OUT}/scratch_len`]: "0x1000\n" });
  assertEquals(decimal?.scratch, undefined);
  assertEquals(handover({ ...ON, [`${OUT}/scratch_phys`]: { error: "EACCES" } })?.scratch, undefined);
  assertEquals(handover({ ...ON, ...files, [`${OUT}/scratch_len`]: "0x400000\n" })?.scratch, undefined);
  const { diagnostics } = decodeFacts({
    format: "warmboot.facts/1",
    files: { ...LEAST, ...ON, ...files, [`${OUT}/scratch_len`]: "0x1\nmuch\n0x2\n" },
  });
  assertEquals(
    diagnostics.filter(({ code }) => code === "facts-malformed").map(({ message }) => message),
    [`${OUT}/scratch_len does not hold lines of hexadecimal numbers; it is ignored`],
  );
});

pure("live update sessions are found by the links of their holders, each once", () => {
  const files = {
    ...LIVE,
    "/proc/12/fd":
      "3 anon_inode:[luo_session] vm one\n5 anon_inode:[luo_session] vm one\n7 anon_inode:[luo_session] b\n",
    "/proc/200/fd": "4 anon_inode:[luo_session] c\n",
    "/proc/201/fd": "4 anon_inode:[eventfd]\n5 /tmp/anon_inode:[luo_session] d\n",
  };
  assertEquals(handover(files)?.sessions, [
    { name: "vm one", pid: 12 },
    { name: "b", pid: 12 },
    { name: "c", pid: 200 },
  ]);
  const withCapabilities = (capabilities: string) =>
    handover({ ...files, "/proc/self/status": `CapEff:\t${capabilities}\n` })?.sessions?.length;
  assertEquals(withCapabilities("000001ffffffffff"), 3);
  // Without CAP_SYS_PTRACE, what others hold cannot be seen.
  assertEquals(withCapabilities("000001fffff7ffff"), undefined);
  // Without live update there are none.
  assertEquals(handover({ ...ON, "/proc/self/status": "CapEff:\t0000000000000000\n" })?.sessions, []);
});

const STORES = `Version=261 (261.1-1)

Id=vault.service
NFileDescriptorStore=2
FileDescriptorStorePreserve=yes

Id=cache.service
NFileDescriptorStore=1
FileDescriptorStorePreserve=on-success

Id=journald.service
NFileDescriptorStore=9
FileDescriptorStorePreserve=restart

Id=no.service
NFileDescriptorStore=9
FileDescriptorStorePreserve=no

Id=empty.service
NFileDescriptorStore=0
FileDescriptorStorePreserve=yes
`;

pure("services whose stored descriptors systemd hands over, from version 261 on", () => {
  assertEquals(handover({ ...LIVE, [SHOW]: STORES })?.services, [
    { unit: "vault.service", descriptors: 2 },
    { unit: "cache.service", descriptors: 1 },
  ]);
  assertEquals(handover({ ...LIVE, [SHOW]: STORES.replace("261 (", "260 (") })?.services, []);
  assertEquals(handover({ ...LIVE, [SHOW]: STORES.replace("Version=", "") })?.services, []);
  assertEquals(handover({ ...LIVE, [SHOW]: "" })?.services, []);
  assertEquals(handover({ ...LIVE, [SHOW]: { error: "EIO" } })?.services, []);
  // Handed over by live update only.
  assertEquals(handover({ ...ON, [SHOW]: STORES })?.services, []);
});

pure("memory of reserve_mem= by its name, as the kernel reads it", () => {
  const names = (cmdline: string) => handover({ ...ON, "/proc/cmdline": `kho=on ${cmdline}\n` })?.reservedMemory;
  assertEquals(names("reserve_mem=2M:4096:trace reserve_mem=0x100000::oops"), ["trace", "oops"]);
  assertEquals(names("reserve_mem=2M:4096:trace reserve_mem=4M:4096:trace"), ["trace"]);
  assertEquals(names("reserve_mem=2M reserve_mem=2M:4096 reserve_mem=2M:4096: reserve_mem=x:y:z reserve_mem"), []);
  assertEquals(names("reserve_mem=x2M:4096:a reserve_mem=2M:4096x:b reserve_mem=2Z:4096:c"), []);
  assertEquals(names("reserve_mem=1g:4k:a reserve_mem=1P:1e:b reserve_mem=1T:1t:c:d"), ["a", "b", "c:d"]);
  assertEquals(names("-- reserve_mem=2M:4096:trace"), []);
  assertEquals(names("reserve_mem=x2M:4096:trace"), []);
  const nine = Array.from({ length: 9 }, (_, index) => `reserve_mem=1M:4096:m${index}`).join(" ");
  assertEquals(names(nine)?.length, 8);
});

pure("what is preserved is named, the first four things of many", () => {
  const found = handover({
    ...LIVE,
    "/proc/cmdline": "kho=on reserve_mem=2M:4096:trace\n",
    "/proc/12/fd": "3 anon_inode:[luo_session] vm\u001b1\n",
    [SHOW]: STORES,
  });
  const facts = found === undefined ? {} : { handover: found };
  const state = [
    "live update session `vm?1` (process 12)",
    "2 file descriptors of vault.service",
    "a file descriptor of cache.service",
    "reserved memory `trace` (reserve_mem=)",
  ];
  assertEquals(preservedState(facts), state);
  assertEquals(preservedText(state), state.join(", "));
  assertEquals(preservedText([...state, "one", "two"]), `${state.join(", ")}, and 2 more`);
  assertEquals(preservedState({}), []);
});

pure("a capture has the sessions and services only where live update is on, and nothing else of them", () => {
  const files = {
    ...LEAST,
    "/proc/12/fd": "3 anon_inode:[luo_session] vm\n4 /etc/passwd\n",
    [SHOW]: STORES,
  };
  const captured = (more: Files) =>
    Object.entries(collect(captureReader({ format: "warmboot.facts/1", files: { ...files, ...more } })).files)
      .filter(([path]) => path === SHOW || path.startsWith("/proc/12/"));
  assertEquals(captured({}), []);
  assertEquals(captured({ "/sys/class/misc/liveupdate": "" }), [
    ["/proc/12/fd", "3 anon_inode:[luo_session] vm\n"],
    [SHOW, STORES.split("\n\nId=empty")[0] + "\n"],
  ]);
});
