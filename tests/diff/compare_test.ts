import { assertEquals } from "@std/assert";
import { diffPlans } from "../../src/diff/compare.ts";
import { ASPECTS, type Change, type Diff } from "../../src/diff/diff.ts";
import { diffChecks } from "../../src/diff/plans.ts";
import { runningSide, type Side } from "../../src/diff/side.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { Check, FileLoadCall, Plan, PlannedSegment, SegmentLoadCall } from "../../src/plan/plan.ts";
import type { PlannedCarry } from "../../src/plan/carry/planned_carry.ts";
import type { PlannedGuard } from "../../src/plan/guard.ts";
import type { PlannedOverlayFile } from "../../src/plan/planned_overlay.ts";
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
    // What a cold reset boots comes after what is loaded, and before what is declared.
    const reset: Side = { ...loaded, kind: "default", name: "@default" } as Side;
    const froms = [[reset, loaded], [loaded, reset], [side(), reset], [reset, running()]] as const;
    assertEquals(froms.map(([a, b]) => diffPlans(a, b).from.name), ["@loaded", "@loaded", "@default", "@running"]);
    const stored = { ...side(), kind: "plan", name: "web.plan.json" } as Side;
    assertEquals([diffPlans(side(), stored), diffPlans(stored, side())].map(({ from }) => from.name), [
      "web.yaml",
      "web.plan.json",
    ]);
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
    assertEquals(actions([a, b], [c, file("/d", "4")]), ["change /a /c", "change /b /d"]);
    assertEquals(actions([a, b, c], [c, a, b]), ["move /c /c"]);
    assertEquals(actions([a, b], [a, b]), []);
    // A file that is named twice is there twice, by either call.
    for (const load of ["kexec_file_load", "kexec_load"] as const) {
      const diff = diffPlans(side({ load }, { initrd: [a] }), side({ load }, { initrd: [a, a] }));
      assertEquals(of(diff, "initrd").map(({ action }) => action), ["add"], load);
    }
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
    // Of one that only one side has, its place is enough.
    const gone = of(diffPlans(side({ load }), side({ load }, { initrd: [] })), "call");
    assertEquals(gone.filter((change) => change.about === "call" && change.field.startsWith("segments initrd")), []);
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
  name: "of a rule the worst verdict counts, the first of these; one that passes is like one that does not apply",
  permissions: "none",
  fn() {
    const check = (rule: string, status: Check["status"], message: string = status): Check => ({
      rule,
      status,
      message,
    });
    const between = (from: readonly Check[], to: readonly Check[]) =>
      diffChecks(from, to).map((change) => [
        change.action,
        ...("from" in change ? [change.from] : []),
        ...("to" in change ? [change.to] : []),
      ]);
    const [pass, warn, fail] = [check("a", "pass"), check("a", "warn"), check("a", "fail")];
    const state = (status: Check["status"], message: string = status) => ({ status, message });
    assertEquals(between([pass], []), []);
    assertEquals(between([], [pass]), []);
    assertEquals(between([], [warn]), [["add", state("warn")]]);
    assertEquals(between([fail], []), [["remove", state("fail")]]);
    assertEquals(between([warn], [pass]), [["change", state("warn"), state("pass")]]);
    assertEquals(between([warn], [check("a", "warn", "in other words")]), []);
    assertEquals(between([pass], [pass, warn, fail, check("a", "fail", "second"), warn]), [
      ["change", state("pass"), state("fail")],
    ]);
    // Whether something is loaded, and what a stored plan was made for, is of the moment.
    for (const rule of ["already-loaded", "stored-plan"]) {
      assertEquals(between([], [check(rule, "fail")]), []);
      assertEquals(between([check(rule, "warn")], [check(rule, "pass")]), []);
    }
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
    assertEquals(diff.unchanged, ["kernel", "initrd", "cmdline"]);
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
  name: "explicit segments have no command line: there is none to compare, and that of a running system stays unknown",
  permissions: "none",
  fn() {
    const { kernel: _, ...rest } = profileOf({
      initrd: [],
      cmdline: { kind: "parameters", parameters: [] },
      load: "kexec_load",
      checksum: false,
      entry: 0x400_0000n,
      segments: [{ name: "a", at: 0x400_0000n, size: 4096n, source: { kind: "zero" } }],
    });
    const { value } = planBoot({ profile: rest, facts: hostFacts(), images: { initrd: [] } });
    if (value === undefined) throw new Error("Cannot plan");
    const explicit: Side = { kind: "profile", name: "web.yaml", plan: value };
    assertEquals(diffPlans(explicit, explicit).unchanged.includes("cmdline"), false);
    const { cmdline: _cmdline, ...silent } = hostFacts();
    const sides = (from: Side, to: Side) =>
      diffPlans(from, to).unknown.filter(({ about }) => about === "cmdline").map(({ side }) => side);
    assertEquals(
      [sides(runningSide(silent), explicit), sides(running(), explicit), sides(side(), explicit)],
      [["@running"], ["web.yaml"], ["web.yaml"]],
    );
  },
});

