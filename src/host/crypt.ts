import { omitUndefined, type Report } from "../core/shape.ts";
import { type Captured, malformed } from "./captured.ts";
import type { CryptFacts, OpenVolume } from "./volumes.ts";

/** Decodes what the live reader lists of device mapper and of /dev/disk. */
export function cryptFacts(from: Captured, report: Report): CryptFacts {
  return omitUndefined({
    crypttab: from.one("crypttab")?.text,
    openVolumes: rows(from, report, "openVolumes", 3)?.flatMap(([name = "", id = "", device = ""]): OpenVolume[] => {
      const uuid = luksUuid(id);
      return uuid === undefined ? [] : [{ name, uuid, device }];
    }),
    diskLinks: rows(from, report, "diskLinks", 2)?.map(([link = "", device = ""]) => ({ link, device })),
  });
}

/** The lines of a listing, each with so many names, with tabs between. */
function rows(
  from: Captured,
  report: Report,
  source: "openVolumes" | "diskLinks",
  words: number,
): readonly (readonly string[])[] | undefined {
  const found = from.one(source);
  if (found === undefined) return undefined;
  const lines = found.text.split("\n").filter((line) => line !== "").map((line) => line.split("\t"));
  const wrong = lines.findIndex((line) => line.length !== words || line.includes(""));
  return wrong < 0 ? lines : void report(malformed(found, `${words} names on each line`, wrong + 1));
}

/** The UUID in what cryptsetup calls a device: `CRYPT-LUKS2-` and the UUID without dashes (dm_prepare_uuid in libdevmapper.c). */
function luksUuid(id: string): string | undefined {
  const digits = /^CRYPT-LUKS[12]-([0-9a-f]{32})-/i.exec(id)?.[1]?.toLowerCase();
  return digits?.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
