import { assert, assertEquals } from "@std/assert";
import { type Failure, runBootFiles, runCase, runImage, type Tally } from "./one_case.ts";

Deno.test({
  name: "1500 changed images and hosts give diagnostics, or plans that break no rule of the kernel",
  permissions: "none",
  fn() {
    const tally: Tally = {};
    const failures: Failure[] = [];
    for (let index = 0; index < 1500; index++) {
      const failure = runCase(20260101, index, tally);
      if (failure !== undefined) failures.push(failure);
    }
    assertEquals(failures, []);
    // Both ways of both calls are reached often enough to mean something.
    for (const call of ["kexec_file_load", "kexec_load"]) {
      for (const outcome of ["sound", "failed checks"]) assert((tally[`${call}: ${outcome}`] ?? 0) >= 50, outcome);
    }
    assert((tally["kexec_load: diagnostics"] ?? 0) >= 50);
    assert((tally["host refused"] ?? 0) >= 50);
  },
});

Deno.test({
  name: "600 changed files of boot loaders give an entry, or an error that says why not",
  permissions: "none",
  fn() {
    const tally: Tally = {};
    const failures: Failure[] = [];
    for (let index = 0; index < 600; index++) {
      const failure = runBootFiles(20260101, index, tally);
      if (failure !== undefined) failures.push(failure);
    }
    assertEquals(failures, []);
    for (const outcome of ["entry", "refused"]) assert((tally[`boot entry: ${outcome}`] ?? 0) >= 100, outcome);
  },
});

Deno.test({
  name: "600 changed images that are taken apart or unpacked give parts that lie in them, or say why not",
  permissions: "none",
  async fn() {
    const tally: Tally = {};
    const failures: Failure[] = [];
    for (let index = 0; index < 600; index++) {
      const failure = await runImage(20260101, index, tally);
      if (failure !== undefined) failures.push(failure);
    }
    assertEquals(failures, []);
    for (const outcome of ["stub: composed", "uboot: composed", "uboot: fault", "packed: unpacked", "packed: fault"]) {
      assert((tally[`image: ${outcome}`] ?? 0) >= 10, outcome);
    }
  },
});

Deno.test({
  name: "cases that failed before stay mended",
  permissions: "none",
  fn() {
    const cases = [
      // A memory map of zeros, but for a crash reservation beyond its parent.
      [31337, 94553],
      // A crash reservation beyond its parent, and another one that nothing contradicts.
      [20785, 911],
    ] as const;
    for (const [seed, index] of cases) assertEquals(runCase(seed, index, {}), undefined);
  },
});
