import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Program, WholeInitrd } from "../../src/host/image_content.ts";
import type { CryptFacts } from "../../src/host/volumes.ts";
import { CRYPT_FILES } from "../../src/image/initrd_crypt.ts";
import { MAKER_FILES } from "../../src/image/initrd_maker.ts";
import type { InitrdFile } from "../../src/image/boot_files.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { unlockOf } from "../../src/plan/unlock/planned.ts";
import { planUnlock, type UnlockOutcome, type UnlockPlan } from "../../src/plan/unlock/unlock.ts";
import type { OverlayEntry } from "../../src/image/overlay.ts";
import type { Unlock } from "../../src/profile/profile.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, profileOf } from "../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const ROOT = "11111111-2222-4333-8444-555555555555";
const DATA = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";

const facts: CryptFacts = {
  crypttab: `root UUID=${ROOT} none luks\ndata /dev/vdb1 none luks\n`,
  openVolumes: [{ name: "root", uuid: ROOT, device: "/dev/vda2" }],
  diskLinks: [
    { link: `/dev/disk/by-uuid/${ROOT}`, device: "/dev/vda2" },
    { link: "/dev/disk/by-partuuid/0a-02", device: "/dev/vda2" },
    { link: "/dev/disk/by-id/wwn-2", device: "/dev/vda2" },
    { link: `/dev/disk/by-uuid/${DATA}`, device: "/dev/vdb1" },
  ],
};

const SYSTEMD = [
  "/usr/lib/systemd/systemd",
  "/usr/lib/systemd/systemd-cryptsetup",
  "/usr/lib/systemd/system-generators/systemd-cryptsetup-generator",
];
const DRACUT_SYSTEMD = [...SYSTEMD, "/usr/lib/dracut-lib.sh", "/usr/bin/dracut-emergency"];
const DRACUT = ["/usr/lib/dracut-lib.sh", "/usr/sbin/cryptroot-ask"];
const DEBIAN = ["/scripts/functions", "/scripts/local-top/cryptroot"];

interface Case {
  readonly has: readonly string[];
  readonly texts?: { readonly [path: string]: string };
  readonly cmdline?: string;
  readonly unlock?: readonly Unlock[];
  readonly added?: OverlayEntry;
}

const FROM = { kind: "from", path: "/etc/keys/root.key" } as const;

/** An initrd with these programs and texts, and after it what is added. */
function initrdOf({ has, texts = {}, added }: Case): readonly InitrdFile[] {
  const programs = Object.fromEntries(
    [...MAKER_FILES, ...CRYPT_FILES].map((
      path,
    ): [string, Program] => [path, has.includes(path) ? "executable" : "absent"]),
  );
  const content: WholeInitrd = {
    kind: "whole",
    archives: 1,
    untrailed: 0,
    files: 1,
    size: 1,
    memory: 1,
    packed: [],
    hasCrc: false,
    bootconfig: 0,
    isOpen: false,
    isEarly: false,
    modules: [],
    programs,
    texts,
  };
  return [{
    path: "/boot/initrd",
    size: 1,
    sha256: "",
    info: { kind: "cpio", format: "newc" } as const,
    content,
    ...(added === undefined ? {} : { overlay: { files: [added], folders: [], isOpen: false } }),
  }];
}

function plan(given: Case): UnlockPlan {
  const { cmdline = "", unlock = [{ volume: "root", key: FROM }] } = given;
  return planUnlock({ unlock, cmdline, images: { initrd: initrdOf(given) }, facts });
}

/** Where the key goes, and the crypttab that comes with it. */
function placed(given: Case): readonly [key: string | undefined, crypttab: string | undefined] {
  const { outcomes: [outcome], files } = plan(given);
  assertEquals(outcome?.kind, "opens", JSON.stringify(outcome));
  const key = files.find(({ secret }) => secret);
  assertEquals([key?.mode, key?.content], [0o400, FROM]);
  const table = files.find(({ secret }) => !secret);
  return [key?.path, table?.content.kind === "text" ? table.content.text : undefined];
}

/** Where systemd looks for the key of a volume of this name by itself. */
function usual(name: string): string {
  return `/etc/cryptsetup-keys.d/${name}.key`;
}

/** Why there is no place for the key. */
function refused(given: Case): Extract<UnlockOutcome, { readonly kind: "unknown" | "closed" }> {
  const { outcomes: [outcome], files } = plan(given);
  if (outcome === undefined || outcome.kind === "opens") throw new Error(JSON.stringify(outcome));
  assertEquals(files, []);
  return outcome;
}

const crypttab = (text: string): { readonly [path: string]: string } => ({ "/etc/crypttab": text });

pure("systemd: an empty key field means the usual place, by the name of that initrd's crypttab", () => {
  for (const field of ["none", "-", ""]) {
    const texts = crypttab(`cryptroot UUID=${ROOT} ${field}\n`);
    assertEquals(placed({ has: SYSTEMD, texts }), ["/etc/cryptsetup-keys.d/cryptroot.key", undefined]);
  }
  // A relative path counts as none.
  assertEquals(placed({ has: SYSTEMD, texts: crypttab("root /dev/vda2 keys/a luks\n") }), [
    "/etc/cryptsetup-keys.d/root.key",
    undefined,
  ]);
});

