import { isSameFile, isTaken, PRIVATE, writeWhole } from "../../app/files/write_whole.ts";
import { STDIO } from "../../app/files/stdio.ts";
import type { Prepared } from "../../app/prepare.ts";
import { type ExitName, worse } from "../../core/program.ts";
import type { Plan } from "../../plan/plan.ts";
import type { FleetReview } from "../../app/review.ts";
import type { Matrix } from "../../render/matrix.ts";
import { type Layout, PLAIN } from "../../render/style.ts";
import type { Outlook } from "../../state/expectation.ts";
import {
  type Command,
  type DataForm,
  FACTS_OPTION,
  formOf,
  type Invocation,
  isSet,
  MAX_AGE_ALONE,
  MAX_AGE_OPTION,
  outputOption,
  STRICT_OPTION,
  textOption,
} from "../command.ts";
import type { Ports } from "../ports.ts";
import { progressOf } from "../progress.ts";
import { complain, dataText, report, say } from "../report.ts";
import { reportOldCaptures } from "../old_captures.ts";

const OUTPUT = outputOption("text", "json", "yaml", "svg", "html", "markdown", "junit");
type Form = typeof OUTPUT.choices[number];

/** A form of the output, and what belongs to it alone. */
interface OutputForm {
  /** The plan in this form. */
  readonly show: (plan: Plan, shown: Shown) => Promise<string>;
  /** The options that require it. */
  readonly options: readonly string[];
  /** The ending of a file name by which someone means what is shown: --out stores the plan itself. */
  readonly ending?: string;
}

/** What a form needs besides the plan. */
interface Shown {
  readonly facts: Prepared["facts"];
  /** How long the reboot will take, where this host has attempts. */
  readonly outlook: Outlook | undefined;
  readonly invocation: Invocation;
  readonly layout: Layout;
  /** The profile's file, or its name, as it was given. */
  readonly path: string;
  readonly diagnostics: Prepared["diagnostics"];
}

/** The forms of a plan. -o junit is a form of the matrix alone. */
const FORMS: { readonly [form in Exclude<Form, "junit">]: OutputForm } = {
  text: { show: planAsText, options: ["verbose", "brief"] },
  json: { show: (plan) => stored(plan, "json"), options: [] },
  yaml: { show: (plan) => stored(plan, "yaml"), options: [] },
  svg: {
    show: async (plan, { facts }) => (await import("../../render/pictures.ts")).renderPlanSvg(plan, facts),
    options: [],
    ending: ".svg",
  },
  html: {
    show: async (plan, { facts, path, diagnostics }) =>
      facts === undefined ? "" : await (await import("../../app/review.ts")).planReview(plan, facts, path, diagnostics),
    options: [],
    ending: ".html",
  },
  markdown: {
    show: async (plan, { invocation }) =>
      (await import("../../render/plan_markdown.ts")).renderPlanMarkdown(plan, textOption(invocation, "picture")),
    options: ["picture"],
    ending: ".md",
  },
};

