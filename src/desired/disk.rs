//! A disk of a machine and what is done with it there.

use std::path::PathBuf;

use crate::value::Path;

/// The key of the disk that a machine boots from.
pub const ROOT: &str = "root";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    pub medium: Medium,
    /// Made when the disk is blank. `None` leaves it raw (for `root`: as the image has it).
    pub filesystem: Option<Filesystem>,
    pub mount: Option<String>,
    /// Another name for it in the machine, below `/dev`.
    pub device_path: Option<String>,
    /// A module that the machine's kernel must have loaded.
    pub kernel_module: Option<String>,
    /// Whether the filesystem may take the place of what is found on the disk.
    pub overwrite: bool,
    pub wipe_on_boot: bool,
    /// Whether the machine cannot write to it.
    pub readonly: bool,
    /// Where it is declared: `machines.web.resources.disks.data`.
    pub at: Path,
}

/// What a disk's bytes are kept in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Medium {
    /// Made with the machine, with this many bytes.
    New(u64),
    /// An image file that is the user's.
    File(PathBuf),
    /// None: a drive with nothing in it.
    Empty,
}

impl Disk {
    /// A disk that is made, with nothing on it.
    #[must_use]
    pub fn blank(size: u64) -> Self {
        Self {
            medium: Medium::New(size),
            filesystem: None,
            mount: None,
            device_path: None,
            kernel_module: None,
            overwrite: false,
            wipe_on_boot: false,
            readonly: false,
            at: Path::root(),
        }
    }

    /// Bytes of a disk that is made.
    #[must_use]
    pub const fn size(&self) -> Option<u64> {
        match self.medium {
            Medium::New(size) => Some(size),
            Medium::File(_) | Medium::Empty => None,
        }
    }

    /// The line of the mount table by which the machine mounts it, or swaps to it, at every boot. `device` is a path that lasts.
    #[must_use]
    pub fn mount_line(&self, name: &str, device: &str) -> Option<String> {
        let filesystem = self.filesystem?;
        let place = match (&self.mount, filesystem) {
            (_, Filesystem::Zfs) => return None,
            (_, Filesystem::Swap) => "none",
            (Some(mount), _) => mount,
            (None, _) => return None,
        };
        let kind = filesystem.as_str();
        let mode = if self.readonly { ",ro" } else { "" };
        let grows = if filesystem.grows() && !self.readonly { ",x-systemd.growfs" } else { "" };
        // Containers may use what is mounted: the engine waits for it.
        let order = ",nofail,x-systemd.before=docker.service";
        let check = if filesystem == Filesystem::Ext4 && !self.wipe_on_boot && !self.readonly { 2 } else { 0 };
        Some(format!("{device} {place} {kind} defaults{mode}{order}{grows},x-machine={name} 0 {check}"))
    }

    /// Whether it is a drive for discs.
    #[must_use]
    pub fn is_disc(&self) -> bool {
        self.filesystem == Some(Filesystem::Iso9660)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Filesystem {
    Ext4,
    Xfs,
    Btrfs,
    Vfat,
    Swap,
    Zfs,
    Iso9660,
}

impl Filesystem {
    const ALL: [Self; 7] = [Self::Ext4, Self::Xfs, Self::Btrfs, Self::Vfat, Self::Swap, Self::Zfs, Self::Iso9660];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
            Self::Vfat => "vfat",
            Self::Swap => "swap",
            Self::Zfs => "zfs",
            Self::Iso9660 => "iso9660",
        }
    }

    /// Reads back what [`Filesystem::as_str`] gave.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|filesystem| filesystem.as_str() == word)
    }

    /// The bytes of the smallest disk that its tools make it on.
    #[must_use]
    pub const fn least(self) -> u64 {
        match self {
            Self::Xfs => 300 << 20,
            Self::Btrfs => 109 << 20,
            Self::Zfs => 64 << 20,
            Self::Ext4 | Self::Vfat | Self::Swap | Self::Iso9660 => 0,
        }
    }

    /// Whether it can fill a disk that has grown, while it is in use.
    #[must_use]
    pub const fn grows(self) -> bool {
        matches!(self, Self::Ext4 | Self::Xfs | Self::Btrfs)
    }
}
