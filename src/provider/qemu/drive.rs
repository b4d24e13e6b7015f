//! What a machine's QEMU is given as a disk.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::desired::{Disk, Medium};
use crate::provider::qemu::disk::file;
use crate::provider::qemu::qcow2;

/// The bus of the drives for discs.
pub(super) const DISC_BUS: &str = "discs";

/// One drive. By default a disk of ours that the machine may write to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Drive {
    /// The user's file; `None` is the disk of this name in the machine's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    /// Whether the user's file is qcow2 rather than raw.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    qcow2: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    readonly: bool,
    /// A drive for discs, empty without a file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    disc: bool,
}

impl Drive {
    pub(super) fn of(disk: &Disk) -> Self {
        let file = match &disk.medium {
            Medium::File(path) => Some(path.clone()),
            Medium::New(_) | Medium::Empty => None,
        };
        // What cannot be read now is an error of QEMU's when it starts.
        let qcow2 = file.as_ref().is_some_and(|path| qcow2::header(path).is_ok_and(|header| header.is_some()));
        Self { file, qcow2, readonly: disk.readonly, disc: disk.is_disc() }
    }

    /// Whether it can be attached to a machine that runs.
    pub(super) const fn plugs(&self) -> bool {
        !self.disc
    }

    pub(super) const fn is_disc(&self) -> bool {
        self.disc
    }

    /// Whether it is a file of ours in the machine's folder.
    pub(super) const fn is_ours(&self) -> bool {
        self.file.is_none() && !self.disc
    }

    /// The value of `-drive`; `None` for a drive with nothing in it.
    pub(super) fn backend(&self, name: &str, folder: &Path) -> Option<String> {
        let image = match &self.file {
            Some(file) => file.clone(),
            None if self.disc => return None,
            None => folder.join(file(name)),
        };
        let format = if self.qcow2 || self.file.is_none() { "qcow2" } else { "raw" };
        let image = image.display().to_string().replace(',', ",,");
        let more = match (self.disc, self.readonly) {
            (true, _) => ",media=cdrom,readonly=on",
            (false, true) => ",readonly=on",
            (false, false) => ",discard=unmap",
        };
        Some(format!("if=none,id=disk-{name},file={image},format={format}{more}"))
    }

    /// The value of `-device`; in a slot it can be taken out while the machine runs.
    pub(super) fn device(&self, name: &str, slot: Option<u8>) -> String {
        let place = slot.map_or_else(String::new, |slot| format!(",id=plugged-{name},bus=slot-{slot}"));
        match (self.disc, &self.file) {
            (false, _) => format!("virtio-blk-pci,drive=disk-{name},serial={name}{place}"),
            (true, Some(_)) => format!("scsi-cd,bus={DISC_BUS}.0,drive=disk-{name},device_id={name}"),
            (true, None) => format!("scsi-cd,bus={DISC_BUS}.0,device_id={name}"),
        }
    }
}

/// Where the machine finds a disk, whatever its kernel calls it.
pub(super) fn device_of(name: &str, disk: &Disk) -> String {
    if disk.is_disc() {
        format!("/dev/disk/by-id/scsi-0QEMU_QEMU_CD-ROM_{name}")
    } else {
        format!("/dev/disk/by-id/virtio-{name}")
    }
}

/// As the attribute `disks` has it.
impl fmt::Display for Drive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.disc, self.readonly) {
            (true, _) => "disc",
            (false, true) => "read-only",
            (false, false) => "read-write",
        })?;
        match &self.file {
            Some(file) => write!(f, " {}", file.display()),
            None if self.disc => f.write_str(" drive, empty"),
            None => Ok(()),
        }
    }
}
