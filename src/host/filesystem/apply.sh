# Puts one disk in order. Arguments: its name, its lasting device path, filesystem, mount point, `ro` or `rw`, what may be
# written over (`blank`, `any`, `none`), kernel module, another name below /dev, seconds to wait for others, bytes
# below which the filesystem cannot be made.
# lock.sh, shared.sh and the texts `line`, `unit`, `rule`, `make` stand in front. Nothing is changed on the disk before all that can be
# refused was looked at.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
trap '' PIPE HUP
name=$1 device=$2 type=$3 dir=$4 mode=$5 over=$6 module=$7 link=$8 wait=$9 least=${10}
service=machine-wipe-$name.service
unit_file=/etc/systemd/system/$service
rule_file=/etc/udev/rules.d/70-machine-$name.rules
module_file=/etc/modules-load.d/machine-$name.conf

# Debian has zfs in its component `contrib`, from the same places as the rest.
contrib() {
    [ "$(. /etc/os-release; echo "$ID")" = debian ] || return 0
    ! apt-cache policy zfs-dkms | grep -q 'Candidate: [0-9]' || return 0
    apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' | sort -u |
        while read -r from release; do printf 'deb %s %s contrib\n' "$from" "$release"; done >/etc/apt/sources.list.d/machine-contrib.list
    refresh
}

load() {
    [ -n "$module" ] || { rm -f "$module_file"; return; }
    if ! modprobe -q "$module" && [ "$module" = zfs ]; then zfs; fi
    modprobe "$module" || { say "kernel: $(uname -r)"; return 11; }
    printf '%s\n' "$module" >"$module_file"
}

zfs() {
    command -v zpool >/dev/null && modprobe -q zfs && return
    contrib
    if [ "$(. /etc/os-release; echo "$ID")" = debian ]; then
        install "linux-headers-$(uname -r)" dkms zfs-dkms zfsutils-linux
    else
        install zfsutils-linux
    fi
    modprobe zfs && command -v zpool >/dev/null
}

tool() {
    case $type in
        ext4) command -v mkfs.ext4 >/dev/null || install e2fsprogs ;;
        xfs) command -v mkfs.xfs >/dev/null || install xfsprogs ;;
        btrfs) command -v mkfs.btrfs >/dev/null || install btrfs-progs ;;
        vfat) command -v mkfs.vfat >/dev/null || install dosfstools ;;
        zfs) zfs ;;
    esac || return 16
}

# A disk that was attached a moment ago appears in a moment.
appear() {
    for second in $(seq 60); do
        [ ! -e "$device" ] || return 0
        sleep 1
    done
    return 17
}

found() {
    kind=$(blkid -p -o value -s TYPE "$device")
    if [ -z "$kind" ]; then
        blkid -p "$device" >/dev/null 2>&1
        [ $? -eq 2 ] && kind=blank || kind=unknown
        # A pool that was given a whole disk lies in a partition of its own making.
        [ "$(blkid -p -o value -s TYPE "$device-part1" 2>/dev/null)" != zfs_member ] || kind=zfs_member
    fi
    [ "$kind" != zfs_member ] || kind=zfs
}

format() {
    [ -n "$type" ] || return 0
    found
    [ "$kind" != "$type" ] || return 0
    say "found: $kind"
    case $type:$mode in iso9660:*) return 14 ;; *:ro) return 15 ;; esac
    case $over:$kind in any:* | blank:blank) ;; *) return 13 ;; esac
    [ "$(blockdev --getsize64 "$device")" -ge "$least" ] || return 18
    release
    say "making $type on $name"
    for part in "$device"-part*; do [ ! -e "$part" ] || wipefs -qa "$part"; done
    if [ "$type" = zfs ]; then
        wipefs -qa "$device" && zpool create -f -m "${dir:-none}" "$name" "$device"
    else
        wipefs -qa "$device" && $make
    fi || return
    mkdir -p /run/machine && touch "/run/machine/wiped-$name"
    udevadm settle
}

# Ends every use of what is to be written over.
release() {
    swapoff "$device" 2>/dev/null
    zpool export -f "$name" 2>/dev/null
    for place in $(findmnt -rno TARGET -S "$(readlink -f "$device")"); do umount "$place" || umount -l "$place"; done
}

# A unit that is new here was late for this boot: it begins with the next.
wipes() {
    if [ -z "$unit" ]; then
        [ ! -e "$unit_file" ] || { systemctl -q disable "$service"; rm -f "$unit_file"; systemctl daemon-reload; }
        return 0
    fi
    mkdir -p /run/machine && touch "/run/machine/wiped-$name"
    if [ ! -e "$unit_file" ] || [ "$(cat "$unit_file")" != "$unit" ]; then
        systemctl -q disable "$service" 2>/dev/null
        printf '%s\n' "$unit" >"$unit_file"
        systemctl daemon-reload
    fi
    systemctl -q is-enabled "$service" || systemctl -q enable "$service"
}

named() {
    if [ -n "$rule" ]; then printf '%s\n' "$rule" >"$rule_file"; else
        [ -e "$rule_file" ] || return 0
        rm -f "$rule_file"
    fi
    udevadm control --reload && udevadm trigger --settle "$(readlink -f "$device")"
    [ -z "$link" ] || [ "$(readlink -f "$link")" = "$(readlink -f "$device")" ] || { rm -f "$rule_file"; return 12; }
}

use() {
    case $type in
        '') return 0 ;;
        zfs) pool; return ;;
        swap) grep -q "^$(readlink -f "$device") " /proc/swaps || swapon "$device"; return ;;
    esac
    for place in $old; do
        [ "$place" = "$dir" ] || ! mountpoint -q "$place" || umount "$place" || true
    done
    [ -n "$dir" ] || return 0
    mkdir -p "$dir" || return
    mountpoint -q "$dir" || mount "$dir" || return
    case ,$(findmnt -rno OPTIONS "$dir" | tail -n 1), in
        *,"$mode",*) ;;
        *) mount -o "remount,$mode" "$dir" || { umount "$dir" && mount "$dir"; } ;;
    esac
}

# Imported read-only where it is to be so; another mode needs another import.
pool() {
    zpool list -H "$name" >/dev/null 2>&1 || zpool import -f -N $([ "$mode" = rw ] || echo -o readonly=on) "$name" || return
    if [ "$mode" = rw ]; then
        [ "$(zfs_of mountpoint)" = "${dir:-none}" ] || command zfs set mountpoint="${dir:-none}" "$name" || return
    fi
    [ -z "$dir" ] || mountpoint -q "$dir" || command zfs mount "$name"
}

zfs_of() { command zfs get -H -o value "$1" "$name"; }

grow() {
    [ "$mode" = rw ] || return 0
    case $type in
        ext4) resize2fs "$device" ;;
        xfs) [ -z "$dir" ] || xfs_growfs "$dir" ;;
        btrfs) [ -z "$dir" ] || btrfs filesystem resize max "$dir" ;;
    esac
}

main() {
    old=$(awk -v mark="x-machine=$name" -v device="$device" '$1 == device || $4 ~ "(^|,)" mark "(,|$)" { print $2 }' /etc/fstab)
    lock "disk-$name" "$wait" && load && appear && tool && format && table && wipes && named && use && grow
}

main </dev/null 2>&1
exit
