import { assert, assertEquals, assertThrows } from "@std/assert";
import { carryOut } from "../../src/app/carry_out.ts";
import { canReboot, type RebootWay, systemdTooOld } from "../../src/app/exec.ts";
import { closeFile, type OpenFile, openFile } from "../../src/app/files/open_file.ts";
import { WriteError } from "../../src/app/files/write_whole.ts";
import {
  foreignPaths,
  installFiles,
  lookAt,
  obsoletePaths,
  removeFiles,
  removeRest,
} from "../../src/app/install/install_files.ts";
import { foldersOf, installedText, targetsOf } from "../../src/app/install/layout.ts";
import { manifestText, readManifest } from "../../src/app/install/manifest.ts";
import { memoryLimit } from "../../src/app/memory_limit.ts";
import { absoluteSegments, planFiles, profileFiles } from "../../src/app/named_files.ts";
import { pinFiles } from "../../src/app/pin_files.ts";
import { LIMIT_VARIABLES, readLimits } from "../../src/app/read_limits.ts";
import { refreshProfiles } from "../../src/app/refresh.ts";
import { systemProgram } from "../../src/app/system_program.ts";
import { unloadCall } from "../../src/app/unload.ts";
import { sha256Of } from "../../src/core/sha256.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { CRYPT_FILES } from "../../src/image/initrd_crypt.ts";
import { MAKER_FILES, RAMOOPS_MODULE } from "../../src/image/initrd_maker.ts";
import { NETWORK_FILES } from "../../src/image/initrd_network.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { managedProfileText } from "../../src/profile/managed_profile.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { findRecord, lockStore } from "../../src/state/record_store.ts";
import { bzImage } from "../image/build.ts";
import { crashHost } from "../support/crash_host.ts";
import { openBelow } from "../support/descriptors.ts";
import { fakeLibc } from "../support/fake_libc.ts";
import { hostFacts } from "../support/host_facts.ts";
import { inOwnProcess } from "../support/own_process.ts";
import { images, initrdFile, kernelFile, PART_DIGESTS, profileOf } from "../support/profiles.ts";

/** A folder that is removed again; `put` writes a file below it. */
function temporary(): Disposable & { readonly folder: string; put(path: string, text: string | Uint8Array): string } {
  const folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "warmboot-whole-" }));
  return {
    folder,
    put(path, text) {
      const full = `${folder}/${path}`;
      Deno.mkdirSync(full.slice(0, full.lastIndexOf("/")), { recursive: true });
      if (typeof text === "string") Deno.writeTextFileSync(full, text);
      else Deno.writeFileSync(full, text);
      return full;
    },
    [Symbol.dispose]: () => Deno.removeSync(folder, { recursive: true }),
  };
}

// --- Loading.

/** Carries a plan of files that are there out, by a libc that only notes. */
async function carried(
  profile: Partial<Profile>,
  { facts = hostFacts(), libc = fakeLibc(), during, initrds = 1 }: {
    readonly initrds?: number;
    readonly facts?: HostFacts;
    readonly libc?: ReturnType<typeof fakeLibc>;
    readonly during?: (files: readonly OpenFile[]) => void;
  } = {},
) {
  using made = temporary();
  const paths = ["kernel", "one", "two"].slice(0, 1 + initrds).map((name) => made.put(name, name.repeat(1000)));
  const files = paths.map((path) => openFile(path).value).filter((file) => file !== undefined);
  const [kernel = "", ...rest] = paths;
  const sized = (path: string, name: string) => ({
    path,
    size: name.length * 1000,
    sha256: sha256Of(name.repeat(1000)),
  });
  const { value: plan, diagnostics } = planBoot({
    profile: profileOf(profile),
    facts,
    images: images({
      kernel: kernelFile(sized(kernel, "kernel")),
      initrd: rest.map((path, index) => initrdFile(sized(path, index === 0 ? "one" : "two"))),
    }),
  });
  assert(plan !== undefined, JSON.stringify(diagnostics));
  const directory = `${made.folder}/store`;
  Deno.mkdirSync(directory, { mode: 0o700 });
  const order: string[] = [];
  const changing = {
    ...libc,
    kexecFileLoad: (...args: Parameters<typeof libc.kexecFileLoad>) => {
      if (args[0] >= 0) during?.(files);
      return libc.kexecFileLoad(...args);
    },
    [Symbol.dispose]: () => void order.push("libc closed"),
  };
  try {
    using store = await lockStore({ directory });
    const outcome = await carryOut(plan, { facts, files }, store, {
      open: () => changing,
      onChange: () => void order.push("changed"),
      onWarning: (text) => void order.push(text),
    });
    const slot = profile.crash === true ? "crash" : "reboot";
    const { found } = findRecord(slot, directory);
    const hide = (text: string): string => text.replaceAll(made.folder, "");
    return {
      outcome: JSON.parse(hide(JSON.stringify(outcome, (key, value) => key === "error" ? "error" : value))),
      calls: libc.calls.filter(([name]) => name === "kexec_file_load" || name === "memfd" || name === "close").map((
        call,
      ) => call.length > 4 ? [call[0], call.at(-2), call.at(-1)] : call.slice(0, 2)),
      order,
      record: found.kind === "record" ? found.record : found.kind,
    };
  } finally {
    files.forEach(closeFile);
  }
}

