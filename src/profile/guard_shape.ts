import { DURATION, parseDuration } from "../core/duration.ts";
import { choice, record, type Shape } from "../core/shape.ts";
import type { Guard } from "./profile.ts";
import { refine } from "./refine.ts";
import { patterned } from "./scalars.ts";

/** A duration; seconds. */
const duration: Shape<number> = refine(
  patterned("a duration such as 10s, 2min or 1h", DURATION, [
    [/^0+ ?(?:s|min|h)$/, "The minimum is 1s"],
    [/^[0-9]+$/, "State the unit: `s`, `min` or `h`"],
    [/^[1-9][0-9]* ?(?:s|min|h)$/, "Seconds have at most 5 digits, minutes 4 and hours 2"],
    [/^[0-9]+ ?m$/, "Minutes are `min`"],
    [/^[0-9]*[.,][0-9]+ ?[a-z]+$/i, "Write a whole number of a smaller unit: 1.5 minutes is `90s`"],
    [/^[0-9]+ ?ms$/i, "The smallest unit is `s`"],
    [/^[0-9]+ ?[a-z]+ *[0-9]+ ?[a-z]/i, "Write it in one unit: `1min 30s` is `90s`"],
    [/^[-+]/, "Write it without a sign"],
    [/^0[0-9]/, "Leave out the leading zero"],
    [/^[0-9]+ ?[a-z]+$/i, "The units are `s`, `min` and `h`"],
  ]),
  parseDuration,
);

/** Kernel 6.1 reads a record into one piece of memory: larger ones may find none (ramoops_pstore_read in fs/pstore/ram.c). */
const LOG_SIZE = /^(?:(64|128|256|512) ?K(?:iB)?|([124]) ?M(?:iB)?)$/;

/** How much memory a log takes; bytes. Ramoops rounds the sizes of its records down to powers of two. */
const logSize: Shape<number> = refine(
  patterned("a power of two from 64KiB to 4MiB, such as 1MiB", LOG_SIZE, [
    [/^[0-9]+ ?[KM]i$/, "Write `KiB` or `MiB`"],
    [/^[0-9]+ ?(?:[km](?:i?b)?|[KM](?:B|ib))$/, "Write `KiB` or `MiB`"],
    [/^(?:0x[0-9a-f]+|[0-9]+)$/i, "State the unit: `KiB` or `MiB`"],
    [/^[0-9]+[.,][0-9]+/, "Write a whole number of a smaller unit: 0.5 MiB is `512KiB`"],
    [/^1024 ?K(?:iB)?$/, "Write it as `1MiB`", "1MiB"],
    [/^[0-9]+ ?(?:[KMGT](?:iB)?)$/, "The sizes are 64KiB, 128KiB, 256KiB, 512KiB, 1MiB, 2MiB and 4MiB"],
  ]),
  (text) => {
    const [, kib, mib] = LOG_SIZE.exec(text) ?? [];
    return kib === undefined ? Number(mib) << 20 : Number(kib) << 10;
  },
);

const optional = { fallback: { value: undefined } };

/** The key `guard`. */
export const guard: Shape<Guard> = refine(
  record<Guard>(
    {
      panic: {
        shape: duration,
        doc:
          "After a panic of the new kernel, and where its initrd fails: how long the message is left on the console before " +
          "the machine resets (`panic=`).",
        ...optional,
        examples: ["10s"],
      },
      watchdog: {
        shape: duration,
        doc:
          "The hardware watchdog is armed before the jump: how long the new system may hang before the machine resets.",
        ...optional,
        examples: ["2min"],
      },
      confirm: {
        shape: duration,
        doc:
          "How long the new system may take to be confirmed, once `warmboot arrive` has run in it; else it reboots cold.",
        ...optional,
        examples: ["10min"],
      },
      fallback: {
        shape: choice(["running"]),
        doc:
          "Which kernel a cold reboot boots until the new system is confirmed: `running` is the one that runs now. " +
          "Default: the boot loader's default entry.",
        ...optional,
      },
      log: {
        shape: logSize,
        doc:
          "How much memory keeps what the new kernel logs over a reset (ramoops), for the kernel that a cold reboot boots to " +
          "read: a power of two from 64KiB to 4MiB.",
        ...optional,
        examples: ["1MiB"],
      },
    },
    "a map of `panic`, `watchdog`, `confirm`, `fallback` and `log`",
    { otherNames: { timeout: "confirm", wdt: "watchdog", ramoops: "log", pstore: "log" } },
  ),
  (decoded, at, report) => {
    if (Object.keys(decoded).length > 0) return decoded;
    return void report({
      code: "missing-key",
      severity: "error",
      message: "The guard is empty",
      path: at,
      expected: "one or more of `panic`, `watchdog`, `confirm`, `fallback` and `log`",
      hint: "Leave the key out for no guard",
    });
  },
);
