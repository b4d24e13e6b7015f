# Looks at everything we keep on a machine and changes nothing. Each section starts with a record separator and its name.
# Argument: seconds the engine may take to answer one question.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
state=/var/lib/machine limit=$1

section() { printf '\n\036%s\n' "$1"; }

look() {
    section os; cat /etc/os-release
    section hosts; cat /etc/hosts
    section logins; cat "$(getent passwd root | cut -d: -f6)/.docker/config.json"
    section registries; cat "$state/registries"
    section authorized; cat "$(getent passwd "${SUDO_USER:-root}" | cut -d: -f6)/.ssh/authorized_keys"
    section granted; cat "$state/authorized_keys"
    section drives; drives
    for template in /etc/cloud/templates/hosts.*.tmpl; do
        [ -e "$template" ] && section "hosts-template ${template##*/}" && cat "$template"
    done
    section packages
    dpkg-query -W -f '${Package} ${db:Status-Status} ${db:Status-Want} ${Version}\n' \
        docker.io docker-ce moby-engine docker-compose docker-compose-v2 docker-compose-plugin
    section docker; command -v dockerd && dockerd --version
    section compose-version; docker compose version --short || docker-compose version --short
    section unit; systemctl is-active docker; systemctl is-enabled docker
    section info; timeout "$limit" docker info --format '{{json .}}'
    engine
    section filesystems; filesystems
    section disks; disks
    section mounts; findmnt -rno SOURCE,TARGET,OPTIONS --real
    section swaps; tail -n +2 /proc/swaps
    section fstab; grep x-machine= /etc/fstab
    ours
    section containers; containers
    section images; timeout "$limit" docker image ls --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}'
    for place in "$state"/compose/*/owner.json; do
        [ -e "$place" ] && project "${place%/owner.json}"
    done
    section end
}

# What the engine is told, and what it has read. Until a change is confirmed, what was before it counts.
engine() {
    was=$state/engine/undo
    if [ -d "$was" ]; then
        section pending; cat "$was/how"
        section daemon.json; cat "$was/daemon.json"
        section applied.json; cat "$was/applied.json"
        section environment; cat "$was/environment"
    else
        section daemon.json; cat /etc/docker/daemon.json
        section applied.json; cat "$state/engine/applied.json"
        section environment; [ -e /etc/systemd/system/docker.service.d/machine.conf ] && cat "$state/engine/environment"
    fi
    property() { TZ=UTC systemctl show --property "$1" docker | cut -d= -f2-; }
    section run; cat "$state/engine/loaded" || echo
    property InvocationID; date -d "$(property ExecMainStartTimestamp)" +%s || echo; stat -c %Z /etc/docker/daemon.json
    section loaded.json; cat "$state/engine/loaded.json"
    section effective.json; cat "$state/engine/effective.json"
    section environ; pid=$(property MainPID) && [ "${pid:-0}" -gt 0 ] && tr '\0' '\n' <"/proc/$pid/environ"
}

# Each file that a CLOUD-INIT drive holds for us, in base64. A drive that is not mounted is mounted where nobody else sees it,
# without so much as replaying its journal.
drives() {
    lsblk -rnpo NAME,FSTYPE,LABEL | while read -r device type label; do
        case $label in CLOUD-INIT | cloud-init) ;; *) continue ;; esac
        case $type in ext[234]) options=ro,noload ;; *) options=ro ;; esac
        unshare -m sh -c '
            place=$(findmnt -rno TARGET "$1" | head -n 1)
            [ -n "$place" ] || { place=/mnt; mount -o "$2" "$1" /mnt || exit; }
            for file in user-data cloud-config.yaml; do
                [ -f "$place/$file" ] && [ "$(wc -c <"$place/$file")" -le 1048576 ] || continue
                printf "%s %s %s\n" "$1" "$file" "$(base64 -w 0 "$place/$file")"
            done
        ' sh "$device" "$options"
    done
}

containers() {
    ids=$(timeout "$limit" docker ps -aq --no-trunc --filter label=com.docker.compose.project) || return
    [ -z "$ids" ] || docker inspect --format '{{json .Name}} {{json .State}} {{json .HostConfig.RestartPolicy}} {{json .Config.Labels}} {{json .Image}} {{json .Config.Image}}' $ids
}

# Whole disks by their lasting names: the name, the device it is now, and what is on it (`-` for nothing).
disks() {
    for link in /dev/disk/by-id/*; do
        case $link in *-part[0-9]*) continue ;; esac
        device=$(readlink -f "$link") && [ -b "$device" ] || continue
        kind=$(blkid -p -o value -s TYPE "$device")
        if [ -z "$kind" ]; then
            blkid -p "$device" >/dev/null
            [ $? -eq 2 ] && kind=- || kind=unknown
            # A pool that was given a whole disk lies in a partition of its own making.
            [ "$(blkid -p -o value -s TYPE "$link-part1")" != zfs_member ] || kind=zfs_member
        fi
        printf '%s %s %s\n' "$link" "$device" "$kind"
    done
}

# What we have written about disks, and whether it is in force.
ours() {
    for file in /etc/systemd/system/machine-wipe-*.service /etc/udev/rules.d/70-machine-*.rules /etc/modules-load.d/machine-*.conf; do
        [ -e "$file" ] && section "file $file" && cat "$file"
    done
    section wipes
    for file in /etc/systemd/system/machine-wipe-*.service; do
        name=${file##*/machine-wipe-} name=${name%.service}
        [ -e "$file" ] && systemctl -q is-enabled "${file##*/}" && printf '%s\n' "$name"
    done
    section modules
    for module in $(cat /etc/modules-load.d/machine-*.conf); do
        [ -d "/sys/module/$(printf %s "$module" | tr - _)" ] || [ "$(modinfo -F filename "$module")" = "(builtin)" ] || continue
        printf '%s\n' "$module"
    done
    section links
    for link in $(sed -n 's/.*SYMLINK+="\([^"]*\)".*/\1/p' /etc/udev/rules.d/70-machine-*.rules); do
        [ -e "/dev/$link" ] && printf '/dev/%s %s\n' "$link" "$(readlink -f "/dev/$link")"
    done
}