/** `warmboot plan`. */
export const plan: Command = {
  name: "plan",
  usage: "PROFILE|DIR...",
  words: { min: 1, max: Infinity },
  summary: "Show what would happen, and change nothing",
  description:
    "Reads the host, opens and hashes the files that the profile names, chooses the system call, says why, and checks everything that can be checked before the call.\nThe plan can be stored with --out, reviewed, and carried out with `warmboot load FILE`: exactly as it is, or not at all.\nThe text and -o svg draw the host's memory, with each segment at its address. The text ends with the checks that warn or fail, and a verdict that names them. -o markdown is for a pull request; foreign text in it is escaped. -o html is one page that asks for nothing from anywhere: the plan, its memory, its checks, and how it differs from the running system.\nWith --facts-dir, plans each profile for each captured host of a folder and prints which fits which: ok, warn, FAIL, or - for a host that `requires` excludes, and why. -o html has all of these plans on one page, to filter, open and link to. It exits 69 if a profile fails on a host that it is for; with --unmatched also if a profile fits no host, or no profile fits a host. -o junit and -o markdown are for CI and a pull request.\nWith -o json or yaml, an invalid profile prints its diagnostics, as `warmboot check` does.",
  options: [
    OUTPUT,
    { name: "verbose", short: "v", doc: "List the checks that passed as well" },
    { name: "brief", doc: "Print five lines, for a chat or a commit comment" },
    { name: "picture", value: "LINK", doc: "Link this picture from -o markdown; -o svg makes it" },
    {
      name: "out",
      value: "FILE",
      doc:
        "Store the plan in FILE for `warmboot load` (JSON; YAML with -o yaml); - prints it, and nothing else. With --facts-dir: store what is printed otherwise",
    },
    FACTS_OPTION,
    { name: "facts-dir", value: "DIR", doc: "Plan every profile for every host captured in DIR, and print the matrix" },
    { name: "unmatched", doc: "With --facts-dir: exit 69 too if a profile fits no host, or no profile fits a host" },
    { name: "jobs", value: "N", doc: "With --facts-dir: plan on N cores (1); the result is the same" },
    MAX_AGE_OPTION,
    STRICT_OPTION,
  ],
  examples: [
    { line: "warmboot plan web.yaml", doc: "Look before a reboot" },
    { line: "warmboot plan web.yaml --out web.plan.json", doc: "Store the plan for review" },
    { line: "warmboot plan web.yaml --facts host.json", doc: "Plan for a captured host, as CI does" },
    { line: "warmboot plan web.yaml --facts host.json -o svg > web.svg", doc: "A picture for a review" },
    {
      line: "warmboot plan web.yaml --facts host.json -o markdown --picture web.svg",
      doc: "The plan for a pull request, with that picture",
    },
    { line: "warmboot plan profiles --facts-dir hosts", doc: "Which profile fits which host?" },
    {
      line: "warmboot plan profiles --facts-dir hosts -o html --out review.html",
      doc: "The same as a page, with the plans",
    },
    { line: "warmboot plan profiles --facts-dir hosts -o junit > boot.xml", doc: "The same, as tests for a CI system" },
  ],
  exits: {
    data: "The profile or the capture is invalid",
    noinput: "A named file is missing or unreadable",
    unavailable: "A check of the plan failed, or a profile fits no host",
    permission: "A file or the host may not be read, or warmboot lacks CAP_SYS_BOOT",
  },
  run,
};

async function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
  const form = formOf(invocation, OUTPUT);
  const [path = "", ...others] = invocation.words;
  const facts = textOption(invocation, "facts");
  const out = textOption(invocation, "out");
  const hosts = textOption(invocation, "facts-dir");
  const misfit = misfitOf(invocation, form, out);
  if (misfit !== undefined) {
    complain(...misfit, ports);
    return "usage";
  }
  const captures = hosts ?? facts;
  const old = captures === undefined ? 0 : await reportOldCaptures(captures, invocation, ports);
  if (old === undefined) return "usage";
  if (hosts !== undefined && form !== "svg") {
    return await showMatrix(hosts, { form, out: out === STDIO ? undefined : out, isOld: old > 0 }, invocation, ports);
  }
  if (form === "junit") throw new Error("-o junit was refused");
  const { isFolder } = await import("../../app/files/find_files.ts");
  if (others.length > 0 || isFolder(path)) {
    complain(
      "plan takes one profile, unless --facts-dir is given",
      "Plan several profiles for several hosts with --facts-dir DIR",
      ports,
    );
    return "usage";
  }
  const { prepare } = await import("../../app/prepare.ts");
  using prepared = await prepare(path, { facts, storedPlans: false, onReading: progressOf(ports) });
  const exit = report(prepared.diagnostics, ports);
  const { plan } = prepared;
  if (plan === undefined) {
    if (form === "json" || form === "yaml") ports.out.write(await diagnosticsIn(form, path, prepared));
    return exit;
  }
  const file = out === STDIO ? undefined : out;
  const input = file === undefined ? undefined : await overwritten(file, path, facts, prepared);
  if (input !== undefined) {
    complain(`The plan would overwrite ${input}, from which it is made`, "Name another file with --out", ports);
    return "usage";
  }
  const outlook = form === "text" && facts === undefined
    ? (await import("../../app/outlook.ts")).readOutlook(prepared)
    : undefined;
  const { diagnostics } = prepared;
  const shown = { facts: prepared.facts, outlook, invocation, layout: ports.out.layout, path, diagnostics };
  ports.out.write(out === STDIO ? await stored(plan, form) : await FORMS[form].show(plan, shown));
  if (file !== undefined) {
    writeWhole(file, await stored(plan, form), isTaken(file) ? undefined : PRIVATE);
    say(`Stored in ${file}`, ports);
  }
  const verdict = (await import("../../plan/rules/table.ts")).exitOfChecks(plan.checks);
  if (verdict !== "ok" || !isSet(invocation, "strict")) return verdict;
  const warns = old > 0 || plan.checks.some(({ status }) => status === "warn") || prepared.diagnostics.length > 0;
  return warns ? "unavailable" : "ok";
}

