import { assertEquals } from "@std/assert";
import { collect } from "../../src/host/capture.ts";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import type { HostReader } from "../../src/host/reader.ts";

const LEAST = { "/proc/sys/kernel/arch": "x86_64\n", "/proc/sys/kernel/osrelease": "6.1.0\n" };
const ROOT = { "/proc/self/status": "CapEff:\t000001ffffffffff\n" };
const SYS = "/sys/class/watchdog/watchdog0";

/** As Debian's 6.1 shows QEMU's i6300esb, whose driver names no parent device. */
const I6300ESB = {
  [`${SYS}/dev`]: "248:0\n",
  [`${SYS}/identity`]: "i6300ESB timer\n",
  [`${SYS}/state`]: "inactive\n",
  [`${SYS}/timeout`]: "30\n",
  [`${SYS}/min_timeout`]: "1\n",
  [`${SYS}/max_timeout`]: "2046\n",
  [`${SYS}/nowayout`]: "0\n",
  [`${SYS}/bootstatus`]: "32\n",
  "/sys/module/watchdog/initstate": "live\n",
  "/sys/module/watchdog/parameters/stop_on_reboot": "-1\n",
  "/sys/module/watchdog/parameters/handle_boot_enabled": "Y\n",
  "/sys/module/watchdog/parameters/open_timeout": "0\n",
};

function decoded(files: { readonly [path: string]: string }) {
  const { value, diagnostics } = decodeFacts({ format: "warmboot.facts/1", files: { ...LEAST, ...files } });
  const problems = diagnostics.filter(({ code }) => code === "facts-malformed").map(({ message }) => message);
  return { watchdog: value?.watchdog, problems };
}

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

pure("a watchdog is decoded as the kernel shows it, with the parameters of the core", () => {
  assertEquals(decoded({ ...ROOT, ...I6300ESB }), {
    watchdog: {
      devices: [{
        name: "watchdog0",
        identity: "i6300ESB timer",
        active: false,
        timeout: 30,
        minTimeout: 1,
        maxTimeout: 2046,
        nowayout: false,
        bootStatus: 32,
        holders: [],
      }],
      handleBootEnabled: true,
      openTimeout: 0,
      coreIsModule: true,
      ipmi: false,
    },
    problems: [],
  });
  assertEquals(decoded({}).watchdog, undefined);
});

pure("that warmboot starts with each boot shows by its unit, or by the mark of a process that waits", () => {
  const unit = "/etc/systemd/system/sysinit.target.wants/warmboot-arrive.service";
  for (
    const [path, expected] of [[unit, true], ["/run/warmboot/waits", true], ["/run/warmboot/other", undefined]] as const
  ) {
    assertEquals(decoded({ ...I6300ESB, [path]: "Description=Watch\n" }).watchdog?.keeper, expected, path);
  }
  assertEquals(decoded({ [unit]: "Description=Watch\n" }).watchdog, undefined);
});

pure("without CONFIG_WATCHDOG_SYSFS only its number and its driver are known", () => {
  const second = "/sys/class/watchdog/watchdog1";
  const { watchdog } = decoded({
    ...ROOT,
    [`${second}/dev`]: "248:1\n",
    [`${second}/device/driver`]: "../../../bus/platform/drivers/iTCO_wdt\n",
    [`${SYS}/dev`]: "248:0\n",
  });
  assertEquals(watchdog, {
    devices: [{ name: "watchdog0", holders: [] }, { name: "watchdog1", driver: "iTCO_wdt", holders: [] }],
    coreIsModule: false,
    ipmi: false,
  });
});

pure("stop_on_reboot is the driver's at -1, and every other number but 0 stops", () => {
  const parameter = "/sys/module/watchdog/parameters/stop_on_reboot";
  for (
    const [text, expected] of [["-1\n", undefined], ["0\n", false], ["1\n", true], ["7\n", true], [
      "-2\n",
      true,
    ]] as const
  ) {
    assertEquals(decoded({ ...I6300ESB, [parameter]: text }).watchdog?.stopOnReboot, expected, text);
  }
  const { watchdog, problems } = decoded({ ...I6300ESB, [parameter]: "never\n", [`${SYS}/timeout`]: "4294967296\n" });
  assertEquals([watchdog?.stopOnReboot, watchdog?.devices[0]?.timeout, problems.length], [undefined, undefined, 2]);
  const most = decoded({ ...I6300ESB, [`${SYS}/max_timeout`]: "4294967295\n" });
  assertEquals([most.watchdog?.devices[0]?.maxTimeout, most.problems], [4_294_967_295, []]);
});

