import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Check, Plan } from "../../src/plan/plan.ts";
import { code, codeBlock, destination } from "../../src/render/markdown.ts";
import { renderPlanMarkdown } from "../../src/render/plan_markdown.ts";
import { SCENES } from "./scenes.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const check = (rule: string, status: Check["status"], message: string, hint?: string): Check => ({
  rule,
  status,
  message,
  ...(hint === undefined ? {} : { hint }),
});

/** What may be in a name, a path, a command line or a message. */
const HOSTILE = [
  "`",
  "``` x ```",
  "a`b``c",
  "</details><script>alert(1)</script>",
  "[x](javascript:alert(1))",
  "![x](http://e/x.png)",
  "@everyone #1 GH-1 https://e.example",
  "a | b \\| c",
  "**bold** _it_ ~~s~~ $x$",
  "line\nbreak\r\n\n# heading",
  "\u202egnp.exe",
  "~~~",
  "- item",
  " lead and trail ",
  "\ud800",
  "",
];

/** The text without its code spans and code blocks, read as CommonMark does. */
function outsideCode(markdown: string): string {
  const lines: string[] = [];
  let fence: string | undefined;
  for (const line of markdown.split("\n")) {
    if (fence === undefined) {
      fence = /^(`{3,})text$/.exec(line)?.[1];
      if (fence === undefined) lines.push(line.replaceAll(/(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)/g, "CODE"));
    } else if (new RegExp(`^${fence}\`*\\s*$`).test(line)) fence = undefined;
  }
  assertEquals(fence, undefined, "An open code block");
  return lines.join("\n");
}

pure("a plan as Markdown: the verdict, what changes, what did not pass, the picture", () => {
  const plan: Plan = {
    ...SCENES.file.plan,
    checks: [
      check("lockdown", "pass", "The running kernel is not locked down"),
      check("crash-reservation", "fail", "No memory is reserved", "Add crashkernel=256M to the command line"),
      check("already-loaded", "warn", "An image is loaded already"),
      check("capability", "pass", "This process has CAP_SYS_BOOT"),
    ],
  };
  assertEquals(
    renderPlanMarkdown(plan, "plans/web 1.svg"),
    `### \`web: boot 6.12.107+deb13-amd64 on web1\`

**Not ready: \`crash-reservation\`; 1 warning: \`already-loaded\`.** 2 checks passed.

- From: \`6.1.0-50-amd64 on x86_64\`
- By: \`kexec_file_load, no flags\`
- File: \`/boot/vmlinuz\`, 12 MiB, \`Linux 6.12.107+deb13-amd64, bzImage 2.15, zstd payload, signed\`
- File: \`/boot/initrd.img\`, 30 MiB, \`zstd-compressed\`
- Command line: \`root=LABEL=root ro\`

\`\`\`text
  warn  already-loaded     An image is loaded already
  FAIL  crash-reservation  No memory is reserved
                           Add crashkernel=256M to the command line
\`\`\`

[![The memory of the host, with each segment](<plans/web%201.svg>)](<plans/web%201.svg>)
`,
  );
});

pure("without problems and without a picture there is neither", () => {
  const plan: Plan = { ...SCENES.overlap.plan, checks: [check("lockdown", "pass", "m")] };
  assertMatch(
    renderPlanMarkdown(plan),
    /\n\n\*\*Ready to load\.\*\* 1 check passed\.\n\n- From: .*\n- By: .*\n- Segments: 3 segments, entered at 0x1000000\n$/,
  );
});

pure("what else a plan does is listed, each line as code", () => {
  const lines = (more: Partial<Plan>) =>
    renderPlanMarkdown({ ...SCENES.file.plan, checks: [], ...more }).split("\n").filter((line) =>
      /^- (?!From|By|File|Command)/.test(line)
    );
  assertEquals(lines({}), []);
  assertEquals(
    lines({
      overlays: [{ path: "files:1", size: 512, files: [], folders: ["etc"] }],
      unbind: { targets: ["driver:e1000"], failure: "continue" },
      unlock: [{ volume: "root", key: { kind: "ask", prompt: "PIN" } }],
      carry: { network: { tool: "connman", files: [{ path: "/etc/a", lines: ["b"] }], omitted: [] } },
    }),
    [
      "- Adds: `makes the folders etc`",
      "- Unbinds: `driver:e1000, just before the jump; goes on if that fails`",
      "- Unlocks: `root: the key asked for at load`",
      "- Carries: `the network, for connman:`",
      "- Carries: `/etc/a`",
      "- Carries: `b`",
    ],
  );
  assertEquals(
    lines({ guard: { parameters: [], panic: 60 } })[1],
    "- Guard: `If the kernel panics: reset after 1 min`",
  );
});

pure("nothing foreign is markup: it is within code, wherever it comes from", () => {
  const clean = outsideCode(renderPlanMarkdown(SCENES.file.plan));
  for (const text of HOSTILE) {
    const base = SCENES.file.plan;
    if (base.call.syscall !== "kexec_file_load") throw new Error("Another call");
    const file = { ...base.call.kernel, path: text, about: text };
    const plan: Plan = {
      ...base,
      profile: text,
      release: text,
      host: { hostname: text, machine: text, release: text },
      call: { ...base.call, cmdline: text, flags: [text], kernel: file, initrd: [file] },
      checks: [check(text, "fail", text, text), check(text, "warn", text)],
    };
    const markdown = renderPlanMarkdown(plan);
    const outside = outsideCode(markdown);
    assertEquals(outside.replace("### ", "").match(/[<>[\]!@#|$]|http|script|heading|bold/g), null, markdown);
    assertEquals(outside.split("\n").length, clean.split("\n").length + 1, markdown);
    // deno-lint-ignore no-control-regex
    assertEquals(markdown.match(/[\u0000-\u0009\u000b-\u001f\u202e]/), null);
    assert(markdown.isWellFormed());
  }
});

pure("a code span holds its text, whatever the backticks in it", () => {
  assertEquals(code("ro quiet"), "`ro quiet`");
  assertEquals(code("a`b"), "``a`b``");
  assertEquals(code("`"), "`` ` ``");
  assertEquals(code("``x"), "``` ``x ```");
  assertEquals(code("a``b`c"), "```a``b`c```");
  assertEquals(code(" x "), "`  x  `");
  assertEquals(code("  "), "(empty)");
  assertEquals(codeBlock(["a", "```"]), "````text\na\n```\n````");
});

pure("a link's destination cannot end the link", () => {
  assertEquals(destination("https://e.example/a.svg?x=1&y=2#z"), "<https://e.example/a.svg?x=1&y=2#z>");
  assertEquals(destination("a b(c)<d>\n"), "<a%20b%28c%29%3Cd%3E%0A>");
});