/** The file among those from which a plan is made that storing it would overwrite. */
async function overwritten(
  out: string,
  path: string,
  facts: string | undefined,
  { profileFiles, files }: Prepared,
): Promise<string | undefined> {
  const { imageOf } = await import("../../app/files/open_file.ts");
  const inputs = [
    path,
    ...profileFiles,
    ...(facts === undefined ? [] : [facts]),
    ...files.map((file) => imageOf(file) ?? file.path),
  ];
  return inputs.find((each) => each !== STDIO && isSameFile(each, out));
}

/** Options that cannot be combined, and what to do. */
function misfitOf(
  { options }: Invocation,
  form: Form,
  out: string | undefined,
): readonly [message: string, hint: string] | undefined {
  const given = (name: string): boolean => options[name] !== undefined;
  const ending = form === "junit" ? undefined : FORMS[form].ending;
  const ofOneForm = OUTPUT.choices.flatMap((wanted) =>
    wanted === "junit" ? [] : FORMS[wanted].options.map((option) => ({ option, wanted }))
  );
  if (given("facts-dir")) {
    if (form === "svg") {
      return [`-o ${form} cannot be combined with --facts-dir`, "Use -o text, json, yaml, html, markdown or junit"];
    }
    const extra = ["facts", ...ofOneForm.map(({ option }) => option)].find(given);
    return extra === undefined
      ? undefined
      : [`--${extra} cannot be combined with --facts-dir`, `Plan one profile for one host, or omit --${extra}`];
  }
  if (form === "junit") return ["-o junit requires --facts-dir", "Add --facts-dir DIR, or use another form"];
  if (given("max-age") && !given("facts")) {
    return MAX_AGE_ALONE;
  }
  const ofFolder = ["unmatched", "jobs"].find(given);
  if (ofFolder !== undefined) {
    return [`--${ofFolder} requires --facts-dir`, `Add --facts-dir DIR, or omit --${ofFolder}`];
  }
  if (given("brief") && given("verbose")) {
    return ["--brief and --verbose are mutually exclusive", "Use one of them"];
  }
  for (const { option, wanted } of ofOneForm) {
    if (given(option) && form !== wanted) {
      return [`--${option} requires -o ${wanted}`, `Use -o ${wanted}, or omit --${option}`];
    }
  }
  return ending !== undefined && out !== undefined && (out === STDIO || out.endsWith(ending))
    ? [`--out ${out} would store the plan there, not what -o ${form} shows`, `Use -o ${form} > FILE${ending}`]
    : undefined;
}

/** Why there is no plan, for a program: what `check` prints of the profile. */
async function diagnosticsIn(form: DataForm, file: string, { diagnostics }: Prepared): Promise<string> {
  const { checkResult } = await import("../../render/check.ts");
  return await dataText(checkResult([{ file, valid: false, diagnostics }], []), form);
}

