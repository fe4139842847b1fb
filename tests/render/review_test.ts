import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { reviewCollector } from "../../src/render/review/document.ts";
import { reviewPlan } from "../../src/render/review/detail.ts";
import { withTexts } from "../../src/render/review/model.ts";
import { packTexts } from "../../src/render/review/packed.ts";
import { PATTERNS } from "../../src/render/svg.ts";
import { SCENES } from "./scenes.ts";

function test(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

/** The text that the page has under an id, inflated as the page does. */
async function inflated(page: string, id: string): Promise<string> {
  const base64 = new RegExp(`<script type="application/octet-stream" id="${id}">([^<]*)</script>`).exec(page)?.[1];
  assert(base64 !== undefined, `The page has no ${id}`);
  const stream = new Blob([Uint8Array.fromBase64(base64)]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return await new Response(stream).text();
}

test("texts are packed once, and come back the same; none turns the direction of others", () => {
  const value = [["a", ["b", "a"]], [], "b"];
  const [texts, packed] = JSON.parse(packTexts(value));
  assertEquals(texts, ["a", "b"]);
  assertEquals(withTexts(packed, texts), value);
  assertEquals(JSON.parse(packTexts(["x\u202ey\ud800"]))[0], ["x\ufffdy\ufffd"]);
});

test("the plan of a cell has the picture, the diff and every check; equal hosts have the same picture", () => {
  const { plan, facts } = SCENES.crash;
  assert(facts !== undefined);
  const [headline, verdict, rows, checks, [, blocks], [body, height, words]] = reviewPlan(plan, facts);
  assertStringIncludes(headline, plan.profile);
  assert(verdict.length > 0 && blocks.length > 0);
  assertEquals(checks, plan.checks.map(({ status, rule, message, hint = "" }) => [status, rule, message, hint]));
  assertEquals(rows.map(([label]) => label).slice(0, 2), ["Running now", "On a panic"]);
  assert(body.some((line) => line.includes("wb-segment")) && Number(height) > 0 && words.length > 0);
  assert(body.some((line) => /class="wb-segment[^>]* height="34"/.test(line)));
  const [, , , , [, changes]] = reviewPlan(SCENES.small.plan, SCENES.small.facts);
  assertEquals(changes.flatMap(([, lines]) => lines).find(([, name]) => name === "release"), [
    "~",
    "release",
    `${SCENES.small.facts.release} -> ${SCENES.small.plan.release}`,
  ]);
  const other = { ...plan, host: { ...plan.host, hostname: "other" } };
  assertEquals(reviewPlan(other, { ...facts, hostname: "other" })[5], [body, height, words]);
});

test("the page holds its data, and its policy allows its own script and style alone", async () => {
  const collector = reviewCollector([["<web>", "web.yaml"], ["db", "db.yaml"]]);
  const { plan, facts } = SCENES.crash;
  assert(facts !== undefined);
  const bad = ["fail", [["fail", "lockdown", "</script><b>"]]] as const;
  for (let index = 0; index < 45; index++) {
    await collector.add({ host: `h${index}`, fits: [["ok", []], bad], plans: [reviewPlan(plan, facts), []] });
  }
  const page = await collector.page();
  const { texts: [texts, packed], cells, hostsInPart } = JSON.parse(await inflated(page, "index"));
  const [profiles, hosts, fits] = withTexts(packed, texts);
  assertEquals([profiles, fits], [[["<web>", "web.yaml"], ["db", "db.yaml"]], [["ok", []], bad.slice()]]);
  assertEquals([hosts?.length, cells.length, cells.slice(0, 4), hostsInPart], [45, 90, [0, 1, 0, 1], 20]);
  assertStringIncludes(page, `<script type="application/octet-stream" id="patterns">${PATTERNS}</script>`);
  const last = JSON.parse(await inflated(page, "part-2"));
  assertEquals(withTexts(last[1], last[0]).length, 5);
  assert(!page.includes("</script><b>"));
  const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1] ?? "";
  assertMatch(
    policy,
    /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'$/,
  );
  for (const [name, kind] of [['script type="module"', "script"], ["style", "style"]] as const) {
    const text = new RegExp(`<${name}>([^]*?)</${kind}>`).exec(page)?.[1] ?? "";
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    assertStringIncludes(policy, `${kind}-src 'sha256-${new Uint8Array(digest).toBase64()}'`);
  }
  // Nothing has an address of elsewhere, but for the name space of SVG.
  assertEquals(
    page.replaceAll("http://www.w3.org/2000/svg", "").match(/\bhttps?:\/\/|\bsrc=|@import|url\((?!#)/g),
    null,
  );
});

test("equal reviews are equal bytes", async () => {
  const make = async (): Promise<string> => {
    const collector = reviewCollector([["a", "a.yaml"]]);
    await collector.add({ host: "h", fits: [["ok", []]], plans: [[]] });
    return await collector.page();
  };
  assertEquals(await make(), await make());
});

test("hosts are packed by twenties, and the title names what is on the page", async () => {
  const made = async (profiles: readonly string[], hosts: readonly string[]) => {
    const collector = reviewCollector(profiles.map((name) => [name, `${name}.yaml`]));
    for (const host of hosts) {
      await collector.add({ host, fits: profiles.map(() => ["ok", []] as const), plans: profiles.map(() => []) });
    }
    const page = await collector.page();
    const [, title] = /<title>(.*) - warmboot review<\/title>/.exec(page) ?? [];
    assertStringIncludes(page, `<h1>${title}</h1>`);
    return [title, page.match(/id="part-\d+"/g)?.length ?? 0];
  };
  const hosts = (count: number) => Array.from({ length: count }, (_, index) => `h${index}`);
  assertEquals(await made(["web"], ["<h>\u202e"]), ["web on &lt;h&gt;\ufffd", 1]);
  assertEquals(await made(["web"], hosts(2)), ["1 profile on 2 hosts", 1]);
  assertEquals(await made(["web", "db"], hosts(1)), ["2 profiles on 1 host", 1]);
  assertEquals([await made(["web"], hosts(20)), await made(["web"], hosts(21)), await made(["web"], hosts(0))], [
    ["1 profile on 20 hosts", 1],
    ["1 profile on 21 hosts", 2],
    ["1 profile on 0 hosts", 0],
  ]);
});
