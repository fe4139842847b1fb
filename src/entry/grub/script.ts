/** A part of a word: text, text in quotes, or a variable. */
export type WordPart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "quoted"; readonly text: string }
  | { readonly kind: "variable"; readonly name: string; readonly isQuoted: boolean };

/** A word of a command. */
export interface Word {
  readonly parts: readonly WordPart[];
  /** It has `*` or `?` outside quotes, which GRUB may replace by names of files. */
  readonly isPattern: boolean;
}

/** A statement of a script; `line` counts from 1. */
export type Statement =
  | { readonly kind: "command"; readonly words: readonly Word[]; readonly block?: Block; readonly line: number }
  | {
    readonly kind: "if";
    readonly clauses: readonly { readonly condition: Block; readonly body: Block }[];
    readonly otherwise: Block;
    readonly line: number;
  }
  | {
    readonly kind: "loop";
    readonly until: boolean;
    readonly condition: Block;
    readonly body: Block;
    readonly line: number;
  }
  | {
    readonly kind: "for";
    readonly name: string;
    readonly words: readonly Word[];
    readonly body: Block;
    readonly line: number;
  }
  | { readonly kind: "function"; readonly name: string; readonly body: Block; readonly line: number };

/** Statements in order. */
export type Block = readonly Statement[];

/** A script, or the line where it cannot be read, and why. */
export type ParsedScript =
  | { readonly kind: "script"; readonly statements: Block }
  | { readonly kind: "fault"; readonly line: number; readonly why: string };

type Token =
  | { readonly kind: "word"; readonly word: Word; readonly bare: string | undefined; readonly line: number }
  | { readonly kind: "newline" | ";" | "{" | "}" | "end"; readonly line: number }
  | { readonly kind: "fault"; readonly why: string; readonly line: number };

/** Blocks nest at most so deep; those that grub-mkconfig writes, four deep. */
export const DEPTH_LIMIT = 100;

const RESERVED: ReadonlySet<string> = new Set([
  "case",
  "do",
  "done",
  "elif",
  "else",
  "esac",
  "fi",
  "for",
  "function",
  "if",
  "in",
  "select",
  "then",
  "until",
  "while",
]);

