import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Status } from "../../src/kernel/status.ts";
import { renderStatus } from "../../src/render/status.ts";
import { PLAIN } from "../../src/render/style.ts";

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
  allows: [],
  rebootIsKexec: false,
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
