//! What a container as a machine can have.

use crate::desired::Capability;
use crate::desired::Support;
use crate::desired::Support::{Emulated, Ignored, Supported, Unsupported};

const VOLUME: Support = Ignored("a volume is a folder on the engine's own filesystem");
const NO_DEVICE: Support = Unsupported("a container has no disks of its own");
const NO_CARD: Support = Ignored("the engine makes a container's network card");

pub(super) const CAPABILITIES: &[Capability] = &[
    Capability::new("image", Supported),
    Capability::new("resources.ram", Emulated("a limit of the container; programs see the computer's memory")),
    Capability::new("resources.cpus", Emulated("a share of time; programs see the computer's processors")),
    Capability::new("resources.disks.*.allocation", VOLUME),
    Capability::new("resources.disks.*.path", NO_DEVICE),
    Capability::new("resources.disks.*.devicepath", NO_DEVICE),
    Capability::new("resources.disks.*.filesystem", VOLUME),
    Capability::new("resources.disks.*.kernel-module", Ignored("modules are the computer's business")),
    Capability::new("resources.disks.*.overwrite", VOLUME),
    Capability::new("resources.disks.*.wipe-on-boot", Unsupported("this version leaves it aside")),
    Capability::new("resources.disks.*.boot-partition", Ignored("nothing is booted from")),
    Capability::new("resources.disks.*.readonly", Unsupported("this version leaves it aside")),
    Capability::new("resources.disks.*.mount", Supported),
    Capability::new(
        "resources.disks.<boot>.allocation",
        Ignored("its files share the room of the engine's filesystem"),
    ),
    Capability::new("resources.disks.<boot>.filesystem", Ignored("the engine brings it")),
    Capability::new("resources.disks.<boot>.overwrite", Ignored("the engine brings the filesystem")),
    Capability::new("resources.nic.*.model", NO_CARD),
    Capability::new("resources.nic.*.mac", NO_CARD),
    Capability::new("ports", Supported),
    Capability::new("cloud-init", Supported),
    Capability::new("protect", Supported),
    Capability::new("tags", Supported),
    Capability::new("address", Supported),
];
