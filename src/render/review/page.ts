/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/**
 * The script of the review page. It reads the data that the page has in it, and asks for nothing from anywhere. Texts of hosts
 * become text nodes; only pictures, whose texts are escaped where they are drawn, are parsed, as SVG.
 */
import {
  type HostPlans,
  type Numbered,
  type Outcome,
  PICTURE_WIDTH,
  type ReviewCheck,
  type ReviewDiff,
  type ReviewFit,
  type ReviewIndex,
  type ReviewPicture,
  type ReviewPlan,
  withTexts,
} from "./model.ts";

const OUTCOMES: readonly Outcome[] = ["fail", "warn", "ok", "excluded"];
const SHORT: { readonly [outcome in Outcome]: string } = { ok: "ok", warn: "warn", fail: "FAIL", excluded: "–" };
const LONG: { readonly [outcome in Outcome]: string } = {
  ok: "ok",
  warn: "warns",
  fail: "fails",
  excluded: "not for this host",
};
const FILTERS: { readonly [outcome in Outcome]: string } = {
  fail: "Fails",
  warn: "Warns",
  ok: "Ok",
  excluded: "Not for the host",
};

/** Rows that are shown at first, and added at once. */
const ROWS = 100;

/** Causes that are shown at first. */
const CAUSES = 5;

type Child = Node | string | undefined;

/** An element with attributes and children; texts become text nodes. */
function el<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: { readonly [name: string]: string } = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

/** The text that the page has under an id, inflated. */
async function inflated(id: string): Promise<string> {
  const base64 = document.getElementById(id)?.textContent ?? "";
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return await new Response(stream).text();
}

async function readIndex(): Promise<ReviewIndex> {
  const { texts: [texts, packed], cells, hostsInPart } = JSON.parse(await inflated("index"));
  const [profiles, hosts, fits] = withTexts(packed, texts) as unknown as [
    ReviewIndex["profiles"],
    readonly string[],
    readonly ReviewFit[],
  ];
  return { profiles, hosts, fits, cells, hostsInPart };
}

/** Parts of the plans that were opened. */
const parts = new Map<number, Promise<readonly HostPlans[]>>();

function partOf(number: number): Promise<readonly HostPlans[]> {
  const known = parts.get(number) ?? inflated(`part-${number}`).then((text) => {
    const [texts, packed]: [readonly string[], Numbered] = JSON.parse(text);
    return withTexts(packed, texts) as unknown as readonly HostPlans[];
  });
  parts.set(number, known);
  return known;
}

function outcomeOf([outcome]: ReviewFit): Outcome {
  return OUTCOMES.find((known) => known === outcome) ?? "fail";
}

/** A count with its noun. */
function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

function badge(outcome: Outcome): HTMLElement {
  return el("span", { class: `badge ${outcome}` }, outcome === "excluded" ? LONG[outcome] : SHORT[outcome]);
}

/** Where a cell is: `#web/web0001`. A host may be in a folder. */
function linkTo(profile: string, host: string): string {
  return `#${encodeURIComponent(profile)}/${host.split("/").map(encodeURIComponent).join("/")}`;
}

function linkedNames(hash: string): readonly [profile: string, host: string] | undefined {
  const [, profile, host] = /^#([^/]+)\/(.+)$/s.exec(hash) ?? [];
  if (profile === undefined || host === undefined) return undefined;
  try {
    return [decodeURIComponent(profile), host.split("/").map(decodeURIComponent).join("/")];
  } catch {
    return undefined;
  }
}

/** What is asked for. */
interface Filter {
  readonly text: string;
  /** None: all. */
  readonly outcomes: ReadonlySet<Outcome>;
  /** Empty: any. */
  readonly rule: string;
}

/** A plan, for a cell or for the whole page. */
function planSections(fit: ReviewFit, plan: ReviewPlan | readonly []): readonly HTMLElement[] {
  const reasons = section("Reasons", "reasons", reasonList(fit, plan[3] ?? []));
  if (plan.length === 0) {
    const why = outcomeOf(fit) === "excluded"
      ? "There is no plan: the profile is not for this host."
      : "There is no plan: one could not be made.";
    return [reasons, el("p", { class: "note" }, why)];
  }
  const [headline, verdict, rows, checks, diff, picture] = plan;
  return [
    el("p", { class: "headline" }, headline, el("br"), el("strong", { class: outcomeOf(fit) }, verdict)),
    ...(fit[1].length === 0 ? [] : [reasons]),
    section("Memory", "memory", pictureOf(picture)),
    section("Difference from the running system", "diff", ...diffOf(diff)),
    section("Plan", "plan", planRows(rows)),
    section("Checks", "checks", passedChecks(checks)),
  ];
}

