import { assertEquals, assertMatch } from "@std/assert";
import { regionOffsets } from "../../src/arch/purgatory.ts";
import { PURGATORY_SYMBOLS } from "../../src/arch/x86_64/purgatory_code.ts";
import type { InitrdFile } from "../../src/image/boot_files.ts";
import type { Overlay } from "../../src/image/overlay.ts";
import { declaredFiles, declaredInitrd, itemOf } from "../../src/plan/declared_files.ts";
import { initrdPieces, movedBootconfig } from "../../src/plan/initrd_pieces.ts";
import { initrdPlacements } from "../../src/plan/initrd_placement.ts";
import { lowerPlan } from "../../src/plan/lower.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { decodePlan } from "../../src/plan/plan_shape.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { bootDigest } from "../../src/plan/stamp.ts";
import { recheck } from "../../src/plan/stored.ts";
import { formatSyscall } from "../../src/plan/syscall.ts";
import type { OverlayFile } from "../../src/profile/overlay_file.ts";
import type { LoadChoice, Profile } from "../../src/profile/profile.ts";
import { isSameImage } from "../../src/state/already_loaded.ts";
import { diffOverlayFiles } from "../../src/diff/overlays.ts";
import { renderPlan } from "../../src/render/plan.ts";
import { PLAIN } from "../../src/render/style.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, initrdFile, PART_DIGESTS, profileOf, wholeInitrd } from "../support/profiles.ts";

const FILES: readonly OverlayFile[] = [
  { path: "/etc/motd", secret: false, content: { kind: "text", text: "hi\n" } },
  { path: "/etc/key", mode: 0o400, secret: true, content: { kind: "text", text: "hunter2" } },
  { path: "/etc/pass", secret: true, content: { kind: "ask", prompt: "Passphrase:" } },
];

const OVERLAY: Overlay = {
  files: [
    {
      kind: "file",
      path: "/etc/motd",
      mode: 0o644,
      size: 3,
      sha256: "c".repeat(64),
      secret: false,
      origin: "profile",
      from: "text",
    },
    { kind: "file", path: "/etc/key", mode: 0o400, size: 7, secret: true, origin: "profile", from: "text" },
    {
      kind: "file",
      path: "/etc/pass",
      mode: 0o600,
      most: 4096,
      secret: true,
      origin: "profile",
      from: "asked: Passphrase:",
    },
  ],
  folders: ["/etc"],
  isOpen: true,
};

/** An initrd that ends in a bootconfig of 100 bytes, and the archive after it. */
function initrds(overlay: Partial<Overlay> = {}): readonly InitrdFile[] {
  return [
    initrdFile({ content: wholeInitrd({ bootconfig: 100, tree: "" }) } as Partial<InitrdFile>),
    {
      path: "files:1",
      size: 5000,
      sha256: "d".repeat(64),
      info: { kind: "cpio", format: "newc" },
      content: wholeInitrd({ packed: [], size: 5000, memory: 12288, files: 4, tree: "" }),
      overlay: { ...OVERLAY, ...overlay },
    },
  ];
}

const PARTS = new Map([
  ...PART_DIGESTS,
  [`/boot/initrd.img@0+${(30 << 20) - 100}`, "1".repeat(64)],
  [`/boot/initrd.img@${(30 << 20) - 100}+100`, "2".repeat(64)],
]);

function planOf(load: LoadChoice, overlay: Partial<Overlay> = {}, profile: Partial<Profile> = {}): Plan {
  const { value, diagnostics } = planBoot({
    profile: profileOf({ load, initrd: [{ path: "/boot/initrd.img" }, { files: FILES }], ...profile }),
    facts: hostFacts(),
    images: images({ initrd: initrds(overlay) }),
    partDigests: PARTS,
  });
  if (value === undefined) throw new Error(JSON.stringify(diagnostics));
  return value;
}

const CALLS = ["kexec_file_load", "kexec_load"] as const;

Deno.test({
  name: "a bootconfig stays last: archives that are made at load come before it, by both calls",
  permissions: "none",
  fn() {
    const [file, segments] = CALLS.map((load) => planOf(load).call);
    if (file?.syscall !== "kexec_file_load" || segments?.syscall !== "kexec_load") throw new Error("other calls");
    assertEquals(file.bootconfig, { path: "/boot/initrd.img", size: 100 });
    assertMatch(
      lowerPlan(planOf("kexec_file_load")).map(formatSyscall).join(),
      /memfd\("\/boot\/initrd.img" \+ archive\(files:1\) \+ bootconfig\("\/boot\/initrd.img"\)\)/,
    );
    const placed = segments.segments.filter(({ name }) => /^(?:initrd|bootconfig)/.test(name));
    assertEquals(placed.map(({ name, source }) => [name, source]), [
      ["initrd 1", { kind: "file", path: "/boot/initrd.img", offset: 0, length: (30 << 20) - 100 }],
      ["initrd 2", { kind: "overlay", path: "files:1", offset: 0, length: 5000 }],
      ["bootconfig", { kind: "file", path: "/boot/initrd.img", offset: (30 << 20) - 100, length: 100 }],
    ]);
    // Each by the digest of its own bytes, and not of the file.
    assertEquals([placed[0]?.sha256, placed[2]?.sha256], ["1".repeat(64), "2".repeat(64)]);
    const [first, second, third] = placed.map(({ mem, memsz }) => [BigInt(mem), BigInt(mem) + BigInt(memsz)]);
    assertEquals([first?.[1], second?.[1]], [second?.[0], third?.[0]]);
  },
});

