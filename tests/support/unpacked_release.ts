import { sha256Of } from "../../src/core/sha256.ts";

/** The files of a release, as it is unpacked; its digests are {@link sums}. */
export const RELEASE = {
  "bin/warmboot": "cd ../lib/warmboot\ninstalled_with=\n",
  "lib/warmboot/cli.js": "// program; profiles in /etc/warmboot\n",
  "lib/systemd/system/warmboot@.service": "ExecStart=/usr/local/bin/warmboot load /etc/warmboot/%i\n",
  "share/warmboot/hooks/debian/zz-warmboot": "/usr/local/bin/warmboot refresh\n",
  "share/warmboot/hooks/kernel-install/90-warmboot.install": "/usr/local/bin/warmboot refresh\n",
  "share/man/man8/warmboot.8": "/etc/warmboot\n",
  "share/bash-completion/completions/warmboot": "bash\n",
  "share/zsh/site-functions/_warmboot": "zsh\n",
  "share/fish/vendor_completions.d/warmboot.fish": "fish\n",
  "share/doc/warmboot/examples/web.yaml": "# $schema=../schema/profile.schema.json\n",
  "share/doc/warmboot/README.md": "$schema=../schema/ and /usr/local/bin/warmboot\n",
  "README": "about the release itself\n",
};

/** The digests of such files, as SHA256SUMS has them. */
export const sums = (files: { readonly [path: string]: string }): string =>
  Object.entries(files).map(([path, text]) => `${sha256Of(text)}  ${path}\n`).join("");

/** Runs something as if the program in `folder` had been started; of a promise, until it is settled. */
export function startedFrom<T>(folder: string, action: () => T): T {
  const before = Deno.mainModule;
  const start = (value: string) =>
    Object.defineProperty(Deno, "mainModule", { value, configurable: true, writable: true });
  start(`file://${folder}/cli.js`);
  let isPending = false;
  try {
    const result = action();
    if (!(result instanceof Promise)) return result;
    isPending = true;
    return result.finally(() => start(before)) as T;
  } finally {
    if (!isPending) start(before);
  }
}
