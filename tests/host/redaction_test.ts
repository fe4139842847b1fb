import { assert, assertEquals } from "@std/assert";
import { Validator } from "@cfworker/json-schema";
import { flattenDeviceTree, parseDeviceTree } from "../../src/formats/fdt.ts";
import { type Capture, captureSchema, captureText, parseCapture, redactCapture } from "../../src/host/capture.ts";
import { withoutContent } from "../../src/host/captured_image.ts";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { plannedBootParams, withoutKernelLines, withoutSecretParameters } from "../../src/host/redaction.ts";
import { SOURCES } from "../../src/host/sources.ts";
import { isSourcePath } from "../../src/host/source_path.ts";
import type { PlanInput } from "../../src/plan/input.ts";
import { planBoot } from "../../src/plan/planner.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { arm64Input } from "../support/arm64.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, PART_DIGESTS, profileOf } from "../support/profiles.ts";
import { CAPTURES } from "./fixture.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name: `redaction: ${name}`, permissions: "none", fn });
}

const edited = (edit: (bytes: Uint8Array) => Uint8Array, text: string): string =>
  new TextDecoder().decode(edit(new TextEncoder().encode(text)));

function factsOf(capture: Capture): HostFacts {
  const { value } = decodeFacts(capture);
  assert(value !== undefined);
  return value;
}

function inputOf(facts: HostFacts, profile: Partial<Profile>): PlanInput {
  if (facts.machine === "aarch64") return arm64Input({ facts, profile });
  return { profile: profileOf(profile), facts, images: images(), partDigests: PART_DIGESTS };
}

pure("a redacted capture says so, is valid, and redacting it again changes nothing", () => {
  const validator = new Validator(captureSchema(), "7");
  for (const [name, capture] of CAPTURES) {
    const redacted = redactCapture(capture);
    const text = captureText(redacted);
    assertEquals(JSON.parse(text).redacted, true, name);
    assert(validator.validate(JSON.parse(text)).valid, name);
    assertEquals(parseCapture(text, name), { value: redacted, diagnostics: [] }, name);
    assertEquals(captureText(redactCapture(redacted)), text, name);
    assertEquals(decodeFacts(redacted).value?.redacted, true, name);
    const codes = decodeFacts(redacted).diagnostics.map(({ code }) => code);
    assertEquals(codes, decodeFacts(capture).diagnostics.map(({ code }) => code), name);
  }
});

pure("it lacks what shows where the running kernel is", () => {
  for (const [name, capture] of CAPTURES) {
    const { files } = redactCapture(capture);
    const left = Object.keys(files).filter((path) => /kcore|vmcoreinfo|crash_notes|setup_data\/\d+\/data/.test(path));
    assertEquals(left, [], name);
    assert(!/Kernel (?:code|rodata|data|bss)/.test(JSON.stringify(files["/proc/iomem"])), name);
    const { crashNotes, vmcoreinfo, kernelMap, setupData = [] } = factsOf(redactCapture(capture));
    const data = setupData.map((node) => node.data);
    assertEquals(
      [crashNotes, vmcoreinfo, kernelMap, data],
      [[], undefined, undefined, data.map(() => undefined)],
      name,
    );
  }
});

pure("every source says what becomes of it, and why", () => {
  for (const [name, { redaction }] of Object.entries(SOURCES)) assert(redaction.why.length > 20, name);
  const of = (kind: string) =>
    Object.entries(SOURCES).filter(([, { redaction }]) => redaction.kind === kind).map(([name]) => name);
  assertEquals(of("leave-out"), ["setupData", "vmcoreinfo", "crashNotes", "kcore"]);
  assertEquals(of("edit"), ["cmdline", "iomem", "bootParams", "deviceTree"]);
});

pure("a path that no source has is left out, and so is a secret in the error of a source that is", () => {
  const files = { "/etc/shadow": "root:x", "/proc/kcore": { error: "EPERM" }, "/proc/cmdline": { error: "EACCES" } };
  assertEquals(redactCapture({ format: "warmboot.facts/1", files }).files, { "/proc/cmdline": { error: "EACCES" } });
  assert(!isSourcePath("/etc/shadow"));
});

