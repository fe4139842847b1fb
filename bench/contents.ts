/**
 * The first `plan` with a large initrd, which is read through, against zstd, cpio and sha256sum on the same file. CPU time
 * of both: on a machine with one core they would take that long.
 */
import { join } from "@std/path";
import { bzImage } from "../tests/image/build.ts";
import { cpio } from "../tests/image/build_elf.ts";
import { line } from "./pairs.ts";

const ROOT = join(import.meta.dirname ?? ".", "..");

/** Bytes of the initrd, packed, and files in it. */
const PACKED = 60 << 20;
const FILES = 2000;

/** Words with some noise: packs to about half. */
function content(size: number): Uint8Array {
  const noise = crypto.getRandomValues(new Uint8Array(Math.min(size, 65536)));
  return Uint8Array.from({ length: size }, (_, at) => at % 64 < 30 ? (noise[at % noise.length] ?? 0) : at % 64);
}

/** CPU seconds of a shell's command, those of its programs included. */
async function cpuOf(script: string): Promise<number> {
  const args = ["-c", `${script}\ntimes`];
  const { success, stdout, stderr } = await new Deno.Command("bash", { args, cwd: ROOT }).output();
  const text = new TextDecoder().decode(stdout);
  const [, minutesUser = "", user = "", minutesSystem = "", system = ""] =
    /(\d+)m([\d.]+)s (\d+)m([\d.]+)s\s*$/.exec(text) ?? [];
  if (!success || user === "") throw new Error(new TextDecoder().decode(stderr));
  return (Number(minutesUser) + Number(minutesSystem)) * 60 + Number(user) + Number(system);
}

/** Runs it, and gives the lines of the result. */
export async function benchContents(): Promise<readonly string[]> {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-bench-" });
  try {
    const at = (name: string): string => join(folder, name);
    const part = content(PACKED / FILES * 2);
    Deno.writeFileSync(
      at("archive"),
      cpio(Array.from({ length: FILES }, (_, index) => ({
        name: `file${index}`,
        bytes: part.map((byte) => byte ^ index & 0xff),
      }))),
    );
    Deno.writeFileSync(at("vmlinuz"), bzImage());
    Deno.writeTextFileSync(at("web.yaml"), "version: 1\nkernel: vmlinuz\ninitrd: initrd.img\ncmdline: ro\n");
    await cpuOf(`zstd -q -3 ${at("archive")} -o ${at("initrd.img")}`);
    const facts = join(ROOT, "tests/fixtures/hosts/bios-vm.json");
    // Without the permission to write, what was found is not kept: each plan is the first.
    const plan = `${Deno.execPath()} run --allow-read --allow-ffi --no-check cli.ts plan ${
      at("web.yaml")
    } --facts ${facts}`;
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let round = 0; round < 5; round++) {
      ours.push(1000 * await cpuOf(`${plan} >/dev/null`));
      theirs.push(
        1000 * await cpuOf(`zstd -dc ${at("initrd.img")} | cpio -t >/dev/null; sha256sum ${at("initrd.img")}`),
      );
    }
    const size = Math.round(Deno.statSync(at("initrd.img")).size / 2 ** 20);
    return [line(`first plan with ${size} MiB of zstd / zstd, cpio, sha256sum`, ours, theirs, 1.5)];
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
