# Takes a project down and forgets it; its volumes stay. Arguments: the project's name, seconds to wait for
# an earlier run. lock.sh stands in front.
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
    fi && rm -rf "$base" "$base.new"
}

main </dev/null 2>&1
exit
