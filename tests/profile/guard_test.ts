import { assertEquals } from "@std/assert";
import { formatDuration, parseDuration } from "../../src/core/duration.ts";
import { defineProfile } from "../../src/profile/define.ts";
import { contradictions } from "../../src/profile/guard_parameters.ts";
import { parseProfile } from "../../src/profile/parse.ts";
import type { LayerReader } from "../../src/profile/layers.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const HEAD = "version: 1\nkernel: /boot/vmlinuz\n";
const parsed = (text: string) => parseProfile(HEAD + text, "web.yaml");

/** Each problem as `line:column message`, with the positions of what it refers to. */
function problems(text: string): readonly string[] {
  return parsed(text).diagnostics.map(({ message, position, related = [] }) =>
    [
      `${position?.line}:${position?.column} ${message}`,
      ...related.map((each) => `${each.position?.line}:${each.position?.column} ${each.message}`),
    ].join("; ")
  );
}

pure("durations have one unit, and nothing else is one", () => {
  assertEquals(["1s", "10s", "10 s", "2min", "1h", "99h", "99999s", "9999 min"].map(parseDuration), [
    1,
    10,
    10,
    120,
    3600,
    356400,
    99999,
    599940,
  ]);
  for (
    const text of [
      "",
      "0s",
      "00s",
      "10",
      "s",
      "-1s",
      "+1s",
      "1.5h",
      "1m",
      "10S",
      "1min30s",
      "1d",
      "010s",
      "100h",
      "100000s",
      "0x10s",
      "10  s",
      " 10s",
      "10s\n",
      "١s",
    ]
  ) assertEquals(parseDuration(text), undefined, JSON.stringify(text));
  assertEquals([1, 59, 60, 90, 120, 3600, 5400, 86400].map(formatDuration), [
    "1 s",
    "59 s",
    "1 min",
    "90 s",
    "2 min",
    "1 h",
    "90 min",
    "24 h",
  ]);
});

pure("a guard is decoded, and implies the stamp", () => {
  const { value, diagnostics } = parsed("guard: { panic: 10s, watchdog: 2min, confirm: 10 min, fallback: running }\n");
  assertEquals(diagnostics, []);
  assertEquals(value?.guard, { panic: 10, watchdog: 120, confirm: 600, fallback: "running" });
  assertEquals(value?.stamp, true);
  const one = parsed("guard: { confirm: 1h }\nstamp: true\n");
  assertEquals([one.diagnostics, one.value?.guard, one.value?.stamp], [[], { confirm: 3600 }, true]);
  assertEquals([parsed("").value?.guard, parsed("").value?.stamp], [undefined, false]);
});

pure("the size of a log is a power of two that ramoops can take", () => {
  const sizeOf = (text: string) => parsed(`guard: { log: ${text} }\n`).value?.guard?.log;
  assertEquals(["64KiB", "64 KiB", "128K", "512KiB", "1M", "1MiB", "2 MiB", "4MiB"].map(sizeOf), [
    1 << 16,
    1 << 16,
    1 << 17,
    1 << 19,
    1 << 20,
    1 << 20,
    1 << 21,
    1 << 22,
  ]);
  for (
    const [text, hint] of [
      ["1048576", "State the unit: `KiB` or `MiB`"],
      ["0x100000", "State the unit: `KiB` or `MiB`"],
      ["1mib", "Write `KiB` or `MiB`"],
      ["1MB", "Write `KiB` or `MiB`"],
      ["0.5MiB", "Write a whole number of a smaller unit: 0.5 MiB is `512KiB`"],
      ["1024KiB", "Write it as `1MiB`"],
      ["32KiB", "The sizes are 64KiB, 128KiB, 256KiB, 512KiB, 1MiB, 2MiB and 4MiB"],
      ["3MiB", "The sizes are 64KiB, 128KiB, 256KiB, 512KiB, 1MiB, 2MiB and 4MiB"],
      ["8MiB", "The sizes are 64KiB, 128KiB, 256KiB, 512KiB, 1MiB, 2MiB and 4MiB"],
      ["1GiB", "The sizes are 64KiB, 128KiB, 256KiB, 512KiB, 1MiB, 2MiB and 4MiB"],
      ["-1MiB", undefined],
      ["true", undefined],
    ] as const
  ) {
    const { value, diagnostics: [only, ...more] } = parsed(`guard: { log: ${text} }\n`);
    assertEquals([value, only?.hint, more.length], [undefined, hint, 0], text);
  }
  assertEquals(defineProfile({ kernel: "/boot/vmlinuz", guard: { log: "1MiB" } }).value?.guard, { log: 1 << 20 });
});