pure("systemd: without a line in crypttab, luks-UUID or the name on the command line", () => {
  assertEquals(
    placed({ has: SYSTEMD, cmdline: `rd.luks.uuid=${ROOT} ro` })[0],
    `/etc/cryptsetup-keys.d/luks-${ROOT}.key`,
  );
  assertEquals(
    placed({ has: SYSTEMD, cmdline: `luks.uuid=luks-${ROOT}` })[0],
    `/etc/cryptsetup-keys.d/luks-${ROOT}.key`,
  );
  assertEquals(placed({ has: SYSTEMD, cmdline: `rd.luks.name=${ROOT}=vault` })[0], "/etc/cryptsetup-keys.d/vault.key");
  assertEquals(placed({ has: DRACUT_SYSTEMD, cmdline: "rd.auto" })[0], `/etc/cryptsetup-keys.d/luks-${ROOT}.key`);
});

pure("systemd: the field's own path where it is a file of the initrd, else a line with our path", () => {
  const own = crypttab(`root UUID=${ROOT} /keys/root.key luks\n`);
  assertEquals(placed({ has: SYSTEMD, texts: own }), ["/keys/root.key", undefined]);
  const usual = "/etc/cryptsetup-keys.d/root.key";
  const rows: readonly (readonly [string, string])[] = [
    // On another device, or hidden by what is mounted there.
    ["/root.key:LABEL=stick luks,discard", `${usual} luks,discard`],
    ["/run/keys/root.key luks", `${usual} luks`],
    ["/dev/urandom luks", `${usual} luks`],
    // Other paths than they seem.
    ["/keys/../root.key luks", `${usual} luks`],
    ["/keys//root.key luks", `${usual} luks`],
    ["/keys/./root.key luks", `${usual} luks`],
    ["/keys/ luks", `${usual} luks`],
    // A part of the file, and what a token decrypts.
    ["/keys/root.key luks,keyfile-offset=512,keyfile-size=64", `${usual} luks`],
    ["- luks,tpm2-device=auto,tpm2-pcrs=7", `${usual} luks,tpm2-pcrs=7`],
    ["none fido2-device=auto", `${usual} -`],
    ["- pkcs11-uri=auto,discard", `${usual} discard`],
  ];
  for (const [before, after] of rows) {
    const lines = (fields: string): string => `# mine\nroot UUID=${ROOT} ${fields}\nswap /dev/vda3 /dev/urandom swap\n`;
    assertEquals(placed({ has: SYSTEMD, texts: crypttab(lines(before)) }), [usual, lines(after)], before);
  }
});

pure("systemd: the command line's key and options, with a line of ours where they would be in the way", () => {
  const uuid = `rd.luks.uuid=${ROOT}`;
  const usual = `/etc/cryptsetup-keys.d/luks-${ROOT}.key`;
  assertEquals(placed({ has: SYSTEMD, cmdline: `${uuid} rd.luks.key=/keys/a` }), ["/keys/a", undefined]);
  assertEquals(placed({ has: SYSTEMD, cmdline: `${uuid} rd.luks.key=${ROOT}=/keys/b rd.luks.key=/a` })[0], "/keys/b");
  const line = (options: string): string => `luks-${ROOT} UUID=${ROOT} ${usual}${options}\n`;
  assertEquals(placed({ has: SYSTEMD, cmdline: `${uuid} rd.luks.key=/a:UUID=12-34` }), [usual, line("")]);
  assertEquals(
    placed({ has: SYSTEMD, cmdline: `${uuid} rd.luks.options=discard,tpm2-device=auto`, texts: crypttab("# none") }),
    [usual, `# none\n${line(" discard")}`],
  );
  const fixed = refused({ has: SYSTEMD, cmdline: `${uuid} rd.luks.options=${ROOT}=tpm2-device=auto` });
  assertEquals([fixed.kind, fixed.hint], ["unknown", "Remove `tpm2-device=auto` from the command line"]);
  assertEquals(refused({ has: SYSTEMD, cmdline: `${uuid} rd.luks.key=/a:UUID=1 rd.luks.crypttab=0` }).kind, "unknown");
  assertEquals(
    refused({
      has: SYSTEMD,
      texts: crypttab(`root UUID=${ROOT} none luks\n`),
      cmdline: `${uuid} rd.luks.options=${ROOT}=tpm2-device=auto`,
    }).hint,
    fixed.hint,
  );
  // Options of the command line take the place of those of crypttab.
  const texts = crypttab(`root UUID=${ROOT} none tpm2-device=auto\n`);
  assertEquals(placed({ has: SYSTEMD, texts, cmdline: `${uuid} rd.luks.options=${ROOT}=discard` }), [
    "/etc/cryptsetup-keys.d/root.key",
    undefined,
  ]);
});

