// Generated from entry_stub.S by `deno task generate`.

/** Labels of the entry stub, as offsets in its bytes, and its constants. */
export const ENTRY_STUB_SYMBOLS = {
  startup: 0x20,
  loadflags: 0x28,
  kaslrFlag: 0x2,
} as const;

/** The entry stub's bytes in base64, with line breaks. */
export const ENTRY_STUB_CODE = `
+vyKBSAAAAAIhhECAABIjQXr////SAMFBAAAAP/gZpAAAAAAAAAAAAAAAAAAAAAA
`;
