import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { captureHost } from "../../src/app/capture_host.ts";
import { diffOperands, hostOnce, type SideNotice } from "../../src/app/diff_operands.ts";
import { loadPlan } from "../../src/app/load.ts";
import { planHost } from "../../src/app/plan_host.ts";
import { readOutlook } from "../../src/app/outlook.ts";
import { prepare } from "../../src/app/prepare.ts";
import { rebootNeeded } from "../../src/app/reboot_needed.ts";
import { type Capture, captureText, parseCapture } from "../../src/host/capture.ts";
import { planText } from "../../src/plan/plan.ts";
import { parseProfile } from "../../src/profile/parse.ts";
import { cpio } from "../image/build_elf.ts";
import { type FailingSystem, failingSystem, type Fault } from "../support/failing_system.ts";
import { attemptsOf, kuredHost, writeProfile } from "../support/kured_host.ts";
import { packedKernel, vmlinux } from "../support/small_kernel.ts";

const PROFILES = {
  web: "kernel: /boot/vmlinuz\ncmdline: ro",
  other: "kernel: /boot/vmlinuz\ncmdline: rw",
  segments: "kernel: /boot/vmlinuz\ninitrd: [/boot/one.img, /boot/two.img]\nload: kexec_load\ncmdline: ro",
  crash: "kernel: /boot/vmlinuz\ncrash: true",
};

function system(changes: Capture["files"] = {}): FailingSystem {
  const made = failingSystem(changes);
  Deno.writeFileSync(join(made.root, "boot/vmlinuz"), packedKernel(vmlinux()));
  for (const name of ["one", "two"]) {
    Deno.writeFileSync(join(made.root, `boot/${name}.img`), cpio([{ name, bytes: new Uint8Array(5000) }]));
  }
  for (const [name, lines] of Object.entries(PROFILES)) {
    Deno.writeTextFileSync(join(made.root, `${name}.yaml`), `version: 1\n${lines}\n`);
  }
  return made;
}

/** The kinds and names of the sides that words make, or why there are none; with what is noted of them. */
async function sides(on: FailingSystem, words: string, facts?: string): Promise<readonly unknown[]> {
  const notices: SideNotice[] = [];
  const events = { onNotice: (notice: SideNotice) => notices.push(notice) };
  const paths = words.split(" ").map((word) =>
    word.startsWith("@") || word === "" ? word : join(on.root, `${word}.yaml`)
  );
  const found = await on.on(() => diffOperands(paths, hostOnce(facts, events), events));
  const plain = (value: unknown) => JSON.parse(JSON.stringify(value).replaceAll(on.root, "ROOT"));
  const noted = notices.map((notice) => "note" in notice ? `${notice.kind}: ${notice.note}` : notice.kind);
  if (found.kind !== "sides") {
    const { kind, ...why } = found;
    return [kind, ...("note" in why ? [why.note] : "word" in why ? [why.word] : []), ...noted];
  }
  return [...found.sides.map((side) => plain(`${side.kind} ${side.name}`)), ...noted];
}

