import { assertEquals } from "@std/assert";
import type { HostFacts } from "../../src/host/facts.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { PLATFORMS } from "../../src/plan/platforms.ts";
import { PLATFORM_NAMES, type PlatformName } from "../../src/profile/platform_names.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, PART_DIGESTS, profileOf } from "../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** A board by the compatible texts of its device tree. */
function board(...compatible: readonly string[]): Partial<HostFacts> {
  const value = new TextEncoder().encode(compatible.map((text) => `${text}\0`).join(""));
  const root = { name: "", properties: [{ name: "compatible", value }], children: [] };
  return { machine: "aarch64", deviceTree: { bootCpu: 0, reservations: [], root } };
}

/** Hosts, and the platform that each is known as. */
const HOSTS: readonly (readonly [Partial<HostFacts>, PlatformName | undefined])[] = [
  [{}, undefined],
  [{ dmi: { vendor: "Google", product: "Google Compute Engine" } }, "gcp"],
  // A Chromebook.
  [{ dmi: { vendor: "Google", product: "Eve" } }, undefined],
  [{ dmi: { vendor: "Microsoft Corporation", assetTag: "7783-7084-3265-9085-8269-3286-77" } }, "azure"],
  [{ dmi: { vendor: "Microsoft Corporation", product: "Virtual Machine" } }, undefined],
  [{ dmi: { vendor: "FreeBSD", product: "BHYVE" } }, "bhyve"],
  [{ dmi: { vendor: "BHYVE" } }, "bhyve"],
  [{ machine: "aarch64", dmi: { vendor: "VMware, Inc." } }, "vmware-arm64"],
  [{ dmi: { vendor: "VMware, Inc." } }, undefined],
  [board("raspberrypi,4-model-b", "brcm,bcm2711"), "raspberry-pi"],
  [board("raspberrypi,3-model-b", "brcm,bcm2837"), undefined],
  [board("radxa,rockpi4b", "radxa,rockpi4", "rockchip,rk3399"), "rock-pi"],
  [{ cpuModel: "Intel(R) Celeron(R) N5105 @ 2.00GHz" }, "n5105"],
  [{ cpuModel: "Intel(R) Core(TM) Ultra 7 155H" }, "meteor-lake"],
  [{ cpuModel: "Intel(R) Core(TM) Ultra 5 225H" }, undefined],
  [{ cpuFlags: ["tdx_guest", "hypervisor"], release: "6.10.3" }, "tdx-guest"],
  [{ cpuFlags: ["tdx_guest", "hypervisor"], release: "6.11.0" }, undefined],
  [{ cpuFlags: ["sev_snp", "hypervisor"], release: "6.11.9" }, "sev-snp-guest"],
  [{ cpuFlags: ["sev_snp", "hypervisor"], release: "6.12.0" }, undefined],
  // The flag of a host that can have such guests.
  [{ cpuFlags: ["sev_snp"], release: "6.1.0" }, undefined],
];

pure("each platform is known by what only it has, and has a host here", () => {
  for (const [facts, name] of HOSTS) {
    const found = PLATFORMS.filter(({ applies }) => applies(hostFacts(facts))).map((row) => row.name);
    assertEquals(found, name === undefined ? [] : [name], JSON.stringify(facts.dmi ?? facts.cpuModel ?? name));
  }
  assertEquals(PLATFORMS.map(({ name }) => name), [...PLATFORM_NAMES]);
  assertEquals(new Set(HOSTS.flatMap(([, name]) => name ?? [])), new Set(PLATFORM_NAMES));
});

/** What two rules say of a host. */
function says(rule: string, facts: Partial<HostFacts>, platform?: PlatformName): readonly (string | undefined)[] {
  const profile = profileOf(platform === undefined ? {} : { requires: { platform } });
  const { value } = planBoot({ profile, facts: hostFacts(facts), images: images(), partDigests: PART_DIGESTS });
  const check = value?.checks.find((each) => each.rule === rule);
  return check === undefined ? [] : [check.status, check.message, check.hint];
}

const GCP: Partial<HostFacts> = { dmi: { product: "Google Compute Engine" } };

pure("a platform is warned of with its source, unless the profile requires it", () => {
  assertEquals(says("platform", {}), []);
  assertEquals(says("platform", GCP), [
    "warn",
    "This is Google Compute Engine: virtual machines were reported to hang after kexec (siderolabs/talos#8838)",
    "Reboot by the firmware, or try kexec while someone can reach the machine; where it works, " +
    "`requires: { platform: gcp }` ends this warning",
  ]);
  assertEquals(says("platform", GCP, "gcp").slice(0, 2), [
    "pass",
    "The profile requires Google Compute Engine, where kexec was reported to fail (siderolabs/talos#8838)",
  ]);
  assertEquals(says("platform", GCP, "azure")[0], "warn");
  // What may help comes first; what helps for certain stands alone.
  const azure = { dmi: { assetTag: "7783-7084-3265-9085-8269-3286-77" } };
  assertEquals(
    says("platform", azure)[2],
    "`module_blacklist=hyperv_fb` may help. Reboot by the firmware, or try kexec while someone can reach the machine; where " +
      "it works, `requires: { platform: azure }` ends this warning",
  );
  assertEquals(
    says("platform", { cpuFlags: ["tdx_guest", "hypervisor"], release: "6.10.3" })[2],
    "Reboot by the firmware into a newer kernel first",
  );
});

pure("a profile for a platform is refused elsewhere", () => {
  assertEquals(says("requires-platform", GCP, "gcp").slice(0, 2), [
    "pass",
    "The host is Google Compute Engine, as required",
  ]);
  assertEquals(says("requires-platform", {}, "gcp").slice(0, 2), [
    "fail",
    "The profile requires Google Compute Engine, but this host is not known to be one",
  ]);
});

pure("Xen's control domain and PV guests are refused, other guests are not", () => {
  const status = (xen: HostFacts["xen"]): string | undefined => says("xen-domain", xen === undefined ? {} : { xen })[0];
  assertEquals(status(undefined), undefined);
  assertEquals(status({ guest: "PV", isControl: false }), "fail");
  assertEquals(status({ guest: "PVH", isControl: true }), "fail");
  assertEquals(status({ isControl: true }), "fail");
  assertEquals([status({ guest: "HVM", isControl: false }), status({ guest: "PVH", isControl: false })], [
    "pass",
    "pass",
  ]);
});
