/**
 * What a driver does with a watchdog that it finds running: it is `kept`, and the kernel pings it until a program opens it;
 * `stopped`; or it `runs-out`: it counts on, and no one but a program that opens it pings it.
 */
export type AtProbe = "kept" | "stopped" | "runs-out";

/**
 * What drivers of hardware watchdogs do when one kernel starts another, each read in its file below drivers/ of Linux 7.2.
 * docs/watchdog.md has this table.
 */
export interface WatchdogDriver {
  /** The name of its module. */
  readonly module: string;
  /** Where it is read. */
  readonly file: string;
  /** What the kernel shows as its identity, and as the name of the driver. */
  readonly names: readonly (string | RegExp)[];
  /**
   * At a reboot, kexec included: it `stops` the timer, unless watchdog.stop_on_reboot=0; it `keeps` it; it `always-stops` it,
   * in its shutdown callback, which that parameter does not reach; it `re-arms` it by itself; or it `ends` with the kernel,
   * which is all that it is made of.
   */
  readonly atReboot: "stops" | "keeps" | "always-stops" | "re-arms" | "ends";
  /** When the next kernel's driver finds it running. */
  readonly atProbe: AtProbe;
  /** The most that it takes, seconds, where the kernel does not show that. */
  readonly most?: number;
  /** What the hardware counts at most, seconds: above that the kernel pings, which ends at the jump. */
  readonly counts?: number;
  /** What it is set to at the reboot, seconds, whatever was asked for. */
  readonly setTo?: number;
  /** The least that it is set to at the reboot, seconds. */
  readonly least?: number;
  /** Above so many seconds it counts minutes, rounded up. */
  readonly minutesAbove?: number;
  /** The timer runs out twice before the reset. */
  readonly twice?: true;
  /** Whether it says after a reset that it caused it (WDIOF_CARDRESET). */
  readonly saysReset: boolean;
}

const IN_CORE = { atReboot: "stops", saysReset: false } as const;