Deno.test("a load reports the change at once, closes libc, and records who loaded what when", async () => {
  const before = new Date().toISOString().slice(0, 19);
  const { outcome, calls, order, record } = await carried({});
  assertEquals(outcome, { kind: "loaded" });
  assertEquals(order, ["changed", "libc closed"]);
  assertEquals(calls, [["kexec_file_load", "root=LABEL=root ro\u0000", 0n]]);
  assert(typeof record === "object");
  assertEquals(Object.keys(record), ["format", "bootId", "loadedAt", "user", "uid", "kernel", "plan"]);
  assertEquals([record.format, record.bootId, record.uid], ["warmboot.record/1", hostFacts().bootId, Deno.uid() ?? 0]);
  assertEquals(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(record.loadedAt) && record.loadedAt >= before, true);
});

Deno.test("a crash image is loaded by its own flag, and recorded with what it describes", async () => {
  const { outcome, calls, record } = await carried({ crash: true }, { facts: crashHost() });
  assertEquals(outcome, { kind: "loaded" });
  // KEXEC_FILE_ON_CRASH is 2.
  assertEquals(calls.find(([name]) => name === "kexec_file_load")?.[2], 2n);
  assertEquals(typeof record === "object" && record.described, {
    memory: ["0x1000-0x9fbff", "0x100000-0xbffdbfff", "0x100000000-0x13fffffff"],
    cpus: 2,
  });
});

Deno.test("a file that changes while the kernel reads it: the image of its own kind is unloaded, and the outcome says whether", async () => {
  const during = ([, one]: readonly OpenFile[]) => Deno.writeTextFileSync(one?.path ?? "", "other");
  const reboot = await carried({}, { during });
  assertEquals(reboot.outcome, { kind: "tampered", path: "/one", crash: false, unloaded: true });
  assertEquals(reboot.calls.filter(([name]) => name === "kexec_file_load").map((call) => call[2]), [0n, 1n]);
  const crash = await carried({ crash: true }, { during, facts: crashHost() });
  assertEquals(crash.outcome, { kind: "tampered", path: "/one", crash: true, unloaded: true });
  // KEXEC_FILE_UNLOAD | KEXEC_FILE_ON_CRASH.
  assertEquals(crash.calls.filter(([name]) => name === "kexec_file_load").map((call) => call[2]), [2n, 3n]);
  const stays = fakeLibc({ kexec_file_load: [{ ok: true, value: 0 }, { ok: false, errno: 16 }] });
  const kept = await carried({}, { during, libc: stays });
  assertEquals([kept.outcome, kept.order, kept.record], [
    { kind: "tampered", path: "/one", crash: false, unloaded: false },
    ["changed", "libc closed"],
    "none",
  ]);
});

Deno.test("what cannot be joined is refused before the kernel has changed, and leaves no record", async () => {
  const libc = fakeLibc({ memfd: [{ ok: false, errno: 24 }] });
  const { outcome, calls, order, record } = await carried({}, { libc, initrds: 2 });
  assertEquals([outcome, calls, order, record], [
    { kind: "refused", error: "error", crashKernel: "kept" },
    [["memfd", "warmboot-initrd"]],
    ["libc closed"],
    "none",
  ]);
});

Deno.test("a call that the kernel refuses leaves no record, and changes nothing", async () => {
  const libc = fakeLibc({ kexec_file_load: [{ ok: false, errno: 1 }] });
  const { outcome, order, record } = await carried({}, { libc });
  assertEquals([outcome, order, record], [
    { kind: "refused", error: "error", crashKernel: "kept" },
    ["libc closed"],
    "none",
  ]);
});

