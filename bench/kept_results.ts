/** Results of benches, as they are kept in results/. */
import { join } from "@std/path";

const pathOf = (name: string): string => join(import.meta.dirname ?? ".", "results", `${name}.json`);

/** What a bench keeps; undefined before its first run. The files are our own, and not checked. */
export function keptResults<T>(name: string): T | undefined {
  try {
    return JSON.parse(Deno.readTextFileSync(pathOf(name)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Keeps what a bench has found. */
export async function keepResults(name: string, results: unknown): Promise<void> {
  await Deno.writeTextFile(pathOf(name), `${JSON.stringify(results, null, 2)}\n`);
}

/** Keeps a result in the place of the one of the same bench that has its name. */
export async function keepNamed(bench: string, result: { readonly name: string }): Promise<void> {
  const kept = keptResults<readonly { readonly name: string }[]>(bench) ?? [];
  const at = kept.findIndex(({ name }) => name === result.name);
  await keepResults(bench, at < 0 ? [...kept, result] : kept.with(at, result));
}
