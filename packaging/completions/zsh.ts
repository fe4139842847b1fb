import type { Offer, Offered } from "../../src/cli/placeholders.ts";
import { PROFILE_ENDING, PROFILE_ROOTS } from "../../src/profile/search.ts";
import { type CommandDocs, type CommandOffer, commandOffers, globalOffers, NOTICE, type OptionOffer } from "./table.ts";

/** How zsh finds each offer: a tag, what to call it, and an action of `_alternative`. */
const OFFERS: { readonly [offer in Offer]: string } = {
  "profile-names": "'names:name of a profile:_warmboot_names'",
  "profile-files": `'files:file of a profile:_files -g "*.(yaml|yml)"'`,
  "plan-files": `'plans:stored plan:_files -g "*.(json|yaml|yml)"'`,
  sides: "'sides:side:(@running @loaded)'",
  files: "'files:file:_files'",
  folders: "'folders:folder:_files -/'",
  releases: "'releases:release:_warmboot_releases'",
  commands: "'commands:command:_warmboot_commands'",
};

/** The completion script for zsh. */
export function zshCompletion(commands: readonly CommandDocs[]): string {
  const offers = commandOffers(commands);
  return `#compdef warmboot
# Completion of warmboot(8) for zsh. ${NOTICE}

# Names of profiles: NAME${PROFILE_ENDING} in the folders that warmboot looks into.
_warmboot_names() {
  local -a names=(${PROFILE_ROOTS.map((root) => `${root}/*${PROFILE_ENDING}(N:t:r)`).join(" ")})
  compadd "$@" -a names
}

# Releases of the installed kernels.
_warmboot_releases() {
  local -a releases=(/lib/modules/*(N/:t))
  compadd "$@" -a releases
}

_warmboot_commands() {
  local -a commands=(
${offers.map(({ name, brief }) => `    ${quote(`${name}:${brief}`)}`).join("\n")}
  )
  _describe -t commands command commands
}

# Offers of several kinds.
_warmboot_offer() {
  local -a alternatives
  local kind
  for kind; do
    case $kind in
${Object.entries(OFFERS).map(([offer, action]) => `      ${offer}) alternatives+=(${action}) ;;`).join("\n")}
    esac
  done
  _alternative $alternatives
}

_warmboot() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  _arguments -C -S \\
${globalOffers().map((option) => `    ${spec(option)} \\`).join("\n")}
    '1:command:_warmboot_commands' \\
    '*:: :->words'
  [[ $state == words ]] || return
  curcontext=\${curcontext%:*:*}:warmboot-$line[1]:
  case $line[1] in
${offers.map(commandCase).join("\n")}
  esac
}

_warmboot "$@"
`;
}

function commandCase({ name, options, words, maxWords }: CommandOffer): string {
  const message = words.literals.length > 0 ? name : "word";
  const positions = maxWords === Infinity
    ? [`'*:${message}:${action(words)}'`]
    : Array.from({ length: maxWords }, (_, index) => `'${index + 1}:${message}:${action(words)}'`);
  const lines = [...options.map(spec), ...positions].map((line) => `        ${line}`).join(" \\\n");
  return `    ${name})\n      _arguments -s -S \\\n${lines}\n      ;;`;
}

/** `(-o --output)'{-o,--output=}'[What it does]:value:(text json)`, as _arguments reads it. */
function spec({ names, brief, value, optional }: OptionOffer): string {
  const doc = `[${brief.replaceAll(/[[\]\\]/g, "\\$&")}]`;
  const rest = value === undefined ? doc : `${doc}${optional ? "::" : ":"}value:${action(value)}`;
  // With `=-`, a value can only be in the same word.
  const long = optional ? "=-" : "=";
  const written = names.map((name) =>
    value === undefined ? name : name.startsWith("--") ? `${name}${long}` : `${name}+`
  );
  const [only, ...others] = written;
  if (others.length === 0) return quote(`${only}${rest}`);
  return `${quote(`(${names.join(" ")})`)}{${written.join(",")}}${quote(rest)}`;
}

function action({ literals, offers }: Offered): string {
  return literals.length > 0 ? `(${literals.join(" ")})` : `{_warmboot_offer ${offers.join(" ")}}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
