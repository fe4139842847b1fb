import { fieldsOf, latin1 } from "../core/bytes.ts";
import { type DeviceNode, type DeviceProperty, flattenDeviceTree, parseDeviceTree } from "../formats/fdt.ts";
import { type Parameter, parameterKey, parseCmdline, replaceParameters } from "../profile/cmdline/cmdline.ts";
import type { KeptPart } from "./capture_filter.ts";

/** What a capture for a repository (`facts --redact`) has of a source, and why. */
export type Redaction =
  | { readonly kind: "keep"; readonly why: string }
  | { readonly kind: "leave-out"; readonly why: string }
  /** Applying the edit to its own result changes nothing. */
  | { readonly kind: "edit"; readonly why: string; readonly edit: KeptPart };

/** What replaces a secret value of the command line. */
const REDACTED = "<redacted>";

/** Names of parameters whose values are secrets: systemd.set_credential, rd.iscsi.password, rootpw, cifspass and their like. */
const SECRET_NAME = /passw|passphrase|(?:^|[._]|cifs)pass$|rootpw|secret|token|credential|psk|auth_?key|api_?key/i;

/** `cifs://user:password@server/share`, `iscsi:user:password@server` and their like. */
const USER_AND_PASSWORD = /(?:^\w+:|\/\/)[^/@:]*:[^/@]*@/;

/** Mount options of CIFS and Ceph in `cifsroot=` and `rootflags=`: `//server/share,username=joe,password=...`. */
const SECRET_OPTION = /(?:^|,)(?:pass|passwd|password2?|secret)=/i;

function isSecret(parameter: Parameter): boolean {
  const { value } = parameter;
  if (value === undefined) return false;
  return SECRET_NAME.test(parameterKey(parameter)) || USER_AND_PASSWORD.test(value) || SECRET_OPTION.test(value);
}

/** The names of the parameters of a command line whose value a redacted capture left out. */
export function redactedParameters(cmdline: string): readonly string[] {
  const { kernel, init = [] } = parseCmdline(cmdline);
  return [...kernel, ...init].filter(({ value }) => value === REDACTED).map(({ name }) => name);
}

function redactCmdline(text: string): string {
  return replaceParameters(text, (parameter) => isSecret(parameter) ? `${parameter.name}=${REDACTED}` : parameter.text);
}

/** A command line without the values that are secrets. */
export function withoutSecretParameters(bytes: Uint8Array): Uint8Array {
  return fromLatin1(redactCmdline(latin1(bytes)));
}

/** A line of /proc/iomem: its depth, its range as it is written, its name. */
interface MapLine {
  readonly line: string;
  readonly depth: number;
  readonly first: bigint;
  readonly last: bigint;
  readonly name: string;
}

const MAP_LINE = /^( *)([0-9a-f]{1,16})-([0-9a-f]{1,16}) : (.*)$/i;

/**
 * The memory map without the lines of the running kernel; what is nested in them moves up. On arm64 the kernel's init
 * sections are a line `reserved` between its code and its data (arch/arm64/kernel/setup.c, Linux 7.3), which would show
 * the same. Lines that cannot be read are left out.
 */
export function withoutKernelLines(bytes: Uint8Array): Uint8Array {
  const all = latin1(bytes).split("\n").flatMap((line): readonly MapLine[] => {
    const [, indent = "", first, last, name = ""] = MAP_LINE.exec(line) ?? [];
    if (first === undefined || last === undefined) return [];
    return [{ line, depth: indent.length, first: BigInt(`0x${first}`), last: BigInt(`0x${last}`), name }];
  });
  const kernel = all.filter(({ name }) => /^Kernel (?:code|rodata|data|bss)$/.test(name));
  const starts = new Set(kernel.map(({ first }) => first));
  const ends = new Set(kernel.map(({ last }) => last));
  const between = ({ name, first, last }: MapLine): boolean =>
    name === "reserved" && ends.has(first - 1n) && starts.has(last + 1n);
  const dropped = new Set([...kernel, ...all.filter(between)]);
  const kept: string[] = [];
  /** The depths of the lines that were left out around the present one, outermost first. */
  const around: number[] = [];
  for (const each of all) {
    while ((around.at(-1) ?? -1) >= each.depth) around.pop();
    if (dropped.has(each)) around.push(each.depth);
    else kept.push(`${each.line.slice(2 * around.length)}\n`);
  }
  return fromLatin1(kept.join(""));
}

/** What plans copy from boot_params, by offset and length (src/arch/x86_64/boot_params.ts and efi.ts). */
const PLANNED_FIELDS: readonly (readonly [offset: number, length: number])[] = [
  [0x000, 0x40], // screen_info
  [0x070, 8], // acpi_rsdp_addr
  [0x1c0, 16], // efi_info: signature, systab, memdesc_size, memdesc_version
  [0x1d4, 8], // efi_info: memmap_size, systab_hi
  [0x1e9, 2], // eddbuf_entries, edd_mbr_sig_buf_entries
  [0x1ec, 1], // secure_boot
  [0x23c, 4], // hdr.hardware_subarch
  [0x290, 0x40], // edd_mbr_sig_buffer
  [0xd00, 0x1ec], // eddbuf
];

/** boot_params with zeros in place of what plans do not copy. */
export function plannedBootParams(bytes: Uint8Array): Uint8Array {
  const kept = new Uint8Array(bytes.length);
  const fields = fieldsOf(bytes);
  for (const [offset, length] of PLANNED_FIELDS) {
    if (offset + length <= bytes.length) kept.set(fields.bytes(offset, length), offset);
  }
  return kept;
}

/** Properties of /chosen that hold random seeds or the address of keys (drivers/of/fdt.c, drivers/of/kexec.c, Linux 7.3). */
const SECRET_PROPERTIES: readonly string[] = ["kaslr-seed", "rng-seed", "linux,dmcryptkeys"];

/** A device tree without seeds and secrets in /chosen; nothing of what is not a device tree. */
export function withoutSeeds(bytes: Uint8Array): Uint8Array {
  const parsed = parseDeviceTree(bytes);
  if (parsed.kind === "fault") return new Uint8Array();
  const { tree } = parsed;
  const redactedProperty = (property: DeviceProperty): readonly DeviceProperty[] => {
    if (SECRET_PROPERTIES.includes(property.name)) return [];
    return [property.name === "bootargs" ? { ...property, value: withoutSecretParameters(property.value) } : property];
  };
  const redactedNode = (node: DeviceNode): DeviceNode =>
    node.name === "chosen" ? { ...node, properties: node.properties.flatMap(redactedProperty) } : node;
  return flattenDeviceTree({ ...tree, root: { ...tree.root, children: tree.root.children.map(redactedNode) } }).bytes;
}

function fromLatin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