pure("plans of normal kernels are the same to the byte, by either call on x86_64", () => {
  let compared = 0;
  for (const [name, capture] of CAPTURES) {
    for (const load of ["kexec_file_load", "kexec_load"] as const) {
      const [whole, redacted] = [capture, redactCapture(capture)].map((each) =>
        planBoot(inputOf(factsOf(each), { load }))
      );
      const isArm = factsOf(capture).machine === "aarch64";
      const ofCall = (plan: typeof whole) => plan?.value?.call;
      // There the sections of the running kernel, which are left out, decide where segments lie: the plan says so.
      if (!isArm || load === "kexec_file_load") assertEquals(ofCall(redacted), ofCall(whole), `${name} ${load}`);
      // What a plan cannot know is a check of its own.
      const unknown = ["placement-redacted", "address-size"];
      const others = (plan: typeof whole) =>
        plan?.value?.checks.filter(({ rule }) => !unknown.includes(rule)).map(({ rule, status }) =>
          `${rule} ${status}`
        );
      assertEquals(others(redacted), others(whole), `${name} ${load}`);
      if (whole?.value !== undefined) compared++;
      const added = redacted?.value?.checks.filter(({ rule }) => rule === "placement-redacted") ?? [];
      const expected = isArm && redacted?.value?.call.syscall === "kexec_load" ? ["warn"] : [];
      assertEquals(added.map(({ status }) => status), expected, `${name} ${load}`);
    }
  }
  assert(compared >= 10, `${compared}`);
});

pure("a crash plan by kexec_load names what is left out, one by kexec_file_load needs none of it", () => {
  let refused = 0;
  for (const [name, capture] of CAPTURES) {
    const facts = factsOf(redactCapture(capture));
    const { value, diagnostics } = planBoot(inputOf(facts, { crash: true, load: "kexec_load" }));
    const [first] = diagnostics.filter(({ code }) => code === "crash-unknown");
    // Where nothing is reserved, or the map is hidden, a plan fails before that.
    if (first === undefined) continue;
    refused++;
    assertEquals(value, undefined, name);
    assertEquals(
      first.message,
      "What a crash dump must describe is not in this capture, which is redacted: it leaves out " +
        "/sys/devices/system/cpu/cpu*/crash_notes, /sys/kernel/vmcoreinfo, /proc/kcore",
      name,
    );
    const byFile = (each: Capture) =>
      planBoot(inputOf(factsOf(each), { crash: true, load: "kexec_file_load" })).value?.call;
    assertEquals(byFile(redactCapture(capture)), byFile(capture), name);
  }
  assert(refused >= 2, `${refused}`);
});

pure("the kernel's lines leave the memory map, and what is nested in them moves up", () => {
  const map = [
    "00100000-3fffffff : System RAM",
    "  01000000-01ffffff : Kernel code",
    "    01100000-011fffff : reserved",
    "  02000000-020fffff : reserved",
    "  02100000-02ffffff : Kernel data",
    "  03000000-03ffffff : reserved",
    "not a line, 0xffffffff81000000",
    "fed00000-fed003ff : HPET 0",
    "",
  ].join("\n");
  assertEquals(edited(withoutKernelLines, map).split("\n"), [
    "00100000-3fffffff : System RAM",
    "  01100000-011fffff : reserved",
    "  03000000-03ffffff : reserved",
    "fed00000-fed003ff : HPET 0",
    "",
  ]);
});

pure("values of the command line that are secrets are replaced, for init too", () => {
  const line = (text: string) => edited(withoutSecretParameters, text);
  assertEquals(
    line('ro  systemd.set_credential="a:b c" root=LABEL=x rd.iscsi.in.password=p -- TOKEN=t x\n'),
    "ro  systemd.set_credential=<redacted> root=LABEL=x rd.iscsi.in.password=<redacted> -- TOKEN=<redacted> x\n",
  );
  assertEquals(
    line("root=cifs://joe:pw@srv/x netroot=iscsi:joe:pw@10.0.0.1::3260::iqn"),
    "root=<redacted> netroot=<redacted>",
  );
  const plain =
    "BOOT_IMAGE=(hd0,gpt2)/boot/vmlinuz root=UUID=1-2 ip=10.0.0.2::10.0.0.1:255.255.255.0::eth0:off nfsroot=10.0.0.1:/x";
  assertEquals(line(plain), plain);
});

