import type { Offer } from "../../src/cli/placeholders.ts";
import { PROFILE_ENDING, PROFILE_ROOTS } from "../../src/profile/search.ts";
import { type CommandDocs, type CommandOffer, commandOffers, globalOffers, NOTICE, type OptionOffer } from "./table.ts";

/** How bash finds each offer; `$1` is the beginning of the word. */
const OFFERS: { readonly [offer in Offer]: string } = {
  "profile-names": '_warmboot_names | _warmboot_match "$1"',
  "profile-files": `_warmboot_files '*.@(yaml|yml)' "$1"`,
  "plan-files": `_warmboot_files '*.@(json|yaml|yml)' "$1"`,
  sides: `compgen -W '@running @loaded' -- "$1"`,
  files: 'compgen -f -- "$1"',
  folders: 'compgen -d -- "$1"',
  releases: '_warmboot_releases | _warmboot_match "$1"',
  commands: 'compgen -W "$commands" -- "$1"',
};

/** The completion script for bash 4.4 and newer, with or without the package bash-completion. */
export function bashCompletion(commands: readonly CommandDocs[]): string {
  const offers = commandOffers(commands);
  return `# Completion of warmboot(8) for bash. ${NOTICE}
# shellcheck shell=bash

# Names of profiles: NAME${PROFILE_ENDING} in the folders that warmboot looks into.
_warmboot_names() {
  local file
  for file in ${PROFILE_ROOTS.map((root) => `${root}/*${PROFILE_ENDING}`).join(" ")}; do
    [[ -e $file ]] || continue
    file=\${file##*/}
    printf '%s\\n' "\${file%${PROFILE_ENDING}}"
  done
}

# Releases of the installed kernels.
_warmboot_releases() {
  local folder
  for folder in /lib/modules/*/; do
    [[ -d $folder ]] || continue
    folder=\${folder%/}
    printf '%s\\n' "\${folder##*/}"
  done
}

# The lines that begin with $1.
_warmboot_match() {
  local line
  while IFS= read -r line; do
    if [[ $line == "$1"* ]]; then printf '%s\\n' "$line"; fi
  done
}

# Files that match a pattern, and folders, which may contain more.
_warmboot_files() {
  local path
  compgen -d -- "$2"
  compgen -f -- "$2" | while IFS= read -r path; do
    # shellcheck disable=SC2053 # A pattern is meant.
    if [[ ! -d $path && $path == $1 ]]; then printf '%s\\n' "$path"; fi
  done
}

# Prints what can complete $1. The other arguments: offers by name, and literal words.
_warmboot_offer() {
  local kind
  local commands='${offers.map(({ name }) => name).join(" ")}'
  for kind in "\${@:2}"; do
    case $kind in
${Object.entries(OFFERS).map(([offer, finds]) => `      :${offer}) ${finds} ;;`).join("\n")}
      *) compgen -W "$kind" -- "$1" ;;
    esac
  done
}