Deno.test({
  name: "which call unloads, by image and kernel",
  permissions: "none",
  fn() {
    const call = (crash: boolean, kexec: object, config: HostFacts["kernelConfig"] = {}) =>
      unloadCall(crash, hostFacts({ kexec: { ...hostFacts().kexec, ...kexec }, kernelConfig: config }));
    const both = { loaded: true, crashLoaded: true };
    assertEquals([call(false, both), call(true, both)], [{ name: "kexec_file_unload", crash: false }, {
      name: "kexec_file_unload",
      crash: true,
    }]);
    assertEquals([call(false, { loaded: true }), call(true, { loaded: true })], [{
      name: "kexec_file_unload",
      crash: false,
    }, undefined]);
    assertEquals([call(false, { crashLoaded: true }), call(true, { crashLoaded: true })], [undefined, {
      name: "kexec_file_unload",
      crash: true,
    }]);
    const none = { CONFIG_KEXEC_FILE: "n" };
    assertEquals([call(false, both, none), call(true, both, none)], [{ name: "kexec_unload", crash: false }, {
      name: "kexec_unload",
      crash: true,
    }]);
    assertEquals(call(false, both, { CONFIG_KEXEC_FILE: "y" })?.name, "kexec_file_unload");
  },
});

Deno.test({
  name: "whether this process can reboot, and which systemd needs the tool of kexec-tools",
  permissions: "none",
  fn() {
    const ask = (init: "systemd" | "sysvinit"): RebootWay => ({ kind: "ask", init, command: [""], hook: false });
    const can = (way: RebootWay, initPidNamespace: boolean | undefined) =>
      canReboot(way, hostFacts(initPidNamespace === undefined ? {} : { initPidNamespace }));
    assertEquals(
      [ask("systemd"), ask("sysvinit"), { kind: "now" } as const, { kind: "round-trip" } as const]
        .map((way) => [can(way, true), can(way, false), can(way, undefined)]),
      [
        [true, true, true],
        [true, false, true],
        [true, false, true],
        [true, false, true],
      ],
    );
    assertEquals(
      ["systemd 245 (x)", "systemd 246", "systemd 99.1", "x systemd 1"].map((text) => systemdTooOld(text, false)),
      [245, undefined, 99, undefined],
    );
    assertEquals(systemdTooOld("systemd 245", true), undefined);
  },
});

// --- Files.

Deno.test("the files that a profile and a plan name", () => {
  const cwd = Deno.cwd();
  const file = (path: string) => ({ at: 0n, source: { kind: "file", file: { path }, offset: 0n } }) as const;
  const profile = profileOf({
    kernel: { path: "k", sha256: "ab" },
    initrd: [{ path: "/i" }, { path: "j" }],
    dtb: { path: "d" },
    segments: [file("s"), file("/t"), file("s")],
  });
  const hosts = [hostFacts(), hostFacts(), hostFacts({ cmdline: "rdinit=/x" })];
  assertEquals(profileFiles(profile, hosts), {
    kernel: { path: `${cwd}/k`, sha256: "ab" },
    initrd: [{ path: "/i" }, { path: `${cwd}/j` }],
    dtb: { path: `${cwd}/d` },
    modules: [],
    segments: [{ path: `${cwd}/s` }, { path: "/t" }],
    programs: ["/init"],
  });
  const reuse = { kind: "edit", reuse: true, remove: [], set: [], append: [] } as const;
  assertEquals(profileFiles(profileOf({ cmdline: reuse }), hosts).programs, ["/init", "/x"]);
  assertEquals(profileFiles(undefined, hosts), {
    kernel: undefined,
    initrd: [],
    dtb: undefined,
    modules: [],
    segments: [],
    programs: [],
  });
  const planned = (changes: Partial<Profile>): Plan => {
    const { value } = planBoot({
      profile: profileOf(changes),
      facts: hostFacts(),
      images: images(),
      partDigests: PART_DIGESTS,
    });
    assert(value !== undefined);
    return value;
  };
  const named = {
    kernel: { path: "/boot/vmlinuz" },
    initrd: [{ path: "/boot/initrd.img" }],
    dtb: undefined,
    segments: [],
    modules: [],
    programs: ["/init"],
  };
  assertEquals(planFiles(planned({ load: "kexec_load" })), named);
  const { declared: _, ...old } = planned({ cmdline: { kind: "parameters", parameters: ["rdinit=/y"] } });
  assertEquals(planFiles(old), { ...named, programs: ["/y"] });
  // What was declared, and not what the call made of it.
  const plan = planned({});
  assert(plan.declared !== undefined);
  const declared = { ...plan.declared, dtb: "/boot/dtb", modules: [{ path: "/boot/m", cmdline: "" }] };
  assertEquals([planFiles({ ...plan, declared }).dtb, planFiles({ ...plan, declared }).modules], [
    { path: "/boot/dtb" },
    [{ path: "/boot/m" }],
  ]);
});

