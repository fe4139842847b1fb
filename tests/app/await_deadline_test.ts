/** The wait for a confirmation on a host: libc, programs, signals and timers are imitated; nothing of this machine is touched. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { awaitDeadline, keepUnstopped } from "../../src/app/deadline.ts";
import { readFacts } from "../../src/app/read_facts.ts";
import { main } from "../../src/cli/main.ts";
import { PLAIN } from "../../src/render/style.ts";
import type { EndedAttempt } from "../../src/state/attempt.ts";
import { OPEN_ATTEMPT } from "../support/attempts.ts";
import { type FailingSystem, failingSystem } from "../support/failing_system.ts";
import { ownSignals } from "../support/signals.ts";

/** How a program ends that is started; undefined: there is none. */
type Ending = { readonly code: number; readonly text?: string } | "hangs" | undefined;

interface Script {
  /** When the wait begins, seconds since the boot. */
  readonly now?: number;
  /** Called at each pause, with the seconds since the boot. */
  readonly onPause?: (now: number, host: Host) => void;
  /** How each program ends. */
  readonly onProgram?: (words: string, host: Host) => Ending;
  readonly guard?: EndedAttempt["guard"];
  /** Whether the timer can be made. */
  readonly timer?: boolean;
  /** Whether the watchdog can be opened. */
  readonly watchdog?: boolean;
  /** Why what fails does: EPERM. */
  readonly errno?: number;
}

/** What the imitated host offers to a script. */
interface Host {
  /** A signal comes. */
  readonly signal: (name: Deno.Signal) => void;
  readonly note: (what: string) => void;
  readonly system: FailingSystem;
}

const ATTEMPTS = "var/lib/warmboot/attempts";
const CONFIRM = 600;
const START = 8;
const DUE = START + CONFIRM;
const RESTART = 0x1234567n;
const EPERM = 1;
const EBUSY = 16;
const WATCHDOG = 77;

function attemptIn(bootId: string | undefined, guard: EndedAttempt["guard"]): EndedAttempt {
  assert(bootId !== undefined);
  return {
    ...OPEN_ATTEMPT,
    guard: { parameters: [], confirm: CONFIRM, ...guard },
    outcome: { end: "arrived", why: "It came up", at: "2026-11-28T17:00:10Z", bootId, uptime: START },
  };
}

/** Writes down how the attempt ended. */
function end({ root }: FailingSystem, attempt: EndedAttempt, how: EndedAttempt["outcome"]["end"]): void {
  Deno.mkdirSync(join(root, ATTEMPTS), { recursive: true, mode: 0o700 });
  const text = JSON.stringify({ ...attempt, outcome: { ...attempt.outcome, end: how } });
  Deno.writeTextFileSync(join(root, ATTEMPTS, `${attempt.id}.json`), text);
}

function endOf({ root }: FailingSystem): string {
  return JSON.parse(Deno.readTextFileSync(join(root, ATTEMPTS, `${OPEN_ATTEMPT.id}.json`))).outcome.end;
}