Deno.test("the sides of a diff: named ones as they are, and without a second one what is loaded, or else what runs", async () => {
  using on = system();
  assertEquals(await sides(on, "web other"), ["profile ROOT/web.yaml", "profile ROOT/other.yaml"]);
  assertEquals(await sides(on, "web @running"), ["profile ROOT/web.yaml", "running @running"]);
  assertEquals(await sides(on, "@running web"), ["running @running", "profile ROOT/web.yaml"]);
  // Nothing is loaded.
  assertEquals(await sides(on, "web"), ["profile ROOT/web.yaml", "running @running"]);
  assertEquals(await sides(on, "@running"), ["alone", "No image is loaded"]);
  assertEquals(await sides(on, "@loaded"), ["not-loaded", "No image is loaded"]);
  assertEquals(await sides(on, "crash @loaded"), ["not-loaded", "No crash image is loaded"]);
  assertEquals(await sides(on, "@nothing web"), ["unknown", "@nothing"]);
  assertEquals(await sides(on, "gone web"), ["invalid"]);
  assertEquals(await sides(on, "@default"), ["invalid"]);
  // Something of another program is.
  on.image = "foreign";
  assertEquals(await sides(on, "web"), [
    "profile ROOT/web.yaml",
    "running @running",
    "running-instead: Another program loaded it; warmboot has no record of it",
  ]);
  assertEquals(await sides(on, "web @loaded"), [
    "not-loaded",
    "Another program loaded it; warmboot has no record of it",
  ]);
  assertEquals(await sides(on, "@running"), ["alone", "Another program loaded it; warmboot has no record of it"]);
  // An image with its record.
  using _ = await on.on(() => loadPlan(join(on.root, "other.yaml")));
  assertEquals(await sides(on, "web"), ["profile ROOT/web.yaml", "loaded @loaded"]);
  assertEquals(await sides(on, "@running"), ["running @running", "loaded @loaded"]);
  assertEquals(await sides(on, "@loaded"), ["loaded @loaded", "running @running"]);
  // The crash image is another one.
  assertEquals(await sides(on, "crash"), ["profile ROOT/crash.yaml", "running @running"]);
  // Where the kernel does not say what is loaded, the record is only what was loaded last.
  const report = join(on.root, "sys/kernel/kexec_loaded");
  Deno.removeSync(report);
  assertEquals(await sides(on, "web"), ["profile ROOT/web.yaml", "running @running"]);
  assertEquals(await sides(on, "web @loaded"), [
    "profile ROOT/web.yaml",
    "loaded @loaded",
    "unconfirmed: Loaded by warmboot; cannot determine whether the image is still loaded",
  ]);
  // The kernel says that it has been dropped since.
  on.image = undefined;
  assertEquals(await sides(on, "web @loaded"), ["not-loaded", "The recorded image was unloaded by another program"]);
});

Deno.test("a captured host has nothing loaded that is known", async () => {
  using on = system();
  const { capture } = await on.on(() => captureHost({ images: [join(on.root, "web.yaml")] }));
  assert(capture !== undefined);
  const path = join(on.root, "host.json");
  Deno.writeTextFileSync(path, captureText(capture));
  assertEquals(await sides(on, "web", path), ["profile ROOT/web.yaml", "running @running"]);
  assertEquals(await sides(on, "web @loaded", path), ["captured"]);
  assertEquals(await sides(on, "@running", path), ["alone"]);
});

Deno.test("a host is captured with what plans of profiles need, so that they are the same elsewhere", async () => {
  using on = system();
  const names = ["web", "segments"];
  for (const redact of [false, true]) {
    const images = names.map((name) => join(on.root, `${name}.yaml`));
    const { capture, host, images: problems } = await on.on(() => captureHost({ images, redact }));
    assertEquals([host, problems], [[], []]);
    assert(capture !== undefined);
    assertEquals(Object.keys(capture.images ?? {}), ["/boot/one.img", "/boot/two.img", "/boot/vmlinuz"]);
    const { value: read } = parseCapture(captureText(capture), "host.json");
    assertEquals(read, capture);
    for (const name of names) {
      const path = join(on.root, `${name}.yaml`);
      using here = await on.on(() => prepare(path, { facts: undefined, storedPlans: false }));
      const { value: profile } = parseProfile(Deno.readTextFileSync(path), path);
      assert(profile !== undefined && here.plan !== undefined);
      const there = await planHost(profile, { facts: capture });
      if (!redact) assertEquals(there.value, here.plan);
      assertEquals(there.value?.call.syscall, here.plan.call.syscall);
    }
  }
});

