import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { initProfile } from "../../src/app/init_profile.ts";
import { parseProfile } from "../../src/profile/parse.ts";
import { bzImage } from "../image/build.ts";
import { run } from "../support/run_cli.ts";

const kernel = (release: string): Uint8Array => bzImage({ version: `${release} (builder@example.org) #1 SMP` });

function host(): Disposable & { readonly root: string; readonly add: (release: string) => void } {
  const root = Deno.makeTempDirSync({ prefix: "warmboot-init-" });
  const add = (release: string) => {
    Deno.writeFileSync(`${root}/boot/vmlinuz-${release}`, kernel(release));
    Deno.writeFileSync(`${root}/boot/initrd.img-${release}`, new Uint8Array(1));
  };
  Deno.mkdirSync(`${root}/boot`);
  add("6.1.0-50-amd64");
  return { root, add, [Symbol.dispose]: () => Deno.removeSync(root, { recursive: true }) };
}

function guardIn(text: string): unknown {
  const { value, diagnostics } = parseProfile(text, "web.yaml");
  assertEquals(diagnostics, []);
  return value?.guard;
}

Deno.test("init writes a guard where it is asked to, and a profile that has none otherwise", async () => {
  using made = host();
  const from = { kind: "newest", root: made.root } as const;
  const [plain, guarded] = [await initProfile({ from }), await initProfile({ from, guard: true })];
  assert(plain.kind === "profile" && guarded.kind === "profile");
  assertEquals(guardIn(plain.text), undefined);
  assertEquals(guardIn(guarded.text), { panic: 10, confirm: 600 });
});

Deno.test("a profile that follows the newest kernel keeps its guard", async () => {
  using made = host();
  const out = `${made.root}/web.yaml`;
  for (const pin of [false, true]) {
    const from = { kind: "newest", root: made.root, follow: true } as const;
    assertEquals((await initProfile({ from, pin, guard: true, out })).kind, "profile");
    made.add(`6.12.${pin ? 2 : 1}-amd64`);
    const { code, stderr } = await run(["refresh", "--root", made.root, out]);
    assertEquals(code, 0, stderr);
    const text = Deno.readTextFileSync(out);
    assertStringIncludes(text, `6.12.${pin ? 2 : 1}`);
    assertEquals(guardIn(text), { panic: 10, confirm: 600 });
    Deno.removeSync(out);
  }
});

Deno.test("init says which units a guard needs, and enables none", async () => {
  using made = host();
  const { code, stdout, stderr } = await run(["init", "--newest", "--guard", "--root", made.root]);
  assertEquals(code, 0);
  assertStringIncludes(stdout, "guard: { panic: 10s, confirm: 10min }");
  for (const command of ["systemctl enable --now warmboot-arrive", "systemctl enable warmboot-confirm"]) {
    assertStringIncludes(stderr, command);
  }
  const { stderr: plain } = await run(["init", "--newest", "--root", made.root]);
  assertEquals(plain.includes("systemctl"), false);
});