pure("systemd: a volume that the initrd does not open", () => {
  for (
    const cmdline of [
      "",
      `rd.luks.uuid=${DATA}`,
      "rd.auto",
      `rd.luks.uuid=${ROOT} rd.luks=0`,
      `luks.uuid=${ROOT} luks=no`,
      `luks.uuid=${ROOT} luks=n`,
      `luks.uuid=${ROOT} luks=F`,
    ]
  ) {
    assertEquals(refused({ has: SYSTEMD, cmdline }).kind, "closed", cmdline);
  }
  assertEquals(refused({ has: SYSTEMD }).hint, `Add \`rd.luks.uuid=${ROOT}\` to \`cmdline\``);
  const texts = crypttab(`root UUID=${ROOT} none luks\n`);
  assertEquals(placed({ has: SYSTEMD, texts })[0], "/etc/cryptsetup-keys.d/root.key");
  // Where the command line lists some, crypttab's others are passed over.
  assertEquals(refused({ has: SYSTEMD, texts, cmdline: `rd.luks.uuid=${DATA}` }).kind, "closed");
  assertEquals(refused({ has: SYSTEMD, texts, cmdline: "rd.luks.crypttab=no" }).kind, "closed");
  // A line without a UUID is not found by it, and the volume is opened by its other name.
  const byDevice = crypttab("root /dev/vda2 none luks\n");
  assertEquals(
    placed({ has: SYSTEMD, texts: byDevice, cmdline: `rd.luks.uuid=${ROOT}` })[0],
    `/etc/cryptsetup-keys.d/luks-${ROOT}.key`,
  );
  assertStringIncludes(refused({ has: SYSTEMD, texts: crypttab("root /dev/vda2 /dev/urandom swap\n") }).why, "`swap`");
  assertStringIncludes(
    refused({ has: SYSTEMD, texts: crypttab("root /dev/vda2 /dev/urandom luks,tmp=ext4\n") }).why,
    "`tmp=ext4`",
  );
  // What stands after `--` is read as well.
  assertEquals(refused({ has: SYSTEMD, texts, cmdline: "ro -- rd.luks=0" }).kind, "closed");
  assertStringIncludes(refused({ has: [SYSTEMD[0] ?? ""] }).why, "it lacks systemd-cryptsetup");
  // The program and its generator: each alone opens nothing.
  for (const missing of SYSTEMD.slice(1)) {
    for (const [has, hint] of [[SYSTEMD, /sd-encrypt/], [DRACUT_SYSTEMD, /dracut --add crypt/]] as const) {
      const { kind, why, hint: found } = refused({ has: has.filter((path) => path !== missing), texts });
      assertEquals(kind, "closed", missing);
      assertStringIncludes(why, "it lacks systemd-cryptsetup and its generator");
      assertMatch(found ?? "", hint);
    }
  }
});

pure("systemd: what the command line says last counts, where it can be read", () => {
  const texts = crypttab(`root UUID=${ROOT} none luks\n`);
  const root = "/etc/cryptsetup-keys.d/root.key";
  const uuid = `rd.luks.uuid=${ROOT}`;
  // A value that is no boolean changes nothing, and a list of nothing lists nothing.
  for (const cmdline of ["rd.luks=0 rd.luks=x", "rd.luks.crypttab=no rd.luks.crypttab=x", "auto", "rd.auto=0"]) {
    assertEquals(
      refused({ has: DRACUT_SYSTEMD, cmdline, texts: cmdline.includes("auto") ? {} : texts }).kind,
      "closed",
    );
  }
  assertEquals(placed({ has: SYSTEMD, texts, cmdline: "rd.luks.uuid rd.luks=x" })[0], root);
  // One that is listed by its name is listed, and then the others are not.
  assertEquals(refused({ has: SYSTEMD, texts, cmdline: `rd.luks.name=${DATA}=data` }).kind, "closed");
  assertEquals(refused({ has: DRACUT_SYSTEMD, cmdline: `rd.auto rd.luks.uuid=${DATA}` }).kind, "closed");
  assertEquals(refused({ has: SYSTEMD, cmdline: `rd.luks.key=${ROOT}=/keys/a` }).kind, "closed");
  // In capitals as well.
  const data = (cmdline: string, table = "") =>
    placed({ has: SYSTEMD, texts: crypttab(table), cmdline, unlock: [{ volume: DATA, key: FROM }] })[0];
  assertEquals(data(`luks.name=${DATA.toUpperCase()}=vault`), usual("vault"));
  assertEquals(data(`rd.luks.uuid=${DATA.toUpperCase()}`), usual(`luks-${DATA}`));
  assertEquals(data(`rd.luks.uuid=${DATA.toUpperCase()}`, `data UUID=${DATA} /keys/e luks\n`), "/keys/e");
  assertEquals(
    placed({ has: SYSTEMD, cmdline: `${uuid} rd.luks.key=${ROOT}=/keys/a rd.luks.key=${ROOT}=/keys/b` })[0],
    "/keys/b",
  );
  // A name such as luks-UUID says which volume a line is of.
  assertEquals(data(`rd.luks.uuid=${DATA}`, `luks-${DATA.toUpperCase()} /dev/vdb1 /keys/c luks\n`), "/keys/c");
  // By the name that crypttab of the host has, where the source is not known here.
  assertEquals(placed({ has: SYSTEMD, texts: crypttab("root LABEL=elsewhere /keys/d luks\n") })[0], "/keys/d");
  const options = `${uuid} rd.luks.options=tpm2-device=auto rd.luks.options=${ROOT}=discard`;
  assertEquals(placed({ has: SYSTEMD, cmdline: options }), [usual(`luks-${ROOT}`), undefined]);
});

