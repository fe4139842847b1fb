import { assertEquals } from "@std/assert";
import { defineProfile } from "../../src/profile/define.ts";
import { parseProfile } from "../../src/profile/parse.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function problems(text: string) {
  const { diagnostics } = parseProfile(`version: 1\nkernel: /vmlinuz\n${text}`, "web.yaml");
  return diagnostics.map(({ code, message, position, related = [], hint }) => ({
    code,
    message,
    line: position?.line,
    related: related.map((each) => [each.message, each.position?.line]),
    hint,
  }));
}

pure("`carry` is a list of parts, each once; without it nothing is carried", () => {
  const carry = (text: string) => parseProfile(`version: 1\nkernel: /vmlinuz\n${text}`, "web.yaml").value?.carry;
  assertEquals([carry(""), carry("carry: []\n"), carry("carry: [network]\n")], [[], [], ["network"]]);
  assertEquals(defineProfile({ kernel: "/vmlinuz", carry: ["network"] }).value?.carry, ["network"]);
  assertEquals(problems("carry: [network, network]\n").map(({ message }) => message), ["`network` is listed twice"]);
  assertEquals(problems("carry: [net]\n").map(({ hint }) => hint), ["Did you mean `network`?"]);
  assertEquals(problems("carry: network\n").length, 1);
  for (const word of ["networking", "ip", "addresses"]) {
    assertEquals(problems(`carry: [${word}]\n`).map(({ hint }) => hint), ["Did you mean `network`?"]);
  }
});

pure("a command line that configures the network itself is a conflict that names both places", () => {
  assertEquals(problems("carry: [network]\ncmdline: ro ip=dhcp quiet\n"), [{
    code: "conflict",
    message: "`carry: [network]` and `ip=dhcp` on the command line both configure the network of the initrd",
    line: 3,
    related: [["`ip=dhcp` is set here", 4]],
    hint: "Remove `ip=dhcp` from `cmdline`, or `network` from `carry`",
  }]);
  // Initrds read what comes after `--` too, and a hyphen is an underscore.
  const found = problems(
    "carry: [network]\ncmdline: { reuse: true, set: [BOOTIF=01-52-54-00-12-34-56], append: [vlan=eth0.5:eth0, ro] }\n",
  );
  assertEquals(found.map(({ related }) => related), [
    [["`BOOTIF=01-52-54-00-12-34-56` is set here", 4]],
    [["`vlan=eth0.5:eth0` is set here", 4]],
  ]);
  const words = ["ip", "ifname", "bond", "bridge", "team", "vlan", "rd.route", "nameserver", "bootdev", "BOOTIF"];
  assertEquals(words.filter((word) => problems(`carry: [network]\ncmdline: ${word}=x\n`).length === 1), words);
  const others = ["ips", "bootif", "rd.neednet", "hostname"];
  assertEquals(others.filter((word) => problems(`carry: [network]\ncmdline: ${word}=x\n`).length > 0), []);
  assertEquals(problems("carry: [network]\ncmdline: ro -- rd.route=x\n").length, 1);
  assertEquals(problems("cmdline: ro ip=dhcp\n"), []);
  assertEquals(problems("carry: [network]\ncmdline: { reuse: true, remove: [ip] }\n"), []);
});

pure("without an initrd that is unpacked, `carry` would be ignored", () => {
  assertEquals(problems("carry: [network]\nmodules: [/dom0]\n").map(({ message }) => message), [
    "`carry` would be ignored: a Multiboot kernel has modules and no initrd",
  ]);
  const explicit = parseProfile(
    "version: 1\nentry: 0x100000\nsegments: [{ at: 0x100000, hex: f4 }]\ncarry: [network]\n",
    "web.yaml",
  );
  assertEquals(explicit.diagnostics.map(({ message }) => message), [
    "`carry` would be ignored: explicit segments are loaded exactly as written",
  ]);
});
