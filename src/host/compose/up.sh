# Takes a bundle from standard input, puts its files in place and brings the project up. Once begun it needs nobody at the
# other end. Arguments: the project's name, seconds its containers may take to come up, `build` or nothing.
#
# The folder containers mount from stays the same one, and so do its subfolders: files are renamed into them. A container that
# mounts a single file keeps seeing the old one, so its service is made anew.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export COMPOSE_ANSI=never BUILDKIT_PROGRESS=plain
trap '' PIPE HUP
project=$1 limit=$2 build=$3
base=/var/lib/machine/compose/$project
new=$base.new

unpack() { rm -rf "$new" && mkdir -p -m 700 "$new" && tar -xzf - -C "$new"; }

settle() {
    mkdir -p -m 700 "$base" && mkdir -p "$base/current" && touch "$base/manifest" || return
    : >"$new/changed"
    while IFS= read -r file; do
        [ ! -e "$base/current/$file" ] || cmp -s "$new/content/$file" "$base/current/$file" || printf '%s\n' "$file" >>"$new/changed"
    done <"$new/manifest"
    { cat "$base/pending" 2>/dev/null
      awk -F '\t' 'NR == FNR { changed[$0]; next } $2 in changed { print $1 }' "$new/changed" "$new/mounts"; } | sort -u >"$new/pending"
    mv -f "$new/pending" "$base/pending" || return
    [ -e "$base/owner.json" ] || mv -f "$new/owner.json" "$base/owner.json" || return

    { cat "$base/manifest"; echo; cat "$new/manifest"; } | sort -u >"$base/manifest.both"
    mv -f "$base/manifest.both" "$base/manifest"
    while IFS= read -r file; do
        [ -z "$file" ] || grep -qxF -e "$file" "$new/manifest" || rm -f "$base/current/$file"
    done <"$base/manifest"
    while IFS= read -r file; do
        to=$base/current/$file
        mkdir -p "${to%/*}" || return
        [ ! -d "$to" ] || rmdir "$to" || return
        if cmp -s "$new/content/$file" "$to"; then
            chmod --reference="$new/content/$file" "$to"
        else
            mv -fT "$new/content/$file" "$to"
        fi || return
    done <"$new/manifest"
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

# Of each container one word: ok, wait or bad, and what it is about.
judge() {
    seen=$(containers '{{index .Config.Labels "com.docker.compose.service"}} {{.State.Status}} {{.State.ExitCode}} {{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}} {{.HostConfig.RestartPolicy.Name}} {{.ID}}') || return
    printf '%s\n' "$seen" | awk '{ again = $5 == "always" || $5 == "unless-stopped"
               if ($2 == "running" && ($4 == "-" || $4 == "healthy" || $4 == "none")) word = "ok"
               else if ($2 == "running" || $2 == "restarting" || $2 == "created" || again) word = "wait"
               else if ($2 == "exited" && $3 == 0) word = "ok"
               else word = "bad"
               print word, $1, $2, $3, $4, $NF }'
}

# Up is what is up twice in a row: a process that ends at once was up for a moment.
await() {
    end=$(($(date +%s) + limit)) good=0
    while [ "$good" -lt 2 ]; do
        sleep 1
        now=$(judge) || return
        case $now in
            *"bad "*) break ;;
            *"wait "*)
                good=0
                [ "$(date +%s)" -lt "$end" ] || break
                printf '%s\n' "$now" | awk '$1 == "wait" { print "waiting for " $2 " (" ($4 == "0" && $5 != "-" ? $5 : $3) ")" }'
                ;;
            *) good=$((good + 1)) ;;
        esac
    done
    [ "$good" -ge 2 ] && return
    printf '%s\n' "$now" | grep -v '^ok ' | while read -r _ service status code health id; do
        docker logs --tail 12 "$id" 2>&1
        echo "failed: $service is $status, exit status $code, health $health"
    done
    return 11
}

main() {
    settle </dev/null || return
    anew=$(tr '\n' ' ' <"$base/pending")
    compose up -d --remove-orphans ${build:+--build} </dev/null || return
    known=" $(compose config --services </dev/null | tr '\n' ' ')"
    for service in $anew; do
        case $known in *" $service "*) compose up -d --no-deps --force-recreate "$service" </dev/null || return ;; esac
    done
    await </dev/null || return
    containers 'service  {{index .Config.Labels "com.docker.compose.service"}} {{index .Config.Labels "com.docker.compose.config-hash"}}' >"$base/record.new"
    mv -f "$base/record.new" "$base/record" && rm -f "$base/pending"
}

{ unpack && main; } 2>&1
exit