pure("systemd: a key on another device, by what follows the last colon", () => {
  for (const tag of ["LABEL", "UUID", "PARTUUID", "PARTLABEL"]) {
    const texts = crypttab(`root UUID=${ROOT} /a:b:${tag}=stick luks\n`);
    assertEquals(placed({ has: SYSTEMD, texts }), [usual("root"), `root UUID=${ROOT} ${usual("root")} luks\n`], tag);
  }
  assertEquals(placed({ has: SYSTEMD, texts: crypttab(`root UUID=${ROOT} /a:/dev/sdb luks\n`) })[0], usual("root"));
  assertEquals(placed({ has: SYSTEMD, texts: crypttab(`root UUID=${ROOT} /keys/a:b luks\n`) })[0], "/keys/a:b");
});

pure("cryptsetup-initramfs: the key field is replaced, and the key lies beside the table", () => {
  const table = (fields: string): string => `swap /dev/vda3 none swap\nvault UUID=${ROOT} ${fields}\n`;
  const text = (fields: string) => ({
    "/cryptroot/crypttab": table(fields),
    "/etc/crypttab": "root /dev/vda2 /x luks\n",
  });
  const key = "/cryptroot/keyfiles/vault.key";
  for (
    const [before, after] of [
      ["none luks,discard,initramfs", `${key} luks,discard,initramfs`],
      ["none luks,keyscript=/lib/cryptsetup/scripts/decrypt_keyctl", `${key} luks`],
      ["/FIXME-initramfs-rootmnt/etc/keys/a luks,keyslot=1", `${key} luks,keyslot=1`],
    ] as const
  ) assertEquals(placed({ has: DEBIAN, texts: text(before) }), [key, table(after)]);
  assertEquals(placed({ has: DEBIAN, texts: text(`${key} luks`) }), [key, undefined]);
});

pure("cryptsetup-initramfs: cryptopts on the command line replaces the table", () => {
  const texts = { "/cryptroot/crypttab": `root UUID=${ROOT} none luks\n` };
  const cmdline = `cryptopts=target=vault,source=UUID=${ROOT},luks`;
  assertEquals(placed({ has: DEBIAN, texts, cmdline: `${cmdline},key=/keys/a` }), ["/keys/a", undefined]);
  const unknown = refused({ has: DEBIAN, texts, cmdline });
  assertEquals(unknown.kind, "unknown");
  assertStringIncludes(unknown.hint, "`key=/cryptroot/keyfiles/vault.key`");
  assertEquals(refused({ has: DEBIAN, texts, cmdline: "cryptopts=" }).kind, "closed");
  assertEquals(refused({ has: DEBIAN }).kind, "closed");
  assertStringIncludes(refused({ has: ["/scripts/functions"], texts }).why, "it lacks cryptsetup-initramfs");
});

pure("cryptsetup-initramfs: what a table and `cryptopts=` say of the key, by their last word", () => {
  const table = (line: string) => ({ "/cryptroot/crypttab": `${line}\n` });
  // Its scripts undo escapes.
  assertEquals(placed({ has: DEBIAN, texts: table(`root UUID=${ROOT} /keys/my\\040key luks`) }), [
    "/keys/my key",
    undefined,
  ]);
  // A line of the volume's name is its own, whatever its source is.
  assertEquals(placed({ has: DEBIAN, texts: table("root LABEL=unknown /keys/a luks") })[0], "/keys/a");
  // A script that prints the key takes the field for its argument.
  const script = `root UUID=${ROOT} /keys/a luks,keyscript=/bin/cat`;
  const key = "/cryptroot/keyfiles/root.key";
  assertEquals(placed({ has: DEBIAN, texts: table(script) }), [key, `root UUID=${ROOT} ${key} luks\n`]);
  const stated = (options: string) => ({ has: DEBIAN, cmdline: `cryptopts=source=UUID=${ROOT},luks${options}` });
  assertEquals(placed(stated(",key=/keys/a,key=/keys/b"))[0], "/keys/b");
  assertEquals(refused(stated(",key=none")).kind, "unknown");
  const { outcomes: [outcome] } = plan(stated(",key=/keys/a"));
  assertEquals(outcome?.kind === "opens" && outcome.opened.name, "cryptroot");
  const unlock = [{ volume: "cryptroot", key: FROM }];
  assertEquals(refused({ has: DEBIAN, cmdline: "cryptopts=", unlock }).kind, "closed");
});

