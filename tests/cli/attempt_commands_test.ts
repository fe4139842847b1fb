/** What the commands say that are run at the end of one boot and at the start of the next. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { parse } from "@std/yaml";
import { main } from "../../src/cli/main.ts";
import { EXIT } from "../../src/core/program.ts";
import { PLAIN } from "../../src/render/style.ts";
import type { Attempt } from "../../src/state/attempt.ts";
import { type FailingSystem, failingSystem, type Fault, withPrograms } from "../support/failing_system.ts";
import { packedKernel, vmlinux } from "../support/small_kernel.ts";

const ATTEMPTS = "var/lib/warmboot/attempts";
const ODD_ATTEMPT = "20200101T000000Z-00000000.json";
const ONE_SHOT = { loader: "systemd-boot", entry: "old.conf" } as const;
const NOT_TAKEN_BACK = "warning: systemd-boot is perhaps still asked to boot `old.conf` once: " +
  "this system has no access to EFI variables. Take it back: bootctl set-oneshot ''";

/** A host with a kernel, whose profile `web` is loaded. */
async function loaded(): Promise<FailingSystem> {
  const on = failingSystem();
  Deno.writeFileSync(join(on.root, "boot/vmlinuz"), packedKernel(vmlinux()));
  Deno.writeTextFileSync(join(on.root, "web.yaml"), "version: 1\nkernel: /boot/vmlinuz\ncmdline: ro\nstamp: true\n");
  const { code, said } = await on.run(["load", join(on.root, "web.yaml")]);
  assertEquals(code, 0, said);
  return on;
}

/** A run: its exit code, and its lines without times. */
async function says(on: FailingSystem, args: string, fault?: Fault): Promise<readonly (number | string)[]> {
  const { code, said } = await on.run(args.split(" "), fault);
  return [code, ...said.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, "TIME").trimEnd().split("\n")];
}

/** Whether a run says that it changed something, and its exit code. */
async function changed(on: FailingSystem, args: string): Promise<readonly [code: number, changed: boolean]> {
  const { code, said } = await on.run([...args.split(" "), "-o", "json"]);
  return [code, JSON.parse(said.slice(said.indexOf("{\n"))).changed];
}

/** The newest attempt; `edit` changes what is kept of it. */
function newest({ root }: FailingSystem, edit: (attempt: Attempt) => Attempt = (attempt) => attempt): Attempt {
  const names = Array.from(Deno.readDirSync(join(root, ATTEMPTS)), ({ name }) => name).toSorted();
  const path = join(root, ATTEMPTS, names.filter((name) => name.endsWith(".json")).at(-1) ?? "");
  const attempt = edit(JSON.parse(Deno.readTextFileSync(path)));
  Deno.writeTextFileSync(path, JSON.stringify(attempt));
  return attempt;
}

/** The next boot: into the image, or by the firmware into the old system. */
function boot(on: FailingSystem, into: "image" | "old", id = "1"): void {
  const put = (path: string, text: string) => Deno.writeTextFileSync(join(on.root, path), `${text}\n`);
  const { to } = newest(on);
  on.image = undefined;
  put("proc/sys/kernel/random/boot_id", `00000000-0000-4000-8000-00000000000${id}`);
  put("proc/sys/kernel/bootloader_type", into === "image" ? "208" : "114");
  if (into === "image") put("proc/cmdline", to.cmdline);
}

