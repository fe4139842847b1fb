# Boots the image that warmboot loaded, when everything is stopped and unmounted: only in a reboot that `warmboot exec` asked
# for, which leaves the file below. If that fails, the ordinary reboot follows. /etc/runit/3 reads it, as a part of itself.
# shellcheck shell=sh
if [ -f /run/warmboot/exec ] && [ -O /run/warmboot/exec ]; then
    rm -f /run/warmboot/exec
    /usr/local/bin/warmboot exec --now
    echo "warmboot-exec: the image was not booted (exit code $?); rebooting through the firmware" >&2
fi
