import { assertEquals, assertMatch } from "@std/assert";
import { diffPlans } from "../../src/diff/compare.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { WholeInitrd } from "../../src/host/image_content.ts";
import type { Images, InitrdFile } from "../../src/image/boot_files.ts";
import type { MultibootImage } from "../../src/image/image.ts";
import { initrdMaker, MAKER_FILES } from "../../src/image/initrd_maker.ts";
import { withGuardParameters } from "../../src/plan/guard.ts";
import { type Plan, planText } from "../../src/plan/plan.ts";
import { decodePlan } from "../../src/plan/plan_shape.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { trueStamp } from "../../src/plan/stamp.ts";
import { recheck } from "../../src/plan/stored.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { renderPlan } from "../../src/render/plan.ts";
import { PLAIN } from "../../src/render/style.ts";
import { isSameImage } from "../../src/state/already_loaded.ts";
import { attemptOf } from "../../src/state/attempt.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, initrdFile, kernelFile, PART_DIGESTS, profileOf, wholeInitrd } from "../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** An initrd in which these files were found, of those that a guard looks for. */
function initrdWith(files: readonly string[], changes: Partial<WholeInitrd> = {}): InitrdFile {
  const programs = Object.fromEntries(
    MAKER_FILES.map((path) => [path, files.includes(path) ? "not-executable" : "absent"] as const),
  );
  return { ...initrdFile(), content: wholeInitrd({ programs: { "/init": "executable", ...programs }, ...changes }) };
}

const INITRAMFS_TOOLS = initrdWith(["/scripts/functions"]);
const DRACUT = initrdWith(["/usr/lib/dracut-lib.sh"]);
const DRACUT_SYSTEMD = initrdWith([
  "/usr/lib/dracut-lib.sh",
  "/usr/lib/systemd/systemd",
  "/usr/bin/dracut-emergency",
]);
const SYSTEMD = initrdWith(["/usr/lib/systemd/systemd"]);