pure("dracut without systemd: what the command line lists, with the file that crypttab names", () => {
  const cmdline = `rd.luks.uuid=luks-${ROOT}`;
  const key = `/etc/cryptsetup-keys.d/luks-${ROOT}.key`;
  assertEquals(placed({ has: DRACUT, cmdline }), [key, `luks-${ROOT} /dev/disk/by-uuid/${ROOT} ${key} luks\n`]);
  const own = crypttab("root /dev/vda2 /keys/root.key luks\n");
  assertEquals(placed({ has: DRACUT, cmdline, texts: own }), ["/keys/root.key", undefined]);
  const usual = "/etc/cryptsetup-keys.d/root.key";
  for (const field of ["none", "/keys/root.gpg", "/run/a"]) {
    assertEquals(placed({ has: DRACUT, cmdline, texts: crypttab(`root UUID=${ROOT} ${field} luks,discard\n`) }), [
      usual,
      `root UUID=${ROOT} ${usual} luks,discard\n`,
    ]);
  }
  // The initrd may list it itself.
  const texts = { "/etc/cmdline.d/90crypt.conf": ` rd.luks.uuid=luks-${ROOT}\n` };
  assertEquals(placed({ has: DRACUT, texts })[0], key);
  assertEquals(placed({ has: DRACUT, cmdline: "rd.auto=1" })[0], key);
  assertEquals(
    placed({ has: DRACUT, cmdline: `${cmdline} rd.luks.name=${ROOT}=vault` })[0],
    "/etc/cryptsetup-keys.d/vault.key",
  );
});

pure("dracut without systemd: what it does not open, or by other ways", () => {
  const texts = crypttab(`root UUID=${ROOT} none luks\n`);
  for (
    const cmdline of ["", `rd.luks.uuid=${DATA}`, `rd.luks.uuid=${ROOT} rd.luks=0`, `rd.auto rd.luks.uuid=${DATA}`]
  ) {
    assertEquals(refused({ has: DRACUT, texts, cmdline }).kind, "closed", cmdline);
  }
  for (const cmdline of ["rd.luks.partuuid=aa", `rd.luks.uuid=${ROOT} rd.luks.crypttab=0`]) {
    assertEquals(refused({ has: DRACUT, texts, cmdline }).kind, "unknown", cmdline);
  }
  assertStringIncludes(refused({ has: ["/usr/lib/dracut-lib.sh"], texts }).why, "module `crypt`");
});

pure(
  "dracut without systemd: values that are no booleans are on, the last counts, and a part of a UUID will do",
  () => {
    const uuid = `rd.luks.uuid=${ROOT}`;
    for (
      const cmdline of [
        "rd.auto=all",
        `${uuid} rd.luks=maybe`,
        `${uuid} rd.luks=0 rd.luks=1`,
        `rd_LUKS_UUID=${ROOT}`,
        `rd.luks.uuid=keysource:luks-${ROOT}`,
      ]
    ) {
      assertEquals(placed({ has: DRACUT, cmdline })[0], `/etc/cryptsetup-keys.d/luks-${ROOT}.key`, cmdline);
    }
    for (const cmdline of [`${uuid} rd.luks=1 rd.luks=off`, "rd.auto=1 rd.auto=0", "rd.auto rd.luks.uuid=22222222"]) {
      assertEquals(refused({ has: DRACUT, cmdline }).kind, "closed", cmdline);
    }
    for (const cmdline of [`${uuid} rd.luks.serial=X`, `${uuid} rd.luks.crypttab=0`]) {
      assertEquals(refused({ has: DRACUT, cmdline }).kind, "unknown", cmdline);
    }
    const data = { unlock: [{ volume: DATA, key: FROM }], cmdline: `rd.luks.uuid=luks-${DATA.toUpperCase()}` };
    assertEquals(placed({ has: DRACUT, ...data })[0], `/etc/cryptsetup-keys.d/luks-${DATA}.key`);
    const named = `${uuid} rd.luks.name=${ROOT}=first rd.luks.name=${ROOT}=a=b`;
    assertEquals(placed({ has: DRACUT, cmdline: named })[0], "/etc/cryptsetup-keys.d/a=b.key");
    // What the command line says comes after what the initrd has itself.
    const texts = { "/etc/cmdline.d/90crypt.conf": `rd.luks=0 ${uuid}\n` };
    assertEquals(refused({ has: DRACUT, texts }).kind, "closed");
    assertEquals(placed({ has: DRACUT, texts, cmdline: "rd.luks=1" })[0], `/etc/cryptsetup-keys.d/luks-${ROOT}.key`);
    const both = { "/etc/cmdline.d/a.conf": "rd.luks=0\n", "/etc/cmdline": `rd.luks=1\n${uuid}\n` };
    assertEquals(refused({ has: DRACUT, texts: both }).kind, "closed");
    assertEquals(
      placed({ has: DRACUT, texts: { "/etc/cmdline": `ro\n${uuid}\n` } })[0],
      `/etc/cryptsetup-keys.d/luks-${ROOT}.key`,
    );
  },
);

