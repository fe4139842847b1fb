import { isMap, type JsonSchema } from "../../src/core/shape.ts";
import { FIELDS } from "../../src/profile/fields.ts";
import { NOTICE } from "../completions/table.ts";
import { DATE, list, PROFILE_FOLDERS, seeAlso } from "./program.ts";
import { display, escape, paragraphs, prose } from "./roff.ts";
import { VERSION } from "../../src/core/program.ts";

/** The page warmboot.profile(5), in mdoc(7). */
export function profilePage(): string {
  return [
    `.\\" ${NOTICE.replace("src/cli/table.ts", "src/profile/fields.ts")}`,
    `.Dd ${DATE}`,
    ".Dt WARMBOOT.PROFILE 5",
    `.Os warmboot ${VERSION}`,
    ".Sh NAME",
    ".Nm warmboot.profile",
    ".Nd what to boot next",
    ".Sh DESCRIPTION",
    paragraphs(
      "A profile is a YAML file with the keys below. Only `version`, and either `kernel` or `segments`, are required. An unknown key is an error that suggests the nearest known one. Every problem is shown with its line. Relative paths start at the folder of the file that contains them. Addresses and sizes are decimal or hexadecimal, with a unit or without: 4096, 0x1000, 4KiB.\n" +
        `A profile that is given by its name, as in \`warmboot load web\`, is looked for in ${PROFILE_FOLDERS}: the first \`web.yaml\` counts. Files of the folder \`web.yaml.d\` next to it are laid over it.`,
    ),
    ".Sh KEYS",
    list(
      Object.entries(FIELDS).flatMap(([key, { doc, fallback, examples, shape }]) => [
        item(key, [doc, choicesText(shape.schema), fallbackText(fallback?.value), examplesText(key, examples)]),
        ...nested(key, shape.schema),
      ]),
    ),
    ".Sh EXAMPLES",
    "The least:",
    display("version: 1\nkernel: /boot/vmlinuz\ninitrd: /boot/initrd.img\ncmdline: root=LABEL=root ro\n"),
    ".Pp",
    "The running command line, edited, and only for these hosts:",
    display(
      'version: 1\nkernel: /boot/vmlinuz\ninitrd: /boot/initrd.img\ncmdline:\n  reuse: true\n  remove: quiet\n  append: systemd.unit=rescue.target\nrequires: { architecture: x86_64, hostname: "web*" }\n',
    ),
    ".Pp",
    "A crash kernel:",
    display(
      "version: 1\nkernel: /boot/vmlinuz\ninitrd: /boot/initrd.img\ncrash: true\ncmdline: { reuse: true, set: irqpoll nr_cpus=1 reset_devices }\n",
    ),
    ".Sh SEE ALSO",
    ...seeAlso(["warmboot 8", "bootparam 7"]),
    "",
  ].join("\n");
}

/** The keys of the maps within a key, as `kernel.path`; of several forms of a map the first. */
function nested(key: string, schema: JsonSchema): readonly (readonly string[])[] {
  const properties = mapWithin(schema);
  if (properties === undefined) return [];
  return Object.entries(properties).flatMap(([name, inner]) => {
    if (!isMap(inner)) return [];
    const path = `${key}.${name}`;
    const doc = typeof inner.description === "string" ? inner.description : "";
    const examples = Array.isArray(inner.examples) ? inner.examples : undefined;
    const fallback = inner.default === undefined ? "" : fallbackText(inner.default);
    return [item(path, [doc, choicesText(inner), fallback, examplesText(path, examples)]), ...nested(path, inner)];
  });
}

function mapWithin(schema: unknown): { readonly [key: string]: unknown } | undefined {
  if (!isMap(schema)) return undefined;
  if (isMap(schema.properties)) return schema.properties;
  const inner = [...(Array.isArray(schema.anyOf) ? schema.anyOf : []), schema.items];
  return inner.map(mapWithin).find((found) => found !== undefined);
}

function item(key: string, sentences: readonly string[]): readonly string[] {
  return [`.It Ic ${escape(key)}`, prose(sentences.filter((sentence) => sentence !== "").join(" "))];
}

/** The words that a key takes, where it is one of a few. */
function choicesText({ enum: values }: JsonSchema): string {
  if (!Array.isArray(values) || values.some((value) => typeof value === "boolean") || values.includes(1)) return "";
  return `One of ${values.filter((value) => typeof value === "string").map((value) => `\`${value}\``).join(", ")}.`;
}

function fallbackText(value: unknown): string {
  if (typeof value === "boolean" || typeof value === "string" || typeof value === "number") return `Default: ${value}.`;
  return "";
}

/** The first example, as YAML on one line. */
function examplesText(key: string, examples: readonly unknown[] | undefined): string {
  const last = key.split(".").at(-1);
  const shown = (examples ?? []).filter((each) => !JSON.stringify(each).includes("0".repeat(64))).map((each) =>
    `\`${last}: ${inline(each)}\``
  );
  return shown.length === 0 ? "" : `As in ${shown.join(" or ")}.`;
}

function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  if (isMap(value)) return `{ ${Object.entries(value).map(([key, each]) => `${key}: ${inline(each)}`).join(", ")} }`;
  const text = String(value);
  return /^[\w./=+-]+(?: [\w./=+-]+)*$/.test(text) ? text : JSON.stringify(text);
}
