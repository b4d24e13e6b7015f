# What every change of an engine's options is made of. lock.sh stands in front. The caller sets limit: seconds the engine may take to answer.
#
# While a change is not confirmed, $state/undo holds what was in force before it: the files, a token that names the change
# and what it takes to go back. It appears and goes in one move. A timer of the machine's own goes back unless the change is
# confirmed, whatever has become of whoever began it, and over a restart of the machine too.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
trap '' PIPE HUP
once=$((limit / 6)) units=/etc/systemd/system
file=/etc/docker/daemon.json state=/var/lib/machine/engine dropin=$units/docker.service.d/machine.conf

# A copy of $1 as $2; where there is no $1, there is no $2.
copy() { if [ -e "$1" ]; then cp -p "$1" "$2"; else rm -f "$2"; fi; }

remember() { printf '%s\n' "$1" >"$state/applied.json.new" && mv -f "$state/applied.json.new" "$state/applied.json"; }

answers() {
    end=$(($(date +%s) + limit))
    until timeout "$once" docker info >/dev/null 2>&1; do
        [ "$(date +%s)" -lt "$end" ] || return 1
        systemctl -q is-failed docker && return 1
        sleep 0.5
    done
}

enable() {
    systemctl -q is-enabled docker 2>/dev/null && return
    systemctl -q unmask docker docker.socket 2>/dev/null
    systemctl -q enable docker 2>/dev/null
}

bridge() { grep -o '"bip": *"[^"]*"' "$1" 2>/dev/null; }

restart() {
    told='{}'
    systemctl daemon-reload
    enable
    systemctl reset-failed docker docker.socket 2>/dev/null
    if [ -n "$(bridge "$state/loaded.json")" ] && [ -z "$(bridge "$file")" ]; then
        start_without_bip
    else
        start
    fi
}

start() { timeout "$limit" systemctl restart docker && answers; }

# An engine that is no longer told the address of its bridge keeps the last one, in its own records too. So it is told once the
# one that it had chosen before.
start_without_bip() {
    address=$(cat "$state/bridge" 2>/dev/null)
    copy "$file" "$file.machine-kept" || return
    if grep -q '"' "$file" 2>/dev/null; then
        awk -v bip="${address:-172.17.0.1/16}" '!done && sub(/{/, "{ \"bip\": \"" bip "\",") { done = 1 } 1' "$file.machine-kept" >"$file"
    else
        printf '{ "bip": "%s" }\n' "${address:-172.17.0.1/16}" >"$file"
    fi
    start
    ended=$?
    if [ -e "$file.machine-kept" ]; then mv -f "$file.machine-kept" "$file"; else rm -f "$file"; fi
    return "$ended"
}

# A reload that fails is only told in the log; one that was done is an event with the values in force.
reload() {
    since=$(date +%s.%N)
    systemctl kill --signal=HUP --kill-whom=main docker 2>/dev/null || systemctl kill --signal=HUP --kill-who=main docker || return
    end=$(($(date +%s) + limit))
    until told=$(timeout "$once" docker events --since "$since" --until "$(date +%s.%N)" --filter type=daemon --filter event=reload --format '{{json .Actor.Attributes}}') && [ -n "$told" ]; do
        [ "$(date +%s)" -lt "$end" ] || return 1
        journalctl -u docker --since "@${since%.*}" -o cat --no-pager | grep -q 'Error reloading\|error reloading\|Error reconfiguring' && return 1
        sleep 0.5
    done
    answers
}

run() { systemctl show --property InvocationID docker | cut -d= -f2; }

# What the engine has read, for as long as this run of it lasts.
note_loaded() {
    copy "$file" "$state/loaded.json"
    printf '%s\n' "$told" | tail -n 1 >"$state/effective.json"
    run >"$state/loaded"
}

put_back() {
    for one in "daemon.json $file" "applied.json $state/applied.json" "environment $state/environment" "machine.conf $dropin"; do
        copy "$state/undo/${one%% *}" "${one#* }.machine-new" && if [ -e "${one#* }.machine-new" ]; then
            mv -f "${one#* }.machine-new" "${one#* }"
        else
            rm -f "${one#* }"
        fi || return
    done
}

# Back to what was in force before.
undo() {
    copy "$file" "$state/loaded.json" && put_back || return
    if [ "$(cat "$state/undo/how")" = reload ]; then reload || restart; else restart; fi || return
    note_loaded
}

settle() {
    rm -rf "$state/undone"
    mv "$state/undo" "$state/undone" 2>/dev/null
    disarm
    rm -rf "$state/undone"
}

disarm() {
    [ -e "$units/machine-engine-undo.timer" ] || return 0
    systemctl -q disable --now machine-engine-undo.timer 2>/dev/null
    rm -f "$units/machine-engine-undo.timer" "$units/machine-engine-undo.service"
    systemctl daemon-reload
}
