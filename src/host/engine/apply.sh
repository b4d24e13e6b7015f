# Puts a daemon.json in force, or leaves the old one in force. Once begun it needs nobody at the other end.
# Arguments: reload or restart, seconds the engine may take to answer. lock.sh stands in front. The caller defines new, either and ours: the file's
# content, and what to remember before and after. Ends with 10 when the engine refuses the file, nothing having changed,
# and with 11 when it did not come up with it and the old file is back.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
trap '' PIPE HUP
how=$1 limit=$2 once=$(($2 / 6))
file=/etc/docker/daemon.json state=/var/lib/machine/engine

remember() { printf '%s\n' "$1" >"$state/applied.json.new" && mv -f "$state/applied.json.new" "$state/applied.json"; }

answers() {
    end=$(($(date +%s) + limit))
    until timeout "$once" docker info >/dev/null 2>&1; do
        [ "$(date +%s)" -lt "$end" ] || return 1
        systemctl -q is-failed docker && return 1
        sleep 0.5
    done
}

restart() {
    systemctl -q is-enabled docker 2>/dev/null || systemctl -q enable docker 2>/dev/null
    systemctl reset-failed docker docker.socket 2>/dev/null
    timeout "$limit" systemctl restart docker && answers
}

# What was in force before, kept until a change has ended: one that was cut short has left a file nobody has tried.
keep() {
    [ ! -e "$state/changing" ] || return 0
    rm -f "$file.machine-old" "$state/applied.json.old"
    [ ! -e "$file" ] || cp -p "$file" "$file.machine-old" || return
    [ ! -e "$state/applied.json" ] || cp -p "$state/applied.json" "$state/applied.json.old" || return
    : >"$state/changing"
}

put_back() { if [ -e "$1" ]; then mv -f "$1" "$2"; else rm -f "$2"; fi; }

# A reload that fails is only told in the log; one that was done is an event with the values in force.
reload() {
    since=$(date +%s.%N)
    systemctl kill --signal=HUP --kill-whom=main docker 2>/dev/null || systemctl kill --signal=HUP --kill-who=main docker || return
    end=$(($(date +%s) + limit))
    until [ -n "$(timeout "$once" docker events --since "$since" --until "$(date +%s.%N)" --filter type=daemon --filter event=reload)" ]; do
        [ "$(date +%s)" -lt "$end" ] || return 1
        journalctl -u docker --since "@${since%.*}" -o cat --no-pager | grep -q 'Error reloading\|error reloading\|Error reconfiguring' && return 1
        sleep 0.5
    done
    answers
}

main() {
    command -v systemctl >/dev/null || { echo "the engine's machine has no systemd"; return 12; }
    lock engine "$limit" && mkdir -p /etc/docker "$state" || return
    printf '%s\n' "$new" >"$file.machine-new" || return
    if dockerd --help 2>&1 | grep -q -e --validate; then
        said=$(dockerd --validate --config-file="$file.machine-new" 2>&1) || {
            rm -f "$file.machine-new"
            echo "$said"
            return 10
        }
    fi
    keep && remember "$either" || return
    [ ! -e "$file" ] || chmod --reference="$file" "$file.machine-new"
    mv -f "$file.machine-new" "$file" || return
    begun=$(date +%s)
    if "$how"; then
        remember "$ours" && rm -f "$state/changing"
        return
    fi
    journalctl -u docker --since "@$begun" -o cat --no-pager | grep -v 'level=info' | tail -n 20
    put_back "$file.machine-old" "$file" && put_back "$state/applied.json.old" "$state/applied.json" &&
        rm -f "$state/changing"
    restart || { echo "the engine does not answer with the old options either"; return 13; }
    return 11
}

main </dev/null 2>&1
exit
