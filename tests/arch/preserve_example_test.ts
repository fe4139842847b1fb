import { assertEquals } from "@std/assert";
import { parseProfile } from "../../src/profile/parse.ts";
import { assemble } from "./assemble.ts";

const TEXT = Deno.readTextFileSync(new URL("../../examples/preserve.yaml", import.meta.url));

Deno.test("the payload of examples/preserve.yaml is what its comments say in assembly", async () => {
  const source = [...TEXT.matchAll(/^# {5}(.*)$/gm)].map(([, line]) => line).join("\n");
  const { code } = await assemble(`${source}\n`);
  const [payload] = parseProfile(TEXT, "preserve.yaml").value?.segments ?? [];
  assertEquals(payload?.source.kind === "bytes" ? payload.source.bytes.toHex() : "", code.toHex());
});
