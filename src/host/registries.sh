# Writes the logins that the engine's clients have as root, from standard input, and notes which of them are ours. Arguments: the
# length of that in bytes, and the registries that are. What is about to be written counts as ours before it is, so that a run that is cut off leaves none behind.
set -eu
umask 077
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
folder=$(getent passwd root | cut -d: -f6)/.docker
record=/var/lib/machine/registries
mkdir -p "$folder" "${record%/*}"
length=$1
shift
cat >"$folder/config.json.machine-new"
# A connection that is lost looks like the end of the input.
[ "$(wc -c <"$folder/config.json.machine-new")" -eq "$length" ] || { echo "the connection was lost" >&2; exit 1; }
touch "$record"
{ cat "$record"; [ $# -eq 0 ] || printf '%s\n' "$@"; } | sort -u >"$record.new"
mv -f "$record.new" "$record"
mv -fT "$folder/config.json.machine-new" "$folder/config.json"
if [ $# -gt 0 ]; then
    printf '%s\n' "$@" >"$record.new"
    mv -f "$record.new" "$record"
else
    [ "$(cat "$folder/config.json")" != "{}" ] || rm -f "$folder/config.json"
    rm -f "$record"
    rmdir "$folder" 2>/dev/null || true
fi