Deno.test("what keys, a guard and the network ask of the initrds is looked for, of a profile and of a plan", () => {
  const key = (path: string) => ({ volume: "root", key: { kind: "from", path } }) as const;
  const asked = { volume: "data", key: { kind: "ask", prompt: "?" } } as const;
  const cwd = Deno.cwd();
  const unlocked = profileOf({ unlock: [key("k"), asked] });
  assertEquals(profileFiles(unlocked, []).further, {
    carry: [],
    unlock: { entries: [key(`${cwd}/k`), asked], cmdline: unlocked.cmdline, crash: false },
  });
  assertEquals(absoluteSegments(unlocked).unlock, [key(`${cwd}/k`), asked]);
  assertEquals(profileFiles(profileOf({ carry: ["network"] }), []).further, { carry: ["network"] });
  assertEquals(profileFiles(profileOf(), []).further, undefined);
  const programs = (changes: Partial<Profile>) => profileFiles(profileOf(changes), []).programs;
  assertEquals(programs({ unlock: [key("/k")] }), [...new Set([...MAKER_FILES, ...CRYPT_FILES])]);
  assertEquals(programs({ carry: ["network"] }), [...NETWORK_FILES]);
  assertEquals(programs({ guard: { panic: 30 } }), [...MAKER_FILES]);
  assertEquals(programs({ guard: { log: 1 << 20 } }), [...MAKER_FILES, RAMOOPS_MODULE]);
  const { value: plan } = planBoot({ profile: profileOf(), facts: hostFacts(), images: images() });
  assert(plan !== undefined);
  assertEquals(planFiles({ ...plan, unlock: [key("/k")] }).programs, ["/init", ...MAKER_FILES, ...CRYPT_FILES]);
  assertEquals(planFiles({ ...plan, guard: { log: 1 << 20, parameters: [] } }).programs, [
    "/init",
    ...MAKER_FILES,
    RAMOOPS_MODULE,
  ]);
});

Deno.test("in the root folder, a path is below it and has one slash", async () => {
  const program = `Deno.chdir("/"); console.log(absolutePath("boot/../k"), absolutePath("/k"));`;
  assertEquals(await inOwnProcess({ "src/app/named_files.ts": "absolutePath" }, program), "/boot/../k /k\n");
});

Deno.test("every file of a template is pinned by what it has below the root, device tree and modules too", async () => {
  using made = temporary();
  const texts = { "/k": "kernel", "/i": "one", "/j": "two", "/d": "tree", "/m": "module" };
  for (const [path, text] of Object.entries(texts)) made.put(path.slice(1), text);
  const draft = {
    about: [],
    kernel: { path: "/k" },
    initrd: [{ path: "/i" }, { path: "/j" }],
    dtb: { path: "/d" },
    modules: [{ path: "/m", cmdline: "x" }],
    notes: {},
  };
  const pinned = (path: keyof typeof texts) => ({ path, sha256: sha256Of(texts[path]) });
  assertEquals(await pinFiles(draft, made.folder), {
    value: {
      ...draft,
      kernel: pinned("/k"),
      initrd: [pinned("/i"), pinned("/j")],
      dtb: pinned("/d"),
      modules: [{ ...pinned("/m"), cmdline: "x" }],
    },
    diagnostics: [],
  });
  assertEquals(openBelow(made.folder), []);
  const { value, diagnostics } = await pinFiles({ ...draft, dtb: { path: "/none" } }, made.folder);
  assertEquals([value, diagnostics.map(({ code, message }) => [code, message])], [undefined, [[
    "file-missing",
    `${made.folder}/none does not exist`,
  ]]]);
});

