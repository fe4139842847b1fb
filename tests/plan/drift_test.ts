import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { purgatoryUsesSha } from "../../src/arch/x86_64/purgatory.ts";
import { parseCapture } from "../../src/host/capture.ts";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { IomemNode } from "../../src/host/iomem.ts";
import type { NetworkRoute } from "../../src/host/network_facts.ts";
import type { Images } from "../../src/image/boot_files.ts";
import type { OverlayEntry } from "../../src/image/overlay.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { driftOf } from "../../src/plan/drift.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { recheck } from "../../src/plan/stored.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { crashHost } from "../support/crash_host.ts";
import { hostFacts } from "../support/host_facts.ts";
import { arm64Input, BOARD } from "../support/arm64.ts";
import { NETWORK } from "../support/network.ts";
import { images, initrdFile, PART_DIGESTS, profileOf, wholeInitrd } from "../support/profiles.ts";

/** Captured hosts. */
const REAL: readonly HostFacts[] = ["bios-vm", "uefi-laptop", "many-region-server"].flatMap((name) => {
  const file = `../fixtures/hosts/${name}.json`;
  const capture = parseCapture(Deno.readTextFileSync(new URL(file, import.meta.url)), file).value;
  return capture === undefined ? [] : decodeFacts(capture).value ?? [];
});

/** A host whose large range of memory has these lines nested in it. */
function hostWith(children: readonly IomemNode[], changes: Partial<HostFacts> = {}): HostFacts {
  const { iomem } = hostFacts();
  const roots = iomem.roots.map((node) => node.start === 0x10_0000n ? { ...node, children } : node);
  return hostFacts({ iomem: { visibility: "full", roots }, ...changes });
}

function line(name: string, start: bigint, end: bigint): IomemNode {
  return { name, start, end, children: [] };
}

function planFor(facts: HostFacts, checksum: Profile["checksum"] = true): Plan {
  const profile = profileOf({ load: "kexec_load", checksum });
  const { value } = planBoot({ profile, facts, images: images(), partDigests: PART_DIGESTS });
  if (value === undefined) throw new Error("Cannot plan");
  return value;
}

function failed(plan: Plan): readonly string[] {
  return plan.checks.filter(({ status }) => status === "fail").map(({ rule }) => rule);
}

const here = hostWith([line("Kernel code", 0x200_0000n, 0x300_0000n)]);
const plan = planFor(here);
const kernel = plan.call.syscall === "kexec_load" ? BigInt(plan.call.segments[0]?.mem ?? 0) : 0n;

Deno.test({
  name: "a stored kexec_load plan fits the host that it was made on",
  permissions: "none",
  fn: () => assertEquals(failed(recheck(plan, here, images(), PART_DIGESTS)), []),
});

Deno.test({
  name: "the running kernel may lie elsewhere after a reboot, even where a segment goes",
  permissions: "none",
  fn() {
    for (const start of [0x9000_0000n, kernel, kernel + 0x100_0000n]) {
      const moved = hostWith(
        ["Kernel code", "Kernel rodata", "Kernel data", "Kernel bss"].map((name, index) =>
          line(name, start + BigInt(index) * 0x20_0000n, start + BigInt(index + 1) * 0x20_0000n)
        ),
      );
      assertEquals(failed(recheck(plan, moved, images(), PART_DIGESTS)), []);
    }
  },
});

Deno.test({
  name: "what a driver claims beside the segments does not refuse a stored plan, within one it does",
  permissions: "none",
  fn() {
    assertEquals(
      failed(recheck(plan, hostWith([line("Driver", 0xb000_0000n, 0xb100_0000n)]), images(), PART_DIGESTS)),
      [],
    );
    const hit = recheck(plan, hostWith([line("Driver", kernel + 0x1000n, kernel + 0x2000n)]), images(), PART_DIGESTS);
    assertEquals(failed(hit), ["stored-plan", "segment-memory"]);
    assertStringIncludes(hit.checks.find(({ rule }) => rule === "segment-memory")?.message ?? "", '"kernel"');
  },
});

Deno.test({
  name: "memory that came or went is other than what the new kernel would be told",
  permissions: "none",
  fn() {
    const { roots } = here.iomem;
    const less = hostFacts({ iomem: { visibility: "full", roots: roots.slice(0, 2) } });
    const again = recheck(plan, less, images(), PART_DIGESTS);
    assertEquals(failed(again), ["stored-plan"]);
    assertStringIncludes(again.checks[0]?.message ?? "", 'segment "boot_params": `sha256` is');
  },
});

