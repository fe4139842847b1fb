import { assertEquals } from "@std/assert";
import { diffPlans } from "../../src/diff/compare.ts";
import type { Change, Diff } from "../../src/diff/diff.ts";
import { runningSide, type Side } from "../../src/diff/side.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { Plan, PlannedSegment } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { hostFacts } from "../support/host_facts.ts";
import { bzImage, images, initrdFile, kernelFile, PART_DIGESTS, profileOf } from "../support/profiles.ts";
import type { Images } from "../../src/image/boot_files.ts";

function side(
  profile: Partial<Profile> = {},
  files: Partial<Images> = {},
  facts: Partial<HostFacts> = {},
  kind: "profile" | "loaded" = "profile",
): Side {
  const { value } = planBoot({
    profile: profileOf(profile),
    facts: hostFacts(facts),
    images: images(files),
    partDigests: PART_DIGESTS,
  });
  if (value === undefined) throw new Error("Cannot plan");
  return { kind, name: kind === "loaded" ? "@loaded" : "web.yaml", plan: value };
}

function running(facts: Partial<HostFacts> = {}): Side {
  return runningSide(hostFacts(facts));
}

/** The running system that a side's plan boots. */
function bootedFrom(declared: Side, facts: Partial<HostFacts> = {}): Side {
  if (declared.kind === "running") throw new Error("Not declared");
  const { release = "", call } = declared.plan;
  return running({ release, version: "#1 SMP", cmdline: call.cmdline, ...facts });
}

function of<About extends Change["about"]>(diff: Diff, about: About): readonly Change[] {
  return diff.changes.filter((change) => change.about === about);
}

Deno.test({
  name: "a plan is the same as itself, for certain, and under another name too",
  permissions: "none",
  fn() {
    const diff = diffPlans(side(), side({ name: "other", description: "x" }));
    assertEquals([diff.same, diff.certain, diff.changes, diff.unknown], [true, true, [], []]);
    assertEquals(diff.unchanged, ["kernel", "initrd", "cmdline", "call", "flag", "reason", "check", "host"]);
  },
});

Deno.test({
  name: "a diff reads from what is to what is declared, whichever comes first",
  permissions: "none",
  fn() {
    for (const [a, b] of [[side(), running()], [running(), side()]] as const) {
      const { from, to } = diffPlans(a, b);
      assertEquals([from.name, to.name], ["@running", "web.yaml"]);
    }
    const loaded = side({}, {}, {}, "loaded");
    assertEquals(diffPlans(loaded, running()).from.name, "@running");
    assertEquals(diffPlans(side(), loaded).from.name, "@loaded");
  },
});

Deno.test({
  name: "another kernel differs by release, build, path, image and digest",
  permissions: "none",
  fn() {
    const info = bzImage({
      release: "6.1.0-50-amd64",
      versionString: "6.1.0-50-amd64 (debian-kernel@lists.debian.org) #2 SMP",
      payload: { offset: 1, length: 1, compression: "xz" },
    });
    const kernel = kernelFile({ path: "/boot/old", sha256: "c".repeat(64), info });
    const diff = diffPlans(side({}, { kernel }), side());
    assertEquals(
      of(diff, "kernel").map((change) => change.about === "kernel" && [change.field, change.action]),
      [["release", "change"], ["version", "change"], ["path", "change"], ["image", "change"], ["sha256", "change"]],
    );
    assertEquals(diff.unchanged.includes("kernel"), false);
  },
});

Deno.test({
  name: "initrds are added, removed, replaced, changed and moved",
  permissions: "none",
  fn() {
    const file = (path: string, sha: string) => initrdFile({ path, sha256: sha.repeat(64) });
    const [a, b, c] = [file("/a", "1"), file("/b", "2"), file("/c", "3")];
    const actions = (from: readonly typeof a[], to: readonly typeof a[]) =>
      of(diffPlans(side({}, { initrd: from }), side({}, { initrd: to })), "initrd").map((change) =>
        change.about !== "initrd" ? "" : [
          change.action,
          change.action === "add" ? "" : change.from.path,
          change.action === "remove" ? "" : change.to.path,
        ].join(" ")
      );
    assertEquals(actions([a], [a, b]), ["add  /b"]);
    assertEquals(actions([a, b], [b]), ["remove /a "]);
    assertEquals(actions([a], [b]), ["change /a /b"]);
    assertEquals(actions([a], [file("/a", "9")]), ["change /a /a"]);
    assertEquals(actions([a, b, c], [c, a, b]), ["move /c /c"]);
    assertEquals(actions([a, b], [a, b]), []);
  },
});

