import { formatSize } from "../../core/number.ts";
import type { CryptTool } from "../../image/initrd_crypt.ts";
import type { UnlockOutcome } from "../unlock/unlock.ts";
import { fail, pass, type Rule } from "./rule.ts";

/** What opens volumes in an initrd, in a sentence. */
const TOOLS: { readonly [tool in CryptTool]: string } = {
  systemd: "systemd-cryptsetup",
  "dracut-systemd": "systemd-cryptsetup",
  dracut: "dracut",
  "cryptsetup-initramfs": "cryptsetup-initramfs",
};

const opened: Rule = {
  name: "unlock-volume",
  about: "The next initrd opens each volume of `unlock`",
  exit: "unavailable",
  check({ unlock = [] }) {
    if (unlock.length === 0) return undefined;
    const closed = unlock.find(({ kind }) => kind === "closed");
    if (closed !== undefined && closed.kind !== "opens") {
      return fail(`The volume \`${closed.volume}\` would stay closed: ${closed.why}`, closed.hint);
    }
    const open = opens(unlock);
    return open.length === 0 ? undefined : pass(
      open.map(({ volume, tool, opened: { name } }) => `${TOOLS[tool]} in the initrd opens \`${volume}\` as ${name}`)
        .join("; "),
    );
  },
};

const known: Rule = {
  name: "unlock-unknown",
  about: "It is known how the next initrd finds the key of each volume of `unlock`",
  exit: "unavailable",
  check({ unlock = [] }) {
    if (unlock.length === 0) return undefined;
    const unknown = unlock.find(({ kind }) => kind === "unknown");
    if (unknown !== undefined && unknown.kind !== "opens") {
      return fail(`The key of the volume \`${unknown.volume}\` has no place: ${unknown.why}`, unknown.hint);
    }
    const open = opens(unlock);
    return open.length === 0 ? undefined : pass(
      open.map(({ volume, opened: { file }, editsCrypttab }) =>
        `The key of \`${volume}\` is read from ${file}${editsCrypttab ? ", which a changed crypttab names" : ""}`
      ).join("; "),
    );
  },
};

/** What cryptsetup reads of a key file, at most (its default since 2.0; systemd reads twice as much). */
const KEY_MAX = 8 << 20;

const keyFile: Rule = {
  name: "unlock-key-file",
  about: "The key of each volume of `unlock` is a file that is not empty, and not larger than its readers take",
  exit: "unavailable",
  check({ unlock = [], images: { initrd } }) {
    const placed = initrd.flatMap(({ overlay }) => overlay?.files ?? []).filter(({ origin }) => origin === "unlock");
    const keys = opens(unlock).flatMap(({ volume, key, opened: { file } }) => {
      const entry = placed.find(({ path }) => path === file);
      return key.kind !== "from" || entry === undefined ? [] : [{ volume, path: key.path, entry }];
    });
    if (keys.length === 0) return undefined;
    for (const { volume, path, entry: { kind, size = 0 } } of keys) {
      const of = `the key of the volume \`${volume}\``;
      if (kind !== "file") return fail(`${path}, ${of}, is a folder`, "Name the key file");
      if (size === 0) return fail(`${path}, ${of}, is empty`, "Name the key file");
      if (size > KEY_MAX) {
        return fail(`${path}, ${of}, has ${formatSize(size)}; a key file has at most ${formatSize(KEY_MAX)}`);
      }
    }
    return pass(keys.map(({ path, entry: { size = 0 } }) => `${path} has ${formatSize(size)}`).join(", "));
  },
};

function opens(unlock: readonly UnlockOutcome[]): readonly Extract<UnlockOutcome, { readonly kind: "opens" }>[] {
  return unlock.filter((outcome) => outcome.kind === "opens");
}

/** The rules about volumes that the next initrd opens. */
export const UNLOCK_RULES: readonly Rule[] = [opened, known, keyFile];
