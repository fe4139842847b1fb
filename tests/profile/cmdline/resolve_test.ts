import { assertEquals } from "@std/assert";
import { resolveCmdline } from "../../../src/profile/cmdline/resolve.ts";
import type { CmdlineSpec } from "../../../src/profile/profile.ts";

function edit(parts: Partial<Extract<CmdlineSpec, { kind: "edit" }>>): CmdlineSpec {
  return { kind: "edit", reuse: true, remove: [], set: [], append: [], ...parts };
}

/** The command line of an edit, then the warnings. */
function resolved(parts: Partial<Extract<CmdlineSpec, { kind: "edit" }>>, running: string, crash = false): string {
  const { value, diagnostics } = resolveCmdline(edit(parts), { running, crash });
  return [value ?? "", ...diagnostics.map(({ severity, code, message }) => `${severity} ${code}: ${message}`)].join(
    "\n",
  );
}

Deno.test({
  name: "stated parameters are joined with single spaces",
  permissions: "none",
  fn() {
    const spec: CmdlineSpec = { kind: "parameters", parameters: ["a", 'b="c  d"', "--", "e"] };
    assertEquals(resolveCmdline(spec, { crash: true }), { value: 'a b="c  d" -- e', diagnostics: [] });
  },
});

Deno.test({
  name: "reuse leaves out the parameters of the running boot, and of the reservation for a crash kernel",
  permissions: "none",
  fn() {
    const running = "BOOT_IMAGE=/vmlinuz initrd=\\a.img root=/dev/sda kexec-jump-back-entry=0x1 elfcorehdr=1K " +
      "crashkernel=256M quiet\n";
    assertEquals(resolved({}, running), "root=/dev/sda crashkernel=256M quiet");
    assertEquals(resolved({}, running, true), "root=/dev/sda quiet");
    assertEquals(resolved({ reuse: false, append: ["initrd=x"] }, running), "initrd=x");
  },
});

Deno.test({
  name: "reuse leaves out what a guard put there: by name, and as a whole what others may have beside it",
  permissions: "none",
  fn() {
    const guard = "warmboot.guard=panic,rd-shell,memmap=1M$2M";
    assertEquals(
      resolved({}, `ro panic=10 rd_shell=0 memmap=4G!8G memmap=1M$2M quiet ${guard} -- panic=1`),
      "ro memmap=4G!8G quiet -- panic=1",
    );
    // Only a parameter that is named as a whole is meant by one with a value.
    assertEquals(resolved({}, `memmap=1M$2M,4G!8G ${guard}`), "memmap=1M$2M,4G!8G");
    assertEquals(resolved({}, "panic=10 ro"), "panic=10 ro");
  },
});

Deno.test({
  name: "a removal that matches nothing has the nearest parameter as its hint, by its name or as a whole",
  permissions: "none",
  fn() {
    const hint = (word: string) =>
      resolveCmdline(edit({ remove: [word] }), { running: "root=/dev/sda quiet console=ttyS0", crash: false })
        .diagnostics.map(({ hint }) => hint);
    assertEquals([hint("quite"), hint("rooot"), hint("console=ttyS1"), hint("zebra")], [
      ["The nearest parameter is `quiet`"],
      ["The nearest parameter is `root`"],
      ["The nearest parameter is `console=ttyS0`"],
      [undefined],
    ]);
  },
});

Deno.test({
  name: "a crash kernel inherits no parameter that reserves or limits memory, unless it is stated again",
  permissions: "none",
  fn() {
    const running =
      "ro hugepages=64 hugepagesz=1G default-hugepagesz=1G hugetlb-cma=2G memmap=1M$2M mem=4G cma=64M member=1";
    assertEquals(resolved({}, running), running);
    assertEquals(resolved({}, running, true), "ro member=1");
    assertEquals(resolved({ append: ["cma=0"] }, running, true), "ro member=1 cma=0");
  },
});

Deno.test({
  name: "what kdump tools remove goes in one edit: names with values, names without, quotes",
  permissions: "none",
  fn() {
    const running = 'ro quiet rd.lvm.lv=vg/a rd.lvm.lv=vg/b "resume=UUID=1 2" panic_on_warn=1 slub_debug dyndbg="a b"';
    const remove = ["quiet", "rd.lvm.lv", "resume", "panic-on-warn", "slub_debug", 'dyndbg="a b"'];
    assertEquals(resolved({ remove, append: ["irqpoll"] }, running, true), "ro irqpoll");
  },
});

Deno.test({
  name: "remove takes every parameter of a name, or the one that it spells out",
  permissions: "none",
  fn() {
    const running = 'console=tty0 quiet console=ttyS0 a-b="c d"';
    assertEquals(resolved({ remove: ["console"] }, running), 'quiet a-b="c d"');
    assertEquals(resolved({ remove: ["console=tty0"] }, running), 'quiet console=ttyS0 a-b="c d"');
    assertEquals(resolved({ remove: ['"a_b=c d"', "quiet"] }, running), "console=tty0 console=ttyS0");
  },
});

