//! What a virtual machine on this computer can have.

use crate::desired::Capability;
use crate::desired::Support;
use crate::desired::Support::{Ignored, Supported, Unsupported};

const NOT_YET: Support = Unsupported("this version leaves it aside");

pub(super) const CAPABILITIES: &[Capability] = &[
    Capability::new("image", Supported),
    Capability::new("resources.ram", Supported),
    Capability::new("resources.cpus", Supported),
    Capability::new("resources.disks.*.allocation", Supported),
    Capability::new("resources.disks.*.path", NOT_YET),
    Capability::new("resources.disks.*.devicepath", NOT_YET),
    Capability::new("resources.disks.*.filesystem", Supported),
    Capability::new("resources.disks.*.kernel-module", NOT_YET),
    Capability::new("resources.disks.*.overwrite", NOT_YET),
    Capability::new("resources.disks.*.wipe-on-boot", NOT_YET),
    Capability::new("resources.disks.*.boot-partition", Supported),
    Capability::new("resources.disks.*.readonly", NOT_YET),
    Capability::new("resources.disks.*.mount", Supported),
    Capability::new("resources.disks.<boot>.filesystem", Ignored("the image brings it")),
    Capability::new("resources.disks.<boot>.overwrite", Ignored("the image brings the filesystem")),
    Capability::new("resources.nic.*.model", NOT_YET),
    Capability::new("resources.nic.*.mac", NOT_YET),
    Capability::new("ports", Supported),
    Capability::new("cloud-init", Supported),
    Capability::new("address", Supported),
];
