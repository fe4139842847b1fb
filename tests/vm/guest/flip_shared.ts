/**
 * `flip_shared FILE OFFSET...` maps a file shared, as its owner may, and inverts these bytes of it again and again until it is
 * killed. It prints a line when it has begun. Neither the size nor a time of the file changes with that.
 */
const [path = "", ...offsets] = Deno.args;
const libc = Deno.dlopen("libc.so.6", {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  mmap: { parameters: ["usize", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
});
const { size } = Deno.statSync(path);
// O_RDWR; PROT_READ | PROT_WRITE, MAP_SHARED.
const fd = libc.symbols.open(new TextEncoder().encode(`${path}\0`), 2);
const at = libc.symbols.mmap(0n, BigInt(size), 3, 1, fd, 0n);
if (fd < 0 || at === null) throw new Error(`Cannot map ${path}`);
const bytes = new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(at, size));
// As long unchanged as changed, and never for the same time: any moment of a load is met by either.
for (let changed = false;; changed = !changed) {
  for (const offset of offsets.map(Number)) bytes[offset] = (bytes[offset] ?? 0) ^ 0xff;
  if (!changed) Deno.stdout.writeSync(new TextEncoder().encode("changed\n"));
  await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 300));
}
