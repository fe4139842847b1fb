import { createHash } from "node:crypto";
import { memorySource } from "../../src/core/bytes.ts";
import { type Checked, hasErrors } from "../../src/core/diagnostic.ts";
import type { Capture } from "../../src/host/capture.ts";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { parseIomem } from "../../src/host/iomem.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import { identifyInitrd } from "../../src/image/initrd.ts";
import { partKey, type PlanInput } from "../../src/plan/input.ts";
import { partsNeeded } from "../../src/plan/segment_call.ts";
import type { Checksum, Profile, SegmentSpec } from "../../src/profile/profile.ts";
import { profileOf } from "../support/profiles.ts";
import { BOOTABLE, INITRDS, KERNELS } from "./files.ts";
import { drawHost, type DrawnHost } from "./hosts.ts";
import { mutateBytes, type SeedFile } from "./mutate_bytes.ts";
import type { Random } from "./random.ts";
import type { Images } from "../../src/image/boot_files.ts";

/** A case: what the planner gets, and the raw texts and bytes behind it, for the models. */
export interface Case {
  /** For people. */
  readonly name: string;
  readonly input: PlanInput;
  /** The bytes of each file, by path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** The text of /proc/iomem; empty where there is none. */
  readonly iomem: string;
}

const ALL = [...KERNELS, ...INITRDS];
const DECODED = new WeakMap<Capture, Checked<HostFacts>>();

/** Draws a case; undefined where the host says so little that the program stops there. */
export function drawCase(random: Random): Case | undefined {
  const changeHost = random.oneIn(3);
  const host = drawHost(random, changeHost);
  const { value: said, diagnostics } = decoded(host);
  if (said === undefined || hasErrors(diagnostics)) return undefined;
  const facts = random.oneIn(4) ? said : permissive(said, random);
  const explicit = random.oneIn(8);
  const kernel = random.pick(random.oneIn(2) ? BOOTABLE : KERNELS);
  const files = new Map<string, Uint8Array>();
  const put = (path: string, seed: SeedFile, change: boolean): Uint8Array => {
    const bytes = change ? mutateBytes(seed, ALL, random) : seed.bytes;
    files.set(path, bytes);
    return bytes;
  };
  const kernelBytes = put("/boot/vmlinuz", kernel, !explicit && random.below(4) > (changeHost ? 2 : 0));
  const initrds = Array.from({ length: random.oneIn(50) ? 14 : random.below(3) }, (_, index) => {
    const path = `/boot/initrd.${index}`;
    return { path, bytes: put(path, random.pick(INITRDS), random.oneIn(3)) };
  });
  const profile = explicit ? explicitProfile(facts, kernelBytes.length, random) : linuxProfile(random);
  const images: Images = explicit
    ? { initrd: [], segments: [{ ...described("/boot/vmlinuz", kernelBytes), info: undefined }] }
    : {
      kernel: { ...described("/boot/vmlinuz", kernelBytes), info: identifyKernel(memorySource(kernelBytes)) },
      initrd: initrds.map(({ path, bytes }) => (
        { ...described(path, bytes), info: identifyInitrd(memorySource(bytes)) }
      )),
    };
  return {
    name: `${explicit ? "explicit segments" : kernel.name} on ${host.name}${changeHost ? ", changed" : ""}`,
    input: withDigests(withModules({ profile, facts, images }), files),
    files,
    iomem: host.iomem ?? "",
  };
}

/** The case with the initrds of a Multiboot image as its modules. */
function withModules({ profile, facts, images }: PlanInput): PlanInput {
  if (images.kernel?.info.kind !== "multiboot") return { profile, facts, images };
  const modules = images.initrd.map((file) => ({ ...file, info: undefined }));
  return {
    profile: { ...profile, modules: modules.map(({ path }, index) => ({ path, cmdline: "x ".repeat(index) })) },
    facts,
    images: { ...images, initrd: [], modules },
  };
}

/** The facts of a host. Decoding takes long: what did not change is decoded once, and a changed memory map alone. */
function decoded({ original, capture, iomem }: DrawnHost): Checked<HostFacts> {
  if (original !== capture) return decodeFacts(capture);
  const known = DECODED.get(capture) ?? decodeFacts(capture);
  DECODED.set(capture, known);
  if (iomem === undefined || known.value === undefined) return known;
  const parsed = parseIomem(iomem.replace(/\n$/, ""));
  return { value: { ...known.value, iomem: parsed.iomem }, diagnostics: parsed.diagnostics };
}

/** A BIOS whose vectors and data are where they were. */
const BIOS = {
  vectors: Array.from({ length: 256 }, () => 0xf_f065n),
  extendedData: 0xf_0000n,
  baseMemory: 639n << 10n,
};

