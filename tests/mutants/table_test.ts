import { assertEquals } from "@std/assert";
import { MUTANTS } from "./table.ts";

const src = (file: string): string => Deno.readTextFileSync(new URL(`../../src/${file}`, import.meta.url));

Deno.test("every change of the table still applies: its text occurs exactly once, and its tests exist", () => {
  const stale = MUTANTS.filter(({ file, from, to, tests }) => {
    const isThere = Deno.statSync(new URL(`../${tests}`, import.meta.url)) !== undefined;
    return src(file).split(from).length !== 2 || from === to || !isThere;
  });
  assertEquals(stale.map(({ file, from }) => `${file}: ${from}`), []);
});

Deno.test("the table has at least forty changes, in all parts that plan and load", () => {
  assertEquals(MUTANTS.length >= 40, true);
  const parts = new Set(MUTANTS.map(({ file }) => file.split("/")[0]));
  assertEquals(["app", "diff", "plan", "profile", "state", "syscall"].filter((part) => !parts.has(part)), []);
});