Deno.test("what refresh does with each file, and in which folder it looks", async () => {
  using made = temporary();
  const root = made.folder;
  const kinds = async (request: Parameters<typeof refreshProfiles>[0]) => {
    const seen: string[] = [];
    const all = await refreshProfiles({ root, ...request }, ({ kind }) => void seen.push(kind));
    assertEquals(all.map(({ kind }) => kind), seen);
    return all.map((each) => JSON.parse(JSON.stringify(each).replaceAll(root, "")) as unknown);
  };
  assertEquals(await kinds({}), []);
  assertEquals(await kinds({ paths: [`${root}/etc/warmboot`] }), [{
    kind: "unreadable",
    file: "/etc/warmboot",
    diagnostics: [{
      code: "file-missing",
      severity: "error",
      message: "/etc/warmboot does not exist",
      hint: "The directory /etc does not exist",
    }],
  }]);
  made.put("boot/vmlinuz-6.1.0", bzImage({ version: "6.1.0 (x) #1 SMP" }));
  made.put("boot/initrd.img-6.1.0", "070701");
  const own = made.put("etc/warmboot/own.yaml", "version: 1\nkernel: /k\n");
  const managed = made.put("etc/warmboot/next.yaml", managedProfileText("version: 1\n", { pin: false }));
  const edited = made.put(
    "etc/warmboot/edited.yaml",
    `${managedProfileText("version: 1\n", { pin: false })}stamp: true\n`,
  );
  made.put("etc/warmboot/note.txt", managedProfileText("version: 1\n", { pin: false }));
  assertEquals(await kinds({}), [{ kind: "changed", file: "/etc/warmboot/edited.yaml" }, {
    kind: "written",
    file: "/etc/warmboot/next.yaml",
    kernel: "/boot/vmlinuz-6.1.0",
    initrd: true,
  }]);
  assertEquals(await kinds({}), [{ kind: "changed", file: "/etc/warmboot/edited.yaml" }, {
    kind: "unchanged",
    file: "/etc/warmboot/next.yaml",
    kernel: "/boot/vmlinuz-6.1.0",
    initrd: true,
  }]);
  assertEquals(await kinds({ paths: [own, edited, managed, `${root}/none.yaml`] }), [
    { kind: "unmanaged", file: "/etc/warmboot/own.yaml" },
    { kind: "changed", file: "/etc/warmboot/edited.yaml" },
    { kind: "unchanged", file: "/etc/warmboot/next.yaml", kernel: "/boot/vmlinuz-6.1.0", initrd: true },
    {
      kind: "unreadable",
      file: "/none.yaml",
      diagnostics: [{ code: "file-missing", severity: "error", message: "/none.yaml does not exist" }],
    },
  ]);
  Deno.removeSync(`${root}/boot/vmlinuz-6.1.0`);
  const failed = await kinds({ paths: [managed] });
  assertEquals(failed, [{
    kind: "failed",
    file: "/etc/warmboot/next.yaml",
    diagnostics: [{
      code: "kernel-not-found",
      severity: "error",
      message: "There is no kernel under /boot, /efi or /usr/lib/modules",
      hint: "Name a boot loader entry with --bls FILE, or a unified kernel image with --uki FILE",
    }],
  }]);
  assertEquals(Deno.readTextFileSync(own), "version: 1\nkernel: /k\n");
});

Deno.test({
  name: "limits of the environment: every variable, and the whole error",
  permissions: "none",
  fn() {
    const wrong = (name: string, text: string) => readLimits((each) => each === name ? text : undefined);
    assertEquals(LIMIT_VARIABLES.map(({ name, limit }) => [name, limit]), [
      ["WARMBOOT_INITRD_LIMIT", "size"],
      ["WARMBOOT_INITRD_FILES_LIMIT", "files"],
      ["WARMBOOT_INITRD_STREAMS_LIMIT", "streams"],
    ]);
    assertEquals(wrong("", "").limits, { size: 17_179_869_184, files: 2_000_000, streams: 10_000 });
    assertEquals(wrong("WARMBOOT_INITRD_LIMIT", "1MiB"), {
      limits: { size: 1 << 20, files: 2_000_000, streams: 10_000 },
      diagnostics: [],
    });
    const message = (name: string, text: string) => wrong(name, text).diagnostics;
    const error = (
      message: string,
      expected: string,
      found: string,
    ) => [{ code: "wrong-type", severity: "error", message, expected, found }];
    assertEquals(
      message("WARMBOOT_INITRD_LIMIT", "0") as unknown,
      error("WARMBOOT_INITRD_LIMIT is not a size such as 32GiB", "a size such as 32GiB", '"0"'),
    );
    assertEquals(
      message("WARMBOOT_INITRD_FILES_LIMIT", "x") as unknown,
      error("WARMBOOT_INITRD_FILES_LIMIT is not a positive number", "a positive number", '"x"'),
    );
    assertEquals(message("WARMBOOT_INITRD_STREAMS_LIMIT", "9007199254740992").length, 1);
    assertEquals(message("WARMBOOT_INITRD_STREAMS_LIMIT", "9007199254740991").length, 0);
    assertEquals(
      memoryLimit(hostFacts(), "x").diagnostics as unknown,
      error("WARMBOOT_MEMORY_LIMIT is not a size", "a size such as 512MiB", '"x"'),
    );
  },
});

