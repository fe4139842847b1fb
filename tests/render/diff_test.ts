import { Validator } from "@cfworker/json-schema";
import { assert, assertEquals } from "@std/assert";
import { diffPlans } from "../../src/diff/compare.ts";
import type { Diff } from "../../src/diff/diff.ts";
import { diffSchema } from "../../src/diff/diff_shape.ts";
import { runningSide, type Side } from "../../src/diff/side.ts";
import type { PlannedOverlayFile } from "../../src/plan/planned_overlay.ts";
import { planBoot } from "../../src/plan/planner.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { renderDiff } from "../../src/render/diff.ts";
import { COLOURED, PLAIN } from "../../src/render/style.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, initrdFile, kernelFile, PART_DIGESTS, profileOf } from "../support/profiles.ts";
import type { Images } from "../../src/image/boot_files.ts";

const plain = { style: PLAIN, width: 80 };

function side(name: string, profile: Partial<Profile>, files: Partial<Images> = {}): Side {
  const input = { profile: profileOf(profile), facts: hostFacts(), images: images(files), partDigests: PART_DIGESTS };
  const { value } = planBoot(input);
  if (value === undefined) throw new Error("Cannot plan");
  return { kind: "profile", name, plan: value };
}

const cmdline = (...list: readonly string[]): Partial<Profile> => ({
  cmdline: { kind: "parameters", parameters: list },
});
const before = side("old.yaml", cmdline("root=LABEL=root", "ro", "quiet", "console=ttyS0"));
const after = side("new.yaml", {
  ...cmdline("console=ttyS0", "root=LABEL=new", "ro", 'dyndbg="file a +p"', "--", "single"),
  load: "kexec_load",
}, {
  kernel: kernelFile({ sha256: "d".repeat(64), pinned: "e".repeat(64) }),
  initrd: [initrdFile({ size: 31 << 20, sha256: "c".repeat(64) }), initrdFile({ path: "/boot/extra.img" })],
});
const changed = diffPlans(before, after);
const running = diffPlans(
  side("web.yaml", { ...cmdline("root=LABEL=root", "ro"), stamp: true }),
  runningSide(hostFacts({ version: "#1 SMP" })),
);

Deno.test({
  name: "a diff of two profiles reads as what is added, removed and changed, by aspect",
  permissions: "none",
  fn() {
    assertEquals(
      renderDiff(changed, plain),
      `From old.yaml to new.yaml

  Kernel
    ~ sha256  aaaaaaaaaaaa -> dddddddddddd

  Initrds
    ~ /boot/initrd.img  30 MiB -> 31 MiB, SHA-256 bbbbbbbbbbbb -> cccccccccccc
    + /boot/extra.img   zstd-compressed, 30 MiB, SHA-256 bbbbbbbbbbbb

  Command line
    ~ root                LABEL=root -> LABEL=new
    - quiet
    ~ ro                  moved from place 2 to 3
    + dyndbg="file a +p"
    + single              (for init)

  Call
    ~ syscall  kexec_file_load -> kexec_load

  Flags
    + KEXEC_ARCH_DEFAULT

  Segments
    + kernel       60 MiB at 0x1000000
    + initrd 1     31 MiB at 0x4c00000
    + initrd 2     30 MiB at 0x6b00000
    + boot_params  8 KiB at 0x8900000
    + purgatory    28 KiB at 0x8902000

  Because
    - Nothing in the profile needs kexec_load; with kexec_file_load, the kernel
      itself checks and places the image
    + The profile says \`load: kexec_load\`

  Checks
    + pinned-digest  fail (/boot/vmlinuz has the SHA-256
                     dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd,
                     not the pinned
                     eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee)

  host unchanged

11 added, 4 changed, 1 moved, 2 removed
`,
    );
  },
});

Deno.test({
  name: "a diff with the running system says what is unknown about it",
  permissions: "none",
  fn() {
    assertEquals(
      renderDiff(running, plain),
      `From @running to web.yaml

  Kernel
    ~ release  6.1.0-50-amd64 -> 6.12.107+deb13-amd64

  Command line
    - quiet
    + warmboot.plan=689bc5fff15c624b

  Unknown for @running: the kernel file's SHA-256 and the initrds
  Not compared, because it describes that boot only:
    BOOT_IMAGE=/boot/vmlinuz-6.1.0-50-amd64

1 added, 1 changed, 1 removed
`,
    );
  },
});

