import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { diffPlans } from "../../src/diff/compare.ts";
import type { ColdReboot } from "../../src/entry/cold_reboot.ts";
import type { DeviceNode, DeviceTree } from "../../src/formats/fdt.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { Images, InitrdFile } from "../../src/image/boot_files.ts";
import { MAKER_FILES, RAMOOPS_MODULE } from "../../src/image/initrd_maker.ts";
import { type Plan, planText } from "../../src/plan/plan.ts";
import { decodePlan } from "../../src/plan/plan_shape.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { mayBeOverwritten, planLog, type PlannedLog } from "../../src/plan/ramoops.ts";
import { recheck } from "../../src/plan/stored.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { guardLines } from "../../src/render/guard_text.ts";
import { hostFacts } from "../support/host_facts.ts";
import { bzImage, images, initrdFile, kernelFile, PART_DIGESTS, profileOf, wholeInitrd } from "../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const MIB = 1n << 20n;

/** What a log of 1 MiB needs at the usual place, in order. */
const AT_512M =
  "memmap=1M$0x20000000 ramoops.mem_address=0x20000000 ramoops.mem_size=0x100000 ramoops.record_size=0x10000 " +
  "ramoops.console_size=0x80000 ramoops.ftrace_size=0 ramoops.pmsg_size=0 ramoops.ecc=1 pstore.backend=ramoops";

/** A range that an administrator chose, with what goes with it. */
const OWN = "memmap=2M$0x30000000 ramoops.mem_address=0x30000000 ramoops.mem_size=0x200000 ramoops.record_size=0x8000";

function initrdWith(module: "absent" | "not-executable"): InitrdFile {
  const programs = Object.fromEntries(MAKER_FILES.map((path) => [path, "absent"] as const));
  return {
    ...initrdFile(),
    content: wholeInitrd({ programs: { "/init": "executable", ...programs, [RAMOOPS_MODULE]: module } }),
  };
}

interface Changes {
  readonly profile?: Partial<Profile>;
  readonly facts?: Partial<HostFacts>;
  readonly cold?: ColdReboot;
  readonly initrd?: readonly InitrdFile[];
}

function tried({ profile = {}, facts = {}, cold, initrd }: Changes) {
  return planBoot({
    profile: profileOf({ guard: { log: 1 << 20 }, stamp: true, ...profile }),
    facts: hostFacts(facts),
    images: images(initrd === undefined ? {} : { initrd }),
    partDigests: PART_DIGESTS,
    ...(cold === undefined ? {} : { coldReboot: cold }),
  });
}

