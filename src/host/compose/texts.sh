# Shows files of a project as they are on the machine, one a line, in base64; an empty line for one that is not there. Nothing is
# read through a link: a container may have put it there. Arguments: the project's name, bytes of each to show at most, the files.
cd -P "/var/lib/machine/compose/$1/current" || exit
limit=$2
shift 2
for file in "$@"; do
    printf '%s\n' "$([ "$(realpath -m -- "$file")" != "$PWD/$file" ] || [ ! -f "$file" ] || head -c "$limit" -- "$file" | base64 -w 0)"
done
exit 0
