# Takes a bundle from standard input, puts its files in place and brings the project up. Once begun it needs nobody at the
# other end. Arguments: the project's name, seconds its containers may take to come up, `build` or nothing.
# lock.sh and folders.sh stand in front.
#
# The folder containers mount from stays the same one, and so do its subfolders: files are renamed into them. A container that
# mounts a single file keeps seeing the old one, so its service is made anew.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export COMPOSE_ANSI=never BUILDKIT_PROGRESS=plain
# Logins at registries are where root has them, whoever sudo says is at home.
export HOME="$(getent passwd root | cut -d: -f6)"
trap '' PIPE HUP
project=$1 limit=$2 build=$3
base=/var/lib/machine/compose/$project
new=$base.new

unpack() { rm -rf "$new" && mkdir -p -m 700 "$new" && tar -xzf - -C "$new"; }

# Whether a file or link is on the machine as it comes.
same() {
    if [ -h "$new/content/$1" ] || [ -h "$base/current/$1" ]; then
        [ "$(readlink -- "$new/content/$1")" = "$(readlink -- "$base/current/$1")" ]
    else
        cmp -s "$new/content/$1" "$base/current/$1"
    fi
}

settle() {
    mkdir -p -m 700 "$base" && mkdir -p "$base/current" && touch "$base/manifest" || return
    : >"$new/changed"
    while IFS= read -r file; do
        [ ! -e "$base/current/$file" ] || same "$file" || printf '%s\n' "$file" >>"$new/changed"
    done <"$new/manifest"
    { cat "$base/pending" 2>/dev/null
      awk -F '\t' 'NR == FNR { changed[$0]; next } $2 in changed { print $1 }' "$new/changed" "$new/mounts"; } | sort -u >"$new/pending"
    mv -f "$new/pending" "$base/pending" || return
    [ -e "$base/owner.json" ] || mv -f "$new/owner.json" "$base/owner.json" || return

    { cat "$base/manifest"; echo; cat "$new/manifest"; } | sed '/^$/d' | sort -u >"$base/manifest.both"
    mv -f "$base/manifest.both" "$base/manifest"
    sed 's|$|/.|' "$new/folders" | cat "$base/manifest" - >"$new/ways"
    clear_way "$base/current" "$new/ways"
    while IFS= read -r file; do
        [ -z "$file" ] || grep -qxF -e "$file" "$new/manifest" || rm -f "$base/current/$file"
    done <"$base/manifest"
    while IFS= read -r file; do
        to=$base/current/$file
        mkdir -p "${to%/*}" || return
        [ -h "$to" ] || [ ! -d "$to" ] || rmdir "$to" || return
        if same "$file"; then
            [ -h "$to" ] || chmod --reference="$new/content/$file" "$to"
        else
            mv -fT "$new/content/$file" "$to"
        fi || return
    done <"$new/manifest"
    while IFS= read -r folder; do mkdir -p "$base/current/$folder" || return; done <"$new/folders"
    # Images that left the project are no longer looked after.
    [ ! -e "$base/images" ] || {
        awk 'NR == FNR { wanted[$1]; next } $1 in wanted' "$new/images" "$base/images" >"$base/images.new" && mv -f "$base/images.new" "$base/images"
    } || return
    mv -f "$new/arguments" "$base/arguments" && mv -f "$new/manifest" "$base/manifest" && rm -rf "$new"
}

compose() {
    tail=$(mktemp) && printf '%s\n' "$@" >"$tail"
    set --
    while IFS= read -r word; do set -- "$@" "$word"; done <"$base/arguments"
    while IFS= read -r word; do set -- "$@" "$word"; done <"$tail"
    rm -f "$tail"
    if docker compose version >/dev/null 2>&1; then docker compose "$@"; else docker-compose "$@"; fi
}

containers() {
    ids=$(docker ps -aq --filter "label=com.docker.compose.project=$project" --filter label=com.docker.compose.oneoff=False)
    [ -z "$ids" ] || docker inspect --format "$1" $ids
}

# Of each container: ok, wait or bad, its service, its id, how often it was restarted, and what is wrong with it.
judge() {
    seen=$(containers '{{index .Config.Labels "com.docker.compose.service"}} {{.ID}} {{.RestartCount}} {{.State.Status}} {{.State.ExitCode}} {{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}} {{.HostConfig.RestartPolicy.Name}}') || return
    printf '%s\n' "$seen" | awk '
        !NF { next }
        { again = $7 == "always" || $7 == "unless-stopped"; why = "is " $4; word = "wait" }
        $4 == "running" && ($6 == "none" || $6 == "healthy") { word = "ok"; why = "" }
        $4 == "running" && word == "wait" { why = "is " $6 }
        $4 == "exited" || $4 == "restarting" { why = "ends with status " $5 }
        $4 == "exited" && !again { word = $5 == 0 ? "ok" : "bad" }
        $4 == "dead" || ($4 != "running" && $3 >= 8) { word = "bad" }
        { print word, $1, $2, $3, why }'
}

# Up is what looks the same twice in a row: a process that ends at once was up for a moment.
await() {
    end=$(($(date +%s) + limit)) before= told= nl='
'
    while :; do
        sleep 1
        now=$(judge) || return
        # By the first word of a line: services are called anything.
        case $nl$now in
            *"${nl}bad "*) break ;;
            *"${nl}wait "*)
                [ "$(date +%s)" -lt "$end" ] || break
                tell=$(printf '%s\n' "$now" | awk '$1 == "wait" { print "waiting for " $2 ", which", $5, $6, $7, $8 }')
                [ "$tell" = "$told" ] || printf '%s\n' "$tell"
                told=$tell before=
                ;;
            *)
                [ "$now" != "$before" ] || return 0
                before=$now
                ;;
        esac
    done
    # As many lines of each as are shown of all together.
    few=$((18 / $(printf '%s\n' "$now" | grep -vc '^ok ')))
    printf '%s\n' "$now" | grep -v '^ok ' | while read -r _ service id _ why; do
        echo "failed: $service $why"
        docker logs --tail "$few" "$id" 2>&1
    done
    return 11
}

# What `up` leaves as it is though it is not up: paused by hand, or sick for longer than its health check bears.
mend() {
    paused=$(docker ps -q --filter "label=com.docker.compose.project=$project" --filter status=paused)
    [ -z "$paused" ] || docker unpause $paused
}

cure() {
    sick=$(docker ps -q --filter "label=com.docker.compose.project=$project" --filter health=unhealthy)
    [ -z "$sick" ] || docker restart $sick
}

main() {
    settle </dev/null || return
    anew=$(tr '\n' ' ' <"$base/pending")
    mend </dev/null || return
    compose up -d --remove-orphans ${build:+--build} </dev/null || return
    known=" $(compose config --services </dev/null | tr '\n' ' ')"
    for service in $anew; do
        case $known in *" $service "*) compose up -d --no-deps --force-recreate "$service" </dev/null || return ;; esac
    done
    cure </dev/null || return
    await </dev/null || return
    containers 'service  {{index .Config.Labels "com.docker.compose.service"}} {{index .Config.Labels "com.docker.compose.config-hash"}}' >"$base/record.new"
    mv -f "$base/record.new" "$base/record" && rm -f "$base/pending"
}

{ lock "$project" "$((limit * 5))" && unpack && main; } 2>&1
exit
