import { lookUp, omitUndefined, type Report } from "../core/shape.ts";
import type { Captured } from "./captured.ts";
import type { DmiFacts, HostFacts } from "./facts.ts";
import { LINE, oneValue } from "./one_value.ts";

/** What the machine is, and what runs below the kernel. */
export type PlatformFacts = Pick<HostFacts, "dmi" | "xen">;

const DMI_FIELDS: { readonly [file: string]: keyof DmiFacts } = {
  "sys_vendor": "vendor",
  "product_name": "product",
  "board_name": "board",
  "chassis_asset_tag": "assetTag",
};

/** Decodes what the firmware says of the machine, and whether the kernel runs under Xen. */
export function platformFacts(from: Captured, report: Report): PlatformFacts {
  const dmi: DmiFacts = Object.fromEntries(
    from.all("dmi").flatMap(({ field, text }) => {
      const name = lookUp(DMI_FIELDS, field);
      const value = text.trim();
      return name === undefined || value === "" ? [] : [[name, value]];
    }),
  );
  const guest = oneValue(from, report, "xenGuest", LINE);
  const capabilities = from.one("xenCapabilities")?.text;
  return omitUndefined({
    dmi: Object.keys(dmi).length === 0 ? undefined : dmi,
    xen: guest === undefined && capabilities === undefined ? undefined : {
      ...omitUndefined({ guest }),
      isControl: capabilities?.split(/\s+/).includes("control_d") ?? false,
    },
  });
}