pure("dracut without systemd: a line of crypttab counts by its device, or by a tag with the name of the volume", () => {
  const text = (source: string, fields = "/keys/a luks") => crypttab(`root ${source} ${fields}\n`);
  const cmdline = `rd.luks.uuid=${ROOT.slice(0, 8)}`;
  const name = `luks-${ROOT.slice(0, 8)}`;
  const key = `/etc/cryptsetup-keys.d/${name}.key`;
  assertEquals(placed({ has: DRACUT, cmdline, texts: text("/dev/vda2") }), ["/keys/a", undefined]);
  for (const source of [`UUID=${ROOT}`, "PARTUUID=0a-02", "ID=wwn-2"]) {
    assertEquals(placed({ has: DRACUT, cmdline, texts: text(source) }), [
      key,
      `root ${source} /keys/a luks\n${name} /dev/disk/by-uuid/${ROOT} ${key} luks\n`,
    ], source);
  }
  // A name that only ends in it is another one.
  const other = `vault-${ROOT}`;
  assertEquals(
    placed({
      has: DRACUT,
      cmdline: `rd.luks.uuid=${ROOT} rd.luks.name=${ROOT}=${other}`,
      texts: text(`UUID=${ROOT}`),
    })[0],
    `/etc/cryptsetup-keys.d/${other}.key`,
  );
  const swap = refused({ has: DRACUT, cmdline, texts: text("/dev/vda2", "/dev/urandom swap") });
  assertEquals(swap.kind, "closed");
  assertStringIncludes(swap.why, "`swap`");
});

pure("an initrd of another maker, one that was not read, none at all", () => {
  assertEquals(refused({ has: ["/init"] }).kind, "unknown");
  const unlock: readonly Unlock[] = [{ volume: "root", key: FROM }];
  const given = { unlock, cmdline: "", facts };
  assertEquals(planUnlock({ ...given, images: { initrd: [] } }).outcomes[0]?.kind, "closed");
  const initrd = [{ path: "/boot/initrd", size: 1, sha256: "", info: { kind: "cpio", format: "newc" } as const }];
  assertEquals(planUnlock({ ...given, images: { initrd } }).outcomes[0]?.kind, "unknown");
});

pure("of several initrds the last one's crypttab counts, and each must have been read for it", () => {
  const first = initrdOf({ has: SYSTEMD, texts: crypttab(`root UUID=${ROOT} /keys/first luks\n`) });
  const second = initrdOf({ has: [], texts: crypttab(`root UUID=${ROOT} /run/second luks\n`) });
  const given = { unlock: [{ volume: "root", key: FROM }], cmdline: "", facts };
  const { outcomes: [outcome], files } = planUnlock({ ...given, images: { initrd: [...first, ...second] } });
  assertEquals(outcome?.kind === "opens" && [outcome.opened.file, outcome.editsCrypttab], [usual("root"), true]);
  assertEquals(files.map(({ path, mode, secret }) => [path, mode, secret]), [
    ["/etc/crypttab", 0o600, false],
    [usual("root"), 0o400, true],
  ]);
  const unread = first.map(({ content, ...file }): InitrdFile => {
    if (content?.kind !== "whole") return file;
    const { texts: _, ...rest } = content;
    return { ...file, content: rest };
  });
  assertEquals(planUnlock({ ...given, images: { initrd: unread } }).outcomes[0]?.kind, "unknown");
});

pure("several volumes share one crypttab; the same one twice is refused", () => {
  const key = { kind: "ask", prompt: "Data:" } as const;
  const texts = crypttab(`root UUID=${ROOT} /dev/x luks\ndata UUID=${DATA} /dev/x luks\n`);
  const { outcomes, files } = plan({
    has: SYSTEMD,
    texts,
    unlock: [{ volume: "root", key: FROM }, { volume: "data", key }],
  });
  assertEquals(outcomes.map(({ kind }) => kind), ["opens", "opens"]);
  const paths = ["root", "data"].map((name) => `/etc/cryptsetup-keys.d/${name}.key`);
  assertEquals(files.map(({ path, content }) => content.kind === "text" ? content.text : path), [
    `root UUID=${ROOT} ${paths[0]} luks\ndata UUID=${DATA} ${paths[1]} luks\n`,
    ...paths,
  ]);
  for (const other of [key, FROM]) {
    const twice = plan({ has: SYSTEMD, texts, unlock: [{ volume: "root", key: FROM }, { volume: ROOT, key: other }] });
    const [, second] = twice.outcomes;
    assertEquals([second?.kind, twice.files.length], ["unknown", 2]);
    assertMatch(second?.kind === "unknown" ? second.why : "", /^it is the same volume as `root`, /);
  }
});

pure("volumes whose crypttab names one key file share it, and have one key", () => {
  const texts = crypttab(`root UUID=${ROOT} /keys/a luks\ndata UUID=${DATA} /keys/a luks\n`);
  const both = plan({ has: SYSTEMD, texts, unlock: [{ volume: "root", key: FROM }, { volume: "data", key: FROM }] });
  assertEquals(both.outcomes.map((each) => each.kind === "opens" ? each.opened.file : each.why), [
    "/keys/a",
    "/keys/a",
  ]);
  assertEquals(both.files, [{ path: "/keys/a", mode: 0o400, secret: true, content: FROM }]);
  const key = { kind: "ask", prompt: "Data:" } as const;
  const { outcomes, files } = plan({
    has: SYSTEMD,
    texts,
    unlock: [{ volume: "root", key: FROM }, { volume: "data", key }],
  });
  const other = outcomes[1];
  assertEquals([other?.kind, files.length], ["unknown", 1]);
  assertStringIncludes(
    other?.kind === "unknown" ? other.why : "",
    "the initrd reads its key from /keys/a, as that of `root`",
  );
});

