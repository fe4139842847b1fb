import { assertEquals, assertStringIncludes } from "@std/assert";
import type { HostFacts } from "../../src/host/facts.ts";
import type { Check } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { arm64Input } from "../support/arm64.ts";

/** The linear map of QEMU's `virt`, as /proc/kcore of 6.12 had it with LPA2 and without. */
const WIDE: Partial<HostFacts> = {
  kernelMap: [{ vaddr: 0xfff0_0000_0000_0000n, paddr: 0x4000_0000n, size: 2n << 30n }],
};
const NARROW: Partial<HostFacts> = {
  kernelMap: [{ vaddr: 0xffff_0000_4000_0000n, paddr: 0x4000_0000n, size: 1n << 30n }],
};

const CASES: readonly (readonly [string, Partial<HostFacts>, Check["status"] | undefined, string])[] = [
  ["48-bit addresses", { ...NARROW, release: "6.12.117+deb13-arm64" }, "pass", "48 bits or less"],
  [
    "52-bit addresses up to 6.12",
    { ...WIDE, release: "6.12.117+deb13-arm64" },
    "fail",
    "crashes when an image is loaded",
  ],
  ["just after 6.12", { ...WIDE, release: "6.13.0" }, "warn", "may crash"],
  [
    "an address above the wide map",
    {
      kernelMap: [{ vaddr: 0xffff_8000_0000_0000n, paddr: 0x4000_0000n, size: 1n << 30n }],
      release: "6.12.1",
    },
    "pass",
    "48 bits or less",
  ],
  ["between 6.12 and 7.2", { ...WIDE, release: "6.17.0-5-generic" }, "warn", "may crash"],
  ["7.2", { ...WIDE, release: "7.2.13+deb14-arm64" }, "pass", "can load images with 52-bit addresses"],
  ["other pages, and four levels", { ...WIDE, pageSize: 16384n, release: "6.12.1" }, undefined, ""],
  ["/proc/kcore is not there", { kernelMap: [], release: "6.12.1" }, undefined, ""],
  ["a redacted capture", { kernelMap: [], redacted: true, release: "6.12.1" }, "warn", "the capture is redacted"],
  ["a redacted capture of 7.2", { kernelMap: [], redacted: true, release: "7.2.1" }, undefined, ""],
];

for (const [name, changes, status, says] of CASES) {
  Deno.test({
    name: `arm64, size of addresses: ${name}`,
    permissions: "none",
    fn() {
      const input = arm64Input();
      const { value } = planBoot({ ...input, facts: { ...input.facts, ...changes } });
      const check = value?.checks.find(({ rule }) => rule === "address-size");
      assertEquals(check?.status, status);
      assertStringIncludes(check?.message ?? "", says);
    },
  });
}
