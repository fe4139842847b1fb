import { assertEquals } from "@std/assert";
import { fileItems } from "../../src/profile/overlay_file.ts";
import { parseProfile } from "../../src/profile/parse.ts";
import { hasVariables, resolvePaths } from "../../src/profile/path_variables.ts";
import { templateText } from "../../src/profile/profile_template.ts";

const HOST = { release: "6.12.117+deb13-amd64", machine: "x86_64" };

function pathsOn(text: string, host = HOST): readonly (string | undefined)[] {
  const { value } = parseProfile(`version: 1\n${text}`, "web.yaml");
  if (value === undefined) return [];
  const resolved = resolvePaths(value, host);
  const { kernel, initrd = [], dtb, segments = [] } = resolved.value ?? {};
  return [
    kernel,
    ...fileItems(initrd),
    dtb,
    ...segments.flatMap(({ source }) => source.kind === "file" ? [source.file] : []),
  ]
    .flatMap((ref) => ref === undefined ? [] : [ref.path]);
}

function said(text: string): readonly string[] {
  return parseProfile(`version: 1\n${text}`, "web.yaml").diagnostics.map(({ code, position, message, hint }) =>
    `${code} ${position?.line}:${position?.column} ${message} (${hint})`
  );
}

Deno.test({
  name: "`${release}` and `${machine}` are the host's in every path of a profile, and `$${` is a literal",
  permissions: "none",
  fn() {
    assertEquals(
      pathsOn("kernel: /boot/vmlinuz-${release}\ninitrd: ['/boot/initrd.img-${release}', '/b/${machine}.cpio']\n"),
      [
        "/boot/vmlinuz-6.12.117+deb13-amd64",
        "/boot/initrd.img-6.12.117+deb13-amd64",
        "/b/x86_64.cpio",
      ],
    );
    assertEquals(pathsOn("kernel: { path: '/${machine}/${release}', sha256: " + "0".repeat(64) + " }\n"), [
      "/x86_64/6.12.117+deb13-amd64",
    ]);
    assertEquals(pathsOn("entry: 0x1000\nsegments: [{ at: 0x1000, file: 'p.${machine}' }]\nload: kexec_load\n"), [
      "p.x86_64",
    ]);
    assertEquals(pathsOn("kernel: /a$${release}$/$x$$y$$${machine}\n"), ["/a${release}$/$x$$y$${machine}"]);
  },
});

Deno.test({
  name: "any other variable is an error at its place, which names those that there are",
  permissions: "none",
  fn() {
    const hint = "`${release}` and `${machine}` are the variables of paths; write `$${` for a literal `${`";
    for (const path of ["/boot/${kernel}", "/boot/${release", "/boot/${}", "/boot/${ release }", "/boot/${RELEASE}"]) {
      assertEquals(said(`kernel: ${JSON.stringify(path)}\n`), [
        `wrong-type 2:9 \`kernel\` is not a path (${hint})`,
      ]);
    }
    assertEquals(said("kernel: /boot/vmlinuz-$release\n").map((line) => line.split(" ")[0]), ["suspicious"]);
    assertEquals(said("kernel: k\nextends: base-${machine}.yaml\n").map((line) => line.split(" ")[0]), ["wrong-type"]);
  },
});

Deno.test({
  name: "a release that would lead out of the folder is refused, and only where a path uses it",
  permissions: "none",
  fn() {
    const { value } = parseProfile("version: 1\nkernel: /boot/${release}/vmlinuz\n", "web.yaml");
    if (value === undefined) throw new Error("The profile is valid");
    for (const release of ["..", ".", "a/b", "", "6.1\n", "../../etc"]) {
      const { value: resolved, diagnostics } = resolvePaths(value, { ...HOST, release });
      assertEquals([resolved, diagnostics.map(({ code }) => code)], [undefined, ["facts-malformed"]], release);
    }
    assertEquals(resolvePaths(value, { ...HOST, machine: ".." }).diagnostics, []);
    assertEquals(hasVariables(value), true);
    assertEquals(hasVariables({ ...value, kernel: { path: "/boot/$${release}" } }), false);
  },
});

Deno.test({
  name: "each key that has a path may have a variable in it, and is held to the folder that it names",
  permissions: "none",
  fn() {
    const path = "/boot/${release}/x";
    const file = `path: /x, from: "${path}"`;
    const keys: { readonly [lines: string]: string } = {
      kernel: `kernel: ${path}`,
      initrd: `kernel: k\ninitrd: ${path}`,
      files: `kernel: k\ninitrd: [{ files: [{ ${file} }] }]`,
      dtb: `kernel: k\ndtb: ${path}`,
      modules: `kernel: k\nmodules: ["${path}"]`,
      unlock: `kernel: k\nunlock: [{ volume: root, key: { from: "${path}" } }]`,
      segments: `entry: 0x1000\nsegments: [{ at: 0x1000, file: "${path}" }]\nload: kexec_load`,
    };
    for (const [key, lines] of Object.entries(keys)) {
      const { value, diagnostics } = parseProfile(`version: 1\n${lines}\n`, "/srv/web.yaml");
      if (value === undefined) throw new Error(`${key}: ${JSON.stringify(diagnostics)}`);
      const text = (profile: unknown): string =>
        JSON.stringify(profile, (_, each) => typeof each === "bigint" ? 0 : each);
      assertEquals([hasVariables(value), text(value).includes(path)], [true, true], key);
      const { value: resolved } = resolvePaths(value, HOST);
      assertEquals(text(resolved), text(value).replace(path, `/boot/${HOST.release}/x`), key);
      const { value: forged, diagnostics: faults } = resolvePaths(value, { ...HOST, release: ".." });
      assertEquals([forged, faults.map(({ code }) => code)], [undefined, ["facts-malformed"]], key);
    }
  },
});

Deno.test({
  name: "a folder whose name looks like a variable is not one, and a written profile names the file it was made from",
  permissions: "none",
  fn() {
    const { value } = parseProfile("version: 1\nkernel: ${machine}/vmlinuz\n", "/srv/${release}/web.yaml");
    if (value === undefined) throw new Error("The profile is valid");
    assertEquals(resolvePaths(value, HOST).value?.kernel?.path, "/srv/${release}/x86_64/vmlinuz");
    const path = "/boot/${release}/vmlinuz";
    assertEquals(
      pathsOn(templateText({ about: [], kernel: { path }, initrd: [], notes: {} }).replace("version: 1\n", "")),
      [path],
    );
  },
});
