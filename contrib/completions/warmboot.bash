# Completion of warmboot(8) for bash. Generated from src/cli/table.ts by `deno task generate`; changes here are lost.
# shellcheck shell=bash

# Names of profiles: NAME.yaml in the folders that warmboot looks into.
_warmboot_names() {
  local file
  for file in /etc/warmboot/*.yaml /run/warmboot/*.yaml /usr/lib/warmboot/*.yaml; do
    [[ -e $file ]] || continue
    file=${file##*/}
    printf '%s\n' "${file%.yaml}"
  done
}

# Releases of the installed kernels.
_warmboot_releases() {
  local folder
  for folder in /lib/modules/*/; do
    [[ -d $folder ]] || continue
    folder=${folder%/}
    printf '%s\n' "${folder##*/}"
  done
}

# The lines that begin with $1.
_warmboot_match() {
  local line
  while IFS= read -r line; do
    if [[ $line == "$1"* ]]; then printf '%s\n' "$line"; fi
  done
}

# Files that match a pattern, and folders, which may contain more.
_warmboot_files() {
  local path
  compgen -d -- "$2"
  compgen -f -- "$2" | while IFS= read -r path; do
    # shellcheck disable=SC2053 # A pattern is meant.
    if [[ ! -d $path && $path == $1 ]]; then printf '%s\n' "$path"; fi
  done
}

# Prints what can complete $1. The other arguments: offers by name, and literal words.
_warmboot_offer() {
  local kind
  local commands='check plan diff load exec unload depart arrive confirm history status facts init refresh explain schema install uninstall help'
  for kind in "${@:2}"; do
    case $kind in
      :profile-names) _warmboot_names | _warmboot_match "$1" ;;
      :profile-files) _warmboot_files '*.@(yaml|yml)' "$1" ;;
      :plan-files) _warmboot_files '*.@(json|yaml|yml)' "$1" ;;
      :sides) compgen -W '@running @loaded' -- "$1" ;;
      :files) compgen -f -- "$1" ;;
      :folders) compgen -d -- "$1" ;;
      :releases) _warmboot_releases | _warmboot_match "$1" ;;
      :commands) compgen -W "$commands" -- "$1" ;;
      *) compgen -W "$kind" -- "$1" ;;
    esac
  done
}

_warmboot() {
  local -a words=() offers=()
  local IFS=$' \t\n' before=''
  local index word command='' count=0 max=0 last='' options='' breaks glue=''

  # Bash breaks words at =, : and @; here they are put together again.
  for ((index = 1; index <= COMP_CWORD; index++)); do
    word=${COMP_WORDS[index]}
    if [[ $word && $word != *[!=:@]* ]]; then
      if ((${#words[@]} == 0)) || [[ $word == @* ]]; then words+=("$word"); else words[-1]+=$word; fi
      glue=1
    elif [[ $glue ]]; then
      words[-1]+=$word
      glue=''
    else
      words+=("$word")
    fi
  done
  local current=${words[-1]}
  unset 'words[-1]'

  for word in "${words[@]}"; do
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
    _warmboot_value "$command" "${current%%=*}"
    before=${current%%=*}=
    current=${current#*=}
  elif [[ $current == -* && $current != - ]]; then
    _warmboot_options
    offers=("$options")
  elif [[ ! $command ]]; then
    offers=(:commands)
  else
    _warmboot_words
    if ((count >= max)); then offers=(); fi
  fi

  mapfile -t COMPREPLY < <(_warmboot_offer "$current" "${offers[@]}" | sort -u)
  # Of a name that begins with @, readline would quote that.
  if [[ $current != @* && ${offers[*]} == *:*@(files|folders)* ]]; then compopt -o filenames 2>/dev/null; fi

  # Readline replaces what follows the last of the characters that it breaks at, and @ itself.
  breaks=${COMP_WORDBREAKS//[!=:@]/}
  word=$before$current
  if [[ $breaks && $word == *["$breaks"]* ]]; then
    word=${word%"${word##*["$breaks"]}"}
    word=${word%@}
    word=${word#"$before"}
    COMPREPLY=("${COMPREPLY[@]#"$word"}")
  elif [[ $before ]]; then
    COMPREPLY=("${COMPREPLY[@]/#/$before}")
  fi
}

# Whether the option $2 of the command $1 takes the next word.
_warmboot_takes_value() {
  local -a offers=()
  [[ $2 == *=* ]] && return 1
  case $1:$2 in status:--check) return 1 ;; esac
  _warmboot_value "$1" "$2"
}

# Sets offers to what the option $2 of the command $1 takes; fails if that is nothing.
_warmboot_value() {
  case $1:$2 in
    *:--color) offers=('auto always never') ;;
    check:-o | check:--output) offers=('text json yaml sarif junit') ;;
    plan:-o | plan:--output) offers=('text json yaml svg html markdown junit') ;;
    plan:--picture) offers=(:files) ;;
    plan:--out) offers=(:files) ;;
    plan:--facts) offers=(:files) ;;
    plan:--facts-dir) offers=(:folders) ;;
    plan:--jobs) offers=() ;;
    plan:--max-age) offers=() ;;
    diff:-o | diff:--output) offers=('text json yaml svg markdown') ;;
    diff:--facts) offers=(:files) ;;
    diff:--facts-dir) offers=(:folders) ;;
    diff:--max-age) offers=() ;;
    load:-o | load:--output) offers=('text json yaml') ;;
    exec:-o | exec:--output) offers=('text json yaml') ;;
    unload:-o | unload:--output) offers=('text json yaml') ;;
    depart:-o | depart:--output) offers=('text json yaml') ;;
    arrive:-o | arrive:--output) offers=('text json yaml') ;;
    confirm:-o | confirm:--output) offers=('text json yaml') ;;
    history:-o | history:--output) offers=('text json yaml svg') ;;
    status:-o | status:--output) offers=('text json yaml openmetrics') ;;
    status:--booted) offers=(:profile-names :profile-files :plan-files) ;;
    status:--check) offers=('reboot-needed') ;;
    facts:-o | facts:--output) offers=('json yaml') ;;
    init:--boot-entry) offers=() ;;
    init:--bls) offers=(:files) ;;
    init:--uki) offers=(:files) ;;
    init:--from-kexec) offers=(:commands) ;;
    init:--extract) offers=(:folders) ;;
    init:--uki-profile) offers=() ;;
    init:--boot) offers=(:folders) ;;
    init:--root) offers=(:folders) ;;
    init:--facts) offers=(:files) ;;
    init:--out) offers=(:files) ;;
    refresh:--without) offers=(:releases) ;;
    refresh:--root) offers=(:folders) ;;
    refresh:-o | refresh:--output) offers=('text json yaml') ;;
    install:--prefix) offers=(:folders) ;;
    install:--destdir) offers=(:folders) ;;
    install:--bindir) offers=(:folders) ;;
    install:--libdir) offers=(:folders) ;;
    install:--unitdir) offers=(:folders) ;;
    install:--sysconfdir) offers=(:folders) ;;
    install:--mandir) offers=(:folders) ;;
    install:--zshdir) offers=(:folders) ;;
    install:--deno) offers=(:files) ;;
    *) return 1 ;;
  esac
}