Deno.test("a reboot that systemd is asked for is found when it leaves, arrives and is confirmed", async () => {
  using on = await loaded();
  assertEquals(await says(on, "history"), [0, "No reboot into an image of warmboot is remembered"]);
  assertEquals(await says(on, "arrive"), [0, "No reboot is waiting for its end"]);
  assertEquals(await changed(on, "exec"), [0, true]);
  const asked = newest(on);
  assertEquals([asked.way, asked.leftAt, asked.from.watched], ["systemd", undefined, true]);
  assertEquals(await withPrograms({ stdout: "0\n" }, () => says(on, "depart")), [
    0,
    "No shutdown into a loaded image is under way",
  ]);
  assertEquals(newest(on), asked);
  assertEquals(await withPrograms({ code: 1 }, () => says(on, "depart")), [
    69,
    "error: Cannot determine whether systemd goes on to the loaded image:",
  ]);
  assertEquals(await withPrograms({ code: undefined }, () => says(on, "depart")), [
    69,
    "error: Cannot determine whether systemd goes on to the loaded image: No such file or directory",
  ]);
  assertEquals(await withPrograms({ stdout: "412\n" }, () => says(on, "depart")), [
    0,
    "Leaving 6.1.0-41-amd64 for 6.1.0-50-amd64",
  ]);
  const left = newest(on);
  assertEquals([left.id, left.way, typeof left.leftAt], [asked.id, "systemd", "string"]);
  assertEquals(await withPrograms({ stdout: "412\n" }, () => changed(on, "depart")), [0, true]);
  boot(on, "image");
  // Nothing is loaded in the new system.
  assertEquals(await says(on, "depart"), [0, "No image that warmboot loaded is about to be booted"]);
  assertEquals(await says(on, "arrive"), [
    0,
    "The reboot of TIME: arrived: 6.1.0-41-amd64 came up with the stamp of the plan, by kexec",
  ]);
  assertEquals(await changed(on, "arrive"), [0, false]);
  assertEquals(await says(on, "confirm"), [0, "Confirmed: 6.1.0-41-amd64 is good"]);
  assertEquals(await says(on, "confirm"), [0, "6.1.0-41-amd64 was confirmed before"]);
  assertEquals(await changed(on, "confirm"), [0, false]);
  boot(on, "old", "2");
  const [code, complaint = "", ...more] = await says(on, "confirm");
  assertEquals([code, more], [69, ["  hint: See what was tried: warmboot history"]]);
  assertMatch(
    String(complaint),
    /^error: There is nothing to confirm: the last reboot \(TIME\): arrived and confirmed: /,
  );
});

Deno.test("each of them says in data whether it changed anything", async () => {
  using on = await loaded();
  Deno.removeSync(join(on.root, "run/systemd/system"));
  assertEquals(await changed(on, "depart"), [0, true]);
  boot(on, "image");
  assertEquals([await changed(on, "arrive"), await changed(on, "arrive")], [[0, true], [0, false]]);
  assertEquals([await changed(on, "confirm"), await changed(on, "confirm")], [[0, true], [0, false]]);
});

Deno.test("what the boot loader may still be asked is a warning: after a fall back, and when it is confirmed again", async () => {
  using on = await loaded();
  await says(on, "arrive");
  Deno.removeSync(join(on.root, "run/systemd/system"));
  await says(on, "depart");
  newest(on, (attempt) => ({ ...attempt, oneShot: ONE_SHOT }));
  const kept = Deno.readTextFileSync(join(on.root, ATTEMPTS, `${newest(on).id}.json`));
  boot(on, "old");
  assertEquals(await says(on, "arrive"), [
    0,
    NOT_TAKEN_BACK,
    "The reboot of TIME: fell back: 6.1.0-41-amd64 came up by the firmware: the jump to the loaded image was under " +
    "way, and that did not report back",
  ]);
  Deno.writeTextFileSync(join(on.root, ATTEMPTS, `${newest(on).id}.json`), kept);
  boot(on, "image", "2");
  // Only its confirmation ends that.
  assertEquals((await says(on, "arrive")).length, 2);
  assertEquals(await says(on, "confirm"), [0, "Confirmed: 6.1.0-41-amd64 is good", NOT_TAKEN_BACK]);
  assertEquals(await says(on, "confirm"), [0, "6.1.0-41-amd64 was confirmed before", NOT_TAKEN_BACK]);
});

Deno.test("arrive says how long the guard of the running system waits; a crash kernel has none", async () => {
  using on = await loaded();
  Deno.removeSync(join(on.root, "run/systemd/system"));
  await says(on, "depart");
  newest(on, (attempt) => ({ ...attempt, guard: { confirm: 600, parameters: [] } }));
  boot(on, "image");
  const cmdline = Deno.readTextFileSync(join(on.root, "proc/cmdline"));
  Deno.writeTextFileSync(join(on.root, "proc/cmdline"), `${cmdline.trim()} elfcorehdr=0x1000\n`);
  assertEquals(await says(on, "arrive"), [0, "This is a crash kernel, so that no attempt is looked at"]);
  assertEquals(newest(on).outcome, undefined);
  Deno.writeTextFileSync(join(on.root, "proc/cmdline"), cmdline);
  const [code, ended, guard] = await says(on, "arrive");
  assertEquals([code, String(ended).startsWith("The reboot of TIME: arrived: ")], [0, true]);
  assertMatch(String(guard), /^Its guard gives it 10 min to be confirmed, of which (?:600|599|59\d) s are left$/);
  // Where its time is up, nothing is left of it.
  newest(on, ({ outcome, ...attempt }) => ({
    ...attempt,
    guard: { confirm: 1, parameters: [] },
    ...(outcome === undefined ? {} : { outcome: { ...outcome, uptime: 0 } }),
  }));
  assertEquals((await says(on, "arrive")).at(-1), "Its guard gives it 1 s to be confirmed, of which 0 s are left");
  await says(on, "confirm");
  assertEquals((await says(on, "arrive")).length, 2);
});

