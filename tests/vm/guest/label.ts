// deno-lint-ignore-file no-console
/**
 * What the guest has no program for: labels of IMA and logon keys.
 *
 *     label hash FILE       security.ima with the file's SHA-256
 *     label other FILE      with the SHA-256 of something else
 *     label signature FILE  with what looks like a signature
 *     label key NAME        a logon key in root's keyring
 *     label forget          takes every key out of that keyring
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const ADD_KEY = 248n;
const KEYCTL = 250n;
const USER_KEYRING = -4n;
const KEYCTL_CLEAR = 7n;

const libc = Deno.dlopen("libc.so.6", {
  setxattr: { parameters: ["buffer", "buffer", "buffer", "usize", "i32"], result: "i32" },
  add_key: { name: "syscall", parameters: ["i64", "buffer", "buffer", "buffer", "u64", "i64"], result: "i64" },
  keyctl: { name: "syscall", parameters: ["i64", "i64", "i64"], result: "i64" },
});

const text = (word: string) => new TextEncoder().encode(`${word}\0`);

/** IMA_XATTR_DIGEST_NG of SHA-256, and EVM_IMA_XATTR_DIGSIG (security/integrity/integrity.h). */
function attribute(verb: string, file: string): Uint8Array<ArrayBuffer> {
  if (verb === "signature") return Uint8Array.from([3, 2, 4, ...new Uint8Array(300)]);
  const hash = createHash("sha256").update(verb === "hash" ? readFileSync(file) : "other").digest();
  return Uint8Array.from([4, 4, ...hash]);
}

const [verb = "", name = ""] = Deno.args;
let result: bigint | number;
if (verb === "key") {
  const payload = new Uint8Array(64).fill(7);
  result = libc.symbols.add_key(ADD_KEY, text("logon"), text(name), payload, BigInt(payload.length), USER_KEYRING);
} else if (verb === "forget") {
  result = libc.symbols.keyctl(KEYCTL, KEYCTL_CLEAR, USER_KEYRING);
} else {
  const value = attribute(verb, name);
  result = libc.symbols.setxattr(text(Deno.realPathSync(name)), text("security.ima"), value, BigInt(value.length), 0);
}
console.log(Number(result) < 0 ? "failed" : "done");
if (Number(result) < 0) Deno.exit(1);
