import { choice, count, either, isMap, list, record, type Shape, text } from "../../core/shape.ts";
import type { KeySource, Unlock } from "../../profile/profile.ts";

/** A volume that the next initrd opens with a key that it is given. */
export interface OpenedVolume {
  /** The name of the opened volume in the initrd. */
  readonly name: string;
  /** The path of the device on this host, whose header the key is tried against. */
  readonly device: string;
  /** The path of the key in the initrd. */
  readonly file: string;
  /** Where the header lies, if not on the device. */
  readonly header?: string;
  /** The one key slot that the initrd tries. */
  readonly keySlot?: number;
}

/** An entry of `unlock` as a plan keeps it. */
export interface PlannedUnlock extends Unlock {
  /** How the next initrd opens the volume; absent where it does not, or that is not known. */
  readonly opened?: OpenedVolume;
}

/** A plan's `unlock` as a profile has it. */
export function unlockOf(planned: readonly PlannedUnlock[] = []): readonly Unlock[] {
  return planned.map(({ volume, key }) => ({ volume, key }));
}

/** Where a key comes from, for people. */
export function describeKey(key: KeySource): string {
  switch (key.kind) {
    case "from":
      return key.path;
    case "ask":
      return "asked for at load";
    case "command":
      return `printed by ${key.argv[0] ?? ""}`;
  }
}

const optional = { fallback: { value: undefined } };

type OfKind<Kind extends KeySource["kind"]> = Extract<KeySource, { readonly kind: Kind }>;

const KEYS: { readonly [Kind in KeySource["kind"]]: Shape<OfKind<Kind>> } = {
  from: record<OfKind<"from">>({
    kind: { shape: choice(["from"]), doc: "Where the key comes from" },
    path: { shape: text, doc: "A key file of this host" },
  }),
  ask: record<OfKind<"ask">>({
    kind: { shape: choice(["ask"]), doc: "Where the key comes from" },
    prompt: { shape: text, doc: "With what it is asked for at load" },
  }),
  command: record<OfKind<"command">>({
    kind: { shape: choice(["command"]), doc: "Where the key comes from" },
    argv: { shape: list(text), doc: "The program that prints it at load, and its arguments" },
  }),
};

const key: Shape<KeySource> = either<KeySource>("where the key comes from", Object.values(KEYS), (value) => {
  const kind = isMap(value) ? value.kind : undefined;
  return kind === "from" || kind === "ask" || kind === "command" ? KEYS[kind] : undefined;
});

/** The shape of a plan's `unlock`. */
export const plannedUnlockShape: Shape<readonly PlannedUnlock[]> = list(record<PlannedUnlock>({
  volume: { shape: text, doc: "The volume, as the profile names it" },
  key: { shape: key, doc: "Where its key comes from; never what it is" },
  opened: {
    shape: record<OpenedVolume>({
      name: { shape: text, doc: "The name of the opened volume in the initrd" },
      device: { shape: text, doc: "The device on this host, whose header the key is tried against" },
      file: { shape: text, doc: "The path of the key in the initrd" },
      header: { shape: text, doc: "Where the header lies, if not on the device", ...optional },
      keySlot: { shape: count, doc: "The one key slot that the initrd tries", ...optional },
    }),
    doc: "How the next initrd opens it; absent where it does not, or that is not known",
    ...optional,
  },
}));
