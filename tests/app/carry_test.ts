import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { captureImages } from "../../src/app/capture_images.ts";
import type { CapturedFiles } from "../../src/app/image_file.ts";
import { planFiles } from "../../src/app/named_files.ts";
import { type PlanSource, prepareFrom } from "../../src/app/prepare.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { NetworkFacts } from "../../src/host/network_facts.ts";
import { NETWORK_FILES } from "../../src/image/initrd_network.ts";
import { defineProfile, type Plan, planText, type ProfileInput } from "../../mod.ts";
import { diffPlanned } from "../../src/diff/plans.ts";
import { renderPlan } from "../../src/render/plan.ts";
import { PLAIN } from "../../src/render/style.ts";
import { bzImage } from "../image/build.ts";
import { cpio } from "../image/build_elf.ts";
import { hostFacts } from "../support/host_facts.ts";
import { NETWORK } from "../support/network.ts";

const EMPTY = { bytes: new Uint8Array(1) };

function hostWith(network: NetworkFacts | undefined): HostFacts {
  return { ...hostFacts(), hostname: "web1", ...(network === undefined ? {} : { network }) };
}

const MOVED: NetworkFacts = {
  ...NETWORK,
  links: NETWORK.links.map((link) => ({ ...link, addresses: [{ family: 4, address: "10.0.2.78", prefix: 24 }] })),
};

