import { dirname, join } from "@std/path";

/** Files by path; a text is written as UTF-8. */
export interface TempFiles {
  readonly [path: string]: string | Uint8Array;
}

/** What `look` gives in a new folder that has these files; the folder is removed then, of a promise when it is settled. */
export function withFiles<T>(files: TempFiles, look: (root: string) => T): T {
  const root = Deno.makeTempDirSync({ prefix: "warmboot-test-" });
  const remove = () => Deno.removeSync(root, { recursive: true });
  let isPending = false;
  try {
    for (const [path, content] of Object.entries(files)) {
      Deno.mkdirSync(dirname(join(root, path)), { recursive: true });
      if (typeof content === "string") Deno.writeTextFileSync(join(root, path), content);
      else Deno.writeFileSync(join(root, path), content);
    }
    const result = look(root);
    if (!(result instanceof Promise)) return result;
    isPending = true;
    return result.finally(remove) as T;
  } finally {
    if (!isPending) remove();
  }
}
