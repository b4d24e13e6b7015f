# Ends the use of a disk and takes away what we wrote about it. What is on it stays. Argument: its name.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
name=$1
service=machine-wipe-$name.service
device=$(awk -v mark="x-machine=$name" '$4 ~ "(^|,)" mark "(,|$)" { print $1 }' /etc/fstab)
place=$(awk -v mark="x-machine=$name" '$4 ~ "(^|,)" mark "(,|$)" { print $2 }' /etc/fstab)
case $place in
    '') zpool export "$name" 2>/dev/null ;;
    none) swapoff "$device" ;;
    *) ! mountpoint -q "$place" || { sync; umount "$place" || umount -l "$place"; } ;;
esac
grep -v "[ ,]x-machine=$name[ ,]" /etc/fstab >/etc/fstab.machine-new
chmod --reference=/etc/fstab /etc/fstab.machine-new && mv -f /etc/fstab.machine-new /etc/fstab || exit
[ ! -e "/etc/systemd/system/$service" ] || systemctl -q disable "$service"
rm -f "/etc/systemd/system/$service" "/etc/udev/rules.d/70-machine-$name.rules" "/etc/modules-load.d/machine-$name.conf"
systemctl daemon-reload
udevadm control --reload && udevadm trigger --settle --subsystem-match=block
exit 0