Deno.test({
  name: "segments are paired by name: moved, grown, shrunk, with other content, added and removed",
  permissions: "none",
  fn() {
    const load = "kexec_load" as const;
    const fates = (a: Side, b: Side) =>
      of(diffPlans(a, b), "segment").map((change) =>
        change.about === "segment" && `${change.action} ${change.name} ${change.fate.join("+")}`.trim()
      );
    const bigger = { initrd: [initrdFile({ size: 40 << 20, sha256: "9".repeat(64) })] };
    assertEquals(fates(side({ load }), side({ load }, bigger)), [
      "change initrd grown+content",
      "change boot_params moved+content",
      "change purgatory moved+content",
    ]);
    assertEquals(fates(side({ load }), side({ load, memory: { min: 0x1_0000_0000n } })).slice(0, 2), [
      "change kernel moved",
      "change initrd moved",
    ]);
    assertEquals(fates(side({ load }), side({ load }, { initrd: [] }))[0], "remove initrd");
    assertEquals(fates(side(), side({ load })).every((fate) => String(fate).startsWith("add ")), true);
    assertEquals(diffPlans(side(), side()).unchanged.includes("segment"), false);
  },
});

Deno.test({
  name: "call, flags, reasons and entry differ with how the image is loaded",
  permissions: "none",
  fn() {
    const diff = diffPlans(side(), side({ load: "kexec_load", crash: false }));
    assertEquals(of(diff, "call"), [
      { about: "call", field: "syscall", action: "change", from: "kexec_file_load", to: "kexec_load" },
    ]);
    assertEquals(of(diff, "flag"), [{ about: "flag", action: "add", to: "KEXEC_ARCH_DEFAULT" }]);
    const load = "kexec_load";
    const changed = (from: Profile["checksum"], to: Profile["checksum"]) =>
      of(diffPlans(side({ load, checksum: from }), side({ load, checksum: to })), "call");
    assertEquals(changed(true, "sha256"), [
      { about: "call", field: "checksum", action: "change", from: "xxh64", to: "sha256" },
    ]);
    assertEquals(changed(true, "xxh64"), []);
    assertEquals(changed("sha256", false), [
      { about: "call", field: "checksum", action: "change", from: "sha256", to: "none" },
    ]);
    assertEquals(of(diff, "reason").map(({ action }) => action), ["remove", "add"]);
  },
});

Deno.test({
  name: "a check counts where its status changed, not where it says that something is loaded",
  permissions: "none",
  fn() {
    const kexec = hostFacts().kexec;
    assertEquals(of(diffPlans(side(), side({}, {}, { kexec: { ...kexec, loaded: true } })), "check"), []);
    const [change] = of(diffPlans(side(), side({}, {}, { kexec: { ...kexec, loadDisabled: true } })), "check");
    if (change?.about !== "check" || change.action !== "change") throw new Error("No change of a check");
    assertEquals([change.rule, change.from.status, change.to.status], ["load-disabled", "pass", "fail"]);
    // What was true when an image was loaded says nothing of now.
    const then = side({}, {}, { kexec: { ...kexec, limitReboot: 1 } }, "loaded");
    assertEquals(diffPlans(then, side({}, {}, { kexec: { ...kexec, loaded: true, limitReboot: 0 } })).same, true);
  },
});

Deno.test({
  name: "plans for different hosts say so",
  permissions: "none",
  fn() {
    const diff = diffPlans(side(), side({}, {}, { hostname: "web2", release: "6.13" }));
    assertEquals(of(diff, "host").map((change) => change.about === "host" && change.field), ["hostname", "release"]);
  },
});

Deno.test({
  name: "a running system that fits is the same as far as is known, and what is not known is told",
  permissions: "none",
  fn() {
    const declared = side();
    const diff = diffPlans(declared, bootedFrom(declared));
    assertEquals([diff.same, diff.certain], [true, false]);
    assertEquals(diff.unknown.map(({ about, side }) => [about, side]), [["kernel", "@running"], [
      "initrd",
      "@running",
    ]]);
    assertEquals(diff.unchanged, ["cmdline"]);
  },
});

Deno.test({
  name: "a running system of another release, build or command line differs",
  permissions: "none",
  fn() {
    const declared = side();
    for (const facts of [{ release: "6.1" }, { version: "#2 SMP" }, { cmdline: "root=LABEL=root rw" }]) {
      const diff = diffPlans(declared, bootedFrom(declared, facts));
      assertEquals([diff.same, diff.certain], [false, true], JSON.stringify(facts));
    }
  },
});

