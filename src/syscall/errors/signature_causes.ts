import type { CauseRow } from "./cause.ts";

/** What verifying an image that is not a PE file answers (pefile_parse_binary, kexec_image_verify_sig), and IMA. */
const OF_UNSIGNED = ["EACCES", "EKEYREJECTED", "ELIBBAD", "ENODATA"] as const;

/** Why an image that is built at load was refused, where the plan could not know it before. */
export const BUILT_IMAGE_CAUSES: readonly CauseRow[] = OF_UNSIGNED.map((errno) => ({
  errno,
  when: ({ call }) => call.name === "kexec_file_load" && call.built === true,
  cause:
    "the image that is built around the unpacked kernel has no signature, and the running kernel or its integrity " +
    "policy (IMA) demands one",
  remedy: "Remove `predecompress`, so that the kernel's own signed file is loaded",
}));

/** Why an image's signature was refused: crypto/asymmetric_keys, Linux 7.3. */
export const SIGNATURE_CAUSES: readonly CauseRow[] = [
  {
    errno: "ENODATA",
    cause: "the kernel requires a signature, but the image has none",
    remedy: "Use a signed kernel, or sign this one (sbsign)",
  },
  {
    errno: "ENOKEY",
    cause: "the image is not signed with a key that the running kernel trusts",
    remedy: "Enrol the signing key (firmware db or machine owner key), or use the distribution's kernel",
  },
  {
    errno: "EKEYREJECTED",
    cause: "the image's signature is bad, revoked, or of a kind that this kernel cannot verify",
    remedy: "Use an intact signed kernel; old kernels verify only PE signatures",
  },
  {
    errno: "ELIBBAD",
    cause: "the image's PE structure or its signature wrapper cannot be read",
    remedy: "Copy the kernel again; it may be damaged",
  },
  {
    errno: "EBADMSG",
    cause: "the image's signature cannot be read",
    remedy: "Copy the kernel again; it may be damaged",
  },
  {
    errno: "ENOPKG",
    cause: "the running kernel lacks an algorithm of the signature",
    remedy: "Use a kernel signed with another algorithm",
  },
];