pure("what the profile itself adds to the initrd is its crypttab, unless only the load knows it", () => {
  const texts = crypttab(`mine UUID=${ROOT} /keys/mine luks\n`);
  const added: OverlayEntry = {
    kind: "file",
    path: "/etc/crypttab",
    mode: 0o644,
    size: 1,
    sha256: "0".repeat(64),
    secret: false,
    origin: "profile",
    from: "text",
  };
  assertEquals(placed({ has: SYSTEMD, texts, added }), ["/keys/mine", undefined]);
  // The last of several files at one path is what the initrd finds.
  const twice = plan({ has: SYSTEMD, texts, added }).outcomes;
  const both = (first: OverlayEntry, second: OverlayEntry) =>
    planUnlock({
      unlock: [{ volume: "root", key: FROM }],
      cmdline: "",
      images: { initrd: [first, second].flatMap((each) => initrdOf({ has: SYSTEMD, texts, added: each })) },
      facts,
    }).outcomes.map(({ kind }) => kind);
  assertEquals(twice.map(({ kind }) => kind), ["opens"]);
  assertEquals([both({ ...added, secret: true }, added), both(added, { ...added, secret: true })], [
    ["opens"],
    ["unknown"],
  ]);
  const { size: _size, sha256: _sha256, ...late } = added;
  assertEquals(refused({ has: SYSTEMD, texts, added: late }).kind, "unknown");
  assertEquals(refused({ has: SYSTEMD, texts, added: { ...added, secret: true } }).kind, "unknown");
});

pure("the device, the header and the key slot by which a key is tried", () => {
  const texts = crypttab(`root UUID=${ROOT} none luks,header=/boot/root.header,key-slot=3\n`);
  const { outcomes: [outcome] } = plan({ has: SYSTEMD, texts });
  assertEquals(outcome?.kind === "opens" ? outcome.opened : undefined, {
    name: "root",
    device: `/dev/disk/by-uuid/${ROOT}`,
    file: "/etc/cryptsetup-keys.d/root.key",
    header: "/boot/root.header",
    keySlot: 3,
  });
  const slot = (option: string): unknown => {
    const of = crypttab(`root /dev/vda2 none luks,${option}\n`);
    const { outcomes: [found], files } = plan({ has: SYSTEMD, texts: of });
    assertEquals([found?.kind === "opens" && found.editsCrypttab, files.length], [false, 1]);
    // By the header's UUID, however crypttab names the device.
    assertEquals(found?.kind === "opens" && found.opened.device, `/dev/disk/by-uuid/${ROOT}`);
    return found?.kind === "opens" ? found.opened.keySlot : found;
  };
  assertEquals(["keyslot=4", "key-slot=31", "key-slot=x", "key-slot=100"].map(slot), [4, 31, undefined, undefined]);
  // dracut passes over the key slot.
  const dracut = plan({ has: DRACUT, texts, cmdline: `rd.luks.uuid=${ROOT}` }).outcomes[0];
  assertEquals(dracut?.kind === "opens" ? [dracut.opened.header, dracut.opened.keySlot] : [], [
    "/boot/root.header",
    undefined,
  ]);
});

pure("a header in a file: the disk has none, so that the key is tried on what crypttab names", () => {
  const open: CryptFacts = { openVolumes: [{ name: "data", uuid: DATA, device: "/dev/vdb" }] };
  for (
    const [source, device] of [
      ["/dev/vdb", "/dev/vdb"],
      ["/dev/disk/by-id/virtio-data", "/dev/disk/by-id/virtio-data"],
      ["PARTUUID=12-34", "/dev/disk/by-partuuid/12-34"],
    ] as const
  ) {
    const texts = crypttab(`data ${source} none luks,header=/boot/data.header\n`);
    const { outcomes: [outcome] } = planUnlock({
      unlock: [{ volume: "data", key: FROM }],
      cmdline: "",
      images: { initrd: initrdOf({ has: SYSTEMD, texts }) },
      facts: open,
    });
    assertEquals(outcome?.kind === "opens" ? outcome.opened.device : outcome?.why, device);
  }
});

pure("a name that cannot be written into crypttab as it is", () => {
  assertEquals(
    refused({ has: DEBIAN, texts: { "/cryptroot/crypttab": `my\\040root UUID=${ROOT} none luks\n` } }).kind,
    "unknown",
  );
});

