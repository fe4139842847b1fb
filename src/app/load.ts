import { type Diagnostic, hasErrors } from "../core/diagnostic.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Check, Plan } from "../plan/plan.ts";
import { ATTEMPT_FAILED } from "../plan/rules/attempt_failed.ts";
import { mayRun } from "../plan/rules/table.ts";
import { isCrash } from "../plan/stored.ts";
import { alreadyLoaded } from "../state/already_loaded.ts";
import type { LoadRecord, RecordedOverlay } from "../state/record.ts";
import { keepsKeys } from "../state/dump_keys.ts";
import { findRecord, lockStore, type StoreLock, storeState } from "../state/record_store.ts";
import { preservesContext } from "../state/round_trip.ts";
import type { NoCleanWay } from "./ask_init.ts";
import { type CarriedOut, carryOut, type CheckedAgainst } from "./carry_out.ts";
import { type Libc, openLibc } from "../syscall/libc.ts";
import type { OverlayBytes } from "../syscall/memory_file.ts";
import type { SecretSources } from "./fill_overlays.ts";
import { followLoaded } from "./arm_watchdog.ts";
import { canReboot, type RebootWay, rebootWay } from "./exec.ts";
import type { Reading } from "./image_file.ts";
import type { MadeOverlay } from "./overlay.ts";
import { prepare, prepareFrom, wantedBy } from "./prepare.ts";
import { readFacts } from "./read_facts.ts";

/** How an image is loaded, and what is to happen then. */
export interface LoadOptions {
  /** Whether warnings keep an image from being loaded. */
  readonly strict?: boolean;
  /** Whether to load even what is loaded already, and a plan whose last attempt failed. */
  readonly force?: boolean;
  /** Whether the caller goes on and reboots: then only an image that this process can run is loaded. */
  readonly exec?: boolean;
  /** Whether it does so without the init system. */
  readonly now?: boolean;
}

/** What a caller may want to show while an image is loaded. */
export interface LoadEvents {
  /** Called before each file is hashed. */
  readonly onReading?: Reading;
  /**
   * Called with what planning found, before anything is loaded, and again where another warmboot had to be waited for.
   * `plan` is undefined where its checks do not matter: there is none, or its image is loaded already.
   */
  readonly onJudged?: (diagnostics: readonly Diagnostic[], plan: Plan | undefined) => void;
  /** Called with what to say where another warmboot must be waited for. */
  readonly onWait?: (text: string) => void;
  /** Called at once when the kernel has another image than before, or has dropped one. */
  readonly onChange?: () => void;
  /** Called with what failed without changing how the load ended, such as giving the lock back. */
  readonly onWarning?: (text: string) => void;
  /** Where secrets of the next initrd come from. Default: the terminal or systemd-ask-password, and programs of this host. */
  readonly secrets?: SecretSources;
}

/** What is to be done, and what it was judged by. Its files are open until it is disposed. */
export interface LoadTask extends Disposable {
  /** What it is, among the reasons why there is nothing to do. */
  readonly kind: "task";
  /** The plan; its checks pass, or its image is loaded already. */
  readonly plan: Plan;
  /** The host and the files that it was checked against. */
  readonly checked: CheckedAgainst;
  /** The archives that are made at load, without their secrets. */
  readonly overlays: readonly MadeOverlay[];
  /** The record of the very image, where it is loaded. */
  readonly already: LoadRecord | undefined;
  /** How the image would be run; or, which `exec` rules out, why the init system cannot be asked to. */
  readonly way: RebootWay | NoCleanWay;
}

/** Why nothing is to be done. */
export type NotLoadable =
  /** There is no plan. */
  | { readonly kind: "unplanned"; readonly diagnostics: readonly Diagnostic[] }
  /** A crash image was to be run by `exec`: the kernel boots it by itself when it panics. */
  | { readonly kind: "crash-exec" }
  /** `exec` was asked for, and the init system cannot be asked to stop the services first. */
  | NoCleanWay
  | { readonly kind: "checks-failed"; readonly plan: Plan }
  /** There is a warning, and `strict` was asked for. */
  | { readonly kind: "warned"; readonly plan: Plan };

/**
 * Plans, and checks the plan against the host as it is now; nothing is loaded. With `open`, files that could change before
 * the load are copied into memory.
 */