pure("a guard in code is that of a file", () => {
  const { value, diagnostics } = defineProfile({ kernel: "/boot/vmlinuz", guard: { panic: "10s" } });
  assertEquals([diagnostics, value?.guard, value?.stamp], [[], { panic: 10 }, true]);
});

pure("every fault of a guard has its place and says what to do", () => {
  assertEquals(problems("guard: true\n"), [
    "3:8 `guard` is not a map of `panic`, `watchdog`, `confirm`, `fallback` and `log`",
  ]);
  assertEquals(problems("guard: {}\n"), ["3:8 The guard is empty"]);
  assertEquals(problems("guard: { panic: 10, watchdog: 2m, confirm: 0s, fallback: other, panick: 1s }\n"), [
    "3:17 `panic` is not a duration such as 10s, 2min or 1h",
    "3:31 `watchdog` is not a duration such as 10s, 2min or 1h",
    "3:44 `confirm` is not a duration such as 10s, 2min or 1h",
    "3:58 `fallback` is not `running`",
    "3:65 Unknown key `panick`",
  ]);
  const hints = (value: string) => parsed(`guard: { panic: ${value} }\n`).diagnostics.map(({ hint }) => hint);
  assertEquals(hints("10"), ["State the unit: `s`, `min` or `h`"]);
  assertEquals(hints("0s"), ["The minimum is 1s"]);
  assertEquals(hints("2m"), ["Minutes are `min`"]);
  assertEquals(hints("1.5min"), ["Write a whole number of a smaller unit: 1.5 minutes is `90s`"]);
  assertEquals(hints("1min 30s"), ["Write it in one unit: `1min 30s` is `90s`"]);
  assertEquals(hints("100000s"), ["Seconds have at most 5 digits, minutes 4 and hours 2"]);
  assertEquals(hints("1d"), ["The units are `s`, `min` and `h`"]);
  assertEquals(hints("-5s"), ["Write it without a sign"]);
});

pure("a guard excludes what it cannot guard", () => {
  const conflicts: readonly (readonly [string, string])[] = [
    [
      "crash: true\nguard: { panic: 10s }\n",
      "4:1 `guard` would be ignored: a crash kernel starts on a panic, and no reboot leads into it; 3:1 `crash` is set here",
    ],
    [
      "preserve_context: true\nguard: { confirm: 10s }\n",
      "4:1 `guard` and `preserve_context` are mutually exclusive: the running system continues, and nothing is booted; " +
      "3:1 `preserve_context` is set here",
    ],
    [
      "modules: [/boot/linux]\nguard: { confirm: 10s }\n",
      "4:1 `guard` would be ignored: the command line of a Multiboot kernel is not that of the Linux kernel it starts; " +
      "3:1 `modules` is set here",
    ],
    [
      "guard: { confirm: 10s }\nstamp: false\n",
      "4:1 `stamp: false` would be ignored: by the stamp, a guard knows whether the new system arrived; 3:1 `guard` is set here",
    ],
  ];
  for (const [text, expected] of conflicts) assertEquals(problems(text), [expected]);
  const segments = parseProfile(
    "version: 1\nsegments: [{ at: 0x100000, hex: f4 }]\nentry: 0x100000\nguard: { panic: 10s }\n",
    "s.yaml",
  );
  assertEquals(segments.diagnostics.map(({ message }) => message), [
    "`guard` would be ignored: explicit segments are loaded exactly as written",
  ]);
});

