/** What the system said of an operation that failed, as `Permission denied`, without the call and the path that Deno adds. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message.replace(/: [a-z_]+ '[^]*'$/, "").replace(/ \(os error \d+\)$/, "");
}
