import type { Diagnostic, Path } from "../core/diagnostic.ts";
import type { CapturedOverlayFile, CapturedOverlays } from "../host/captured_overlay.ts";
import type { InitrdFile } from "../image/boot_files.ts";
import type { OverlayOrigin } from "../image/overlay.ts";
import { isFiles, type OverlayFile } from "../profile/overlay_file.ts";
import type { NamedFiles } from "./named_files.ts";
import { readBody } from "./overlay.ts";
import { sourceFiles } from "./overlay_sources.ts";

/** A file that is added to the initrd, and where in the profile it is. */
interface Added {
  readonly file: OverlayFile;
  readonly origin: OverlayOrigin;
  readonly at: Path;
}

/**
 * Captures the files of this host that are added to the initrd, for keys that it opens volumes with too: the content of
 * secrets is not even read. `opened` are the initrds as they were found here.
 */
export function captureOverlays(
  { initrd, further }: Pick<NamedFiles, "initrd" | "further">,
  opened: readonly InitrdFile[],
): { readonly overlays: CapturedOverlays; readonly diagnostics: readonly Diagnostic[] } {
  const overlays: { [path: string]: CapturedOverlayFile } = {};
  const diagnostics: Diagnostic[] = [];
  const own = initrd.map((item, index): readonly Added[] =>
    !isFiles(item)
      ? []
      : item.files.map((file, at) => ({ file, origin: "profile", at: ["initrd", index, "files", at] }))
  );
  for (const added of [...own, keyFiles(further, opened)]) {
    const files = added.filter(({ file }) => file.content.kind === "from");
    const found = sourceFiles(files.map((each) => ({ ...each, file: withOwnMode(each.file) })), undefined);
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

/** The key files of the volumes that the initrd opens: no other is looked at. */
function keyFiles(further: NamedFiles["further"], opened: readonly InitrdFile[]): readonly Added[] {
  const added = opened.flatMap(({ overlay }) => overlay?.files ?? []).filter(({ origin }) => origin === "unlock");
  return (further?.unlock?.entries ?? []).flatMap(({ key }, index): readonly Added[] => {
    const file = key.kind === "from" ? added.find(({ from }) => from === key.path) : undefined;
    if (file === undefined) return [];
    return [{ file: { path: file.path, secret: true, content: key }, origin: "unlock", at: ["unlock", index, "key"] }];
  });
}

/** What a profile says of permissions does not matter to the host. */
function withOwnMode<File extends { readonly mode?: number }>({ mode: _mode, ...file }: File): Omit<File, "mode"> {
  return file;
}

function isSecretFile(file: CapturedOverlayFile | undefined): boolean {
  return file?.kind === "file" && file.base64 === undefined;
}
