import { formatSize } from "../core/number.ts";
import type { PlannedOverlay, PlannedOverlayFile } from "../plan/planned_overlay.ts";

/** The most files that are listed; a plan in JSON has all of them. */
const MOST_LISTED = 20;

/** What a plan adds to its initrd: one line a file, raw. */
export function overlayLines(overlays: readonly PlannedOverlay[] = []): readonly string[] {
  const files = overlays.flatMap(({ files }) => files);
  const more = files.length - MOST_LISTED;
  return [
    ...files.slice(0, more > 1 ? MOST_LISTED : files.length).map((file) =>
      `${file.path}: ${describeOverlayFile(file)}`
    ),
    ...(more > 1 ? [`and ${more} more files; -o json lists them`] : []),
    ...overlays.flatMap(({ folders }) => folders.length === 0 ? [] : [`makes the folders ${folders.join(", ")}`]),
  ];
}

/** A file that is added, without its path: `0644, 12 B, from /etc/motd, SHA-256 9c56…`. */
export function describeOverlayFile(
  { kind, mode, size, sha256, target, secret, origin, from }: PlannedOverlayFile,
): string {
  if (kind === "link") return `link to ${target ?? ""}`;
  if (kind === "folder") return `folder ${mode}, from ${from}`;
  return [
    mode,
    size === undefined ? "size known at load" : formatSize(size),
    from === "text" || from === "base64" ? "from the profile" : from.startsWith("/") ? `from ${from}` : from,
    ...(secret ? ["secret"] : []),
    ...(origin === "profile" ? [] : [`for \`${origin}\``]),
    ...(sha256 === undefined ? [] : [`SHA-256 ${sha256.slice(0, 16)}…`]),
  ].join(", ");
}