Deno.test("a program of the system is the first file of its name; a folder is not one", () => {
  using made = temporary();
  made.put("b/tool", "");
  made.put("c/tool", "");
  Deno.mkdirSync(`${made.folder}/a/tool`, { recursive: true });
  const folders = ["a", "b", "c"].map((name) => `${made.folder}/${name}`);
  assertEquals(systemProgram("tool", { uid: 0, folders }), `${made.folder}/b/tool`);
  assertEquals(systemProgram("other", { uid: 0, folders }), `${made.folder}/a/other`);
  assertEquals([systemProgram("tool", { uid: 1000, folders }), systemProgram("tool", { uid: 0, folders: [] })], [
    "tool",
    "tool",
  ]);
});

// --- Installing.

Deno.test({
  name: "where each file of a release goes, and with which text",
  permissions: "none",
  fn() {
    assertEquals(foldersOf("/usr/local"), {
      bin: "/usr/local/bin",
      lib: "/usr/local/lib/warmboot",
      units: "/usr/local/lib/systemd/system",
      kernelInstall: "/etc/kernel/install.d",
      man: "/usr/local/share/man",
      bash: "/usr/local/share/bash-completion/completions",
      zsh: "/usr/local/share/zsh/site-functions",
      fish: "/usr/local/share/fish/vendor_completions.d",
      doc: "/usr/local/share/doc/warmboot",
      sysconf: "/etc",
    });
    assertEquals(foldersOf("/usr"), {
      bin: "/usr/bin",
      lib: "/usr/lib/warmboot",
      units: "/usr/lib/systemd/system",
      kernelInstall: "/usr/lib/kernel/install.d",
      man: "/usr/share/man",
      bash: "/usr/share/bash-completion/completions",
      zsh: "/usr/share/zsh/site-functions",
      fish: "/usr/share/fish/vendor_completions.d",
      doc: "/usr/share/doc/warmboot",
      sysconf: "/etc",
    });
    assertEquals(foldersOf("/opt/x", { man: "/m" }), {
      bin: "/opt/x/bin",
      lib: "/opt/x/lib/warmboot",
      units: "/opt/x/lib/systemd/system",
      kernelInstall: "/opt/x/etc/kernel/install.d",
      man: "/m",
      bash: "/opt/x/share/bash-completion/completions",
      zsh: "/opt/x/share/zsh/site-functions",
      fish: "/opt/x/share/fish/vendor_completions.d",
      doc: "/opt/x/share/doc/warmboot",
      sysconf: "/opt/x/etc",
    });
    const folders = foldersOf("/opt/x");
    const files = [
      "bin/warmboot",
      "lib/warmboot/a.js",
      "lib/systemd/system/u.service",
      "share/warmboot/hooks/debian/zz",
      "share/warmboot/hooks/kernel-install/90",
      "share/man/man8/w.8",
      "share/bash-completion/completions/w",
      "share/zsh/site-functions/_w",
      "share/fish/vendor_completions.d/w.fish",
      "share/doc/warmboot/a.md",
      "README.md",
    ];
    assertEquals(
      files.map((path) => targetsOf(path, folders).map(({ group, path, isProgram }) => [group, path, isProgram])),
      [
        [["program", "/opt/x/bin/warmboot", true]],
        [["program", "/opt/x/lib/warmboot/a.js", false]],
        [["units", "/opt/x/lib/systemd/system/u.service", false]],
        [["hooks", "/opt/x/etc/kernel/postinst.d/zz", true], ["hooks", "/opt/x/etc/kernel/postrm.d/zz", true], [
          "hooks",
          "/opt/x/etc/initramfs/post-update.d/zz",
          true,
        ]],
        [["hooks", "/opt/x/etc/kernel/install.d/90", true]],
        [["man", "/opt/x/share/man/man8/w.8", false]],
        [["completions", "/opt/x/share/bash-completion/completions/w", false]],
        [["completions", "/opt/x/share/zsh/site-functions/_w", false]],
        [["completions", "/opt/x/share/fish/vendor_completions.d/w.fish", false]],
        [["docs", "/opt/x/share/doc/warmboot/a.md", false]],
        [],
      ],
    );
    const text = "/usr/local/bin/warmboot /etc/warmboot ../lib/warmboot $schema=../schema/a\ninstalled_with=\n";
    const of = (group: "program" | "units" | "hooks" | "man" | "docs" | "completions", path: string, deno?: string) =>
      installedText(text, { group, path, isProgram: true }, folders, deno);
    assertEquals([
      of("program", "/opt/x/bin/warmboot", "/usr/bin/deno"),
      of("program", "/opt/x/bin/warmboot", "/o'p t/deno"),
      of("program", "/opt/x/bin/warmboot"),
      of("program", "/opt/x/lib/warmboot/a.js", "/d"),
      of("units", "/u"),
      of("hooks", "/h"),
      of("completions", "/c"),
      of("docs", "/a.yaml"),
      of("docs", "/a.md"),
    ], [
      "/usr/local/bin/warmboot /opt/x/etc/warmboot ../lib/warmboot $schema=../schema/a\ninstalled_with=/usr/bin/deno\n",
      "/usr/local/bin/warmboot /opt/x/etc/warmboot ../lib/warmboot $schema=../schema/a\ninstalled_with='/o'\\''p t/deno'\n",
      "/usr/local/bin/warmboot /opt/x/etc/warmboot ../lib/warmboot $schema=../schema/a\ninstalled_with=\n",
      "/usr/local/bin/warmboot /opt/x/etc/warmboot ../lib/warmboot $schema=../schema/a\ninstalled_with=\n",
      "/opt/x/bin/warmboot /opt/x/etc/warmboot ../lib/warmboot $schema=../schema/a\ninstalled_with=\n",
      "/opt/x/bin/warmboot /opt/x/etc/warmboot ../lib/warmboot $schema=../schema/a\ninstalled_with=\n",
      "/usr/local/bin/warmboot /opt/x/etc/warmboot ../lib/warmboot $schema=../schema/a\ninstalled_with=\n",
      "/usr/local/bin/warmboot /opt/x/etc/warmboot ../lib/warmboot $schema=/opt/x/share/doc/warmboot/schema/a\ninstalled_with=\n",
      "/usr/local/bin/warmboot /opt/x/etc/warmboot ../lib/warmboot $schema=../schema/a\ninstalled_with=\n",
    ]);
    assertEquals(
      installedText("/etc/warmboot", { group: "man", path: "/m", isProgram: false }, foldersOf("/a-b"), undefined),
      "/a\\-b/etc/warmboot",
    );
  },
});