/** The host without what forbids loading, so that its memory decides; with what a dump must describe. */
function permissive(facts: HostFacts, random: Random): HostFacts {
  const dump: Partial<HostFacts> = {
    vmcoreinfo: { address: 0x200_0000n, size: 0x1000n },
    crashNotes: [{ cpu: 0, address: 0x7f00_0000n, size: 0x200n }],
    kernelMap: [
      { vaddr: 0xffff_ffff_8100_0000n, paddr: 0x100_0000n, size: 0x300_0000n },
      { vaddr: 0xffff_8880_0000_0000n, paddr: 0n, size: 1n << 46n },
    ],
  };
  return {
    ...facts,
    capEff: 0x1ff_ffff_ffffn,
    initUserNamespace: true,
    lockdown: "none",
    secureBoot: "disabled",
    kexec: {
      loaded: false,
      crashLoaded: false,
      limitReboot: -1,
      limitPanic: -1,
      ...(random.oneIn(2) ? { crashElfcorehdrSize: 0x4000n } : {}),
    },
    kernelConfig: { CONFIG_KEXEC: "y", CONFIG_KEXEC_FILE: "y" },
    cpuFlags: random.oneIn(6) ? ["la57"] : facts.cpuFlags,
    memTotal: random.oneIn(4) ? BigInt(random.below(1 << 20)) << 12n : 64n << 30n,
    ...(random.oneIn(8) ? {} : dump),
    ...(facts.efi === undefined ? { bios: BIOS } : {}),
  };
}

/** The case with the digests of the parts that its segments are made of, as the program takes them. */
function withDigests(input: PlanInput, files: ReadonlyMap<string, Uint8Array>): PlanInput {
  const digests = partsNeeded(input).map((part) => {
    const bytes = files.get(part.path)?.subarray(part.offset, part.offset + part.length);
    return [partKey(part), sha256(bytes ?? new Uint8Array())] as const;
  });
  return { ...input, partDigests: new Map(digests) };
}

function described(path: string, bytes: Uint8Array) {
  return { path, size: bytes.length, sha256: sha256(bytes) };
}

/** Not the hash that src/ uses. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function drawChecksum(random: Random): boolean | Checksum {
  return random.pick([true, true, "sha256", "xxh64", false] as const);
}

function linuxProfile(random: Random): Profile {
  const reuse = { kind: "edit", reuse: true, remove: [], set: [], append: ["quiet"] } as const;
  const long = { kind: "parameters", parameters: ["x".repeat(1 + random.below(2200))] } as const;
  const limits = random.oneIn(6)
    ? { min: BigInt(random.below(1 << 20)) << 12n, max: BigInt(random.below(1 << 20)) << 14n }
    : {};
  return profileOf({
    initrd: [],
    crash: random.oneIn(4),
    checksum: drawChecksum(random),
    memory: limits,
    ...(random.oneIn(3) ? { cmdline: reuse } : random.oneIn(12) ? { cmdline: long } : {}),
  });
}

/** Segments at places of interest on this host, most of them sound. */
function explicitProfile({ iomem, pageSize }: HostFacts, size: number, random: Random): Profile {
  const edges = iomem.roots.filter(({ name }) => name === "System RAM").flatMap(({ start, end, children }) => [
    ...[start, (start + end) / 2n, end - 0x1_0000n],
    ...children.flatMap((child) => [child.start, child.end - 0x1000n]),
  ]);
  const segments = Array.from({ length: random.oneIn(20) ? 17 : 1 + random.below(3) }, (): SegmentSpec => {
    const near = edges.length === 0 ? 0x100_0000n : random.pick(edges);
    const at = BigInt.asUintN(64, (near & -pageSize) + pageSize * BigInt(random.below(4)));
    const offset = random.oneIn(4) ? random.below(size + 1) : 0;
    return {
      at: random.oneIn(20) ? at + 1n : at,
      source: random.oneIn(4)
        ? { kind: "zero" }
        : random.oneIn(3)
        ? { kind: "bytes", bytes: new Uint8Array(1 + random.below(100)).fill(0x90) }
        : { kind: "file", file: { path: "/boot/vmlinuz" }, offset: BigInt(offset) },
      ...(random.oneIn(3) ? {} : { size: pageSize * BigInt(random.below(4)) }),
    };
  });
  const entry = (segments[0]?.at ?? 0n) + BigInt(random.oneIn(4) ? random.below(0x1800) : 0);
  const { kernel: _, ...rest } = profileOf({ initrd: [], segments, entry, load: "kexec_load" });
  const preserveContext = random.oneIn(6);
  return {
    ...rest,
    crash: !preserveContext && random.oneIn(5),
    preserveContext,
    checksum: !preserveContext && drawChecksum(random),
  };
}