Deno.test({
  name: "another firmware's tables refuse a stored plan, another place of the cursor does not",
  permissions: "none",
  fn() {
    const params = (change: (view: DataView) => void): Partial<HostFacts> => {
      const bytes = new Uint8Array(4096);
      change(new DataView(bytes.buffer));
      return { bootParams: bytes };
    };
    const facts = hostWith([], params((view) => view.setBigUint64(0x70, 0xf_0000n, true)));
    const stored = planFor(facts);
    const cursor = params((view) => {
      view.setBigUint64(0x70, 0xf_0000n, true);
      view.setUint8(1, 24);
    });
    assertEquals(failed(recheck(stored, hostWith([], cursor), images(), PART_DIGESTS)), []);
    const mode = params((view) => {
      view.setBigUint64(0x70, 0xf_0000n, true);
      // orig_video_page, the first behind the cursor that is handed over.
      view.setUint16(4, 3, true);
    });
    assertEquals(failed(recheck(stored, hostWith([], mode), images(), PART_DIGESTS)), ["stored-plan"]);
    const tables = params((view) => view.setBigUint64(0x70, 0xe_0000n, true));
    assertEquals(failed(recheck(stored, hostWith([], tables), images(), PART_DIGESTS)), ["stored-plan"]);
  },
});

Deno.test({
  name: "a stored crash plan fits its own boot; with memory that came since it does not",
  permissions: "none",
  fn() {
    const facts = crashHost();
    const profile = profileOf({ load: "kexec_load", crash: true });
    const { value, diagnostics } = planBoot({ profile, facts, images: images(), partDigests: PART_DIGESTS });
    if (value === undefined) throw new Error(JSON.stringify(diagnostics));
    assertEquals(failed(recheck(value, facts, images(), PART_DIGESTS)), []);
    const roots = [...facts.iomem.roots, line("System RAM", 0x1_4000_0000n, 0x1_8000_0000n)];
    const more = { ...facts, iomem: { visibility: "full", roots } } as const;
    assertEquals(failed(recheck(value, more, images(), PART_DIGESTS)).includes("crash-description"), true);
  },
});

Deno.test({
  name: "a plan for a real host still fits it, with BIOS and with UEFI",
  permissions: "none",
  fn() {
    assertEquals(REAL.length, 3);
    for (const facts of REAL) {
      const again = recheck(planFor(facts), facts, images(), PART_DIGESTS);
      assertEquals(again.checks[0]?.status, "pass", `${facts.hostname}: ${again.checks[0]?.message}`);
    }
  },
});

Deno.test({
  name: "a kexec_file_load plan does not depend on the memory map: the kernel itself places the image",
  permissions: "none",
  fn() {
    const { value } = planBoot({ profile: profileOf(), facts: here, images: images() });
    if (value === undefined) throw new Error("Cannot plan");
    assertEquals(
      failed(recheck(value, hostWith([line("reserved", 0x10_0000n, 0xc000_0000n)]), images(), PART_DIGESTS)),
      [],
    );
  },
});

Deno.test({
  name: "purgatory uses SHA instructions where the processor has all that it takes, and is refused where it lacks one",
  permissions: "none",
  fn() {
    const withFlags = (...cpuFlags: string[]) => ({ ...here, cpuFlags: ["lm", ...cpuFlags] });
    const uses = ({ call }: Plan): boolean => {
      const source = call.syscall === "kexec_load" ? call.segments.at(-1)?.source : undefined;
      return source?.kind === "bytes" && purgatoryUsesSha(Uint8Array.fromBase64(source.base64));
    };
    const able = withFlags("ssse3", "sse4_1", "sha_ni");
    const stored = planFor(able, "sha256");
    assertEquals([uses(stored), uses(plan)], [true, false]);
    assertEquals(failed(recheck(stored, able, images(), PART_DIGESTS)), []);
    assertEquals(failed(recheck(plan, able, images(), PART_DIGESTS)), []);
    for (
      const facts of [here, withFlags("sha_ni", "ssse3"), withFlags("sha_ni", "sse4_1"), withFlags("ssse3", "sse4_1")]
    ) {
      assertEquals(uses(planFor(facts, "sha256")), false);
      const again = recheck(stored, facts, images(), PART_DIGESTS);
      assertEquals(failed(again), ["stored-plan"]);
      assertStringIncludes(again.checks[0]?.message ?? "", "SHA instructions purgatory uses, changed from");
    }
    for (const checksum of [false, true, "xxh64"] as const) assertEquals(uses(planFor(able, checksum)), false);
  },
});

Deno.test({
  name: "a segment of the profile may be called purgatory: the one that is entered counts",
  permissions: "none",
  fn() {
    const able = { ...here, cpuFlags: ["lm", "ssse3", "sse4_1", "sha_ni"] };
    const { kernel: _, ...rest } = profileOf({
      initrd: [],
      load: "kexec_load",
      checksum: "sha256",
      entry: 0x400_0000n,
      segments: [{ name: "purgatory", at: 0x400_0000n, source: { kind: "bytes", bytes: Uint8Array.of(0xf4) } }],
    });
    const { value } = planBoot({ profile: rest, facts: able, images: { initrd: [], segments: [] } });
    assert(value?.call.syscall === "kexec_load");
    assertEquals(value.call.segments.map(({ name }) => name), ["purgatory", "purgatory"]);
    assertEquals(failed(recheck(value, able, { initrd: [], segments: [] })), []);
    assertEquals(failed(recheck(value, { ...here, cpuFlags: ["lm"] }, { initrd: [], segments: [] })), ["stored-plan"]);
  },
});

