import { dirname, fromFileUrl, join } from "@std/path";
import { exists } from "./host_command.ts";

/** The root of this repository, with a slash at its end. */
export const REPOSITORY: string = fromFileUrl(new URL("../../", import.meta.url));

/** Where downloaded and built things are kept, for every checkout: WARMBOOT_CACHE, or `warmboot` in the user's cache folder. */
export function cacheFolder(): string {
  const users = Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? REPOSITORY, ".cache");
  return Deno.env.get("WARMBOOT_CACHE") ?? join(users, "warmboot");
}

/** Does the work while no other process, and nothing else in this one, does work of that name. */
export async function locked<T>(name: string, work: () => Promise<T>): Promise<T> {
  const path = join(cacheFolder(), "locks", name.replaceAll("/", "-"));
  await Deno.mkdir(dirname(path), { recursive: true });
  // The kernel drops the lock with the process, however that ends.
  using file = await Deno.open(path, { create: true, write: true });
  await file.lock(true);
  return await work();
}

/**
 * The folder of that name in the cache, built first if it is not there. `build` fills a folder that gets its name only
 * when it is complete, so that an interrupted run leaves nothing that looks finished.
 */
export async function cached(name: string, build: (folder: string) => Promise<void>): Promise<string> {
  const target = join(cacheFolder(), name);
  if (await exists(target)) return target;
  return await locked(name, async () => {
    if (await exists(target)) return target;
    const partial = join(cacheFolder(), "partial", name);
    await removeTree(partial);
    await Deno.mkdir(partial, { recursive: true });
    try {
      await build(partial);
      await Deno.mkdir(dirname(target), { recursive: true });
      await Deno.rename(partial, target);
    } finally {
      await removeTree(partial);
    }
    return target;
  });
}

/** Removes a file or folder with all that is in it; nothing there is fine. */
export async function removeTree(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
