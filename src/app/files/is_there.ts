/** Whether something is at that path; what cannot be looked at counts as not there. */
export function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
