import { count, flag, record, type Shape, text } from "../core/shape.ts";
import { BASE64 } from "./base64.ts";

/** What IMA's rules and its appraisal look at of a file, beside its content. */
export interface ImaLabel {
  /** The number of its owner. */
  readonly owner: number;
  /** The number of its group. */
  readonly group: number;
  /** The magic number of its file system (include/uapi/linux/magic.h). */
  readonly fsMagic: number;
  /** The extended attribute `security.ima`, in base64; absent where the file has none. */
  readonly attribute?: string;
  /** Why the attribute cannot be read, by the name of the errno; absent where it was, or is not there. */
  readonly unreadable?: string;
  /** Whether a signature is appended to its content, as scripts/sign-file does it. */
  readonly appended: boolean;
}

/** TMPFS_MAGIC. */
const TMPFS = 0x0102_1994;

/** Of a file in memory (memfd), as warmboot makes them. */
export const MEMORY_LABEL: ImaLabel = { owner: 0, group: 0, fsMagic: TMPFS, appended: false };

/** MODULE_SIGNATURE_MARKER, the last bytes of a file with an appended signature (include/linux/module_signature.h). */
export const SIGNATURE_MARKER = "~Module signature appended~\n";

/** A label in a capture. */
export const IMA_LABEL: Shape<ImaLabel> = record<ImaLabel>({
  owner: { shape: count, doc: "The number of its owner" },
  group: { shape: count, doc: "The number of its group" },
  fsMagic: { shape: count, doc: "The magic number of its file system" },
  attribute: { shape: BASE64, doc: "The extended attribute `security.ima`", fallback: { value: undefined } },
  unreadable: {
    shape: text,
    doc: "Why that attribute cannot be read, by the name of the errno",
    fallback: { value: undefined },
  },
  appended: { shape: flag, doc: "Whether a signature is appended to its content" },
});
