# Takes a project down and forgets it; its volumes stay, and so does what containers wrote into its folders. Arguments: the
# project's name, seconds to wait for an earlier run. lock.sh and folders.sh stand in front.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin COMPOSE_ANSI=never
trap '' PIPE HUP
project=$1 limit=$2
base=/var/lib/machine/compose/$project
label=label=com.docker.compose.project=$project

main() {
    lock "$project" "$limit" || return
    [ -d "$base" ] || [ -n "$(docker ps -aq --filter "$label")" ] || return 0
    if docker compose version >/dev/null 2>&1; then
        docker compose -p "$project" down --remove-orphans
    else
        ids=$(docker ps -aq --filter "$label")
        [ -z "$ids" ] || docker rm -f $ids || return
        ids=$(docker network ls -q --filter "$label")
        [ -z "$ids" ] || docker network rm $ids
    fi && forget
}

# Whose the folder is is forgotten last: a run that is cut off is gone on with.
forget() {
    rm -rf "$base.new" "$base/record" "$base/images"
    [ ! -e "$base/manifest" ] || clear_way "$base/current" "$base/manifest"
    [ ! -e "$base/manifest" ] || while IFS= read -r file; do rm -f "$base/current/$file"; done <"$base/manifest"
    find "$base" -mindepth 1 -depth -type d -empty -delete
    if [ -d "$base/current" ]; then
        echo "kept what containers wrote: $base/current"
        rm -f "$base/manifest" "$base/arguments" "$base/pending" "$base/owner.json"
    else
        rm -rf "$base"
    fi
}

main </dev/null 2>&1
exit