Deno.test("of a host whose profiles name what is not there, nothing is captured; without profiles, only the host", async () => {
  using on = system();
  const capture = async (...names: readonly string[]) => {
    const images = names.map((name) => join(on.root, name));
    const { capture, images: problems } = await on.on(() => captureHost({ images }));
    return [capture === undefined, Object.keys(capture?.images ?? {}), problems.map(({ code }) => code)];
  };
  Deno.writeTextFileSync(join(on.root, "bad.yaml"), "version: 1\nkernel: /boot/gone\n");
  Deno.writeTextFileSync(join(on.root, "plan.yaml"), "format: warmboot.plan/1\n");
  assertEquals(await capture(), [false, [], []]);
  assertEquals(await capture("web.yaml", "bad.yaml"), [true, [], ["file-missing"]]);
  assertEquals(await capture("gone.yaml"), [true, [], ["file-missing"]]);
  assertEquals(await capture("plan.yaml"), [true, [], ["wrong-type"]]);
});

/** What a host has that does not belong into a repository: on its command line, in its boot loader's files, and in a file. */
const SECRETS = {
  cmdline: "secret-of-proc",
  grub: "secret-of-grub",
  file: "secret-of-file",
  initrd: "secret-of-initrd",
};

/** A host with a secret in each of these places, and profiles that lead to the last two. */
function withSecrets(): FailingSystem {
  const on = system({
    "/proc/cmdline": `root=/dev/vda1 ro rd.password=${SECRETS.cmdline}\n`,
    "/proc/self/mountinfo": "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n",
    "/boot/grub/grub.cfg": `menuentry "A" { linux /boot/vmlinuz ro rd.password=${SECRETS.grub}\n}\n`,
  });
  const bytes = new TextEncoder().encode(SECRETS.initrd);
  Deno.writeFileSync(join(on.root, "boot/three.img"), cpio([{ name: "a", bytes }]));
  Deno.writeTextFileSync(join(on.root, "motd"), SECRETS.file);
  const files = "files: [{ path: /etc/motd, from: motd }, { path: /etc/text, text: inline }]";
  const profile = `version: 1\nkernel: /boot/vmlinuz\ninitrd: [/boot/three.img, { ${files} }]\ncmdline: ro\n`;
  Deno.writeTextFileSync(join(on.root, "secrets.yaml"), profile);
  return on;
}

/** Which of the secrets a capture has, in whatever form. */
function secretsIn(capture: Capture | undefined): readonly string[] {
  assert(capture !== undefined);
  const text = captureText(capture);
  const decoded = Array.from(text.matchAll(/"base64": "([^"]*)"/g), ([, base64 = ""]) => atob(base64)).join("\n");
  return Object.entries(SECRETS).filter(([, secret]) => `${text}\n${decoded}`.includes(secret)).map(([where]) => where);
}

Deno.test("redacted, a capture has no secret, wherever the host has one; otherwise it has what plans need", async () => {
  using on = withSecrets();
  const capture = async (redact: boolean | undefined, ...names: readonly string[]) => {
    const images = names.map((name) => join(on.root, `${name}.yaml`));
    const request = redact === undefined ? { images } : { images, redact };
    const found = await on.on(() => captureHost(request));
    assertEquals(found.images, []);
    return found.capture;
  };
  for (const redact of [undefined, false]) {
    assertEquals(secretsIn(await capture(redact)), ["cmdline", "grub"]);
    const whole = await capture(redact, "secrets");
    const paths = Object.keys(whole?.files ?? {});
    const boot = paths.slice(paths.indexOf("/boot/grub/grub.cfg"));
    assertEquals(boot, boot.toSorted(), "the boot loader's files come last, by their paths");
    assert(boot.includes("/proc/self/mountinfo") && !boot.includes("/proc/cmdline"));
    assertEquals([secretsIn(whole), whole?.redacted], [["cmdline", "grub", "file", "initrd"], undefined]);
  }
  for (const names of [[], ["web"], ["secrets"], ["web", "secrets"]]) {
    const redacted = await capture(true, ...names);
    assertEquals([secretsIn(redacted), redacted?.redacted], [[], true]);
    // The boot loader's files are there, without what they hold.
    assert("/boot/grub/grub.cfg" in (redacted?.files ?? {}));
    assertEquals(Object.keys(redacted?.overlays ?? {}), names.includes("secrets") ? [join(on.root, "motd")] : []);
  }
  // Profiles that add nothing to an initrd leave no trace of such files.
  for (const redact of [false, true]) assert(!("overlays" in (await capture(redact, "web") ?? {})));
  assert(!("images" in (await capture(false) ?? {})));
});