pure("each name of a secret counts in any case and at any place, and a name without a value is none", () => {
  const line = (text: string) => edited(withoutSecretParameters, text);
  const names = [
    "ROOTPW",
    "luks.passphrase",
    "x.passwd",
    "wpa.psk",
    "net.auth_key",
    "tailscale.authkey",
    "my.api_key",
    "APIKEY",
    "my.api-key",
    "net.auth-key",
    "bmc-secret",
    "boot.token.file",
    "systemd.set_credential_binary",
  ];
  for (const name of names) assertEquals(line(`ro ${name}=abc`), `ro ${name}=<redacted>`);
  for (const text of ["ro rootpw quiet", "rd.luks.key=/keyfile", "keyboard=us", "nfsroot=//srv:/x@y"]) {
    assertEquals(line(text), text);
  }
  assertEquals(line("url=https://joe:pw@srv/x url=https://joe@srv/x"), "url=<redacted> url=https://joe@srv/x");
  assertEquals(line("a=//:pw@srv/x b=nfs:joe:@srv c=joe:pw@srv"), "a=<redacted> b=<redacted> c=joe:pw@srv");
});

pure("passwords of a root on CIFS or Ceph are secrets, wherever the kernel and dracut take them", () => {
  const line = (text: string) => edited(withoutSecretParameters, text);
  // Documentation/admin-guide/cifs/usage and cifsroot.rst, Documentation/filesystems/ceph.rst, dracut.cmdline(7).
  for (
    const [name, value] of [
      ["cifsroot", "//10.0.0.1/share,username=joe,password=hunter2"],
      ["cifsroot", "//10.0.0.1/share,vers=3.0,pass=hunter2,ro"],
      ["cifsroot", "//10.0.0.1/share,password2=hunter2"],
      ["rootflags", "PASSWD=hunter2"],
      ["rootflags", "name=admin,secret=hunter2"],
      ["cifspass", "hunter2"],
      ["x.pass", "hunter2"],
      ["root-pass", "hunter2"],
    ] as const
  ) {
    assertEquals(line(`ro ${name}=${value} quiet`), `ro ${name}=<redacted> quiet`, value);
  }
  for (
    const text of [
      "cifsroot=//10.0.0.1/share,username=joe,credentials=/etc/joe",
      "iommu.passthrough=1",
      "x.bypass=1",
      "rootflags=subvol=pass",
      "compass=1",
    ]
  ) {
    assertEquals(line(text), text);
  }
});

pure("a plan with such a value warns in a review, and is refused on a host", () => {
  const capture = CAPTURES.get("bios-vm");
  assert(capture !== undefined);
  const facts = factsOf(
    redactCapture({ ...capture, files: { ...capture.files, "/proc/cmdline": "ro vnc.password=hunter2\n" } }),
  );
  assert(!JSON.stringify(facts.cmdline).includes("hunter2"));
  const profile: Partial<Profile> = { cmdline: { kind: "parameters", parameters: [facts.cmdline ?? ""] } };
  const verdict = (host: HostFacts) =>
    planBoot(inputOf(host, profile)).value?.checks.find(({ rule }) => rule === "cmdline-redacted");
  assertEquals(verdict(facts)?.status, "warn");
  const { redacted: _, ...live } = facts;
  assertEquals(verdict(live)?.status, "fail");
  assertEquals(
    verdict(live)?.message,
    "The command line lacks the value of `vnc.password`, which the capture leaves out",
  );
});

pure("each redacted value is named, of init's parameters too, and in a review the same is a warning", () => {
  const verdict = (cmdline: string, redacted: boolean) => {
    const facts = hostFacts(redacted ? { redacted } : {});
    const profile: Partial<Profile> = { cmdline: { kind: "parameters", parameters: [cmdline] } };
    const check = planBoot(inputOf(facts, profile)).value?.checks.find(({ rule }) => rule === "cmdline-redacted");
    return check === undefined ? undefined : [check.status, check.message];
  };
  const two = "The command line lacks the values of `a.password`, `b`, which the capture leaves out";
  const line = "ro a.password=<redacted> -- b=<redacted>";
  assertEquals(verdict(line, true), ["warn", two]);
  assertEquals(verdict(line, false), ["fail", two]);
  assertEquals(verdict("ro a.password=x", true), undefined);
});