Deno.test({
  name: "purgatory verifies an archive by its sum, and by SHA-256 unless something in it is known only at load",
  permissions: "none",
  fn() {
    const verified = (checksum: Profile["checksum"], isOpen: boolean): boolean => {
      const { call } = planOf("kexec_load", { isOpen }, { checksum });
      if (call.syscall !== "kexec_load") throw new Error("the other call");
      const { source } = call.segments.at(-1) ?? {};
      if (source?.kind !== "bytes") throw new Error("no purgatory");
      const bytes = Uint8Array.fromBase64(source.base64);
      const view = new DataView(bytes.buffer);
      const archive = call.segments.find(({ name }) => name === "initrd 2");
      return regionOffsets(bytes, PURGATORY_SYMBOLS).some((offset) =>
        view.getBigUint64(offset + PURGATORY_SYMBOLS.regionAddress, true) === BigInt(archive?.mem ?? 0)
      );
    };
    assertEquals([verified("sha256", false), verified("sha256", true)], [true, false]);
    assertEquals([verified(true, true), verified("xxh64", true), verified(false, false)], [true, true, false]);
  },
});

Deno.test({
  name: "a plan has no secret, and no digest of an archive with one; the next initrd's files are listed",
  permissions: "none",
  fn() {
    for (const load of CALLS) {
      const plan = planOf(load);
      const text = JSON.stringify(plan);
      assertEquals(text.includes("hunter2"), false);
      assertEquals(plan.overlays?.map(({ sha256 }) => sha256), [undefined]);
      assertEquals(planOf(load, { isOpen: false }).overlays?.map(({ sha256 }) => sha256), ["d".repeat(64)]);
      assertEquals(plan.checks.filter(({ status }) => status === "fail"), []);
      assertEquals(decodePlan(JSON.parse(text), [], () => {}), JSON.parse(text));
      const shown = renderPlan(plan, { style: PLAIN, width: 200 });
      assertMatch(shown, /\/etc\/pass: 0600, size known at load, asked: Passphrase:, secret\n/);
      assertEquals(shown.includes("d".repeat(64)), false);
    }
  },
});

Deno.test({
  name: "a stored plan is the same again from what it declares, but for a secret of the profile, which it lacks",
  permissions: "none",
  fn() {
    for (const load of CALLS) {
      const plan = planOf(load);
      assertEquals(plan.declared?.initrd, ["/boot/initrd.img", {
        files: [
          { path: "/etc/motd", text: "hi\n", secret: false },
          { path: "/etc/key", mode: "0400", secret: true },
          { path: "/etc/pass", ask: "Passphrase:", secret: true },
        ],
      }]);
      const again = recheck(plan, hostFacts(), images({ initrd: initrds() }), PARTS);
      assertEquals(again.checks[0]?.status, "pass", again.checks[0]?.message);
      const [file, archive] = initrds();
      const changed = OVERLAY.files.map((each) =>
        each.path === "/etc/motd" ? { ...each, sha256: "9".repeat(64) } : each
      );
      const other = [file, { ...archive, overlay: { ...OVERLAY, files: changed } }] as readonly InitrdFile[];
      assertMatch(
        recheck(plan, hostFacts(), images({ initrd: other }), PARTS).checks[0]?.message ?? "",
        /SHA-256 of the file \/etc\/motd for the initrd changed from c+ to 9+/,
      );
    }
  },
});

Deno.test({
  name: "what cannot be placed fails the plan, and a secret is not verified by a digest that the plan would hold",
  permissions: "none",
  fn() {
    const fault = { message: "No files can be added after /boot/initrd.img", hint: "Name another one" };
    const failed = planOf("kexec_file_load", { fault }).checks.find(({ rule }) => rule === "initrd-files");
    assertEquals(failed, { rule: "initrd-files", status: "fail", ...fault });
    const hashed = planOf("kexec_load", {}, { checksum: "sha256" });
    assertEquals(hashed.checks.find(({ rule }) => rule === "initrd-files")?.status, "warn");
    assertEquals(planOf("kexec_load").checks.find(({ rule }) => rule === "initrd-files")?.status, "pass");
  },
});

Deno.test({
  name: "files are compared one by one",
  permissions: "none",
  fn() {
    const [motd, key] = OVERLAY.files;
    if (motd === undefined || key === undefined) throw new Error("no files");
    const from = planOf("kexec_file_load");
    const to = planOf("kexec_file_load", { files: [{ ...motd, mode: 0o600 }, key, { ...motd, path: "/etc/new" }] });
    assertEquals(
      diffOverlayFiles(from, to).map((change) => "path" in change && [change.action, change.path]),
      [["change", "/etc/motd"], ["remove", "/etc/pass"], ["add", "/etc/new"]],
    );
    assertEquals(isSameImage(from, planOf("kexec_file_load")), true);
  },
});