Deno.test("a shutdown goes on, whatever the boot loader cannot be asked; that is a warning", async () => {
  using on = await loaded();
  Deno.removeSync(join(on.root, "run/systemd/system"));
  const path = join(on.root, "run/warmboot/reboot.json");
  const record = JSON.parse(Deno.readTextFileSync(path));
  record.plan.guard = { fallback: "running", parameters: [] };
  Deno.writeTextFileSync(path, JSON.stringify(record));
  const [code, warning, hint, leaving] = await says(on, "depart");
  assertEquals([code, leaving], [0, "Leaving 6.1.0-41-amd64 for 6.1.0-50-amd64"]);
  assertMatch(String(warning), /^warning: The boot loader cannot be asked to boot the running kernel once: /);
  assertMatch(String(hint), /^ {2}hint: /);
  assertEquals(newest(on).oneShot, undefined);
});

Deno.test("exec refuses the image into which the last reboot failed, as load does, unless it is forced", async () => {
  using on = await loaded();
  await says(on, "arrive");
  const systemd = join(on.root, "run/systemd/system");
  Deno.removeSync(systemd);
  await says(on, "depart");
  boot(on, "old");
  assertMatch(String((await says(on, "arrive"))[1]), /^The reboot of TIME: fell back: /);
  Deno.mkdirSync(systemd);
  const web = join(on.root, "web.yaml");
  assertEquals((await says(on, `load ${web}`))[0], 69);
  assertEquals((await says(on, `load ${web} --force`))[0], 0);
  for (const args of ["exec", "exec --dry-run", "exec --now"]) {
    const [code, error, hint] = await says(on, args);
    assertEquals([code, hint, on.started], [69, "  hint: See warmboot history; --force tries it again", []], args);
    assertMatch(String(error), /^error: The last reboot into the loaded image, asked for at TIME, fell back: /);
  }
  assertEquals((await says(on, "history")).filter((line) => String(line).startsWith("TIME")).length, 1);
  assertEquals(await says(on, "exec --force --dry-run"), [0, "systemctl kexec"]);
  assertEquals(await changed(on, "exec --force"), [0, true]);
});

Deno.test("exec begins nothing where the guard's way back or its watchdog cannot be had", async () => {
  const guards = [
    [
      { fallback: "running", parameters: [] },
      /^error: The boot loader cannot be asked to boot the running kernel once: /,
    ],
    [{ watchdog: 60, parameters: [] }, /^error: systemd cannot be asked to arm the watchdog \(KExecWatchdogUSec\): /],
  ] as const;
  for (const [guard, says_] of guards) {
    using on = await loaded();
    const path = join(on.root, "run/warmboot/reboot.json");
    const record = JSON.parse(Deno.readTextFileSync(path));
    Deno.writeTextFileSync(path, JSON.stringify({ ...record, plan: { ...record.plan, guard } }));
    const [code, , error, hint] = await says(on, "exec");
    assertEquals([code, on.started.includes("kexec")], [69, false]);
    assertMatch(String(error), says_);
    assertMatch(String(hint), /^ {2}hint: /);
    assertEquals(await changed(on, "exec"), [69, false]);
    assertEquals(await says(on, "history"), [0, "No reboot into an image of warmboot is remembered"]);
  }
});

Deno.test("history names what is no attempt, and goes on", async () => {
  using on = await loaded();
  await says(on, "exec");
  Deno.writeTextFileSync(join(on.root, ATTEMPTS, ODD_ATTEMPT), "{");
  const [code, warning, hint, ...attempt] = await says(on, "history");
  assertEquals([code, hint], [0, "  hint: Remove it, if it is not needed"]);
  assertMatch(String(warning), new RegExp(`^warning: /${ATTEMPTS}/${ODD_ATTEMPT} cannot be read: `));
  assert(attempt.some((line) => /^ *Plan +profile web, [0-9a-f]{16}$/.test(String(line))), attempt.join("\n"));
});

