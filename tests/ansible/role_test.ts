/** The role of contrib/ansible, with ansible-playbook and the playbook of docs/ansible.md, on hosts that only seem to be. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { blocksOf } from "./blocks.ts";
import { Fleet, HAS_ANSIBLE } from "./collection.ts";

/** The playbook of the page, with profiles in the folders of these hosts. */
function playbook(fleet: Fleet, serial = 1): string {
  const text = blocksOf("docs/ansible.md").find((block) => block.includes("serial: 1")) ?? "";
  assertStringIncludes(text, "/etc/warmboot/web.yaml");
  const path = join(fleet.folder, "reboot.yml");
  // Nothing here has units, and nobody can become another user.
  Deno.writeTextFileSync(
    path,
    text.replace("/etc/warmboot/web.yaml", `${fleet.folder}/{{ inventory_hostname }}/web.yaml`)
      .replace("lookup('ansible.builtin.file', 'web.yaml')", "declared")
      .replace("become: true", "become: false").replace("serial: 1", `serial: ${serial}`) +
      "        reboot_units: false\n",
  );
  return path;
}

interface Play {
  readonly code: number;
  readonly said: string;
  /** What happened on each host: its counts in the recap. */
  readonly recap: { readonly [host: string]: string };
}

async function play(
  fleet: Fleet,
  profiles: Record<string, string>,
  args: readonly string[] = [],
  serial = 1,
): Promise<Play> {
  const hosts = Object.fromEntries(Object.entries(profiles).map(([host, declared]) => [host, { declared }]));
  const inventory = join(fleet.folder, "hosts.yml");
  Deno.writeTextFileSync(inventory, JSON.stringify({ web: { hosts } }));
  const { code, said } = await fleet.ansible("ansible-playbook", ["-i", inventory, playbook(fleet, serial), ...args]);
  const rows = said.slice(said.indexOf("PLAY RECAP")).matchAll(
    /^(web\d) +: (ok=\d+) +(changed=\d+) +(unreachable=\d+) +(failed=\d+)/gm,
  );
  const recap = Object.fromEntries([...rows].map(([, host = "", , changed, unreachable, failed]) => [
    host,
    [changed, unreachable, failed].filter((each) => !each?.endsWith("=0")).join(" "),
  ]));
  return { code, said: said.replaceAll(/\s+/g, " "), recap };
}

Deno.test({
  name: "a rolling reboot stops at the host that falls back, and does the rest after the mend",
  ignore: !HAS_ANSIBLE,
  async fn(t) {
    using fleet = await Fleet.make();
    for (const host of ["web1", "web2", "web3"]) fleet.add(host, "old");
    const running = () => ["web1", "web2", "web3"].map((host) => fleet.state(host).running);
    const boots = () => ["web1", "web2", "web3"].map((host) => fleet.state(host).boot);

    await t.step("--check --diff shows what would change, and changes nothing", async () => {
      const { code, said, recap } = await play(fleet, { web1: "new", web2: "new", web3: "new" }, ["--check", "--diff"]);
      assertEquals(code, 0, said);
      // The profile, the plan and the reboot.
      assertEquals(recap, { web1: "changed=3", web2: "changed=3", web3: "changed=3" });
      assertStringIncludes(
        said,
        "TASK [warmboot.boot.reboot : Plan the reboot] *** - old + new".replace(
          "***",
          said.match(/Plan the reboot\] (\*+)/)?.[1] ?? "",
        ),
      );
      assertEquals([running(), boots()], [["old", "old", "old"], [1, 1, 1]]);
      assertEquals(fleet.state("web1").loaded, null);
      assertEquals(Deno.readTextFileSync(fleet.path("web1", "web.yaml")), "old");
    });

    await t.step("the second panics: the third is left alone, and the message says why", async () => {
      const { code, said, recap } = await play(fleet, { web1: "new", web2: "new panics", web3: "new" });
      assertEquals(code, 2, said);
      // The profile, the plan, the load and the reboot.
      assertEquals(recap, { web1: "changed=4", web2: "changed=4 failed=1" });
      assertStringIncludes(said, "web2 fell back: 6.1 came up by the firmware");
      assertStringIncludes(said, "This plan is not tried again there until it changes");
      assertEquals([running(), boots()], [["new", "old", "old"], [2, 2, 1]]);
      assertEquals(fleet.calls("web3").filter((call) => call.startsWith("load")), []);
    });

    await t.step("without a mend, nothing is tried", async () => {
      const { code, said, recap } = await play(fleet, { web1: "new", web2: "new panics", web3: "new" });
      assertEquals([code, recap], [2, { web1: "", web2: "failed=1" }], said);
      assertStringIncludes(said, "The last reboot fell back [attempt-failed]");
      assertEquals(boots(), [2, 2, 1]);
    });

    await t.step("after the mend, what is missing is done", async () => {
      const { code, said, recap } = await play(fleet, { web1: "new", web2: "new", web3: "new" });
      assertEquals(code, 0, said);
      assertEquals(recap, { web1: "", web2: "changed=4", web3: "changed=4" });
      assertEquals([running(), boots()], [["new", "new", "new"], [2, 3, 2]]);
    });
  },
});

Deno.test({
  name: "hosts that reboot together: one that is not confirmed stops the play, whatever `serial` says",
  ignore: !HAS_ANSIBLE,
  async fn() {
    using fleet = await Fleet.make();
    for (const host of ["web1", "web2", "web3"]) fleet.add(host, "old");
    const { code, said, recap } = await play(fleet, { web1: "new sick", web2: "new", web3: "new" }, [], 2);
    assert(code !== 0);
    assertMatch(recap["web1"] ?? "", /failed=1/);
    assertEquals([recap["web2"], recap["web3"]], ["changed=4", undefined], said);
    assertStringIncludes(said, "web1 was not confirmed in time: Nobody confirmed it within 10 min");
    assertEquals(fleet.state("web3").boot, 1);
  },
});

Deno.test({
  name: "Ansible confirms, does not begin without a way back, and waits for a reboot that is under way",
  ignore: !HAS_ANSIBLE,
  async fn(t) {
    using fleet = await Fleet.make();
    fleet.add("web1", "old");

    await t.step("no guard, no reboot", async () => {
      const { code, said } = await play(fleet, { web1: "new unguarded" });
      assertEquals([code, fleet.state("web1").boot], [2, 1], said);
      assertStringIncludes(said, "has no `guard` with `confirm`");
    });

    await t.step("a history that lacks the reboot is a failure", async () => {
      const { code, said } = await play(fleet, { web1: "new forgets" });
      assertEquals([code, fleet.state("web1").boot], [2, 2], said);
      assertStringIncludes(said, "web1 rebooted, and its history does not say how");
    });

    await t.step("Ansible confirms it, once a check succeeds", async () => {
      fleet.calls("web1");
      const check = `test -e ${fleet.path("web1", "checked")} || ! touch ${fleet.path("web1", "checked")}`;
      const args = ["-e", JSON.stringify({ reboot_confirm: true, reboot_check: check })];
      const { code, said } = await play(fleet, { web1: "new waits" }, args);
      assertEquals([code, fleet.state("web1").attempts[0]?.outcome.end], [0, "confirmed"], said);
      assertEquals(fleet.calls("web1").slice(-4), [
        "load --exec web.yaml",
        "history --ended",
        "confirm",
        "history -o json",
      ]);
    });
  },
});
