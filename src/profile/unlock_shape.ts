import type { Diagnostic, Path } from "../core/diagnostic.ts";
import { isMap, list, record, type Shape, suggestedKey, wrongType } from "../core/shape.ts";
import type { KeySource, Unlock } from "./profile.ts";
import { refine } from "./refine.ts";
import { CONTROL, label, path, patterned } from "./scalars.ts";

const volume: Shape<string> = patterned(
  "a name of crypttab, a UUID, or a device",
  new RegExp(`^(?!-)[^\\s${CONTROL}]{1,1000}$`),
  [
    [/^-/, "A name does not begin with `-`"],
    [/\s/, "A name of crypttab and a path of a device have no spaces"],
  ],
);

const words: Shape<readonly string[]> = refine(list(label), (argv, at, report) => {
  if (argv.length > 0) return argv;
  return void report(wrongType([], at, "a list of a program and its arguments", "Name the program"));
});

/** A key as a profile has it. */
interface StatedKey {
  readonly from?: string;
  readonly ask?: string;
  readonly command?: readonly string[];
}

const optional = { fallback: { value: undefined } };

const SOURCES = ["from", "ask", "command"] as const;

const ADVICE = {
  otherNames: {
    file: "from",
    keyfile: "from",
    "key-file": "from",
    "key_file": "from",
    path: "from",
    prompt: "ask",
    passphrase: "ask",
    password: "ask",
    run: "command",
    exec: "command",
  },
} as const;

const stated: Shape<StatedKey> = record<StatedKey>(
  {
    from: {
      shape: path,
      doc: "A key file of this host, which is taken byte by byte.",
      ...optional,
      examples: ["/etc/keys/root.key"],
    },
    ask: {
      shape: label,
      doc: "A passphrase that is typed at load, without the end of the line. The text is the prompt.",
      ...optional,
      examples: ["Passphrase of the root volume:"],
    },
    command: {
      shape: words,
      doc: "What a program prints at load, byte by byte. The list is the program and its arguments; no shell runs it.",
      ...optional,
      examples: [["systemd-creds", "decrypt", "/etc/credstore.encrypted/root.key", "-"]],
    },
  },
  "a map of one of `from`, `ask` and `command`",
  ADVICE,
);

const key: Shape<KeySource> = {
  expected: stated.expected,
  schema: { ...stated.schema, oneOf: SOURCES.map((each) => ({ required: [each] })) },
  decode(value, at, report) {
    const decoded = stated.decode(value, at, report);
    if (!isMap(value)) return undefined;
    const faults = keyFaults(value, at);
    faults.forEach(report);
    return decoded === undefined || faults.length > 0 ? undefined : sourceOf(decoded);
  },
};

function keyFaults(map: { readonly [key: string]: unknown }, at: Path): readonly Diagnostic[] {
  const keys = new Set(Object.keys(map).map((each) => suggestedKey(each, SOURCES, ADVICE) ?? each));
  const [first, ...more] = SOURCES.filter((each) => Object.hasOwn(map, each) || keys.has(each));
  if (first === undefined) {
    return [{
      code: "missing-key",
      severity: "error",
      message: "The key has no source",
      path: at,
      expected: `one of ${SOURCES.join(", ")}`,
    }];
  }
  return more.map((each): Diagnostic => ({
    code: "conflict",
    severity: "error",
    message: `\`${first}\` and \`${each}\` are mutually exclusive: a key has one source`,
    path: [...at, each],
    hint: "Remove one of them",
    related: [{ message: `\`${first}\` is set here`, path: [...at, first] }],
  }));
}

function sourceOf({ from, ask, command }: StatedKey): KeySource | undefined {
  if (from !== undefined) return { kind: "from", path: from };
  if (ask !== undefined) return { kind: "ask", prompt: ask };
  return command === undefined ? undefined : { kind: "command", argv: command };
}

const entry: Shape<Unlock> = record<Unlock>(
  {
    volume: {
      shape: volume,
      doc: "A LUKS volume that the next initrd opens: its name in crypttab, the UUID of its header, or the device.",
      examples: ["root", "8a3c5f1e-0b7d-4d38-9a4f-3f4b1d0c9e21", "/dev/vda2"],
    },
    key: { shape: key, doc: "Its key: a passphrase or a key file.", examples: [{ from: "/etc/keys/root.key" }] },
  },
  "a map of `volume` and `key`",
  { otherNames: { name: "volume", device: "volume", uuid: "volume", keyfile: "key", passphrase: "key" } },
);

/** The key `unlock`: each volume once. */
export const unlock: Shape<readonly Unlock[]> = refine(list(entry), (entries, at, report) => {
  const faults = entries.flatMap(({ volume: name }, index) => {
    const first = entries.findIndex((each) => each.volume === name);
    return first === index ? [] : [{ name, first, index }];
  });
  for (const { name, first, index } of faults) {
    report({
      code: "conflict",
      severity: "error",
      message: `\`unlock\` has the volume \`${name}\` more than once`,
      path: [...at, index, "volume"],
      hint: "Remove one of them",
      related: [{ message: "It is first named here", path: [...at, first, "volume"] }],
    });
  }
  return faults.length === 0 ? entries : undefined;
});