_warmboot() {
  local -a words=() offers=()
  local IFS=$' \\t\\n' before=''
  local index word command='' count=0 max=0 last='' options='' breaks glue=''

  # Bash breaks words at =, : and @; here they are put together again.
  for ((index = 1; index <= COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    if [[ $word && $word != *[!=:@]* ]]; then
      if ((\${#words[@]} == 0)) || [[ $word == @* ]]; then words+=("$word"); else words[-1]+=$word; fi
      glue=1
    elif [[ $glue ]]; then
      words[-1]+=$word
      glue=''
    else
      words+=("$word")
    fi
  done
  local current=\${words[-1]}
  unset 'words[-1]'

  for word in "\${words[@]}"; do
    if [[ $last ]]; then
      last=''
    elif [[ $word == -* && $word != - ]]; then
      if _warmboot_takes_value "$command" "$word"; then last=$word; fi
    elif [[ ! $command ]]; then
      command=$word
    else
      count=$((count + 1))
    fi
  done

  if [[ $last ]]; then
    _warmboot_value "$command" "$last"
  elif [[ $current == --*=* ]]; then
    _warmboot_value "$command" "\${current%%=*}"
    before=\${current%%=*}=
    current=\${current#*=}
  elif [[ $current == -* && $current != - ]]; then
    _warmboot_options
    offers=("$options")
  elif [[ ! $command ]]; then
    offers=(:commands)
  else
    _warmboot_words
    if ((count >= max)); then offers=(); fi
  fi

  mapfile -t COMPREPLY < <(_warmboot_offer "$current" "\${offers[@]}" | sort -u)
  # Of a name that begins with @, readline would quote that.
  if [[ $current != @* && \${offers[*]} == *:*@(files|folders)* ]]; then compopt -o filenames 2>/dev/null; fi

  # Readline replaces what follows the last of the characters that it breaks at, and @ itself.
  breaks=\${COMP_WORDBREAKS//[!=:@]/}
  word=$before$current
  if [[ $breaks && $word == *["$breaks"]* ]]; then
    word=\${word%"\${word##*["$breaks"]}"}
    word=\${word%@}
    word=\${word#"$before"}
    COMPREPLY=("\${COMPREPLY[@]#"$word"}")
  elif [[ $before ]]; then
    COMPREPLY=("\${COMPREPLY[@]/#/$before}")
  fi
}

# Whether the option $2 of the command $1 takes the next word.
_warmboot_takes_value() {
  local -a offers=()
  [[ $2 == *=* ]] && return 1
${optionalCases(offers)}
  _warmboot_value "$1" "$2"
}

# Sets offers to what the option $2 of the command $1 takes; fails if that is nothing.
_warmboot_value() {
  case $1:$2 in
${valueCases("*", globalOffers())}
${
    offers.map(({ name, options }) => valueCases(name, options.slice(0, -globalOffers().length))).filter(Boolean).join(
      "\n",
    )
  }
    *) return 1 ;;
  esac
}

# Sets options to those of the command.
_warmboot_options() {
  case $command in
${offers.map((offer) => `    ${offer.name}) options='${optionNames(offer.options)}' ;;`).join("\n")}
    *) options='${optionNames(globalOffers())}' ;;
  esac
}

# Sets offers to what the command takes as words, and max to how many it takes.
_warmboot_words() {
  case $command in
${offers.filter(({ maxWords }) => maxWords > 0).map(wordCase).join("\n")}
  esac
}

complete -F _warmboot warmboot
`;
}

/** Options whose value can only be in the same word. */
function optionalCases(commands: readonly CommandOffer[]): string {
  const patterns = commands.flatMap(({ name, options }) =>
    options.flatMap(({ names, optional }) => optional ? names.map((each) => `${name}:${each}`) : [])
  );
  return `  case $1:$2 in ${patterns.join(" | ")}) return 1 ;; esac`;
}

function optionNames(options: readonly OptionOffer[]): string {
  return options.flatMap(({ names }) => names).join(" ");
}

function valueCases(command: string, options: readonly OptionOffer[]): string {
  return options.flatMap(({ names, value }) => {
    if (value === undefined) return [];
    const patterns = names.map((name) => `${command}:${name}`).join(" | ");
    return [`    ${patterns}) offers=(${offerWords(value)}) ;;`];
  }).join("\n");
}

function wordCase({ name, words, maxWords }: CommandOffer): string {
  const max = maxWords === Infinity ? "count + 1" : String(maxWords);
  return `    ${name})\n      offers=(${offerWords(words)})\n      max=$((${max}))\n      ;;`;
}

function offerWords({ literals, offers }: OptionOffer["value"] & object): string {
  return [...(literals.length > 0 ? [`'${literals.join(" ")}'`] : []), ...offers.map((offer) => `:${offer}`)].join(" ");
}
