import { assertEquals } from "@std/assert";
import { isProfileName, PROFILE_ROOTS, unmasked } from "../../src/profile/search.ts";

Deno.test({
  name: "a word without slash and ending is a profile's name; anything else is a path or has a meaning of its own",
  permissions: "none",
  fn() {
    const names = ["web", "web-6.1", "db_1", "web@blue"];
    const others = [
      "./web",
      "a/web",
      "web.yaml",
      "web.YML",
      "plan.json",
      "-",
      "@running",
      "/dev/fd/3",
      ".web",
      "a b",
      "",
    ];
    assertEquals(names.filter((word) => !isProfileName(word)), []);
    assertEquals(others.filter(isProfileName), []);
  },
});

Deno.test({
  name: "of each name the strongest folder's file counts, a mask switches it off, and names give the order",
  permissions: "none",
  fn() {
    // As systemd has it: the administrator's, what holds for this boot, a package's.
    assertEquals(PROFILE_ROOTS, ["/etc/warmboot", "/run/warmboot", "/usr/lib/warmboot"]);
    const file = (path: string, isMask = false) => ({ path, isMask });
    assertEquals(
      unmasked([
        [file("/etc/w/30.yaml", true), file("/etc/w/20.yaml")],
        [file("/run/w/10.yaml"), file("/run/w/40.yaml", true)],
        [file("/usr/w/20.yaml"), file("/usr/w/30.yaml"), file("/usr/w/15.yaml"), file("/usr/w/40.yaml")],
      ]),
      ["/run/w/10.yaml", "/usr/w/15.yaml", "/etc/w/20.yaml"],
    );
  },
});
