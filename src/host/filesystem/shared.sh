# What the machine has once for all its disks, which are put in order side by side: it is changed by one at a time.
# `etc` and `run` stand for other folders in tests.
etc=${etc:-/etc} run=${run:-/run}

# The lock goes with the processes that hold it.
alone() {
    ! command -v flock >/dev/null || { exec 6>>"$run/machine-$1.lock" && timeout "$wait" flock -x 6; }
}

# Puts `$line` in the mount table in the place of what it says of the disk `$name`, whose path is `$device`.
table() (
    alone table || exit
    grep -v -e "[ ,]x-machine=$name[ ,]" -e "^${device:-none} " "$etc/fstab" >"$etc/fstab.machine-new"
    [ -z "$line" ] || printf '%s\n' "$line" >>"$etc/fstab.machine-new"
    if cmp -s "$etc/fstab" "$etc/fstab.machine-new"; then
        rm -f "$etc/fstab.machine-new"
    else
        chmod --reference="$etc/fstab" "$etc/fstab.machine-new" && mv -f "$etc/fstab.machine-new" "$etc/fstab" && systemctl daemon-reload
    fi
)

apt() { apt-get -q -o DPkg::Lock::Timeout="$wait" -o Dpkg::Use-Pty=0 "$@"; }

# Those who come later find the lists that the first has fetched.
install() (
    say "installing $*"
    alone packages || exit
    apt install --no-install-recommends -y "$@" || { refresh && apt install --no-install-recommends -y "$@"; }
)

# The machine's own timers fetch lists too, and apt-get does not wait for whoever does.
refresh() {
    for second in $(seq "$wait"); do
        said=$(apt update 2>&1) && return
        case $said in *"Could not get lock"*) sleep 1 ;; *) break ;; esac
    done
    say "$said"
    return 1
}

say() { printf '%s\n' "$1"; }