Deno.test({
  name: "a plan that fell back is the same one with another secret, and another one with other files",
  permissions: "none",
  fn() {
    for (const load of CALLS) {
      const plan = planOf(load);
      const [file, archive] = initrds();
      const refusal = (changes: Partial<InitrdFile>) => {
        const again = planBoot({
          profile: profileOf({ load, initrd: [{ path: "/boot/initrd.img" }, { files: FILES }] }),
          facts: hostFacts(),
          images: images({ initrd: [file, { ...archive, ...changes }] as readonly InitrdFile[] }),
          partDigests: PARTS,
          failed: [{ plan: bootDigest(plan.call), askedAt: "2026-11-28T17:03:10Z", how: "fell back: nobody knows" }],
        });
        return again.value?.checks.find(({ rule }) => rule === "attempt-failed");
      };
      assertMatch(refusal({})?.hint ?? "", /whatever its keys and secrets are: .* `--force` tries it again/);
      assertEquals(refusal({ sha256: "3".repeat(64) }), undefined);
    }
  },
});

Deno.test({
  name: "a bootconfig is moved if it ends the last file, and archives that are made at load follow that",
  permissions: "none",
  fn() {
    const file = (bootconfig: number): InitrdFile => ({
      ...initrdFile(),
      content: wholeInitrd({ bootconfig, size: 90 << 20, packed: [{ packing: "xz", size: 90 << 20 }] }),
    });
    const [, archive] = initrds();
    if (archive === undefined) throw new Error("no archive");
    assertEquals(movedBootconfig([file(100), archive]), { index: 0, size: 100 });
    assertEquals(movedBootconfig([file(0), file(100), archive, archive]), { index: 1, size: 100 });
    assertEquals(movedBootconfig([file(100), file(0), archive]), undefined);
    assertEquals(movedBootconfig([archive, file(100)]), undefined);
    assertEquals([movedBootconfig([file(100)]), movedBootconfig([archive]), movedBootconfig([])], [
      undefined,
      undefined,
      undefined,
    ]);
    // Of one that is unpacked, it ends what that gives; an archive that is made at load has nothing to unpack, or to say.
    const placements = initrdPlacements({
      profile: profileOf({ load: "kexec_load", predecompress: true }),
      facts: hostFacts(),
      images: images({ initrd: [file(100), archive] }),
    }, 60n << 20n);
    assertEquals(placements.map(({ unpacked, reason }) => [unpacked, reason === undefined]), [
      [true, false],
      [false, true],
    ]);
    assertEquals(initrdPieces(placements).map(({ name, offset, size }) => [name, offset, size]), [
      ["initrd 1", 0, (90 << 20) - 100],
      ["initrd 2", 0, 5000],
      ["bootconfig", (90 << 20) - 100, 100],
    ]);
  },
});

Deno.test({
  name: "what a plan keeps of each content gives the profile's file again, and no secret",
  permissions: "none",
  fn() {
    const contents: readonly OverlayFile["content"][] = [
      { kind: "text", text: "hi" },
      { kind: "base64", base64: "aGk=" },
      { kind: "from", path: "/srv/a" },
      { kind: "ask", prompt: "Key:" },
      { kind: "command", argv: ["/bin/cat", "a"] },
    ];
    const again = (secret: boolean) =>
      contents.map((content) => {
        const item = itemOf(declaredFiles([{ path: "/a", mode: 0o4755, secret, content }]));
        return "files" in item ? item.files[0] : undefined;
      });
    assertEquals(again(false), contents.map((content) => ({ path: "/a", mode: 0o4755, secret: false, content })));
    const text = JSON.stringify(contents.map((content) => declaredFiles([{ path: "/a", secret: true, content }])));
    assertEquals([text.includes('hi"'), text.includes("aGk=")], [false, false]);
    assertEquals(again(true).map((file) => file?.content.kind), ["withheld", "withheld", "from", "ask", "command"]);
  },
});

Deno.test({
  name: "a file of a plan has one content, and only a secret one may lack it",
  permissions: "none",
  fn() {
    const said = (...files: readonly object[]) => {
      const found: string[] = [];
      const value = declaredInitrd.decode({ files: files.map((file) => ({ path: "/a", ...file })) }, [], (each) => {
        found.push(each.message);
      });
      return value === undefined ? found : "taken";
    };
    const refused = ["The file /a of the plan does not have exactly one content"];
    assertEquals(said({ text: "a", secret: false }, { from: "/b", secret: true }, { secret: true }), "taken");
    assertEquals(said({ secret: false }), refused);
    for (const secret of [false, true]) assertEquals(said({ text: "a", ask: "b", secret }), refused);
    const modes = ["0644", "644", "00644", "0648"].filter((mode) =>
      said({ text: "a", mode, secret: false }) === "taken"
    );
    assertEquals(modes, ["0644"]);
  },
});
