import { formatSize } from "../../core/number.ts";
import { fail, pass, type Rule, warn } from "./rule.ts";

const initrdFiles: Rule = {
  name: "initrd-files",
  about:
    "Files that are added to the initrd have a place in it, where the links and folders of the initrds before lead",
  exit: "unavailable",
  check({ call, images }) {
    const overlays = images.initrd.flatMap(({ overlay }) => overlay ?? []);
    if (overlays.length === 0) return undefined;
    const fault = overlays.find((overlay) => overlay.fault !== undefined)?.fault;
    if (fault !== undefined) return fail(fault.message, fault.hint);
    const files = overlays.flatMap((overlay) => overlay.files);
    const secrets = files.filter(({ secret }) => secret).length;
    const unverified = call.syscall === "kexec_load" && call.checksum === "sha256" &&
      overlays.some(({ isOpen }) => isOpen);
    if (unverified) {
      return warn(
        "What is secret or known only at load is not verified before the jump: by SHA-256, its digest would be in the plan",
        "Use `checksum: xxh64`, whose sums are computed at load",
      );
    }
    const size = files.reduce((sum, each) => sum + (each.size ?? 0), 0);
    const folders = overlays.flatMap((overlay) => overlay.folders);
    const made = folders.length === 0 ? "" : `, and ${folders.length === 1 ? "a folder" : `${folders.length} folders`}`;
    const kept = secrets === 0 ? "" : `; ${secrets === 1 ? "one of them is" : `${secrets} of them are`} secret`;
    return pass(
      `${files.length === 1 ? "1 file" : `${files.length} files`}, ${formatSize(size)}${made}, are added${kept}`,
    );
  },
};

/** The rule about files that are added to the initrd. */
export const OVERLAY_RULES: readonly Rule[] = [initrdFiles];
