import type { Diagnostic } from "../core/diagnostic.ts";

/** That these sources do not say what a crash dump must describe. */
export function unknownDump(sources: readonly string[]): Diagnostic {
  return {
    code: "crash-unknown",
    severity: "error",
    message: `What a crash dump must describe is unknown: ${sources.join(", ")} ${
      sources.length === 1 ? "does" : "do"
    } not say`,
    hint:
      "Run warmboot as root on the host itself, or use `load: kexec_file_load`, with which the kernel describes itself",
  };
}
