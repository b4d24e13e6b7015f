# Lets these public keys in, and those no more that we let in before. $1: a key that stays whatever happens; then the keys.
# What is about to be let in counts as ours before it is, so that a run that is cut off leaves none behind.
set -eu
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
home=$(getent passwd "${SUDO_USER:-root}" | cut -d: -f6)
file=$home/.ssh/authorized_keys new=$home/.ssh/authorized_keys.machine-new
record=/var/lib/machine/authorized_keys
keep=$1
shift
mkdir -p "${record%/*}"
touch "$record"
: >"$record.wanted"
[ $# -eq 0 ] || printf '%s\n' "$@" >"$record.wanted"
cat "$record" "$record.wanted" >"$record.new"
mv -f "$record.new" "$record"
cp -p -- "$file" "$new"
awk -v keep="$keep" '
    BEGIN { split(keep, part, " "); stays = part[1] " " part[2] }
    { key = $1 " " $2 }
    FILENAME == ARGV[1] { ours[key]; next }
    FILENAME == ARGV[2] { wanted[key]; line[++n] = $0; id[n] = key; next }
    key in ours && !(key in wanted) && key != stays { next }
    { print; there[key] }
    END { for (i = 1; i <= n; i++) if (!(id[i] in there)) print line[i] }
' "$record" "$record.wanted" "$file" >"$new"
cmp -s "$new" "$file" && rm -f "$new" || mv -fT -- "$new" "$file"
if [ -s "$record.wanted" ]; then mv -f "$record.wanted" "$record"; else rm -f "$record.wanted" "$record"; fi
