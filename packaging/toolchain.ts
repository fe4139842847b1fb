/** What a release is made with, by version and digest, so that another machine makes the same bytes. */
import { join } from "@std/path";
import { jsonText } from "../src/core/text.ts";
import { sha256Of } from "../src/core/sha256.ts";
import { read, REPOSITORY } from "./repository.ts";

/** A program: its version, the npm packages that have it, and the SHA-256 of the program in them. */
export interface Tool {
  readonly version: string;
  readonly packages: {
    readonly [architecture in typeof Deno.build.arch]: { readonly name: string; readonly sha256: string };
  };
}

/** Deno, which bundles. The package `deno` installs these. */
export const DENO: Tool = {
  version: "2.9.6",
  packages: {
    "x86_64": {
      name: "@deno/linux-x64-glibc",
      sha256: "bceb5b6a6239b0b010418406d8c77a508f67cf4337d94288f1c19fe71304aab0",
    },
    aarch64: {
      name: "@deno/linux-arm64-glibc",
      sha256: "d08d392418df53f4e6e88a08909c0e1bccbf9adcead7232df72b6ad6075ec416",
    },
  },
};

/** esbuild, which `deno bundle` of this version fetches from npm, and does not check. */
export const ESBUILD: Tool = {
  version: "0.25.5",
  packages: {
    "x86_64": {
      name: "@esbuild/linux-x64",
      sha256: "3331e0b23c99d93d9a39e436a4838de40ca1c95ac3bcbd9874ba169d8545b634",
    },
    aarch64: {
      name: "@esbuild/linux-arm64",
      sha256: "d6d656d9326ce1c55c01f73604a3cffda35c63cce60016e9ed795ac91cd1e67d",
    },
  },
};

/** The inputs of a build, as a release lists them: the same from every machine. */
export function buildInputs(): string {
  const lock = read("deno.lock");
  const { npm } = JSON.parse(lock) as { npm: { [name: string]: { integrity: string } } };
  return jsonText({
    format: "warmboot.build/1",
    deno: DENO,
    esbuild: ESBUILD,
    lock: {
      sha256: sha256Of(lock),
      packages: Object.fromEntries(Object.entries(npm).map(([name, { integrity }]) => [name, integrity])),
    },
    command: "deno task release",
  });
}

/** Rejects unless this Deno, and the esbuild that it fetched for `deno bundle`, are those of the tables. */
export async function checkToolchain(): Promise<void> {
  const expected = `A release is made with Deno ${DENO.version} of npm, as \`npx --yes deno@${DENO.version}\` runs it`;
  if (Deno.version.deno !== DENO.version) throw new Error(`${expected}; this is ${Deno.version.deno}`);
  checkDigest(Deno.execPath(), DENO, expected);
  const file = { "x86_64": "esbuild-linux-x64", aarch64: "esbuild-linux-arm64" }[Deno.build.arch];
  const folder = join(await denoFolder(), "dl");
  const found = Array.from(Deno.readDirSync(folder), ({ name }) => name)
    .filter((name) => name.startsWith(`esbuild-${ESBUILD.version}-`)).map((name) => join(folder, name, file));
  if (found.length === 0) throw new Error(`deno bundle used another esbuild than ${ESBUILD.version}: see ${folder}`);
  for (const path of found) checkDigest(path, ESBUILD, `${path} is not esbuild ${ESBUILD.version} of npm; remove it`);
}

function checkDigest(path: string, { packages }: Tool, otherwise: string): void {
  const digest = sha256Of(Deno.readFileSync(path));
  if (digest !== packages[Deno.build.arch].sha256) throw new Error(`${otherwise}; ${path} has the SHA-256 ${digest}`);
}

/** Where Deno keeps what it fetches. */
async function denoFolder(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"], cwd: REPOSITORY }).output();
  return (JSON.parse(new TextDecoder().decode(stdout)) as { denoDir: string }).denoDir;
}
