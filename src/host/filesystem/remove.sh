# Ends the use of a disk and takes away what we wrote about it. What is on it stays. Arguments: its name, seconds to wait for
# others. shared.sh stands in front.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
name=$1 wait=$2 line=
service=machine-wipe-$name.service
device=$(awk -v mark="x-machine=$name" '$4 ~ "(^|,)" mark "(,|$)" { print $1 }' /etc/fstab)
place=$(awk -v mark="x-machine=$name" '$4 ~ "(^|,)" mark "(,|$)" { print $2 }' /etc/fstab)
case $place in
    '') zpool export "$name" 2>/dev/null ;;
    none) swapoff "$device" ;;
    *) ! mountpoint -q "$place" || { sync; umount "$place" || umount -l "$place"; } ;;
esac
table || exit
[ ! -e "/etc/systemd/system/$service" ] || systemctl -q disable "$service"
rm -f "/etc/systemd/system/$service" "/etc/udev/rules.d/70-machine-$name.rules" "/etc/modules-load.d/machine-$name.conf"
systemctl daemon-reload
udevadm control --reload && udevadm trigger --settle --subsystem-match=block
exit 0
