//! What the Machinefile means: plain data, fully decided. No option stands here for "the default".

mod address;
pub mod capability;
mod card;
mod check;
mod compose;
mod disk;
mod engine;
mod fleet;
mod image;
mod machine;
mod place;
pub mod quantity;
mod registry;
mod resolve;
mod secret;
mod store;
mod timeouts;

use std::collections::BTreeMap;

pub use capability::{Capability, Support};
pub use card::Card;
pub use check::check;
pub use compose::ComposeProject;
pub use disk::{Disk, Filesystem, Medium, ROOT};
pub use engine::{Engine, Proxy};
pub use fleet::Fleet;
pub use image::{Build, Digest, Image};
pub use machine::{Forward, Machine, Protocol, Resources, Ssh};
pub use place::normal;
pub use registry::Registry;
pub use resolve::{Driver, Surroundings, resolve};
pub use secret::{Secret, SecretError};
pub use store::Store;
pub use timeouts::Timeouts;

use crate::id::{Name, Owner};
use crate::value::{Path, Value};

/// A whole project.
#[derive(Clone, Debug)]
pub struct Desired {
    pub owner: Owner,
    pub store: Store,
    /// Every provider that a machine uses, those named by a bare driver included.
    pub providers: BTreeMap<Name, Provider>,
    /// By full name: `web`, or `worker-1` and `worker-2` for `count: 2`.
    pub machines: BTreeMap<Name, Machine>,
    /// The names that machines depend on, and the machines that each of them means.
    pub groups: BTreeMap<Name, Vec<Name>>,
    /// Those that are not to be away all at once.
    pub fleets: Vec<Fleet>,
    /// What machines may have been called before, by their name now.
    pub moved: BTreeMap<Name, Vec<Name>>,
    /// For what belongs to no declared machine, such as one that is to be deleted.
    pub timeouts: Timeouts,
    /// Whether this computer gets a Docker context for each engine.
    pub contexts: bool,
    pub compose: BTreeMap<Name, ComposeProject>,
}

/// A source of machines: a driver and its settings, which only the driver understands.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    pub name: Name,
    pub driver: String,
    pub settings: BTreeMap<String, Value>,
    /// The folder that relative paths among the settings start from.
    pub base: std::path::PathBuf,
    /// Where it is written, for messages: `providers.cloud`, or the machine's `provider`.
    pub at: Path,
}