Deno.test({
  name: "a device tree that is still the same does not count as changed, another one does",
  permissions: "none",
  fn() {
    const dtb = { path: "/boot/board.dtb", size: 100, sha256: "c".repeat(64), info: BOARD.deviceTree };
    const { partDigests, ...input } = arm64Input({ profile: { dtb: { path: dtb.path } }, dtb: dtb as never });
    const { value } = planBoot({ ...input, ...(partDigests === undefined ? {} : { partDigests }) });
    assert(value !== undefined);
    assertEquals(driftOf(value, BOARD, input.images), []);
    const other = { ...input.images, dtb: { ...dtb, sha256: "d".repeat(64) } as never };
    assertEquals(driftOf(value, BOARD, other).map(({ what }) => what), ["the SHA-256 of /boot/board.dtb"]);
  },
});

Deno.test({
  name: "the initrd ends with its last byte, not with its last page",
  permissions: "none",
  fn() {
    const size = (30 << 20) + 5;
    const { value } = planBoot({
      profile: profileOf({ load: "kexec_load" }),
      facts: here,
      images: images({ initrd: [initrdFile({ size })] }),
      partDigests: PART_DIGESTS,
    });
    assert(value?.call.syscall === "kexec_load");
    const params = value.call.segments.find(({ name }) => name === "boot_params");
    assert(params?.source.kind === "bytes");
    // ramdisk_size of the setup header (Documentation/arch/x86/boot.rst).
    assertEquals(new DataView(Uint8Array.fromBase64(params.source.base64).buffer).getUint32(0x21c, true), size);
  },
});

Deno.test({
  name: "of a file for the initrd its digest and its size count, of a secret one its size alone",
  permissions: "none",
  fn() {
    const entry = (secret: boolean, sha256: string, size: number): OverlayEntry => ({
      kind: "file",
      path: "/etc/a",
      mode: 0o600,
      size,
      sha256: sha256.repeat(64),
      secret,
      origin: "profile",
      from: "text",
    });
    const files = (file: OverlayEntry): Images =>
      images({
        initrd: [
          initrdFile(),
          { ...initrdFile({ path: "files:1" }), overlay: { files: [file], folders: [], isOpen: file.secret } },
        ],
      });
    const drift = (was: OverlayEntry, is: OverlayEntry): readonly string[] => {
      const { value } = planBoot({ profile: profileOf(), facts: hostFacts(), images: files(was) });
      return value === undefined ? ["no plan"] : driftOf(value, hostFacts(), files(is)).map(({ what }) => what);
    };
    const digest = "the SHA-256 of the file /etc/a for the initrd";
    const size = "the size of the file /etc/a for the initrd";
    assertEquals(drift(entry(false, "1", 5), entry(false, "1", 5)), []);
    assertEquals(drift(entry(false, "1", 5), entry(false, "2", 5)), [digest]);
    assertEquals(drift(entry(false, "1", 5), entry(false, "2", 6)), [digest, size]);
    assertEquals(drift(entry(true, "1", 5), entry(true, "2", 5)), []);
    assertEquals(drift(entry(true, "1", 5), entry(true, "2", 6)), [size]);
  },
});

Deno.test({
  name: "a network that is carried drifts line by line, whatever came or went",
  permissions: "none",
  fn() {
    const content = wholeInitrd({ programs: { "/usr/lib/systemd/systemd-networkd": "executable" } });
    const files = images({ initrd: [{ ...initrdFile(), content }] });
    const host = (routes: readonly NetworkRoute[], address = "10.0.2.77"): HostFacts =>
      hostFacts({
        network: {
          ...NETWORK,
          links: NETWORK.links.map((link) => ({ ...link, addresses: [{ family: 4, address, prefix: 24 }] })),
          routes,
        },
      });
    const gateway: NetworkRoute = { family: 4, destination: "0.0.0.0/0", gateway: "10.0.2.2", metric: 0, link: "eth0" };
    const drift = (was: HostFacts, is: HostFacts) => {
      const { value } = planBoot({ profile: profileOf({ carry: ["network"] }), facts: was, images: files });
      return value === undefined
        ? ["no plan"]
        : driftOf(value, is, files).map(({ planned, now }) => `${planned} -> ${now}`);
    };
    assertEquals(drift(host([]), host([])), []);
    assertEquals(drift(host([]), host([gateway])), ["less -> Gateway=10.0.2.2"]);
    assertEquals(drift(host([gateway]), host([])), ["Gateway=10.0.2.2 -> less"]);
    assertEquals(drift(host([]), host([], "10.0.2.78")), ["Address=10.0.2.77/24 -> Address=10.0.2.78/24"]);
  },
});