async function inFolder(files: readonly string[], act: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-carry-" });
  try {
    Deno.writeFileSync(join(folder, "vmlinuz"), bzImage());
    Deno.writeFileSync(join(folder, "initrd"), cpio(["init", ...files].map((name) => ({ name, ...EMPTY }))));
    await act(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

async function prepared(source: PlanSource, facts: HostFacts, captured?: CapturedFiles) {
  const host = { facts, diagnostics: [], ...(captured === undefined ? {} : { captured }) };
  using found = await prepareFrom(source, host);
  return {
    plan: found.plan,
    messages: found.diagnostics.map(({ message }) => message),
    diagnostics: found.diagnostics,
  };
}

function source(folder: string, input: Partial<ProfileInput> = {}): PlanSource {
  const { value: profile, diagnostics } = defineProfile({
    kernel: join(folder, "vmlinuz"),
    initrd: join(folder, "initrd"),
    cmdline: "ro",
    carry: ["network"],
    ...input,
  });
  if (profile === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return { kind: "profile", profile, files: [], place: (diagnostic) => diagnostic };
}

async function planOf(from: PlanSource, facts = hostWith(NETWORK), captured?: CapturedFiles): Promise<Plan> {
  const { plan, messages } = await prepared(from, facts, captured);
  if (plan === undefined) throw new Error(messages.join("\n"));
  return plan;
}

function verdicts({ checks }: Plan) {
  return checks.filter(({ rule }) => rule.startsWith("carry-")).map(({ status, message }) => [status, message]);
}

Deno.test("the plan has the network line by line, and one archive that brings it, by both calls", async () => {
  await inFolder(["usr/lib/systemd/systemd-networkd"], async (folder) => {
    for (const load of ["kexec_file_load", "kexec_load"] as const) {
      const plan = await planOf(source(folder, { load }));
      assertEquals(plan.carry?.network.tool, "systemd-networkd");
      assertEquals(plan.carry?.network.files.map(({ path, lines }) => [path, lines.length]), [
        ["/etc/systemd/network/0--warmboot-eth0.link", 6],
        ["/etc/systemd/network/0--warmboot-wired-eth0.network", 12],
        ["/etc/systemd/system/sysinit.target.d/warmboot-network.conf", 2],
        ["/etc/hostname", 1],
      ]);
      const [overlay, ...others] = plan.overlays ?? [];
      assertEquals([others, overlay?.files.map(({ path, origin, secret }) => [path, origin, secret])], [
        [],
        plan.carry?.network.files.map(({ path }) => [path, "carry", false]),
      ]);
      assertEquals(verdicts(plan), [
        ["pass", "The initrd gets the network of the running system as files for systemd-networkd: 4"],
        ["pass", "All of the running network is carried"],
      ]);
      const text = renderPlan(plan, { style: PLAIN, width: 100 });
      for (const { lines } of plan.carry?.network.files ?? []) {
        for (const line of lines) assertEquals(text.includes(line), true, line);
      }
    }
  });
});

Deno.test("a plan from a capture is the plan on the host", async () => {
  await inFolder(["scripts/functions"], async (folder) => {
    const plan = await planOf(source(folder));
    assertEquals(planFiles(plan).programs, ["/init", ...NETWORK_FILES]);
    const profile = join(folder, "web.yaml");
    Deno.writeTextFileSync(profile, "version: 1\nkernel: vmlinuz\ninitrd: initrd\ncmdline: ro\ncarry: [network]\n");
    const { images } = await captureImages([profile], hostWith(NETWORK));
    const from = source(folder);
    for (const name of ["vmlinuz", "initrd"]) Deno.removeSync(join(folder, name));
    assertEquals(planText(await planOf(from, hostWith(NETWORK), { images, files: {} })), planText(plan));
    assertEquals(verdicts(plan).map(([status]) => status), ["warn", "pass"]);
    assertEquals(
      plan.checks.find(({ rule }) => rule === "carry-network")?.message.split("; ")[1],
      "initramfs-tools reads them only once a script asks for the network, so that what runs before has none",
    );
  });
});

Deno.test("a stored plan is refused once the network has changed, and names the lines", async () => {
  await inFolder(["usr/lib/systemd/systemd-networkd"], async (folder) => {
    const stored: PlanSource = { kind: "plan", plan: await planOf(source(folder)) };
    const check = async (network: NetworkFacts) =>
      (await planOf(stored, hostWith(network))).checks.find(({ rule }) => rule === "stored-plan");
    assertEquals((await check(NETWORK))?.status, "pass");
    const moved = await check(MOVED);
    assertEquals([moved?.status, moved?.message.split("; ")[0]], [
      "fail",
      "Since the plan was made, the network of the host, which is carried, changed from Address=10.0.2.77/24 to Address=10.0.2.78/24",
    ]);
  });
});

Deno.test("diff names the lines of a file that differ, and what is no longer carried", async () => {
  await inFolder(["usr/lib/systemd/systemd-networkd"], async (folder) => {
    const plan = await planOf(source(folder));
    const changes = (to: Plan) =>
      diffPlanned(plan, to).filter((change) => change.about === "call" && change.field.startsWith("carry"))
        .map((change) =>
          "field" in change ? [change.field, "from" in change ? change.from : "", "to" in change ? change.to : ""] : []
        );
    assertEquals(changes(plan), []);
    assertEquals(changes(await planOf(source(folder), hostWith(MOVED))), [[
      "carry network /etc/systemd/network/0--warmboot-wired-eth0.network",
      "Address=10.0.2.77/24",
      "Address=10.0.2.78/24",
    ]]);
    const without = changes(await planOf(source(folder, { carry: [] })));
    assertEquals(without[0], ["carry network tool", "systemd-networkd", "none"]);
    assertEquals(without.length, 2 + (plan.carry?.network.files.length ?? 0));
  });
});

Deno.test("what cannot be carried fails a check: no network in the facts, nothing in the initrd for it", async () => {
  await inFolder([], async (folder) => {
    const plan = await planOf(source(folder));
    assertEquals(verdicts(plan), [["fail", "Nothing in the initrd is known to configure the network"]]);
    assertEquals([plan.overlays, plan.carry?.network.files], [undefined, []]);
    assertEquals(verdicts(await planOf(source(folder, { initrd: [] }))), [["fail", "The plan has no initrd"]]);
  });
  await inFolder(["usr/lib/systemd/systemd-networkd"], async (folder) => {
    assertEquals(verdicts(await planOf(source(folder), hostWith(undefined))), [
      ["fail", "The facts do not show the network of the host"],
    ]);
    // Of two initrds, one that cannot be read may configure the network otherwise.
    Deno.writeTextFileSync(join(folder, "broken"), "070701 is not the start of an archive");
    const both = [join(folder, "initrd"), join(folder, "broken")];
    assertEquals(verdicts(await planOf(source(folder, { initrd: both }))), [[
      "fail",
      "The initrd could not be read through, so it is not known what configures the network in it",
    ]]);
  });
});

Deno.test("what is not carried is named by a warning", async () => {
  const dracut = ["usr/lib/dracut-lib.sh", "usr/lib/dracut/hooks/pre-udev/50-ifname-genrules.sh", "sbin/ifup"];
  await inFolder(dracut, async (folder) => {
    const network = { ...NETWORK, tables: [100], searchDomains: ["example.org"] };
    assertEquals(verdicts(await planOf(source(folder), hostWith(network))).at(-1), [
      "warn",
      "Not carried: the rules of policy routing, and its tables 100; the search domains example.org: dracut has no parameter for them",
    ]);
  });
});

Deno.test("a command line that is reused may not configure the network as well", async () => {
  await inFolder(["usr/lib/systemd/systemd-networkd"], async (folder) => {
    const facts = { ...hostWith(NETWORK), cmdline: "ro rd.route=10.0.0.0/8:10.0.2.3 quiet" };
    const { plan, diagnostics } = await prepared(source(folder, { cmdline: { reuse: true } }), facts);
    assertEquals(plan, undefined);
    assertEquals(diagnostics.map(({ message, path, hint }) => [message, path, hint]), [[
      "`carry: [network]` and `rd.route=10.0.0.0/8:10.0.2.3` on the command line both configure the network of the initrd",
      ["carry"],
      "Remove it with `remove: [rd.route]`, or state the command line without `reuse`",
    ]]);
    const { plan: edited } = await prepared(source(folder, { cmdline: { reuse: true, remove: ["rd.route"] } }), facts);
    assertEquals(edited?.carry?.network.tool, "systemd-networkd");
  });
});