Deno.test({
  name: "a remove that matches nothing warns and names the nearest parameter",
  permissions: "none",
  fn() {
    const { value, diagnostics } = resolveCmdline(edit({ remove: ["quiet", "quite", "console=tty1", "zzz"] }), {
      running: "quiet console=tty0 quiets",
      crash: false,
    });
    assertEquals(value, "console=tty0 quiets");
    assertEquals(diagnostics, [
      {
        code: "cmdline-no-match",
        severity: "warning",
        message: "`remove` matches no parameter `quite`",
        path: ["cmdline", "remove", 1],
        hint: "The nearest parameter is `quiets`",
      },
      {
        code: "cmdline-no-match",
        severity: "warning",
        message: "`remove` matches no parameter `console=tty1`",
        path: ["cmdline", "remove", 2],
        hint: "The nearest parameter is `console=tty0`",
      },
      {
        code: "cmdline-no-match",
        severity: "warning",
        message: "`remove` matches no parameter `zzz`",
        path: ["cmdline", "remove", 3],
      },
    ]);
  },
});

Deno.test({
  name: "set replaces all words of a name in the first one's place, new names go to the end",
  permissions: "none",
  fn() {
    const running = "console=tty0 ro console=ttyS0 quiet";
    assertEquals(resolved({ set: ["console=ttyS1"] }, running), "console=ttyS1 ro quiet");
    assertEquals(
      resolved({ set: ["console=a", "panic=1", "console=b"] }, running),
      "console=a console=b ro quiet panic=1",
    );
    assertEquals(resolved({ set: ["CONSOLE=a"] }, running), `${running} CONSOLE=a`);
    assertEquals(resolved({ set: ["log-level=1"] }, "log_level=7 ro"), "log-level=1 ro");
    assertEquals(resolved({ set: ["log_level=1"] }, "log-level=7 ro"), "log_level=1 ro");
    assertEquals(resolved({ remove: ["log_level"] }, "log-level=7 ro"), "ro");
  },
});

Deno.test({
  name: "remove comes before set, and set before append",
  permissions: "none",
  fn() {
    assertEquals(resolved({ remove: ["a"], set: ["a=2"], append: ["a=3"] }, "a=1 b"), "b a=2 a=3");
    assertEquals(resolved({ append: ["b"] }, "a b"), "a b b");
  },
});

Deno.test({
  name: "parameters for init stay after the separator, and an edit does not touch them",
  permissions: "none",
  fn() {
    const running = "a=1 -- a=2 single";
    assertEquals(resolved({ set: ["a=3", "b"], append: ["c"] }, running), "a=3 b c -- a=2 single");
    assertEquals(resolved({ append: ["c", "--", "d"] }, running), "a=1 c -- a=2 single d");
    assertEquals(resolved({ append: ["--", "d"] }, "a"), "a -- d");
    assertEquals(resolved({}, 'a "--" b'), "a -- b");
    assertEquals(
      resolved({ remove: ["single"] }, running),
      `${running}\nwarning cmdline-no-match: \`remove\` matches no parameter \`single\``,
    );
  },
});

Deno.test({
  name: "reuse without a running command line, or with an open quote in it, is an error",
  permissions: "none",
  fn() {
    const unknown = resolveCmdline(edit({}), { crash: false });
    assertEquals([unknown.value, unknown.diagnostics.map(({ code }) => code)], [undefined, ["cmdline-not-known"]]);
    const open = resolveCmdline(edit({ append: ["a"] }), { running: 'x="y z', crash: false });
    assertEquals([open.value, open.diagnostics.map(({ code }) => code)], [undefined, ["cmdline-quote"]]);
  },
});

Deno.test({
  name: "the exact memory map of an old capture kernel is not reused, and one of a normal kernel has a warning",
  permissions: "none",
  fn() {
    const map = "memmap=exactmap memmap=640K@0K memmap=256M@16M";
    assertEquals(
      resolved({}, `ro 1 ${map} elfcorehdr=0x1f000000`),
      "ro 1\nwarning cmdline-exactmap: The running kernel saves dumps, and `memmap=exactmap` limits its memory: " +
        "`memmap=` is not reused",
    );
    assertEquals(
      resolved({}, `ro ${map}`),
      `ro ${map}\nwarning cmdline-exactmap: The running command line has \`memmap=exactmap\`: the next kernel will ` +
        "have no memory but what it lists",
    );
    assertEquals(resolved({}, "memmap=exactmap,1G@1M").includes("cmdline-exactmap"), true);
    assertEquals(resolved({}, "x=exactmap exactmap memmap=exactmaps"), "x=exactmap exactmap memmap=exactmaps");
    // What is not reused is said also of what is removed.
    assertEquals(
      resolved({ remove: ["memmap"] }, `ro ${map} elfcorehdr=0x1f000000`).includes("saves dumps"),
      true,
    );
    // Who removes it knows of it; a crash kernel never inherits it; init's is not the kernel's.
    assertEquals(resolved({ remove: ["memmap"] }, `ro ${map}`), "ro");
    assertEquals(resolved({}, `ro ${map}`, true), "ro");
    assertEquals(resolved({}, "ro memmap=1M$2M -- memmap=exactmap"), "ro memmap=1M$2M -- memmap=exactmap");
  },
});
