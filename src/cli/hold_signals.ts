/** The signals that people and systemd stop a program with. */
const STOPPING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs something that must not stop halfway: a Ctrl-C that comes meanwhile is not lost but acted on afterwards, by
 * `stopped`. The action is synchronous, so that the listeners cannot run before it is done.
 */
export async function holdSignals<T>(action: () => T, stopped: () => void): Promise<T> {
  let held = false;
  const hold = () => {
    held = true;
  };
  for (const signal of STOPPING) Deno.addSignalListener(signal, hold);
  try {
    const result = action();
    // A held signal reaches its listener in the next turn of the event loop.
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (held) stopped();
    return result;
  } finally {
    for (const signal of STOPPING) Deno.removeSignalListener(signal, hold);
  }
}
