import { assertEquals } from "@std/assert";
import { ReadError } from "../../src/app/files/open_file.ts";
import { WriteError } from "../../src/app/files/write_whole.ts";
import { explain } from "../../src/cli/explain.ts";
import type { Ports } from "../../src/cli/ports.ts";
import { complain, exitOf, report, say, warn } from "../../src/cli/report.ts";
import { CATALOGUE, type DiagnosticCode } from "../../src/core/catalogue.ts";
import type { Diagnostic } from "../../src/core/diagnostic.ts";
import { EXIT } from "../../src/core/program.ts";
import { PLAIN } from "../../src/render/style.ts";
import { StoreError } from "../../src/state/record_store.ts";
import { SyscallError } from "../../src/syscall/errors/syscall_error.ts";
import { LibcError } from "../../src/syscall/libc.ts";
import { hostFacts } from "../support/host_facts.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** What is written to standard error, and what a result would say. */
function said(act: (ports: Ports) => unknown): readonly unknown[] {
  const written: unknown[] = [];
  const messages: unknown[] = [];
  const layout = { style: PLAIN, width: 80 };
  const ports: Ports = {
    out: { layout, isTerminal: false, write: () => void written.push("standard output") },
    err: { layout, isTerminal: false, write: (text, severity) => void written.push([text, severity]) },
    onMessage: (message) => void messages.push(message),
  };
  const result = act(ports);
  return [result, written, messages];
}

pure("what was thrown becomes a message, what to do, and an exit code", () => {
  const of = (error: unknown) => said((ports) => explain(error, ports)).slice(0, 2);
  const denied = new Deno.errors.PermissionDenied("x");
  const uncapable = new Deno.errors.NotCapable("y");
  const error = (message: string, hint?: string) => [
    [`error: ${message}\n`, "error"],
    ...(hint === undefined ? [] : [[`  hint: ${hint}\n`, "error"]]),
  ];
  assertEquals(of(new StoreError("m")), ["io", error("m")]);
  assertEquals(of(new StoreError("m", { cause: denied })), ["permission", error("m", "Run warmboot as root")]);
  assertEquals(of(new StoreError("m", { cause: uncapable })), [
    "permission",
    error("m", "Give Deno the permission: docs/permissions.md lists what each command needs"),
  ]);
  assertEquals(of(new WriteError("m")), ["io", error("m")]);
  for (const cause of [denied, uncapable]) {
    assertEquals(of(new WriteError("m", { cause })), [
      "permission",
      error("m", "Write elsewhere, or as a user who may"),
    ]);
  }
  assertEquals(of(new WriteError("m", { cause: new Deno.errors.BrokenPipe("x") })), ["io", []]);
  assertEquals(of(new LibcError("m")), ["unavailable", error("m")]);
  assertEquals(of(new LibcError("m", { cause: uncapable })), ["permission", error("m")]);
  assertEquals(of(uncapable), [
    "permission",
    error("y", "Give Deno the permission: docs/permissions.md lists what each command needs"),
  ]);
  const ofSystem = Object.assign(new Error("m"), { code: "EMFILE" });
  assertEquals(of(ofSystem), ["io", error("m", "See the kernel's log: dmesg")]);
  assertEquals(of(new ReadError("m")), ["io", error("m", "See the kernel's log: dmesg")]);
  for (const code of ["ERR_X", "emfile", "E"]) assertEquals(of(Object.assign(new Error("m"), { code }))[0], "software");
  const defect = Object.assign(new TypeError("m"), { stack: "TypeError: m\n    at x" });
  assertEquals(of(defect), ["software", [
    ...error("warmboot has a defect: TypeError: m", "Please report it with the command and the profile"),
    ["    at x\n", undefined],
  ]]);
  assertEquals(of("text"), [
    "software",
    error("warmboot has a defect: text", "Please report it with the command and the profile"),
  ]);
  const refused = new SyscallError({
    call: { name: "kexec_file_unload", crash: false },
    errno: 1,
    facts: hostFacts({ capEff: 0n }),
  });
  assertEquals(of(refused), ["refused", [
    ["error: kexec_file_load failed with EPERM: this process lacks the capability CAP_SYS_BOOT\n", "error"],
    ["  hint: Run warmboot as root on the host itself\n", "error"],
    ["  call: kexec_file_load(-1, -1, 0, NULL, KEXEC_FILE_UNLOAD) = -1 EPERM\n", undefined],
  ]]);
});

