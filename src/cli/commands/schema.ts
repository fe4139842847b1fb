import { nearest } from "../../core/nearest.ts";
import type { ExitName } from "../../core/program.ts";
import type { Command, Invocation } from "../command.ts";
import type { Ports } from "../ports.ts";
import { complain } from "../report.ts";

/** `warmboot schema`. */
export const schema: Command = {
  name: "schema",
  usage: "[profile|plan|facts|status|check|diff|fleet|origin|matrix|layer|outcome]",
  words: { min: 0, max: 1 },
  summary: "Print the JSON Schema of profiles, or of what the other commands print",
  description:
    "For editors and validators: draft-07. The first line of a profile may point an editor at it: # yaml-language-server: $schema=profile.schema.json",
  options: [],
  examples: [{ line: "warmboot schema > profile.schema.json", doc: "The schema of profiles" }],
  exits: {},
  run,
};

async function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
  const { SCHEMAS, schemaText } = await import("../../app/schemas.ts");
  const name = invocation.words[0] ?? "profile";
  const make = Object.hasOwn(SCHEMAS, name) ? SCHEMAS[name] : undefined;
  if (make === undefined) {
    const names = Object.keys(SCHEMAS);
    const near = nearest(name, names);
    complain(
      `Unknown schema "${name}"`,
      near === undefined ? `Known are ${names.join(", ")}` : `Did you mean ${near}?`,
      ports,
    );
    return "usage";
  }
  ports.out.write(schemaText(make()));
  return "ok";
}
