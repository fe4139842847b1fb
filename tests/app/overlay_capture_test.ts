import { assertEquals, assertMatch } from "@std/assert";
import { join, normalize, relative } from "@std/path";
import { captureImages } from "../../src/app/capture_images.ts";
import type { CapturedFiles } from "../../src/app/image_file.ts";
import { sourceFiles } from "../../src/app/overlay_sources.ts";
import { planMatrix } from "../../src/app/plan_matrix.ts";
import { type PlanSource, prepareFrom } from "../../src/app/prepare.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { redactOverlays } from "../../src/host/captured_overlay.ts";
import { parseProfile, type Plan, planText } from "../../mod.ts";
import { ANSWER_MAX, OUTPUT_MAX, type OverlayFile } from "../../src/profile/overlay_file.ts";
import { parseImaRules } from "../../src/host/ima.ts";
import { sha256Of } from "../../src/core/sha256.ts";
import { arm64Image, bzImage, peFile } from "../image/build.ts";
import { cpio } from "../image/build_elf.ts";
import { BOARD } from "../support/arm64.ts";
import { hostFacts } from "../support/host_facts.ts";

const UUID = "11111111-2222-4333-8444-555555555555";

/** A host with an encrypted root, and with a profile whose next initrd gets files of it and a key. */
const HOST: HostFacts = {
  ...hostFacts(),
  crypttab: `root UUID=${UUID} none luks\n`,
  openVolumes: [{ name: "root", uuid: UUID, device: "/dev/vda2" }],
};

const IN_INITRD = [
  "init",
  "usr/lib/systemd/systemd",
  "usr/lib/systemd/systemd-cryptsetup",
  "usr/lib/systemd/system-generators/systemd-cryptsetup-generator",
];

const PROFILE = `version: 1
kernel: vmlinuz
initrd:
  - initrd
  - files:
      - { path: /etc/motd, text: "hi\\n" }
      - { path: /opt/tree, from: tree }
      - { path: /etc/one, from: one, mode: "0600" }
      - { path: /etc/token, from: token, secret: true }
      - { path: /etc/pass, ask: "Who?" }
cmdline: ro rd.luks.uuid=${UUID}
unlock: [{ volume: root, key: { from: root.key } }]
`;

const FILES: { readonly [path: string]: string } = {
  "tree/a": "a",
  "tree/deep/b": "bb",
  "one": "one",
  "token": "the token itself",
  "root.key": "the key itself",
};

