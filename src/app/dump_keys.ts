import { reasonOf } from "../core/diagnostic.ts";
import { DM_CRYPT_KEYS } from "../host/sources.ts";

/** Written before a load, it has the kernel keep the dm-crypt keys of the loaded crash image. */
export const REUSE_KEYS = `${DM_CRYPT_KEYS}/reuse`;

/**
 * Has the kernel keep the keys of the loaded crash image, for the load that follows, or no longer. Returns why it does not.
 */
export function setReuse(reuse: boolean, path: string = REUSE_KEYS): string | undefined {
  try {
    Deno.writeTextFileSync(path, reuse ? "1" : "0", { create: false });
    return undefined;
  } catch (error) {
    return `Cannot write to ${path}: ${reasonOf(error)}`;
  }
}
