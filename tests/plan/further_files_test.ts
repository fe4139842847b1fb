import { assertEquals } from "@std/assert";
import type { InitrdFile } from "../../src/image/boot_files.ts";
import { CRYPT_FILES } from "../../src/image/initrd_crypt.ts";
import { MAKER_FILES } from "../../src/image/initrd_maker.ts";
import type { OverlayEntry, OverlayOrigin } from "../../src/image/overlay.ts";
import { asksForFiles, furtherFiles, withoutFurther } from "../../src/plan/further_files.ts";
import { hostFacts } from "../support/host_facts.ts";
import { NETWORK } from "../support/network.ts";
import { initrdFile, wholeInitrd } from "../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const UUID = "11111111-2222-4333-8444-555555555555";

/** An initrd of systemd that opens volumes and configures a network. */
const SYSTEMD = [
  "/usr/lib/systemd/systemd",
  "/usr/lib/systemd/systemd-networkd",
  "/usr/lib/systemd/systemd-cryptsetup",
  "/usr/lib/systemd/system-generators/systemd-cryptsetup-generator",
];
const programs = Object.fromEntries(
  [...MAKER_FILES, ...CRYPT_FILES, ...SYSTEMD].map((path) =>
    [path, SYSTEMD.includes(path) ? "executable" : "absent"] as const
  ),
);
const INITRD: InitrdFile = { ...initrdFile(), content: wholeInitrd({ programs, texts: {} }) };

const KEY = { kind: "ask", prompt: "Key:" } as const;
const REUSE = { kind: "edit", reuse: true, remove: [], set: [], append: [] } as const;
const unlock = { entries: [{ volume: UUID, key: KEY }], cmdline: REUSE, crash: false };
const facts = hostFacts({ cmdline: `ro rd.luks.uuid=${UUID}`, network: NETWORK });

pure("keys come before the network, each under the key of the profile that asks for them", () => {
  const added = furtherFiles({ unlock, carry: ["network"] }, { facts, initrd: [INITRD] });
  assertEquals(added.map(({ origin }) => origin), ["unlock", "carry"]);
  assertEquals(added[0]?.files.map(({ path, secret }) => [path, secret]), [
    [`/etc/cryptsetup-keys.d/luks-${UUID}.key`, true],
  ]);
  const origins = (demands: Parameters<typeof furtherFiles>[0], host: typeof facts | undefined = facts) =>
    furtherFiles(demands, { facts: host, initrd: [INITRD] }).map(({ origin }) => origin);
  assertEquals([origins({ unlock }), origins({ carry: ["network"] }), origins({})], [["unlock"], ["carry"], []]);
  // Where the host is not known, neither its network nor its command line is.
  assertEquals(furtherFiles({ unlock, carry: ["network"] }, { initrd: [INITRD] }), []);
  const { cmdline: _, ...silent } = facts;
  assertEquals(origins({ unlock }, silent), []);
});

pure("which profiles ask for files", () => {
  assertEquals([asksForFiles({}), asksForFiles({ carry: [] })], [false, false]);
  assertEquals([asksForFiles({ unlock }), asksForFiles({ carry: ["network"] })], [true, true]);
});

pure("what asks for files does not see the archive that it asks for, and sees that of the profile", () => {
  const archive = (...origins: readonly OverlayOrigin[]): InitrdFile => ({
    ...initrdFile({ path: `files:${origins.join()}` }),
    overlay: {
      files: origins.map((origin): OverlayEntry => ({
        kind: "file",
        path: "/a",
        mode: 0o600,
        secret: false,
        origin,
        from: "text",
      })),
      folders: [],
      isOpen: false,
    },
  });
  const all = [INITRD, archive("profile"), archive("unlock"), archive("profile", "carry"), archive("carry")];
  assertEquals(withoutFurther(all).map(({ path }) => path), ["/boot/initrd.img", "files:profile"]);
});
