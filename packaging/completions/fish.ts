import type { Offer, Offered } from "../../src/cli/placeholders.ts";
import { PROFILE_ENDING, PROFILE_ROOTS } from "../../src/profile/search.ts";
import { type CommandDocs, commandOffers, globalOffers, NOTICE, type OptionOffer } from "./table.ts";

/** How fish finds each offer. */
const OFFERS: { readonly [offer in Offer]: string } = {
  "profile-names": "(__warmboot_names)",
  "profile-files": "(__warmboot_files 'yaml|yml')",
  "plan-files": "(__warmboot_files 'json|yaml|yml')",
  sides: "@running\\t'The running system' @loaded\\t'The loaded image'",
  files: "(__fish_complete_path (commandline -ct))",
  folders: "(__fish_complete_directories (commandline -ct))",
  releases: "(__warmboot_releases)",
  commands: "",
};

/** The completion script for fish 3. */
export function fishCompletion(commands: readonly CommandDocs[]): string {
  const offers = commandOffers(commands);
  const lines = offers.flatMap(({ name, options, words, maxWords }) => [
    "",
    ...(maxWords > 0 ? [`${complete(name)} -k -a ${quote(candidates(words))}`] : []),
    ...options.slice(0, -globalOffers().length).map((option) => `${complete(name)} ${optionFlags(option)}`),
  ]);
  return `# Completion of warmboot(8) for fish. ${NOTICE}

# Names of profiles: NAME${PROFILE_ENDING} in the folders that warmboot looks into.
function __warmboot_names
    for file in ${PROFILE_ROOTS.map((root) => `${root}/*${PROFILE_ENDING}`).join(" ")}
        printf '%s\\t%s\\n' (basename $file ${PROFILE_ENDING}) $file
    end
end

# Releases of the installed kernels.
function __warmboot_releases
    for folder in /lib/modules/*/
        basename $folder
    end
end

# Files with these extensions, and folders, which may contain more.
function __warmboot_files
    __fish_complete_path (commandline -ct) | string match -r '^[^\\t]*(?:/|\\.(?:'$argv[1]'))(?:\\t.*)?$'
end

# The command on the line, if there is one yet.
function __warmboot_command
    set -l skip
    for word in (commandline -opc)[2..]
        if set -q skip[1]
            set -e skip[1]
        else if test "$word" = --color
            set skip value
        else if not string match -q -- '-*' $word
            echo $word
            return
        end
    end
    return 1
end

function __warmboot_in
    test "$(__warmboot_command)" = $argv[1]
end

complete -c warmboot -f
${globalOffers().map((option) => `complete -c warmboot ${optionFlags(option)}`).join("\n")}

${
    offers.map(({ name, brief }) =>
      `complete -c warmboot -n 'not __warmboot_command >/dev/null' -a ${name} -d ${quote(brief)}`
    ).join("\n")
  }
${lines.join("\n")}
`;
}

function complete(command: string): string {
  return `complete -c warmboot -n '__warmboot_in ${command}'`;
}

function optionFlags({ names, brief, value, optional }: OptionOffer): string {
  const flags = names.map((name) => name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`).join(" ");
  const takes = value === undefined ? "" : ` ${optional ? "-f" : "-x"} -k -a ${quote(candidates(value))}`;
  return `${flags}${takes} -d ${quote(brief)}`;
}

function candidates({ literals, offers }: Offered): string {
  return [...literals, ...offers.map((offer) => OFFERS[offer])].join(" ");
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
