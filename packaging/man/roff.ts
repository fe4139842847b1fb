/** Text for mdoc(7), which mandoc and groff read. */

/** Characters that mean something to roff, or that it would set as another. */
const SPECIAL: { readonly [character: string]: string } = {
  "\\": "\\e",
  "-": "\\-",
  "'": "\\(aq",
  "`": "\\(ga",
  "^": "\\(ha",
  "~": "\\(ti",
};

/** Text as it is. */
export function escape(text: string): string {
  return text.replaceAll(/[\\\-'`^~]/g, (character) => SPECIAL[character] ?? character);
}

/** Marks a word that is to be read as it is, until `unbroken` sees it. */
const LITERAL = "\u0001";

/** Names of files, pages, functions, parameters, programs and options, which are written without backticks. */
const NAME = /\\-|[\w)][/_=]|@|\/|\w\.\w|\w\(\d\)|\b(?:warmboot|systemd|yaml-)/;

/** A word; `\\%` at its beginning keeps groff from hyphenating a literal. */
function unbroken(word: string): string {
  return word.includes(LITERAL) || NAME.test(word) ? `\\%${word.replaceAll(LITERAL, "")}` : word;
}

/** The longest line that mandoc's lint lets pass. */
const LINE = 80;

/** Sentences with `code` between backticks, which is set in bold. Options are not hyphenated words, wherever they are. */
export function prose(text: string): string {
  const parts = text.split("`").map((part, index) =>
    index % 2 === 1
      ? `\\fB${part.replaceAll(/\S+/g, (word) => `${LITERAL}${escape(word)}`)}\\fR`
      : part.replaceAll("\\", "\\e").replaceAll(/(?<![\w-])-(-?)(?=[a-z])/g, (dashes) => escape(dashes))
  );
  return lines(parts.join("").replaceAll(/\S+/g, unbroken));
}

/** New sentence, new line; no line too long, and none that begins with what roff takes for a request. */
function lines(text: string): string {
  const result: string[] = [];
  for (const sentence of text.split(/(?<=[.;:?!][)"]?) +(?=\S)/)) {
    let line = "";
    for (const word of sentence.split(" ")) {
      if (line !== "" && line.length + 1 + word.length > LINE) {
        result.push(line);
        line = word;
      } else line = line === "" ? word : `${line} ${word}`;
    }
    result.push(line);
  }
  return result.map((line) => /^[.']/.test(line) ? `\\&${line}` : line).join("\n");
}

/** Whole paragraphs, one per line of the text. */
export function paragraphs(text: string): string {
  return text.split("\n").map(prose).join("\n.Pp\n");
}

/** An example, line for line. */
export function display(text: string): string {
  const body = text.replace(/\n$/, "").split("\n").map((line) => {
    const escaped = escape(line);
    return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
  });
  return [".Bd -literal -offset indent", ...body, ".Ed"].join("\n");
}

/** An argument of a macro: quoted, so that spaces and words that are macros themselves count as text. */
export function argument(text: string): string {
  const escaped = escape(text).replaceAll('"', "\\(dq");
  return /[\s"]/.test(escaped) || /^[A-Z][a-z]$/.test(escaped) || /^[.,:;()[\]?!|]$/.test(escaped)
    ? `"${escaped}"`
    : escaped;
}