/** What the checks say of a key file that the initrd got, or of none: `pass`, or the rule that fails with its first words. */
function verdict({ has, texts = {}, unlock = [{ volume: "root", key: FROM }], added }: Case): string {
  const { value, diagnostics } = planBoot({
    profile: profileOf({ unlock }),
    facts: hostFacts(facts),
    images: images({
      initrd: [...initrdOf({ has, texts }), ...(added === undefined ? [] : initrdOf({ has: [], added }))],
    }),
  });
  const checks = value?.checks.filter(({ rule }) => rule.startsWith("unlock-")) ?? [];
  const failed = checks.find(({ status }) => status === "fail");
  if (checks.length === 0) return JSON.stringify(diagnostics);
  return failed === undefined ? checks.map(({ status }) => status).join() : `${failed.rule}: ${failed.message}`;
}

pure("the checks refuse a volume that stays closed, a key without a place, and a key file that nobody can read", () => {
  const texts = crypttab(`root UUID=${ROOT} none luks\n`);
  const key: OverlayEntry = {
    kind: "file",
    path: "/etc/cryptsetup-keys.d/root.key",
    mode: 0o400,
    size: 32,
    secret: true,
    origin: "unlock",
    from: "/etc/keys/root.key",
  };
  const withKey = (changes: Partial<OverlayEntry>): string =>
    verdict({ has: SYSTEMD, texts, added: { ...key, ...changes } as OverlayEntry });
  assertEquals(withKey({}), "pass,pass,pass");
  assertEquals(withKey({ size: 8 << 20 }), "pass,pass,pass");
  assertStringIncludes(withKey({ size: (8 << 20) + 1 }), "unlock-key-file: /etc/keys/root.key, the key of");
  assertStringIncludes(
    withKey({ size: 0 }),
    "unlock-key-file: /etc/keys/root.key, the key of the volume `root`, is empty",
  );
  assertStringIncludes(withKey({ kind: "folder" }), "is a folder");
  // What is typed at load has no size yet.
  const ask: readonly Unlock[] = [{ volume: "root", key: { kind: "ask", prompt: "Key:" } }];
  const { size: _size, ...typed } = key;
  assertEquals(verdict({ has: SYSTEMD, texts, unlock: ask, added: typed as OverlayEntry }), "pass,pass");
  assertStringIncludes(
    verdict({ has: SYSTEMD, texts, unlock: [...ask, { volume: "nosuch", key: FROM }] }),
    "unlock-volume: The volume `nosuch` would stay closed",
  );
  assertStringIncludes(verdict({ has: [], texts }), "unlock-unknown: The key of the volume `root` has no place");
  assertStringIncludes(
    verdict({ has: SYSTEMD, texts, unlock: [{ volume: "nosuch", key: FROM }] }),
    "unlock-volume: The volume `nosuch` would stay closed",
  );
});

pure("a plan is made from the initrds without the archive that `unlock` itself adds to them", () => {
  const before = crypttab(`root UUID=${ROOT} /dev/urandom luks\n`);
  const after = crypttab(`root UUID=${ROOT} ${usual("root")} luks\n`);
  const entry = (path: string, secret: boolean): OverlayEntry => ({
    kind: "file",
    path,
    mode: 0o600,
    size: 64,
    ...(secret ? {} : { sha256: "0".repeat(64) }),
    secret,
    origin: "unlock",
    from: "text",
  });
  const files = [entry("/etc/crypttab", false), entry(usual("root"), true)];
  const archive = initrdOf({ has: [], texts: after }).map((file) => ({
    ...file,
    path: "files:1",
    overlay: { files, folders: [], isOpen: true },
  }));
  const { value } = planBoot({
    profile: profileOf({ unlock: [{ volume: "root", key: FROM }] }),
    facts: hostFacts(facts),
    images: images({ initrd: [...initrdOf({ has: SYSTEMD, texts: before }), ...archive] }),
  });
  assertStringIncludes(
    value?.checks.find(({ rule }) => rule === "unlock-unknown")?.message ?? "",
    "which a changed crypttab names",
  );
});

pure("a stored plan keeps every entry, also of a volume whose key has no place", () => {
  const entries: readonly Unlock[] = [{ volume: "nosuch", key: FROM }, { volume: "root", key: FROM }];
  const { value } = planBoot({
    profile: profileOf({ unlock: entries }),
    facts: hostFacts(facts),
    images: images({ initrd: initrdOf({ has: SYSTEMD, texts: crypttab(`root UUID=${ROOT} none luks\n`) }) }),
  });
  assertEquals(unlockOf(value?.unlock), entries);
  assertEquals(value?.unlock?.map(({ opened }) => opened?.file), [undefined, usual("root")]);
});

pure("a volume that a crypttab opens as something other than LUKS has no key to try", () => {
  const types =
    "plain tcrypt tcrypt-hidden tcrypt-system tcrypt-veracrypt veracrypt tcrypthidden bitlk fvault2 swap tmp";
  for (const option of [...types.split(" "), "tmp=ext4"]) {
    const texts = crypttab(`root UUID=${ROOT} /keys/root.key discard,${option}\n`);
    const { kind, why } = refused({ has: SYSTEMD, texts });
    assertEquals([kind, why.includes(`the option \`${option}\` for root`)], ["closed", true], why);
  }
});
