import type { Diagnostic } from "../core/diagnostic.ts";
import type { HostFacts } from "../host/facts.ts";

/** That these sources do not say what a crash dump must describe, or that the capture leaves them out. */
export function unknownDump(sources: readonly string[], { redacted }: Pick<HostFacts, "redacted">): Diagnostic {
  const unknown = { code: "crash-unknown", severity: "error" } as const;
  if (redacted === true) {
    return {
      ...unknown,
      message: `What a crash dump must describe is not in this capture, which is redacted: it leaves out ${
        sources.join(", ")
      }`,
      hint:
        "Plan with a capture that is not redacted, outside of the repository, or use `load: kexec_file_load`, with which the kernel describes itself",
    };
  }
  return {
    ...unknown,
    message: `What a crash dump must describe is unknown: ${sources.join(", ")} ${
      sources.length === 1 ? "does" : "do"
    } not say`,
    hint:
      "Run warmboot as root on the host itself, or use `load: kexec_file_load`, with which the kernel describes itself",
  };
}