function planOf(
  profile: Partial<Profile> = {},
  files: Partial<Images> = { initrd: [INITRAMFS_TOOLS] },
  facts: Partial<HostFacts> = {},
): Plan {
  const { value, diagnostics } = planBoot({
    profile: profileOf({ guard: { panic: 10 }, stamp: true, ...profile }),
    facts: hostFacts(facts),
    images: images(files),
    partDigests: PART_DIGESTS,
  });
  if (value === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return value;
}

/** A Multiboot image like Xen's. */
const MULTIBOOT: MultibootImage = {
  kind: "multiboot",
  bits: 32,
  header: { version: 2, offset: 152, requests: [4, 6], needsScreen: false },
  loads: [{ offset: 0n, paddr: 0x20_0000n, filesz: 12n << 20n, memsz: 13n << 20n }],
  entry: 0x20_0000n,
};

/** The verdict of a rule, as `status message`. */
function verdictOf({ checks }: Plan, name: string): string | undefined {
  const check = checks.find(({ rule }) => rule === name);
  return check === undefined ? undefined : `${check.status} ${check.message}`;
}

function guardBlock(plan: Plan): string {
  const text = renderPlan(plan, { style: PLAIN, width: 120 });
  return /\n {2}Guard[^]*?(?=\n {2}[A-Z]|\n\n)/.exec(text)?.[0].slice(1) ?? "";
}

const withoutStamp = (cmdline: string): string => cmdline.replace(/ warmboot\.plan=[0-9a-f]{16}/, "");

pure("whose program runs in an initrd shows in its files", () => {
  const makerOf = (...initrds: readonly InitrdFile[]) =>
    initrdMaker(initrds.flatMap(({ content }) => content?.kind === "whole" ? [content] : []));
  assertEquals([INITRAMFS_TOOLS, DRACUT, DRACUT_SYSTEMD, SYSTEMD, initrdWith([])].map((initrd) => makerOf(initrd)), [
    "initramfs-tools",
    "dracut",
    "dracut-systemd",
    "systemd",
    undefined,
  ]);
  assertEquals(makerOf(initrdWith([], { isEarly: true }), DRACUT), "dracut");
  assertEquals(makerOf(initrdWith(["/lib/dracut-lib.sh"])), "dracut");
  // Files of dracut, and systemd's own emergency.service.
  assertEquals(makerOf(initrdWith(["/lib/dracut-lib.sh", "/lib/systemd/systemd"])), "systemd");
  const dropIn = "/etc/systemd/system/emergency.service.d/warmboot.conf";
  assertEquals(makerOf(SYSTEMD, initrdWith([dropIn])), "systemd-reset");
  assertEquals(makerOf(initrdWith([dropIn])), undefined);
});

pure("`panic` adds what makes the initrd in use reset the machine, and nothing else", () => {
  const of = (initrd: readonly InitrdFile[]) => withoutStamp(planOf({}, { initrd }).call.cmdline);
  assertEquals(of([INITRAMFS_TOOLS]), "root=LABEL=root ro panic=10 warmboot.guard=panic");
  assertEquals(
    of([DRACUT]),
    "root=LABEL=root ro panic=10 rd.shell=0 rd.emergency=reboot warmboot.guard=panic,rd.shell,rd.emergency",
  );
  assertEquals(
    of([DRACUT_SYSTEMD]),
    "root=LABEL=root ro panic=10 rd.shell=0 rd.emergency=reboot rd.timeout=240 " +
      "warmboot.guard=panic,rd.shell,rd.emergency,rd.timeout",
  );
  for (const other of [[SYSTEMD], [initrdWith([])], [initrdFile()], []]) {
    assertEquals(of(other), "root=LABEL=root ro panic=10 warmboot.guard=panic");
  }
  assertEquals(
    withoutStamp(planOf({ guard: { confirm: 60 } }, { initrd: [DRACUT] }).call.cmdline),
    "root=LABEL=root ro",
  );
});

pure("the plan says which failures `panic` covers", () => {
  const of = (initrd: readonly InitrdFile[]) => {
    const plan = planOf({}, { initrd });
    return [verdictOf(plan, "guard-panic"), plan.guard?.initrd];
  };
  assertEquals(of([INITRAMFS_TOOLS]), [
    "pass The machine resets after 10 s where the kernel panics, and where the initrd (initramfs-tools) fails",
    "initramfs-tools",
  ]);
  assertEquals(of([DRACUT])[1], "dracut");
  assertEquals(of([DRACUT_SYSTEMD]), [
    "pass The machine resets after 10 s where the kernel panics, and where the initrd (dracut-systemd) fails",
    "dracut-systemd",
  ]);
  assertEquals(
    verdictOf(
      planOf({ cmdline: { kind: "parameters", parameters: ["ro", "rd.break=mount"] } }, { initrd: [DRACUT] }),
      "guard-panic",
    ),
    "warn `rd.break` on the command line has dracut wait at a prompt: `panic` does not cover that",
  );
  assertEquals(of([SYSTEMD]), [
    "warn Where the initrd fails, systemd waits at a prompt in emergency mode: `panic` does not cover that",
    "systemd",
  ]);
  const unknown = "warn What the initrd does where it fails is not known: `panic` may not cover that";
  assertEquals(of([initrdWith([])]), [unknown, "unknown"]);
  // As with a capture that does not say what an initrd holds, or only of one of two.
  assertEquals(of([initrdFile()]), [unknown, "unknown"]);
  assertEquals(of([{ ...initrdFile(), path: "/boot/microcode.img" }, DRACUT]), [unknown, "unknown"]);
  assertEquals(of([initrdWith([], { isEarly: true })])[1], "none");
  assertEquals(of([]), [
    "pass The machine resets after 10 s where the kernel panics; the plan has no initrd",
    "none",
  ]);
  const confirmed = planOf({ guard: { confirm: 60 } });
  assertEquals([verdictOf(confirmed, "guard-panic"), confirmed.guard?.initrd], [undefined, undefined]);
});

pure("the plan has a block about the guard, phase by phase", () => {
  assertEquals(
    guardBlock(planOf()),
    "  Guard         If it hangs: not covered\n" +
      "                If the kernel panics: reset after 10 s\n" +
      "                If the initrd fails: reset after 10 s, since initramfs-tools heeds `panic=`\n" +
      "                If it comes up and does not work: not covered",
  );
  assertMatch(guardBlock(planOf({}, { initrd: [DRACUT] })), /reset, since dracut heeds `rd\.shell=0/);
  assertMatch(guardBlock(planOf({}, { initrd: [DRACUT_SYSTEMD] })), /not covered: it\s+halts\s+or\s+powers\s+off/);
  assertMatch(guardBlock(planOf({}, { initrd: [SYSTEMD] })), /If the initrd fails: not covered, systemd waits/);
  assertMatch(guardBlock(planOf({ guard: { confirm: 60 } })), /If the kernel panics: not covered/);
  assertMatch(
    guardBlock(planOf({ guard: { confirm: 60 } })),
    /If nobody confirms it within 1 min of its arrival: cold\s+reboot$/,
  );
  const unguarded = planBoot({ profile: profileOf(), facts: hostFacts(), images: images(), partDigests: PART_DIGESTS });
  assertEquals([unguarded.value?.guard, unguarded.value && guardBlock(unguarded.value)], [undefined, ""]);
});

pure("what the profile's own command line says otherwise is a conflict, what dracut needs too", () => {
  const of = (cmdline: Profile["cmdline"], initrd: InitrdFile) =>
    planBoot({
      profile: profileOf({ guard: { panic: 10 }, stamp: true, cmdline }),
      facts: hostFacts(),
      images: images({ initrd: [initrd] }),
      partDigests: PART_DIGESTS,
    }).diagnostics.map(({ code, message, path, related }) => [code, message, path, related?.[0]?.path]);
  const shell: Profile["cmdline"] = { kind: "parameters", parameters: ["ro", "rd.shell"] };
  assertEquals(of(shell, DRACUT), [[
    "conflict",
    "`guard` needs `rd.shell=0`, and the command line has `rd.shell`",
    ["guard", "panic"],
    ["cmdline", 1],
  ]]);
  assertEquals(of(shell, INITRAMFS_TOOLS), []);
  const halt: Profile["cmdline"] = { kind: "edit", reuse: false, remove: [], set: [], append: ["rd.emergency=halt"] };
  assertEquals(of(halt, DRACUT), [[
    "conflict",
    "`guard` needs `rd.emergency=reboot`, and the command line has `rd.emergency=halt`",
    ["guard", "panic"],
    ["cmdline", "append", 0],
  ]]);
});

pure("what an edit takes over from the running command line gives way, and a further reboot starts without it", () => {
  const edit: Profile["cmdline"] = { kind: "edit", reuse: true, remove: [], set: [], append: [] };
  const of = (cmdline: string, guard?: Profile["guard"]) => {
    const { guard: _guard, ...rest } = profileOf({ cmdline: edit, stamp: guard !== undefined });
    const { value } = planBoot({
      profile: { ...rest, ...(guard === undefined ? {} : { guard }) },
      facts: hostFacts({ cmdline }),
      images: images({ initrd: [INITRAMFS_TOOLS] }),
      partDigests: PART_DIGESTS,
    });
    return withoutStamp(value?.call.cmdline ?? "");
  };
  const guarded = of("BOOT_IMAGE=/vmlinuz ro panic=0 quiet -- single", { panic: 10 });
  assertEquals(guarded, "ro quiet panic=10 warmboot.guard=panic -- single");
  assertEquals(of(guarded), "ro quiet -- single");
  assertEquals(of(guarded, { panic: 30 }), "ro quiet panic=30 warmboot.guard=panic -- single");
  assertEquals(of(guarded, { panic: 10 }), guarded);
  // What was there before the guard is not the guard's to remove.
  assertEquals(of("ro panic=10", { panic: 10 }), "ro panic=10");
  assertEquals(of("ro warmboot.guard=panic,rd.shell,ro panic=1 rd.shell=0 rd.shell"), "");
});

pure("parameters come before `--`, and what the kernel reads last counts", () => {
  const parameters = ["panic=10"];
  assertEquals(withGuardParameters("", { parameters }), "panic=10 warmboot.guard=panic");
  assertEquals(withGuardParameters("a -- panic=10", { parameters }), "a panic=10 warmboot.guard=panic -- panic=10");
  assertEquals(withGuardParameters("panic=10 a panic=5", { parameters }), "a panic=10 warmboot.guard=panic");
  assertEquals(withGuardParameters("panic=5 panic=10", { parameters }), "panic=5 panic=10");
  assertEquals(withGuardParameters('panic="10"', { parameters }), "panic=10 warmboot.guard=panic");
  assertEquals(withGuardParameters("a  b", { parameters: [] }), "a  b");
});

pure("dracut with systemd waits as long as the profile says, and never forever", () => {
  const of = (parameters: readonly string[]) =>
    planBoot({
      profile: profileOf({ guard: { panic: 10 }, stamp: true, cmdline: { kind: "parameters", parameters } }),
      facts: hostFacts(),
      images: images({ initrd: [DRACUT_SYSTEMD] }),
      partDigests: PART_DIGESTS,
    });
  const added = "panic=10 rd.shell=0 rd.emergency=reboot warmboot.guard=panic,rd.shell,rd.emergency";
  assertEquals(withoutStamp(of(["ro", "rd.timeout=600"]).value?.call.cmdline ?? ""), `ro rd.timeout=600 ${added}`);
  for (const forever of ["rd.timeout=0", "rd.timeout", "rd.timeout=x"]) {
    assertEquals(of(["ro", forever]).diagnostics.map(({ message }) => message), [
      `\`guard\` needs \`rd.timeout=240\`, and the command line has \`${forever}\``,
    ]);
  }
});