Deno.test({
  name: "changes are listed by aspect, in the order of these, whatever found them",
  permissions: "none",
  fn() {
    const from = side({ guard: { panic: 60 } }, {}, { hostname: "web0" });
    const to = side(
      { load: "kexec_load", cmdline: { kind: "parameters", parameters: ["rw"] } },
      { kernel: kernelFile({ sha256: "d".repeat(64), pinned: "e".repeat(64) }), initrd: [] },
    );
    const abouts = diffPlans(from, to).changes.map(({ about }) => about);
    assertEquals(new Set(abouts).size >= 8, true, String(abouts));
    assertEquals(abouts, ASPECTS.flatMap((aspect) => abouts.filter((about) => about === aspect)));
  },
});

Deno.test({
  name: "a parameter of the boot loader is compared where the other side declares it itself",
  permissions: "none",
  fn() {
    const declared = side({ cmdline: { kind: "parameters", parameters: ["initrd=/a", "ro"] } });
    const diff = diffPlans(declared, bootedFrom(declared, { cmdline: "BOOT_IMAGE=/k initrd=/b ro" }));
    assertEquals([diff.ignored, of(diff, "cmdline").map(({ action }) => action)], [["BOOT_IMAGE=/k"], ["change"]]);
  },
});

Deno.test({
  name: "a running system is known to itself, and one of another architecture differs",
  permissions: "none",
  fn() {
    const { same, certain, unknown } = diffPlans(running(), running());
    assertEquals([same, certain, unknown], [true, true, []]);
    const declared = side();
    assertEquals(diffPlans(declared, bootedFrom(declared, { machine: "aarch64" })).changes, [
      { about: "kernel", field: "machine", action: "change", from: "aarch64", to: "x86_64" },
    ]);
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
    // Between plans it is the host's, not the kernel's.
    assertEquals(by({ machine: "aarch64" }), [
      { about: "host", field: "machine", action: "change", from: "x86_64", to: "aarch64" },
    ]);
    // A reason is another one where it says something else.
    const reasons = changedBy(
      {},
      (plan) => ({ ...plan, reasons: plan.reasons.map((each) => ({ ...each, message: "x" })) }),
    );
    assertEquals(of(reasons, "reason").map(({ action }) => action), ["remove", "add"]);
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
  name: "of bytes in a plan, the parts that are filled at load are a difference; the bytes themselves are their digest",
  permissions: "none",
  fn() {
    const by = (change: Partial<Extract<PlannedSegment["source"], { readonly kind: "bytes" }>>) =>
      segmentsBy((all) =>
        all.map((each) =>
          each.name === "purgatory" && each.source.kind === "bytes"
            ? { ...each, source: { ...each.source, random: [], ...change } }
            : each
        )
      ).changes.flatMap((each) => each.about === "call" ? [[each.field, each.from, each.to]] : [each.about]);
    assertEquals(by({ base64: "AAAA" }), []);
    assertEquals(by({ random: [{ offset: 16, length: 32 }] }), [
      ["segments purgatory random 0 offset", "none", "16"],
      ["segments purgatory random 0 length", "none", "32"],
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

Deno.test({
  name: "of two calls of kexec_file_load, whatever else they hand over is compared",
  permissions: "none",
  fn() {
    const by = (change: Partial<FileLoadCall>) =>
      changedBy({}, (plan) => {
        if (plan.call.syscall !== "kexec_file_load") throw new Error("Another call");
        return { ...plan, call: { ...plan.call, ...change } };
      }).changes.map((each) => each.about === "call" ? `${each.field}: ${each.from} > ${each.to}` : each);
    assertEquals(by({}), []);
    assertEquals(by({ unpacked: { size: 7, sha256: "1" } }), ["unpacked size: none > 7", "unpacked sha256: none > 1"]);
    assertEquals(by({ built: { size: 7, sha256: "1", memory: 9 } }), [
      "built size: none > 7",
      "built sha256: none > 1",
      "built memory: none > 9",
    ]);
    assertEquals(by({ bootconfig: { path: "/boot/initrd.img", size: 20 } }), [
      "bootconfig path: none > /boot/initrd.img",
      "bootconfig size: none > 20",
    ]);
    const range = { start: "0x1000000", end: "0x2000000" };
    assertEquals(by({ bases: { physical: [], virtual: range, alignment: "0x200000" } }), [
      "bases virtual start: none > 0x1000000",
      "bases virtual end: none > 0x2000000",
      "bases alignment: none > 0x200000",
    ]);
    assertEquals(by({ flagBits: "0x8" }), ["flagBits: 0x0 > 0x8"]);
    // Where other flags are added or removed, that says it.
    assertEquals(by({ flagBits: "0x8", flags: ["KEXEC_FILE_DEBUG"] }), [
      { about: "flag", action: "add", to: "KEXEC_FILE_DEBUG" },
    ]);
    // As the kernel reads them, the parameters are the same.
    assertEquals(by({ cmdline: '"root=LABEL=root" ro' }), [
      'cmdline: root=LABEL=root ro > "root=LABEL=root" ro',
    ]);
    assertEquals(by({ cmdline: "root=LABEL=new ro" }).length, 1);
  },
});

Deno.test({
  name:
    "of two calls of kexec_load, whether the payload can run again is compared as well, and where the kernel may lie",
  permissions: "none",
  fn() {
    const by = (change: Partial<SegmentLoadCall>) =>
      changedBy({ load: "kexec_load" }, (plan) => {
        if (plan.call.syscall !== "kexec_load") throw new Error("Another call");
        return { ...plan, call: { ...plan.call, ...change } };
      }).changes.map((each) => each.about === "call" ? `${each.field}: ${each.to}` : each);
    assertEquals(by({}), []);
    assertEquals(by({ reentrant: true }), ["reentrant: true"]);
    assertEquals(by({ entry: "0x2000" }), ["entry: 0x2000"]);
    const range = { start: "0x1000000", end: "0x2000000" };
    assertEquals(by({ bases: { physical: [range], virtual: range, alignment: "0x200000" } }).length, 5);
  },
});

/** How two plans differ that have these parts besides what they have in common. */
function between(from: Partial<Plan>, to: Partial<Plan>): Diff {
  const base = side();
  if (base.kind === "running") throw new Error("Not declared");
  return diffPlans({ ...base, plan: { ...base.plan, ...from } }, { ...base, plan: { ...base.plan, ...to } });
}

/** The same in short: the action, the field or path, and what it is from and to. */
function inShort(from: Partial<Plan>, to: Partial<Plan>): readonly (readonly unknown[])[] {
  return between(from, to).changes.map((change) => [
    change.about,
    change.action,
    ...("field" in change ? [change.field] : "path" in change ? [change.path] : []),
    ...("from" in change ? [change.from] : []),
    ...("to" in change ? [change.to] : []),
  ]);
}

Deno.test({
  name: "a file that is added to the initrd is compared by each of its fields, also with a plan that adds none",
  permissions: "none",
  fn() {
    const motd: PlannedOverlayFile = {
      path: "/etc/motd",
      kind: "file",
      mode: "0644",
      size: 12,
      sha256: "1".repeat(64),
      secret: false,
      origin: "profile",
      from: "/etc/motd",
    };
    const overlays = (...files: readonly PlannedOverlayFile[]): Partial<Plan> => ({
      overlays: [{ path: "files:1", size: 512, files, folders: [] }],
    });
    const others: readonly Partial<PlannedOverlayFile>[] = [
      { kind: "link", target: "/run/motd" },
      { mode: "0600" },
      { size: 13 },
      { sha256: "2".repeat(64) },
      { target: "/run/motd" },
      { secret: true },
      { origin: "carry" },
      { from: "text" },
    ];
    for (const other of others) {
      assertEquals(inShort(overlays(motd), overlays({ ...motd, ...other })), [
        ["file", "change", "/etc/motd", motd, { ...motd, ...other }],
      ]);
    }
    assertEquals(inShort(overlays(motd), {}), [["file", "remove", "/etc/motd", motd]]);
    assertEquals(inShort({}, overlays(motd)), [["file", "add", "/etc/motd", motd]]);
    const [first, second] = [{ ...motd, path: "/a" }, { ...motd, path: "/b" }];
    const archives = (...files: readonly PlannedOverlayFile[]): Partial<Plan> => ({
      overlays: files.map((file, index) => ({ path: `files:${index + 1}`, size: 512, files: [file], folders: [] })),
    });
    assertEquals(inShort(archives(first), archives(first, second)), [["file", "add", "/b", second]]);
    // Of two of one path the later one stays.
    assertEquals(inShort(overlays(motd), overlays({ ...motd, mode: "0600" }, motd)), []);
    assertEquals(between(overlays(motd), overlays(motd)).unchanged.includes("file"), true);
    assertEquals(between({}, {}).unchanged.includes("file"), false);
  },
});

Deno.test({
  name: "a guard is compared field by field, also with a plan that has none; what is of the moment is not",
  permissions: "none",
  fn() {
    const guard: PlannedGuard = {
      panic: 60,
      watchdog: 120,
      log: 1 << 20,
      parameters: ["panic=60"],
      initrd: "dracut",
      device: { device: "watchdog0", resetAfter: 120, openTimeout: 90 },
      ramoops: { kind: "range", from: "plan", address: "0x1000000", size: 1 << 20, parameters: ["a"] },
    };
    const with_ = (changes: Partial<PlannedGuard>): Partial<Plan> => ({ guard: { ...guard, ...changes } });
    const all = [
      ["panic", "1 min"],
      ["watchdog", "2 min"],
      ["log", "1 MiB"],
      ["initrd", "dracut"],
      ["device.device", "watchdog0"],
      ["device.resetAfter", "2 min"],
      ["device.openTimeout", "90 s"],
      ["ramoops.kind", "range"],
      ["ramoops.from", "plan"],
      ["ramoops.address", "0x1000000"],
      ["ramoops.size", "1 MiB"],
    ];
    assertEquals(inShort({}, { guard }), all.map((row) => ["guard", "add", ...row]));
    assertEquals(inShort({ guard }, {}), all.map((row) => ["guard", "remove", ...row]));
    assertEquals(inShort({ guard }, with_({ confirm: 600, panic: 90, initrd: "none" })), [
      ["guard", "change", "panic", "1 min", "90 s"],
      ["guard", "change", "initrd", "dracut", "none"],
      ["guard", "add", "confirm", "10 min"],
    ]);
    const moment = { parameters: ["panic=90"], coldReboot: {} };
    assertEquals(between({ guard }, with_(moment)).changes, []);
    assertEquals(between({ guard }, { guard }).unchanged.includes("guard"), true);
    assertEquals(between({}, {}).unchanged.includes("guard"), false);
  },
});

Deno.test({
  name: "the network that is carried over is compared by its tool, its files by their lines, and what is left out",
  permissions: "none",
  fn() {
    const carry = (lines: readonly string[], changes: Partial<PlannedCarry["network"]> = {}): Partial<Plan> => ({
      carry: {
        network: { tool: "systemd-networkd", files: [{ path: "/etc/x.network", lines }], omitted: [], ...changes },
      },
    });
    const one = carry(["[Match]", "Name=eth0", "", "DHCP=no"]);
    const file = "carry network /etc/x.network";
    assertEquals(inShort(one, one), []);
    assertEquals(inShort(one, carry(["[Match]", "Name=eth1", "", "DHCP=no"])), [
      ["call", "change", file, "Name=eth0", "Name=eth1"],
    ]);
    // In another order, all lines are shown.
    assertEquals(inShort(one, carry(["[Match]", "DHCP=no", "", "Name=eth0"])), [
      ["call", "change", file, "[Match]; Name=eth0; DHCP=no", "[Match]; DHCP=no; Name=eth0"],
    ]);
    assertEquals(
      inShort(one, carry(["[Match]", "Name=eth0", "", "DHCP=no"], { tool: "connman", omitted: ["a", "b"] })),
      [
        ["call", "change", "carry network tool", "systemd-networkd", "connman"],
        ["call", "change", "carry network omitted", "", "a; b"],
      ],
    );
    assertEquals(inShort({}, one), [
      ["call", "change", "carry network tool", "none", "systemd-networkd"],
      ["call", "change", "carry network omitted", "none", ""],
      ["call", "change", file, "none", "[Match]; Name=eth0; DHCP=no"],
    ]);
    assertEquals(inShort(one, {}), [
      ["call", "change", "carry network tool", "systemd-networkd", "none"],
      ["call", "change", "carry network omitted", "", "none"],
      ["call", "change", file, "[Match]; Name=eth0; DHCP=no", "none"],
    ]);
  },
});

Deno.test({
  name: "devices that are taken from their drivers, and volumes that are opened, are compared",
  permissions: "none",
  fn() {
    const unbind = (targets: readonly string[], failure: "stop" | "continue" = "stop") => ({
      unbind: { targets, failure },
    });
    assertEquals(inShort(unbind(["driver:e1000"]), unbind(["driver:e1000", "0000:00:03.0"], "continue")), [
      ["call", "change", "unbind targets 1", "none", "0000:00:03.0"],
      ["call", "change", "unbind failure", "stop", "continue"],
    ]);
    assertEquals(inShort(unbind(["driver:e1000"]), {}), [
      ["call", "change", "unbind targets 0", "driver:e1000", "none"],
      ["call", "change", "unbind failure", "stop", "none"],
    ]);
    const unlock = (...volumes: readonly string[]): Partial<Plan> => ({
      unlock: volumes.map((volume) => ({ volume, key: { kind: "ask", prompt: "PIN" } })),
    });
    // By name, not by place.
    assertEquals(inShort(unlock("root", "home"), unlock("home", "root")), []);
    assertEquals(inShort(unlock("root"), unlock("home")), [
      ["call", "change", "unlock root key kind", "ask", "none"],
      ["call", "change", "unlock root key prompt", "PIN", "none"],
      ["call", "change", "unlock home key kind", "none", "ask"],
      ["call", "change", "unlock home key prompt", "none", "PIN"],
    ]);
  },
});