Deno.test({
  name: "each kind of change has its line: the mark, what it is about, and before and after where both are",
  permissions: "none",
  fn() {
    const lines = (...changes: Diff["changes"]) =>
      renderDiff({ ...changed, changes, unchanged: [], unknown: [], ignored: [] }, { style: PLAIN, width: 200 })
        .split("\n").slice(3, -3).filter((line) => line !== "").map((line) => line.trim().replaceAll(/ {2,}/g, " "));
    const motd: PlannedOverlayFile = {
      path: "/etc/motd",
      kind: "file",
      mode: "0644",
      size: 12,
      secret: false,
      origin: "profile",
      from: "text",
    };
    assertEquals(
      lines(
        { about: "file", path: "/etc/motd", action: "change", from: motd, to: { ...motd, mode: "0600" } },
        { about: "file", path: "/etc/new", action: "add", to: motd },
        { about: "file", path: "/etc/old", action: "remove", from: motd },
      ),
      [
        "~ /etc/motd 0644, 12 bytes, from the profile -> 0600, 12 bytes, from the profile",
        "+ /etc/new 0644, 12 bytes, from the profile",
        "- /etc/old 0644, 12 bytes, from the profile",
      ],
    );
    const parameter = (word: string) => ({ word, position: 1 });
    const valued = (from: string, to: string) =>
      lines({ about: "cmdline", action: "change", from: parameter(from), to: parameter(to) });
    assertEquals(valued("debug", "debug=1"), ["~ debug (no value) -> 1"]);
    assertEquals(valued("a=", 'a="b c"'), ['~ a  -> "b c"'.replace("  ", " ")]);
    // The kernel takes quotes around the whole parameter as well.
    assertEquals(valued("a=b", '"a=b c"'), ['~ a b -> "b c"']);
    const file = { path: "/a", size: 1024, sha256: "1".repeat(64), about: "gzip-compressed", position: 1 };
    const initrd = (to: Partial<typeof file>) =>
      lines({ about: "initrd", action: "change", from: file, to: { ...file, ...to } });
    assertEquals(initrd({ path: "/b", position: 2 }), ["~ initrd 2 /a -> /b, the same content"]);
    assertEquals(initrd({ sha256: "2".repeat(64), about: "zstd-compressed", position: 3 }), [
      "~ /a moved from place 1 to 3, gzip-compressed -> zstd-compressed, SHA-256 111111111111 -> 222222222222",
    ]);
    assertEquals(initrd({ sha256: "2".repeat(64), size: 2048 }), [
      "~ /a 1 KiB -> 2 KiB, SHA-256 111111111111 -> 222222222222",
    ]);
    assertEquals(lines({ about: "initrd", action: "move", from: file, to: { ...file, position: 3 } }), [
      "~ /a moved from place 1 to 3",
    ]);
    assertEquals(lines({ about: "initrd", action: "move", from: { ...file, position: 3 }, to: file }), [
      "~ /a moved from place 3 to 1",
    ]);
    // Where what was before it is gone, its place may be the same number.
    assertEquals(
      lines(
        { about: "initrd", action: "move", from: file, to: file },
        { about: "cmdline", action: "move", from: parameter("ro"), to: parameter("ro") },
      ),
      ["~ /a in another order", "Command line", "~ ro in another order"],
    );
    assertEquals(
      lines(
        { about: "guard", field: "panic", action: "change", from: "1 min", to: "2 min" },
        { about: "guard", field: "confirm", action: "add", to: "10 min" },
        { about: "guard", field: "watchdog", action: "remove", from: "2 min" },
      ),
      ["~ panic 1 min -> 2 min", "+ confirm 10 min", "- watchdog 2 min"],
    );
    const verdict = (status: "pass" | "warn" | "fail") => ({ status, message: `It is ${status}` });
    assertEquals(
      lines(
        { about: "check", rule: "a", action: "change", from: verdict("pass"), to: verdict("warn") },
        { about: "check", rule: "b", action: "change", from: verdict("warn"), to: verdict("fail") },
      ),
      ["~ a pass -> warn (It is warn)", "~ b warn (It is warn) -> fail (It is fail)"],
    );
  },
});

Deno.test({
  name: "without notes, the summary follows the changes after one empty line",
  permissions: "none",
  fn() {
    const changes: Diff["changes"] = [{ about: "flag", action: "add", to: "KEXEC_ON_CRASH" }];
    assertEquals(
      renderDiff({ ...changed, changes, unchanged: [], unknown: [], ignored: [] }, plain),
      "From old.yaml to new.yaml\n\n  Flags\n    + KEXEC_ON_CRASH\n\n1 added\n",
    );
  },
});

Deno.test({
  name: "names are aligned as far as most of them need; a very long one juts out",
  permissions: "none",
  fn() {
    const host = (...fields: readonly string[]) =>
      renderDiff({
        ...changed,
        changes: fields.map((field) => ({ about: "guard", field, action: "add", to: "x" })),
      }, plain).split("\n").filter((line) => line.startsWith("    +"));
    assertEquals(host("a", "abc"), ["    + a    x", "    + abc  x"]);
    const widest = "n".repeat(24);
    assertEquals(host("a", widest), [`    + a${" ".repeat(23)}  x`, `    + ${widest}  x`]);
    assertEquals(host("a", `${widest}n`), ["    + a  x", `    + ${widest}n  x`]);
  },
});

