import type { CapturedFiles } from "../../src/app/image_file.ts";
import type { NamedFiles } from "../../src/app/named_files.ts";
import { type MadeOverlay, makeOverlay, type OverlayPart, overlayPath, treeOfInitrds } from "../../src/app/overlay.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { InitrdFile } from "../../src/image/boot_files.ts";
import { CRYPT_FILES } from "../../src/image/initrd_crypt.ts";
import { MAKER_FILES } from "../../src/image/initrd_maker.ts";
import { NETWORK_FILES } from "../../src/image/initrd_network.ts";
import { asksForFiles, furtherFiles } from "../../src/plan/further_files.ts";
import { isFiles, type OverlayFile } from "../../src/profile/overlay_file.ts";
import { hostFacts } from "../support/host_facts.ts";
import { NETWORK } from "../support/network.ts";
import { initrdFile, wholeInitrd } from "../support/profiles.ts";
import { sha256 } from "./draw.ts";

const UUID = "11111111-2222-4333-8444-555555555555";

/** A host with an encrypted root, and with a network to carry over. */
export const ADDING_HOST: HostFacts = hostFacts({
  crypttab: `root UUID=${UUID} none luks\n`,
  openVolumes: [{ name: "root", uuid: UUID, device: "/dev/vda2" }],
  network: { ...NETWORK, nameServers: ["10.0.2.3"] },
});

const SYSTEMD = [
  "/init",
  "/usr/lib/systemd/systemd",
  "/usr/lib/systemd/systemd-cryptsetup",
  "/usr/lib/systemd/system-generators/systemd-cryptsetup-generator",
  "/usr/lib/systemd/systemd-networkd",
];

/** An initrd of systemd that opens the root by a key of its own, and has merged `/usr`. */
export const ADDED_TO: InitrdFile = initrdFile({
  content: wholeInitrd({
    programs: Object.fromEntries(
      ["/init", ...MAKER_FILES, ...CRYPT_FILES, ...NETWORK_FILES].map((path) => [
        path,
        SYSTEMD.includes(path) ? "executable" : "absent",
      ]),
    ),
    tree: "etc/\netc/crypttab\nusr/\nusr/lib/\nlib\tusr/lib",
    texts: { "/etc/crypttab": `root UUID=${UUID} /run/a luks\n` },
  }),
} as Partial<InitrdFile>);

/** Files of every kind. */
export const ADDED: readonly OverlayFile[] = [
  { path: "/etc/motd", secret: false, content: { kind: "text", text: "hi\n" } },
  { path: "/lib/x", mode: 0o600, secret: false, content: { kind: "base64", base64: "AAEC" } },
  { path: "/opt/tree", secret: false, content: { kind: "from", path: "/srv/tree" } },
  { path: "/etc/token", secret: true, content: { kind: "from", path: "/srv/token" } },
  { path: "/etc/pass", secret: true, content: { kind: "ask", prompt: "Who?" } },
  { path: "/etc/key", secret: true, content: { kind: "command", argv: ["print", "it"] } },
];

/** What of the host they are made of. */
export const ADDED_FROM: CapturedFiles = {
  images: undefined,
  overlays: {
    "/srv/tree": { kind: "folder", mode: 0o755 },
    "/srv/tree/a": { kind: "file", mode: 0o644, size: 1, base64: "YQ==" },
    "/srv/tree/link": { kind: "link", target: "a" },
    "/srv/token": { kind: "file", mode: 0o600, size: 9 },
    "/etc/keys/root.key": { kind: "file", mode: 0o400, size: 64 },
  },
};

/** Initrds and the archives that are added, made as a load makes them. */
export interface AddedFiles {
  readonly initrd: readonly InitrdFile[];
  readonly made: readonly MadeOverlay[];
}

/** Makes the archives that a profile or a plan asks for; undefined where a file cannot be had. */
export async function addFiles(
  { initrd: items, further, programs }: NamedFiles,
  facts: HostFacts,
  files: readonly InitrdFile[],
): Promise<AddedFiles | undefined> {
  const initrd: InitrdFile[] = [];
  const made: MadeOverlay[] = [];
  const add = async (parts: readonly OverlayPart[]): Promise<boolean> => {
    const found = await makeOverlay(overlayPath(made.length + 1), parts, treeOfInitrds(initrd), {
      captured: ADDED_FROM,
      programs,
    });
    if (found.made === undefined || found.file === undefined) return false;
    made.push(found.made);
    initrd.push(found.file);
    return true;
  };
  for (const item of items) {
    const file = isFiles(item) ? undefined : files.find(({ path }) => path === item.path);
    if (file !== undefined) initrd.push(file);
    else if (!isFiles(item) || !await add([{ origin: "profile", files: item.files, at: () => [] }])) return undefined;
  }
  if (further === undefined || !asksForFiles(further)) return { initrd, made };
  const added = furtherFiles(further, { facts, initrd });
  if (added.length > 0 && !await add(added.map((part) => ({ ...part, at: () => [] })))) return undefined;
  return { initrd, made };
}

/** All that archives give to the next kernel, and where their secrets come from, as a text. */
export function handedIn(made: readonly MadeOverlay[]): string {
  return JSON.stringify(
    made.map(({ path, entries, bodies, form, isOpen }) => [path, isOpen, entries, bodies, sha256(form)]),
    (_key, value) => value instanceof Uint8Array ? value.toBase64() : value,
  );
}

/** What of archives a plan does not show, or shows otherwise. */
export function hiddenIn(
  made: readonly MadeOverlay[],
  shown: readonly { readonly path: string; readonly files: readonly ShownFile[] }[],
): readonly string[] {
  return made.flatMap(({ path, entries, bodies }) => {
    const files = shown.find((each) => each.path === path)?.files ?? [];
    return entries.flatMap((entry, index) => {
      const body = bodies[index];
      // A folder that is made for a file is listed apart.
      const file = entry.source === undefined ? undefined : files[entry.source];
      if (entry.source === undefined) return [];
      const bytes = body?.kind === "bytes" ? sha256(body.bytes) : undefined;
      const asked = body?.kind === "ask" ? body.prompt : body?.kind === "command" ? body.argv.join(" ") : undefined;
      const isShown = file !== undefined && file.path === entry.path && Number.parseInt(file.mode, 8) === entry.mode &&
        file.secret === entry.secret && file.target === entry.target && file.size === entry.size &&
        (bytes === undefined || entry.secret || file.sha256 === bytes) &&
        (asked === undefined || file.from.endsWith(asked));
      return isShown ? [] : [`${path} ${entry.path}`];
    });
  });
}

interface ShownFile {
  readonly path: string;
  readonly mode: string;
  readonly size?: number;
  readonly sha256?: string;
  readonly target?: string;
  readonly secret: boolean;
  readonly from: string;
}