pure("the stamp covers what the guard adds", () => {
  const plan = planOf();
  assertEquals(trueStamp(plan.call) === undefined, false);
  assertEquals(trueStamp(plan.call) === trueStamp(planOf({ guard: { panic: 20 } }).call), false);
});

pure("a guard of a Multiboot kernel is refused", () => {
  const { value, diagnostics } = planBoot({
    profile: profileOf({ guard: { panic: 10 }, stamp: true, initrd: [] }),
    facts: hostFacts(),
    images: images({ kernel: kernelFile({ info: MULTIBOOT }), initrd: [] }),
    partDigests: PART_DIGESTS,
  });
  assertEquals([value, diagnostics.map(({ message, path }) => [message, path])], [
    undefined,
    [["`guard` would be ignored: a Multiboot kernel is not Linux", ["guard"]]],
  ]);
});

pure("a stored plan keeps its guard, and is made again from it", () => {
  const edit: Profile["cmdline"] = { kind: "edit", reuse: true, remove: [], set: [], append: [] };
  const lines: readonly Profile["cmdline"][] = [
    { kind: "parameters", parameters: ["root=LABEL=root", "ro"] },
    // What says the same already, and what gives way, are not contradictions when the plan is made again.
    { kind: "parameters", parameters: ["panic=10", "rd.timeout=60", "ro"] },
    edit,
  ];
  for (
    const [initrd, cmdline] of [INITRAMFS_TOOLS, DRACUT, DRACUT_SYSTEMD].flatMap((each) =>
      lines.map((line) => [each, line] as const)
    )
  ) {
    const profile = { cmdline, guard: { panic: 10, watchdog: 120, confirm: 600, fallback: "running" } } as const;
    const plan = planOf(profile, { initrd: [initrd] }, { cmdline: "panic=0 rd.shell ro" });
    const decoded = decodePlan(JSON.parse(planText(plan)), [], ({ message }) => {
      throw new Error(message);
    });
    assertEquals(decoded, plan);
    const again = decoded === undefined
      ? undefined
      : recheck(decoded, hostFacts(), images({ initrd: [initrd] }), PART_DIGESTS);
    assertEquals(again?.checks[0]?.status, "pass", again?.checks[0]?.message);
    assertEquals(again?.guard, plan.guard);
  }
  const edited: Plan = { ...planOf(), guard: { panic: 5, parameters: ["panic=5"] } };
  assertEquals(
    recheck(edited, hostFacts(), images({ initrd: [INITRAMFS_TOOLS] }), PART_DIGESTS).checks[0]?.status,
    "fail",
  );
  const problems: string[] = [];
  const broken = { ...planOf(), guard: { panic: "10s", parameters: ["panic=10"] } };
  decodePlan(JSON.parse(JSON.stringify(broken)), [], ({ message }) => problems.push(message));
  assertEquals(problems, ["`panic` is not a whole number"]);
});

