import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Attempt, AttemptEnd } from "../../src/state/attempt.ts";
import type { Status } from "../../src/state/status.ts";
import { renderStatus } from "../../src/render/status.ts";
import { PLAIN } from "../../src/render/style.ts";
import { OPEN_ATTEMPT } from "../support/attempts.ts";

const LAYOUT = { style: PLAIN, width: 80 };
const EVIL = "\u001b[2J\u009b\u202e";

const STATUS: Status = {
  format: "warmboot.status/1",
  host: { hostname: `web1${EVIL}`, machine: "x86_64", release: `6.1${EVIL}` },
  images: [{
    image: "reboot",
    loaded: "yes",
    record: "matches",
    note: EVIL,
    profile: `web${EVIL}`,
    release: `6.12${EVIL}`,
    cmdline: `root=/dev/vda${EVIL}`,
    loadedAt: "2026-11-22T10:00:00Z",
    user: `anna${EVIL}`,
  }],
  crash: { state: "none", size: 0, ranges: [], note: "Nothing" },
  allows: [],
  rebootIsKexec: false,
  lastAttempt: {
    ...OPEN_ATTEMPT,
    user: `anna${EVIL}`,
    outcome: { end: "unknown", why: EVIL, at: "2026-11-28T17:04:00Z" },
  },
  dumpKeys: { keys: [`cryptsetup:a${EVIL}`], loaded: "no", note: "No image has them" },
  coldBoot: { note: `GRUB boots ${EVIL}`, kernel: `/boot/${EVIL}`, cmdline: EVIL, warnings: [EVIL] },
};

Deno.test({
  name: "status shows texts of records and hosts with their control characters as pictures",
  permissions: "none",
  fn() {
    const text = renderStatus(STATUS, LAYOUT);
    // deno-lint-ignore no-control-regex
    assertEquals(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/.test(text), false);
    assertStringIncludes(text, "loaded 2026-11-22T10:00:00Z by anna\u241b[2J");
  },
});

Deno.test({
  name: "an image whose record cannot be confirmed is shown with what is recorded, and with the doubt",
  permissions: "none",
  fn() {
    const [image] = STATUS.images;
    const images = image === undefined ? [] : [{ ...image, record: "unconfirmed" as const, note: "Perhaps gone" }];
    const text = renderStatus({ ...STATUS, images }, LAYOUT);
    assertStringIncludes(text, "by anna");
    assertStringIncludes(text, "Perhaps gone");
  },
});

Deno.test({
  name: "a record without its image is told of; without either there is only that nothing is loaded",
  permissions: "none",
  fn() {
    const rows = (record: "none" | "stale") => {
      const images = [{
        image: "reboot",
        loaded: "no",
        record,
        note: "The record is of an image that is gone",
      }] as const;
      const lines = renderStatus({ ...STATUS, images }, LAYOUT).split("\n").slice(2);
      return lines.slice(0, lines.findIndex((line) => line.startsWith("  A cold reset"))).map((line) => line.trim());
    };
    assertEquals(rows("none"), ["Next reboot   no image is loaded"]);
    assertEquals(rows("stale"), ["Next reboot   no image is loaded", "The record is of an image that is gone"]);
  },
});

Deno.test({
  name: "what changed since an image was loaded is shown with what to do, and the reservations with their use",
  permissions: "none",
  fn() {
    const [image] = STATUS.images;
    if (image === undefined) throw new Error("No image");
    const text = renderStatus({
      ...STATUS,
      images: [{ ...image, image: "crash", profile: "kdump", changes: ["/boot/vmlinuz is another file"] }],
      crash: {
        state: "reserved",
        size: 768 << 20,
        ranges: [
          { start: "0x30000000", size: 256 << 20, use: "low" },
          { start: "0x110000000", size: 512 << 20, use: "image" },
        ],
        note: "",
      },
    }, LAYOUT);
    assertStringIncludes(text, "/boot/vmlinuz is another file");
    assertStringIncludes(text, "Load profile kdump again; until then a panic boots");
    assertStringIncludes(text, "512 MiB at 0x110000000, for the crash image");
    assertEquals(/Dump keys +cryptsetup:a.*\n +No image has them/.test(text), true);
  },
});

Deno.test({
  name: "status names what a cold reset boots, by which rule, and what to know of it",
  permissions: "none",
  fn() {
    const coldBoot = {
      note: "GRUB boots `a`: `default` is `0`",
      kernel: "/boot/vmlinuz",
      cmdline: "ro quiet",
      warnings: ["GRUB waits for a key before it boots: no timeout is set"],
    };
    assertStringIncludes(
      renderStatus({ ...STATUS, coldBoot }, LAYOUT),
      `  A cold reset  GRUB boots \`a\`: \`default\` is \`0\`
                /boot/vmlinuz
                ro quiet
                GRUB waits for a key before it boots: no timeout is set
`,
    );
    const unknown = renderStatus({ ...STATUS, coldBoot: { note: "No boot loader is found" } }, LAYOUT);
    assertStringIncludes(unknown, "  A cold reset  No boot loader is found\n");
  },
});

Deno.test({
  name: "the last reboot is shown with how it ended, and that a plan which failed needs --force",
  permissions: "none",
  fn() {
    const rows = (lastAttempt: Attempt) => {
      const lines = renderStatus({ ...STATUS, lastAttempt }, LAYOUT).split("\n");
      const from = lines.findIndex((line) => line.startsWith("  Last reboot"));
      return from < 0 ? [] : lines.slice(from, lines.findIndex((line) => line.startsWith("  Crash memory")));
    };
    const { lastAttempt: _, ...first } = STATUS;
    assertEquals(renderStatus(first, LAYOUT).includes("Last reboot"), false);
    const ended = (end: AttemptEnd): Attempt => ({
      ...OPEN_ATTEMPT,
      outcome: { end, why: "because", at: "2026-11-28T17:04:00Z" },
    });
    const asked = `  Last reboot   asked ${OPEN_ATTEMPT.askedAt} by ${OPEN_ATTEMPT.user}; `;
    assertEquals(rows(ended("arrived")), [`${asked}arrived: because`]);
    for (const [end, says] of [["fell-back", "fell back"], ["not-confirmed", "not confirmed in time"]] as const) {
      assertEquals(
        rows(ended(end)).join("\n").replaceAll(/\s+/g, " "),
        `${asked}${says}: because This plan is not loaded again without --force`.replaceAll(/\s+/g, " "),
      );
    }
  },
});
