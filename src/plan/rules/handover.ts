import { formatSize } from "../../core/number.ts";
import type { HostFacts } from "../../host/facts.ts";
import { preservedState, preservedText, scratchText } from "../../host/kexec_handover.ts";
import { KHO_SCRATCH } from "../../host/sources.ts";
import { earlyReservations, handoverFit } from "../handover_fit.ts";
import { fail, pass, type Rule, warn } from "./rule.ts";

/** How to get room; what is preserved is lost by the last two. */
function moreRoom({ kernelConfig }: HostFacts): string {
  return "Boot with a larger `kho_scratch=` (`kho_scratch=300%`, or sizes as in `kho_scratch=64M,512M,0`) or with `kho=off`" +
    (kernelConfig.CONFIG_KEXEC === "n" ? "" : ", or set `load: kexec_load`, which hands nothing over");
}

const khoScratch: Rule = {
  name: "kho-scratch",
  about:
    "With kexec handover (KHO) on, the image fits into the scratch areas, the only memory where kexec_file_load then " +
    "places it (`kho_locate_mem_hole`), and enough of them is left for the next kernel to start in",
  exit: "unavailable",
  check({ call, crash, facts, images }) {
    if (call.syscall !== "kexec_file_load" || crash) return undefined;
    const fit = handoverFit({
      facts,
      images,
      cmdline: call.cmdline,
      forceDtb: call.flags.includes("KEXEC_FILE_FORCE_DTB"),
    });
    if (fit === undefined) return undefined;
    const areas = scratchText(facts.handover?.scratch ?? []);
    switch (fit.kind) {
      case "hidden":
        return warn(
          "Kexec handover (KHO) is on, so the image must fit into its scratch areas, but the host does not show them",
          `Mount debugfs and run warmboot as root, so that it can read ${KHO_SCRATCH}`,
        );
      case "no-room":
        return fail(
          `Kexec handover (KHO) is on, and none of its scratch areas (${areas}) has room for ${fit.failed.name}, ` +
            `${formatSize(fit.failed.size)} in one piece`,
          moreRoom(facts),
        );
      case "perhaps":
        return warn(
          `The image hardly fits into the scratch areas of kexec handover (${areas}): ${fit.failed.name} may find no room`,
          moreRoom(facts),
        );
      case "fits": {
        const early = earlyReservations(facts);
        return early === undefined || fit.left >= early
          ? pass(
            `The image fits into the scratch areas of kexec handover (${areas}), and leaves ${formatSize(fit.left)}`,
          )
          : warn(
            `The image leaves ${
              formatSize(fit.left)
            } of the scratch areas of kexec handover (${areas}), where the next kernel ` +
              `starts; the running one reserved ${formatSize(early)} early`,
            moreRoom(facts),
          );
      }
    }
  },
};

const khoLost: Rule = {
  name: "kho-lost",
  about:
    "Where kexec handover (KHO) is on, kexec_load, which hands nothing over, loses nothing that the running kernel " +
    "preserves, or the profile accepts that (`preserved_state: discard`)",
  exit: "unavailable",
  check({ call, crash, preservedState: choice, facts }) {
    const { handover } = facts;
    if (call.syscall !== "kexec_load" || crash || handover === undefined) return undefined;
    // The running kernel goes on.
    if (call.flags.includes("KEXEC_PRESERVE_CONTEXT")) return undefined;
    const state = preservedState(facts);
    const isHidden = handover.sessions === undefined;
    if (state.length === 0) {
      if (choice === "discard") return pass("kexec_load hands nothing over (KHO), which the profile accepts");
      return warn(
        `kexec_load hands nothing over, though kexec handover (KHO) is on; ${
          isHidden ? "live update sessions are shown to root only" : "nothing is known to be preserved"
        }`,
        isHidden
          ? "Run warmboot as root, or use `load: kexec_file_load`"
          : "Use `load: kexec_file_load`, or state `preserved_state: discard`",
      );
    }
    const what = preservedText(state);
    return choice === "discard"
      ? pass(`kexec_load loses what the running kernel preserves, which the profile accepts: ${what}`)
      : fail(
        `kexec_load would lose what the running kernel preserves: ${what}`,
        "Use `load: kexec_file_load`, or accept the loss by `preserved_state: discard`",
      );
  },
};

/** The rules about kexec handover. */
export const HANDOVER_RULES: readonly Rule[] = [khoScratch, khoLost];