pure("another guard is another image, an attempt keeps it, and a diff shows it", () => {
  const [plan, other] = [planOf(), planOf({ guard: { panic: 10, confirm: 600 } })];
  assertEquals([isSameImage(plan, other), isSameImage(plan, planOf())], [false, true]);
  const attempt = attemptOf({
    id: "20261128T100000Z-00000000",
    at: "2026-11-28T10:00:00Z",
    user: "root",
    uid: 0,
    way: "now",
    plan: other,
    facts: hostFacts(),
    watched: true,
  });
  assertEquals(attempt.guard, other.guard);
  const diff = diffPlans({ kind: "plan", name: "a", plan }, { kind: "plan", name: "b", plan: other });
  assertEquals(diff.changes.filter(({ about }) => about === "guard"), [
    { about: "guard", field: "confirm", action: "add", to: "10 min" },
  ]);
  const same = diffPlans({ kind: "plan", name: "a", plan }, { kind: "plan", name: "b", plan });
  assertEquals(same.unchanged.includes("guard"), true);
  const changed = diffPlans({ kind: "plan", name: "a", plan: other }, {
    kind: "plan",
    name: "b",
    plan: planOf({ guard: { panic: 20 } }),
  });
  assertEquals(changed.changes.filter(({ about }) => about === "guard"), [
    { about: "guard", field: "panic", action: "change", from: "10 s", to: "20 s" },
    { about: "guard", field: "confirm", action: "remove", from: "10 min" },
  ]);
});

pure("systemd with a drop-in that resets is covered, and names of an older guard are not kept", () => {
  const reset = initrdWith([
    "/usr/lib/systemd/systemd",
    "/etc/systemd/system/emergency.service.d/warmboot.conf",
  ]);
  assertEquals(
    verdictOf(planOf({}, { initrd: [reset] }), "guard-panic"),
    "pass The machine resets after 10 s where the kernel panics, and where the initrd (systemd-reset) fails",
  );
  assertEquals(
    withGuardParameters("ro panic=5 warmboot.guard=panic,rd.shell", { parameters: ["panic=10"] }),
    "ro panic=10 warmboot.guard=panic",
  );
});
