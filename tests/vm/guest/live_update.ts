// deno-lint-ignore-file no-console
/**
 * `live_update hold SESSION FILE` preserves a memfd with the content of the file in a live update session, says `held`, and stays, since
 * the session ends with its holder. `live_update take SESSION` writes what came through a reboot to standard output
 * (include/uapi/linux/liveupdate.h, Linux 7.2).
 */
import { closeSync, openSync } from "node:fs";

const CREATE_SESSION = 0xba00n;
const RETRIEVE_SESSION = 0xba01n;
const PRESERVE_FD = 0xba40n;
const RETRIEVE_FD = 0xba41n;
const FINISH = 0xba42n;

const TOKEN = 42n;
const NAME_LENGTH = 64;

const libc = Deno.dlopen("libc.so.6", {
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
});

/** Makes a request whose structure begins with its size and a descriptor; returns the descriptor afterwards. */
function request(fd: number, number: bigint, descriptor: number, rest: Uint8Array): number {
  const bytes = new Uint8Array(8 + rest.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setInt32(4, descriptor, true);
  bytes.set(rest, 8);
  if (libc.symbols.ioctl(fd, number, bytes) !== 0) throw new Error(`request 0x${number.toString(16)} failed`);
  return view.getInt32(4, true);
}

/** Deno reads and writes only descriptors that it opened itself: the same file by another one. */
function opened(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

function named(name: string): Uint8Array {
  const bytes = new Uint8Array(NAME_LENGTH);
  bytes.set(new TextEncoder().encode(name));
  return bytes;
}

const token = new Uint8Array(new BigUint64Array([TOKEN]).buffer);
const [verb, session = "", file = ""] = Deno.args;
const device = openSync("/dev/liveupdate", "r+");
if (verb === "hold") {
  const memory = libc.symbols.memfd_create(new TextEncoder().encode("state\0"), 0);
  Deno.writeFileSync(opened(memory), Deno.readFileSync(file));
  request(request(device, CREATE_SESSION, 0, named(session)), PRESERVE_FD, memory, token);
  // Others may have the device now; the session is what counts.
  closeSync(device);
  console.log("held");
  setInterval(() => {}, 1 << 30);
} else {
  const held = request(device, RETRIEVE_SESSION, 0, named(session));
  const memory = request(held, RETRIEVE_FD, 0, token);
  const content = Deno.readFileSync(opened(memory));
  for (let done = 0; done < content.length;) done += Deno.stdout.writeSync(content.subarray(done));
  request(held, FINISH, 0, new Uint8Array());
}