function section(title: string, name: string, ...children: readonly Child[]): HTMLElement {
  return el("section", { class: name }, el("h3", {}, title), ...children);
}

/** With the hints of the checks. */
function reasonList([, reasons]: ReviewFit, checks: readonly ReviewCheck[]): HTMLElement {
  const hintOf = (rule: string, message: string): string =>
    checks.find((check) => check[1] === rule && check[2] === message)?.[3] ?? "";
  return el(
    "ul",
    { class: "reason-list" },
    ...reasons.map(([status, rule, message]) => {
      const hint = hintOf(rule, message);
      const said = el("span", {}, message, hint === "" ? undefined : el("span", { class: "hint" }, hint));
      return el("li", {}, badge(outcomeOf([status, []])), el("code", {}, rule), said);
    }),
  );
}

function planRows(rows: ReviewPlan[2]): HTMLElement {
  return el(
    "dl",
    {},
    ...rows.flatMap(([label, lines]) => [
      el("dt", {}, label),
      ...lines.map((line) => el("dd", {}, line)),
    ]),
  );
}

/** The checks that passed; the others are among the reasons. */
function passedChecks(checks: readonly ReviewCheck[]): HTMLElement {
  const passed = checks.filter(([status]) => status === "pass");
  const head = ["Check", "Result"].map((name) => el("th", { scope: "col" }, name));
  return el(
    "details",
    {},
    el("summary", {}, `${counted(passed.length, "check")} passed`),
    el(
      "table",
      { class: "check-table" },
      el("caption", { class: "sr" }, "Checks that passed"),
      el("thead", { class: "sr" }, el("tr", {}, ...head)),
      el(
        "tbody",
        {},
        ...passed.map(([, rule, message]) =>
          el("tr", {}, el("th", { scope: "row" }, el("code", {}, rule)), el("td", {}, message))
        ),
      ),
    ),
  );
}

const MARKS: { readonly [mark: string]: readonly [name: string, words: string] } = {
  "+": ["added", "added"],
  "-": ["removed", "removed"],
  "~": ["changed", "changed"],
};

function diffOf([verdict, blocks, notes]: ReviewDiff): readonly HTMLElement[] {
  return [
    el("p", {}, `${verdict}.`),
    ...blocks.map(([heading, lines]) =>
      el(
        "div",
        { class: "diff-block" },
        el("h4", {}, heading),
        el(
          "ul",
          {},
          ...lines.map(([mark, name, text]) => {
            const [style, words] = MARKS[mark] ?? ["", ""];
            return el(
              "li",
              { class: style },
              el("span", { class: "mark", "aria-hidden": "true" }, mark),
              el("span", { class: "sr" }, `${words}: `),
              name === "" ? undefined : el("code", {}, name),
              text === "" ? undefined : el("span", {}, text),
            );
          }),
        ),
      )
    ),
    ...notes.map((note) => el("p", { class: "note" }, note)),
  ];
}

/** The patterns of a picture, which the page has once. */
const PATTERNS_ID = "patterns";

function pictureOf([body, height, words]: ReviewPicture): HTMLElement {
  const patterns = document.getElementById(PATTERNS_ID)?.textContent ?? "";
  const text =
    `<svg xmlns="http://www.w3.org/2000/svg" class="wb" role="img" viewBox="0 0 ${PICTURE_WIDTH} ${height}">` +
    `${patterns}${body.join("")}</svg>`;
  const svg = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  svg.setAttribute("aria-label", words);
  return el(
    "div",
    { class: "picture", tabindex: "0", role: "region", "aria-label": "Picture of the memory" },
    document.importNode(svg, true),
  );
}

/** How many cells fail or warn for a reason. */
interface Cause {
  readonly status: Outcome;
  readonly rule: string;
  readonly message: string;
  readonly cells: number;
}

