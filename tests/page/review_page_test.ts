/** The review page in headless Chromium: what a reviewer does with it, by clicks and keys. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import axe from "axe-core";
import { join } from "@std/path";
import { writeFleet } from "../../bench/fleet.ts";
import type { Matrix } from "../../src/render/matrix.ts";
import { run } from "../support/run_cli.ts";
import { openPage, type Page } from "./chromium.ts";

const HOSTS = 110;

/** A host whose every text is markup, in a folder: with it, the name of the host ends a script. */
const HOSTILE = "a<img src=x onerror=pwned()>/<script>pwned()<";
const MARKUP = `<img src=x onerror="pwned()"> \${{ 1 }} </script><script>pwned()</script> &amp; '"`;
const HOSTILE_PROFILE = "z<b onmouseover=pwned()>.yaml";

const folder = Deno.makeTempDirSync({ prefix: "warmboot-page-" });
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const path = (name: string): string => join(folder, name);

function writeHostile(): void {
  const name = Array.from(Deno.readDirSync(path("hosts"))).map((entry) => entry.name).sort()[1] ?? "";
  const capture = JSON.parse(Deno.readTextFileSync(path(`hosts/${name}`)));
  capture.files["/proc/cmdline"] = `root=/dev/vda ${MARKUP}\n`;
  capture.files["/proc/sys/kernel/hostname"] = "<i>host</i>\n";
  const [outer = "", inner = ""] = HOSTILE.split("/");
  Deno.mkdirSync(path(`hosts/${outer}`), { recursive: true });
  Deno.writeTextFileSync(path(`hosts/${outer}/${inner}.json`), JSON.stringify(capture));
  Deno.writeTextFileSync(
    path(`profiles/${HOSTILE_PROFILE}`),
    `version: 1\nkernel: /boot/vmlinuz\ninitrd: /boot/initrd.img\ncmdline: ${
      JSON.stringify("ro <script>pwned()</script>")
    }\n` +
      `requires: { hostname: "<i>*" }\n`,
  );
}

/** What axe-core finds wrong: for screen readers, keyboards and eyes. */
async function inaccessible(page: Page): Promise<readonly string[]> {
  await page.evaluate(`${axe.source}; undefined`);
  return await page.evaluate(`axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
    violations.map(({ id, nodes }) => id + ": " + nodes.slice(0, 3).map(({ html, failureSummary }) => html + failureSummary).join()))`);
}

const rows = `document.querySelectorAll(".matrix tbody tr").length`;
const status = `document.getElementById("status").textContent`;
const isOpen = `document.querySelector("dialog[open] .picture svg")`;
const isClosed = `!document.querySelector("dialog[open]")`;
const title = `document.getElementById("opened").textContent`;

