import { type Checked, withoutPath } from "../core/diagnostic.ts";
import { DEFAULT_ENTRY } from "../entry/cold_boot.ts";
import { describeEntry } from "../entry/found_entry.ts";
import type { HostFacts } from "../host/facts.ts";
import type { ProfileTemplate } from "../profile/profile_template.ts";
import { coldBootOn } from "./entry_files.ts";
import type { CapturedFiles } from "./image_file.ts";
import { NEXT_STEPS } from "./init_installed.ts";

/** A profile of what the boot loader would boot, whatever that is when it is planned; now it must be something. */
export function templateFromBootEntry(
  id: string,
  facts: HostFacts,
  captured: CapturedFiles | undefined,
): Checked<ProfileTemplate> {
  const { value: entry, diagnostics } = coldBootOn(facts, captured, id);
  const unplaced = diagnostics.map(withoutPath);
  if (entry === undefined) return { value: undefined, diagnostics: unplaced };
  const what = id === DEFAULT_ENTRY
    ? "Boots what a cold reset would boot: the default entry of the boot loader, found again for each plan."
    : `Boots the entry ${id} of the boot loader, as it is when the plan is made.`;
  return {
    value: {
      about: [what, NEXT_STEPS],
      bootEntry: id,
      initrd: [],
      notes: {
        kernel:
          `When this was written, ${
            describeEntry(entry)
          }. Its kernel is ${entry.kernel}. To change its command line: ` +
          "cmdline: { reuse: entry, append: debug }",
      },
    },
    diagnostics: unplaced,
  };
}
