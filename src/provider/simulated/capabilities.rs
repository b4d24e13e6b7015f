//! What a machine that is a row in a table can have.

use crate::desired::Capability;
use crate::desired::Support;
use crate::desired::Support::{Emulated, Ignored, Supported, Unsupported};

const ROW: Support = Emulated("kept in the machine's row");
const NO_HARDWARE: Support = Ignored("a row in a table has no such hardware");

pub(super) const CAPABILITIES: &[Capability] = &[
    Capability::new("image", ROW),
    Capability::new("resources.ram", Supported),
    Capability::new("resources.cpus", Supported),
    Capability::new("resources.disks.*.allocation", Supported),
    Capability::new("resources.disks.*.path", Unsupported("no file can be attached to a row in a table")),
    Capability::new("resources.disks.*.devicepath", NO_HARDWARE),
    Capability::new("resources.disks.*.filesystem", ROW),
    Capability::new("resources.disks.*.kernel-module", NO_HARDWARE),
    Capability::new("resources.disks.*.overwrite", ROW),
    Capability::new("resources.disks.*.wipe-on-boot", ROW),
    Capability::new("resources.disks.*.boot-partition", ROW),
    Capability::new("resources.disks.*.readonly", ROW),
    Capability::new("resources.disks.*.mount", ROW),
    Capability::new("resources.disks.<boot>.filesystem", Ignored("the image decides it")),
    Capability::new("resources.nic.*.model", NO_HARDWARE),
    Capability::new("resources.nic.*.mac", NO_HARDWARE),
    Capability::new("ports", ROW),
    Capability::new("cloud-init", Emulated("only its size is kept")),
    Capability::new("protect", Supported),
    Capability::new("tags", Supported),
    Capability::new("address", ROW),
];