Deno.test("the review page of a fleet, from a file", async (test) => {
  writeFleet(folder, HOSTS);
  writeHostile();
  const out = path("review.html");
  const args = ["plan", path("profiles"), "--facts-dir", path("hosts"), "-o", "html", "--out", out];
  const made = await run(args);
  assertEquals([made.code, made.stdout, made.stderr], [69, "", `Stored in ${out}\n`]);
  await using page = await openPage();
  const url = `file://${out}`;

  await test.step("it opens, and asks for nothing", async () => {
    await page.go(url);
    await page.until("document.documentElement.dataset.ready");
    assertEquals(await page.evaluate(status), `${HOSTS + 1} hosts by 11 profiles`);
    assertEquals(await page.evaluate(rows), 100);
    assertEquals(page.requests, [url]);
    assertEquals(page.complaints, []);
    assertEquals(await page.evaluate("document.title"), `11 profiles on ${HOSTS + 1} hosts - warmboot review`);
    await page.click(".pager button:last-child");
    assertEquals(await page.evaluate(rows), HOSTS + 1);
  });

  await test.step("the causes are those of the matrix, the most frequent first, and each profile has its counts", async () => {
    const { stdout } = await run(["plan", path("profiles"), "--facts-dir", path("hosts"), "-o", "json"]);
    const matrix: Pick<Matrix, "profiles" | "cells"> = JSON.parse(stdout);
    const badges = { fail: "FAIL", warn: "warn" } as const;
    const keys = matrix.cells.flatMap(({ reasons }) => [
      ...new Set(reasons.flatMap(({ status, rule }) => status === "excluded" ? [] : [`${badges[status]} ${rule}`])),
    ]);
    const expected = [...Map.groupBy(keys, (key) => key)].map(([key, { length }]) =>
      `${key} ${length} plan${length === 1 ? "" : "s"}`
    );
    const shown = await page.evaluate<readonly string[]>(
      `[...document.querySelectorAll(".causes button")].map((button) =>
        [".badge", "code", ".of"].map((part) => button.querySelector(part).textContent).join(" "))`,
    );
    assertEquals(shown.toSorted(), expected.toSorted());
    const numbers = shown.map((text) =>
      (text.startsWith("FAIL") ? 1_000_000 : 0) + Number(/ (\d+) plans?$/.exec(text)?.[1])
    );
    assertEquals(numbers, numbers.toSorted((a, b) => b - a));
    const visible = `[...document.querySelectorAll(".causes li")].filter((item) => !item.hidden).length`;
    assert(expected.length > 5);
    assertEquals(await page.evaluate(visible), 5);
    await page.click(".why .plain");
    assertEquals(await page.evaluate(visible), expected.length);
    const counts = matrix.profiles.map((_, index) => {
      const hosts = matrix.cells.length / matrix.profiles.length;
      const own = matrix.cells.slice(index * hosts, (index + 1) * hosts);
      return ["fail", "warn", "ok", "excluded"].map((wanted) => own.filter(({ status }) => status === wanted).length)
        .filter((count) => count > 0).join(" ");
    });
    assertEquals(
      await page.evaluate(
        `[...document.querySelectorAll(".matrix thead .counts")].map((counts) =>
          [...counts.children].map((each) => each.firstChild.textContent).join(" "))`,
      ),
      counts,
    );
  });

  await test.step("filter by text, outcome and rule, and clear", async () => {
    await page.press("/");
    await page.type("db0000");
    const names = `[...document.querySelectorAll(".matrix tbody th")].map((th) => th.textContent)`;
    const some = await page.evaluate<readonly string[]>(names);
    assert(some.length > 0 && some.every((name) => name.startsWith("db0000")), String(some));
    await page.type("no such text");
    assertEquals(await page.evaluate(rows), 0);
    assertEquals(await page.evaluate(`document.querySelector(".nothing").hidden`), false);
    await page.click(".filter .plain");
    assertEquals(await page.evaluate(rows), 100);
    await page.click(".chip.fail");
    assertMatch(await page.evaluate<string>(status), /^\d+ of 111 hosts, with \d+ matching cells$/);
    assertEquals(await page.evaluate(`document.querySelectorAll(".matrix td:not(.other) a:not(.fail)").length`), 0);
    await page.evaluate(`{
      const rule = document.getElementById("rule");
      rule.value = "lockdown";
      rule.dispatchEvent(new Event("change"));
    }`);
    const texts = await page.evaluate<readonly string[]>(
      `[...document.querySelectorAll(".matrix td:not(.other) a")].map((a) => a.textContent)`,
    );
    assert(texts.length > 0 && texts.every((text) => text.startsWith("FAIL")), String(texts));
    await page.click(".filter .plain");
    await page.click(".causes button");
    assertEquals(await page.evaluate(`document.querySelector(".causes button").getAttribute("aria-pressed")`), "true");
    await page.click(".causes button");
    assertEquals(await page.evaluate(status), `${HOSTS + 1} hosts by 11 profiles`);
  });

  await test.step("a cell opens its plan; Escape, the history and a link lead back and forth", async () => {
    await page.click('.matrix a[href="#placed/db00001"], .matrix a[href^="#placed/db"]');
    await page.until(isOpen);
    const hash = await page.evaluate<string>("location.hash");
    assertMatch(hash, /^#placed\/db\d+$/);
    const text = await page.evaluate<string>(`document.querySelector("dialog").textContent`);
    for (
      const part of ["Memory", "Difference from the running system", "kexec_load", "checks passed", "Ready to load"]
    ) {
      assertStringIncludes(text, part);
    }
    assert(await page.evaluate<number>(`document.querySelectorAll("dialog .wb-segment").length`) > 0);
    const host = path(`hosts/${hash.split("/")[1]}.json`);
    const made = await run(["plan", path("profiles/placed.yaml"), "--facts", host, "-o", "json"]);
    const passed = JSON.parse(made.stdout).checks.filter(({ status }: { readonly status: string }) =>
      status === "pass"
    );
    assertStringIncludes(text, `${passed.length} checks passed`);
    assertEquals(
      await page.evaluate(`document.querySelectorAll("dialog .check-table tbody tr").length`),
      passed.length,
    );
    await page.click("dialog nav button:last-child");
    await page.until(`location.hash !== ${JSON.stringify(hash)} && ${title}.endsWith(location.hash.split("/")[1])`);
    await page.press("Escape");
    await page.until(isClosed);
    await page.until(`location.hash === ""`);
    assertEquals(await page.evaluate("document.activeElement.tagName"), "A");
    await page.press("Enter");
    await page.until(isOpen);
    await page.back();
    await page.until(isClosed);
    await page.go("about:blank");
    await page.go(`${url}${hash}`);
    await page.until(isOpen);
    assertEquals(await page.evaluate(title), hash.slice(1).replace("/", " on "));
    await page.click("dialog .close");
    await page.until(`${isClosed} && location.hash === ""`);
    await page.evaluate(`location.hash = "#placed/gone"`);
    await page.until(`document.querySelector(".alert:not([hidden])")`);
    assertEquals(
      await page.evaluate(`document.querySelector(".alert").textContent`),
      "This review has no placed on gone",
    );
    await page.evaluate(`location.hash = ""`);
  });

  await test.step("the keyboard alone moves in the grid and opens a cell", async () => {
    await page.evaluate(`document.querySelector('.matrix a[tabindex="0"]').focus()`);
    await page.press("Home");
    const at = `document.activeElement.dataset.at`;
    const [row = NaN, column = NaN] = (await page.evaluate<string>(at)).split(" ").map(Number);
    await page.press("ArrowDown");
    await page.press("ArrowRight");
    assertEquals(await page.evaluate(at), `${row + 1} ${column + 1}`);
    assertEquals(await page.evaluate(`document.querySelectorAll('.matrix a[tabindex="0"]').length`), 1);
    await page.press("Enter");
    await page.until(`document.querySelector("dialog[open] section")`);
    await page.press("Escape");
    await page.until(isClosed);
    assertEquals(await page.evaluate(at), `${row + 1} ${column + 1}`);
  });

  await test.step("texts of hosts and profiles are texts", async () => {
    await page.evaluate(`window.pwned = () => { document.documentElement.dataset.pwned = "yes" }`);
    const link = `#${encodeURIComponent(HOSTILE_PROFILE.replace(".yaml", ""))}/${
      HOSTILE.split("/").map(encodeURIComponent).join("/")
    }`;
    await page.evaluate(`location.hash = ${JSON.stringify(link)}`);
    await page.until(isOpen);
    assertEquals(await page.evaluate(title), `${HOSTILE_PROFILE.replace(".yaml", "")} on ${HOSTILE}`);
    const text = await page.evaluate<string>(`document.querySelector("dialog").textContent`);
    assertStringIncludes(text, MARKUP.trim());
    assertStringIncludes(text, "on <i>host</i>");
    assertStringIncludes(text, "<script>pwned()</script>");
    assertEquals(
      await page.evaluate(
        `[...document.querySelectorAll("img, i, iframe, script:not([id]), [onerror], [onmouseover]")].length`,
      ),
      1,
    );
    assertEquals(await page.evaluate(`document.documentElement.dataset.pwned ?? "no"`), "no");
    await page.press("Escape");
    await page.until(isClosed);
    assertEquals(page.complaints, []);
  });

  await test.step("axe finds nothing, light and dark, closed and open, wide and narrow; nothing is cut off", async () => {
    for (const [width, height, colorScheme] of [[1280, 900, "light"], [390, 800, "dark"]] as const) {
      await page.resize(width, height);
      await page.emulate({ colorScheme });
      assertEquals(await inaccessible(page), [], `${width} ${colorScheme}`);
      const overflow = "document.documentElement.scrollWidth - innerWidth";
      assert(await page.evaluate<number>(overflow) <= 0);
      await page.click(".matrix a.warn");
      await page.until(isOpen);
      assertEquals(await inaccessible(page), [], `${width} ${colorScheme}, open`);
      assert(await page.evaluate<number>(overflow) <= 0);
      assertEquals(
        await page.evaluate(
          `document.querySelector("dialog").scrollWidth - document.querySelector("dialog").clientWidth`,
        ),
        0,
      );
      await page.press("Escape");
      await page.until(isClosed);
    }
    await page.resize(1280, 900);
  });

  await test.step("print has every row", async () => {
    await page.emulate({ medium: "print" });
    await page.evaluate(`dispatchEvent(new Event("beforeprint"))`);
    assertEquals(await page.evaluate(rows), HOSTS + 1);
    assertEquals(await page.evaluate(`getComputedStyle(document.querySelector(".filter")).display`), "none");
    await page.evaluate(`dispatchEvent(new Event("afterprint"))`);
    assertEquals(await page.evaluate(rows), 100);
    await page.emulate({});
  });

  await test.step("the page of one plan is the plan", async () => {
    const host = Array.from(Deno.readDirSync(path("hosts"))).map(({ name }) => name).sort()[5] ?? "";
    const { stdout, code } = await run([
      "plan",
      path("profiles/low.yaml"),
      "--facts",
      path(`hosts/${host}`),
      "-o",
      "html",
    ]);
    assertEquals(code, 0);
    Deno.writeTextFileSync(path("one.html"), stdout);
    await page.go(`file://${path("one.html")}`);
    await page.until("document.documentElement.dataset.ready");
    assertStringIncludes(
      await page.evaluate<string>("document.body.textContent"),
      "Difference from the running system",
    );
    assert(await page.evaluate<boolean>(`document.querySelector(".picture svg") !== null`));
    assertEquals(await inaccessible(page), []);
    assertEquals(page.complaints, []);
  });
});
