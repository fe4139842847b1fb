import { readOwn } from "../../src/app/read_plan.ts";
import { planFiles, profileFiles } from "../../src/app/named_files.ts";
import { diffPlans } from "../../src/diff/compare.ts";
import { describeVmlinux } from "../../src/arch/x86_64/vmlinux.ts";
import { compareText } from "../../src/core/text.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { Images } from "../../src/image/boot_files.ts";
import { lowerPlan } from "../../src/plan/lower.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { planText } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { mayRun } from "../../src/plan/rules/table.ts";
import { recheck } from "../../src/plan/stored.ts";
import type { Unlock } from "../../src/profile/profile.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { listed, vmlinux } from "../support/small_kernel.ts";
import { arm64Input, BOARD, packedFile } from "../support/arm64.ts";
import { crashHost } from "../support/crash_host.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, initrdFile, kernelFile, profileOf } from "../support/profiles.ts";
import { ADDED, ADDED_TO, type AddedFiles, addFiles, ADDING_HOST, handedIn, hiddenIn } from "./added_files.ts";
import { sha256 } from "./draw.ts";
import { type Forgery, forgeText } from "./forge_text.ts";
import type { Random } from "./random.ts";

/** A genuine plan, and what it is checked against. */
export interface Genuine {
  readonly name: string;
  readonly plan: Plan;
  readonly text: string;
  readonly facts: HostFacts;
  readonly images: Images;
  /** What archives give to the next kernel. */
  readonly handed: string;
}

/** Every part of every file has a digest; which, does not matter here. */
export const DIGESTS: ReadonlyMap<string, string> = new (class extends Map<string, string> {
  override get(key: string): string {
    return sha256(new TextEncoder().encode(key));
  }
})();

function genuine(name: string, profile: Partial<Profile>, facts = hostFacts(), files: Partial<Images> = {}): Genuine {
  const all = { ...images(), ...files };
  const named = profileOf({ initrd: all.initrd.map(({ path }) => ({ path })), ...profile });
  const { value, diagnostics } = planBoot({ profile: named, facts, images: all, partDigests: DIGESTS });
  if (value === undefined) throw new Error(`Cannot plan ${name}: ${JSON.stringify(diagnostics)}`);
  if (!mayRun(value.checks)) throw new Error(`${name} fails its checks`);
  return { name, plan: value, text: planText(value), facts, images: all, handed: handedIn([]) };
}

/** A genuine plan that adds files to the initrd, by either call. */
async function adding(name: string, profile: Partial<Profile>): Promise<readonly Genuine[]> {
  const named = profileOf({ initrd: [{ path: ADDED_TO.path }], ...profile });
  const files = images({ initrd: [ADDED_TO] });
  const added = await addFiles(profileFiles(named, [ADDING_HOST]), ADDING_HOST, files.initrd);
  if (added === undefined) throw new Error(`Cannot make the archives of ${name}`);
  return (["kexec_file_load", "kexec_load"] as const).map((load) => ({
    ...genuine(`${name}, ${load}`, { ...named, load }, ADDING_HOST, { initrd: added.initrd }),
    images: files,
    handed: handedIn(added.made),
  }));
}

const KEYS: readonly Unlock[] = [{ volume: "root", key: { kind: "from", path: "/etc/keys/root.key" } }];
const ASKED: readonly Unlock[] = [{ volume: "root", key: { kind: "ask", prompt: "Root:" } }];

async function addingPlans(): Promise<readonly Genuine[]> {
  const initrd: Profile["initrd"] = [{ path: ADDED_TO.path }, { files: ADDED }];
  return [
    ...await adding("files", { initrd }),
    ...await adding("a key file", { unlock: KEYS }),
    ...await adding("the network", { carry: ["network"] }),
    ...await adding("files, a key that is asked for, the network", { initrd, unlock: ASKED, carry: ["network"] }),
  ];
}

const BUILT = { size: 0x20_2400, sha256: "b".repeat(64), memory: 0x40_0000 };

function unpackedKernel(): Images["kernel"] {
  const image = vmlinux({ add64: [listed(8)], add32: [listed(0x100)] });
  const described = describeVmlinux(image);
  if (described.kind === "fault") throw new Error(`Cannot unpack: ${described.why}`);
  return { ...kernelFile(), unpacked: { ...described.vmlinux, size: image.length } };
}

