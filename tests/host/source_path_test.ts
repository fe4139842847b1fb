import { assertEquals } from "@std/assert";
import { expandPath, isSourcePath } from "../../src/host/source_path.ts";
import { SOURCES } from "../../src/host/sources.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const DIRECTORIES: { readonly [path: string]: readonly string[] } = {
  "/sys/cpu": ["cpu0", "cpu10", "cpufreq", "cpu", "kernel_max"],
};
const list = (directory: string) => DIRECTORIES[directory] ?? [];

pure("a star stands for the numbers that are there, braces for each of their words", () => {
  assertEquals(expandPath("/sys/cpu/cpu*/{a,b}", undefined, list), [
    { path: "/sys/cpu/cpu0/a", index: 0, field: "a" },
    { path: "/sys/cpu/cpu0/b", index: 0, field: "b" },
    { path: "/sys/cpu/cpu10/a", index: 10, field: "a" },
    { path: "/sys/cpu/cpu10/b", index: 10, field: "b" },
  ]);
  assertEquals(expandPath("/sys/none/*/a", undefined, list), []);
  assertEquals(expandPath("/sys/cpu/NAME/a", undefined, (folder) => list(folder).slice(0, 3)), [
    { path: "/sys/cpu/cpu0/a", name: "cpu0" },
    { path: "/sys/cpu/cpu10/a", name: "cpu10" },
    { path: "/sys/cpu/cpufreq/a", name: "cpufreq" },
  ]);
  assertEquals(expandPath("/sys/none/NAME/a", undefined, list), []);
  assertEquals(expandPath("/proc/iomem", undefined, list), [{ path: "/proc/iomem" }]);
});

pure("a path with the release needs it, and takes it as it is", () => {
  assertEquals(expandPath("/boot/config-RELEASE", undefined, list), []);
  assertEquals(expandPath("/boot/config-RELEASE", "6.1$&", list), [{ path: "/boot/config-6.1$&" }]);
});

pure("every path of the table is known, and its neighbours are not", () => {
  const list = () => ["0", "12", "cpu0", "cpu12"];
  const paths = Object.values(SOURCES).flatMap((source) => source.paths)
    .flatMap((pattern) => expandPath(pattern, "6.1.0+x", list)).map(({ path }) => path);
  assertEquals(paths.filter((path) => !isSourcePath(path)), []);
  assertEquals(new Set(paths).size, paths.length);
  const near = ["/proc/config_gz", "/boot/config-a/b", "/sys/firmware/memmap/x/start", "/sys/firmware/memmap/0/starts"];
  assertEquals(near.filter(isSourcePath), []);
  assertEquals(paths.filter((path) => isSourcePath(`${path}x/y`) || isSourcePath(`/x${path}`)), []);
});
