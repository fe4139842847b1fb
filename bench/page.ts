/**
 * The review page of 1,000 hosts by ten profiles: its size, and in headless Chromium, from a file, the time to the first paint
 * and until the table is there.
 */
import { join } from "@std/path";
import { openPage } from "../tests/page/chromium.ts";
import { writeFleet } from "./fleet.ts";
import { median } from "./pairs.ts";

const ROOT = join(import.meta.dirname ?? ".", "..");
const HOSTS = 1000;
const ROUNDS = 5;

/** Runs it, and gives the lines of the result. */
export async function benchPage(): Promise<readonly string[]> {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-bench-" });
  try {
    writeFleet(folder, HOSTS);
    const file = join(folder, "review.html");
    const words = [join(folder, "profiles"), "--facts-dir", join(folder, "hosts"), "-o", "html", "--out", file];
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--quiet", "cli.ts", "plan", ...words],
      cwd: ROOT,
    }).output();
    // Some of the plans fail.
    if (code !== 69) throw new Error(new TextDecoder().decode(stderr));
    const paints: number[] = [];
    const tables: number[] = [];
    await using page = await openPage();
    for (let round = 0; round < ROUNDS; round++) {
      await page.go("about:blank");
      await page.go(`file://${file}`);
      await page.until("document.documentElement.dataset.ready");
      await page.until("performance.getEntriesByType('paint').length > 0");
      paints.push(await page.evaluate<number>("performance.getEntriesByName('first-contentful-paint')[0].startTime"));
      tables.push(await page.evaluate<number>("Number(document.documentElement.dataset.ready)"));
    }
    const line = (what: string, value: string, aim: string): string =>
      `${what.padEnd(58)}${value.padStart(10)}${"".padStart(18)}   aim ${aim}`;
    return [
      line(
        `size of the review page, ${HOSTS} hosts by 10 profiles`,
        `${(Deno.statSync(file).size / 1e6).toFixed(2)} MB`,
        "5 MB",
      ),
      line("first paint", `${median(paints).toFixed(0)} ms`, "1000 ms"),
      line("table complete", `${median(tables).toFixed(0)} ms`, "1000 ms"),
    ];
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