function genuinePlans(): readonly Genuine[] {
  const two = [initrdFile(), initrdFile({ path: "/boot/extra.img", size: 5000, sha256: "c".repeat(64) })];
  const board = arm64Input();
  return [
    genuine("kexec_file_load", {}),
    genuine("kexec_file_load, two initrds and a stamp", { stamp: true }, hostFacts(), { initrd: two }),
    genuine("kexec_load", { load: "kexec_load" }),
    genuine("kexec_load, SHA-256, two initrds", { load: "kexec_load", checksum: "sha256" }, hostFacts(), {
      initrd: two,
    }),
    genuine("kexec_load, unverified, in a window", {
      load: "kexec_load",
      checksum: false,
      memory: { min: 0x800_0000n, max: 0x8000_0000n },
    }),
    genuine("an unpacked kernel", { predecompress: true }, hostFacts(), {
      kernel: unpackedKernel() as NonNullable<Images["kernel"]>,
    }),
    genuine("an unpacked kernel in a built image", { load: "kexec_file_load", predecompress: "auto" }, hostFacts(), {
      kernel: { ...unpackedKernel(), built: BUILT } as NonNullable<Images["kernel"]>,
    }),
    genuine("a crash kernel", { crash: true, load: "kexec_load" }, crashHost()),
    genuine("a crash kernel by kexec_file_load", { crash: true, load: "kexec_file_load" }, crashHost()),
    genuine("arm64", { load: "kexec_load" }, BOARD, board.images),
    genuine("arm64, a crash kernel", { crash: true, load: "kexec_load" }, BOARD, board.images),
    genuine("arm64, a compressed kernel", { load: "kexec_load" }, BOARD, { ...board.images, kernel: packedFile() }),
    genuine(
      "explicit segments",
      {
        initrd: [],
        cmdline: { kind: "parameters", parameters: [] },
        entry: 0x20_0000n,
        segments: [
          { name: "code", at: 0x20_0000n, source: { kind: "bytes", bytes: new Uint8Array([0xf4, 1, 2, 3]) } },
          { at: 0x40_0000n, size: 0x2000n, source: { kind: "zero" } },
          {
            name: "data",
            at: 0x50_0000n,
            source: { kind: "file", file: { path: "/srv/data" }, offset: 16n, length: 100n },
          },
        ],
      },
      hostFacts(),
      {
        initrd: [],
        segments: [{ path: "/srv/data", size: 4096, sha256: "d".repeat(64), info: undefined }],
        kernel: undefined,
      } as never,
    ),
  ];
}

let made: readonly Genuine[] | undefined;

/** The plans that are forged, but for those that add files. */
export function genuines(): readonly Genuine[] {
  return made ??= genuinePlans();
}

let all: Promise<readonly Genuine[]> | undefined;

/** All of them. */
export function allGenuines(): Promise<readonly Genuine[]> {
  return all ??= addingPlans().then((adding) => [...genuines(), ...adding]);
}

/**
 * What came of a forged plan: it was refused, or loads the same, or what it says where it may have become another plan.
 * @throws {Error} if it loads something else, or `diff` says that it is the same
 */
export async function judgeForgery(
  original: Genuine,
  { text, what, isOther }: Forgery,
): Promise<"refused" | "same calls"> {
  const decoded = readOwn(new TextEncoder().encode(text), "forged.json", true)?.value;
  if (decoded === undefined) return "refused";
  const wrong = (how: string) => new Error(`${original.name}: ${what.slice(0, 300)}: ${how}`);
  const differs = callsOf(decoded) !== callsOf(original.plan);
  const side = (plan: Plan) => ({ kind: "plan", name: "plan", plan }) as const;
  if (differs && diffPlans(side(original.plan), side(decoded)).same) {
    throw wrong("diff finds no differences, and the calls differ");
  }
  const files = await filesFor(decoded, original);
  if (files === undefined) return "refused";
  const checked = recheck(decoded, original.facts, files.images, DIGESTS);
  if (!mayRun(checked.checks)) return "refused";
  if (callsOf(checked) !== callsOf(decoded)) throw wrong("the plan loads what it does not say");
  const hidden = hiddenIn(files.made, decoded.overlays ?? []);
  if (hidden.length > 0) throw wrong(`the plan does not show what it adds: ${hidden.join(", ")}`);
  if (isOther === undefined && (differs || handedIn(files.made) !== original.handed)) {
    throw wrong("the plan loads, and hands over something else");
  }
  return "same calls";
}

/** One forgery of one of the plans. */
export async function drawForgery(
  random: Random,
): Promise<{ readonly original: Genuine; readonly forgery: Forgery }> {
  const plans = await allGenuines();
  const original = random.pick(plans);
  const others = plans.filter((each) => each !== original).map(({ text }) => text);
  return { original, forgery: forgeText(original.text, random, others) };
}

/** The calls, and what a plan shows of the files that it adds to the initrd, as a text. */
function callsOf(plan: Plan): string {
  const { overlays = [], unlock, carry } = plan;
  // Which folders they need follows from the files.
  const files = new Map(overlays.flatMap(({ files }) => files).map((file) => [file.path, file]));
  const added = [...files].toSorted(([a], [b]) => compareText(a, b));
  try {
    return JSON.stringify([lowerPlan(plan), added, unlock, carry], (_key, value) => {
      return typeof value === "bigint" ? value.toString(16) : value;
    });
  } catch (error) {
    return `no calls: ${error}`;
  }
}

/** The files that a plan names, as far as they are there and are what it takes them for, and the archives that it asks for. */
async function filesFor(
  plan: Plan,
  { facts, images: { kernel, initrd, dtb, segments } }: Genuine,
): Promise<{ readonly images: Images; readonly made: AddedFiles["made"] } | undefined> {
  const named = planFiles(plan);
  const parts = named.segments.map(({ path }) => segments?.find((file) => file.path === path));
  if (named.kernel !== undefined && named.kernel.path !== kernel?.path) return undefined;
  if (named.dtb !== undefined && named.dtb.path !== dtb?.path) return undefined;
  if (parts.includes(undefined)) return undefined;
  const added = await addFiles(named, facts, initrd);
  if (added === undefined) return undefined;
  const found: Images = {
    ...(named.kernel === undefined || kernel === undefined ? {} : { kernel }),
    initrd: added.initrd,
    ...(named.dtb === undefined || dtb === undefined ? {} : { dtb }),
    segments: parts.flatMap((file) => file ?? []),
  };
  return { images: found, made: added.made };
}