/** Every driver that is known, those of usual machines first. */
export const WATCHDOG_DRIVERS: readonly WatchdogDriver[] = [
  {
    ...IN_CORE,
    module: "iTCO_wdt",
    file: "watchdog/iTCO_wdt.c",
    names: ["iTCO_wdt"],
    atProbe: "kept",
    // 1023 ticks of 0.6 s; TCO version 2 and later reset when the timer runs out for the second time.
    most: 613,
    twice: true,
  },
  {
    ...IN_CORE,
    module: "wdat_wdt",
    file: "watchdog/wdat_wdt.c",
    names: ["wdat_wdt"],
    atProbe: "kept",
    saysReset: true,
  },
  {
    ...IN_CORE,
    module: "sp5100_tco",
    file: "watchdog/sp5100_tco.c",
    names: ["SP5100 TCO timer", "sp5100-tco"],
    atProbe: "stopped",
    saysReset: true,
  },
  {
    ...IN_CORE,
    module: "i6300esb",
    file: "watchdog/i6300esb.c",
    names: ["i6300ESB timer"],
    atProbe: "stopped",
    saysReset: true,
  },
  {
    ...IN_CORE,
    module: "hpwdt",
    file: "watchdog/hpwdt.c",
    names: ["HPE iLO2+ HW Watchdog Timer", "hpwdt"],
    atReboot: "keeps",
    atProbe: "kept",
    counts: 8388,
  },
  {
    module: "ipmi_watchdog",
    file: "char/ipmi/ipmi_watchdog.c",
    names: ["IPMI"],
    atReboot: "re-arms",
    atProbe: "stopped",
    least: 120,
    saysReset: false,
  },
  {
    ...IN_CORE,
    module: "it87_wdt",
    file: "watchdog/it87_wdt.c",
    names: ["IT87 WDT"],
    atProbe: "kept",
    minutesAbove: 255,
  },
  {
    ...IN_CORE,
    module: "w83627hf_wdt",
    file: "watchdog/w83627hf_wdt.c",
    names: ["W83627HF Watchdog"],
    atProbe: "runs-out",
    saysReset: true,
  },
  {
    ...IN_CORE,
    module: "f71808e_wdt",
    file: "watchdog/f71808e_wdt.c",
    names: [/^f\d{5}\w* watchdog$/, "f71808e_wdt"],
    atProbe: "kept",
    minutesAbove: 255,
    saysReset: true,
  },
  {
    ...IN_CORE,
    module: "sbsa_gwdt",
    file: "watchdog/sbsa_gwdt.c",
    names: ["SBSA Generic Watchdog", "sbsa-gwdt"],
    atProbe: "kept",
    saysReset: true,
  },
  {
    ...IN_CORE,
    module: "dw_wdt",
    file: "watchdog/dw_wdt.c",
    names: ["Synopsys DesignWare Watchdog", "dw_wdt"],
    atProbe: "kept",
  },
  {
    ...IN_CORE,
    module: "sp805_wdt",
    file: "watchdog/sp805_wdt.c",
    names: ["sp805-wdt"],
    atProbe: "kept",
  },
  {
    ...IN_CORE,
    module: "bcm2835_wdt",
    file: "watchdog/bcm2835_wdt.c",
    names: ["Broadcom BCM2835 Watchdog timer", "bcm2835-wdt"],
    atProbe: "kept",
    counts: 15,
  },
  {
    ...IN_CORE,
    module: "imx2_wdt",
    file: "watchdog/imx2_wdt.c",
    names: ["imx2+ watchdog", "imx2-wdt"],
    atReboot: "keeps",
    atProbe: "kept",
    setTo: 128,
    saysReset: true,
  },
  {
    ...IN_CORE,
    module: "meson_gxbb_wdt",
    file: "watchdog/meson_gxbb_wdt.c",
    names: ["Meson GXBB Watchdog", "meson-gxbb-wdt"],
    atReboot: "keeps",
    atProbe: "kept",
    counts: 65,
  },
  {
    ...IN_CORE,
    module: "mtk_wdt",
    file: "watchdog/mtk_wdt.c",
    names: ["mtk-wdt"],
    atProbe: "kept",
    counts: 31,
  },
  {
    ...IN_CORE,
    module: "sunxi_wdt",
    file: "watchdog/sunxi_wdt.c",
    names: ["sunxi-wdt"],
    atProbe: "kept",
    most: 16,
  },
  {
    ...IN_CORE,
    module: "qcom_wdt",
    file: "watchdog/qcom-wdt.c",
    names: ["qcom_wdt"],
    atReboot: "keeps",
    atProbe: "kept",
    saysReset: true,
  },
  {
    ...IN_CORE,
    module: "rti_wdt",
    file: "watchdog/rti_wdt.c",
    names: ["K3 RTI Watchdog", "rti-wdt"],
    atReboot: "keeps",
    atProbe: "kept",
    saysReset: true,
  },
  {
    ...IN_CORE,
    module: "renesas_wdt",
    file: "watchdog/renesas_wdt.c",
    names: ["Renesas WDT Watchdog", "renesas_wdt"],
    atReboot: "keeps",
    atProbe: "kept",
    saysReset: true,
  },
  {
    ...IN_CORE,
    module: "apple_wdt",
    file: "watchdog/apple_wdt.c",
    names: ["Apple SoC Watchdog", "apple-watchdog"],
    atReboot: "keeps",
    atProbe: "kept",
  },
  {
    ...IN_CORE,
    module: "s3c2410_wdt",
    file: "watchdog/s3c2410_wdt.c",
    names: ["S3C2410 Watchdog", "s3c2410-wdt"],
    atReboot: "always-stops",
    atProbe: "stopped",
    saysReset: true,
  },
  {
    ...IN_CORE,
    module: "softdog",
    file: "watchdog/softdog.c",
    names: ["Software Watchdog"],
    atReboot: "ends",
    atProbe: "stopped",
  },
];

/** The row of a driver, by what the kernel shows of a watchdog; undefined where it is not in the table. */
export function watchdogDriver(
  { identity, driver }: { readonly identity?: string; readonly driver?: string },
): WatchdogDriver | undefined {
  const shown = [identity, driver].filter((name) => name !== undefined);
  return WATCHDOG_DRIVERS.find(({ names }) =>
    names.some((name) => shown.some((text) => typeof name === "string" ? name === text : name.test(text)))
  );
}

/** After how many seconds at most the machine is reset, where the timer was last started with that many. */
export function resetAfter(
  seconds: number,
  { counts, setTo, least = 0, minutesAbove, twice }: Partial<WatchdogDriver> = {},
): number {
  const asked = Math.max(least, setTo ?? Math.min(counts ?? seconds, seconds));
  const set = minutesAbove !== undefined && asked > minutesAbove ? Math.ceil(asked / 60) * 60 : asked;
  return twice === true ? 2 * set : set;
}
