import { isCrash } from "../plan/stored.ts";
import { expectedImages, type Health, healthOf } from "../state/health.ts";
import { fileSide, hostOnce, type NoSide, type SideEvents } from "./diff_operands.ts";
import { statusOfHost } from "./status.ts";

/** The state of one image, or why it cannot be compared with what was named. */
export type CheckedImage = { readonly kind: "health"; readonly health: Health } | NoSide;

/**
 * Whether what is loaded is what profiles or stored plans declare, one by one; without any, whether what should be loaded
 * is, and is what its record says. Needs `--allow-all`. @throws {StoreError} if the records cannot be read
 */
export async function checkLoaded(
  words: readonly string[],
  events: SideEvents = {},
): Promise<readonly CheckedImage[]> {
  const host = hostOnce(undefined, events);
  const { facts, diagnostics } = host.read();
  if (facts === undefined) return [{ kind: "invalid", diagnostics }];
  const { status, busy, records } = await statusOfHost(facts);
  if (busy) events.onNotice?.({ kind: "busy" });
  const health = (health: Health): CheckedImage => ({ kind: "health", health });
  if (words.length === 0) return expectedImages(status).map((image) => health(healthOf(image, records[image.image])));
  const checked: CheckedImage[] = [];
  for (const name of words) {
    const found = await fileSide(name, host, events);
    if (found.kind !== "side") {
      checked.push(found);
      continue;
    }
    if (found.side.kind === "running") throw new Error("A file is never the running system");
    const { plan } = found.side;
    const slot = isCrash(plan) ? "crash" : "reboot";
    const image = status.images.find((each) => each.image === slot);
    if (image !== undefined) checked.push(health(healthOf(image, records[slot], { name, plan })));
  }
  return checked;
}
