import { compareText } from "../src/core/text.ts";
import { join } from "@std/path";
import { sha256Of } from "../src/core/sha256.ts";
import { SUMS_NAME } from "../src/app/install/release.ts";
import { bundleProgram } from "./bundle.ts";
import { LICENCES, read, REPOSITORY } from "./repository.ts";
import { buildInputs } from "./toolchain.ts";

/** A file of a release. */
export interface TreeFile {
  readonly path: string;
  readonly text: string;
  readonly isProgram: boolean;
}

/** For those who have just unpacked a release. */
const INSTALL = `To install warmboot below /usr/local:

    bin/warmboot install

It needs Deno (https://deno.com) 2.9 or newer, and fetches nothing. \`bin/warmboot install --help\` lists options for other
folders. \`warmboot uninstall\` removes it. It also runs from here: bin/warmboot --help

More: share/doc/warmboot/docs/install.md
`;

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
  ["schema", "share/doc/warmboot/schema"],
];

/** Every file of a release, by path. Laid out as below a prefix, so that copying it to /usr/local serves as well. */
export async function releaseTree(): Promise<readonly TreeFile[]> {
  const files: TreeFile[] = [
    { path: "INSTALL", text: INSTALL, isProgram: false },
    { path: "lib/warmboot/program.js", text: await bundleProgram(), isProgram: false },
    { path: "share/doc/warmboot/BUILD.json", text: buildInputs(), isProgram: false },
    { path: "share/doc/warmboot/THIRD-PARTY.md", text: LICENCES, isProgram: false },
    ...COPIES.flatMap(([from, to]) => copied(from, to)),
  ];
  const sorted = files.toSorted((a, b) => compareText(a.path, b.path));
  const sums = sorted.map(({ path, text }) => `${sha256Of(text)}  ${path}\n`).join("");
  return [...sorted, { path: SUMS_NAME, text: sums, isProgram: false }];
}

function copied(from: string, to: string): readonly TreeFile[] {
  const path = join(REPOSITORY, from);
  if (Deno.statSync(path).isFile) {
    return [{ path: to, text: read(from), isProgram: /^(?:bin|share\/warmboot\/hooks)\//.test(to) }];
  }
  return Array.from(Deno.readDirSync(path)).flatMap(({ name }) => copied(`${from}/${name}`, `${to}/${name}`));
}

/** Writes a release into a folder. */
export function writeTree(folder: string, files: readonly TreeFile[]): void {
  for (const { path, text, isProgram } of files) {
    const file = join(folder, path);
    Deno.mkdirSync(join(file, ".."), { recursive: true });
    Deno.writeTextFileSync(file, text);
    Deno.chmodSync(file, isProgram ? 0o755 : 0o644);
  }
}
