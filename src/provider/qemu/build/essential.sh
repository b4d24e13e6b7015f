# Runs on the base system before the kernel is installed, so that the initial RAM disk is made once. $1: the root folder.
set -eu
root=$1

# The root disk is always the first virtio disk: no udev, no LABEL= search and no file system check are needed to find it.
mkdir -p "$root/etc/tiny-initramfs"
printf '%s\n' AUTO_MODULES=no INCLUDE_MODULES=virtio_blk,ext4 MICROCODE=no \
    > "$root/etc/tiny-initramfs/tiny-initramfs.conf"
printf '%s\n' '/dev/vda / ext4 defaults,noatime 0 0' > "$root/etc/fstab"

# Only the seed we attach is asked for user-data, and nothing is generated or shown that nobody looks at. All of it
# can be said otherwise in user-data.
mkdir -p "$root/etc/cloud/cloud.cfg.d"
printf '%s\n' 'datasource_list: [ NoCloud, None ]' 'locale: C.UTF-8' 'no_ssh_fingerprints: true' \
    'ssh: { emit_keys_to_console: false }' > "$root/etc/cloud/cloud.cfg.d/90_machine.cfg"
mkdir -p "$root/etc/default"
printf '%s\n' 'LANG=C.UTF-8' > "$root/etc/default/locale"
