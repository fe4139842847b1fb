import type { Diagnostic } from "../core/diagnostic.ts";
import { layOutCpio, writeCpio } from "../formats/cpio_writer.ts";
import { cpioEntries } from "../image/overlay.ts";
import { ANSWER_MAX, OUTPUT_MAX } from "../profile/overlay_file.ts";
import type { RecordedOverlay } from "../state/record.ts";
import { errnoName } from "../syscall/errno.ts";
import type { Failure, Libc, SecretMemory } from "../syscall/libc.ts";
import type { OverlayBytes } from "../syscall/memory_file.ts";
import { askSecret } from "./ask_secret.ts";
import { isLeftOpen, type MadeOverlay, readBody } from "./overlay.ts";
import { runSecretly, type Secret } from "./run_secretly.ts";
import { systemProgram } from "./system_program.ts";

/** Where secrets come from; tests have answers of their own. */
export interface SecretSources {
  /** Asks somebody. */
  ask(prompt: string, into: Uint8Array): Promise<Secret>;
  /** Runs a program. */
  run(argv: readonly string[], into: Uint8Array): Promise<Secret>;
}

/** Asks on the terminal, and runs programs of this host. */
export function systemSecrets(libc: Libc): SecretSources {
  return {
    ask: (prompt, into) => askSecret(prompt, into, { libc }),
    async run([program = "", ...args], into) {
      const path = program.includes("/") ? program : systemProgram(program);
      const result = await runSecretly([path, ...args], into);
      if (result.kind !== "missing") return result;
      return {
        kind: "failed",
        why: `\`${program}\` cannot be started: ${result.reason}`,
        hint: "Write the path of the program in full",
      };
    },
  };
}

/** What was typed and printed for a load, in locked memory that is overwritten when this is disposed. */
export interface Answers extends Disposable {
  /** Archives with all that is in them. Nobody is asked twice. */
  fill(overlays: readonly MadeOverlay[]): Promise<FilledOverlays>;
}

/** Archives with all that is in them; overwritten when this is disposed. */
export type FilledOverlays =
  | ({ readonly kind: "filled"; readonly overlays: readonly OverlayBytes[] } & Disposable)
  | ({ readonly kind: "failed"; readonly diagnostic: Diagnostic } & Disposable);

/**
 * Collects what files of the next initrd are to hold, in memory that is locked, in no core dump, and overwritten in the end.
 * While it has secrets, the process leaves no core, and nobody else of its user may look into it.
 */
