import { fail, type Rule } from "./rule.ts";

const predecompress: Rule = {
  name: "predecompress",
  about: "If the profile insists on it (`predecompress: true`), the kernel can be unpacked before the reboot",
  exit: "unavailable",
  check({ packed }) {
    return packed === undefined ? undefined : fail(
      `The profile insists on \`predecompress: true\`, but the kernel would decompress itself, because ${packed}`,
      "Use `predecompress: auto`, which boots the packed kernel in this case",
    );
  },
};

/** The rule about kernels that are to be unpacked before the reboot. */
export const PREDECOMPRESS_RULES: readonly Rule[] = [predecompress];
