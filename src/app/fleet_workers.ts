import type { Fleet, HostRow } from "./plan_fleet.ts";

/** The workers that plan for a fleet. */
export interface Workers {
  readonly count: number;
  /** The program, which serves as a worker where its name is `WORKER`: the URL of its module. */
  readonly program: string;
}

/** The name of such a worker. */
export const WORKER = "warmboot fleet";

/** What a worker gets: first the fleet, without its captures, then some of these at a time. */
export type WorkerTask =
  | { readonly kind: "fleet"; readonly fleet: Fleet }
  | { readonly kind: "files"; readonly index: number; readonly files: readonly string[] };

/** What it sends. */
export type WorkerAnswer =
  | { readonly kind: "ready" }
  | { readonly kind: "rows"; readonly index: number; readonly rows: readonly HostRow[] }
  | { readonly kind: "failed"; readonly index: number; readonly error: SentError };

/** An error, as far as it can be sent. */
export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** The errno's name of a system error. */
  readonly code: string | undefined;
}

/** Hosts that are sent to a worker at once. */
const BATCH = 16;

/** Batches for each worker that may be finished before their turn. */
const AHEAD = 4;

/** The rows of a fleet in its order, made by workers. What goes wrong in one is thrown when its rows would be next. */
export async function* fleetWorkers(fleet: Fleet, { count, program }: Workers): AsyncGenerator<HostRow> {
  const size = Math.max(1, Math.min(BATCH, Math.ceil(fleet.files.length / count)));
  const batches = Math.ceil(fleet.files.length / size);
  const answers = new Map<number, WorkerAnswer>();
  const idle: Worker[] = [];
  let [sent, taken] = [0, 0];
  let broken: Error | undefined;
  let news = Promise.withResolvers<void>();
  const start = (): Worker => {
    const worker = new Worker(program, { type: "module", name: WORKER });
    worker.onmessage = ({ data }: MessageEvent<WorkerAnswer>) => {
      if (data.kind === "ready") worker.postMessage({ kind: "fleet", fleet: { ...fleet, files: [] } });
      else answers.set(data.index, data);
      idle.push(worker);
      news.resolve();
    };
    worker.onerror = (event) => {
      event.preventDefault();
      broken ??= brokenBy(event.message);
      news.resolve();
    };
    return worker;
  };
  const workers = Array.from({ length: Math.min(count, batches) }, start);
  const send = (): void => {
    while (sent < batches && sent < taken + AHEAD * count) {
      const worker = idle.pop();
      if (worker === undefined) return;
      const files = fleet.files.slice(sent * size, (sent + 1) * size);
      worker.postMessage({ kind: "files", index: sent++, files });
    }
  };
  try {
    while (taken < batches) {
      if (broken !== undefined) throw broken;
      send();
      const answer = answers.get(taken);
      if (answer === undefined) {
        await news.promise;
        news = Promise.withResolvers();
        continue;
      }
      if (answer.kind === "failed") throw receivedError(answer.error);
      answers.delete(taken++);
      if (answer.kind === "rows") yield* answer.rows;
    }
  } finally {
    for (const worker of workers) worker.terminate();
  }
}

/** Why a worker could not start, or ended; its program may be one that this one may not read. */
function brokenBy(message: string): Error {
  return /\bRequires \w+ access\b/.test(message)
    ? new Deno.errors.NotCapable(message)
    : new Error(`A worker ended: ${message}`);
}

/** An error as it can be sent. */
export function sentError(error: unknown): SentError {
  if (!(error instanceof Error)) return { name: "Error", message: String(error), stack: undefined, code: undefined };
  const { name, message, stack } = error;
  return { name, message, stack, code: "code" in error && typeof error.code === "string" ? error.code : undefined };
}

/** The same error again, as far as those who explain it look at it: its class, and the errno's name. */
function receivedError({ name, message, stack, code }: SentError): Error {
  const error = name === "NotCapable" ? new Deno.errors.NotCapable(message) : new Error(message);
  if (stack !== undefined) error.stack = stack;
  return code === undefined ? error : Object.assign(error, { code });
}
