# Installs packages in one version. Arguments: seconds to wait for other package managers, the beginning of the version
# wanted or nothing, the package it is about, all packages. lock.sh stands in front. Ends with 10 when no such version is offered, having listed
# those that are.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
trap '' PIPE HUP
wait=$1 wanted=$2 engine=$3
shift 3

apt() { apt-get -q -o DPkg::Lock::Timeout="$wait" -o Dpkg::Use-Pty=0 "$@"; }

# The list lock has no time limit of its own.
refresh() {
    echo "refreshing the package lists"
    end=$(($(date +%s) + wait))
    until said=$(apt update 2>&1); do
        case $said in *"Could not get lock"*) ;; *) echo "$said"; return 1 ;; esac
        [ "$(date +%s)" -lt "$end" ] || { echo "$said"; return 1; }
        echo "waiting for another package manager"
        sleep 3
    done
}

# The newest version that is the wanted one or goes on after it with something that is not a digit. An epoch is passed over.
choose() {
    apt-cache madison "$engine" | awk -F ' *[|] *' -v want="$wanted" '
        { bare = $2; sub(/^[0-9]+:/, "", bare); rest = substr(bare, length(want) + 1, 1) }
        index(bare, want) == 1 && rest !~ /[0-9]/ { print $2; exit }'
}

main() {
    lock engine "$wait" || return
    dpkg --configure -a
    if [ -z "$wanted" ]; then
        apt install --no-install-recommends -y "$@" && return
        refresh && apt install --no-install-recommends -y "$@"
        return
    fi
    exact=$(choose)
    [ -n "$exact" ] || { refresh && exact=$(choose); }
    if [ -z "$exact" ]; then
        apt-cache madison "$engine" | awk -F ' *[|] *' '{ print "offered: " $2 }' | sort -u
        return 10
    fi
    apt-mark unhold "$engine" >/dev/null
    install() { apt install --no-install-recommends -y "$engine=$exact" "$@"; }
    install "$@" || { refresh && install "$@"; } || return
    apt-mark hold "$engine" >/dev/null
}

main "$@" </dev/null 2>&1
exit
