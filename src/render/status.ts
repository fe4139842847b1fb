import { formatSize } from "../core/number.ts";
import type { ReservedRange } from "../state/crash_status.ts";
import { hasFailed } from "../state/attempt.ts";
import type { ImageStatus, Status } from "../state/status.ts";
import { describeEnd } from "./history.ts";
import { checkLines, row } from "./plan.ts";
import type { Layout } from "./style.ts";
import { visible } from "../core/text.ts";
import { wrap } from "./wrap.ts";

/** What is loaded, by whom, since when, and what the host allows. */
export function renderStatus(status: Status, layout: Layout): string {
  const { style } = layout;
  return [
    style.bold(wrap(visible(hostText(status)), layout.width, 2)),
    "",
    ...status.images.flatMap((image) => imageRows(image, layout)),
    ...coldBootRows(status.coldBoot, layout),
    ...attemptRows(status.lastAttempt, layout),
    ...reservationRows(status.crash, layout),
    ...dumpKeyRows(status.dumpKeys, layout),
    ...(status.rebootIsKexec ? ["", style.warning(`  ${autoKexec(status)}; \`warmboot unload\` prevents that`)] : []),
    "",
    style.bold("The host allows"),
    ...status.allows.flatMap((check) => checkLines(check, layout)),
    "",
  ].join("\n");
}

function hostText({ host }: Status): string {
  return `${host.hostname ?? "This host"}: ${host.release} on ${host.machine}`;
}

function autoKexec({ images }: Status): string {
  const returns = images.some(({ image, record, returns }) => image === "reboot" && record === "matches" && returns);
  return returns
    ? "`systemctl reboot` will run the loaded payload on its way down"
    : "`systemctl reboot` will boot the loaded image";
}

function imageRows(image: ImageStatus, layout: Layout): readonly string[] {
  const label = image.image === "reboot" ? "Next reboot" : "On a panic";
  const state =
    { yes: "an image is loaded", no: "no image is loaded", unknown: "the kernel does not report it" }[image.loaded];
  if (image.record === "none" && image.loaded === "no") return row(label, [state], layout);
  const recorded = image.record === "matches" || image.record === "unconfirmed";
  const lines = [
    recorded ? `${image.release ?? "an image"}, from profile ${image.profile}` : state,
    ...(recorded && image.cmdline !== undefined && image.cmdline !== "" ? [image.cmdline] : []),
    ...(recorded && image.runs !== undefined ? [RUNS[image.runs]] : []),
    ...(recorded ? [`loaded ${image.loadedAt} by ${image.user}`] : []),
    ...(image.record === "matches" ? [] : [image.note]),
  ];
  const changes = image.changes ?? [];
  return [
    ...row(label, lines.map(visible), layout),
    ...row("", changes.length === 0 ? [] : [...changes, reload(image)], layout).map(layout.style.warning),
  ];
}

/** What the boot loader starts when the machine is reset. */
function coldBootRows(cold: Status["coldBoot"], layout: Layout): readonly string[] {
  if (cold === undefined) return [];
  const { kernel, cmdline = "", warnings = [] } = cold;
  const lines = [cold.note, ...(kernel === undefined ? [] : [kernel]), ...(cmdline === "" ? [] : [cmdline])];
  return [
    ...row("A cold reset", lines.map(visible), layout),
    ...row("", warnings.map(visible), layout).map(layout.style.warning),
  ];
}

/** The last reboot into a loaded image. */
function attemptRows(attempt: Status["lastAttempt"], layout: Layout): readonly string[] {
  if (attempt === undefined) return [];
  return row("Last reboot", [
    visible(`asked ${attempt.askedAt} by ${attempt.user}; ${describeEnd(attempt)}`),
    ...(hasFailed(attempt) ? ["This plan is not loaded again without --force"] : []),
  ], layout);
}

const RUNS: { readonly [runs in NonNullable<ImageStatus["runs"]>]: string } = {
  often: "`warmboot exec` runs it as often as you like, and the running system continues",
  once: "`warmboot exec` runs it once, and the running system continues; load it again before each further run",
  spent: "it has run: load it again before the next `warmboot exec`",
};

function reload({ image, profile }: ImageStatus): string {
  const then = image === "crash" ? "a panic boots what was loaded" : "a reboot boots what was loaded";
  return `Load profile ${profile} again; until then ${then}`;
}

const USES: { readonly [use in ReservedRange["use"]]: string } = {
  image: "for the crash image",
  low: "for the crash kernel's devices",
  borrowed: "used by the crash kernel after a panic",
};

/** The keys by which a crash kernel opens encrypted volumes. */
function dumpKeyRows(keys: Status["dumpKeys"], layout: Layout): readonly string[] {
  if (keys === undefined) return [];
  const note = row("", [keys.note], layout);
  return [
    ...row("Dump keys", keys.keys.map(visible), layout),
    ...(keys.loaded === "yes" ? note : note.map(layout.style.warning)),
  ];
}

/** The places and sizes of the reservations. */
function reservationRows({ size, ranges, note }: Status["crash"], layout: Layout): readonly string[] {
  const lines = ranges.map(({ start, size, use }) =>
    `${formatSize(size)} at ${start}${ranges.length === 1 ? "" : `, ${USES[use]}`}`
  );
  if (lines.length > 0) return row("Crash memory", lines, layout);
  return row("Crash memory", [size === undefined || size === 0 ? note : `${formatSize(size)}. ${note}`], layout);
}
