import { type ExitName, VERSION, worse } from "../../core/program.ts";
import type { Diagnostic } from "../../core/diagnostic.ts";
import { originRows } from "../../profile/origin_rows.ts";
import { checkResult, checkText } from "../../render/check.ts";
import { junitXml } from "../../render/junit.ts";
import { type OriginReport, originText } from "../../render/origin.ts";
import { sarifLog } from "../../render/sarif.ts";
import { type CheckedFiles, checkFiles } from "../../app/check_files.ts";
import { type Invocation, isSet, textOption } from "../command.ts";
import type { Ports } from "../ports.ts";
import { layerFiles } from "../../app/layer_files.ts";
import { complain, exitOf, report } from "../report.ts";
import { yamlText } from "../serialise.ts";
import { jsonText } from "../../core/text.ts";

/** Does what `warmboot check` is asked to. */
export function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
  const form = textOption(invocation, "output") ?? "text";
  const origin = isSet(invocation, "origin");
  if (origin && (form === "sarif" || form === "junit")) {
    complain(`--origin has no form ${form}`, "Write -o text, -o json or -o yaml", ports);
    return Promise.resolve("usage");
  }
  let exit: ExitName = "ok";
  const tells = form === "text" || origin;
  const told = new Set<string>();
  const checked = checkFiles(invocation.words, layerFiles(), (diagnostics) => {
    const found = exitOf(diagnostics);
    if (tells) report(diagnostics.filter((each) => isNew(each, told)), ports);
    exit = worse(exit, found);
  });
  const files = checked.profiles.map(({ verdict }) => verdict);
  const result = checkResult(files, checked.parts);
  const shown = (): string => {
    switch (form) {
      case "json":
      case "yaml":
        return (form === "json" ? jsonText : yamlText)(origin ? originReport(checked) : result);
      case "sarif":
        return jsonText(sarifLog([...files, ...unusedParts(checked)], VERSION));
      case "junit":
        return junitXml([...files, ...unusedParts(checked)]);
      default:
        return origin ? originText(originReport(checked), ports.out.layout) : checkText(result, ports.out.layout);
    }
  };
  ports.out.write(shown());
  return Promise.resolve(exit);
}

/** Whether a problem was not told yet: a fault of a base shows in every profile that is made of it. */
function isNew({ code, message, position }: Diagnostic, told: Set<string>): boolean {
  if (position === undefined) return true;
  const key = `${position.file}\0${position.line}\0${position.column}\0${code}\0${message}`;
  if (told.has(key)) return false;
  told.add(key);
  return true;
}

/** The files that are of no use to any profile: a warning, in forms that know only of files. */
function unusedParts({ parts }: CheckedFiles): CheckedFiles["profiles"][number]["verdict"][] {
  return parts.filter(({ used }) => !used).map(({ file, diagnostics }) => ({ file, valid: true, diagnostics }));
}

function originReport({ profiles }: CheckedFiles): OriginReport {
  return {
    format: "warmboot.origin/1",
    profiles: profiles.flatMap(({ verdict, parsed }) =>
      parsed?.merged === undefined ? [] : [{
        file: verdict.file,
        layers: parsed.layers.map(({ file, role }) => ({ file, role })),
        keys: originRows(parsed.merged),
      }]
    ),
  };
}