# Sets options to those of the command.
_warmboot_options() {
  case $command in
    check) options='-o --output --strict --origin --fix -h --help --version --color' ;;
    plan) options='-o --output -v --verbose --brief --picture --out --facts --facts-dir --unmatched --jobs --max-age --strict -h --help --version --color' ;;
    diff) options='-o --output --facts --facts-dir --max-age -h --help --version --color' ;;
    load) options='--dry-run --exec --now --force --strict -o --output -h --help --version --color' ;;
    exec) options='--now --force --unbind --dry-run -o --output -h --help --version --color' ;;
    unload) options='--crash --dry-run -o --output -h --help --version --color' ;;
    depart) options='-o --output -h --help --version --color' ;;
    arrive) options='--wait -o --output -h --help --version --color' ;;
    confirm) options='-o --output -h --help --version --color' ;;
    history) options='-o --output --ended -h --help --version --color' ;;
    status) options='-o --output --booted --check -h --help --version --color' ;;
    facts) options='-o --output --images --redact -h --help --version --color' ;;
    init) options='--running --newest --boot-entry --bls --uki --from-kexec --extract --uki-profile --boot --root --facts --pin --follow --guard --out -h --help --version --color' ;;
    refresh) options='--without --root -o --output -h --help --version --color' ;;
    explain) options='-h --help --version --color' ;;
    schema) options='-h --help --version --color' ;;
    install) options='--prefix --destdir --bindir --libdir --unitdir --sysconfdir --mandir --zshdir --deno --no-units --no-hooks --no-man --no-completions --no-docs --dry-run -h --help --version --color' ;;
    uninstall) options='--dry-run -h --help --version --color' ;;
    help) options='-h --help --version --color' ;;
    *) options='-h --help --version --color' ;;
  esac
}

# Sets offers to what the command takes as words, and max to how many it takes.
_warmboot_words() {
  case $command in
    check)
      offers=(:profile-names :profile-files :folders)
      max=$((count + 1))
      ;;
    plan)
      offers=(:profile-names :profile-files :folders)
      max=$((count + 1))
      ;;
    diff)
      offers=(:sides :profile-names :profile-files :plan-files)
      max=$((2))
      ;;
    load)
      offers=(:profile-names :profile-files :plan-files)
      max=$((1))
      ;;
    status)
      offers=(:profile-names :profile-files :plan-files)
      max=$((count + 1))
      ;;
    facts)
      offers=(:profile-names :profile-files)
      max=$((count + 1))
      ;;
    refresh)
      offers=(:files :folders)
      max=$((count + 1))
      ;;
    explain)
      offers=()
      max=$((1))
      ;;
    schema)
      offers=('profile plan facts status check diff fleet origin matrix layer outcome')
      max=$((1))
      ;;
    help)
      offers=('check plan diff load exec unload depart arrive confirm history status facts init refresh explain schema install uninstall')
      max=$((1))
      ;;
  esac
}

complete -F _warmboot warmboot
