//! What is written on a machine about one of its disks.

use std::fmt::Write as _;

use crate::desired::{Disk, Filesystem};

/// The files about one disk, by the part of the name that says what they are.
pub(super) fn unit_path(name: &str) -> String {
    format!("/etc/systemd/system/machine-wipe-{name}.service")
}

pub(super) fn rule_path(name: &str) -> String {
    format!("/etc/udev/rules.d/70-machine-{name}.rules")
}

pub(super) fn module_path(name: &str) -> String {
    format!("/etc/modules-load.d/machine-{name}.conf")
}

/// Makes the filesystem anew once per boot, before it is checked and mounted; not when the disk is mounted a second time.
pub(super) fn wipe_unit(name: &str, disk: &Disk, device: &str) -> Option<String> {
    let filesystem = disk.filesystem.filter(|_| disk.wipe_on_boot)?;
    let (escaped, make) = (escape(device), make(filesystem, device)?);
    let user = match (&disk.mount, filesystem) {
        (Some(mount), _) => format!("{}.mount", escape(mount)),
        (None, Filesystem::Swap) => format!("{escaped}.swap"),
        (None, _) => "local-fs.target".to_owned(),
    };
    let how = if disk.mount.is_some() || filesystem == Filesystem::Swap { "RequiredBy" } else { "WantedBy" };
    Some(format!(
        "[Unit]\nDescription=Makes the filesystem of disk {name} anew\nDefaultDependencies=no\n\
         ConditionPathExists=!/run/machine/wiped-{name}\nRequires={escaped}.device\nAfter={escaped}.device\n\
         Before=systemd-fsck@{escaped}.service {user} shutdown.target\nConflicts=shutdown.target\n\n\
         [Service]\nType=oneshot\nRemainAfterExit=yes\n\
         ExecStart=/bin/sh -c 'mkdir -p /run/machine && wipefs -qa {device} && {make} && touch /run/machine/wiped-{name}'\n\n\
         [Install]\n{how}={user}\n"
    ))
}

/// The command that makes a filesystem on a disk; `None` for what is not made so.
pub(super) fn make(filesystem: Filesystem, device: &str) -> Option<String> {
    let program = match filesystem {
        Filesystem::Ext4 => "mkfs.ext4 -q -F",
        Filesystem::Xfs => "mkfs.xfs -q -f",
        Filesystem::Btrfs => "mkfs.btrfs -q -f",
        Filesystem::Vfat => "mkfs.vfat -I --mbr=n",
        Filesystem::Swap => "mkswap -f",
        Filesystem::Zfs | Filesystem::Iso9660 => return None,
    };
    Some(format!("{program} {device}"))
}

/// Gives the disk its other name.
pub(super) fn rule(disk: &Disk, device: &str) -> Option<String> {
    let link = disk.device_path.as_deref()?.strip_prefix("/dev/")?;
    let id = device.rsplit('/').next()?;
    let serial = id.split_once('-').map_or(id, |(_, serial)| serial);
    Some(format!(
        "SUBSYSTEM==\"block\", ENV{{DEVTYPE}}==\"disk\", ENV{{ID_SERIAL}}==\"{serial}\", SYMLINK+=\"{link}\"\n"
    ))
}

pub(super) fn module(disk: &Disk) -> Option<String> {
    disk.kernel_module.as_ref().map(|module| format!("{module}\n"))
}

/// A path as systemd names its unit.
fn escape(path: &str) -> String {
    let mut text = String::new();
    for (i, byte) in path.trim_matches('/').bytes().enumerate() {
        match byte {
            b'/' => text.push('-'),
            b'.' if i == 0 => text.push_str("\\x2e"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'_' | b'.' => text.push(char::from(byte)),
            other => write!(text, "\\x{other:02x}").expect("a String takes all that is written to it"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(filesystem: Filesystem, mount: Option<&str>) -> Disk {
        let mount = mount.map(str::to_owned);
        Disk { filesystem: Some(filesystem), mount, wipe_on_boot: true, ..Disk::blank(1) }
    }

    const DEVICE: &str = "/dev/disk/by-id/virtio-scratch";

    #[test]
    fn a_disk_is_wiped_before_it_is_checked_and_mounted_and_once_per_boot() {
        let unit = wipe_unit("scratch", &disk(Filesystem::Ext4, Some("/srv/my-data")), DEVICE).unwrap();
        for line in [
            "Before=systemd-fsck@dev-disk-by\\x2did-virtio\\x2dscratch.service srv-my\\x2ddata.mount shutdown.target",
            "Requires=dev-disk-by\\x2did-virtio\\x2dscratch.device",
            "ConditionPathExists=!/run/machine/wiped-scratch",
            "RemainAfterExit=yes",
            "RequiredBy=srv-my\\x2ddata.mount",
        ] {
            assert!(unit.lines().any(|found| found == line), "`{line}` is missing from:\n{unit}");
        }
        assert!(unit.contains(
            "wipefs -qa /dev/disk/by-id/virtio-scratch && mkfs.ext4 -q -F /dev/disk/by-id/virtio-scratch &&"
        ));
    }

    #[test]
    fn a_wiped_disk_that_nothing_mounts_is_wiped_all_the_same() {
        let unit = wipe_unit("scratch", &disk(Filesystem::Xfs, None), DEVICE).unwrap();
        assert!(unit.ends_with("WantedBy=local-fs.target\n") && unit.contains("mkfs.xfs -q -f"));
        let unit = wipe_unit("scratch", &disk(Filesystem::Swap, None), DEVICE).unwrap();
        assert!(unit.ends_with("RequiredBy=dev-disk-by\\x2did-virtio\\x2dscratch.swap\n"), "{unit}");
    }

    #[test]
    fn a_disk_gets_its_other_name_by_its_serial_number() {
        let named = Disk { device_path: Some("/dev/sr1".into()), ..Disk::blank(1) };
        let rule = rule(&named, "/dev/disk/by-id/scsi-0QEMU_QEMU_CD-ROM_tools").unwrap();
        assert!(rule.ends_with("ENV{ID_SERIAL}==\"0QEMU_QEMU_CD-ROM_tools\", SYMLINK+=\"sr1\"\n"), "{rule}");
    }
}