export async function judgeLoad(
  what: string | Plan,
  { force = false, strict = false, exec = false, now = false }: LoadOptions = {},
  { onReading, onJudged }: LoadEvents = {},
  open?: () => Libc,
): Promise<LoadTask | (NotLoadable & Disposable)> {
  const prepared = typeof what === "string"
    ? await prepare(what, { facts: undefined, storedPlans: true, onReading, open })
    : await prepareFrom({ kind: "plan", plan: what }, readFacts(undefined, wantedBy({ kind: "plan", plan: what })), {
      onReading,
      open,
    });
  const close = () => prepared[Symbol.dispose]();
  const over = (why: NotLoadable) => ({ ...why, [Symbol.dispose]: close });
  const { facts, files, contents, overlays, diagnostics } = prepared;
  const plan = force && prepared.plan !== undefined ? triedAgain(prepared.plan) : prepared.plan;
  if (plan === undefined || facts === undefined || hasErrors(diagnostics)) {
    onJudged?.(diagnostics, undefined);
    return over({ kind: "unplanned", diagnostics });
  }
  const crash = isCrash(plan);
  const already = force || exec && crash ? undefined : loadedAlready(plan, facts);
  onJudged?.(diagnostics, already === undefined && !(exec && crash) ? plan : undefined);
  if (exec && crash) return over({ kind: "crash-exec" });
  if (already === undefined && !mayRun(plan.checks)) return over({ kind: "checks-failed", plan });
  const warns = diagnostics.length > 0 || plan.checks.some(({ status }) => status === "warn");
  if (already === undefined && strict && warns) return over({ kind: "warned", plan });
  const keeps = crash && keepsKeys(plan, facts, findRecord("crash").found);
  const way = rebootWay(facts, now, preservesContext(plan), {
    unbind: plan.unbind !== undefined,
    watchdog: plan.guard?.watchdog !== undefined,
  });
  if (exec && way.kind === "no-clean-way") return over(way);
  return {
    kind: "task",
    plan,
    checked: { facts, files, contents, keepsKeys: keeps },
    overlays,
    already,
    way,
    [Symbol.dispose]: close,
  };
}

/** A plan that is tried again though its last attempt failed: that is a warning then. */
function triedAgain(plan: Plan): Plan {
  const checks = plan.checks.map((check): Check => {
    if (check.rule !== ATTEMPT_FAILED.name) return check;
    const { hint: _hint, ...rest } = check;
    return { ...rest, status: "warn" };
  });
  return { ...plan, checks };
}

/** The lock, for as long as the outcome of a load is kept; undefined where nothing had to be loaded. */
export interface LoadHold extends Disposable {
  /** The lock: `execLoaded` takes it over. */
  readonly store?: StoreLock;
}

/** How a load ended. With a `task`, its image is the loaded one. */
export type LoadOutcome =
  | NotLoadable
  /** This process cannot reboot the host, see `canReboot`. */
  | { readonly kind: "pid-namespace" }
  | { readonly kind: "loaded"; readonly task: LoadTask }
  | { readonly kind: "already"; readonly task: LoadTask; readonly record: LoadRecord }
  | Exclude<CarriedOut, { readonly kind: "loaded" }>;

/**
 * Loads the image of a plan, of the file of a stored plan, or of a profile that is named by its name or path. A plan is
 * carried out as it is, or not at all: the files and the host are checked again first. What is loaded already is not
 * loaded again, and a plan whose last attempt failed is refused, unless `force` asks for it. Needs root and `--allow-all`.
 *
 * Until the outcome is disposed, no other warmboot loads an image, so that what is loaded is what a reboot boots.
 *
 * @throws {StoreError} if the records under /run/warmboot cannot be used @throws {LibcError} if libc cannot be opened
 *
 * @example
 * ```ts ignore
 * using outcome = await loadPlan(plan);
 * if (outcome.kind === "refused") console.error(outcome.error.message, outcome.error.diagnosis?.remedy);
 * if (outcome.kind === "loaded" && outcome.task.way.kind !== "no-clean-way") await execLoaded(outcome.task.way, outcome);
 * ```
 */