Deno.test("an installation writes over its own files only, and removes those only", () => {
  using made = temporary();
  const root = made.folder;
  const file = (path: string, content: string, isProgram = false) => ({ path, content, isProgram });
  const listed = (path: string, text: string) => ({ path, sha256: sha256Of(text) });
  const manifest = (
    files: readonly { readonly path: string; readonly sha256: string }[],
    folders: readonly string[] = [],
  ) => (
    { format: "warmboot.install/1", version: "1", folder: "/lib", files, folders }
  );
  made.put("a", "old");
  made.put("b", "changed");
  Deno.mkdirSync(`${root}/c`);
  assertEquals([lookAt(`${root}/a`), lookAt(`${root}/c`), lookAt(`${root}/none`)], [
    { kind: "file", sha256: sha256Of("old") },
    { kind: "other" },
    { kind: "nothing" },
  ]);
  const files = [file("/a", "new"), file("/b", "new"), file("/c", "new"), file("/d/e/f", "new", true)];
  const before = manifest([listed("/a", "old"), listed("/b", "old"), listed("/z", "old"), listed("/z", "older")]);
  assertEquals(foreignPaths(root, files, before), ["/b", "/c"]);
  assertEquals(foreignPaths(root, files, undefined), ["/a", "/b", "/c"]);
  // What an interrupted installation left is already what is to be installed.
  assertEquals(foreignPaths(root, [file("/a", "old")], undefined), []);
  assertEquals([obsoletePaths(files, before), obsoletePaths(files, undefined)], [["/z"], []]);
  made.put("z", "old");
  const { version, format, folder } = before;
  const some = files.filter(({ path }) => path !== "/c");
  installFiles(root, some, { version, format, folder }, { before, empty: ["/etc/x"] });
  assertEquals([lookAt(`${root}/z`).kind, Deno.statSync(`${root}/etc/x`).isDirectory], ["nothing", true]);
  assertEquals(readManifest(`${root}/lib/manifest.json`).value, {
    ...manifest(some.map(({ path }) => listed(path, "new"))),
    folders: ["/lib", "/d", "/d/e", "/etc", "/etc/x"],
  });
  assertEquals(
    [Deno.statSync(`${root}/d/e/f`).mode, Deno.statSync(`${root}/a`).mode].map((mode) => (mode ?? 0) & 0o777),
    [0o755, 0o644],
  );
  assertEquals(removeFiles(root, [listed("/a", "new"), listed("/b", "old"), listed("/none", "x")]), ["/b"]);
  assertEquals([lookAt(`${root}/a`).kind, lookAt(`${root}/b`).kind], ["nothing", "file"]);
  Deno.removeSync(`${root}/d/e/f`);
  removeRest(root, manifest([], ["/d", "/d/e"]));
  assertEquals([lookAt(`${root}/d`).kind, lookAt(`${root}/lib/manifest.json`).kind], ["nothing", "nothing"]);
});

