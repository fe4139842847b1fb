/** docs/conformance.md, from what the runs saw. */
import {
  callOf,
  type Condition,
  type Ours,
  PAGE_ERRORS,
  SEEN_ON,
  type SeenOn,
  sourceAnswer,
  TRIED,
} from "./condition.ts";
import type { Observation } from "./observation.ts";
import { CONDITIONS, UNREACHABLE } from "./table.ts";

/** What was seen, by kernel. */
export type Seen = { readonly [Kernel in SeenOn]: readonly Observation[] };

const NO_ERRNO: readonly string[] = ["accepted", "not there"];

/** The page, for these observations. */
export function conformancePage(seen: Seen): string {
  const errnos = [
    ...new Set([...Object.values(PAGE_ERRORS).map(({ errno }) => errno), ...CONDITIONS.map(errnoOf).toSorted()]),
  ].filter((errno) => !NO_ERRNO.includes(errno));
  const sections = errnos.map((errno) => {
    const page = Object.values(PAGE_ERRORS).filter((error) => error.errno === errno);
    const rows = CONDITIONS.filter((condition) => errnoOf(condition) === errno && condition.group === undefined);
    const intro = page.length === 0
      ? "The man page does not have it."
      : `The man page has it where\n\n${page.map(({ about }) => `- ${about}`).join("\n")}`;
    return `## ${errno}\n\n${intro}\n\n${table(rows, seen)}`;
  });
  const accepted = CONDITIONS.filter((condition) => NO_ERRNO.includes(errnoOf(condition)));
  const agreed = accepted.filter(({ ours }) => ours.by === "agreement");
  return `<!-- Generated from runs on real kernels by \`deno task conformance\`. -->

# What the kernel answers, and what warmboot says before

kexec_load(2) and kexec_file_load(2) refuse what is wrong with an errno and no more; and some of what is wrong they take,
so that the reboot fails. This page shows both, call by call: each was made to a real kernel with none of warmboot's checks
before it, and the same was put to warmboot as a profile or as a stored plan.

The kernels are Debian's, for amd64 of Linux 6.1 and 6.12, for arm64 of 6.1, in QEMU. A test makes the calls again and
fails where a kernel or warmboot answers otherwise than here.

- **kernel** is what the kernel's source has it answer: an errno, or *accepted*.
- **man page** says whether kexec_load(2), the page of both calls, has this case of the error.
- **warmboot** names the check that fails, or the diagnostic that is given, before any call
  ([diagnostics.md](diagnostics.md) has them all). *Stored plan* marks what no profile can ask for, and an edited plan can.
  Where nothing says so before, it is the cause that is named after the refusal.
- **seen** is what the kernel answered; *not there*, that this kernel has no such state. Debian's kernel for arm64 is built
  without kexec_file_load, and answers ENOSYS whatever else may be wrong; warmboot says \`call-available\` there.

${sections.join("\n\n")}

## Architectures

\`arch\` of a profile is in the upper bits of the flags of kexec_load. The kernels take their own and
\`KEXEC_ARCH_DEFAULT\`.

${table(CONDITIONS.filter(({ group }) => group === "architecture"), seen)}

## Taken by the kernel all the same

Here the kernel does not look, or does not mind; the reboot would fail, or do something else than was meant.

${table(accepted.filter(({ ours }) => ours.by !== "agreement"), seen)}

## Sound calls

Neither has an objection.

${table(agreed, seen)}

## What these runs cannot show

| condition | call | kernel | warmboot | why not |
|---|---|---|---|---|
${
    UNREACHABLE.map(({ title, call, errno, ours, why }) => `| ${title} | ${call} | ${errno} | ${ours} | ${why} |`).join(
      "\n",
    )
  }
`;
}

/** The errno by which a row is found: that of the first kernel that gives one. */
function errnoOf(condition: Condition): string {
  const answers = SEEN_ON.map((kernel) => sourceAnswer(condition, kernel));
  return answers.find((answer) => !NO_ERRNO.includes(answer)) ?? "accepted";
}

function table(conditions: readonly Condition[], seen: Seen): string {
  const head = `| condition | call | kernel | man page | warmboot | ${
    SEEN_ON.map((name) => `seen on ${TRIED[name].column}`).join(" | ")
  } |`;
  const rows = conditions.map((condition) => {
    const { title, ours, id } = condition;
    const call = callOf(condition);
    const answers = SEEN_ON.map((name) => seen[name].find((each) => each.id === id)?.answer ?? "not tried");
    return `| ${[title, call, kernelsAnswer(condition), onPage(condition), said(ours), ...answers].join(" | ")} |`;
  });
  return [head, `|${"---|".repeat(5 + SEEN_ON.length)}`, ...rows].join("\n");
}

function onPage(condition: Condition): string {
  return errnoOf(condition) === "accepted" ? "" : condition.page === undefined ? "no" : "yes";
}

/** By release where they differ, then the architectures that differ. */
function kernelsAnswer(condition: Condition): string {
  const { on = {}, ...elsewhere } = condition;
  const isAnswer = (answer: string) => answer !== "not there";
  const answers = new Set(SEEN_ON.map((kernel) => sourceAnswer(elsewhere, kernel)).filter(isAnswer));
  const exceptions = Object.entries(on).filter(([, answer]) => isAnswer(answer));
  return [[...answers].join(", later "), ...exceptions.map(([arch, answer]) => `${answer} on ${arch}`)].join("; ");
}

function said(ours: Ours): string {
  switch (ours.by) {
    case "profile":
      return `\`${ours.says}\`${ours.status === "warn" ? " warns" : ""}`;
    case "stored plan":
      return `\`${ours.says}\`${ours.status === "warn" ? " warns" : ""} (stored plan)`;
    case "cause": {
      const others = Object.entries(ours.on ?? {}).map(([arch, says]) => `; on ${arch}: "${says}"`);
      return `afterwards: "${ours.says}"${others.join("")}`;
    }
    case "nothing":
      return `cannot come about: ${ours.why}`;
    case "agreement":
      return "no objection";
  }
}
