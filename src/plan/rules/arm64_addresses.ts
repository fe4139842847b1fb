import type { HostFacts } from "../../host/facts.ts";
import { releaseNumbers } from "../../core/release.ts";
import { keepsBound } from "../../profile/release_range.ts";
import { fail, pass, type Rule, warn } from "./rule.ts";

/** The linear map begins at minus 2^52 with 52-bit addresses, and at or above minus 2^48 without (asm/memory.h, arm64). */
const WIDE = { start: 0xfff0_0000_0000_0000n, end: 0xffff_0000_0000_0000n } as const;

/** Only with pages of 4 KiB do such addresses take five levels of tables. */
const FIVE_LEVEL_PAGES = 4096n;

/** Seen in 6.12.117, and no longer in 7.2. */
const SEEN = { relation: "<=", numbers: [6, 12] } as const;
const GONE = { relation: ">=", numbers: [7, 2] } as const;

const addressSize: Rule = {
  name: "address-size",
  about:
    "The running arm64 kernel does not use 52-bit addresses (LPA2), with which Linux up to 6.12 crashes while loading: its copy of the page tables lacks the fifth level (copy_p4d in arch/arm64/mm/trans_pgd.c)",
  exit: "unavailable",
  check({ crash, facts }) {
    // A crash image is already in place, and needs no copy of the tables.
    if (facts.machine !== "aarch64" || crash || facts.pageSize !== FIVE_LEVEL_PAGES) return undefined;
    const wide = hasWideAddresses(facts);
    const release = releaseNumbers(facts.release) ?? [];
    const safe = keepsBound(release, GONE);
    if (wide === undefined) return facts.redacted === true && !safe ? warn(HIDDEN, LOOK) : undefined;
    if (!wide) return pass("The running kernel uses addresses of 48 bits or less");
    if (safe) return pass(`Linux ${facts.release} can load images with 52-bit addresses`);
    const says = `The running kernel ${facts.release} uses 52-bit addresses (LPA2)`;
    return keepsBound(release, SEEN)
      ? fail(`${says}, so it crashes when an image is loaded, and cannot load any until it is rebooted`, REMEDY)
      : warn(`${says}, with which kernels before 7.2 may crash when an image is loaded`, REMEDY);
  },
};

const HIDDEN = "Cannot determine whether the running kernel uses 52-bit addresses (LPA2): the capture is redacted";
const LOOK = "The host itself checks it before each load";

const REMEDY = "Reboot normally, with `arm64.nolva` on the kernel command line";

/** Undefined where /proc/kcore does not show it. */
function hasWideAddresses({ kernelMap }: HostFacts): boolean | undefined {
  if (kernelMap === undefined || kernelMap.length === 0) return undefined;
  return kernelMap.some(({ vaddr }) => vaddr >= WIDE.start && vaddr < WIDE.end);
}

/** The rule about the size of addresses. */
export const ADDRESS_RULES: readonly Rule[] = [addressSize];
