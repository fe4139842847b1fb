/**
 * Seconds after which a command, a boot or a line of the console counts as lost. A busy machine is many times slower than
 * an idle one, and a test is not a measurement: more than anything takes.
 */
export const PATIENCE = 1200;

/** What the work comes to. @throws {Error} the complaint, after so many seconds */
export async function within<T>(seconds: number, work: Promise<T>, complaint: () => Error): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(complaint()), seconds * 1000);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
