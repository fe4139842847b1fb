import type { ImageStatus, Status } from "../kernel/status.ts";
import { checkLines, type Layout, row } from "./plan.ts";
import { visible } from "./visible.ts";

/** What is loaded, by whom, since when, and what the host allows. */
export function renderStatus(status: Status, layout: Layout): string {
  const { style } = layout;
  return [
    style.bold(visible(`${status.host.hostname ?? "This host"}: ${status.host.release} on ${status.host.machine}`)),
    "",
    ...status.images.flatMap((image) => imageRows(image, layout)),
    ...(status.rebootIsKexec
      ? ["", style.warning("  `systemctl reboot` will boot the loaded image; `warmboot unload` prevents that")]
      : []),
    "",
    style.bold("The host allows"),
    ...status.allows.flatMap((check) => checkLines(check, layout)),
    "",
  ].join("\n");
}

function imageRows(image: ImageStatus, layout: Layout): readonly string[] {
  const label = image.image === "reboot" ? "Next reboot" : "On a panic";
  const state =
    { yes: "an image is loaded", no: "no image is loaded", unknown: "the kernel does not say" }[image.loaded];
  if (image.record === "none" && image.loaded === "no") return row(label, [state], layout);
  const recorded = image.record === "matches" || image.record === "unconfirmed";
  const lines = [
    recorded ? `${image.release ?? "an image"}, from profile ${image.profile}` : state,
    ...(recorded && image.cmdline !== undefined && image.cmdline !== "" ? [image.cmdline] : []),
    ...(recorded ? [`loaded ${image.loadedAt} by ${image.user}`] : []),
    ...(image.record === "matches" ? [] : [image.note]),
  ];
  return row(label, lines.map(visible), layout);
}
