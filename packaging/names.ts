/** The files of a release, by name, and what each format calls a machine. */

/** A machine that packages are made for. */
export interface Target {
  /** As Deno and `uname -m` have it. */
  readonly machine: "x86_64" | "aarch64";
  /** As npm has it, and archives of programs that come with their own runtime. */
  readonly archive: "linux-x64" | "linux-arm64";
  readonly debian: "amd64" | "arm64";
  readonly rpm: "x86_64" | "aarch64";
}

/** Those that Deno is built for with glibc. */
export const TARGETS: readonly Target[] = [
  { machine: "x86_64", archive: "linux-x64", debian: "amd64", rpm: "x86_64" },
  { machine: "aarch64", archive: "linux-arm64", debian: "arm64", rpm: "aarch64" },
];

/** The release of an rpm: how often this version was packaged. */
export const RPM_RELEASE = "1";

/** The archive without a runtime, which runs with the Deno of the host. */
export function archiveName(version: string): string {
  return `warmboot-${version}.tar.gz`;
}

/** What an archive or package with a runtime is called. */
export function packageName(format: "archive" | "debian" | "rpm", version: string, target: Target): string {
  switch (format) {
    case "archive":
      return `warmboot-${version}-${target.archive}.tar.gz`;
    case "debian":
      return `warmboot_${version}_${target.debian}.deb`;
    case "rpm":
      return `warmboot-${version}-${RPM_RELEASE}.${target.rpm}.rpm`;
  }
}
