import { assertEquals } from "@std/assert";
import { join } from "@std/path";

const ROOT = join(import.meta.dirname ?? ".", "../..");

/** Asserts that a schema is the committed one, schema/NAME.schema.json: `deno task generate` writes it, and is reviewed. */
export function assertCommittedSchema(name: string, schema: unknown): void {
  assertEquals(JSON.parse(JSON.stringify(schema)), JSON.parse(committed(`schema/${name}.schema.json`)));
}

/** The text of a committed file, by its path in the repository. */
export function committed(path: string): string {
  return Deno.readTextFileSync(join(ROOT, path));
}
