/**
 * The order of versions in systemd-boot (strverscmp_improved() in src/fundamental/string-util-fundamental.c, systemd 258):
 * below 0 if `a` is older. Numbers compare by value; `~` comes before the end of a text, `-`, `^` and `.` after it.
 */
export function compareVersions(a: string, b: string): number {
  let [left, right] = [0, 0];
  const skip = (text: string, from: number): number => {
    let at = from;
    while (at < text.length && !/[0-9A-Za-z~^.-]/.test(text[at] ?? "")) at++;
    return at;
  };
  for (;;) {
    left = skip(a, left);
    right = skip(b, right);
    const tilde = separator("~", a[left], b[right]);
    if (tilde.order !== 0) return tilde.order;
    left += tilde.step;
    right += tilde.step;
    const [first, second] = [a.charCodeAt(left) || 0, b.charCodeAt(right) || 0];
    if (first === 0 || second === 0) return Math.sign(first - second);
    for (const mark of ["-", "^", "."]) {
      const { order, step } = separator(mark, a[left], b[right]);
      if (order !== 0) return order;
      left += step;
      right += step;
    }
    const isNumber = isDigit(a[left]) || isDigit(b[right]);
    const mine = run(a, left, isNumber ? isDigit : isLetter);
    const other = run(b, right, isNumber ? isDigit : isLetter);
    left += mine.length;
    right += other.length;
    const order = isNumber ? compareNumbers(mine, other) : compareLetters(mine, other);
    if (order !== 0) return order;
  }
}

/**
 * The order of packages in Fedora's GRUB (vercmp() and split_package_string() in grub-core/commands/blscfg.c, the branch
 * of rhboot): names are `NAME-VERSION-RELEASE`, and each part is compared as RPM does. Below 0 if `a` is older.
 */
export function comparePackages(a: string, b: string): number {
  const [left, right] = [packageParts(a), packageParts(b)];
  for (const [index, part] of left.entries()) {
    const order = compareRpm(part, right[index] ?? "");
    if (order !== 0) return order;
  }
  return 0;
}

/** Name, version and release; what is missing is empty, from the end. */
function packageParts(text: string): readonly string[] {
  const last = text.lastIndexOf("-");
  if (last < 0) return [text, "", ""];
  const release = text.slice(last + 1);
  const rest = text.slice(0, last);
  const middle = rest.lastIndexOf("-");
  return middle < 0 ? [rest, release, ""] : [rest.slice(0, middle), rest.slice(middle + 1), release];
}

/**
 * The order of files in GRUB 2.14 (filevercmp() of gnulib), which is that of `sort -V`: suffixes such as `.conf` count only
 * between names that are the same without them. Below 0 if `a` is older.
 */
export function compareFileVersions(a: string, b: string): number {
  if (a === "" || b === "") return Math.sign(a.length - b.length);
  if (a.startsWith(".") !== b.startsWith(".")) return a.startsWith(".") ? -1 : 1;
  return compareDebian(withoutSuffixes(a), withoutSuffixes(b)) || compareDebian(a, b);
}

function withoutSuffixes(name: string): string {
  const parts = name.slice(1).split(".");
  while (parts.length > 1 && /^[A-Za-z~][A-Za-z0-9~]*$/.test(parts.at(-1) ?? "")) parts.pop();
  return name.slice(0, 1) + parts.join(".");
}

/** Parts without digits by their characters, letters before others and `~` before the end; then numbers (verrevcmp()). */
function compareDebian(a: string, b: string): number {
  const weight = (character: string | undefined): number => {
    if (character === undefined) return -1;
    if (isDigit(character)) return 0;
    if (character === "~") return -2;
    return character.charCodeAt(0) + (isLetter(character) ? 0 : 0x1_0000);
  };
  let [left, right] = [0, 0];
  while (left < a.length || right < b.length) {
    while (left < a.length && !isDigit(a[left]) || right < b.length && !isDigit(b[right])) {
      const order = weight(a[left]) - weight(b[right]);
      if (order !== 0) return order;
      left++;
      right++;
    }
    const [mine, other] = [run(a, left, isDigit), run(b, right, isDigit)];
    const order = compareNumbers(mine || "0", other || "0");
    if (order !== 0) return order;
    left += mine.length;
    right += other.length;
  }
  return 0;
}

function compareRpm(a: string, b: string): number {
  if (a === b) return 0;
  let [left, right] = [0, 0];
  const skip = (text: string, from: number): number => {
    let at = from;
    while (at < text.length && !/[0-9A-Za-z~+]/.test(text[at] ?? "")) at++;
    return at;
  };
  while (left < a.length || right < b.length) {
    left = skip(a, left);
    right = skip(b, right);
    const tilde = separator("~", a[left], b[right]);
    if (tilde.order !== 0) return tilde.order;
    if (tilde.step > 0) {
      left++;
      right++;
      continue;
    }
    if (a[left] === "+" || b[right] === "+") {
      // The one that ends is the base version, and older.
      if (left >= a.length) return -1;
      if (right >= b.length) return 1;
      if (a[left] !== "+") return 1;
      if (b[right] !== "+") return -1;
      left++;
      right++;
      continue;
    }
    if (left >= a.length || right >= b.length) break;
    const isNumber = isDigit(a[left]);
    const mine = run(a, left, isNumber ? isDigit : isLetter);
    const other = run(b, right, isNumber ? isDigit : isLetter);
    if (other === "") return isNumber ? 1 : -1;
    left += mine.length;
    right += other.length;
    const order = isNumber ? compareNumbers(mine, other) : compareLetters(mine, other);
    if (order !== 0) return order;
  }
  return left >= a.length ? right >= b.length ? 0 : -1 : 1;
}

/** How a separator decides: the text that has it is older. Both have it: it is passed. */
function separator(mark: string, a: string | undefined, b: string | undefined): { order: number; step: number } {
  if (a !== mark && b !== mark) return { order: 0, step: 0 };
  return a === b ? { order: 0, step: 1 } : { order: a === mark ? -1 : 1, step: 0 };
}

function run(text: string, from: number, is: (character: string | undefined) => boolean): string {
  let end = from;
  while (is(text[end])) end++;
  return text.slice(from, end);
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= "0" && character <= "9";
}

function isLetter(character: string | undefined): boolean {
  return character !== undefined && /[A-Za-z]/.test(character);
}

/** Digits of any length; none is less than any number. */
function compareNumbers(a: string, b: string): number {
  if ((a === "") !== (b === "")) return a === "" ? -1 : 1;
  const [left, right] = [a.replace(/^0+/, ""), b.replace(/^0+/, "")];
  if (left.length !== right.length) return left.length < right.length ? -1 : 1;
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The common part first; then the longer one is newer. */
function compareLetters(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