Deno.test({
  name: "with its own stamp on the command line, the running system is certain",
  permissions: "none",
  fn() {
    const declared = side({ stamp: true });
    const diff = diffPlans(declared, bootedFrom(declared));
    assertEquals([diff.same, diff.certain, diff.unknown], [true, true, []]);
    const update = side({ stamp: true }, { initrd: [initrdFile({ sha256: "9".repeat(64) })] });
    const other = diffPlans(update, bootedFrom(declared));
    assertEquals([other.same, of(other, "cmdline").map(({ action }) => action)], [false, ["change"]]);
  },
});

Deno.test({
  name:
    "a profile that edits the running command line finds its stamp on what it booted, if the edit changes nothing more",
  permissions: "none",
  fn() {
    const edit = { kind: "edit", reuse: true, remove: [], set: ["root=/dev/new"], append: [] } as const;
    const first = side({ stamp: true, cmdline: edit });
    if (first.kind === "running") throw new Error("Not declared");
    const { cmdline } = first.plan.call;
    assertEquals(diffPlans(side({ stamp: true, cmdline: edit }, {}, { cmdline }), bootedFrom(first)).certain, true);
    const appended = side({ stamp: true, cmdline: { ...edit, append: ["x"] } }, {}, { cmdline });
    assertEquals(diffPlans(appended, bootedFrom(first)).same, false);
  },
});

Deno.test({
  name: "a stamp that a boot loader handed over proves nothing",
  permissions: "none",
  fn() {
    const declared = side({ stamp: true });
    if (declared.kind === "running") throw new Error("Not declared");
    const cmdline = `BOOT_IMAGE=/vmlinuz ${declared.plan.call.cmdline}`;
    const diff = diffPlans(declared, bootedFrom(declared, { cmdline }));
    assertEquals([diff.same, diff.certain, diff.ignored], [true, false, ["BOOT_IMAGE=/vmlinuz"]]);
  },
});

Deno.test({
  name: "a release or a command line that nobody tells is unknown, not equal",
  permissions: "none",
  fn() {
    const info = { kind: "compressed", compression: "gzip" } as const;
    const declared = side({}, { kernel: kernelFile({ info }) });
    const { cmdline: _, ...silent } = hostFacts();
    const diff = diffPlans(declared, runningSide(silent));
    assertEquals(diff.unknown.map(({ side, what }) => [side, what]).filter(([, what]) => !what?.includes("SHA")), [
      ["web.yaml", "the kernel's release"],
      ["@running", "the initrds"],
      ["@running", "the command line"],
    ]);
    assertEquals([diff.same, diff.certain], [true, false]);
  },
});

Deno.test({
  name: "a flag that is named twice, or in another place, is a difference",
  permissions: "none",
  fn() {
    const plan = side({ crash: true, load: "kexec_file_load" });
    if (plan.kind === "running") throw new Error("Not declared");
    const { call } = plan.plan;
    const doubled = { ...plan, plan: { ...plan.plan, call: { ...call, flags: [...call.flags, ...call.flags] } } };
    assertEquals([diffPlans(plan, plan).same, diffPlans(plan, doubled).same], [true, false]);
  },
});

/** Two plans of one call, the second changed by hand. */
function changedBy(profile: Partial<Profile>, change: (plan: Plan) => Plan): Diff {
  const from = side(profile);
  if (from.kind === "running") throw new Error("Not declared");
  return diffPlans(from, { ...from, plan: change(from.plan) });
}

function segmentsBy(change: (segments: readonly PlannedSegment[]) => readonly PlannedSegment[]): Diff {
  return changedBy({ load: "kexec_load" }, (plan) => {
    if (plan.call.syscall !== "kexec_load") throw new Error("No segments");
    return { ...plan, call: { ...plan.call, segments: change(plan.call.segments) } };
  });
}

Deno.test({
  name: "each fact about the host that a plan names is compared, one that is not known included",
  permissions: "none",
  fn() {
    const by = (host: Partial<Plan["host"]>) =>
      changedBy({}, (plan) => ({ ...plan, host: { ...plan.host, ...host } })).changes;
    assertEquals(by({ machine: "aarch64" }).filter(({ about }) => about === "host"), [
      { about: "host", field: "machine", action: "change", from: "x86_64", to: "aarch64" },
    ]);
    assertEquals(by({ hostname: "web2" }), [
      { about: "host", field: "hostname", action: "change", from: "web1", to: "web2" },
    ]);
    assertEquals(by({ release: "6.2" }), [
      { about: "host", field: "release", action: "change", from: "6.1.0-50-amd64", to: "6.2" },
    ]);
    const nameless = changedBy({}, ({ host: { hostname: _, ...host }, ...plan }) => ({ ...plan, host }));
    assertEquals(nameless.changes, [{ about: "host", field: "hostname", action: "remove", from: "web1" }]);
  },
});