Deno.test({
  name: "no differences are reported as such, and as doubtful if something is unknown",
  permissions: "none",
  fn() {
    const last = (diff: Diff) => renderDiff(diff, plain).trimEnd().split("\n").at(-1);
    assertEquals(last(diffPlans(before, before)), "No differences");
    if (before.kind === "running") throw new Error("Not declared");
    const host = { release: before.plan.release ?? "", cmdline: before.plan.call.cmdline };
    assertEquals(last(diffPlans(before, runningSide(hostFacts(host)))), "No differences in what is known");
    const certain = { ...diffPlans(before, runningSide(hostFacts(host))), certain: true };
    assertEquals(last(certain), "No differences: the stamp says so, for certain");
    // No stamp is needed to know that a system is itself.
    const itself = diffPlans(runningSide(hostFacts()), runningSide(hostFacts()));
    assertEquals(last(itself), "No differences");
    const isGreen = (diff: Diff) =>
      renderDiff(diff, { style: COLOURED, width: 80 }).trimEnd().split("\n").at(-1)?.startsWith("\x1b[32m");
    assertEquals([itself, { ...itself, certain: false }, running].map(isGreen), [true, false, false]);
  },
});

Deno.test({
  name: "colours change no text of a diff",
  permissions: "none",
  fn() {
    // More lines than a call takes arguments.
    const many = { ...changed, changes: Array.from({ length: 150_000 }, () => changed.changes[0] ?? []).flat() };
    assertEquals(renderDiff(many, plain).split("\n").length > 150_000, true);
    // deno-lint-ignore no-control-regex
    const stripped = renderDiff(changed, { style: COLOURED, width: 80 }).replaceAll(/\u001b\[\d+m/g, "");
    assertEquals(stripped, renderDiff(changed, plain));
  },
});

Deno.test({
  name: "every diff is what its schema says",
  permissions: "none",
  fn() {
    const validator = new Validator(JSON.parse(JSON.stringify(diffSchema())), "7", false);
    const gone = side("none.yaml", { initrd: [] }, { initrd: [] });
    const moved = side("moved.yaml", cmdline("ro", "root=LABEL=root"));
    for (
      const diff of [changed, running, diffPlans(after, before), diffPlans(gone, before), diffPlans(before, moved)]
    ) {
      assertEquals(validator.validate(JSON.parse(JSON.stringify(diff))).errors, []);
    }
    const bad = { ...changed, changes: [{ about: "flag", action: "change", from: "a", to: "b" }] };
    assert(!validator.validate(JSON.parse(JSON.stringify(bad))).valid);
  },
});

Deno.test({
  name: "no text of a diff can drive the terminal",
  permissions: "none",
  fn() {
    const evil = "\u001b[2J\u0007\u009b\u202e\n";
    const placed = { word: `a${evil}=b${evil}`, position: 1 };
    const file = { path: evil, size: 1, sha256: evil, about: evil, position: 1 };
    const place = { mem: evil, memsz: 1, bufsz: 1, sha256: evil };
    const verdict = { status: "fail", message: evil } as const;
    const hostile: Diff = {
      ...changed,
      from: { kind: "plan", name: evil },
      to: { kind: "plan", name: evil },
      unknown: [{ about: "kernel", side: evil, what: evil }],
      ignored: [evil],
      changes: [
        { about: "kernel", field: "release", action: "change", from: evil, to: evil },
        { about: "cmdline", action: "add", to: placed },
        { about: "cmdline", action: "change", from: placed, to: { ...placed, position: 2 } },
        { about: "cmdline", action: "move", from: placed, to: placed },
        { about: "initrd", action: "remove", from: file },
        { about: "initrd", action: "change", from: file, to: { ...file, path: "/b" } },
        { about: "segment", name: evil, fate: ["moved", "content"], action: "change", from: place, to: place },
        { about: "reason", action: "add", to: { code: evil, message: evil } },
        { about: "flag", action: "add", to: evil },
        { about: "check", rule: evil, action: "add", to: verdict },
        { about: "host", field: "hostname", action: "change", from: evil, to: evil },
      ],
    };
    // deno-lint-ignore no-control-regex
    const driving = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/;
    const text = renderDiff(hostile, plain);
    assertEquals(driving.exec(text), null);
    // Nor can a line break of its own look like a line of ours.
    assertEquals(text.split("\n").filter((line) => line !== "" && !/^(From| {2}|\d)/.test(line)), []);
  },
});
