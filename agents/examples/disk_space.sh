#!/bin/sh
# Watches how full the file system of a folder is and raises an alert above a limit. POSIX sh, df, sed and awk.
#
# Alone:               WATCHED_FOLDER=/home ./disk_space.sh
# Under a coordinator: settings come from the agent's `env` table. (JSON is easy to write in shell, but not to read.)
#
# It does not clean up anything.

folder=${WATCHED_FOLDER:-/}
percent_max=${PERCENT_MAX:-90}
interval=${INTERVAL_SECONDS:-5}
seq=0
firing=no
reader=
sleeper=

# Text as the inside of a JSON string.
text() {
    printf '%s' "$1" | tr '\000-\037' ' ' | sed 's/\\/\\\\/g; s/"/\\"/g'
}

# Every child is told not to hold our stdout: a reader waits until its last holder is gone.
end() {
    trap '' TERM INT
    kill $reader $sleeper 2>/dev/null
    echo '{"type":"stopping","reason":"asked to stop"}'
    exit 0
}
trap end TERM INT

# Messages arrive while we work or sleep, so a second process reads them. A shell gives its background processes an
# empty stdin, hence the detour. The end of stdin means that the coordinator is gone.
exec 3<&0
(
    trap - TERM INT
    while read -r line; do
        case $line in
        *'"type":"stop"'* | *'"type": "stop"'*) kill -TERM $$ ;;
        esac
    done
    if [ -n "$AGENT_NAME" ]; then kill -TERM $$; fi
) <&3 >/dev/null 2>&1 &
reader=$!
exec 3<&-

# The work: what this agent is for.
round() {
    seq=$((seq + 1))
    # The second line of `df -P`: device, blocks, used, available, capacity, mount point.
    set -- $(df -Pk -- "$folder" 2>/dev/null | awk 'NR == 2 { sub("%", "", $5); print $5, $4 }')
    if [ $# -ne 2 ]; then
        printf '{"type":"heartbeat","seq":%d,"status":"error","message":"df knows nothing of %s"}\n' "$seq" "$(text "$folder")"
        return
    fi
    if [ "$1" -gt "$percent_max" ] && [ $firing = no ]; then
        firing=yes
        alert firing "$1"
    elif [ "$1" -le "$percent_max" ] && [ $firing = yes ]; then
        firing=no
        alert resolved "$1"
    fi
    printf '{"type":"heartbeat","seq":%d,"status":"ok","message":"%s is %d %% full","metrics":{"disk_percent":%d,"free_kilobytes":%s}}\n' \
        "$seq" "$(text "$folder")" "$1" "$1" "$2"
}

alert() {
    printf '{"type":"alert","key":"disk_percent","severity":"warning","state":"%s","message":"%s is %d %% full","value":%d,"threshold":%d}\n' \
        "$1" "$(text "$folder")" "$2" "$2" "$percent_max"
}

echo '{"type":"hello","protocol":1,"name":"disk-space"}'
while :; do
    round
    # `wait` can be interrupted by a signal, `sleep` in the foreground cannot.
    sleep "$interval" </dev/null >/dev/null 2>&1 &
    sleeper=$!
    wait "$sleeper"
    sleeper=
done
