# Whether a nested engine would work here: it makes control groups, mounts, bridges and rules, and forwards.
set -e
for place in /sys /sys/fs/cgroup /sys/fs/cgroup/*; do
    mount -o remount,bind,rw "$place" 2>/dev/null || true
done
group=/sys/fs/cgroup
[ ! -d "$group/memory" ] || group=$group/memory
mkdir "$group/machine-probe"
rmdir "$group/machine-probe"
mount -t tmpfs none /mnt
umount /mnt
ip link add machine-probe type bridge
ip link delete machine-probe
echo 1 >/proc/sys/net/ipv4/ip_forward
