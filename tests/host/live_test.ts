import { assert, assertEquals } from "@std/assert";
import { hasErrors } from "../../src/core/diagnostic.ts";
import { captureReader, captureText, collect, parseCapture } from "../../src/host/capture.ts";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import { liveReader } from "../../src/host/live.ts";

function textOf(path: string): string | undefined {
  const result = liveReader().read(path);
  return result.kind === "bytes" ? new TextDecoder().decode(result.bytes) : undefined;
}

Deno.test("the facts of this host are decoded without errors, live and from their capture alike", () => {
  const capture = collect(liveReader());
  const live = decodeFacts(capture);
  assert(!hasErrors(live.diagnostics), JSON.stringify(live.diagnostics));
  const stored = parseCapture(captureText(capture), "facts.json");
  assertEquals(stored.diagnostics, []);
  assert(stored.value !== undefined);
  assertEquals(decodeFacts(stored.value), live);
  assertEquals(collect(captureReader(stored.value)), capture);
});

Deno.test("what this host says of itself is what the runtime knows of it", () => {
  const facts = decodeFacts(collect(liveReader())).value;
  assertEquals(facts?.release, Deno.osRelease());
  assertEquals(facts?.machine, Deno.build.arch);
  assertEquals(facts?.hostname, Deno.hostname());
  assertEquals(facts?.memTotal, BigInt(Deno.systemMemoryInfo().total));
});

Deno.test("what is not there is absent, and what cannot be read has its errno", () => {
  const reader = liveReader();
  assertEquals(reader.read("/proc/no-such-source"), { kind: "absent" });
  assertEquals(reader.read("/proc/version/below-a-file"), { kind: "absent" });
  assertEquals(reader.read("/proc/self/mem"), { kind: "error", error: "EIO" });
  assertEquals(reader.list("/proc/no-such-directory"), []);
});

Deno.test("a directory is present without content, a namespace is the text of its link", () => {
  assertEquals(textOf("/proc/sys"), "");
  assert(/^pid:\[\d+\]\n$/.test(textOf("/proc/self/ns/pid") ?? ""));
});

Deno.test("names in a directory are in the order of their numbers", () => {
  const pids = liveReader().list("/proc").filter((name) => /^\d+$/.test(name)).map(Number);
  assertEquals(pids, pids.toSorted((a, b) => a - b));
});

Deno.test("a compressed source is unpacked, and one that is damaged is an error", async () => {
  const directory = Deno.makeTempDirSync();
  const stream = new Blob(["CONFIG_KEXEC=y\n"]).stream().pipeThrough(new CompressionStream("gzip"));
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  Deno.writeFileSync(`${directory}/config.gz`, packed);
  Deno.writeFileSync(`${directory}/cut.gz`, packed.subarray(0, 12));
  assertEquals(textOf(`${directory}/config.gz`), "CONFIG_KEXEC=y\n");
  assertEquals(liveReader().read(`${directory}/cut.gz`).kind, "error");
  Deno.removeSync(directory, { recursive: true });
});

Deno.test({
  name: "without permission for /proc there is one error, and it says what to do",
  permissions: { read: true },
  fn() {
    const { value, diagnostics } = decodeFacts(collect(liveReader()));
    assertEquals([value, diagnostics.map(({ code }) => code)], [undefined, ["facts-not-capable"]]);
  },
});
