# Runs on the finished system. $1: the root folder.
set -eu
root=$1

# Housekeeping that a machine of a few days does not need, and devices that it does not have.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer man-db.timer motd-news.timer getty@tty1.service serial-getty@ttyS0.service systemd-pstore.service \
    systemd-binfmt.service modprobe@configfs.service modprobe@drm.service modprobe@efi_pstore.service \
    modprobe@fuse.service systemd-networkd-persistent-storage.service cloud-init-hotplugd.socket \
    systemd-hwdb-update.service systemd-rfkill.socket
do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done

# Nothing below /usr changes before the first boot: no ldconfig, no journal catalog, no sysusers then.
touch "$root/etc/.updated" "$root/var/.updated"

# Identities are made by the machine itself.
: > "$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id" "$root"/etc/ssh/ssh_host_*

# What cloud-init would write for `ssh_pwauth: false`; finding it written, it need not restart the SSH server.
printf '%s\n' 'PasswordAuthentication no' > "$root/etc/ssh/sshd_config.d/50-cloud-init.conf"

# cloud-init writes for networkd directly: netplan in between costs a Python start and a reload of systemd.
chroot "$root" systemctl enable --quiet systemd-networkd.service