async function onHost(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "warmboot-captured-" }));
  try {
    Deno.writeFileSync(join(folder, "vmlinuz"), bzImage());
    const bytes = new Uint8Array(1);
    Deno.writeFileSync(join(folder, "initrd"), cpio(IN_INITRD.map((name) => ({ name, bytes }))));
    Deno.writeTextFileSync(join(folder, "web.yaml"), PROFILE);
    for (const [path, text] of Object.entries(FILES)) {
      Deno.mkdirSync(join(folder, path, ".."), { recursive: true });
      Deno.writeTextFileSync(join(folder, path), text);
    }
    Deno.symlinkSync("deep/b", join(folder, "tree/link"));
    const modes = { "tree": 0o755, "tree/a": 0o644, "tree/deep": 0o750, "tree/deep/b": 0o600, "token": 0o640 };
    for (const [path, mode] of Object.entries(modes)) Deno.chmodSync(join(folder, path), mode);
    await act(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Removes from this computer what the profile adds to the initrd, as if the plan were made on another one. */
function goElsewhere(folder: string): void {
  for (const name of ["vmlinuz", "initrd", "tree", "one", "token", "root.key"]) {
    Deno.removeSync(join(folder, name), { recursive: true });
  }
}

async function prepared(folder: string, captured?: CapturedFiles) {
  const file = join(folder, "web.yaml");
  const { value: profile, diagnostics } = parseProfile(PROFILE, file);
  if (profile === undefined) throw new Error(JSON.stringify(diagnostics));
  const source: PlanSource = { kind: "profile", profile, files: [file], place: (diagnostic) => diagnostic };
  const host = { facts: HOST, diagnostics: [], ...(captured === undefined ? {} : { captured }) };
  using found = await prepareFrom(source, host);
  return { plan: found.plan, diagnostics: found.diagnostics };
}

async function planOf(folder: string, captured?: CapturedFiles): Promise<Plan> {
  const { plan, diagnostics } = await prepared(folder, captured);
  if (plan === undefined) throw new Error(JSON.stringify(diagnostics));
  return plan;
}

Deno.test("with files and keys, the plan from a capture is the plan on the host", async () => {
  await onHost(async (folder) => {
    const plan = await planOf(folder);
    assertEquals(
      plan.overlays?.map(({ files }) => files.map(({ path, mode, size, secret }) => [path, mode, size, secret])),
      [
        [
          ["/etc/motd", "0644", 3, false],
          ["/opt/tree", "0755", undefined, false],
          ["/opt/tree/a", "0644", 1, false],
          ["/opt/tree/deep", "0750", undefined, false],
          ["/opt/tree/deep/b", "0600", 2, false],
          ["/opt/tree/link", "0777", undefined, false],
          ["/etc/one", "0600", 3, false],
          ["/etc/token", "0640", 16, true],
          ["/etc/pass", "0600", undefined, true],
        ],
        [["/etc/cryptsetup-keys.d/luks-" + UUID + ".key", "0400", 14, true]],
      ],
    );
    const { images, overlays, diagnostics } = await captureImages([join(folder, "web.yaml")], HOST);
    assertEquals(diagnostics, []);
    goElsewhere(folder);
    assertEquals(planText(await planOf(folder, { images, overlays, files: {} })), planText(plan));
  });
});

Deno.test("a capture has no content of a secret, of a key neither; redacted, it has none at all", async () => {
  await onHost(async (folder) => {
    const { images, overlays } = await captureImages([join(folder, "web.yaml")], HOST);
    const contents = (of: typeof overlays) =>
      Object.entries(of).flatMap(([path, file]) =>
        file.kind === "file"
          ? [[path.slice(folder.length + 1), file.base64 === undefined ? undefined : atob(file.base64)]]
          : []
      );
    assertEquals(contents(overlays), [
      ["one", "one"],
      ["root.key", undefined],
      ["token", undefined],
      ["tree/a", "a"],
      ["tree/deep/b", "bb"],
    ]);
    const redacted = redactOverlays(overlays);
    assertEquals(contents(redacted).map(([, content]) => content), Array(5).fill(undefined));
    goElsewhere(folder);
    const { plan, diagnostics } = await prepared(folder, { images, overlays: redacted, files: {} });
    assertEquals([plan, diagnostics.map(({ code, path }) => [code, path])], [
      undefined,
      [["image-not-captured", ["initrd", 1, "files", 1, "from"]]],
    ]);
  });
});

Deno.test("a capture without these files takes those that are here, and says so; it is not silent on missing ones", async () => {
  await onHost(async (folder) => {
    const { images } = await captureImages([join(folder, "web.yaml")], HOST);
    const here = await prepared(folder, { images, files: {} });
    assertEquals(here.diagnostics.map(({ code, message }) => `${code}: ${message.split(",")[1]}`), [
      ...["tree", "one", "token", "root.key"].map((name) =>
        `image-differs:  but not ${join(folder, name)}; this plan uses the file that is here`
      ),
    ]);
    goElsewhere(folder);
    const there = await prepared(folder, { images, files: {} });
    assertEquals(there.plan, undefined);
    assertEquals([...new Set(there.diagnostics.map(({ code }) => code))], ["image-not-captured"]);
    assertMatch(there.diagnostics[0]?.message ?? "", /tree does not exist here, and the capture does not contain it/);
  });
});

Deno.test("a matrix of captured hosts finds the volume that each of them has by a device", async () => {
  await onHost(async (folder) => {
    const fixture = join(import.meta.dirname ?? "", "../fixtures/hosts/bios-vm.json");
    const capture = JSON.parse(Deno.readTextFileSync(fixture));
    const files = { ...capture.files, "/dev/disk": `/dev/disk/by-uuid/${UUID}\t/dev/vda2\n` };
    Deno.mkdirSync(join(folder, "hosts"));
    for (const name of ["a", "b"]) {
      Deno.writeTextFileSync(join(folder, "hosts", `${name}.json`), JSON.stringify({ ...capture, files }));
    }
    const unlock = "unlock: [{ volume: /dev/vda2, key: { from: missing.key } }]";
    Deno.writeTextFileSync(join(folder, "web.yaml"), PROFILE.replace(/unlock: .*/, unlock));
    const matrix = await planMatrix([join(folder, "web.yaml")], join(folder, "hosts"));
    const failures = matrix?.cells.flatMap(({ host, reasons }) =>
      reasons.filter(({ status }) => status === "fail").map(({ rule }) => `${host} ${rule}`)
    );
    assertEquals(failures, ["a file-missing", "b file-missing"]);
  });
});

/** Captures for several profiles, each with the lines given after its kernel. */
async function capturedFor(
  folder: string,
  profiles: Readonly<Record<string, string>>,
  redact = false,
  facts = HOST,
) {
  const paths = Object.entries(profiles).map(([name, lines]) => {
    const path = join(folder, `${name}.yaml`);
    Deno.writeTextFileSync(path, `version: 1\nkernel: vmlinuz\n${lines}\n`);
    return path;
  });
  return await captureImages(paths, facts, { redact });
}

Deno.test("what one profile takes for a secret, no other one gives away, whichever comes first", async () => {
  await onHost(async (folder) => {
    const open = "initrd: [initrd, { files: [{ path: /t, from: token }, { path: /o, from: one }] }]";
    const secret = "initrd: [initrd, { files: [{ path: /t, from: token, secret: true }] }]";
    for (const profiles of [{ a: open, b: secret }, { a: secret, b: open }, { a: secret, b: open, c: open }]) {
      const { overlays, diagnostics } = await capturedFor(folder, profiles);
      const [one, token] = ["one", "token"].map((name) => overlays[join(folder, name)]);
      assertEquals(diagnostics, []);
      assertEquals([token?.kind, token?.kind === "file" && token.base64], ["file", undefined]);
      assertEquals(one?.kind === "file" && one.base64, btoa("one"));
    }
    // In one profile as well.
    const both = "initrd: [initrd, { files: [{ path: /a, from: token, secret: true }, { path: /b, from: token }] }]";
    const { overlays } = await capturedFor(folder, { a: both });
    const token = overlays[join(folder, "token")];
    assertEquals(token?.kind === "file" && token.base64, undefined);
  });
});

Deno.test("of a file that several profiles name, a capture has what each of them needs", async () => {
  await onHost(async (folder) => {
    const { images, diagnostics } = await capturedFor(folder, {
      a: "initrd: initrd\ncmdline: ro init=/usr/lib/systemd/systemd",
      b: "initrd: initrd\ncmdline: ro rdinit=/bin/sh\nload: kexec_load",
    });
    assertEquals(diagnostics, []);
    const initrd = images[join(folder, "initrd")]?.initrd;
    const programs = initrd?.kind === "whole" ? Object.keys(initrd.programs) : [];
    assertEquals(["/init", "/bin/sh"].map((name) => programs.includes(name)), [true, true]);
    const kernel = images[join(folder, "vmlinuz")];
    const distinct = (rows: readonly unknown[] = []) => new Set(rows.map((row) => JSON.stringify(row))).size;
    assertEquals([distinct(kernel?.ranges), distinct(kernel?.parts)], [kernel?.ranges.length, kernel?.parts.length]);
  });
});

Deno.test("what IMA looks at of a file is captured of a host that appraises, and of no other one", async () => {
  await onHost(async (folder) => {
    const ima = { inForce: true, rules: parseImaRules("appraise func=KEXEC_KERNEL_CHECK") };
    const owners = async (facts: HostFacts) => {
      const { images } = await capturedFor(folder, { a: "initrd: initrd\ncmdline: ro" }, false, facts);
      return ["vmlinuz", "initrd"].map((name) => images[join(folder, name)]?.label?.owner);
    };
    const uid = Deno.statSync(join(folder, "vmlinuz")).uid ?? undefined;
    assertEquals(await owners({ ...HOST, ima }), [uid, uid]);
    assertEquals(await owners(HOST), [undefined, undefined]);
  });
});

Deno.test("the banner of an arm64 kernel is captured with it; that of a bzImage is in its head", async () => {
  await onHost(async (folder) => {
    const banner = "6.12.1-arm64 (b@h) (gcc) #1 SMP";
    const kernel = new Uint8Array(0x20_000);
    kernel.set(arm64Image());
    kernel.set(new TextEncoder().encode(`Linux version ${banner}\n`), 0x18_000);
    const captured = async (facts: HostFacts) => {
      const { images, diagnostics } = await capturedFor(folder, { a: "cmdline: ro" }, false, facts);
      assertEquals(diagnostics, []);
      return images[join(folder, "vmlinuz")]?.banner;
    };
    assertEquals(await captured(HOST), undefined);
    Deno.writeFileSync(join(folder, "vmlinuz"), kernel);
    assertEquals(await captured(BOARD), banner);
  });
});

/** The lines of a profile of explicit segments, each a part of a file: where it begins, and how long it is. */
function segmentsOf(parts: readonly (readonly [file: string, offset: number, length?: number])[]): string {
  const segments = parts.map(([file, offset, length], index) =>
    `{ name: s${index}, at: ${0x400_0000 + index * 0x10_0000}, file: ${file}, offset: ${offset}` +
    (length === undefined ? " }" : `, length: ${length} }`)
  );
  return `version: 1\nentry: 0x4000000\nsegments: [${segments.join(", ")}]\n`;
}

Deno.test("of the files of segments, the parts are captured that they are made of, once, and not the whole", async () => {
  await onHost(async (folder) => {
    const bytes = Uint8Array.from({ length: 9000 }, (_, index) => index % 251);
    Deno.writeFileSync(join(folder, "data"), bytes);
    const captured = async (...profiles: readonly Parameters<typeof segmentsOf>[0][]): Promise<readonly unknown[]> => {
      const words = profiles.map((parts, index) => {
        const path = join(folder, `s${index}.yaml`);
        Deno.writeTextFileSync(path, segmentsOf(parts));
        // Below the working folder, so that the profile's files have relative paths.
        return relative(Deno.cwd(), path);
      });
      const { images, diagnostics } = await captureImages(words, HOST);
      const rows = Object.entries(images).map(([path, { size, parts }]) => [
        normalize(path),
        size,
        parts.map(({ offset, length, sha256 }) => {
          assertEquals(sha256, sha256Of(bytes.subarray(offset, offset + length)));
          return [offset, length];
        }),
      ]);
      assertEquals(Object.keys(images).filter((path) => !path.startsWith("/")), []);
      return [rows, diagnostics.filter(({ severity }) => severity === "error").map(({ code }) => code)];
    };
    const of = (...parts: readonly (readonly [number, number])[]) => [[[join(folder, "data"), 9000, parts]], []];
    assertEquals(await captured([["data", 0]]), of());
    assertEquals(await captured([["data", 0, 9000]]), of());
    assertEquals(await captured([["data", 100]]), of([100, 8900]));
    assertEquals(await captured([["data", 0, 100], ["data", 8900, 100]]), of([0, 100], [8900, 100]));
    // Of each file its own parts.
    Deno.writeFileSync(join(folder, "more"), bytes.subarray(0, 8000));
    assertEquals(await captured([["more", 8, 50], ["data", 0, 100]]), [
      [[join(folder, "data"), 9000, [[0, 100]]], [join(folder, "more"), 8000, [[8, 50]]]],
      [],
    ]);
    // No part reaches beyond the file.
    assertEquals((await captured([["data", 8900, 101]]))[0], of()[0]);
    // What several profiles need, each once.
    assertEquals(
      await captured([["data", 0, 100]], [["data", 0, 100]], [["data", 0, 200]], [["data", 100, 100]]),
      of([0, 100], [0, 200], [100, 100]),
    );
  });
});

Deno.test("a file that is an initrd of one profile and a segment of another is captured for both, whichever is first", async () => {
  await onHost(async (folder) => {
    const paths = ["a", "b"].map((name) => join(folder, `${name}.yaml`));
    Deno.writeTextFileSync(paths[0] ?? "", "version: 1\nkernel: vmlinuz\ninitrd: initrd\ncmdline: ro\n");
    Deno.writeTextFileSync(paths[1] ?? "", segmentsOf([["initrd", 0, 100], ["vmlinuz", 0, 100]]));
    const images = await Promise.all(
      [paths, paths.toReversed()].map(async (words) => (await captureImages(words, HOST)).images),
    );
    for (const captured of images) {
      const { initrd, ranges = [], parts = [] } = captured[join(folder, "initrd")] ?? {};
      assertEquals([initrd?.kind, ranges.length > 0, parts.map(({ length }) => length)], ["whole", true, [100]]);
      assertEquals(captured[join(folder, "vmlinuz")]?.kernel?.kind, "whole");
    }
    assertEquals(Object.keys(images[0] ?? {}), Object.keys(images[1] ?? {}));
    // Of a file that is taken for an initrd as well, more is looked at.
    const profiles = { k: "cmdline: ro", i: "initrd: vmlinuz\ncmdline: ro" };
    const { k, i } = profiles;
    const looked = async (lines: Readonly<Record<string, string>>) => {
      const { ranges = [] } = (await capturedFor(folder, lines)).images[join(folder, "vmlinuz")] ?? {};
      return Math.max(...ranges.map(({ base64 }) => Uint8Array.fromBase64(base64).length));
    };
    const [less, more] = [await looked({ k }), await looked({ i })];
    assertEquals([less < more, await looked({ k, i }), await looked({ i, k })], [true, more, more]);
  });
});

Deno.test("of a profile whose files cannot all be opened, nothing is captured", async () => {
  await onHost(async (folder) => {
    const { images, overlays, diagnostics } = await capturedFor(folder, {
      a: "initrd: [gone, { files: [{ path: /o, from: one }] }]",
    });
    assertEquals([images, overlays, diagnostics.map(({ code }) => code)], [{}, {}, ["file-missing"]]);
  });
});

Deno.test("redacted, a capture has the head of a kernel and nothing of an initrd", async () => {
  await onHost(async (folder) => {
    const lines = { a: "initrd: initrd\ncmdline: ro" };
    const held = async (redact: boolean) => {
      const { images } = await capturedFor(folder, lines, redact);
      return ["vmlinuz", "initrd"].map((name) =>
        (images[join(folder, name)]?.ranges ?? []).some(({ base64 }) =>
          // The header of the archive stays.
          Uint8Array.fromBase64(base64).subarray(112).some((byte) => byte !== 0)
        )
      );
    };
    assertEquals([await held(false), await held(true)], [[true, true], [true, false]]);
    // Of a kernel, all that says what it is.
    const [whole, redacted] = [await capturedFor(folder, lines), await capturedFor(folder, lines, true)];
    assertEquals(redacted.images[join(folder, "vmlinuz")], whole.images[join(folder, "vmlinuz")]);
  });
});

Deno.test("a file that cannot be opened, or a profile that is none, leaves the others to be captured", async () => {
  await onHost(async (folder) => {
    const { images, diagnostics } = await capturedFor(folder, {
      a: "initrd: gone",
      b: "cmdline: ro",
      c: "nonsense: 1",
    });
    assertEquals([Object.keys(images), diagnostics.map(({ code }) => code)], [[join(folder, "vmlinuz")], [
      "file-missing",
      "unknown-key",
    ]]);
  });
});

Deno.test("a file that changes while it is captured is an error, and not half of each", async () => {
  await onHost(async (folder) => {
    const { diagnostics } = await captureImages([join(folder, "web.yaml")], HOST, {
      onReading(path) {
        if (path === join(folder, "initrd")) Deno.utimeSync(path, 1, 1);
        return undefined;
      },
    });
    assertEquals(diagnostics.map(({ code, message }) => [code, message.replace(folder, "")]), [
      ["file-unreadable", "/initrd changed while it was read"],
    ]);
  });
});

Deno.test("the plan from a capture for several profiles of one initrd is the plan on the host, whichever comes first", async () => {
  await onHost(async (folder) => {
    const plan = planText(await planOf(folder));
    // It adds no files to the initrd, so that less is asked of it.
    Deno.writeTextFileSync(join(folder, "plain.yaml"), "version: 1\nkernel: vmlinuz\ninitrd: initrd\ncmdline: ro\n");
    const words = ["web.yaml", "plain.yaml"].map((name) => join(folder, name));
    const captures = [await captureImages(words, HOST), await captureImages(words.toReversed(), HOST)];
    goElsewhere(folder);
    for (const { images, overlays } of captures) {
      assertEquals(planText(await planOf(folder, { images, overlays, files: {} })), plan);
    }
  });
});

Deno.test("a file that changes between two profiles is an error, and not half of each", async () => {
  await onHost(async (folder) => {
    const lines = "initrd: initrd\ncmdline: ro";
    const captured = async (change: () => void) => {
      const words = Object.entries({
        a: `kernel: vmlinuz\n${lines}`,
        between: "kernel: other",
        b: `kernel: vmlinuz\n${lines}`,
      })
        .map(([name, text]) => {
          Deno.writeTextFileSync(join(folder, `${name}.yaml`), `version: 1\n${text}\n`);
          return join(folder, `${name}.yaml`);
        });
      const { diagnostics } = await captureImages(words, HOST, {
        onReading(path) {
          if (path === join(folder, "other")) change();
          return undefined;
        },
      });
      return diagnostics.map(({ code, severity, message }) => [code, severity, message.replace(folder, "")]);
    };
    const initrd = (size: number) => cpio([{ name: "init", bytes: new Uint8Array(size).fill(size) }]);
    Deno.copyFileSync(join(folder, "vmlinuz"), join(folder, "other"));
    Deno.writeFileSync(join(folder, "initrd"), initrd(1));
    assertEquals(await captured(() => {}), []);
    // As long as before, and longer.
    for (const size of [2, 900]) {
      assertEquals(await captured(() => Deno.writeFileSync(join(folder, "initrd"), initrd(size))), [
        ["file-unreadable", "error", "/initrd changed while it was read"],
      ]);
    }
  });
});

Deno.test("what is wrong with a file is said with its place in the profile, whatever the file is for", async () => {
  await onHost(async (folder) => {
    for (
      const [lines, code, line] of [
        ["kernel: vmlinuz\ncmdline: ro\ninitrd: [initrd, gone]", "file-missing", 4],
        [
          "kernel: vmlinuz\ninitrd:\n- initrd\n- files:\n  - { path: /a, text: a }\n  - { path: /b, from: gone }",
          "file-missing",
          7,
        ],
        [
          `kernel: vmlinuz\ninitrd: initrd\ncmdline: ro rd.luks.uuid=${UUID}\nunlock: [{ volume: root, key: { from: gone } }]`,
          "file-missing",
          5,
        ],
        // Only a unified kernel image has profiles.
        ["cmdline: ro\nkernel: { path: vmlinuz, profile: main }", "conflict", 3],
      ] as const
    ) {
      const path = join(folder, "p.yaml");
      Deno.writeTextFileSync(path, `version: 1\n${lines}\n`);
      const { diagnostics } = await captureImages([path], HOST);
      assertEquals(diagnostics.map(({ code, position }) => [code, position?.file, position?.line]), [[
        code,
        path,
        line,
      ]]);
    }
  });
});

Deno.test("files are captured as the host has them, and no key that the initrd does not use is looked at", async () => {
  await onHost(async (folder) => {
    Deno.chmodSync(join(folder, "one"), 0o640);
    const { overlays, diagnostics } = await capturedFor(folder, {
      a: `initrd:
- initrd
- files:
  - { path: /etc/again, from: one }
  - { path: /etc/one, from: one, mode: "0600" }
cmdline: ro rd.luks.uuid=${UUID}
unlock:
- { volume: 22222222-2222-4333-8444-555555555555, key: { from: token } }
- { volume: root, key: { from: root.key } }
- { volume: 33333333-2222-4333-8444-555555555555, key: { from: one } }`,
    });
    assertEquals(diagnostics, []);
    assertEquals(overlays, {
      [join(folder, "one")]: { kind: "file", mode: 0o640, size: 3, base64: btoa("one") },
      [join(folder, "root.key")]: {
        kind: "file",
        mode: (Deno.statSync(join(folder, "root.key")).mode ?? 0) & 0o777,
        size: 14,
      },
    });
  });
});

Deno.test("a kernel with an EFI stub is no unified kernel image: nothing of what lies beside it is captured", async () => {
  await onHost(async (folder) => {
    Deno.writeFileSync(join(folder, "vmlinuz"), bzImage({ pe: true }));
    Deno.mkdirSync(join(folder, "vmlinuz.extra.d"));
    const addon = peFile({ sections: [{ name: ".cmdline", bytes: new TextEncoder().encode("a=1") }] });
    Deno.writeFileSync(join(folder, "vmlinuz.extra.d/a.addon.efi"), addon);
    const { images, diagnostics } = await capturedFor(folder, { a: "cmdline: ro" });
    assertEquals(diagnostics, []);
    assertEquals([Object.keys(images), images[join(folder, "vmlinuz")]?.companions], [
      [join(folder, "vmlinuz")],
      undefined,
    ]);
  });
});

Deno.test("a folder that is copied to the root, here or captured, has its files there, each under its own name", async () => {
  await onHost(async (folder) => {
    // A name that begins like the folder's is another one.
    Deno.writeTextFileSync(join(folder, "tree-2"), "");
    const file = { path: "/", secret: false, content: { kind: "from", path: join(folder, "tree") } } as const;
    const places = (captured?: CapturedFiles) =>
      sourceFiles([{ file, origin: "profile", at: [] }], captured).entries.map((
        { entry: { kind, path } },
      ) => [kind, path]);
    const here = places();
    assertEquals(here, [
      ["folder", "/"],
      ["file", "/a"],
      ["folder", "/deep"],
      ["file", "/deep/b"],
      ["link", "/link"],
    ]);
    const { overlays } = await capturedFor(folder, {
      a: "initrd: [initrd, { files: [{ path: /, from: tree }, { path: /other, from: tree-2 }] }]\ncmdline: ro",
    });
    goElsewhere(folder);
    assertEquals(places({ images: {}, overlays: Object.fromEntries(Object.entries(overlays).toReversed()) }), here);
  });
});

Deno.test("a link that is named is followed, all permissions are kept, and what is asked for has the limit of an answer", async () => {
  await onHost((folder) => {
    Deno.symlinkSync("one", join(folder, "link"));
    Deno.chmodSync(join(folder, "one"), 0o4755);
    const found = (content: OverlayFile["content"], captured?: CapturedFiles, secret = false) => {
      const file = { path: "/f", secret, content };
      const { entries, diagnostics } = sourceFiles([{ file, origin: "profile", at: [] }], captured);
      return [
        entries.map(({ entry: { kind, mode, size, most }, body }) => [kind, mode, size ?? most, body.kind]),
        diagnostics.map(({ code }) => code),
      ];
    };
    const link = { kind: "from", path: join(folder, "link") } as const;
    assertEquals(found(link), [[["file", 0o4755, 3, "file"]], []]);
    // Without any images, a capture is planned with the files that are here.
    assertEquals(found(link, { images: undefined }), [[["file", 0o4755, 3, "file"]], []]);
    assertEquals(found(link, { images: {} }), [[["file", 0o4755, 3, "file"]], ["image-differs"]]);
    // Of a captured secret, nothing is read here.
    const overlays = { [link.path]: { kind: "file", mode: 0o600, size: 7 } } as const;
    assertEquals(found(link, { images: {}, overlays }, true), [[["file", 0o600, 7, "none"]], []]);
    assertEquals(found({ kind: "ask", prompt: "Who?" }), [[["file", 0o644, ANSWER_MAX, "ask"]], []]);
    assertEquals(found({ kind: "command", argv: ["/bin/key"] }, undefined, true), [
      [["file", 0o600, OUTPUT_MAX, "command"]],
      [],
    ]);
    return Promise.resolve();
  });
});
