# The container's first process, until it becomes init. $1: the machine's address and prefix among the others, $2: init.

# What an engine mounts read-only for a plain container, one inside it has to write to.
for place in /sys /sys/fs/cgroup /sys/fs/cgroup/*; do
    mount -o remount,bind,rw "$place" 2>/dev/null
done

# The engine mounts these over the machine's own. Names are the machine's; name servers are the engine's, at every start.
for file in hosts hostname resolv.conf; do
    mountpoint -q "/etc/$file" || continue
    cp "/etc/$file" "/run/engine.$file" && umount "/etc/$file" || continue
    [ "$file" != resolv.conf ] && [ -s "/etc/$file" ] || cat "/run/engine.$file" >"/etc/$file"
    chmod 644 "/etc/$file"
    rm -f "/run/engine.$file"
done

ip address add "$1" dev eth0
exec "$2"