Deno.test({
  name: "segments of the same name are paired in their order",
  permissions: "none",
  fn() {
    const fates = (diff: Diff) =>
      of(diff, "segment").map((change) => change.about === "segment" && [change.action, change.name, ...change.fate]);
    const twice = (segments: readonly PlannedSegment[]) => segments.flatMap((each) => [each, each]);
    assertEquals(fates(segmentsBy(twice)), [
      ["add", "kernel"],
      ["add", "initrd"],
      ["add", "boot_params"],
      ["add", "purgatory"],
    ]);
    assertEquals(fates(segmentsBy((segments) => segments.toReversed())), []);
    assertEquals(segmentsBy((segments) => segments.toReversed()).same, false, "their order is a difference");
    assertEquals(fates(segmentsBy((all) => all.map((each) => ({ ...each, memsz: each.memsz + 4096 })))), [
      ["change", "kernel", "grown"],
      ["change", "initrd", "grown"],
      ["change", "boot_params", "grown"],
      ["change", "purgatory", "grown"],
    ]);
    assertEquals(fates(segmentsBy((all) => all.map((each) => ({ ...each, memsz: each.memsz - 1 }))))[0], [
      "change",
      "kernel",
      "shrunk",
    ]);
    assertEquals(fates(segmentsBy((all) => all.map((each) => ({ ...each, bufsz: each.bufsz - 1 }))))[0], [
      "change",
      "kernel",
      "content",
    ]);
  },
});

Deno.test({
  name: "where a segment's bytes come from is a difference, leaf by leaf",
  permissions: "none",
  fn() {
    const diff = segmentsBy((all) =>
      all.map((each) => each.name === "initrd" ? { ...each, source: { kind: "zero" } as const } : each)
    );
    assertEquals(of(diff, "call"), [
      // A file that no segment names is another file of the call.
      { about: "call", field: "files /boot/initrd.img size", action: "change", from: "none", to: "31457280" },
      { about: "call", field: "files /boot/initrd.img sha256", action: "change", from: "none", to: "b".repeat(64) },
      { about: "call", field: "segments initrd kind", action: "change", from: "file", to: "zero" },
      { about: "call", field: "segments initrd path", action: "change", from: "/boot/initrd.img", to: "none" },
      { about: "call", field: "segments initrd offset", action: "change", from: "0", to: "none" },
      { about: "call", field: "segments initrd length", action: "change", from: "31457280", to: "none" },
    ]);
  },
});

Deno.test({
  name: "between two plans, a build that only one of them knows is no difference; the digest decides",
  permissions: "none",
  fn() {
    const by = (change: (plan: Plan) => Plan) => changedBy({}, change).changes;
    assertEquals(by(({ version: _, ...plan }) => plan), []);
    assertEquals(by(({ release: _, ...plan }) => plan), [
      { about: "kernel", field: "release", action: "remove", from: "6.12.107+deb13-amd64" },
    ]);
  },
});

Deno.test({
  name: "a module of a Multiboot image differs by its file and by its command line",
  permissions: "none",
  fn() {
    const kernel = kernelFile({
      info: {
        kind: "multiboot",
        header: { version: 1, offset: 0, requests: [], needsScreen: false },
        loads: [{ offset: 0n, paddr: 0x10_0000n, filesz: 12n << 20n, memsz: 12n << 20n }],
        entry: 0x10_0000n,
      },
    });
    const plan = (cmdline: string, digit: string) =>
      side({ modules: [{ path: "/boot/dom0", cmdline }] }, {
        kernel,
        initrd: [],
        modules: [{ path: "/boot/dom0", size: 4096, sha256: digit.repeat(64), info: undefined }],
      });
    const changes = (to: Side) => of(diffPlans(plan("quiet", "d"), to), "call").map((change) => ({ ...change }));
    assertEquals(changes(plan("quiet", "d")), []);
    assertEquals(changes(plan("debug", "d")), [
      { about: "call", field: "modules 1 cmdline", action: "change", from: "quiet", to: "debug" },
    ]);
    assertEquals(changes(plan("quiet", "e")), [{
      about: "call",
      field: "files /boot/dom0 sha256",
      action: "change",
      from: "d".repeat(64),
      to: "e".repeat(64),
    }]);
  },
});