Deno.test("an installation that is cut off is known whole: what was there, what was to come, and the folders of both", () => {
  using made = temporary();
  const root = made.folder;
  const listed = (path: string, text: string) => ({ path, sha256: sha256Of(text) });
  const parts = { format: "warmboot.install/1", version: "1", folder: "/lib" };
  const before = { ...parts, files: [listed("/a", "old"), listed("/z", "old")], folders: ["/was"] };
  // What a killed process left, and a folder in the place of a file.
  const left = made.put("lib/.warmboot-4194305.new", "");
  Deno.mkdirSync(`${root}/bin/c`, { recursive: true });
  const files = [{ path: "/bin/c", content: "new", isProgram: false }];
  const manifest = `${root}/lib/manifest.json`;
  assertThrows(() => installFiles(root, files, parts, { before, empty: ["/etc"] }), WriteError, "Cannot write");
  assertEquals(readManifest(manifest).value, {
    ...parts,
    files: [listed("/bin/c", "new"), ...before.files],
    folders: ["/was", "/etc"],
  });
  assertEquals(lookAt(left).kind, "nothing");
  // Everybody may read it, whatever it was before.
  Deno.chmodSync(manifest, 0o600);
  assertThrows(() => installFiles(root, files, parts, { before, empty: [] }), WriteError);
  assertEquals((Deno.statSync(manifest).mode ?? 0) & 0o777, 0o644);
  // What is no folder any more is not removed as one.
  made.put("was", "mine");
  removeRest(root, before);
  assertEquals([lookAt(`${root}/was`).kind, lookAt(manifest).kind], ["file", "nothing"]);
});

Deno.test("a manifest that is not one is an error with what is wrong; a missing one is none", () => {
  using made = temporary();
  const read = (text: string) => {
    const { value, diagnostics } = readManifest(made.put("m", text));
    return value ?? diagnostics.map(({ code, message, hint }) => [code, message.replaceAll(made.folder, ""), hint]);
  };
  const manifest = {
    format: "warmboot.install/1",
    version: "1",
    folder: "/l",
    files: [{ path: "/a", sha256: "b" }],
    folders: ["/f"],
  };
  assertEquals(read(manifestText(manifest)), manifest);
  assertEquals(readManifest(`${made.folder}/none`), { value: undefined, diagnostics: [] });
  assertEquals([read("{"), read("{}"), read(manifestText({ ...manifest, format: "warmboot.install/2" }))], [[[
    "wrong-type",
    "/m is not what `warmboot install` wrote",
    "Without it, warmboot does not know which files are its own: restore it, or remove them by hand",
  ]], [[
    "wrong-type",
    "/m is not what `warmboot install` wrote: The key `format` is missing",
    "Without it, warmboot does not know which files are its own: restore it, or remove them by hand",
  ]], [[
    "wrong-type",
    "/m is not what `warmboot install` wrote",
    "Without it, warmboot does not know which files are its own: restore it, or remove them by hand",
  ]]]);
});
