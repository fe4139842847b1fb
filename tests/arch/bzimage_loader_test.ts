import { assertEquals } from "@std/assert";
import type { BzImage } from "../../src/image/image.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { hostFacts } from "../support/host_facts.ts";
import { bzImage, images, kernelFile, PART_DIGESTS, profileOf } from "../support/profiles.ts";

/** Where the kernel comes to lie, or what is said instead. */
function placeOf(info: Partial<BzImage>): string | undefined {
  const { value, diagnostics } = planBoot({
    profile: profileOf({ load: "kexec_load" }),
    facts: hostFacts(),
    images: images({ kernel: kernelFile({ info: bzImage(info) }) }),
    partDigests: PART_DIGESTS,
  });
  const call = value?.call;
  const [kernel] = call?.syscall === "kexec_load" ? call.segments : [];
  return kernel?.mem ?? diagnostics[0]?.message;
}

Deno.test({
  name: "a kernel that runs at one address only goes there, also below 16 MiB, where no other one goes",
  permissions: "none",
  fn() {
    assertEquals(placeOf({ prefAddress: 0x10_0000n, relocatable: false, alignment: 1 }), "0x100000");
    assertEquals(placeOf({ prefAddress: 0x200_0000n, relocatable: false, alignment: 1 }), "0x2000000");
    assertEquals(placeOf({ prefAddress: 0x10_0000n }), "0x1000000");
    assertEquals(
      placeOf({ prefAddress: 0xc000_0000n, relocatable: false, alignment: 1 }),
      'No free memory is large enough for the segment "kernel" of 60 MiB',
    );
  },
});
