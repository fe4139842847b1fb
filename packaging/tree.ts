import { compareText } from "../src/core/text.ts";
import { join } from "@std/path";
import { sha256Of } from "../src/core/sha256.ts";
import { RUNTIME, SUMS_NAME } from "../src/app/install/release.ts";
import { bundleProgram } from "./bundle.ts";
import { LICENCES, read, REPOSITORY } from "./repository.ts";
import { bytesOf, type PackedFile } from "./tar.ts";
import { buildInputs } from "./toolchain.ts";

/** A file of a release; only a runtime is not text. */
export interface TreeFile {
  readonly path: string;
  readonly content: string | Uint8Array;
  readonly isProgram: boolean;
}

/** For those who have just unpacked a release. */
const INSTALL = installNote("It needs Deno (https://deno.com) 2.9 or newer, and fetches nothing.");
const INSTALL_WITH_RUNTIME = installNote("It brings its own Deno, and fetches nothing.");

function installNote(needs: string): string {
  return `To install warmboot below /usr/local:

    bin/warmboot install

${needs} \`bin/warmboot install --help\` lists options for other
folders. \`warmboot uninstall\` removes it. It also runs from here: bin/warmboot --help

More: share/doc/warmboot/docs/install.md
`;
}

/** Files that are taken as they are: from the checkout to the release, file or folder. */
const COPIES: readonly (readonly [string, string])[] = [
  ["contrib/bin", "bin"],
  ["contrib/lib", "lib/warmboot"],
  ["contrib/systemd", "lib/systemd/system"],
  ["contrib/man/warmboot.8", "share/man/man8/warmboot.8"],
  ["contrib/man/warmboot.profile.5", "share/man/man5/warmboot.profile.5"],
  ["contrib/completions/warmboot.bash", "share/bash-completion/completions/warmboot"],
  ["contrib/completions/_warmboot", "share/zsh/site-functions/_warmboot"],
  ["contrib/completions/warmboot.fish", "share/fish/vendor_completions.d/warmboot.fish"],
  ["contrib/hooks/zz-warmboot", "share/warmboot/hooks/debian/zz-warmboot"],
  ["contrib/hooks/90-warmboot.install", "share/warmboot/hooks/kernel-install/90-warmboot.install"],
  ["contrib/sysvinit", "share/warmboot/hooks/sysvinit"],
  ["contrib/openrc", "share/warmboot/hooks/openrc"],
  ["contrib/runit", "share/warmboot/hooks/runit"],
  ["README.md", "share/doc/warmboot/README.md"],
  ["CHANGELOG.md", "share/doc/warmboot/CHANGELOG.md"],
  ["CONTRIBUTING.md", "share/doc/warmboot/CONTRIBUTING.md"],
  ["SECURITY.md", "share/doc/warmboot/SECURITY.md"],
  ["LICENSE", "share/doc/warmboot/LICENSE"],
  ["docs", "share/doc/warmboot/docs"],
  ["examples", "share/doc/warmboot/examples"],
  ["contrib/kubernetes", "share/doc/warmboot/contrib/kubernetes"],
  ["contrib/ansible", "share/doc/warmboot/contrib/ansible"],
  ["schema", "share/doc/warmboot/schema"],
];

/** Every file of a release, by path. Laid out as below a prefix, so that copying it to /usr/local serves as well. */
export async function releaseTree(): Promise<readonly TreeFile[]> {
  return withSums([
    { path: "INSTALL", content: INSTALL, isProgram: false },
    { path: "lib/warmboot/program.js", content: await bundleProgram(), isProgram: false },
    { path: "share/doc/warmboot/BUILD.json", content: buildInputs(), isProgram: false },
    { path: "share/doc/warmboot/THIRD-PARTY.md", content: LICENCES, isProgram: false },
    ...COPIES.flatMap(([from, to]) => copied(from, to)),
  ]);
}

/** The same release with the Deno that runs it. */
export function withRuntime(tree: readonly TreeFile[], runtime: Uint8Array): readonly TreeFile[] {
  const others = tree.filter(({ path }) => path !== SUMS_NAME && path !== "INSTALL");
  return withSums([
    ...others,
    { path: "INSTALL", content: INSTALL_WITH_RUNTIME, isProgram: false },
    { path: RUNTIME, content: runtime, isProgram: true },
    { path: "share/doc/warmboot/RUNTIME.md", content: read("packaging/RUNTIME.md"), isProgram: false },
  ]);
}

/** The files by path, and the digests of all. */
function withSums(files: readonly TreeFile[]): readonly TreeFile[] {
  const sorted = files.toSorted((a, b) => compareText(a.path, b.path));
  const sums = sorted.map(({ path, content }) => `${sha256Of(content)}  ${path}\n`).join("");
  return [...sorted, { path: SUMS_NAME, content: sums, isProgram: false }];
}

/** What packages and archives are made of: the files of a release below a folder. */
export function packed(top: string, tree: readonly TreeFile[]): readonly PackedFile[] {
  return tree.map(({ path, content, isProgram }) => ({
    path: `${top}/${path}`,
    content,
    mode: isProgram ? 0o755 : 0o644,
  }));
}

function copied(from: string, to: string): readonly TreeFile[] {
  const path = join(REPOSITORY, from);
  if (Deno.statSync(path).isFile) {
    return [{ path: to, content: read(from), isProgram: /^(?:bin|share\/warmboot\/hooks)\//.test(to) }];
  }
  // A hidden file is a setting of a linter.
  return Array.from(Deno.readDirSync(path)).filter(({ name }) => !name.startsWith("."))
    .flatMap(({ name }) => copied(`${from}/${name}`, `${to}/${name}`));
}

/** Writes a release into a folder. */
export function writeTree(folder: string, files: readonly TreeFile[]): void {
  for (const { path, content, mode } of packed(folder, files)) {
    Deno.mkdirSync(join(path, ".."), { recursive: true });
    Deno.writeFileSync(path, bytesOf(content));
    Deno.chmodSync(path, mode);
  }
}
