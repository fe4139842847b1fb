import { assertEquals } from "@std/assert";
import type { DmCryptKeys } from "../../src/host/facts.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { CRASH_KEY_RULES } from "../../src/plan/rules/crash_keys.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { crashHost } from "../support/crash_host.ts";
import { images, PART_DIGESTS, profileOf } from "../support/profiles.ts";

const NAMES = CRASH_KEY_RULES.map(({ name }) => name);
const KEYS: DmCryptKeys = {
  keys: [{ name: "a", description: "cryptsetup:a" }, { name: "b", description: "cryptsetup:b" }],
  reuse: false,
};

/** What the named rules say of a crash kernel, where these keys are registered. */
function said(dmCryptKeys: DmCryptKeys | undefined, profile: Partial<Profile> = {}, rules = NAMES) {
  const facts = crashHost();
  const { value } = planBoot({
    profile: profileOf({ crash: true, ...profile }),
    facts: { ...facts, kexec: { ...facts.kexec, ...(dmCryptKeys === undefined ? {} : { dmCryptKeys }) } },
    images: images(),
    partDigests: PART_DIGESTS,
  });
  return (value?.checks ?? []).filter(({ rule }) => rules.includes(rule)).map(({ status, message, hint }) =>
    hint === undefined ? [status, message] : [status, message, hint]
  );
}

Deno.test({
  name: "the crash kernel gets the registered dm-crypt keys by kexec_file_load, and by kexec_load none",
  permissions: "none",
  fn() {
    assertEquals(said(undefined), []);
    assertEquals(said({ keys: [], reuse: false }), []);
    assertEquals(said(KEYS, { crash: false }), []);
    assertEquals(said(KEYS), [[
      "pass",
      "The crash kernel gets 2 dm-crypt keys (cryptsetup:a, cryptsetup:b), from the keyring",
    ]]);
    assertEquals(said({ ...KEYS, reuse: true }), [[
      "pass",
      "The crash kernel gets 2 dm-crypt keys (cryptsetup:a, cryptsetup:b), as the image loaded last has them",
    ]]);
    assertEquals(said({ keys: [{ name: "a", description: "d" }] }, { load: "kexec_load" }), [[
      "warn",
      "The crash kernel does not get the 1 dm-crypt key (d) registered for it: kexec_load hands over none",
      "Use `load: kexec_file_load`, or save the dump where no key is needed",
    ]]);
    // A key without a description is refused as well where those of the last image are taken.
    assertEquals(said({ keys: [{ name: "c" }], reuse: true })[0]?.[0], "fail");
    assertEquals(said({ keys: [...KEYS.keys, { name: "c" }] }), [[
      "fail",
      "The dm-crypt key c has no description, so the kernel answers EINVAL",
      "Write the description of its logon key into /sys/kernel/config/crash_dm_crypt_keys/c/description, or remove that " +
      "folder (rmdir)",
    ]]);
  },
});

Deno.test({
  name: "the kernel adds where the keys are to the command line, which leaves less room",
  permissions: "none",
  fn() {
    const limit = (keys: DmCryptKeys | undefined, profile: Partial<Profile> = {}) =>
      said(keys, profile, ["cmdline-length"]).map(([, message]) => /of (\d+) bytes/.exec(message ?? "")?.[1]);
    assertEquals([limit(undefined), limit({ keys: [] }), limit(KEYS), limit(KEYS, { crash: false })], [
      ["2017"],
      ["2017"],
      ["1986"],
      ["2017"],
    ]);
    assertEquals(limit(KEYS, { load: "kexec_load" }), ["2048"]);
  },
});