pure("messages on standard error, and the same as data", () => {
  assertEquals(said((ports) => complain("m\u0007", "h\u0007", ports)), [undefined, [["error: m\u2407\n", "error"], [
    "  hint: h\u2407\n",
    "error",
  ]], [{ severity: "error", message: "m\u0007", hint: "h\u0007" }]]);
  assertEquals(said((ports) => warn("m", undefined, ports)), [undefined, [["warning: m\n", "warning"]], [{
    severity: "warning",
    message: "m",
  }]]);
  assertEquals(said((ports) => say("  m\u0007", ports)), [undefined, [["  m\u2407\n", undefined]], [{
    severity: "info",
    message: "m\u0007",
  }]]);
  const diagnostic: Diagnostic = {
    code: "unknown-key",
    severity: "error",
    message: "m",
    hint: "h",
    position: { file: "f", line: 2, column: 3, length: 1 },
  };
  const [exit, written, messages] = said((ports) =>
    report([{ ...diagnostic, severity: "warning" }, diagnostic], ports)
  );
  assertEquals(exit, "data");
  assertEquals((written as unknown[][]).map((each) => each[1]), ["warning", "error"]);
  assertEquals(
    messages,
    ["warning", "error"].map((severity) => ({
      severity,
      message: "m",
      hint: "h",
      code: "unknown-key",
      file: "f",
      line: 2,
      column: 3,
    })),
  );
});

pure("the exit code is that of the first error; each code of the catalogue has its own", () => {
  const of = (...rows: readonly (readonly [DiagnosticCode, "error" | "warning"])[]) =>
    exitOf(rows.map(([code, severity]) => ({ code, severity, message: "" })));
  assertEquals([
    of(),
    of(["unknown-key", "warning"]),
    of(["unknown-key", "warning"], ["file-missing", "error"], ["unknown-key", "error"]),
  ], ["ok", "ok", "noinput"]);
  assertEquals(Object.entries(EXIT).map(([name, { code }]) => `${name} ${code}`), [
    "ok 0",
    "differs 1",
    "notLoaded 2",
    "crashMissing 3",
    "crashStale 4",
    "usage 64",
    "data 65",
    "noinput 66",
    "unavailable 69",
    "software 70",
    "refused 71",
    "io 74",
    "permission 77",
    "interrupted 130",
  ]);
  const byExit: Record<string, string[]> = {};
  for (const [code, { exit }] of Object.entries(CATALOGUE)) {
    if (exit !== "data") (byExit[exit] ??= []).push(code);
  }
  assertEquals(byExit, {
    unavailable: [
      "cmdline-not-known",
      "boot-loader",
      "boot-entry",
      "boot-script",
      "digest-mismatch",
      "image-part",
      "overlay-withheld",
      "overlay-secret",
      "unlock-key",
      "memory-short",
      "facts-old",
      "facts-missing",
      "facts-not-linux",
      "memory-unknown",
      "memory-none",
      "too-many-segments",
      "no-room",
      "elf-layout",
      "codec-missing",
      "e820-unknown",
      "e820-limited",
      "device-tree-unknown",
      "device-tree-limit",
      "crash-unknown",
    ],
    noinput: [
      "profile-missing",
      "profile-masked",
      "kernel-not-found",
      "file-missing",
      "file-unreadable",
      "image-not-captured",
      "image-differs",
    ],
    io: ["file-io"],
    permission: ["file-not-capable", "facts-not-capable", "facts-unreadable", "iomem-zeroed", "memory-hidden"],
  });
});
