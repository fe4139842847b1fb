/** The collection of contrib/ansible as Ansible sees it: its documentation, its archive, its style. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { VERSION } from "../../src/core/program.ts";
import { hasTool } from "../support/tool.ts";
import { COLLECTION, Fleet, HAS_ANSIBLE } from "./collection.ts";

Deno.test("the collection has the version of warmboot, and the page names its archive", () => {
  const galaxy = Deno.readTextFileSync(join(COLLECTION, "galaxy.yml"));
  assertEquals(/^version: (.+)$/m.exec(galaxy)?.[1], VERSION);
  const page = Deno.readTextFileSync(join(COLLECTION, "../../docs/ansible.md"));
  assertStringIncludes(page, `warmboot-boot-${VERSION}.tar.gz`);
});

Deno.test("the page lists every variable of the role, with its default", () => {
  const defaults = Deno.readTextFileSync(join(COLLECTION, "roles/reboot/defaults/main.yml"));
  const specs = Deno.readTextFileSync(join(COLLECTION, "roles/reboot/meta/argument_specs.yml"));
  const names = [...specs.matchAll(/^ {6}(reboot_\w+):$/gm)].map(([, name]) => name).toSorted();
  const page = Deno.readTextFileSync(join(COLLECTION, "../../docs/ansible.md"));
  const rows = [...page.matchAll(/^\| `(reboot_\w+)` +\| +(\S*?) +\|/gm)];
  assertEquals(rows.map(([, name]) => name).toSorted(), names);
  for (const [, name = "", shown = ""] of rows.filter(([, , shown]) => shown !== "")) {
    const [, value] = new RegExp(`^${name}: "?(.*?)"?$`, "m").exec(defaults) ?? [];
    const [, stated] = new RegExp(`^ {6}${name}:$[^]*?^ {8}default: "?(.*?)"?$`, "m").exec(specs) ?? [];
    assertEquals([value, stated], [value, value], name);
    assertEquals(shown.replaceAll("`", ""), value === "" ? "none" : value, name);
  }
});

Deno.test({
  name: "ansible-doc renders the modules and the role, and the archive has what they need",
  ignore: !HAS_ANSIBLE,
  async fn() {
    using fleet = await Fleet.make();
    for (
      const [kind, name, option] of [["module", "plan", "content"], ["module", "load", "strict"], [
        "role",
        "reboot",
        "reboot_cold_boot",
      ]]
    ) {
      const { code, said } = await fleet.ansible("ansible-doc", ["-t", kind ?? "", `warmboot.boot.${name}`]);
      assertEquals(code, 0, said);
      assertMatch(said, new RegExp(`^[-=] ${option}$`, "m"));
      if (kind === "module") assertMatch(said, /^EXAMPLES:$[^]*^RETURN VALUES:$/m);
    }
    const { code, said } = await fleet.ansible("ansible-galaxy", ["collection", "build", COLLECTION]);
    assertEquals(code, 0, said);
    const archive = `warmboot-boot-${VERSION}.tar.gz`;
    const { stdout } = await new Deno.Command("tar", { args: ["tzf", join(fleet.folder, archive)] }).output();
    const files = new TextDecoder().decode(stdout).split("\n").filter((path) => path !== "" && !path.endsWith("/"));
    assertEquals(files.toSorted(), [
      "CHANGELOG.md",
      "FILES.json",
      "MANIFEST.json",
      "README.md",
      "meta/runtime.yml",
      "plugins/module_utils/program.py",
      "plugins/modules/load.py",
      "plugins/modules/plan.py",
      "roles/reboot/defaults/main.yml",
      "roles/reboot/meta/argument_specs.yml",
      "roles/reboot/meta/main.yml",
      "roles/reboot/tasks/main.yml",
      "roles/reboot/tasks/reboot.yml",
      "roles/reboot/vars/main.yml",
    ]);
  },
});

Deno.test({
  name: "ansible-lint finds no fault with the collection",
  ignore: !await hasTool("ansible-lint"),
  async fn() {
    using fleet = await Fleet.make();
    const { code, said } = await fleet.ansible("ansible-lint", ["--offline", "--project-dir", COLLECTION]);
    assertEquals(code, 0, said);
  },
});