pure("what the kernel does not write there is reported, and not known", () => {
  for (
    const [path, field] of [
      [`${SYS}/state`, "active"],
      [`${SYS}/nowayout`, "nowayout"],
      ["/sys/module/watchdog/parameters/handle_boot_enabled", "handleBootEnabled"],
    ] as const
  ) {
    const { watchdog, problems } = decoded({ ...I6300ESB, [path]: "perhaps\n" });
    const found: { readonly [field: string]: unknown } = { ...watchdog, ...watchdog?.devices[0] };
    assertEquals([found[field], problems.length], [undefined, 1], path);
  }
  const { watchdog } = decoded({
    ...I6300ESB,
    [`${SYS}/state`]: "active\n",
    [`${SYS}/nowayout`]: "1\n",
    "/sys/module/watchdog/parameters/handle_boot_enabled": "N\n",
    "/sys/module/watchdog/parameters/open_timeout": "300\n",
  });
  assertEquals([watchdog?.devices[0]?.active, watchdog?.devices[0]?.nowayout], [true, true]);
  assertEquals([watchdog?.handleBootEnabled, watchdog?.openTimeout], [false, 300]);
});

pure(
  "watchdogs are in the order of their numbers, and a reader whose rights are not known may see who holds them",
  () => {
    const numbers = [10, 9, 0].map((number) => [`/sys/class/watchdog/watchdog${number}/dev`, "248:0\n"] as const);
    const devices = decoded({ ...Object.fromEntries(numbers), "/proc/7/fd": "3 /dev/watchdog9\n" }).watchdog?.devices;
    assertEquals(devices?.map(({ name, holders }) => [name, holders]), [
      ["watchdog0", []],
      ["watchdog9", [7]],
      ["watchdog10", []],
    ]);
  },
);

pure("who has it open is known to a reader that may see it; /dev/watchdog is the first one", () => {
  const holders = (files: { readonly [path: string]: string }) =>
    decoded({ ...I6300ESB, "/sys/class/watchdog/watchdog10/dev": "248:10\n", ...files }).watchdog?.devices
      .map(({ holders }) => holders);
  const open = {
    "/proc/1/fd": "23 /dev/watchdog0\n",
    "/proc/412/fd": "3 anon_inode:[luo_session] web\n4 /dev/watchdog\n",
    "/proc/500/fd": "9 /dev/watchdog10\n",
  };
  assertEquals(holders({ ...ROOT, ...open }), [[1, 412], [500]]);
  assertEquals(holders({ "/proc/self/status": "CapEff:\t0000000000000000\n", ...open }), [undefined, undefined]);
});

pure("a BMC's watchdog is outside of the core: it is known by its module, and by the device", () => {
  const device = { "/sys/class/misc/watchdog/dev": "10:130\n" };
  const ipmi = { "/sys/module/ipmi_watchdog": "" };
  assertEquals(decoded({ ...device, ...ipmi }).watchdog, { devices: [], coreIsModule: false, ipmi: true });
  assertEquals(decoded(device).watchdog, undefined);
  // The driver is loaded, and the machine has no BMC.
  assertEquals(decoded(ipmi).watchdog, undefined);
  assertEquals(decoded({ ...device, ...ipmi, ...I6300ESB }).watchdog?.ipmi, false);
});

pure("open files are looked at only where there is a watchdog or live update", () => {
  const read = (files: { readonly [path: string]: string }) => {
    const asked: string[] = [];
    const reader: HostReader = {
      read(path) {
        asked.push(path);
        const text = files[path];
        return text === undefined ? { kind: "absent" } : { kind: "bytes", bytes: new TextEncoder().encode(text) };
      },
      list: (folder) => folder === "/proc" ? ["1", "412"] : [],
    };
    collect(reader);
    return asked.filter((path) => /^\/proc\/\d+\/fd$/.test(path));
  };
  assertEquals(read({}), []);
  for (const path of ["/sys/class/watchdog/watchdog0", "/sys/class/misc/watchdog", "/sys/class/misc/liveupdate"]) {
    assertEquals(read({ [path]: "" }), ["/proc/1/fd", "/proc/412/fd"], path);
  }
});
