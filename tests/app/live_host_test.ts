import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { captureHost } from "../../src/app/capture_host.ts";
import { diffOperands, hostOnce, type SideNotice } from "../../src/app/diff_operands.ts";
import { loadPlan } from "../../src/app/load.ts";
import { planHost } from "../../src/app/plan_host.ts";
import { prepare } from "../../src/app/prepare.ts";
import { type Capture, captureText, parseCapture } from "../../src/host/capture.ts";
import { parseProfile } from "../../src/profile/parse.ts";
import { cpio } from "../image/build_elf.ts";
import { type FailingSystem, failingSystem } from "../support/failing_system.ts";
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
