# A container may put a link where a folder of ours is. Nothing is written or removed through it: it is taken away.
# Arguments: a folder, a list of files in it.
clear_way() {
    awk '{ while (match($0, /\/[^\/]*$/)) { $0 = substr($0, 1, RSTART - 1); if (!($0 in seen)) { seen[$0]; print } } }' "$2" | sort |
        while IFS= read -r folder; do [ ! -h "$1/$folder" ] || rm -f "$1/$folder"; done
}

