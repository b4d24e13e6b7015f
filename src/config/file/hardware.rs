//! A machine's disks and network cards.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Size, pattern};

/// A disk.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Disk {
    /// How large it is: a number of GB, or a text with a unit. 20 GB for the disk the machine boots from; others need it, or a `path`. A disk grows but never shrinks.
    pub allocation: Option<Size>,

    /// An existing image file, raw, qcow2 or ISO, that is attached as it is instead of a new disk. It is never deleted or resized.
    #[schemars(extend("format" = "path"))]
    pub path: Option<String>,

    /// A name for it in the machine below `/dev`, such as `/dev/sr1`, beside the one its kernel gives it.
    #[schemars(regex(pattern = pattern::DEVICE), extend("patternErrorMessage" = pattern::DEVICE_MESSAGE))]
    pub devicepath: Option<String>,

    /// Made on a disk that is blank. Without it the disk stays raw; the one the machine boots from is as the image has it.
    #[schemars(extend("enum" = ["ext4", "xfs", "btrfs", "vfat", "swap", "zfs", "iso9660", null]))]
    pub filesystem: Option<String>,

    /// A kernel module of the machine that is loaded before the disk is used, now and at every boot.
    #[schemars(regex(pattern = "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"), extend("patternErrorMessage" = "a module's name, such as `zfs`"))]
    pub kernel_module: Option<String>,

    /// Make the filesystem even where another one, or something unknown, is found. What was there is lost, so each time it is asked about.
    #[schemars(extend("default" = false))]
    pub overwrite: Option<bool>,

    /// Make the filesystem anew at every boot, before it is mounted.
    #[schemars(extend("default" = false))]
    pub wipe_on_boot: Option<bool>,

    /// Whether the machine boots from this disk, which then takes the place of `root`.
    #[schemars(extend("default" = false))]
    pub boot_partition: Option<bool>,

    /// Attach and mount it so that it cannot be written to. An `iso9660` disk always is.
    #[schemars(extend("default" = false))]
    pub readonly: Option<bool>,

    /// Where its filesystem appears in the machine.
    #[schemars(regex(pattern = pattern::MOUNT), extend("patternErrorMessage" = pattern::MOUNT_MESSAGE))]
    pub mount: Option<String>,
}

/// A network card.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Nic {
    /// What it looks like to the machine. Others than `virtio` are slower and need a driver that cloud kernels may lack.
    #[schemars(extend("enum" = ["virtio", "e1000", "e1000e", "rtl8139", null]), extend("default" = "virtio"))]
    pub model: Option<String>,

    /// Its hardware address. Made from the machine's name unless given.
    #[schemars(regex(pattern = pattern::MAC), extend("patternErrorMessage" = pattern::MAC_MESSAGE))]
    pub mac: Option<String>,
}

impl Disk {
    /// What a machine says over what it inherits.
    pub(super) fn over(self, base: &Self) -> Self {
        Self {
            allocation: self.allocation.or_else(|| base.allocation.clone()),
            path: self.path.or_else(|| base.path.clone()),
            devicepath: self.devicepath.or_else(|| base.devicepath.clone()),
            filesystem: self.filesystem.or_else(|| base.filesystem.clone()),
            kernel_module: self.kernel_module.or_else(|| base.kernel_module.clone()),
            overwrite: self.overwrite.or(base.overwrite),
            wipe_on_boot: self.wipe_on_boot.or(base.wipe_on_boot),
            boot_partition: self.boot_partition.or(base.boot_partition),
            readonly: self.readonly.or(base.readonly),
            mount: self.mount.or_else(|| base.mount.clone()),
        }
    }
}

impl Nic {
    pub(super) fn over(self, base: &Self) -> Self {
        Self { model: self.model.or_else(|| base.model.clone()), mac: self.mac.or_else(|| base.mac.clone()) }
    }
}