Deno.test("a warning about a profile does not keep its files from being captured; facts that are missing do", async () => {
  using on = system();
  // No shell expands it.
  Deno.copyFileSync(join(on.root, "boot/one.img"), join(on.root, "boot/[1].img"));
  Deno.writeTextFileSync(join(on.root, "warned.yaml"), 'version: 1\nkernel: /boot/vmlinuz\ninitrd: "/boot/[1].img"\n');
  const seen = async (images: readonly string[]) => {
    const read: string[] = [];
    const found = await on.on(() =>
      captureHost({ images: images.map((name) => join(on.root, name)), onReading: (path) => void read.push(path) })
    );
    const { capture, host, images: problems } = found;
    return {
      files: capture === undefined ? undefined : Object.keys(capture.images ?? {}),
      said: [host, problems].map((each) => each.map(({ severity }) => severity)),
      read,
      capture,
    };
  };
  const warned = await seen(["warned.yaml"]);
  assertEquals([warned.files, warned.read.toSorted()], [
    ["/boot/[1].img", "/boot/vmlinuz"],
    ["/boot/[1].img", "/boot/vmlinuz"],
  ]);
  assertEquals(warned.said, [[], ["warning"]]);
  Deno.removeSync(join(on.root, "proc/sys/kernel/osrelease"));
  const { files, said, read } = await seen(["web.yaml"]);
  assertEquals([files, said, read], [undefined, [["error"], []], []]);
  // The host alone is captured as it is: what is missing can be seen.
  const alone = await seen([]);
  assertEquals([alone.files, alone.said], [[], [["error"], []]]);
  assert("/proc/cmdline" in (alone.capture?.files ?? {}));
});

Deno.test("a file that an initrd gets is captured or refused, however often it could be read before", async () => {
  using on = withSecrets();
  const motd = join(on.root, "motd");
  const captured = async (fault?: Fault) => {
    const { capture, images } = await on.on(() => captureHost({ images: [join(on.root, "secrets.yaml")] }), fault);
    return [capture?.overlays?.[motd]?.kind, images.map(({ code, severity }) => `${severity} ${code}`)];
  };
  assertEquals(await captured(), ["file", []]);
  for (const [name, times] of [["statSync", 4], ["openSync", 2]] as const) {
    const refused = [];
    for (let turn = 0; turn < 8; turn++) {
      const found = await captured({ name, path: motd, turn, errno: "EIO" });
      if (found[0] === undefined) refused.push(found);
    }
    // For what is asked of the initrd, and again for the capture.
    assertEquals(refused, Array(times).fill([undefined, ["error file-io"]]), name);
  }
});

/** Makes this process see other namespaces than PID 1, or the same, by their numbers. */
function setNamespaces(on: FailingSystem, namespaces: Readonly<Record<string, readonly [self: number, init: number]>>) {
  for (const kind of ["uts", "net"]) {
    for (const [index, owner] of ["self", "1"].entries()) {
      const path = join(on.root, `proc/${owner}/ns/${kind}`);
      Deno.mkdirSync(join(path, ".."), { recursive: true });
      try {
        Deno.removeSync(path);
      } catch {
        // There is none yet.
      }
      const number = namespaces[kind]?.[index];
      if (number !== undefined) Deno.symlinkSync(`${kind}:[${number}]`, path);
    }
  }
}