export async function loadPlan(
  what: string | Plan,
  options: LoadOptions = {},
  events: LoadEvents = {},
): Promise<LoadOutcome & LoadHold> {
  using held = new DisposableStack();
  const judge = async (): Promise<LoadTask | LoadOutcome> => {
    const judged = held.use(await judgeLoad(what, options, events, openLibc));
    if (judged.kind !== "task") return judged;
    const { way, checked: { facts } } = judged;
    if (options.exec === true && way.kind !== "no-clean-way" && !canReboot(way, facts)) {
      return { kind: "pid-namespace" };
    }
    return judged.already === undefined ? judged : { kind: "already", task: judged, record: judged.already };
  };
  const end = (outcome: LoadOutcome, store?: StoreLock): LoadOutcome & LoadHold => {
    const kept = held.move();
    return { ...outcome, ...(store === undefined ? {} : { store }), [Symbol.dispose]: () => kept.dispose() };
  };
  const before = storeState();
  let task = await judge();
  if (task.kind !== "task") return end(task);
  // Whoever is asked may take time, in which no other warmboot has to wait.
  using secrets = await secretsFor(task, events.secrets);
  let given = await secrets.fill(task, options);
  if (given.kind !== "given") return end(unanswered(given, task, events));
  using overlays = new DisposableStack();
  overlays.use(given);
  const { onWait = () => {}, onWarning = () => {} } = events;
  const store = held.use(await lockStore({ onWait, onWarning }));
  if (store.waited || storeState() !== before) {
    // Another one may have loaded this very image, or have taken the last load that the kernel allows.
    task = await judge();
    if (task.kind !== "task") return end(task, store);
    given = await secrets.fill(task, options);
    if (given.kind !== "given") return end(unanswered(given, task, events), store);
    overlays.use(given);
  }
  const checked = { ...task.checked, overlays: given.overlays, recorded: given.recorded };
  const outcome = await carryOut(task.plan, checked, store, { onChange: events.onChange, onWarning });
  overlays.dispose();
  if (outcome.kind === "loaded") {
    const { plan, checked } = task;
    await followLoaded({ crash: isCrash(plan), seconds: plan.guard?.watchdog }, checked.facts, onWarning);
  }
  return end(outcome.kind === "loaded" ? { kind: "loaded", task } : outcome, store);
}

/** What a load gets of its secrets: archives with all that is in them; or that this very image is loaded already. */
type Given =
  | ({ readonly kind: "given" } & Disposable & Required<Pick<CheckedAgainst, "overlays" | "recorded">>)
  | { readonly kind: "already"; readonly record: LoadRecord }
  | { readonly kind: "failed"; readonly diagnostic: Diagnostic };

/** Secrets of a load; nobody is asked, and no library opened, where it has none. */
async function secretsFor({ overlays }: LoadTask, sources: SecretSources | undefined): Promise<Secrets> {
  if (!overlays.some(({ isOpen }) => isOpen)) return NO_SECRETS;
  const { collectAnswers, recordedOverlays } = await import("./fill_overlays.ts");
  const { recordKey } = await import("./record_key.ts");
  const stack = new DisposableStack();
  const answers = stack.use(collectAnswers(stack.use(openLibc()), sources));
  return {
    async fill(task, { force = false }) {
      const filled = await answers.fill(task.overlays);
      if (filled.kind === "failed") return filled;
      const recorded = await recordedOverlays(task.overlays, filled.overlays, recordKey());
      const record = force ? undefined : loadedAlready(task.plan, task.checked.facts, recorded);
      if (record !== undefined) {
        filled[Symbol.dispose]();
        return { kind: "already", record };
      }
      const diagnostic = await keyFault(task, filled.overlays);
      if (diagnostic === undefined) return { ...filled, kind: "given", recorded };
      filled[Symbol.dispose]();
      return { kind: "failed", diagnostic };
    },
    [Symbol.dispose]: () => stack.dispose(),
  };
}

/** Why a key of the plan does not open its volume. */
async function keyFault(
  { plan: { unlock = [] }, overlays }: LoadTask,
  filled: readonly OverlayBytes[],
): Promise<Diagnostic | undefined> {
  if (unlock.length === 0) return undefined;
  const { refusedKey } = await import("./try_key.ts");
  return await refusedKey(unlock, overlays, filled);
}

interface Secrets extends Disposable {
  fill(task: LoadTask, options: LoadOptions): Promise<Given>;
}

const NO_SECRETS: Secrets = {
  fill({ overlays }) {
    const plain = overlays.map(({ path, form }) => ({ path, bytes: form, secret: false, size: form.length }));
    return Promise.resolve({ kind: "given", overlays: plain, recorded: [], [Symbol.dispose]() {} });
  },
  [Symbol.dispose]() {},
};

/** Why nothing is loaded once secrets are known, or are not. */
function unanswered(
  given: Exclude<Given, { readonly kind: "given" }>,
  task: LoadTask,
  { onJudged }: LoadEvents,
): LoadOutcome {
  if (given.kind === "already") return { kind: "already", task, record: given.record };
  onJudged?.([given.diagnostic], undefined);
  return { kind: "unplanned", diagnostics: [given.diagnostic] };
}

/** The record of the very image that the plan would load; while another warmboot is loading one, none is to be relied on. */
function loadedAlready(
  plan: Plan,
  facts: HostFacts,
  overlays: readonly RecordedOverlay[] = [],
): LoadRecord | undefined {
  const { found, busy } = findRecord(isCrash(plan) ? "crash" : "reboot");
  return busy ? undefined : alreadyLoaded(plan, facts, found, overlays);
}
