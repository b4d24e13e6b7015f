# Puts a daemon.json and the engine's variables in force, or leaves the old ones in force. Once begun it needs nobody at the other
# end. Ends well with the change made and waiting to be confirmed; with 10 when the engine refuses the file, nothing having changed; with 11
# when it did not come up with it and the old one is back.
# Arguments: reload, restart or enable; the change's token. The caller defines new, either, ours (the file's content, and what to
# remember before and after), variables (NAME="value" lines, or nothing) and takes_back (the script that undoes it).
how=$1 token=$2

# What was in force before, kept until a change is confirmed: one that was cut short has left a file nobody has tried.
keep() {
    if [ ! -d "$state/undo" ]; then
        rm -rf "$state/undo.new" && mkdir -p "$state/undo.new" || return
        copy "$file" "$state/undo.new/daemon.json" && copy "$state/applied.json" "$state/undo.new/applied.json" &&
            copy "$state/environment" "$state/undo.new/environment" && copy "$dropin" "$state/undo.new/machine.conf" &&
            printf '%s\n' "$how" >"$state/undo.new/how" && mv "$state/undo.new" "$state/undo" || return
    fi
    [ -n "$(bridge "$file")" ] || ip -4 -o address show docker0 2>/dev/null | awk '{ print $4; exit }' >"$state/bridge"
    [ "$how" != restart ] || printf '%s\n' "$how" >"$state/undo/how"
    printf '%s\n' "$token" >"$state/undo/token"
}

# Time for the restart, the answer and whoever is to confirm it.
arm() {
    printf '%s\n' "$takes_back" >"$state/undo.sh" && mkdir -p "$units" || return
    cat >"$units/machine-engine-undo.service" <<SERVICE && cat >"$units/machine-engine-undo.timer" <<TIMER || return
[Unit]
Description=Puts the options back that the Docker Engine had before an unconfirmed change
[Service]
Type=oneshot
ExecStart=/bin/sh $state/undo.sh $token
SERVICE
[Unit]
Description=Waits for the change of the Docker Engine's options to be confirmed
[Timer]
OnActiveSec=$((limit * 5 / 2))
AccuracySec=1s
[Install]
WantedBy=timers.target
TIMER
    systemctl daemon-reload && systemctl -q enable machine-engine-undo.timer && systemctl restart machine-engine-undo.timer
}

# The file has been tried, and it is what a run of the engine that still lasts has read.
in_force() {
    [ -d "$state/undo" ] && cmp -s "$file.machine-new" "$file" && cmp -s "$file" "$state/loaded.json" &&
        cmp -s "$state/environment.new" "$state/environment" && [ "$(cat "$state/loaded")" = "$(run)" ] && answers
}

swap() {
    [ ! -e "$file" ] || chmod --reference="$file" "$file.machine-new"
    mv -f "$file.machine-new" "$file" || return
    if [ -n "$variables" ]; then
        mkdir -p "${dropin%/*}" && mv -f "$state/environment.new" "$state/environment" &&
            printf '[Service]\nEnvironmentFile=-%s\n' "$state/environment" >"$dropin"
    else
        rm -f "$state/environment" "$state/environment.new" "$dropin"
    fi
}

main() {
    command -v systemctl >/dev/null || { echo "the engine's machine has no systemd"; return 12; }
    lock engine "$limit" && mkdir -p /etc/docker "$state" && chmod 700 "$state" || return
    if [ "$how" = enable ]; then enable; return; fi
    (umask 077; printf '%s\n' "$new" >"$file.machine-new"; printf '%s\n' "$variables" >"$state/environment.new") || return
    [ -e "$file" ] || chmod 644 "$file.machine-new"
    if dockerd --help 2>&1 | grep -q -e --validate; then
        said=$(dockerd --validate --config-file="$file.machine-new" 2>&1) || {
            rm -f "$file.machine-new" "$state/environment.new"
            echo "$said"
            return 10
        }
    fi
    if in_force; then tried=yes; fi
    keep && arm && remember "$either" && swap || return
    begun=$(date +%s)
    if [ -n "$tried" ] || "$how"; then
        [ -n "$tried" ] || note_loaded
        remember "$ours"
        return
    fi
    journalctl -u docker --since "@$begun" -o cat --no-pager | grep -v 'level=info' | tail -n 20
    undo || { settle; echo "the engine does not answer with the old options either"; return 13; }
    settle
    return 11
}

main </dev/null 2>&1
exit
