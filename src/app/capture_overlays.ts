import type { Diagnostic } from "../core/diagnostic.ts";
import type { CapturedOverlayFile, CapturedOverlays } from "../host/captured_overlay.ts";
import { isFiles } from "../profile/overlay_file.ts";
import type { InitrdItem } from "../profile/profile.ts";
import { readBody } from "./overlay.ts";
import { sourceFiles } from "./overlay_sources.ts";

/** Captures the files of this host that are added to the initrd: the content of secrets is not even read. */
export function captureOverlays(
  initrd: readonly InitrdItem[],
): { readonly overlays: CapturedOverlays; readonly diagnostics: readonly Diagnostic[] } {
  const overlays: { [path: string]: CapturedOverlayFile } = {};
  const diagnostics: Diagnostic[] = [];
  for (const [index, item] of initrd.entries()) {
    const files = isFiles(item) ? item.files.filter(({ content }) => content.kind === "from") : [];
    const placed = files.map((file, at) => ({ file, origin: "profile", at: ["initrd", index, "files", at] }) as const);
    const found = sourceFiles(placed.map((each) => ({ ...each, file: withOwnMode(each.file) })), undefined);
    diagnostics.push(...found.diagnostics);
    for (const { entry: { kind, mode, size = 0, target = "", secret, from } } of found.entries) {
      const isSecret = secret || isSecretFile(overlays[from]);
      if (kind === "link") overlays[from] = { kind, target };
      else if (kind === "folder") overlays[from] = { kind, mode };
      else if (isSecret) overlays[from] = { kind, mode, size };
      else {
        const bytes = new Uint8Array(size);
        const refused = readBody(from, bytes);
        if (refused !== undefined) diagnostics.push(refused);
        else overlays[from] = { kind, mode, size, base64: bytes.toBase64() };
      }
    }
  }
  return { overlays, diagnostics };
}

/** What a profile says of permissions does not matter to the host. */
function withOwnMode<File extends { readonly mode?: number }>({ mode: _mode, ...file }: File): Omit<File, "mode"> {
  return file;
}

function isSecretFile(file: CapturedOverlayFile | undefined): boolean {
  return file?.kind === "file" && file.base64 === undefined;
}