pure("a command line that says otherwise is a conflict with both places", () => {
  const said = (word: string) => `\`guard\` needs \`panic=10\`, and the command line has \`${word}\``;
  assertEquals(problems("cmdline: ro panic=0 quiet\nguard: { panic: 10s }\n"), [
    `4:10 ${said("panic=0")}; 3:10 \`panic=0\` is set here`,
  ]);
  // The kernel does not read what follows `--`; initramfs-tools does.
  assertEquals(problems("cmdline: ro -- panic=0\nguard: { panic: 10s }\n"), [
    `4:10 ${said("panic=0")}; 3:10 \`panic=0\` is set here`,
  ]);
  assertEquals(problems("cmdline:\n  - ro\n  - panic\nguard: { panic: 10s }\n"), [
    `6:10 ${said("panic")}; 5:5 \`panic\` is set here`,
  ]);
  assertEquals(problems("cmdline: { reuse: true, append: [panic=-1] }\nguard: { panic: 10s }\n"), [
    `4:10 ${said("panic=-1")}; 3:34 \`panic=-1\` is set here`,
  ]);
  assertEquals(problems("cmdline: { reuse: true, set: [quiet, panic=30] }\nguard: { panic: 10s }\n"), [
    `4:10 ${said("panic=30")}; 3:38 \`panic=30\` is set here`,
  ]);
  // Of several the last one counts for the kernel.
  assertEquals(problems("cmdline: ro panic=5 panic=10 panic=6\nguard: { panic: 10s }\n"), [
    `4:10 ${said("panic=6")}; 3:10 \`panic=6\` is set here`,
  ]);
  assertEquals(problems("cmdline: watchdog.stop-on-reboot=1\nguard: { watchdog: 2min }\n"), [
    "4:10 `guard` needs `watchdog.stop_on_reboot=0`, and the command line has `watchdog.stop-on-reboot=1`; " +
    "3:10 `watchdog.stop-on-reboot=1` is set here",
  ]);
  // A crash kernel's guard is refused as such, whatever its command line.
  assertEquals(problems("crash: true\ncmdline: panic=0\nguard: { panic: 10s }\n").length, 1);
});

pure("what a guard needs is held against each parameter of a line that a plan has stored as one text", () => {
  const cmdline = { kind: "parameters", parameters: ["ro memmap=4G!8G panic=5"] } as const;
  const said = (parameter: string) =>
    contradictions([{ key: "log", parameter }], cmdline).map(({ related = [] }) =>
      related.map(({ message, path }) => [message, path])
    );
  assertEquals(said("panic=10"), [[["`panic=5` is set here", ["cmdline", 0]]]]);
  assertEquals(said("panic=5"), []);
  // Others of these names may stand beside it.
  assertEquals([said("memmap=1M$0x20000000"), said("reserve_mem=1M:4096:warmboot")], [[], []]);
});

pure("a command line that says the same, or that is not the profile's own, does not contradict", () => {
  for (
    const cmdline of [
      "ro panic=10",
      "ro panic=10 -- panic=10 single",
      'ro "panic=10"',
      "{ reuse: true, remove: [panic] }",
      "ro panic_on_oops=1",
    ]
  ) assertEquals(problems(`cmdline: ${cmdline}\nguard: { panic: 10s }\n`), [], cmdline);
  assertEquals(problems("cmdline: ro panic=0\nguard: { confirm: 10min }\n"), []);
  assertEquals(problems("cmdline: watchdog.stop_on_reboot=1\nguard: { panic: 10s }\n"), []);
});

pure("the parts of a guard come from several files, key by key", () => {
  const files: { readonly [path: string]: string } = {
    "base.yaml": "kernel: /boot/vmlinuz\ncmdline: ro panic=0\nguard: { panic: 30s, confirm: 10min }\n",
  };
  const reader: LayerReader = {
    read: (path) => ({ kind: "bytes", bytes: new TextEncoder().encode(files[path] ?? ""), id: path }),
    dropIns: () => ({ files: [], diagnostics: [] }),
  };
  const context = { reader, id: "web.yaml", dropIns: { files: [], diagnostics: [] } };
  const of = (text: string) => parseProfile(`version: 1\nextends: base.yaml\n${text}`, "web.yaml", context);
  assertEquals(of("cmdline: ro\nguard: { panic: 10s, fallback: running }\n").value?.guard, {
    panic: 10,
    confirm: 600,
    fallback: "running",
  });
  // The two places lie in two files.
  const [conflict] = of("guard: { panic: 10s }\n").diagnostics;
  assertEquals(conflict?.message, "`guard` needs `panic=10`, and the command line has `panic=0`");
  assertEquals(
    [conflict?.position, conflict?.related?.[0]?.position].map((at) => `${at?.file}:${at?.line}`),
    ["web.yaml:3", "base.yaml:2"],
  );
});
