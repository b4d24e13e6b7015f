# Runs on the finished system. $1: the root folder.
set -eu
root=$1

# The computer's business, and housekeeping that a machine of a few days does not need.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer man-db.timer motd-news.timer console-getty.service getty@tty1.service systemd-modules-load.service \
    modprobe@configfs.service modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service \
    sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount \
    dev-hugepages.mount systemd-pstore.service systemd-binfmt.service systemd-remount-fs.service \
    cloud-init-hotplugd.socket systemd-rfkill.socket
do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done

# Only a machine that is to have an engine runs it.
for unit in docker.service docker.socket containerd.service; do
    find "$root/etc/systemd/system" -name "$unit" -type l -delete
done

# Nothing below /usr changes before the first boot: no ldconfig, no journal catalog, no sysusers then.
touch "$root/etc/.updated" "$root/var/.updated"

# Identities are made by the machine itself.
: > "$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id" "$root"/etc/ssh/ssh_host_*

# Only the seed we put there is asked for user-data, and nothing is generated or shown that nobody looks at. The network
# is the engine's. All of it can be said otherwise in user-data.
mkdir -p "$root/etc/cloud/cloud.cfg.d" "$root/etc/ssh/sshd_config.d" "$root/etc/default"
printf '%s\n' 'datasource_list: [ NoCloud, None ]' 'locale: C.UTF-8' 'no_ssh_fingerprints: true' \
    'ssh: { emit_keys_to_console: false }' 'network: { config: disabled }' \
    > "$root/etc/cloud/cloud.cfg.d/90_machine.cfg"
printf '%s\n' 'LANG=C.UTF-8' > "$root/etc/default/locale"

# What cloud-init would write for `ssh_pwauth: false`; finding it written, it need not restart the SSH server.
printf '%s\n' 'PasswordAuthentication no' > "$root/etc/ssh/sshd_config.d/50-cloud-init.conf"
