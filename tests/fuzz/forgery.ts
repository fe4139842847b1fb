import { readOwn } from "../../src/app/read_plan.ts";
import { planFiles } from "../../src/app/named_files.ts";
import { diffPlans } from "../../src/diff/compare.ts";
import { describeVmlinux } from "../../src/arch/x86_64/vmlinux.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { Images } from "../../src/image/boot_files.ts";
import { lowerPlan } from "../../src/plan/lower.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { planText } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { mayRun } from "../../src/plan/rules/table.ts";
import { recheck } from "../../src/plan/stored.ts";
import { fileItems } from "../../src/profile/overlay_file.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { listed, vmlinux } from "../support/small_kernel.ts";
import { arm64Input, BOARD, packedFile } from "../support/arm64.ts";
import { crashHost } from "../support/crash_host.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, initrdFile, kernelFile, profileOf } from "../support/profiles.ts";
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
  return { name, plan: value, text: planText(value), facts, images: all };
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

/** The plans that are forged. */
export function genuines(): readonly Genuine[] {
  return made ??= genuinePlans();
}

/**
 * What came of a forged plan: it was refused, or loads the same, or what it says where it may have become another plan.
 * @throws {Error} if it loads something else, or `diff` says that it is the same
 */
export function judgeForgery(original: Genuine, { text, what, isOther }: Forgery): "refused" | "same calls" {
  const decoded = readOwn(new TextEncoder().encode(text), "forged.json", true)?.value;
  if (decoded === undefined) return "refused";
  const differs = bytesOf(decoded) !== bytesOf(original.plan);
  const side = (plan: Plan) => ({ kind: "plan", name: "plan", plan }) as const;
  if (differs && diffPlans(side(original.plan), side(decoded)).same) {
    throw new Error(`${original.name}: ${what.slice(0, 300)}: diff finds no differences, and the calls differ`);
  }
  const files = filesFor(decoded, original.images);
  if (files === undefined) return "refused";
  const checked = recheck(decoded, original.facts, files, DIGESTS);
  if (!mayRun(checked.checks)) return "refused";
  if (bytesOf(checked) !== bytesOf(decoded)) {
    throw new Error(`${original.name}: ${what.slice(0, 300)}: the plan loads what it does not say`);
  }
  if (isOther === undefined && differs) {
    throw new Error(`${original.name}: ${what.slice(0, 300)}: the plan loads, and makes other calls`);
  }
  return "same calls";
}

/** One forgery of one of the plans. */
export function drawForgery(random: Random): { readonly original: Genuine; readonly forgery: Forgery } {
  const original = random.pick(genuines());
  const others = genuines().filter((each) => each !== original).map(({ text }) => text);
  return { original, forgery: forgeText(original.text, random, others) };
}

/** Everything that the kernel is handed, as a text. */
function bytesOf(plan: Plan): string {
  try {
    return JSON.stringify(lowerPlan(plan), (_key, value) => {
      return typeof value === "bigint" ? value.toString(16) : value;
    });
  } catch (error) {
    return `no calls: ${error}`;
  }
}

/** The files that a plan names, as far as they are there and are what it takes them for. */
function filesFor(plan: Plan, { kernel, initrd, dtb, segments }: Images): Images | undefined {
  const named = planFiles(plan);
  const initrds = fileItems(named.initrd).map(({ path }) => initrd.find((file) => file.path === path));
  const parts = named.segments.map(({ path }) => segments?.find((file) => file.path === path));
  if (named.kernel !== undefined && named.kernel.path !== kernel?.path) return undefined;
  if (named.dtb !== undefined && named.dtb.path !== dtb?.path) return undefined;
  if (initrds.includes(undefined) || parts.includes(undefined)) return undefined;
  return {
    ...(named.kernel === undefined || kernel === undefined ? {} : { kernel }),
    initrd: initrds.flatMap((file) => file ?? []),
    ...(named.dtb === undefined || dtb === undefined ? {} : { dtb }),
    segments: parts.flatMap((file) => file ?? []),
  };
}