function causesOf({ fits, cells }: ReviewIndex): readonly Cause[] {
  const counts = fits.map(() => 0);
  for (const fit of cells) counts[fit] = (counts[fit] ?? 0) + 1;
  const causes = new Map<
    string,
    { cells: number; message: string; most: number; readonly status: Outcome; readonly rule: string }
  >();
  for (const [index, [, reasons]] of fits.entries()) {
    const count = counts[index] ?? 0;
    const seen = new Set<string>();
    for (const [status, rule, message] of reasons) {
      const key = `${status} ${rule}`;
      const cause = causes.get(key) ?? { cells: 0, message, most: 0, status: outcomeOf([status, []]), rule };
      causes.set(key, cause);
      if (!seen.has(key)) cause.cells += count;
      if (count > cause.most) [cause.most, cause.message] = [count, message];
      seen.add(key);
    }
  }
  const rank = ({ status }: Cause): number => OUTCOMES.indexOf(status);
  return [...causes.values()].sort((a, b) => rank(a) - rank(b) || b.cells - a.cells);
}

/** The page of several profiles or hosts. */
function showMatrix(index: ReviewIndex, main: HTMLElement): void {
  const { profiles, hosts, fits, cells } = index;
  const width = profiles.length;
  const fitAt = (host: number, profile: number): number => cells[host * width + profile] ?? 0;
  const outcomes = fits.map(outcomeOf);
  const words = fits.map(([, reasons]) =>
    reasons.map(([, rule, message]) => `${rule} ${message}`).join("\n").toLowerCase()
  );
  const rules = fits.map(([, reasons]) => new Set(reasons.map(([, rule]) => rule)));
  const causes = causesOf(index);

  let filter: Filter = { text: "", outcomes: new Set(), rule: "" };
  let matching: readonly number[] = [];
  let limit = ROWS;
  let matches: (host: number, profile: number) => boolean = () => true;

  const count = (of: (outcome: Outcome) => boolean, column?: number): number => {
    let found = 0;
    for (let at = 0; at < cells.length; at++) {
      if ((column === undefined || at % width === column) && of(outcomes[cells[at] ?? 0] ?? "fail")) found++;
    }
    return found;
  };

  const search = el("input", {
    type: "search",
    id: "text",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "Host, profile or message",
  });
  const chips = OUTCOMES.map((outcome) => {
    const chip = el(
      "button",
      { type: "button", class: `chip ${outcome}`, "aria-pressed": "false" },
      FILTERS[outcome],
      " ",
      el("b", {}, count((each) => each === outcome).toLocaleString("en")),
    );
    chip.addEventListener("click", () => {
      const outcomes = new Set(filter.outcomes);
      if (!outcomes.delete(outcome)) outcomes.add(outcome);
      change({ outcomes });
    });
    return { outcome, chip };
  });
  const ruleNames = [...new Set(causes.map(({ rule }) => rule))].sort();
  const rule = el(
    "select",
    { id: "rule" },
    el("option", { value: "" }, "Any rule"),
    ...ruleNames.map((name) =>
      el(
        "option",
        { value: name },
        `${name} (${
          causes.filter((each) => each.rule === name).reduce((sum, each) => sum + each.cells, 0).toLocaleString("en")
        })`,
      )
    ),
  );
  const clear = el("button", { type: "button", class: "plain" }, "Clear");
  const status = el("p", { id: "status", role: "status" });

  const causeList = el("ul", { class: "causes" });
  const causesToShow = causes.filter((each) => each.status !== "excluded");
  const causeButtons = causesToShow.map((cause, at) => {
    const button = el(
      "button",
      { type: "button", "aria-pressed": "false" },
      badge(cause.status),
      " ",
      el("code", {}, cause.rule),
      " ",
      el("span", { class: "of" }, counted(cause.cells, "plan")),
      el("span", { class: "message" }, cause.message),
    );
    button.addEventListener("click", () => {
      const isOn = filter.rule === cause.rule && filter.outcomes.size === 1 && filter.outcomes.has(cause.status);
      change(isOn ? { rule: "", outcomes: new Set() } : { rule: cause.rule, outcomes: new Set([cause.status]) });
    });
    const item = el("li", {}, button);
    if (at >= CAUSES) item.hidden = true;
    causeList.append(item);
    return { cause, button, item };
  });
  const moreCauses = el("button", { type: "button", class: "plain" }, `Show all ${causesToShow.length}`);
  moreCauses.addEventListener("click", () => {
    for (const { item } of causeButtons) item.hidden = false;
    causeButtons[CAUSES]?.button.focus();
    moreCauses.hidden = true;
  });
  moreCauses.hidden = causesToShow.length <= CAUSES;

  const body = el("tbody");
  const table = el(
    "table",
    { role: "grid", class: "matrix", "aria-rowcount": String(hosts.length + 1), "aria-colcount": String(width + 1) },
    el(
      "caption",
      { class: "sr" },
      "Which profile fits which host. Arrow keys move from cell to cell, Enter opens one.",
    ),
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        el("th", { scope: "col", class: "corner" }, "Host"),
        ...profiles.map(([name, file], column) =>
          el(
            "th",
            { scope: "col", title: file },
            el("span", { class: "name" }, name),
            el(
              "span",
              { class: "counts" },
              ...OUTCOMES.flatMap((outcome): readonly Child[] => {
                const number = count((each) => each === outcome, column);
                return number === 0 ? [] : [
                  el(
                    "span",
                    { class: outcome, title: FILTERS[outcome] },
                    number.toLocaleString("en"),
                    el("span", { class: "sr" }, ` ${FILTERS[outcome]}, `),
                  ),
                  " ",
                ];
              }),
            ),
          )
        ),
      ),
    ),
    body,
  );
  const nothing = el("p", { class: "nothing" }, "Nothing matches.");
  const more = el("button", { type: "button" });
  const all = el("button", { type: "button" });
  more.addEventListener("click", () => showRows(limit + ROWS));
  all.addEventListener("click", () => showRows(Infinity));
  const pager = el("p", { class: "pager" }, more, " ", all);

  const cellOf = (host: number, profile: number): HTMLElement => {
    const fit = fits[fitAt(host, profile)] ?? ["fail", []];
    const outcome = outcomeOf(fit);
    const [name = ""] = profiles[profile] ?? [];
    const [first, ...others] = fit[1];
    const why = outcome === "excluded" || first === undefined
      ? undefined
      : el("small", {}, first[1], others.length === 0 ? "" : ` +${others.length}`);
    const link = el(
      "a",
      { href: linkTo(name, hosts[host] ?? ""), class: outcome, tabindex: "-1", "data-at": `${host} ${profile}` },
      el("span", { class: "word" }, SHORT[outcome]),
      outcome === "excluded" ? el("span", { class: "sr" }, " not for this host") : undefined,
      why,
    );
    return el("td", matches(host, profile) ? {} : { class: "other" }, link);
  };

  const rowOf = (host: number, at: number): HTMLElement =>
    el(
      "tr",
      { "aria-rowindex": String(at + 2) },
      el("th", { scope: "row" }, hosts[host] ?? ""),
      ...profiles.map((_, profile) => cellOf(host, profile)),
    );

  function showRows(most: number): void {
    const from = most > limit ? body.rows.length : 0;
    limit = most;
    const shown = matching.slice(from, limit);
    const rows = shown.map((host, at) => rowOf(host, from + at));
    if (from === 0) body.replaceChildren(...rows);
    else body.append(...rows);
    if (from > 0) body.rows[from]?.querySelector("a")?.focus();
    if (body.querySelector('a[tabindex="0"]') === null) body.querySelector("a")?.setAttribute("tabindex", "0");
    const left = matching.length - body.rows.length;
    more.textContent = `Show ${Math.min(ROWS, left)} more`;
    all.textContent = `Show all ${matching.length.toLocaleString("en")}`;
    pager.hidden = left <= 0;
    more.hidden = left <= ROWS;
    nothing.hidden = matching.length > 0;
    table.hidden = matching.length === 0;
  }

  function change(to: Partial<Filter>): void {
    filter = { ...filter, ...to };
    const text = filter.text.trim().toLowerCase();
    const hasText = (name: string): boolean => name.toLowerCase().includes(text);
    const fitMatches = fits.map((_, at) =>
      (filter.outcomes.size === 0 || filter.outcomes.has(outcomes[at] ?? "fail")) &&
      (filter.rule === "" || rules[at]?.has(filter.rule) === true)
    );
    const fitHasText = words.map((each) => text === "" || each.includes(text));
    const profileHasText = profiles.map(([name, file]) => hasText(name) || hasText(file));
    const hostHasText = hosts.map(hasText);
    matches = (host, profile) => {
      const fit = fitAt(host, profile);
      return fitMatches[fit] === true &&
        (hostHasText[host] === true || profileHasText[profile] === true || fitHasText[fit] === true);
    };
    let plans = 0;
    matching = hosts.map((_, host) => host).filter((host) => {
      const own = profiles.filter((_, profile) => matches(host, profile)).length;
      plans += own;
      return own > 0;
    });
    search.value = filter.text;
    rule.value = filter.rule;
    for (const { outcome, chip } of chips) chip.setAttribute("aria-pressed", String(filter.outcomes.has(outcome)));
    for (const { cause, button } of causeButtons) {
      const isOn = filter.rule === cause.rule && (filter.outcomes.size === 0 || filter.outcomes.has(cause.status));
      button.setAttribute("aria-pressed", String(isOn));
    }
    const isAll = text === "" && filter.outcomes.size === 0 && filter.rule === "";
    clear.disabled = isAll;
    status.textContent = isAll
      ? `${counted(hosts.length, "host")} by ${counted(width, "profile")}`
      : `${matching.length.toLocaleString("en")} of ${counted(hosts.length, "host")}, with ${
        counted(plans, "matching cell")
      }`;
    limit = ROWS;
    body.replaceChildren();
    showRows(ROWS);
  }

  search.addEventListener("input", () => change({ text: search.value }));
  rule.addEventListener("change", () => change({ rule: rule.value }));
  clear.addEventListener("click", () => {
    change({ text: "", outcomes: new Set(), rule: "" });
    search.focus();
  });
  body.addEventListener("keydown", (event) => moveInGrid(event, body));
  body.addEventListener("focusin", ({ target }) => {
    if (!(target instanceof HTMLAnchorElement)) return;
    for (const link of body.querySelectorAll('a[tabindex="0"]')) link.setAttribute("tabindex", "-1");
    target.setAttribute("tabindex", "0");
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
    if (event.key !== "/" || isTyping || dialog.open) return;
    event.preventDefault();
    search.focus();
  });
  let before = limit;
  addEventListener("beforeprint", () => {
    before = limit;
    showRows(Infinity);
  });
  addEventListener("afterprint", () => {
    limit = Infinity;
    showRows(before);
  });

  const dialog = el("dialog", { "aria-labelledby": "opened" });
  const alert = el("p", { class: "alert", role: "alert" });
  alert.hidden = true;
  main.replaceChildren(
    alert,
    ...(causesToShow.length === 0
      ? []
      : [el("section", { class: "why" }, el("h2", {}, "Why plans fail or warn"), causeList, el("p", {}, moreCauses))]),
    el(
      "section",
      { class: "fleet", "aria-labelledby": "hosts" },
      el("h2", { id: "hosts" }, "Profiles by hosts"),
      el(
        "form",
        { class: "filter", role: "search" },
        el("label", { for: "text" }, "Search"),
        search,
        el("label", { for: "rule" }, "Rule"),
        rule,
        el("span", { class: "chips", role: "group", "aria-label": "Outcome" }, ...chips.map(({ chip }) => chip)),
        clear,
      ),
      status,
      el("div", { class: "scroll" }, table),
      nothing,
      pager,
    ),
    dialog,
  );
  main.querySelector("form")?.addEventListener("submit", (event) => event.preventDefault());
  change({});

  /** Whether the entry before in the history is this page without an open cell. */
  let cameFromHere = false;
  let openCell = "";

  const follow = async (): Promise<void> => {
    const names = linkedNames(location.hash);
    alert.hidden = true;
    if (names === undefined) {
      if (dialog.open) dialog.close();
      return;
    }
    const [profile, host] = [profiles.findIndex(([name]) => name === names[0]), hosts.indexOf(names[1])];
    if (profile < 0 || host < 0) {
      if (dialog.open) dialog.close();
      alert.hidden = false;
      alert.textContent = `This review has no ${names[0]} on ${names[1]}`;
      return;
    }
    openCell = `${host} ${profile}`;
    await open(host, profile);
  };

  const open = async (host: number, profile: number): Promise<void> => {
    const fit = fits[fitAt(host, profile)] ?? ["fail", []];
    const [name = "", file = ""] = profiles[profile] ?? [];
    const title = el(
      "h2",
      { id: "opened", tabindex: "-1" },
      name,
      el("span", { class: "on" }, " on "),
      hosts[host] ?? "",
    );
    const close = el("button", { type: "button", class: "close", "aria-label": "Close" }, "×");
    close.addEventListener("click", () => dialog.close());
    const at = matching.indexOf(host);
    const step = (to: number | undefined, label: string): HTMLElement => {
      const button = el("button", { type: "button" }, label);
      button.disabled = to === undefined;
      button.addEventListener("click", () => {
        if (to !== undefined) location.replace(linkTo(name, hosts[to] ?? ""));
      });
      return button;
    };
    const content = el("div", { class: "content" }, el("p", { class: "note" }, "Opening the plan"));
    dialog.replaceChildren(
      el(
        "header",
        {},
        title,
        badge(outcomeOf(fit)),
        el("span", { class: "file" }, file),
        el(
          "nav",
          { "aria-label": "Hosts" },
          step(at > 0 ? matching[at - 1] : undefined, "Previous host"),
          step(at < 0 ? undefined : matching[at + 1], "Next host"),
        ),
        close,
      ),
      content,
    );
    if (!dialog.open) dialog.showModal();
    title.focus();
    const part = await partOf(Math.floor(host / index.hostsInPart));
    content.replaceChildren(...planSections(fit, part[host % index.hostsInPart]?.[profile] ?? []));
    dialog.scrollTop = 0;
  };

  dialog.addEventListener("close", () => {
    if (linkedNames(location.hash) !== undefined) {
      if (cameFromHere) history.back();
      else history.replaceState(null, "", location.href.replace(/#.*$/s, ""));
    }
    cameFromHere = false;
    const link = body.querySelector<HTMLElement>(`a[data-at="${openCell}"]`);
    if (link !== null) link.focus();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  body.addEventListener("click", ({ target }) => {
    if (target instanceof Element && target.closest("a") !== null) cameFromHere = true;
  });
  addEventListener("hashchange", () => void follow());
  void follow();
}

/** Arrow keys, Home and End in the grid. */
function moveInGrid(event: KeyboardEvent, body: HTMLTableSectionElement): void {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  const cell = link?.closest("td");
  const row = cell?.closest("tr");
  if (
    cell === null || cell === undefined || row === null || row === undefined || event.altKey || event.ctrlKey ||
    event.metaKey
  ) return;
  const [down, right] = [row.sectionRowIndex, cell.cellIndex];
  const last = row.cells.length - 1;
  const places: { readonly [key: string]: readonly [number, number] } = {
    ArrowUp: [down - 1, right],
    ArrowDown: [down + 1, right],
    ArrowLeft: [down, right - 1],
    ArrowRight: [down, right + 1],
    Home: [down, 1],
    End: [down, last],
    PageUp: [Math.max(0, down - 10), right],
    PageDown: [Math.min(body.rows.length - 1, down + 10), right],
  };
  const place = Object.hasOwn(places, event.key) ? places[event.key] : undefined;
  if (place === undefined) return;
  event.preventDefault();
  body.rows[place[0]]?.cells[place[1]]?.querySelector("a")?.focus();
}

/** The page of one profile on one host. */
async function showOne(index: ReviewIndex, main: HTMLElement): Promise<void> {
  const fit = index.fits[index.cells[0] ?? 0] ?? ["fail", []];
  const [plans] = await partOf(0);
  main.replaceChildren(
    el(
      "article",
      { class: "content" },
      el("h2", { class: "sr" }, "Plan for the host"),
      el("p", {}, badge(outcomeOf(fit)), " ", el("span", { class: "file" }, index.profiles[0]?.[1] ?? "")),
      ...planSections(fit, plans?.[0] ?? []),
    ),
  );
}

const main = document.getElementById("main");
if (main !== null) {
  const index = await readIndex();
  if (index.hosts.length === 1 && index.profiles.length === 1) await showOne(index, main);
  else showMatrix(index, main);
  // When, milliseconds: for tests and the bench.
  document.documentElement.dataset.ready = String(performance.now());
}

export {};
