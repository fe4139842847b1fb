import type { Captured } from "./captured.ts";
import type { HostFacts } from "./facts.ts";

/** Decodes /proc/fb: a number and a name for each framebuffer. Undefined: there are none. */
export function framebuffers(from: Captured): HostFacts["framebuffers"] {
  const names = (from.one("framebuffers")?.text ?? "").split("\n").flatMap((line) => {
    const [, name] = /^\d+ (.+?)\s*$/.exec(line) ?? [];
    return name === undefined ? [] : [name];
  });
  return names.length === 0 ? undefined : names;
}

/** DRM drivers that show what the firmware set up, and change nothing about it. */
const FIRMWARE_DRIVERS: readonly string[] = ["simple", "simpledrm", "efidrm", "vesadrm", "ofdrm"];

/**
 * The DRM driver that took the screen over: it has programmed the device, and what the firmware left is no longer shown.
 * DRM calls its framebuffers by the driver's name and `drmfb` (drm_fb_helper_fill_fix in drm_fb_helper.c).
 */
export function drmDriver({ framebuffers = [] }: Pick<HostFacts, "framebuffers">): string | undefined {
  return framebuffers.flatMap((name) => /^(.+)drmfb$/.exec(name)?.[1] ?? []).find((name) =>
    !FIRMWARE_DRIVERS.includes(name)
  );
}
