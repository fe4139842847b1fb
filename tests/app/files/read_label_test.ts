import { assert, assertEquals } from "@std/assert";
import { closeFile, openFile } from "../../../src/app/files/open_file.ts";
import { readLabel } from "../../../src/app/files/read_label.ts";
import { openImages } from "../../../src/app/images.ts";
import { parseImaRules } from "../../../src/host/ima.ts";
import { IMA_LABEL } from "../../../src/host/ima_label.ts";
import { LibcError, openLibc } from "../../../src/syscall/libc.ts";
import { fakeLibc } from "../../support/fake_libc.ts";
import { hostFacts } from "../../support/host_facts.ts";

const MARKER = "~Module signature appended~\n";

type Answers = Parameters<typeof readLabel>[1];

/** The label of a file with this content. */
function labelOf(content: string, answers: Partial<Answers> = {}): ReturnType<typeof readLabel> {
  const path = Deno.makeTempFileSync();
  Deno.writeTextFileSync(path, content);
  const { value: file } = openFile(path);
  assert(file !== undefined);
  try {
    const label = readLabel(file, {
      attribute: (_, name) => ({ ok: true, value: new TextEncoder().encode(name) }),
      fileSystem: () => ({ ok: true, value: 0x8584_58f6n }),
      ...answers,
    });
    const { uid, gid } = Deno.statSync(path);
    assertEquals([label?.owner, label?.group], [uid, gid]);
    return label;
  } finally {
    closeFile(file);
    Deno.removeSync(path);
  }
}

Deno.test("what IMA looks at of a file is read from the open file", () => {
  const [uid, gid] = [Deno.uid(), Deno.gid()];
  const whole = labelOf("kernel");
  assertEquals(whole, {
    owner: uid ?? 0,
    group: gid ?? 0,
    fsMagic: 0x8584_58f6,
    attribute: btoa("security.ima"),
    appended: false,
  });
  assertEquals(IMA_LABEL.decode(whole, [], () => {}), whole);
  assertEquals(labelOf(`kernel${MARKER}`)?.appended, true);
  assertEquals(labelOf(MARKER)?.appended, true);
  assertEquals(labelOf(`${MARKER} `)?.appended, false);
  for (const errno of [61, 95]) {
    const none = labelOf("k", { attribute: () => ({ ok: false, errno }) });
    assertEquals([none?.attribute, none?.unreadable], [undefined, undefined]);
  }
  assertEquals(labelOf("k", { attribute: () => ({ ok: false, errno: 13 }) })?.unreadable, "EACCES");
  using libc = openLibc();
  assertEquals(labelOf("k", libc)?.unreadable, undefined);
});

Deno.test("of a copy in memory, the label is that of the file; a section has none", () => {
  const folder = Deno.makeTempDirSync();
  const opened = ["copy", `original${MARKER}`].map((content, index) => {
    Deno.writeTextFileSync(`${folder}/${index}`, content);
    const { value } = openFile(`${folder}/${index}`);
    assert(value !== undefined);
    return value;
  });
  const [copy, original] = opened;
  assert(copy !== undefined && original !== undefined);
  try {
    const libc = fakeLibc();
    assertEquals(readLabel({ ...copy, original }, libc)?.appended, true);
    assertEquals(readLabel(copy, libc)?.appended, false);
    assertEquals(readLabel({ ...copy, start: 1 }, libc), undefined);
    assertEquals(readLabel({ ...copy, original: { ...original, start: 1 } }, libc), undefined);
  } finally {
    opened.forEach(closeFile);
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("labels are read on this host only, where its IMA appraises, and a plan can do without", async () => {
  const path = Deno.makeTempFileSync();
  Deno.writeTextFileSync(path, "initrd");
  const files = { kernel: undefined, initrd: [{ path }], dtb: undefined, segments: [], programs: [] };
  const appraising = hostFacts({
    kernelConfig: {},
    ima: { inForce: true, rules: parseImaRules("appraise func=KEXEC_INITRAMFS_CHECK") },
  });
  const fileSystem = async (options: Parameters<typeof openImages>[1]) => {
    using opened = await openImages(files, { open: () => fakeLibc(), ...options });
    assertEquals(opened.diagnostics.filter(({ severity }) => severity === "error"), []);
    return opened.images.initrd[0]?.label?.fsMagic;
  };
  try {
    assertEquals(await fileSystem({ facts: appraising }), 0xef53);
    assertEquals(await fileSystem({ facts: hostFacts({ kernelConfig: {} }) }), undefined);
    assertEquals(await fileSystem({ facts: hostFacts({ kernelConfig: {}, loadPin: true }) }), undefined);
    assertEquals(await fileSystem({ facts: appraising, captured: { images: {} } }), undefined);
    assertEquals(await fileSystem({}), undefined);
    const refused = () => {
      throw new LibcError("no permission");
    };
    assertEquals(await fileSystem({ facts: appraising, open: refused }), undefined);
  } finally {
    Deno.removeSync(path);
  }
});
