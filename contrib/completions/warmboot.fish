# Completion of warmboot(8) for fish. Generated from src/cli/table.ts by `deno task generate`; changes here are lost.

# Names of profiles: NAME.yaml in the folders that warmboot looks into.
function __warmboot_names
    for file in /etc/warmboot/*.yaml /run/warmboot/*.yaml /usr/lib/warmboot/*.yaml
        printf '%s\t%s\n' (basename $file .yaml) $file
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
    __fish_complete_path (commandline -ct) | string match -r '^[^\t]*(?:/|\.(?:'$argv[1]'))(?:\t.*)?$'
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
complete -c warmboot -s h -l help -d 'Show this help'
complete -c warmboot -l version -d 'Show the versions of warmboot and what it runs on'
complete -c warmboot -l color -x -k -a 'auto always never' -d 'Use colours'

complete -c warmboot -n 'not __warmboot_command >/dev/null' -a check -d 'Say whether profiles are valid'
complete -c warmboot -n 'not __warmboot_command >/dev/null' -a plan -d 'Show what would happen, and change nothing'
complete -c warmboot -n 'not __warmboot_command >/dev/null' -a diff -d 'Show what would change'
complete -c warmboot -n 'not __warmboot_command >/dev/null' -a load -d 'Load the image of a profile or of a stored plan'
complete -c warmboot -n 'not __warmboot_command >/dev/null' -a exec -d 'Reboot into the loaded image'
complete -c warmboot -n 'not __warmboot_command >/dev/null' -a unload -d 'Drop the loaded image'
complete -c warmboot -n 'not __warmboot_command >/dev/null' -a depart -d 'Write down that the shutdown into the loaded image has begun'
complete -c warmboot -n 'not __warmboot_command >/dev/null' -a arrive -d 'Write down how the last reboot ended'
complete -c warmboot -n 'not __warmboot_command >/dev/null' -a confirm -d 'Say that the running system, into which warmboot led, is good'
complete -c warmboot -n 'not __warmboot_command >/dev/null' -a history -d 'List the reboots into loaded images'
complete -c warmboot -n 'not __warmboot_command >/dev/null' -a status -d 'Say what is loaded, by whom and since when, and what the host allows'
complete -c warmboot -n 'not __warmboot_command >/dev/null' -a facts -d 'Capture this host, so that plans can be made elsewhere'
complete -c warmboot -n 'not __warmboot_command >/dev/null' -a init -d 'Write a profile from what is there'
complete -c warmboot -n 'not __warmboot_command >/dev/null' -a refresh -d 'Update profiles that follow the newest kernel'
complete -c warmboot -n 'not __warmboot_command >/dev/null' -a explain -d 'Say what a diagnostic code means, what provokes it and what to do'
complete -c warmboot -n 'not __warmboot_command >/dev/null' -a schema -d 'Print the JSON Schema of profiles, or of what the other commands print'
complete -c warmboot -n 'not __warmboot_command >/dev/null' -a install -d 'Install this release'
complete -c warmboot -n 'not __warmboot_command >/dev/null' -a uninstall -d 'Remove what install has installed'
complete -c warmboot -n 'not __warmboot_command >/dev/null' -a help -d 'Show the help of a command'

complete -c warmboot -n '__warmboot_in check' -k -a '(__warmboot_names) (__warmboot_files \'yaml|yml\') (__fish_complete_directories (commandline -ct))'
complete -c warmboot -n '__warmboot_in check' -s o -l output -x -k -a 'text json yaml sarif junit' -d 'Form of the output'
complete -c warmboot -n '__warmboot_in check' -l strict -d 'Treat warnings as errors'
complete -c warmboot -n '__warmboot_in check' -l origin -d 'Print each profile as it is after merging, and which file and line set each value'
complete -c warmboot -n '__warmboot_in check' -l fix -d 'Correct what has only one likely correction, in the files'

complete -c warmboot -n '__warmboot_in plan' -k -a '(__warmboot_names) (__warmboot_files \'yaml|yml\') (__fish_complete_directories (commandline -ct))'
complete -c warmboot -n '__warmboot_in plan' -s o -l output -x -k -a 'text json yaml svg html markdown junit' -d 'Form of the output'
complete -c warmboot -n '__warmboot_in plan' -s v -l verbose -d 'List the checks that passed as well'
complete -c warmboot -n '__warmboot_in plan' -l brief -d 'Print five lines, for a chat or a commit comment'
complete -c warmboot -n '__warmboot_in plan' -l picture -x -k -a '(__fish_complete_path (commandline -ct))' -d 'Link this picture from -o markdown'
complete -c warmboot -n '__warmboot_in plan' -l out -x -k -a '(__fish_complete_path (commandline -ct))' -d 'Store the plan in FILE for warmboot load'
complete -c warmboot -n '__warmboot_in plan' -l facts -x -k -a '(__fish_complete_path (commandline -ct))' -d 'Plan for the host captured in FILE'
complete -c warmboot -n '__warmboot_in plan' -l facts-dir -x -k -a '(__fish_complete_directories (commandline -ct))' -d 'Plan every profile for every host captured in DIR, and print the matrix'
complete -c warmboot -n '__warmboot_in plan' -l unmatched -d 'With --facts-dir'
complete -c warmboot -n '__warmboot_in plan' -l jobs -x -k -a '' -d 'With --facts-dir'
complete -c warmboot -n '__warmboot_in plan' -l max-age -x -k -a '' -d 'Warn of captures that are older than AGE'
complete -c warmboot -n '__warmboot_in plan' -l strict -d 'Treat warnings as errors'

complete -c warmboot -n '__warmboot_in diff' -k -a '@running\\t\'The running system\' @loaded\\t\'The loaded image\' (__warmboot_names) (__warmboot_files \'yaml|yml\') (__warmboot_files \'json|yaml|yml\')'
complete -c warmboot -n '__warmboot_in diff' -s o -l output -x -k -a 'text json yaml svg markdown' -d 'Form of the output'
complete -c warmboot -n '__warmboot_in diff' -l facts -x -k -a '(__fish_complete_path (commandline -ct))' -d 'Plan for the host captured in FILE'
complete -c warmboot -n '__warmboot_in diff' -l facts-dir -x -k -a '(__fish_complete_directories (commandline -ct))' -d 'Compare for every host captured in DIR that a profile is for'
complete -c warmboot -n '__warmboot_in diff' -l max-age -x -k -a '' -d 'Warn of captures that are older than AGE'

complete -c warmboot -n '__warmboot_in load' -k -a '(__warmboot_names) (__warmboot_files \'yaml|yml\') (__warmboot_files \'json|yaml|yml\')'
complete -c warmboot -n '__warmboot_in load' -l dry-run -d 'Print the system calls and make none'
complete -c warmboot -n '__warmboot_in load' -l exec -d 'Go on and reboot into the image, as warmboot exec does'
complete -c warmboot -n '__warmboot_in load' -l now -d 'With --exec, do not ask the init system'
complete -c warmboot -n '__warmboot_in load' -l force -d 'Load the image even if it is already loaded, or if the last reboot into it failed'
complete -c warmboot -n '__warmboot_in load' -l strict -d 'Treat warnings as errors'
complete -c warmboot -n '__warmboot_in load' -s o -l output -x -k -a 'text json yaml' -d 'Form of the output'

complete -c warmboot -n '__warmboot_in exec' -l now -d 'Do not ask the init system'
complete -c warmboot -n '__warmboot_in exec' -l force -d 'Reboot into the image even if the last reboot into it failed'
complete -c warmboot -n '__warmboot_in exec' -l unbind -d 'Only take the devices of unbind from their drivers, and do not jump'
complete -c warmboot -n '__warmboot_in exec' -l dry-run -d 'Print the system calls and make none'
complete -c warmboot -n '__warmboot_in exec' -s o -l output -x -k -a 'text json yaml' -d 'Form of the output'

complete -c warmboot -n '__warmboot_in unload' -l crash -d 'Drop the crash image, not the one for a reboot'
complete -c warmboot -n '__warmboot_in unload' -l dry-run -d 'Print the system calls and make none'
complete -c warmboot -n '__warmboot_in unload' -s o -l output -x -k -a 'text json yaml' -d 'Form of the output'

complete -c warmboot -n '__warmboot_in depart' -s o -l output -x -k -a 'text json yaml' -d 'Form of the output'

complete -c warmboot -n '__warmboot_in arrive' -l wait -d 'Stay until the running system is confirmed, and reboot through the firmware when its guard\'s time is up'
complete -c warmboot -n '__warmboot_in arrive' -s o -l output -x -k -a 'text json yaml' -d 'Form of the output'

complete -c warmboot -n '__warmboot_in confirm' -s o -l output -x -k -a 'text json yaml' -d 'Form of the output'

complete -c warmboot -n '__warmboot_in history' -s o -l output -x -k -a 'text json yaml svg' -d 'Form of the output'
complete -c warmboot -n '__warmboot_in history' -l ended -d 'Say in one line how the last reboot ended'

complete -c warmboot -n '__warmboot_in status' -k -a '(__warmboot_names) (__warmboot_files \'yaml|yml\') (__warmboot_files \'json|yaml|yml\')'
complete -c warmboot -n '__warmboot_in status' -s o -l output -x -k -a 'text json yaml openmetrics' -d 'Form of the output'
complete -c warmboot -n '__warmboot_in status' -l booted -x -k -a '(__warmboot_names) (__warmboot_files \'yaml|yml\') (__warmboot_files \'json|yaml|yml\')' -d 'Say whether the running system is what this declares, and how it differs'
complete -c warmboot -n '__warmboot_in status' -l check -f -k -a 'reboot-needed' -d 'Say in one line and by the exit code whether what is loaded is what these declare'

complete -c warmboot -n '__warmboot_in facts' -k -a '(__warmboot_names) (__warmboot_files \'yaml|yml\')'
complete -c warmboot -n '__warmboot_in facts' -s o -l output -x -k -a 'json yaml' -d 'Form of the output'
complete -c warmboot -n '__warmboot_in facts' -l images -d 'Capture the files that these profiles name, too'
complete -c warmboot -n '__warmboot_in facts' -l redact -d 'Leave out addresses of the kernel'

complete -c warmboot -n '__warmboot_in init' -l running -d 'From the running kernel and its command line'
complete -c warmboot -n '__warmboot_in init' -l newest -d 'From the newest kernel under /boot and /usr/lib/modules'
complete -c warmboot -n '__warmboot_in init' -l boot-entry -x -k -a '' -d 'From the boot loader'
complete -c warmboot -n '__warmboot_in init' -l bls -x -k -a '(__fish_complete_path (commandline -ct))' -d 'From a boot loader entry'
complete -c warmboot -n '__warmboot_in init' -l uki -x -k -a '(__fish_complete_path (commandline -ct))' -d 'From a unified kernel image'
complete -c warmboot -n '__warmboot_in init' -l from-kexec -x -k -a '' -d 'From a command line of kexec-tools, quoted as one word'
complete -c warmboot -n '__warmboot_in init' -l extract -x -k -a '(__fish_complete_directories (commandline -ct))' -d 'Write the kernel and the initrd of the unified kernel image into DIR, and name these'
complete -c warmboot -n '__warmboot_in init' -l uki-profile -x -k -a '' -d 'Which profile of the unified kernel image, by its ID or number'
complete -c warmboot -n '__warmboot_in init' -l boot -x -k -a '(__fish_complete_directories (commandline -ct))' -d 'The folder from which the paths of the boot loader entry are resolved'
complete -c warmboot -n '__warmboot_in init' -l root -x -k -a '(__fish_complete_directories (commandline -ct))' -d 'Look for installed kernels under DIR instead of /'
complete -c warmboot -n '__warmboot_in init' -l facts -x -k -a '(__fish_complete_path (commandline -ct))' -d 'Take the running kernel\'s release and command line, or the boot loader\'s files, from a capture'
complete -c warmboot -n '__warmboot_in init' -l pin -d 'State the digests of the files too, so that no others are loaded in their place'
complete -c warmboot -n '__warmboot_in init' -l follow -d 'Mark the profile of the newest kernel as one that warmboot refresh updates when a newer one is installed'
complete -c warmboot -n '__warmboot_in init' -l guard -d 'Have the profile guard its reboot'
complete -c warmboot -n '__warmboot_in init' -l out -x -k -a '(__fish_complete_path (commandline -ct))' -d 'Write to FILE, which must not be there yet'

complete -c warmboot -n '__warmboot_in refresh' -k -a '(__fish_complete_path (commandline -ct)) (__fish_complete_directories (commandline -ct))'
complete -c warmboot -n '__warmboot_in refresh' -l without -x -k -a '(__warmboot_releases)' -d 'Leave out this kernel, which is about to be removed'
complete -c warmboot -n '__warmboot_in refresh' -l root -x -k -a '(__fish_complete_directories (commandline -ct))' -d 'Look for kernels, and for the default folder, under DIR instead of /'
complete -c warmboot -n '__warmboot_in refresh' -s o -l output -x -k -a 'text json yaml' -d 'Form of the output'

complete -c warmboot -n '__warmboot_in explain' -k -a ''

complete -c warmboot -n '__warmboot_in schema' -k -a 'profile plan facts status check diff fleet origin matrix layer outcome'

complete -c warmboot -n '__warmboot_in install' -l prefix -x -k -a '(__fish_complete_directories (commandline -ct))' -d 'Where to install'
complete -c warmboot -n '__warmboot_in install' -l destdir -x -k -a '(__fish_complete_directories (commandline -ct))' -d 'A folder that replaces / while a package is made'
complete -c warmboot -n '__warmboot_in install' -l bindir -x -k -a '(__fish_complete_directories (commandline -ct))' -d 'The program'
complete -c warmboot -n '__warmboot_in install' -l libdir -x -k -a '(__fish_complete_directories (commandline -ct))' -d 'Its parts'
complete -c warmboot -n '__warmboot_in install' -l unitdir -x -k -a '(__fish_complete_directories (commandline -ct))' -d 'Units of systemd'
complete -c warmboot -n '__warmboot_in install' -l sysconfdir -x -k -a '(__fish_complete_directories (commandline -ct))' -d 'Configuration'
complete -c warmboot -n '__warmboot_in install' -l mandir -x -k -a '(__fish_complete_directories (commandline -ct))' -d 'Manual pages'
complete -c warmboot -n '__warmboot_in install' -l zshdir -x -k -a '(__fish_complete_directories (commandline -ct))' -d 'Completions of zsh'
complete -c warmboot -n '__warmboot_in install' -l deno -x -k -a '(__fish_complete_path (commandline -ct))' -d 'The Deno to run with'
complete -c warmboot -n '__warmboot_in install' -l no-units -d 'Leave out units of systemd'
complete -c warmboot -n '__warmboot_in install' -l no-hooks -d 'Leave out hooks that run when a kernel is installed'
complete -c warmboot -n '__warmboot_in install' -l no-man -d 'Leave out manual pages'
complete -c warmboot -n '__warmboot_in install' -l no-completions -d 'Leave out completions of shells'
complete -c warmboot -n '__warmboot_in install' -l no-docs -d 'Leave out documentation'
complete -c warmboot -n '__warmboot_in install' -l dry-run -d 'Print what would be installed, and install nothing'

complete -c warmboot -n '__warmboot_in uninstall' -l dry-run -d 'Print what would be removed, and remove nothing'

complete -c warmboot -n '__warmboot_in help' -k -a 'check plan diff load exec unload depart arrive confirm history status facts init refresh explain schema install uninstall'