async function showMatrix(
  hosts: string,
  { form, out, isOld }: { readonly form: MatrixForm; readonly out: string | undefined; readonly isOld: boolean },
  invocation: Invocation,
  ports: Ports,
): Promise<ExitName> {
  const { planMatrix } = await import("../../app/plan_matrix.ts");
  const { hasFailures, hasUnmatched } = await import("../../render/matrix.ts");
  const jobs = jobsOf(invocation);
  if (jobs === undefined) {
    complain(
      `--jobs ${textOption(invocation, "jobs")} is not a number from 1 to ${MOST_JOBS}`,
      "As many as there are cores is best",
      ports,
    );
    return "usage";
  }
  let exit: ExitName = "ok";
  let page: FleetReview | undefined;
  const inputs: string[] = [];
  const review = form === "html" ? await import("../../app/review.ts") : undefined;
  const matrix = await planMatrix(invocation.words, hosts, {
    workers: { count: jobs, program: Deno.mainModule },
    onFleet: ({ profiles, files }) => inputs.push(...files, ...profiles.map(({ file }) => file)),
    ...(review === undefined ? {} : { review: (fleet) => page = review.fleetReview(fleet) }),
    onReading: progressOf(ports),
    onDiagnostics: (diagnostics) => {
      exit = worse(exit, report(diagnostics, ports));
    },
  });
  if (matrix === undefined) return exit;
  const input = out === undefined ? undefined : inputs.find((each) => each !== STDIO && isSameFile(each, out));
  if (out !== undefined && input !== undefined) {
    complain(`The result would overwrite ${input}, from which it is made`, "Name another file with --out", ports);
    return "usage";
  }
  const layout = out === undefined ? ports.out.layout : { style: PLAIN, width: ports.out.layout.width };
  const text = form === "html" ? await page?.page() ?? "" : await matrixIn(form, matrix, layout);
  if (out === undefined) ports.out.write(text);
  else {
    writeWhole(out, text);
    say(`Stored in ${out}`, ports);
  }
  const strict = isSet(invocation, "strict") && (isOld || matrix.cells.some(({ status }) => status === "warn"));
  const unmatched = isSet(invocation, "unmatched") && hasUnmatched(matrix);
  return exit === "ok" && (hasFailures(matrix) || unmatched || strict) ? "unavailable" : exit;
}

/** More workers than any machine has cores for. */
const MOST_JOBS = 256;

/** How many workers are asked for; undefined where that is not a number of them. */
function jobsOf(invocation: Invocation): number | undefined {
  const text = textOption(invocation, "jobs") ?? "1";
  const jobs = /^[0-9]{1,3}$/.test(text) ? Number(text) : 0;
  return jobs >= 1 && jobs <= MOST_JOBS ? jobs : undefined;
}

/** The forms of a matrix. */
type MatrixForm = Exclude<Form, "svg">;

async function matrixIn(form: Exclude<MatrixForm, "html">, matrix: Matrix, layout: Layout): Promise<string> {
  switch (form) {
    case "text":
      return (await import("../../render/matrix.ts")).matrixText(matrix, layout);
    case "markdown":
      return (await import("../../render/matrix_markdown.ts")).matrixMarkdown(matrix);
    case "junit":
      return (await import("../../render/matrix_junit.ts")).matrixJunit(matrix);
    case "json":
    case "yaml":
      return await dataText(matrix, form);
  }
}

async function planAsText(plan: Plan, { facts, outlook, invocation, layout }: Shown): Promise<string> {
  if (isSet(invocation, "brief")) return (await import("../../render/plan_brief.ts")).renderPlanBrief(plan, layout);
  const { renderPlan } = await import("../../render/plan.ts");
  return renderPlan(plan, layout, { facts, outlook, verbose: isSet(invocation, "verbose") });
}

/** A plan as `load` reads it: YAML where that is asked for. */
async function stored(plan: Plan, form: Form): Promise<string> {
  return form === "yaml" ? await dataText(plan, form) : (await import("../../plan/plan.ts")).planText(plan);
}
