import type { DmCryptKeys } from "../../host/facts.ts";
import { DM_CRYPT_KEYS } from "../../host/sources.ts";
import { fail, pass, type Rule, warn } from "./rule.ts";

/** The registered keys in a few words: `2 dm-crypt keys (cryptsetup:a, cryptsetup:b)`. */
function describeKeys({ keys }: DmCryptKeys): string {
  const names = keys.map(({ name, description }) => description ?? name);
  return `${names.length} dm-crypt ${names.length === 1 ? "key" : "keys"} (${names.join(", ")})`;
}

const crashKeys: Rule = {
  name: "crash-keys",
  about:
    "The crash kernel gets the dm-crypt keys that are registered for it (kernel/crash_dump_dm_crypt.c, Linux 7.2: kexec_file_load)",
  exit: "unavailable",
  check({ call, crash, facts }) {
    const registered = facts.kexec.dmCryptKeys;
    if (!crash || registered === undefined || registered.keys.length === 0) return undefined;
    const what = describeKeys(registered);
    if (call.syscall === "kexec_load") {
      return warn(
        `The crash kernel does not get the ${what} registered for it: kexec_load hands over none`,
        "Use `load: kexec_file_load`, or save the dump where no key is needed",
      );
    }
    const unstated = registered.keys.find(({ description }) => description === undefined);
    if (unstated !== undefined) {
      const folder = `${DM_CRYPT_KEYS}/${unstated.name}`;
      return fail(
        `The dm-crypt key ${unstated.name} has no description, so the kernel answers EINVAL`,
        `Write the description of its logon key into ${folder}/description, or remove that folder (rmdir)`,
      );
    }
    return pass(
      registered.reuse === true
        ? `The crash kernel gets ${what}, as the image loaded last has them`
        : `The crash kernel gets ${what}, from the keyring`,
    );
  },
};

/** The rules about what the crash kernel needs to open its volumes. */
export const CRASH_KEY_RULES: readonly Rule[] = [crashKeys];
