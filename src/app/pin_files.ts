import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import { closeFile, hashFile, openFile } from "./files/open_file.ts";
import type { ProfileTemplate } from "../profile/profile_template.ts";
import type { FileRef, ModuleRef } from "../profile/profile.ts";

/** A draft whose files are pinned by the digests that they have now, as found under a folder that replaces the root. */
export async function pinFiles(draft: ProfileTemplate, root: string): Promise<Checked<ProfileTemplate>> {
  const problems: Diagnostic[] = [];
  const pinned = async <Ref extends FileRef>(ref: Ref): Promise<Ref> => {
    const { value: file, diagnostics } = openFile(`${root}${ref.path}`);
    if (file === undefined) {
      problems.push(...diagnostics);
      return ref;
    }
    try {
      return { ...ref, sha256: await hashFile(file) };
    } finally {
      closeFile(file);
    }
  };
  const kernel = draft.kernel === undefined ? undefined : await pinned(draft.kernel);
  const initrd: FileRef[] = [];
  for (const ref of draft.initrd) initrd.push(await pinned(ref));
  const dtb = draft.dtb === undefined ? {} : { dtb: await pinned(draft.dtb) };
  const modules: ModuleRef[] = [];
  for (const ref of draft.modules ?? []) modules.push(await pinned(ref));
  const pins = {
    ...(kernel === undefined ? {} : { kernel }),
    initrd,
    ...dtb,
    ...(modules.length === 0 ? {} : { modules }),
  };
  return {
    value: problems.length > 0 ? undefined : { ...draft, ...pins },
    diagnostics: problems,
  };
}
