import type { WholeInitrd } from "../host/image_content.ts";

/**
 * What runs in an initrd, which decides what happens if it does not find the root file system. `dracut-systemd`: dracut with
 * systemd as its PID 1; `systemd-reset`: systemd with a drop-in that makes its emergency mode reset the machine.
 */
export const INITRD_MAKERS = ["initramfs-tools", "dracut", "dracut-systemd", "systemd", "systemd-reset"] as const;

/** One of these. */
export type InitrdMaker = typeof INITRD_MAKERS[number];

/** The files that each of these parts has; any of them shows that it is there. */
const PARTS = {
  initramfsTools: ["/scripts/functions"],
  dracut: ["/usr/lib/dracut-lib.sh", "/lib/dracut-lib.sh"],
  /** What dracut's own emergency.service starts. */
  dracutEmergency: ["/usr/bin/dracut-emergency", "/bin/dracut-emergency"],
  systemd: ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"],
  dropIn: ["/etc/systemd/system/emergency.service.d/warmboot.conf"],
} as const;

/** The files to look for in an initrd, as absolute paths. */
export const MAKER_FILES: readonly string[] = Object.values(PARTS).flat();

/** What runs in initrds that are concatenated; undefined where it is none of them, or the files were not looked for. */
export function initrdMaker(contents: readonly Pick<WholeInitrd, "programs">[]): InitrdMaker | undefined {
  const has = (part: keyof typeof PARTS): boolean =>
    PARTS[part].some((path) =>
      contents.some(({ programs }) =>
        Object.hasOwn(programs, path) && (programs[path] === "executable" || programs[path] === "not-executable")
      )
    );
  if (has("initramfsTools")) return "initramfs-tools";
  if (!has("systemd")) return has("dracut") ? "dracut" : undefined;
  // Without its own emergency.service, dracut's parameters have no effect.
  if (has("dracut") && has("dracutEmergency")) return "dracut-systemd";
  return has("dropIn") ? "systemd-reset" : "systemd";
}

/** What to look for in initrds, to know whether they have the kernel module that keeps logs over a reset. */
export const RAMOOPS_MODULE = "module:ramoops";

/** Whether one of the initrds has that module; undefined where nobody looked. */
export function hasRamoops(contents: readonly Pick<WholeInitrd, "programs">[]): boolean | undefined {
  const looked = contents.filter(({ programs }) => Object.hasOwn(programs, RAMOOPS_MODULE));
  if (looked.some(({ programs }) => programs[RAMOOPS_MODULE] !== "absent")) return true;
  return looked.length < contents.length ? undefined : false;
}
