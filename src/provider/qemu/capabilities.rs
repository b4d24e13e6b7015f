//! What a virtual machine on this computer can have.

use crate::desired::Capability;
use crate::desired::Support::{Emulated, Ignored, Supported};

pub(super) const CAPABILITIES: &[Capability] = &[
    Capability::new("image", Supported),
    Capability::new("resources.ram", Supported),
    Capability::new("resources.cpus", Supported),
    Capability::new("resources.disks.*.allocation", Supported),
    Capability::new("resources.disks.*.path", Supported),
    Capability::new("resources.disks.*.devicepath", Emulated("a link that udev makes in the machine")),
    Capability::new("resources.disks.*.filesystem", Supported),
    Capability::new("resources.disks.*.kernel-module", Supported),
    Capability::new("resources.disks.*.overwrite", Supported),
    Capability::new("resources.disks.*.wipe-on-boot", Emulated("a unit that runs in the machine before the mount")),
    Capability::new("resources.disks.*.boot-partition", Supported),
    Capability::new("resources.disks.*.readonly", Supported),
    Capability::new("resources.disks.*.mount", Supported),
    Capability::new("resources.disks.<boot>.filesystem", Ignored("the image brings it")),
    Capability::new("resources.disks.<boot>.overwrite", Ignored("the image brings the filesystem")),
    Capability::new("resources.disks.<boot>.kernel-module", Ignored("the image brings what it boots with")),
    Capability::new("resources.disks.<boot>.devicepath", Ignored("the machine runs from it by the name it has")),
    Capability::new("resources.nic.*.model", Supported),
    Capability::new("resources.nic.*.mac", Supported),
    Capability::new("ports", Supported),
    Capability::new("cloud-init", Supported),
    Capability::new("protect", Supported),
    Capability::new("tags", Supported),
    Capability::new("address", Supported),
];