# target, type, bytes of the device, bytes of the filesystem, and what growpart would do to the partition. What is a folder
# of a larger filesystem, as a container's volume is, has no device of its own to fill.
filesystems() {
    findmnt -rno TARGET,SOURCE,FSTYPE | while read -r target source type; do
        case $source,$type in
            *\[*\],*) printf '%s %s 0 0 none\n' "$target" "$type"; continue ;;
            *,ext[234] | *,xfs | *,btrfs) ;;
            *) continue ;;
        esac
        device=$(blockdev --getsize64 "$source") || continue
        case $type in
            btrfs) size="1 $(btrfs filesystem usage -b "$target" | awk '/Device size:/ { print $3; exit }')" ;;
            xfs) size=$(xfs_info "$target" | sed -n 's/^data .*bsize=\([0-9]*\) *blocks=\([0-9]*\).*/\1 \2/p') ;;
            *) size=$(dumpe2fs -h "$source" 2>&1 | awk '/^Block size:/ { b = $3 } /^Block count:/ { c = $3 } END { print b, c }') ;;
        esac
        set -- $size
        partition=none disk=$(lsblk -ndo PKNAME "$source")
        number=$(cat "/sys/class/block/${source##*/}/partition")
        [ -z "$number" ] || partition=$(growpart --dry-run "/dev/$disk" "$number" | cut -d: -f1 | head -n 1)
        printf '%s %s %s %s %s\n' "$target" "$type" "$device" "$((${1:-0} * ${2:-0}))" "${partition:-none}"
    done
}

project() {
    section "project ${1##*/}"
    printf 'owner  %s\n' "$(cat "$1/owner.json")"
    sed 's/^/argument  /' "$1/arguments"
    [ ! -e "$1/pending" ] || echo pending
    cat "$1/record"
    sed 's/^/image  /' "$1/images"
    cd -P "$1/current" || return
    no_links "$1/manifest" | xargs -r -d '\n' sha256sum --
    no_links "$1/manifest" | xargs -r -d '\n' stat -c 'mode %a  %n' --
    while IFS= read -r file; do
        # A container chooses what its links lead to: it must not look like another line or section.
        [ ! -h "$file" ] || printf 'link  %s\ntarget  %s\n' "$file" "$(readlink -n -- "$file" | tr '\n\036' '??')"
    done <"$1/manifest"
}

# Those files of a list that are there without a link on the way: a container may have put one there.
no_links() {
    xargs -r -d '\n' realpath -m -- <"$1" | awk -v here="$PWD" 'NR == FNR { name[FNR] = $0; next } $0 == here "/" name[FNR] { print name[FNR] }' "$1" -
}

look </dev/null 2>/dev/null
exit 0