pure("only a redacted capture of an arm64 host leaves the addresses of kexec_load open", () => {
  const verdict = (facts: Partial<HostFacts>, profile: Partial<Profile>) =>
    planBoot(arm64Input({ facts: { ...arm64Input().facts, ...facts }, profile })).value?.checks
      .filter(({ rule }) => rule === "placement-redacted").map(({ status }) => status);
  assertEquals(verdict({ redacted: true }, { load: "kexec_load" }), ["warn"]);
  assertEquals(verdict({}, { load: "kexec_load" }), []);
  assertEquals(verdict({ redacted: true }, { load: "kexec_file_load" }), []);
});

pure("boot_params keep the fields that plans copy", () => {
  const all = new Uint8Array(4096).fill(0xff);
  const kept = plannedBootParams(all);
  const view = new DataView(kept.buffer);
  assertEquals(kept.length, 4096);
  // code32_start, ramdisk_image, cmd_line_ptr, setup_data; the table of memory
  assertEquals(
    [0x214, 0x218, 0x228, 0x250, 0x2d0, 0xc0, 0x1d0, 0x1dc].map((at) => view.getUint32(at)),
    Array(8).fill(0),
  );
  assertEquals([0x000, 0x070, 0x1c4, 0x290, 0xd00].map((at) => view.getUint32(at)), Array(5).fill(0xffff_ffff));
  // Where kept bytes begin, and how many there are: screen_info, acpi_rsdp_addr, efi_info, the tables of EDD.
  const runs: number[][] = [];
  for (const [at, byte] of kept.entries()) {
    if (byte === 0) continue;
    const last = runs.at(-1);
    if (last !== undefined && (last[0] ?? 0) + (last[1] ?? 0) === at) last[1] = (last[1] ?? 0) + 1;
    else runs.push([at, 1]);
  }
  assertEquals(runs, [
    [0x000, 0x40],
    [0x070, 8],
    [0x1c0, 16],
    [0x1d4, 8],
    [0x1e9, 2],
    [0x1ec, 1],
    [0x23c, 4],
    [0x290, 0x40],
    [0xd00, 0x1ec],
  ]);
  // Of what is cut short, whole fields.
  const cut = (length: number) => plannedBootParams(all.subarray(0, length)).lastIndexOf(0xff);
  assertEquals([cut(0xd00 + 0x1ec), cut(0xd00 + 0x1eb), cut(0x40), cut(0x3f)], [0xeeb, 0x2cf, 0x3f, -1]);
});

pure("a device tree has no seeds, and a command line without secrets", () => {
  const property = (name: string, value: string) => ({ name, value: new TextEncoder().encode(value) });
  const root = {
    name: "",
    properties: [property("kaslr-seed", "kept: not in /chosen")],
    children: [{
      name: "chosen",
      properties: [
        property("kaslr-seed", "12345678"),
        property("bootargs", "ro rootpw=x quiet\0"),
        property("rng-seed", "9"),
        property("linux,dmcryptkeys", "0x1000"),
      ],
      children: [],
    }, { name: "board", properties: [property("rng-seed", "kept: not of /chosen")], children: [] }],
  };
  const bytes = flattenDeviceTree({ bootCpu: 0, reservations: [], root }).bytes;
  const tree = redactCapture({
    format: "warmboot.facts/1",
    files: { "/sys/firmware/fdt": { base64: bytes.toBase64() } },
  }).files["/sys/firmware/fdt"];
  assert(typeof tree === "object" && "base64" in tree);
  const parsed = parseDeviceTree(Uint8Array.fromBase64(tree.base64));
  assert(parsed.kind === "tree");
  assertEquals(parsed.tree.root.properties.length, 1);
  assertEquals(parsed.tree.root.children[1]?.properties.length, 1);
  assertEquals(parsed.tree.root.children[0]?.properties, [property("bootargs", "ro rootpw=<redacted> quiet\0")]);
  // What cannot be read as a tree may have anything in it.
  const odd = { "/sys/firmware/fdt": { base64: bytes.subarray(0, 60).toBase64() } };
  assertEquals(redactCapture({ format: "warmboot.facts/1", files: odd }).files, {
    "/sys/firmware/fdt": { base64: "" },
  });
});

pure("the ranges of an initrd keep its header", () => {
  const bytes = Uint8Array.from({ length: 1000 }, (_, index) => index < 100 ? 0 : 7);
  const [range] = withoutContent([{ offset: 0, base64: bytes.toBase64() }]);
  const kept = Uint8Array.fromBase64(range?.base64 ?? "");
  assertEquals([kept.length, kept.filter((byte) => byte === 7).length, kept[211], kept[212]], [1000, 112, 7, 0]);
});
