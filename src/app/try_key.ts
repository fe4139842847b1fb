import { type Diagnostic, reasonOf } from "../core/diagnostic.ts";
import { CpioReader } from "../formats/cpio.ts";
import { treeName } from "../image/initrd_tree.ts";
import type { PlannedUnlock } from "../plan/unlock/planned.ts";
import type { OverlayBytes } from "../syscall/memory_file.ts";
import type { MadeOverlay } from "./overlay.ts";
import { systemProgram } from "./system_program.ts";

/** What trying a key came to. */
export type KeyTrial =
  /** It opens the volume. */
  | { readonly kind: "fits" }
  /** It does not. `message` and `hint` are for people, and have nothing of the key. */
  | { readonly kind: "refused"; readonly message: string; readonly hint: string };

/** How cryptsetup is run. */
export interface TrialOptions {
  /** The program, for tests. */
  readonly program?: string;
}

/** Tries the keys that archives hold for the volumes of a plan: why the first that does not fit is refused. */
export async function refusedKey(
  unlock: readonly PlannedUnlock[],
  made: readonly Pick<MadeOverlay, "path" | "entries">[],
  filled: readonly Pick<OverlayBytes, "path" | "bytes">[],
  options: TrialOptions = {},
): Promise<Diagnostic | undefined> {
  for (const entry of unlock) {
    const bytes = entry.opened === undefined ? undefined : keyIn(entry.opened.file, made, filled);
    const trial = bytes === undefined
      ? refused(
        `The key of the volume \`${entry.volume}\` has no place in the initrd`,
        "Re-create the plan and review it",
      )
      : await tryKey(entry, bytes, options);
    if (trial.kind === "refused") {
      const { message, hint } = trial;
      return { code: "unlock-key", severity: "error", message, hint };
    }
  }
  return undefined;
}

/** The bytes of a key, where they lie in their archive: nothing is copied. */
function keyIn(
  file: string,
  made: readonly Pick<MadeOverlay, "path" | "entries">[],
  filled: readonly Pick<OverlayBytes, "path" | "bytes">[],
): Uint8Array | undefined {
  for (const { path, entries } of made) {
    // The folders that are made for it have its path as well.
    const key = entries.find(({ kind, origin, path }) => kind === "file" && origin === "unlock" && path === file);
    const archive = filled.find((each) => each.path === path)?.bytes;
    if (key === undefined || archive === undefined) continue;
    const name = treeName(key.name);
    let found: Uint8Array | undefined;
    new CpioReader((entry) =>
      entry.name !== name ? undefined : (body: Uint8Array): void => {
        found = body;
      }
    ).push(archive);
    return found;
  }
  return undefined;
}

/** How cryptsetup ends where no key slot has the key (cryptsetup(8), RETURN CODES). */
const NO_SUCH_KEY = 2;

/**
 * Tries a key against the header of its volume, by `cryptsetup open --test-passphrase`: nothing is opened. The key goes through
 * a pipe, byte by byte as the initrd reads its file, so that it is in no argument and no file. The bytes stay the caller's.
 */
export async function tryKey(
  { volume, key, opened }: PlannedUnlock,
  bytes: Uint8Array,
  { program = systemProgram("cryptsetup") }: TrialOptions = {},
): Promise<KeyTrial> {
  if (opened === undefined) {
    return refused(`The volume \`${volume}\` is not opened by the next initrd`, "Re-create the plan and review it");
  }
  const { device, header, keySlot } = opened;
  const args = [
    ...["open", "--test-passphrase", "--type", "luks", "--batch-mode", "--key-file", "-"],
    ...(header === undefined ? [] : ["--header", header]),
    ...(keySlot === undefined ? [] : ["--key-slot", String(keySlot)]),
    ...["--", device],
  ];
  const run = await runWith(program, args, bytes);
  if (run.kind === "missing") {
    return refused(
      `The key of the volume \`${volume}\` cannot be tried: cryptsetup does not start: ${run.reason}`,
      "Install cryptsetup; a key that nobody tried may be put into the initrd by `files` instead of `unlock`",
    );
  }
  if (run.code === 0) return { kind: "fits" };
  const of = opened.keySlot === undefined
    ? `the volume \`${volume}\``
    : `key slot ${keySlot} of the volume \`${volume}\``;
  if (run.code !== NO_SUCH_KEY) {
    return refused(
      `The key of the volume \`${volume}\` cannot be tried on ${header ?? device}: ${run.complaint}`,
      "Nothing was loaded; name the volume by its UUID, and see `cryptsetup luksDump DEVICE`",
    );
  }
  const what = key.kind === "ask" ? "The passphrase" : "The key";
  const wrong = `${what} does not open ${of}`;
  // What an editor or `echo` adds to a passphrase is a part of a key file.
  if (key.kind !== "ask" && bytes.at(-1) === NEWLINE) {
    const shorter = await runWith(program, args, bytes.subarray(0, -1));
    if (shorter.kind === "ended" && shorter.code === 0) {
      const source = key.kind === "from" ? key.path : `what ${key.argv[0] ?? "the program"} prints`;
      return refused(
        `${wrong} as it is: without the end of line at its end it does`,
        key.kind === "from"
          ? `A key file is taken byte by byte: write it without one, as \`printf %s PASSPHRASE > ${source}\` does`
          : `A key is taken byte by byte: have the program print no end of line after it`,
      );
    }
  }
  return refused(wrong, "Nothing was loaded: a reboot would have stopped at the question for the passphrase");
}

const NEWLINE = 0x0a;

function refused(message: string, hint: string): KeyTrial {
  return { kind: "refused", message, hint };
}

/** How a program ended that was given bytes. */
type Ended =
  | { readonly kind: "ended"; readonly code: number; readonly complaint: string }
  | { readonly kind: "missing"; readonly reason: string };

async function runWith(program: string, args: readonly string[], input: Uint8Array): Promise<Ended> {
  try {
    const child = new Deno.Command(program, {
      args: [...args],
      env: { LC_ALL: "C" },
      stdin: "piped",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const given = feed(child, input);
    const { code, stderr } = await child.output();
    await given;
    const complaint = new TextDecoder().decode(stderr).trim().split("\n").at(-1) ?? "";
    return { kind: "ended", code, complaint: complaint === "" ? `cryptsetup ended with ${code}` : complaint };
  } catch (error) {
    return { kind: "missing", reason: reasonOf(error) };
  }
}

/** A program that ends before it has read all of it has said why. The copy that the stream takes is wiped. */
async function feed(child: Deno.ChildProcess, input: Uint8Array): Promise<void> {
  const copy = input.slice();
  const writer = child.stdin.getWriter();
  try {
    await writer.write(copy);
    await writer.close();
  } catch {
    await writer.abort().catch(() => undefined);
  } finally {
    copy.fill(0);
  }
}
