# Shows files of a project as they are on the machine, one a line, in base64; an empty line for one that is not there.
# Arguments: the project's name, bytes of each to show at most, the files.
cd "/var/lib/machine/compose/$1/current" || exit
limit=$2
shift 2
for file in "$@"; do
    printf '%s\n' "$([ -h "$file" ] || [ ! -f "$file" ] || head -c "$limit" -- "$file" | base64 -w 0)"
done
exit 0