Deno.test("where attempts cannot be written, each says so, and nobody takes that for a success", async () => {
  using on = await loaded();
  Deno.removeSync(join(on.root, "run/systemd/system"));
  await says(on, "depart");
  boot(on, "image");
  const { id } = newest(on);
  const path = `/${ATTEMPTS}/.warmboot-${Deno.pid}.new`;
  const failing = { name: "renameSync", path, turn: 0, errno: "EROFS" } as const;
  assertEquals(await says(on, "arrive", failing), [
    74,
    `error: Cannot write /${ATTEMPTS}/${id}.json: Read-only file system`,
  ]);
  assertEquals(newest(on).outcome, undefined);
  const mark = join(on.root, "run/warmboot/waits");
  const isThere = () => [...Deno.readDirSync(join(mark, ".."))].some(({ name }) => name === "waits");
  // Nothing but --wait says that something here will open the watchdog.
  assertEquals(isThere(), false);
  Deno.removeSync(join(on.root, "run/systemd"), { recursive: true });
  assertEquals(await says(on, "arrive --wait", failing), [
    0,
    `warning: Cannot write /${ATTEMPTS}/${id}.json: Read-only file system`,
    "No guard waits for a confirmation",
  ]);
  assertEquals(isThere(), true);
});

Deno.test("arrive --wait ends with a defect: only a history that cannot be written is passed over", async () => {
  using on = await loaded();
  let writes = 0;
  const sink = { layout: { style: PLAIN, width: 80 }, isTerminal: false, write: () => {} };
  const failing = {
    ...sink,
    write: () => {
      if (writes++ === 0) throw new TypeError("defect");
    },
  };
  const code = await on.on(() => main(["arrive", "--wait"], () => ({ out: failing, err: sink })));
  assertEquals([code, writes], [EXIT.software.code, 1]);
});

Deno.test("a plan for this host says how long the reboot will take, as the last ones took; one for a captured host does not", async () => {
  using on = await loaded();
  await says(on, "exec");
  newest(on, (attempt) => ({
    ...attempt,
    from: { ...attempt.from, watched: true },
    timing: {
      asked: { realtime: 1_795_885_390_400, boottime: 1_000_000, rtc: 1_795_885_390 },
      stopped: 1_001_500,
      came: { realtime: 1_795_885_410_400, boottime: 15_000, rtc: 1_795_885_410 },
      boot: { userspace: 2_000, finished: 7_250 },
    },
    outcome: { end: "arrived", why: "It came up", at: "2026-11-28T17:03:40Z", bootId: "next" },
  }));
  const web = join(on.root, "web.yaml");
  const expected = async (...args: readonly string[]) =>
    (await on.run(["plan", web, ...args])).said.match(/^ {2}Expected .*$/gm);
  assertEquals(await expected(), ["  Expected      about 12 s, as the last time, until user space is up"]);
  Deno.writeTextFileSync(join(on.root, "host.json"), (await on.run(["facts"])).said);
  assertEquals([await expected("--facts", join(on.root, "host.json")), await expected("--brief")], [null, null]);
});

Deno.test("history is a text, data or a picture", async () => {
  using on = await loaded();
  await says(on, "exec");
  const { id, askedAt } = newest(on);
  const said = async (form: string) => (await on.run(["history", "-o", form])).said;
  assertEquals((await said("text")).split("\n")[0], `${askedAt}  6.1.0-41-amd64 -> 6.1.0-50-amd64`);
  const data = JSON.parse(await said("json"));
  assertEquals(data.attempts.map((attempt: Attempt) => attempt.id), [id]);
  assertEquals(parse(await said("yaml")), data);
  assertMatch(
    await said("svg"),
    /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" [^]*<title id="wb-title">How long the reboots/,
  );
});

Deno.test("a shutdown that is under way goes on where the boot loader gives no way back; that is said", async () => {
  using on = await loaded();
  const path = join(on.root, "run/warmboot/reboot.json");
  const record = JSON.parse(Deno.readTextFileSync(path));
  const guard = { fallback: "running", parameters: [] };
  Deno.writeTextFileSync(path, JSON.stringify({ ...record, plan: { ...record.plan, guard } }));
  const lines = await withPrograms({ stdout: "412\n" }, () => says(on, "depart"));
  assertEquals([
    lines[0],
    lines.filter((line) => /^warning: The boot loader cannot be asked/.test(String(line))).length,
  ], [
    0,
    1,
  ]);
  assertEquals(newest(on).way, "found");
});

Deno.test("a crash kernel ends no attempt: neither by its arrival nor by a confirmation", async () => {
  using on = await loaded();
  await says(on, "arrive");
  await changed(on, "exec");
  boot(on, "old");
  Deno.writeTextFileSync(join(on.root, "proc/vmcore"), "");
  await says(on, "arrive");
  await says(on, "confirm");
  assertEquals(newest(on).outcome, undefined);
  Deno.removeSync(join(on.root, "proc/vmcore"));
  await says(on, "arrive");
  assertEquals(newest(on).outcome?.end, "firmware");
});

