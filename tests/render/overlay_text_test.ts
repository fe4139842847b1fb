/** What the next initrd gets besides, line by line. */
import { assertEquals } from "@std/assert";
import type { PlannedOverlayFile } from "../../src/plan/planned_overlay.ts";
import { carryLines } from "../../src/render/carry_text.ts";
import { describeOverlayFile, overlayLines } from "../../src/render/overlay_text.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const FILE: PlannedOverlayFile = {
  path: "/etc/motd",
  kind: "file",
  mode: "0644",
  size: 12,
  sha256: "0123456789abcdef".repeat(4),
  secret: false,
  origin: "profile",
  from: "/srv/motd",
};

pure("a file that is added is described by what is known of it", () => {
  const { size: _size, sha256: _sha256, ...open } = FILE;
  const rows: readonly (readonly [PlannedOverlayFile, string])[] = [
    [FILE, "0644, 12 bytes, from /srv/motd, SHA-256 0123456789abcdef…"],
    [{ ...FILE, size: 0 }, "0644, 0 bytes, from /srv/motd, SHA-256 0123456789abcdef…"],
    [{ ...FILE, from: "text" }, "0644, 12 bytes, from the profile, SHA-256 0123456789abcdef…"],
    [{ ...FILE, from: "base64" }, "0644, 12 bytes, from the profile, SHA-256 0123456789abcdef…"],
    [
      { ...open, mode: "0600", from: "asked for at load", secret: true },
      "0600, size known at load, asked for at load, secret",
    ],
    [{ ...FILE, origin: "carry" }, "0644, 12 bytes, from /srv/motd, for `carry`, SHA-256 0123456789abcdef…"],
    [{ ...open, kind: "folder", mode: "0755" }, "folder 0755, from /srv/motd"],
    [{ ...open, kind: "link", target: "/run/motd" }, "link to /run/motd"],
  ];
  assertEquals(rows.map(([file]) => describeOverlayFile(file)), rows.map(([, says]) => says));
});

pure("of many files the first twenty are listed, never one less for a line that says so", () => {
  const lines = (count: number) =>
    overlayLines([{
      path: "files:1",
      size: 512,
      files: Array.from({ length: count }, (_, index) => ({ ...FILE, path: `/${index}` })),
      folders: [],
    }]);
  assertEquals([1, 20, 21, 22, 30].map((count) => [lines(count).length, lines(count).at(-1)?.split(":")[0]]), [
    [1, "/0"],
    [20, "/19"],
    [21, "/20"],
    [21, "and 2 more files; -o json lists them"],
    [21, "and 10 more files; -o json lists them"],
  ]);
  assertEquals(overlayLines(undefined), []);
  assertEquals(overlayLines([{ path: "files:1", size: 512, files: [], folders: ["etc", "etc/ssh"] }]), [
    "makes the folders etc, etc/ssh",
  ]);
});

pure("what is carried over is listed by file, without empty lines; of what cannot be, nothing", () => {
  const files = [{ path: "/etc/a.network", lines: ["[Match]", "Name=eth0", "", "[Network]"] }];
  assertEquals(carryLines({ network: { tool: "systemd-networkd", files, omitted: [] } }), [
    "the network, for systemd-networkd:",
    "/etc/a.network",
    "[Match]",
    "Name=eth0",
    "[Network]",
  ]);
  assertEquals(carryLines({ network: { tool: "systemd-networkd", files: [], omitted: [] } }), [
    "the network, for systemd-networkd:",
  ]);
  const fault = { message: "Nothing configures it", hint: "Use another initrd" };
  assertEquals(carryLines({ network: { files: [], omitted: [], fault } }), ["nothing of the network"]);
});
