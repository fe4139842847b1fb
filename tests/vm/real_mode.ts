/** A kernel of the project's own that starts in real mode. */
import { assemble } from "../arch/assemble.ts";

/** The image that guest/real_mode.S describes, as a bzImage or a zImage. */
export async function realModeImage(isZImage: boolean): Promise<Uint8Array> {
  const source = await Deno.readTextFile(new URL("./guest/real_mode.S", import.meta.url));
  return (await assemble(`.set ZIMAGE, ${isZImage ? 1 : 0}\n${source}`)).code;
}