/** Runs something on a host like that; what was done there, and what was said. */
async function imitated<T>(
  system: FailingSystem,
  {
    now: start = 10,
    onPause = () => {},
    onProgram = () => ({ code: 0 }),
    timer = true,
    watchdog = true,
    errno = EPERM,
  }: Script,
  run: (events: { readonly onSay: (text: string) => void; readonly onWarning: (text: string) => void }) => Promise<T>,
) {
  const did: string[] = [];
  const said: string[] = [];
  const note = (what: string): void => void did.push(what);
  using signals = ownSignals();
  const host: Host = { note, system, signal: signals.raise };
  let now = start;
  const fails = (): bigint => -1n;
  const symbols: Record<string, unknown> = {
    "__errno_location": () => null,
    memcpy: (to: Uint8Array) => void new DataView(to.buffer).setInt32(0, errno, true),
    "clock_gettime": (clock: number, time: BigInt64Array) => {
      assertEquals(clock, 7, "CLOCK_BOOTTIME");
      time.set([BigInt(Math.floor(now)), BigInt(Math.round(now % 1 * 1e9))]);
      return 0;
    },
    "reboot_function": null,
    "timer_create": (clock: number, event: BigUint64Array, made: BigUint64Array) => {
      made[0] = 5n;
      note(`timer of clock ${clock}: ${event[0] === RESTART ? "restart" : event[0]}`);
      return timer ? 0 : -1;
    },
    "timer_settime": (id: bigint, flags: number, at: BigInt64Array) => {
      note(`timer ${id} at ${at[2]}.${at[3]}${flags === 1 ? "" : " from now"}`);
      return 0;
    },
    reboot: (_number: bigint, _one: bigint, _two: bigint, command: bigint) => {
      note(command === RESTART ? "restart" : `reboot ${command}`);
      return fails();
    },
    sync: () => note("sync"),
    "kexec_file_load": (
      _number: bigint,
      kernel: bigint,
      _initrd: bigint,
      _length: bigint,
      _cmdline: null,
      flags: bigint,
    ) => {
      assertEquals([kernel, flags], [-1n, 1n], "KEXEC_FILE_UNLOAD, of the image for a reboot");
      note("unload");
      system.image = undefined;
      return 0n;
    },
    open: (path: Uint8Array) => {
      note(`open ${new TextDecoder().decode(path.subarray(0, -1))}`);
      return watchdog ? WATCHDOG : -1;
    },
    ioctl: (fd: number, request: bigint, value: Int32Array) => {
      note(`ioctl ${fd} ${request === 0xc004_5706n ? `timeout ${value[0]}` : request === 0x8004_5705n ? "ping" : "?"}`);
      return 0;
    },
    write: (fd: number, bytes: Uint8Array) => {
      note(`write ${fd} ${new TextDecoder().decode(bytes)}`);
      return bytes.length;
    },
    close: (fd: number) => {
      note(`close ${fd}`);
      return 0;
    },
  };
  const library = new Proxy(symbols, {
    get: (target, name) => {
      if (Object.hasOwn(target, name)) return target[String(name)];
      throw new Error(`Nothing imitates ${String(name)} of libc`);
    },
  });
  class Program {
    readonly #ending: Ending;
    readonly #words: string;
    constructor(path: string, options: Deno.CommandOptions) {
      this.#words = [path.replace(/^.*\//, ""), ...options.args ?? []].join(" ");
      const env = Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value} `).join("");
      note(`${env}${this.#words}`);
      assertEquals([options.stdin, options.stdout, options.stderr], ["null", "null", "piped"]);
      this.#ending = onProgram(this.#words, host);
    }
    spawn() {
      const ending = this.#ending;
      if (ending === undefined) throw new Deno.errors.NotFound("No such file or directory");
      const stderr = new TextEncoder().encode(ending === "hangs" ? "" : ending.text ?? "");
      return {
        output: () => ending === "hangs" ? new Promise(() => {}) : Promise.resolve({ code: ending.code, stderr }),
        kill: (signal: string) => note(`${signal} to ${this.#words}`),
      };
    }
  }
  const { exit } = Deno;
  const timers = { setTimeout, setInterval, clearInterval };
  const changeDeno = (): void =>
    void Object.assign(Deno, {
      dlopen: () => ({ symbols: library, close: () => note("libc closed") }),
      Command: Program,
      exit: (code: number) => note(`exit ${code}`),
    });
  try {
    Object.assign(globalThis, {
      // Time passes only where it is waited for; signals are held for so short a time that it does not count.
      setTimeout: (done: () => void, milliseconds: number) => {
        if (milliseconds >= 1000) {
          now += milliseconds / 1000;
          onPause(now, host);
        }
        // A program that ends does so before the time that it is given.
        timers.setTimeout(done, 20);
        return 0;
      },
      setInterval: (_done: () => void, milliseconds: number) => (note(`every ${milliseconds} ms`), 9),
      clearInterval: (id: number | undefined) => note(`no longer ${id}`),
    });
    const events = { onSay: (text: string) => void said.push(text), onWarning: (text: string) => void said.push(text) };
    const result = await system.on(() => {
      changeDeno();
      return run(events);
    });
    return { did, said, result, kept: signals.kept(), now };
  } finally {
    Object.assign(globalThis, timers);
    Object.assign(Deno, { exit });
  }
}