function planOf(changes: Changes = {}): Plan {
  const { value, diagnostics } = tried(changes);
  if (value === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return value;
}

function verdict({ checks }: Plan, rule = "guard-log"): string | undefined {
  const check = checks.find((each) => each.rule === rule);
  return check === undefined
    ? undefined
    : `${check.status}: ${check.message}${check.hint === undefined ? "" : ` (${check.hint})`}`;
}

function coldWith(parameters: string, loader: "GRUB" | "systemd-boot" = "GRUB"): ColdReboot {
  return { log: { loader, entry: "debian", parameters: parameters.split(" ").filter((each) => each !== "") } };
}

/** The place of a log of this size, as `address` or the reason against it. */
function placeOf(facts: Partial<HostFacts>, size = 1 << 20): string {
  const log = planLog(size, { facts: hostFacts(facts), images: images() });
  return log.kind === "range" ? log.address : log.kind === "impossible" ? log.why : log.kind;
}

const ram = (...ranges: readonly (readonly [start: bigint, end: bigint])[]): Pick<HostFacts, "iomem"> => ({
  iomem: {
    visibility: "full",
    roots: ranges.map(([start, end]) => ({ start: start * MIB, end: end * MIB, name: "System RAM", children: [] })),
  },
});

pure("a log lies at 512 MiB, or in the middle of less memory, and where nothing else is", () => {
  assertEquals(placeOf({}), "0x20000000");
  assertEquals(placeOf({}, 4 << 20), "0x20000000");
  assertEquals(placeOf(ram([1n, 512n])), "0x10000000");
  assertEquals(placeOf(ram([1n, 300n])), "0x9600000");
  // Not aligned, and with a hole at the best place.
  assertEquals(placeOf(ram([1n, 500n], [600n, 3000n])), "0x25800000");
  assertEquals(placeOf(ram([1n, 512n], [4096n, 8192n])), "0x10000000");
  const [, memory] = hostFacts().iomem.roots;
  if (memory === undefined) throw new Error("The host has no such memory");
  const crash = { start: 0x2000_0000n, end: 0x3000_0000n, name: "Crash kernel", children: [] };
  const kernel = { start: 0x2000_0000n, end: 0x2200_0000n, name: "Kernel code", children: [] };
  const with_ = (child: typeof crash): Partial<HostFacts> => ({
    iomem: { visibility: "full", roots: [{ ...memory, children: [child] }] },
  });
  assertEquals(placeOf(with_(crash)), "0x30000000");
  // The running kernel itself is gone by then, and lies elsewhere at each boot.
  assertEquals(placeOf(with_(kernel)), "0x20000000");
  const handover = { services: [], reservedMemory: [], scratch: [{ start: 0x2000_0000n, end: 0x2400_0000n }] };
  assertEquals(placeOf({ handover }), "0x24000000");
  assertEquals(
    placeOf({ firmwareMap: [{ start: 0x10_0000n, end: 0x1f00_0000n, type: "System RAM" }] }),
    "0xf800000",
  );
  const none = "No memory between 128 MiB and 4 GiB is free for it";
  assertEquals(placeOf(ram([1n, 128n])), none);
  assertEquals(placeOf(ram([4096n, 8192n])), none);
  assertEquals(placeOf(ram([1n, 129n])), "0x8000000");
  // Nothing fits at 512 MiB or above it: the highest place below that, and not the one in the last range, which is too short.
  assertEquals(placeOf(ram([100n, 200n], [250n, 400n], [1100n, 1110n]), 64 << 20), "0x14000000");
  assertMatch(placeOf({ iomem: { visibility: "zeroed", roots: [] } }), /shows every address as zero/);
  assertMatch(placeOf({ iomem: { visibility: "absent", roots: [] } }), /is missing or empty/);
  assertMatch(placeOf({ machine: "riscv64" }), /riscv64/);
});

pure("the next command line gets what ramoops needs, and `reuse` starts without it", () => {
  const { cmdline } = planOf().call;
  assertStringIncludes(
    cmdline,
    `root=LABEL=root ro ${AT_512M} warmboot.guard=memmap=1M$0x20000000,ramoops.mem_address,`,
  );
  const reuse = { kind: "edit", reuse: true, remove: [], set: [], append: [] } as const;
  const next = planOf({
    profile: { cmdline: reuse, guard: { confirm: 60 } },
    facts: { cmdline: `${cmdline} memmap=4G!8G` },
  });
  assertEquals(next.call.cmdline.replace(/ warmboot\.plan=\w+/, ""), "root=LABEL=root ro memmap=4G!8G");
  // With a log again, it stays where it is.
  const again = planOf({ profile: { cmdline: reuse }, facts: { cmdline: `${cmdline} memmap=4G!8G` } });
  assertStringIncludes(again.call.cmdline, `root=LABEL=root ro memmap=4G!8G ${AT_512M} warmboot.guard=memmap=1M$`);
  assertEquals(again.guard?.ramoops?.kind === "range" && again.guard.ramoops.from, "running");
  // What the boot loader gave is not the guard's.
  const own = planOf({ profile: { cmdline: reuse }, facts: { cmdline: `ro ${OWN} pstore.backend=ramoops` } });
  assertEquals(own.call.cmdline.replace(/ warmboot\.plan=\w+/, ""), `ro ${OWN} pstore.backend=ramoops`);
});

pure("the entry that a cold reboot boots says where the log lies, then the running kernel", () => {
  const of = (facts: Partial<HostFacts>, cold: ColdReboot | undefined): PlannedLog | undefined =>
    planOf({ facts, ...(cold === undefined ? {} : { cold }) }).guard?.ramoops;
  const fallback = of({ cmdline: `ro ${AT_512M}` }, coldWith(OWN));
  assertEquals(fallback, {
    kind: "range",
    from: "fallback",
    address: "0x30000000",
    size: 2 << 20,
    parameters: [...OWN.split(" "), "pstore.backend=ramoops"],
  });
  const running = of({ cmdline: `ro ${OWN}` }, coldWith(""));
  assertEquals([running?.kind === "range" && running.from, running?.kind === "range" && running.address], [
    "running",
    "0x30000000",
  ]);
  // Memory that nothing keeps free is kept free.
  const bare = of({}, coldWith("ramoops.mem_address=0x30000000 ramoops.mem_size=0x200000"));
  assertEquals(bare?.kind === "range" && bare.parameters[0], "memmap=2M$0x30000000");
  // What the firmware keeps free already needs no parameter.
  const firmwareMap = [{ start: 0x10_0000n, end: 0x3000_0000n, type: "System RAM" }];
  const beyond = of({ firmwareMap }, coldWith("ramoops.mem_address=0x30000000 ramoops.mem_size=0x200000"));
  assertEquals(beyond?.kind === "range" && beyond.parameters[0], "ramoops.mem_address=0x30000000");
  // Without the firmware's map, by /proc/iomem.
  const seen = of(
    { firmwareMap: [], ...ram([0x10_0000n, 0x3000_0000n]) },
    coldWith("ramoops.mem_address=0x30000000 ramoops.mem_size=0x200000"),
  );
  assertEquals(seen?.kind === "range" && seen.parameters[0], "ramoops.mem_address=0x30000000");
});

pure(
  "a reservation is kept as it is written, and one that is missing is made, also where the host hides its memory",
  () => {
    const of = (cmdline: string, facts: Partial<HostFacts> = {}): string | undefined => {
      const log = planLog(1 << 20, { facts: hostFacts({ cmdline, ...facts }), images: images() });
      return log.kind === "range" ? log.parameters[0] : log.kind;
    };
    const at = (size: string) => `ramoops.mem_address=0x30000000 ramoops.mem_size=${size}`;
    assertEquals(of(`memmap=4M$0x2ff00000 ${at("0x200000")}`), "memmap=4M$0x2ff00000");
    const rows: readonly (readonly [size: string, text: string])[] = [
      ["0x200000", "2M"],
      ["0x18000", "96K"],
      ["0x180000", "1536K"],
      ["0x18200", "98816"],
    ];
    for (const [size, text] of rows) {
      assertEquals(of(at(size)), `memmap=${text}$0x30000000`);
      assertEquals(of(at(size), { iomem: { visibility: "zeroed", roots: [] } }), `memmap=${text}$0x30000000`);
    }
  },
);

pure("half of a log is for the console and a quarter a record, up to what kernels can read", () => {
  const of = (size: number): readonly string[] => {
    const log = planLog(size, { facts: hostFacts(), images: images() });
    return log.kind === "range" ? log.parameters.slice(3, 5) : [];
  };
  assertEquals(of(128 << 10), ["ramoops.record_size=0x8000", "ramoops.console_size=0x10000"]);
  assertEquals(of(2 << 20), ["ramoops.record_size=0x10000", "ramoops.console_size=0x100000"]);
  assertEquals(of(8 << 20), ["ramoops.record_size=0x10000", "ramoops.console_size=0x100000"]);
});

pure("whether the initrd has the module is not known unless every initrd was read through", () => {
  const of = (...initrd: readonly InitrdFile[]): string | undefined => {
    const log = planLog(1 << 20, { facts: hostFacts(), images: images({ initrd }) });
    return log.kind === "impossible" ? log.kind : log.module;
  };
  assertEquals(of(initrdWith("absent"), initrdWith("not-executable")), "in-initrd");
  assertEquals(of(initrdWith("absent"), initrdWith("absent")), "not-in-initrd");
  assertEquals(of(initrdWith("absent"), initrdFile()), undefined);
  assertEquals(of(initrdFile(), initrdWith("not-executable")), undefined);
});

pure("a command line of the profile that says otherwise is a conflict, and another `memmap=` is not", () => {
  const of = (parameters: readonly string[]) =>
    tried({ profile: { cmdline: { kind: "parameters", parameters } } }).diagnostics.map((
      { message, path },
    ) => [message, path]);
  assertEquals(of(["ro", "ramoops.ecc=0"]), [[
    "`guard` needs `ramoops.ecc=1`, and the command line has `ramoops.ecc=0`",
    ["guard", "log"],
  ]]);
  assertEquals(of(["ro", "memmap=4G!8G", AT_512M]), []);
});

pure("the kernel that reads the log is looked at, and what its boot loader needs is said", () => {
  const rule = "guard-log-fallback";
  assertEquals(
    verdict(planOf({ cold: coldWith(AT_512M) }), rule),
    "pass: `debian` of GRUB, which a cold reboot boots, looks for the log at the same place",
  );
  assertEquals(
    verdict(planOf({ cold: coldWith("") }), rule),
    `warn: \`debian\` of GRUB, which a cold reboot boots, cannot read the log: its command line lacks \`${AT_512M}\` ` +
      '(Add this to GRUB_CMDLINE_LINUX_DEFAULT="…" in /etc/default/grub, and run update-grub or grub2-mkconfig: ' +
      `\`${AT_512M.replace("$", "\\\\\\$")}\`)`,
  );
  assertEquals(
    verdict(planOf({ cold: coldWith(OWN, "systemd-boot") }), rule),
    "warn: `debian` of systemd-boot, which a cold reboot boots, cannot read the log: its command line lacks " +
      "`pstore.backend=ramoops` (Add this to the `options` of the entry `debian`, and to /etc/kernel/cmdline for those of " +
      "later kernels: `pstore.backend=ramoops`)",
  );
  assertMatch(
    verdict(planOf(), rule) ?? "",
    /^warn: Whether the kernel that a cold reboot boots can read the log is not known/,
  );
  assertMatch(verdict(planOf({ cold: { unknown: "x" } }), rule) ?? "", /^warn: Whether/);
});

pure("what a shell and GRUB make of the line for /etc/default/grub is the parameter", () => {
  const [, line = ""] =
    /: `(memmap[^`]*)`\)$/.exec(verdict(planOf({ cold: coldWith("") }), "guard-log-fallback") ?? "") ?? [];
  // Between double quotes the shell takes a backslash off before `\` and `$`; GRUB before `$` outside of quotes.
  const unescaped = (text: string) => text.replaceAll(/\\([\\$])/g, "$1");
  assertEquals(unescaped(unescaped(line)), AT_512M);
});

pure("no image is placed over the log", () => {
  const placed = planOf({ profile: { load: "kexec_load" }, facts: ram([1n, 256n]) });
  assertEquals(verdict(placed), "pass: What the new kernel logs is kept over a reset: 1 MiB at 0x8000000");
  // The kernel at 16 MiB takes 60 MiB, and this initrd no longer fits below the log.
  const large = planOf({
    profile: { load: "kexec_load" },
    facts: ram([1n, 256n]),
    initrd: [{ ...initrdFile(), size: 60 << 20 }],
  });
  if (large.call.syscall !== "kexec_load") throw new Error("The plan has no segments");
  const log = { start: 0x800_0000n, end: 0x810_0000n };
  const over = large.call.segments.filter(({ mem, memsz }) =>
    BigInt(mem) < log.end && BigInt(mem) + BigInt(memsz) > log.start
  );
  assertEquals(over, []);
  assertEquals(large.call.segments.find(({ name }) => name === "initrd")?.mem, "0x8100000");

  const file = { load: "kexec_file_load" } as const;
  assertMatch(verdict(planOf({ profile: file })) ?? "", /^pass/);
  assertMatch(
    verdict(planOf({ profile: file, facts: ram([1n, 256n]), initrd: [{ ...initrdFile(), size: 80 << 20 }] })) ?? "",
    /^fail: The running kernel does not keep the memory of the log free \(1 MiB at 0x8000000\), and kexec_file_load may place/,
  );
  // With kexec_load, warmboot itself places the image.
  assertMatch(
    verdict(planOf({
      profile: { load: "kexec_load" },
      facts: ram([1n, 256n]),
      initrd: [{ ...initrdFile(), size: 80 << 20 }],
    })) ?? "",
    /^pass/,
  );
  // The running kernel keeps it free.
  const free = ram([1n, 128n], [129n, 256n]);
  const reserved = { cmdline: `ro ${AT_512M.replaceAll("0x20000000", "0x8000000")}`, ...free };
  assertMatch(
    verdict(planOf({ profile: file, facts: reserved, initrd: [{ ...initrdFile(), size: 80 << 20 }] })) ?? "",
    /^pass/,
  );
  // With kexec handover, the scratch areas are the only place.
  const handover = { services: [], reservedMemory: [], scratch: [{ start: 0x2000_0000n, end: 0x2800_0000n }] };
  assertMatch(verdict(planOf({ profile: file, facts: { handover, cmdline: `ro ${AT_512M}` } })) ?? "", /^fail/);
});

pure("the log may be overwritten once kernel, initrd and what goes with them do not fit above it", () => {
  const log = { kind: "range", from: "plan", address: "0x8000000", size: 1 << 20, parameters: [] } as const;
  const over = (
    initrd: number,
    kernel: Partial<NonNullable<Images["kernel"]>> = {},
    facts: Partial<HostFacts> = {},
  ): boolean =>
    mayBeOverwritten(log, {
      facts: hostFacts({ ...ram([1n, 256n]), ...facts }),
      images: images({ kernel: kernelFile(kernel), initrd: [{ ...initrdFile(), size: initrd }] }),
      cmdline: "ro",
    });
  // Above it are 127 MiB: for the kernel's 60, each with the most that its alignment may cost, a purgatory of at most
  // 40 KiB, boot_params of two pages, and the list of scratch areas.
  const left = (127 << 20) - (62 << 20) - (0xa000 + 0x1000) - (0x2000 + 16) - 0x1_0000 - 0x1000;
  const most = Math.floor(left / 4096) * 4096;
  assertEquals([over(most), over(most + 1)], [false, true]);
  // What is built is larger than the file says.
  const built = { size: 40 << 20, sha256: "c".repeat(64), memory: 61 << 20 };
  assertEquals([over(most, { built }), over(most - (1 << 20), { built })], [true, false]);
  // The list of IMA's measurements grows with each: by 512 bytes at most.
  const ima = (imaMeasurements: number): Partial<HostFacts> => ({
    imaMeasurements,
    kernelConfig: { ...hostFacts().kernelConfig, CONFIG_IMA_KEXEC: "y" },
  });
  assertEquals([over(most, {}, ima(0)), over(most - (8 << 20), {}, ima(16_000))], [true, false]);
  assertEquals(over(most - (8 << 20), {}, ima(17_000)), true);
  // Memory that the running kernel does not have is not given to an image.
  assertEquals(over(most + 1, {}, ram([1n, 128n], [129n, 256n])), false);
});

pure("memory that the firmware clears, and memory that is too small, are warned of", () => {
  assertMatch(
    verdict(planOf({ facts: { memoryOverwrite: true } })) ?? "",
    /^warn: The firmware was asked to clear the memory/,
  );
  assertMatch(verdict(planOf({ facts: { memoryOverwrite: false } })) ?? "", /^pass/);
  assertMatch(
    verdict(planOf({ profile: { guard: { log: 4 << 20 } }, cold: coldWith(OWN) })) ?? "",
    /^warn: The memory of the log that there is \(2 MiB at 0x30000000\) is smaller than `log`, 4 MiB/,
  );
  assertEquals(
    verdict(planOf({ facts: { iomem: { visibility: "zeroed", roots: [] } }, profile: { load: "kexec_file_load" } })),
    "fail: The log of the new kernel cannot be kept: /proc/iomem shows every address as zero, so that no place for it can be " +
      "found (Run warmboot on the host itself, as root)",
  );
});

pure("a module must be in the initrd, and loaded where the log is read", () => {
  const rule = "guard-log-module";
  const config = (value: string) => ({ kernelConfig: { ...hostFacts().kernelConfig, CONFIG_PSTORE_RAM: value } });
  const of = (facts: Partial<HostFacts>, module: "absent" | "not-executable") =>
    verdict(planOf({ facts, initrd: [initrdWith(module)] }), rule) ?? "";
  assertMatch(of(config("m"), "absent"), /^warn: The initrd has no module ramoops/);
  assertMatch(
    of(config("m"), "not-executable"),
    /^warn: Ramoops is a module, and the running kernel has not loaded it/,
  );
  assertEquals(
    of({ ...config("m"), pstoreBackend: "ramoops" }, "not-executable"),
    "pass: The initrd has the module ramoops",
  );
  assertMatch(of(config("y"), "absent"), /^pass/);
  assertMatch(of({}, "absent"), /^pass/);
  assertMatch(of(config("n"), "absent"), /^warn: The running kernel is built without ramoops/);
});

pure("the plan says in words what is kept, from when, and what is not", () => {
  const lines = (changes: Changes) => guardLines(planOf(changes).guard ?? { parameters: [] }).slice(-3);
  assertEquals(lines({ initrd: [initrdWith("not-executable")] }), [
    "What it logs in an oops or a panic is kept over the reset: 1 MiB at 0x20000000, from when the initrd loads ramoops",
    "Not covered: a hang without a panic leaves no log, unless the kernel is built with CONFIG_PSTORE_CONSOLE",
    `The kernel that reads the log needs: ${AT_512M}`,
  ]);
  assertMatch(lines({ initrd: [initrdWith("absent")] })[0] ?? "", /built in, or loaded once the initrd is done$/);
  assertEquals(
    lines({ facts: { iomem: { visibility: "zeroed", roots: [] } }, profile: { load: "kexec_file_load" } }).at(-1),
    "What it logs is lost in a reset",
  );
});

pure("a stored plan with a log is made again to the byte, and refused once the log lies elsewhere", () => {
  const cold = coldWith("");
  const plan = planOf({ cold });
  const stored = decodePlan(JSON.parse(planText(plan)), [], ({ message }) => {
    throw new Error(message);
  });
  if (stored === undefined) throw new Error("The plan cannot be read");
  const again = recheck(stored, hostFacts(), images(), PART_DIGESTS, { coldReboot: cold });
  assertEquals([again.checks[0]?.rule, again.checks[0]?.status], ["stored-plan", "pass"]);
  assertEquals(again.call, plan.call);
  const moved = recheck(stored, hostFacts(), images(), PART_DIGESTS, { coldReboot: coldWith(OWN) });
  assertEquals([moved.checks[0]?.rule, moved.checks[0]?.status], ["stored-plan", "fail"]);
});

pure("`diff` says how two logs differ", () => {
  const changes = diffPlans(
    { kind: "plan", name: "a", plan: planOf() },
    { kind: "plan", name: "b", plan: planOf({ profile: { guard: { log: 2 << 20 } }, cold: coldWith(OWN) }) },
  ).changes
    .flatMap((change) => change.about === "guard" ? [change] : []);
  assertEquals(changes, [
    { about: "guard", field: "log", action: "change", from: "1 MiB", to: "2 MiB" },
    { about: "guard", field: "ramoops.from", action: "change", from: "plan", to: "fallback" },
    { about: "guard", field: "ramoops.address", action: "change", from: "0x20000000", to: "0x30000000" },
    { about: "guard", field: "ramoops.size", action: "change", from: "1 MiB", to: "2 MiB" },
  ]);
});

const cell = (value: bigint): Uint8Array => Uint8Array.fromHex(value.toString(16).padStart(16, "0"));

/** A device tree with a node of ramoops, at this address if there is one. */
function treeWith(address: bigint | undefined, status = "okay", size = MIB): DeviceTree {
  const text = (value: string) => new TextEncoder().encode(`${value}\0`);
  const node: DeviceNode = {
    name: "ramoops@5f000000",
    properties: [
      { name: "compatible", value: text("ramoops") },
      { name: "status", value: text(status) },
      ...(address === undefined ? [] : [{ name: "reg", value: Uint8Array.of(...cell(address), ...cell(size)) }]),
    ],
    children: [],
  };
  const two = Uint8Array.of(0, 0, 0, 2);
  const cells = [{ name: "#address-cells", value: two }, { name: "#size-cells", value: two }];
  return {
    bootCpu: 0,
    reservations: [],
    root: {
      name: "",
      properties: cells,
      children: [{ name: "reserved-memory", properties: cells, children: [node] }],
    },
  };
}

pure("on arm64 the device tree says where the log lies, or the kernel finds memory, from 6.12 on", () => {
  const arm = (changes: Partial<HostFacts>, release = "6.12.107+deb13-arm64", cold?: ColdReboot): PlannedLog =>
    planLog(1 << 20, {
      facts: hostFacts({ machine: "aarch64", release: "6.12.1", ...changes }),
      images: images({ kernel: kernelFile({ info: bzImage({ release }) }) }),
      ...(cold === undefined ? {} : { coldReboot: cold }),
    });
  assertEquals(arm({ deviceTree: treeWith(0x5f00_0000n) }), {
    kind: "device-tree",
    node: "/reserved-memory/ramoops@5f000000",
    address: "0x5f000000",
    size: 1 << 20,
    parameters: ["pstore.backend=ramoops"],
  });
  assertEquals(arm({ deviceTree: treeWith(undefined) }).kind, "device-tree");
  const named = arm({ deviceTree: treeWith(0x5f00_0000n, "disabled") });
  assertEquals(named.kind === "named" && named.parameters.slice(0, 3), [
    "reserve_mem=1M:64K:warmboot",
    "ramoops.mem_name=warmboot",
    "ramoops.record_size=0x10000",
  ]);
  const own = "reserve_mem=2M:4096:oops ramoops.mem_name=oops";
  assertEquals(arm({}, undefined, coldWith(own)), {
    kind: "named",
    from: "fallback",
    parameters: [...own.split(" "), "pstore.backend=ramoops"],
  });
  // The tree of both kernels goes before what a command line says.
  assertEquals(arm({ deviceTree: treeWith(0x5f00_0000n) }, undefined, coldWith(own)).kind, "device-tree");
  assertEquals(arm({ deviceTree: treeWith(0x5f00_0000n, "ok") }).kind, "device-tree");
  // The kernel that reads it is the one that a cold reboot boots; what has no number is not known to be old.
  const cold = (release: string): ColdReboot => ({
    entry: { loader: "GRUB", id: "old", kernel: "/boot/vmlinuz-old", release },
  });
  assertEquals(arm({ release: "6.1.0-50-arm64" }, undefined, cold("6.12.1")).kind, "named");
  assertEquals(arm({}, undefined, cold("6.11.9")).kind, "impossible");
  assertEquals(arm({ release: "next-20260701" }).kind, "named");
  for (const old of [arm({}, "6.1.0-50-arm64"), arm({ release: "6.1.0-50-arm64" })]) {
    assertEquals(
      old.kind === "impossible" && old.why,
      "The device tree has no node for it, and `reserve_mem=` is of Linux 6.12 and later, not of 6.1.0-50-arm64",
    );
  }
});

pure("a device tree that the profile names keeps the log at the host's own place, or it cannot be kept", () => {
  const of = (next: DeviceTree | undefined, own = treeWith(0x5f00_0000n)): string => {
    const dtb = next === undefined ? {} : {
      dtb: { path: "/boot/board.dtb", size: 4096, sha256: "d".repeat(64), info: { kind: "tree", tree: next } as const },
    };
    return planLog(1 << 20, {
      facts: hostFacts({ machine: "aarch64", release: "6.12.1", deviceTree: own }),
      images: images(dtb),
    }).kind;
  };
  const none: DeviceTree = { ...treeWith(0n), root: { name: "", properties: [], children: [] } };
  assertEquals(of(undefined), "device-tree");
  assertEquals(of(treeWith(0x5f00_0000n)), "device-tree");
  for (const other of [treeWith(0x5e00_0000n), treeWith(0x5f00_0000n, "okay", 2n * MIB), treeWith(undefined), none]) {
    assertEquals(of(other), "impossible");
  }
  // The tree that reads it has none: another way is found.
  assertEquals(of(treeWith(0x5f00_0000n), none), "named");
});

pure("a place that the kernel finds at each boot is warned of, one that the device tree fixes is not", () => {
  const of = (deviceTree: DeviceTree | undefined, facts: Partial<HostFacts> = {}, rule = "guard-log") =>
    verdict(
      planOf({
        facts: {
          machine: "aarch64",
          release: "6.12.1",
          ...(deviceTree === undefined ? {} : { deviceTree }),
          ...facts,
        },
      }),
      rule,
    ) ?? "";
  const [fixed, found] = [treeWith(0x5f00_0000n), treeWith(undefined)];
  assertEquals(
    of(fixed),
    "pass: What the new kernel logs is kept over a reset: 1 MiB at 0x5f000000, /reserved-memory/ramoops@5f000000 of the " +
      "device tree",
  );
  assertMatch(of(found), /^warn: The kernel looks for the memory of the log at each boot/);
  assertMatch(of(undefined), /^warn: The kernel looks for the memory of the log at each boot/);
  for (const tree of [fixed, found, undefined]) {
    assertMatch(of(tree, { memoryOverwrite: true }), /^warn: The firmware was asked to clear the memory/);
  }
  // What has a name is found by the kernel that reads it; for the others the driver must have been loaded for this log.
  const module = { kernelConfig: { ...hostFacts().kernelConfig, CONFIG_PSTORE_RAM: "m" } };
  assertMatch(of(undefined, module, "guard-log-module"), /^pass/);
  for (const pstoreBackend of [undefined, "efi_pstore"]) {
    const loaded = pstoreBackend === undefined ? module : { ...module, pstoreBackend };
    assertMatch(of(fixed, loaded, "guard-log-module"), /^warn: Ramoops is a module/);
  }
});