const PLAIN = /[^{}|&$;<> \t\n'"\\*?]+/y;
const QUOTED_PLAIN = /[^"$\\]+/y;
const VARIABLE = /\$(?:([A-Za-z_]\w*|\d+|[?#*@])|\{([A-Za-z_]\w*|\d+|[?#*@])\})/y;
const HEX_ESCAPE = /\\x[0-9a-fA-F]{2}/y;

/**
 * Reads a script of GRUB: the grammar of grub-core/script/parser.y and yylex.l, GRUB 2.12. It has no `&&`, `||`, pipes or
 * redirections, and functions at the top level only.
 */
export function parseScript(text: string): ParsedScript {
  const tokens = tokenize(text);
  let at = 0;
  let fault: { readonly line: number; readonly why: string } | undefined;
  const peek = (): Token => tokens[at] ?? { kind: "end", line: 0 };
  const fail = (why: string, line = peek().line): void => void (fault ??= { line, why });
  const isReserved = (word: string): boolean => {
    const token = peek();
    return token.kind === "word" && token.bare === word;
  };
  const newlines = (): void => {
    while (peek().kind === "newline") at++;
  };
  /** `;` or line breaks; whether there was one. */
  const delimiters = (): boolean => {
    const before = at;
    while (peek().kind === "newline" || peek().kind === ";") at++;
    return at > before;
  };
  const expect = (word: string): void => {
    if (isReserved(word)) at++;
    else fail(`expects \`${word}\``);
  };
  /** Commands up to one of the reserved words, or to `}`. */
  const commands = (ends: readonly string[], depth: number): Block => {
    const statements: Statement[] = [];
    newlines();
    while (fault === undefined) {
      const token = peek();
      const isEnd = token.kind === "}" ? ends.includes("}") : token.kind === "word" && ends.includes(token.bare ?? "");
      if (isEnd) break;
      if (token.kind === "end") {
        fail(`ends before \`${ends.at(-1)}\``);
        break;
      }
      const statement = command(depth);
      if (statement !== undefined) statements.push(statement);
      if (!delimiters() && !(peek().kind === "}" && ends.includes("}"))) {
        fail("has something after the end of a command");
        break;
      }
    }
    if (statements.length === 0) fail(`has no command before \`${ends.at(-1)}\``);
    return statements;
  };
  const braces = (depth: number): Block => {
    at++;
    const body = commands(["}"], depth + 1);
    if (peek().kind === "}") at++;
    else fail("expects `}`");
    return body;
  };
  const name = (): string => {
    const token = peek();
    if (token.kind === "word" && token.bare !== undefined && /^[A-Za-z_]\w*$/.test(token.bare)) {
      at++;
      return token.bare;
    }
    fail("expects a name");
    return "";
  };
  const words = (): readonly Word[] => {
    const found: Word[] = [];
    for (let token = peek(); token.kind === "word"; token = peek()) {
      found.push(token.word);
      at++;
    }
    return found;
  };
  const command = (depth: number): Statement | undefined => {
    const token = peek();
    const { line } = token;
    if (depth > DEPTH_LIMIT) return void fail(`nests more than ${DEPTH_LIMIT} deep`);
    if (token.kind === "fault") return void fail(token.why);
    if (token.kind !== "word") return void fail(`has \`${token.kind}\` where a command begins`);
    switch (token.bare) {
      case "if": {
        at++;
        const clauses: { readonly condition: Block; readonly body: Block }[] = [];
        for (;;) {
          const condition = commands(["then"], depth + 1);
          expect("then");
          clauses.push({ condition, body: commands(["elif", "else", "fi"], depth + 1) });
          if (fault !== undefined || !isReserved("elif")) break;
          at++;
        }
        let otherwise: Block = [];
        if (isReserved("else")) {
          at++;
          otherwise = commands(["fi"], depth + 1);
        }
        expect("fi");
        return { kind: "if", clauses, otherwise, line };
      }
      case "while":
      case "until": {
        at++;
        const condition = commands(["do"], depth + 1);
        expect("do");
        const body = commands(["done"], depth + 1);
        expect("done");
        return { kind: "loop", until: token.bare === "until", condition, body, line };
      }
      case "for": {
        at++;
        const variable = name();
        expect("in");
        const list = words();
        delimiters();
        expect("do");
        const body = commands(["done"], depth + 1);
        expect("done");
        return { kind: "for", name: variable, words: list, body, line };
      }
    }
    if (token.bare !== undefined && RESERVED.has(token.bare)) {
      return void fail(`has \`${token.bare}\` where a command begins`);
    }
    const list = words();
    const block = peek().kind === "{" ? braces(depth) : undefined;
    const after = peek();
    if (after.kind === "fault") return void fail(after.why);
    return { kind: "command", words: list, ...(block === undefined ? {} : { block }), line };
  };

  const statements: Statement[] = [];
  newlines();
  while (fault === undefined && peek().kind !== "end") {
    const { line } = peek();
    if (isReserved("function")) {
      at++;
      const called = name();
      newlines();
      if (peek().kind !== "{") fail("expects `{`");
      else statements.push({ kind: "function", name: called, body: braces(0), line });
    } else {
      const statement = command(0);
      if (statement !== undefined) statements.push(statement);
    }
    if (!delimiters() && peek().kind !== "end") fail("has something after the end of a command");
  }
  return fault === undefined ? { kind: "script", statements } : { kind: "fault", ...fault };
}

function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const character = text[at] ?? "";
    if (character === "\n") {
      tokens.push({ kind: "newline", line });
      line++;
      at++;
    } else if (character === " " || character === "\t") at++;
    else if (character === "#") {
      const end = text.indexOf("\n", at);
      at = end < 0 ? text.length : end;
    } else if (character === ";" || character === "{" || character === "}") {
      if (character === ";" && text[at + 1] === ";") {
        tokens.push({ kind: "fault", why: "has `;;`", line });
        break;
      }
      tokens.push({ kind: character, line });
      at++;
    } else {
      const word = wordAt(text, at);
      if (word.kind === "fault") {
        tokens.push({ ...word, line });
        break;
      }
      if (word.parts.length > 0) {
        const [only] = word.parts;
        const bare = word.parts.length === 1 && only?.kind === "text" && !word.hasEscape ? only.text : undefined;
        if (bare === "[[" || bare === "]]") {
          tokens.push({ kind: "fault", why: `has \`${bare}\``, line });
          break;
        }
        tokens.push({ kind: "word", word: { parts: word.parts, isPattern: word.isPattern }, bare, line });
      }
      line += text.slice(at, word.end).split("\n").length - 1;
      at = word.end;
    }
  }
  tokens.push({ kind: "end", line });
  return tokens;
}

type LexedWord =
  | {
    readonly kind: "word";
    readonly parts: readonly WordPart[];
    readonly isPattern: boolean;
    readonly hasEscape: boolean;
    readonly end: number;
  }
  | { readonly kind: "fault"; readonly why: string };

function wordAt(text: string, start: number): LexedWord {
  const parts: WordPart[] = [];
  let [isPattern, hasEscape] = [false, false];
  let plain = "";
  const flush = (): void => {
    if (plain !== "") parts.push({ kind: "text", text: plain });
    plain = "";
  };
  const match = (pattern: RegExp, at: number): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  let at = start;
  while (at < text.length) {
    const run = match(PLAIN, at)?.[0];
    if (run !== undefined) {
      plain += run;
      at += run.length;
      continue;
    }
    const character = text[at] ?? "";
    if (character === "*" || character === "?") {
      isPattern = true;
      plain += character;
      at++;
    } else if (character === "\\") {
      if (at + 1 >= text.length) return { kind: "fault", why: "ends with a backslash" };
      hasEscape = true;
      const hex = match(HEX_ESCAPE, at)?.[0];
      if (hex !== undefined) plain += hex;
      else if (text[at + 1] !== "\n") plain += text[at + 1];
      at += hex?.length ?? 2;
    } else if (character === "'") {
      const end = text.indexOf("'", at + 1);
      if (end < 0) return { kind: "fault", why: "has an unclosed quote" };
      flush();
      parts.push({ kind: "quoted", text: text.slice(at + 1, end) });
      at = end + 1;
    } else if (character === '"' || character === "$" && text[at + 1] === '"') {
      flush();
      const quoted = doubleQuoted(text, character === "$" ? at + 2 : at + 1, character === "$");
      if (quoted.kind === "fault") return quoted;
      parts.push(...quoted.parts);
      at = quoted.end;
    } else if (character === "$") {
      const [whole, bare, braced] = match(VARIABLE, at) ?? [];
      if (whole === undefined) return { kind: "fault", why: "has a `$` that no name follows" };
      flush();
      parts.push({ kind: "variable", name: bare ?? braced ?? "", isQuoted: false });
      at += whole.length;
    } else break;
  }
  // What ends a word is white space, `;`, a brace, or an operator that scripts do not have.
  const after = text[at] ?? "";
  if (at === start || "|&<>".includes(after) && after !== "") return { kind: "fault", why: `has \`${after}\`` };
  flush();
  return { kind: "word", parts, isPattern, hasEscape, end: at };
}

function doubleQuoted(
  text: string,
  start: number,
  isTranslated: boolean,
):
  | { readonly kind: "parts"; readonly parts: readonly WordPart[]; readonly end: number }
  | { readonly kind: "fault"; readonly why: string } {
  const parts: WordPart[] = [];
  let plain = "";
  let at = start;
  while (at < text.length) {
    QUOTED_PLAIN.lastIndex = at;
    const run = QUOTED_PLAIN.exec(text)?.[0];
    if (run !== undefined) {
      plain += run;
      at += run.length;
      continue;
    }
    const character = text[at] ?? "";
    if (character === '"') return { kind: "parts", parts: [...parts, { kind: "quoted", text: plain }], end: at + 1 };
    if (character === "\\") {
      const next = text[at + 1] ?? "";
      const isEscape = next === '"' || next === "\\" || next === "$" || next === "\n";
      plain += next === "\n" ? "" : isEscape ? next : character;
      at += isEscape ? 2 : 1;
    } else {
      VARIABLE.lastIndex = at;
      const [whole, bare, braced] = VARIABLE.exec(text) ?? [];
      if (whole === undefined && !isTranslated) return { kind: "fault", why: "has a `$` that no name follows" };
      if (whole === undefined) plain += "$";
      else {
        parts.push({ kind: "quoted", text: plain }, {
          kind: "variable",
          name: bare ?? braced ?? "",
          isQuoted: true,
        });
        plain = "";
      }
      at += whole?.length ?? 1;
    }
  }
  return { kind: "fault", why: "has an unclosed quote" };
}
