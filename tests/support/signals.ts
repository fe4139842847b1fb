/** Signals that only this isolate gets. */
export interface Signals extends Disposable {
  /** Calls what listens to a signal. */
  readonly raise: (signal: Deno.Signal) => void;
  /** What was done so far, as `add SIGHUP` or `remove SIGHUP`. */
  readonly log: readonly string[];
  /** The signals that are listened to. */
  readonly kept: () => readonly Deno.Signal[];
}

/**
 * Takes the place of Deno's listeners until it is disposed of. A real signal would reach all tests: they run beside each
 * other in one process.
 */
export function ownSignals(): Signals {
  const { addSignalListener, removeSignalListener } = Deno;
  const listeners = new Map<Deno.Signal, Set<() => void>>();
  const log: string[] = [];
  Object.assign(Deno, {
    addSignalListener: (signal: Deno.Signal, listener: () => void) => {
      log.push(`add ${signal}`);
      listeners.set(signal, (listeners.get(signal) ?? new Set()).add(listener));
    },
    removeSignalListener: (signal: Deno.Signal, listener: () => void) => {
      log.push(`remove ${signal}`);
      listeners.get(signal)?.delete(listener);
    },
  });
  return {
    raise: (signal) => listeners.get(signal)?.forEach((listener) => listener()),
    log,
    kept: () => [...listeners].flatMap(([signal, { size }]) => size === 0 ? [] : [signal]),
    [Symbol.dispose]: () => void Object.assign(Deno, { addSignalListener, removeSignalListener }),
  };
}