Deno.test("what the kernel kept before the shutdown began is not about the fall back", async () => {
  const found = async (at: string) => {
    using on = await loaded();
    await says(on, "arrive");
    await changed(on, "exec");
    newest(on, (attempt) => ({ ...attempt, askedAt: "2026-11-28T17:00:00Z", leftAt: "2026-11-28T17:10:00Z" }));
    boot(on, "old");
    const path = join(on.root, "var/lib/systemd/pstore/1/dmesg.txt");
    Deno.mkdirSync(join(path, ".."), { recursive: true });
    Deno.writeTextFileSync(path, "Panic#1 Part1\n<0>[   12.000000] Kernel panic - not syncing: hard\n");
    Deno.utimeSync(path, new Date(at), new Date(at));
    await says(on, "arrive");
    const outcome = newest(on).outcome;
    return [outcome?.end, outcome?.evidence !== undefined];
  };
  assertEquals(await found("2026-11-28T17:05:00Z"), ["fell-back", false]);
  assertEquals(await found("2026-11-28T17:11:00Z"), ["fell-back", true]);
});

Deno.test("how long the reboot took is known once all is started: whoever looks then writes it down", async () => {
  using on = await loaded();
  Deno.writeTextFileSync(join(on.root, "proc/uptime"), "12.34 5.00\n");
  await says(on, "arrive");
  await changed(on, "exec");
  await withPrograms({ stdout: "412\n" }, () => says(on, "depart"));
  boot(on, "image");
  const started = { stdout: "UserspaceTimestampMonotonic=1500000\nFinishTimestampMonotonic=0\n" };
  await withPrograms(started, () => says(on, "arrive"));
  const before = newest(on).timing;
  assertEquals([before?.boot?.userspace, before?.boot?.finished], [1500, undefined]);
  const ready = { stdout: "UserspaceTimestampMonotonic=1500000\nFinishTimestampMonotonic=9000000\n" };
  assertEquals(await withPrograms(ready, () => changed(on, "depart")), [0, true]);
  assertEquals(newest(on).timing?.boot?.finished, 9000);
  assertEquals(await withPrograms(ready, () => changed(on, "depart")), [0, false]);
});

Deno.test("history --ended waits for the confirmation, or for what came up without it", async () => {
  using on = await loaded();
  Deno.removeSync(join(on.root, "run/systemd/system"));
  assertEquals(await says(on, "history --ended"), [0, "No reboot into an image of warmboot is remembered"]);
  await says(on, "arrive");
  await says(on, "depart");
  newest(on, (attempt) => ({ ...attempt, guard: { confirm: 600, parameters: [] } }));
  const older = "20200101T000000Z-00000000";
  const ended = { end: "firmware", why: "the power was cut", at: "2020-01-01T00:01:00Z" };
  const before = { ...newest(on), id: older, askedAt: "2020-01-01T00:00:00Z", outcome: ended };
  Deno.writeTextFileSync(join(on.root, ATTEMPTS, `${older}.json`), JSON.stringify(before));
  assertEquals(await says(on, "history --ended"), [1, "under way"]);
  const kept = Deno.readTextFileSync(join(on.root, ATTEMPTS, `${newest(on).id}.json`));
  boot(on, "image");
  const arrived = "arrived: 6.1.0-41-amd64 came up with the stamp of the plan, by kexec";
  // Before anyone has written it down, too.
  assertEquals(await says(on, "history --ended"), [1, arrived]);
  await says(on, "arrive");
  assertEquals(await says(on, "history --ended"), [1, arrived]);
  await says(on, "confirm");
  assertEquals(await says(on, "history --ended"), [0, `arrived and confirmed: ${arrived.slice("arrived: ".length)}`]);
  Deno.writeTextFileSync(join(on.root, ATTEMPTS, `${newest(on).id}.json`), kept);
  boot(on, "old", "2");
  const [code, fell] = await says(on, "history --ended");
  assertEquals([code, String(fell).startsWith("fell back: ")], [0, true]);
});

Deno.test("history --ended is one line, and has no other form", async () => {
  using on = await loaded();
  assertEquals(await says(on, "history --ended -o json"), [
    64,
    "error: --ended cannot be used with --output",
    "  hint: Omit one of them",
  ]);
});