export function collectAnswers(libc: Libc, sources: SecretSources = systemSecrets(libc)): Answers {
  const known = new Map<string, { readonly memory: SecretMemory; readonly size: number }>();
  let isHidden = false;
  const memoryOf = (length: number): SecretMemory | Failure => {
    if (!isHidden) isHidden = libc.setDumpable(false).ok;
    return libc.secretMemory(length);
  };
  const answer = async (
    body: MadeOverlay["bodies"][number],
    entry: MadeOverlay["entries"][number],
  ): Promise<{ readonly kind: "bytes"; readonly bytes: Uint8Array } | Extract<Secret, { readonly kind: "failed" }>> => {
    if (body.kind === "bytes") return { kind: "bytes", bytes: body.bytes };
    const key = JSON.stringify(body);
    const before = known.get(key);
    if (before !== undefined) return { kind: "bytes", bytes: before.memory.bytes.subarray(0, before.size) };
    const most = body.kind === "ask" ? ANSWER_MAX : body.kind === "command" ? OUTPUT_MAX : entry.size ?? 0;
    if (most === 0) return { kind: "bytes", bytes: new Uint8Array() };
    const memory = memoryOf(most);
    if (!memory.ok) return notLocked(memory);
    const got = await secretOf(body, memory.bytes, sources);
    if (got.kind === "failed") {
      memory[Symbol.dispose]();
      return got;
    }
    known.set(key, { memory, size: got.size });
    return { kind: "bytes", bytes: memory.bytes.subarray(0, got.size) };
  };
  const fillOne = async (
    { path, entries, bodies, form, isOpen }: MadeOverlay,
    stack: DisposableStack,
  ): Promise<OverlayBytes | Diagnostic> => {
    if (!isOpen) return { path, bytes: form, secret: false, size: form.length };
    const contents = new Map<number, Uint8Array>();
    for (const [index, entry] of entries.entries()) {
      if (!isLeftOpen(entry)) continue;
      const got = await answer(bodies[index] ?? { kind: "none" }, entry);
      if (got.kind === "failed") {
        return {
          code: "overlay-secret",
          severity: "error",
          message: `The content of ${entry.path} is missing: ${got.why}`,
          hint: got.hint,
        };
      }
      contents.set(index, got.bytes);
    }
    const memory = memoryOf(form.length);
    if (!memory.ok) {
      const { why, hint } = notLocked(memory);
      return { code: "overlay-secret", severity: "error", message: `The archive ${path} is not made: ${why}`, hint };
    }
    stack.use(memory);
    const empty = cpioEntries(entries, (entry) => isLeftOpen(entry) ? 0 : entry.size ?? 0);
    const full = cpioEntries(entries, (entry, index) => contents.get(index)?.length ?? entry.size ?? 0);
    const [from, to] = [layOutCpio(empty).bodies, layOutCpio(full).bodies];
    writeCpio(full, memory.bytes);
    for (const [index, entry] of entries.entries()) {
      if (entry.kind !== "file") continue;
      const start = from[index] ?? 0;
      memory.bytes.set(contents.get(index) ?? form.subarray(start, start + (entry.size ?? 0)), to[index]);
    }
    const secret = entries.some((entry) => entry.secret);
    return { path, bytes: memory.bytes, secret, size: form.length, end: layOutCpio(full).size };
  };
  return {
    async fill(overlays) {
      using stack = new DisposableStack();
      const filled: OverlayBytes[] = [];
      for (const overlay of overlays) {
        const one = await fillOne(overlay, stack);
        if ("code" in one) return { kind: "failed", diagnostic: one, [Symbol.dispose]() {} };
        filled.push(one);
      }
      const kept = stack.move();
      return { kind: "filled", overlays: filled, [Symbol.dispose]: () => kept.dispose() };
    },
    [Symbol.dispose]() {
      for (const { memory } of known.values()) memory[Symbol.dispose]();
      known.clear();
      if (isHidden) libc.setDumpable(true);
    },
  };
}

async function secretOf(
  body: MadeOverlay["bodies"][number],
  into: Uint8Array,
  sources: SecretSources,
): Promise<Secret> {
  switch (body.kind) {
    case "ask":
      return await sources.ask(body.prompt, into);
    case "command":
      return await sources.run(body.argv, into);
    case "file": {
      const refused = readBody(body.path, into);
      return refused === undefined
        ? { kind: "secret", size: into.length }
        : { kind: "failed", why: refused.message, hint: refused.hint ?? "Make it readable, and load again" };
    }
    case "bytes":
    case "none":
      return { kind: "failed", why: "only its size is known here", hint: "Load on the host that has it" };
  }
}

function notLocked({ errno, function: name }: Failure): Extract<Secret, { readonly kind: "failed" }> {
  return {
    kind: "failed",
    why: `no memory can be locked for it: ${name ?? "mmap"} failed with ${errnoName(errno)}`,
    hint: "Free memory, or raise the limit RLIMIT_MEMLOCK of the unit (LimitMEMLOCK=)",
  };
}

/** What a record keeps of archives whose content a plan does not state: a digest that says nothing without the key. */
export async function recordedOverlays(
  made: readonly MadeOverlay[],
  filled: readonly OverlayBytes[],
  key: Uint8Array,
): Promise<readonly RecordedOverlay[]> {
  // Web Crypto would copy a secret. Imported here, since it makes every start slower.
  const { createHash, createHmac } = await import("node:crypto");
  return made.filter(({ isOpen }) => isOpen).flatMap(({ path, entries }) => {
    const found = filled.find((each) => each.path === path);
    if (found === undefined) return [];
    const bytes = found.bytes.subarray(0, found.end);
    const keyed = createHmac("sha256", key).update(bytes).digest("hex");
    if (entries.some(({ secret }) => secret)) return [{ path, keyed }];
    return [{ path, keyed, sha256: createHash("sha256").update(bytes).digest("hex") }];
  });
}