/** Waits for the deadline of a system that came up 8 s after its kernel, and may run for 10 minutes. */
async function waited(script: Script, prepare: (system: FailingSystem, attempt: EndedAttempt) => void = () => {}) {
  using system = failingSystem();
  const { facts } = system.on(() => readFacts(undefined));
  assert(facts !== undefined);
  const attempt = attemptIn(facts.bootId, script.guard);
  end(system, attempt, "arrived");
  prepare(system, attempt);
  const found = await imitated(
    system,
    script,
    (events) => awaitDeadline({ attempt, confirm: CONFIRM, due: DUE }, facts, events),
  );
  return { ...found, end: endOf(system), image: system.image, flag: isThere(join(system.root, "run/warmboot/exec")) };
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

const TIMER = ["timer of clock 7: restart", "timer 5 at 1028.0"];

Deno.test("a confirmation is looked for every 5 s; a timer of libc's restarts the machine 7 min after the deadline", async () => {
  const { did, said, result, kept, now, end: ended, image } = await waited(
    {
      onPause: (now, { system }) => {
        if (now === 20) end(system, attemptIn(bootOf(system), undefined), "confirmed");
      },
    },
    (system) => {
      system.image = "ro";
    },
  );
  assertEquals([result, now, ended, image, said, kept], [{ kind: "confirmed" }, 20, "confirmed", "ro", [], []]);
  assertEquals(did, [...TIMER, "no longer undefined", "libc closed"]);
});

function bootOf({ root }: FailingSystem): string {
  return Deno.readTextFileSync(join(root, "proc/sys/kernel/random/boot_id")).trim();
}

const ASKED = "SYSTEMCTL_SKIP_AUTO_KEXEC=1 SYSTEMCTL_SKIP_AUTO_SOFT_REBOOT=1 systemctl reboot";

Deno.test("when the time is up, the image is unloaded, the flag removed, systemd asked, and at last the kernel", async () => {
  const { did, said, result, kept, end: ended, image, flag } = await waited(
    { now: 606.5, onProgram: (words) => ({ code: 1, text: words.endsWith("-i") ? "Refused\n" : "" }) },
    (system) => {
      system.image = "ro";
      Deno.mkdirSync(join(system.root, "run/warmboot"), { recursive: true, mode: 0o700 });
      Deno.writeTextFileSync(join(system.root, "run/warmboot/exec"), "");
    },
  );
  assertEquals([result, ended, image, flag], [{ kind: "refused", errno: "EPERM" }, "not-confirmed", undefined, false]);
  assertEquals(did.filter((each) => each !== "libc closed" && !each.startsWith("no longer")), [
    ...TIMER,
    "unload",
    `${ASKED} -i`,
    `${ASKED} --force`,
    "sync",
    "restart",
  ]);
  assertEquals(said, [
    "Nobody confirmed this system within 10 min: rebooting through the firmware",
    "systemctl reboot -i",
    "systemctl reboot -i failed with exit code 1: Refused",
    "systemctl reboot --force",
    "systemctl reboot --force failed with exit code 1",
    "Rebooting by the system call",
  ]);
  // From then on, neither a terminal nor its end stops this process.
  assertEquals(kept.toSorted(), ["SIGHUP", "SIGINT"]);
});

Deno.test("a program that hangs is killed after 30 s, and one that is missing is passed over", async () => {
  const { did, said, now } = await waited({
    now: 1000,
    onProgram: (words) => words.endsWith("-i") ? "hangs" : undefined,
  });
  assertEquals(did.slice(2).filter((each) => !/closed|no longer/.test(each)), [
    `${ASKED} -i`,
    "SIGKILL to systemctl reboot -i",
    `${ASKED} --force`,
    "sync",
    "restart",
  ]);
  assertEquals(said.filter((each) => /did not|cannot/.test(each)), [
    "systemctl reboot -i did not answer within 30 s",
    "systemctl reboot --force cannot be run: No such file or directory",
  ]);
  assertEquals(now, 1030);
});

Deno.test("without the timer, it is said that nothing takes the place of a process that hangs", async () => {
  const { said } = await waited({ timer: false }, (system, attempt) => end(system, attempt, "confirmed"));
  assertEquals(said, ["If this process hangs, nothing takes its place: timer_create failed with EPERM"]);
});

Deno.test("arrive --wait ends with the confirmation, or with the kernel's refusal; in a crash kernel it waits for nothing", async () => {
  const arrive = async (script: Script, cmdline = "") => {
    using system = failingSystem();
    const attempt = attemptIn(bootOf(system), undefined);
    end(system, attempt, "arrived");
    if (cmdline !== "") Deno.writeTextFileSync(join(system.root, "proc/cmdline"), `${cmdline}\n`);
    let text = "";
    const sink = {
      layout: { style: PLAIN, width: 80 },
      isTerminal: false,
      write: (more: string) => void (text += more),
    };
    const { result, did } = await imitated(
      system,
      script,
      () => main(["arrive", "--wait"], () => ({ out: sink, err: sink })),
    );
    const lines = text.trimEnd().split("\n").filter((line) => !line.startsWith("Its guard gives it"));
    return { code: result, lines, restarts: did.includes("restart"), end: endOf(system) };
  };
  const nothing = "No reboot is waiting for its end";
  assertEquals(
    await arrive({
      onPause: (now, { system }) => {
        if (now === 20) end(system, attemptIn(bootOf(system), undefined), "confirmed");
      },
    }),
    { code: 0, lines: [nothing, "6.1.0-41-amd64 is confirmed"], restarts: false, end: "confirmed" },
  );
  const refused = await arrive({ now: DUE + 1, onProgram: () => ({ code: 1 }) });
  assertEquals([refused.code, refused.restarts, refused.end], [71, true, "not-confirmed"]);
  assertEquals([...refused.lines.slice(0, 4), ...refused.lines.slice(-3)], [
    nothing,
    "Nobody confirmed this system within 10 min: rebooting through the firmware",
    "systemctl reboot -i",
    "warning: systemctl reboot -i failed with exit code 1",
    "Rebooting by the system call",
    "error: The kernel refused to reboot: EPERM",
    "  hint: Reboot by hand",
  ]);
  assertEquals(await arrive({ now: DUE + 1 }, "ro elfcorehdr=0x1000"), {
    code: 0,
    lines: ["This is a crash kernel, so that no attempt is looked at", "No guard waits for a confirmation"],
    restarts: false,
    end: "arrived",
  });
});

const GUARD = (keeper: "warmboot" | "systemd") => ({
  parameters: [],
  watchdog: 60,
  device: { device: "watchdog0", resetAfter: 60, keeper },
} as const);

/** What is done with the watchdog, and by a signal. */
const OF_WATCHDOG = /^(?:open|ioctl|write|close|every|no longer \d|exit)/;
const OPENED = ["open /dev/watchdog", "ioctl 77 timeout 60", "ioctl 77 ping", "every 5000 ms"];

Deno.test("the watchdog that warmboot is to keep is pinged until the system is confirmed; that of systemd is left alone", async () => {
  const confirmed = (system: FailingSystem, attempt: EndedAttempt) => {
    Deno.mkdirSync(join(system.root, "sys/class/watchdog/watchdog0"), { recursive: true });
    Deno.writeTextFileSync(join(system.root, "sys/class/watchdog/watchdog0/state"), "inactive\n");
    end(system, attempt, "confirmed");
  };
  const kept = await waited({ guard: GUARD("warmboot") }, confirmed);
  assertEquals(kept.did.filter((each) => OF_WATCHDOG.test(each)), [
    ...OPENED,
    "write 77 V",
    "close 77",
    "no longer 9",
  ]);
  assertEquals(kept.said, ["watchdog0 resets this machine if it is not pinged for 1 min"]);
  const left = await waited({ guard: GUARD("systemd") }, confirmed);
  assertEquals(left.did.filter((each) => OF_WATCHDOG.test(each)), []);
});

Deno.test("arrive --wait on a confirmed system goes on with a watchdog that still counts", async () => {
  using system = failingSystem();
  end(system, attemptIn(bootOf(system), GUARD("warmboot")), "confirmed");
  const folder = join(system.root, "sys/class/watchdog/watchdog0");
  Deno.mkdirSync(folder, { recursive: true });
  Deno.writeTextFileSync(join(folder, "state"), "active\n");
  let said = "";
  const sink = { layout: { style: PLAIN, width: 80 }, isTerminal: false, write: (more: string) => void (said += more) };
  const { result } = await imitated(
    system,
    { watchdog: false, errno: EBUSY },
    () => main(["arrive", "--wait"], () => ({ out: sink, err: sink })),
  );
  assertEquals([result, ...said.trimEnd().split("\n")], [
    0,
    "No reboot is waiting for its end",
    "No guard waits for a confirmation",
    "Another program has watchdog0 open, and is the one that pings it",
  ]);
});

Deno.test("SIGTERM ends the wait and leaves the watchdog in order; once the time is up, only after systemd has stopped all else", async () => {
  const inactive = (system: FailingSystem) => {
    Deno.mkdirSync(join(system.root, "sys/class/watchdog/watchdog0"), { recursive: true });
    Deno.writeTextFileSync(join(system.root, "sys/class/watchdog/watchdog0/state"), "inactive\n");
  };
  const stopped = await waited({
    guard: GUARD("warmboot"),
    onPause: (now, { signal, system }) => {
      if (now === 15) signal("SIGTERM");
      if (now === 20) end(system, attemptIn(bootOf(system), undefined), "confirmed");
    },
  }, inactive);
  const left = ["write 77 V", "close 77", "exit 0"];
  assertEquals(stopped.did.filter((each) => OF_WATCHDOG.test(each)).slice(0, 7), [...OPENED, ...left]);
  const late = await waited({
    now: DUE + 1,
    onProgram: (words, { signal, system, note }) => {
      // What PID 1 is then: systemd, later what it runs at the very end.
      if (words.endsWith("--force")) Deno.writeTextFileSync(join(system.root, "proc/1/comm"), "systemd-shutdow\n");
      note(`SIGTERM during ${words}`);
      signal("SIGTERM");
      return { code: 1 };
    },
  }, inactive);
  assertEquals(late.did.filter((each) => /^(?:SIGTERM|exit)/.test(each)), [
    "SIGTERM during systemctl reboot -i",
    "SIGTERM during systemctl reboot --force",
    "exit 0",
  ]);
  // Where it cannot be seen what PID 1 is, nothing holds up a shutdown.
  const unseen = await waited({
    now: DUE + 1,
    onProgram: (_words, { signal, system, note }) => {
      if (isThere(join(system.root, "proc/1/comm"))) Deno.removeSync(join(system.root, "proc/1/comm"));
      note("SIGTERM");
      signal("SIGTERM");
      return { code: 1 };
    },
  }, inactive);
  assertEquals(unseen.did.filter((each) => /^(?:SIGTERM|exit)/.test(each)).slice(0, 2), ["SIGTERM", "exit 0"]);
});

Deno.test("that the deadline is kept is written down, and that the wait was stopped in order", async () => {
  const noted: unknown[] = [];
  const note = ({ root }: FailingSystem) => {
    const text = Deno.readTextFileSync(join(root, ATTEMPTS, `${OPEN_ATTEMPT.id}.json`));
    noted.push(JSON.parse(text).outcome.deadline);
  };
  await waited({
    onPause: (now, { signal, system }) => {
      if (now === 15) {
        note(system);
        signal("SIGTERM");
        note(system);
      }
      if (now === 20) end(system, attemptIn(bootOf(system), undefined), "confirmed");
    },
  });
  assertEquals(noted, ["kept", "stopped"]);
});

Deno.test("after the confirmation nothing is kept but a watchdog that still counts, and that nothing else has open", async () => {
  using system = failingSystem();
  const { facts } = system.on(() => readFacts(undefined));
  assert(facts !== undefined);
  const folder = join(system.root, "sys/class/watchdog/watchdog0");
  Deno.mkdirSync(folder, { recursive: true });
  const cases = [["systemd", "active"], ["warmboot", "inactive"], ["warmboot", undefined]] as const;
  for (const [keeper, state] of cases) {
    if (state === undefined) Deno.removeSync(join(folder, "state"));
    else Deno.writeTextFileSync(join(folder, "state"), `${state}\n`);
    const { did, said } = await imitated(
      system,
      {},
      (events) => keepUnstopped(attemptIn(facts.bootId, GUARD(keeper)), facts, events),
    );
    assertEquals([did, said], [[], []], `${keeper}, ${state}`);
  }
  Deno.writeTextFileSync(join(folder, "state"), "active\n");
  const busy = await imitated(
    system,
    { watchdog: false, errno: EBUSY },
    (events) => keepUnstopped(attemptIn(facts.bootId, GUARD("warmboot")), facts, events),
  );
  assertEquals(busy.said, ["Another program has watchdog0 open, and is the one that pings it"]);
});
