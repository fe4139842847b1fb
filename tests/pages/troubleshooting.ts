/** docs/troubleshooting.md: what to do when a call is refused, by errno, from the tables that `load` and `exec` answer from. */
import type { HostFacts } from "../../src/host/facts.ts";
import { CAUSES } from "../../src/syscall/errors/diagnose.ts";
import { PREPARATION_CAUSES } from "../../src/syscall/errors/preparation_causes.ts";
import { REBOOT_CAUSES } from "../../src/syscall/errors/reboot_causes.ts";
import { UNBIND_CAUSES } from "../../src/syscall/errors/unbind_causes.ts";
import { lowerUnload } from "../../src/plan/lower.ts";
import type { Syscall } from "../../src/plan/syscall.ts";
import { hostFacts } from "../support/host_facts.ts";
import type { CauseRow } from "../../src/syscall/errors/cause.ts";
import { ERRNOS } from "../../src/syscall/errno.ts";

/** A host for the causes that quote one. */
const EXAMPLE: HostFacts = hostFacts({
  lockdown: "integrity",
  memAvailable: 312n << 20n,
  kexec: { ...hostFacts().kexec, crashSize: 64n << 20n },
});

/** The calls by the words of the page. */
const CALLS: ReadonlyMap<Syscall["name"], string> = new Map([
  ["kexec_load", "kexec_load"],
  ["kexec_file_load", "kexec_file_load"],
  ["kexec_unload", "unloading by kexec_load"],
  ["kexec_file_unload", "unloading"],
]);

interface Row {
  readonly errno: string;
  readonly when: string;
  readonly cause: string;
  readonly remedy: string;
}

/** The page. */
export function troubleshootingPage(): string {
  const rows: readonly Row[] = [
    ...CAUSES.map((row) => rowOf(row, row.calls?.map((name) => CALLS.get(name) ?? name).join(", ") ?? "any call")),
    ...REBOOT_CAUSES.map((row) => rowOf(row, "`exec`")),
    ...UNBIND_CAUSES.map((row) => rowOf(row, "`unbind`")),
    ...Object.entries(PREPARATION_CAUSES).map(([errno, { cause, remedy }]) => ({
      errno,
      when: "before the call",
      cause,
      remedy,
    })),
  ];
  const named = ERRNOS.flatMap(({ name, number, text }) => {
    const own = rows.filter(({ errno }) => errno === name);
    return own.length === 0 ? [] : [section(`${name} (${number}): ${text}`, own)];
  });
  const others = rows.filter(({ errno }) => errno === "");
  return `<!-- Generated from the tables under src/syscall/errors by \`deno task generate\`. -->

# When the kernel refuses

\`warmboot plan\` checks beforehand what can be checked; see [diagnostics.md](diagnostics.md) for those complaints. What is
left, the kernel answers with an errno. warmboot then looks at the host again, names the cause, and says what to do: this
page has all of its answers. Where an errno has several, warmboot reports the first that fits the host, in this order.

Nothing is lost by a refused load: an image that was loaded before for a reboot stays loaded. Only a crash kernel is
dropped by the kernel before it looks at the new one; then that is said.

${[...named, ...(others.length === 0 ? [] : [section("Any other errno", others)])].join("\n")}
## No answer here

- \`dmesg | tail\` after the attempt: the kernel often says more there than in its errno.
- \`warmboot load --dry-run PROFILE\` prints the very call; \`warmboot facts > host.json\` holds all that was known of the
  host. Both make a good report of a defect, the second after a look at what it contains.
- A kernel that was entered and says nothing: see the end of [tutorial.md](tutorial.md).
`;
}

function rowOf(row: CauseRow, when: string): Row {
  const { cause } = row;
  return {
    errno: row.errno ?? "",
    when,
    cause: typeof cause === "string" ? cause : cause({ call: lowerUnload(false, false), errno: 0, facts: EXAMPLE }),
    remedy: row.remedy,
  };
}

function section(title: string, rows: readonly Row[]): string {
  const lines = rows.map(({ when, cause, remedy }) => `| ${when} | ${cell(cause)} | ${cell(remedy)} |`);
  return `## ${title}\n\n| at | because | what to do |\n|---|---|---|\n${lines.join("\n")}\n`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
