/** The signals that people and systemd stop a program with. */
const STOPPING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** How long a signal is waited for: 50 ms in all. */
const TURNS = 5;
const TURN_MS = 10;

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
    // A held signal reaches its listener by way of another thread, in one of the next turns of the event loop.
    for (let turn = 0; turn < TURNS && !held; turn++) await new Promise((resolve) => setTimeout(resolve, TURN_MS));
    if (held) stopped();
    return result;
  } finally {
    for (const signal of STOPPING) Deno.removeSignalListener(signal, hold);
  }
}