Deno.test("whether a reboot is needed is in doubt where the profile depends on what a container has of its own", async () => {
  using on = await kuredHost("other");
  const hostname = await on.on(() => Deno.readTextFileSync("/proc/sys/kernel/hostname").trim());
  Deno.writeFileSync(join(on.root, "boot/initrd"), cpio([{ name: "init", bytes: new Uint8Array(1) }]));
  const ask = async (lines: string): Promise<unknown> => {
    writeProfile(on, `version: 1\nkernel: /boot/vmlinuz\ninitrd: /boot/initrd\ncmdline: ro node=new\n${lines}`);
    const { need, diagnostics } = await on.on(() => rebootNeeded("node"));
    const what = /does not see (the host's \w+)/.exec(need?.message ?? "")?.[1];
    return [need?.kind ?? diagnostics.map(({ message }) => message), ...(what === undefined ? [] : [what])];
  };
  const named = `requires: { hostname: ${hostname} }\n`;
  const other = { uts: [1, 2], net: [1, 2] } as const;
  const same = { uts: [1, 1], net: [1, 1] } as const;
  for (
    const [namespaces, lines, expected] of [
      [other, "", ["needed"]],
      [other, named, ["undetermined", "the host's name"]],
      [other, "carry: [network]\n", ["undetermined", "the host's network"]],
      [other, `${named}carry: [network]\n`, ["undetermined", "the host's name"]],
      [{ ...same, net: [1, 2] }, named, ["needed"]],
      [{ ...same, net: [1, 2] }, `${named}carry: [network]\n`, ["undetermined", "the host's network"]],
      [{ ...same, uts: [1, 2] }, "requires: { memory: 1M }\n", ["needed"]],
      [same, named, ["needed"]],
      // It sees that network, which cannot be carried.
      [same, "carry: [network]\n", ["not-ready"]],
      // Where it cannot be read, it is not known.
      [{}, named, ["needed"]],
      [{ uts: [1] }, named, ["needed"]],
    ] as const
  ) {
    setNamespaces(on, namespaces as Parameters<typeof setNamespaces>[1]);
    assertEquals(await ask(lines), expected, `${JSON.stringify(namespaces)} ${lines}`);
  }
});

Deno.test("whether a reboot is needed is asked of a profile and of a stored plan, and of how the host can reboot", async () => {
  using on = await kuredHost("other");
  const path = join(on.root, "plan.json");
  const kinds = async (word = "node") => {
    const read: string[] = [];
    const { need, diagnostics } = await on.on(() => rebootNeeded(word, (file) => void read.push(file)));
    return [need?.kind, diagnostics.map(({ severity }) => severity), read];
  };
  // The command line of a stored plan is fixed; that of the profile grows with each reboot.
  writeProfile(on, "version: 1\nkernel: /boot/vmlinuz\ncmdline: { reuse: true, append: quiet }\n");
  using prepared = await on.on(() => prepare("node", { facts: undefined, storedPlans: false }));
  assert(prepared.plan !== undefined);
  Deno.writeTextFileSync(path, planText(prepared.plan));
  assertEquals(await kinds(), ["not-ready", [], ["/boot/vmlinuz"]]);
  assertEquals(await kinds(path), ["needed", [], ["/boot/vmlinuz"]]);
  // A warning is not the end of it, an error is.
  writeProfile(on, "version: 1\nkernel: /boot/vmlinuz\ncmdline: { reuse: true, remove: nothing, set: a=b }\n");
  assertEquals(await kinds(), ["needed", ["warning"], ["/boot/vmlinuz"]]);
  // No shell expands it.
  Deno.writeFileSync(join(on.root, "boot/[1].img"), cpio([{ name: "init", bytes: new Uint8Array(1) }]));
  writeProfile(on, 'version: 1\nkernel: /boot/vmlinuz\ninitrd: "/boot/[1].img"\ncmdline: ro node=new\n');
  assertEquals((await kinds()).slice(0, 2), ["needed", ["warning"]]);
  writeProfile(on, "version: 1\nkernel: /boot/gone\ncmdline: ro\n");
  assertEquals(await kinds(), [undefined, ["error"], []]);
  writeProfile(on, "version: 1\nkernel: /boot/vmlinuz\ncmdline: ro\nnonsense: 1\n");
  assertEquals(await kinds(), [undefined, ["error"], []]);
  // An init system that cannot be asked.
  Deno.writeTextFileSync(join(on.root, "proc/1/comm"), "dinit\n");
  Deno.removeSync(join(on.root, "run/systemd"), { recursive: true });
  assertEquals((await kinds(path))[0], "not-ready");
});

Deno.test("whether a reboot is needed is asked of all attempts, and of what the plan needs of the init system", async () => {
  const needOf = async (on: FailingSystem, fault?: Fault) => {
    const { need, diagnostics } = await on.on(() => rebootNeeded("node"), fault);
    return [need?.kind ?? diagnostics.map(({ message }) => message), need?.message ?? ""] as const;
  };
  using back = await kuredHost("fell-back");
  assertEquals((await needOf(back))[0], "not-ready");
  // The attempt that failed may be the one that cannot be read.
  const folder = "/var/lib/warmboot/attempts";
  const kinds = [];
  for (const turn of [0, 1, 2]) {
    kinds.push((await needOf(back, { name: "readDirSync", path: folder, turn, errno: "EIO" }))[0]);
  }
  assertEquals(kinds.includes("undetermined") && !kinds.includes("needed"), true, kinds.join());
  for (const path of attemptsOf(back)) Deno.writeTextFileSync(path, "{");
  assertEquals((await needOf(back))[0], "undetermined");
  // Devices are taken from their drivers by a unit, which must be enabled.
  using other = await kuredHost("other", "unbind: [0000:00:03.0]\n");
  const wants = "/etc/systemd/system/kexec.target.wants";
  const [kind, message] = await needOf(other, { name: "readDirSync", path: wants, turn: 0, errno: "EACCES" });
  assertEquals([kind, message.includes("warmboot-unbind.service")], ["not-ready", true], message);
});

Deno.test("how long a reboot will take is asked of attempts that can be read, for a plan that reboots, with its kernel open", async () => {
  using on = await kuredHost("arrived");
  const outlook = async (lines: string, isOpen = true, fault?: Fault) => {
    writeProfile(on, `version: 1\nkernel: /boot/vmlinuz\n${lines}`);
    using prepared = await on.on(() => prepare("node", { facts: undefined, storedPlans: false }));
    const { plan, facts, files } = prepared;
    assert(plan !== undefined, JSON.stringify(prepared.diagnostics));
    return on.on(() => readOutlook({ plan, facts, files: isOpen ? files : [] }), fault);
  };
  const [attempt = ""] = attemptsOf(on);
  const read = { name: "readDirSync", path: "/var/lib/warmboot/attempts", turn: 0, errno: "EIO" } as const;
  assertEquals(await outlook("cmdline: ro\n"), {});
  // As if one that arrived in an earlier boot had been measured: eight seconds.
  const timing = {
    asked: { boottime: 100_000, realtime: 1_000_000_000_000, rtc: 1_000_000_000 },
    came: { boottime: 5000, realtime: 1_000_000_010_000, rtc: 1_000_000_010 },
    boot: { initrd: 1000, userspace: 2000, finished: 3000 },
  };
  const { outcome, ...known } = JSON.parse(Deno.readTextFileSync(attempt));
  const earlier = { ...outcome, bootId: "00000000-0000-4000-8000-000000000002" };
  Deno.writeTextFileSync(attempt, JSON.stringify({ ...known, timing, outcome: earlier }));
  assertEquals(await outlook("cmdline: ro\n"), { planned: { milliseconds: 8000, basis: "measured", attempts: 1 } });
  assertEquals(await outlook("cmdline: ro\ncrash: true\n"), undefined);
  assertEquals(await outlook("cmdline: ro\n", false), undefined);
  assertEquals(await outlook("cmdline: ro\n", true, read), undefined);
});
