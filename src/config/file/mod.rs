//! The Machinefile as it is written. Everything may be left out; what that means is decided by [`crate::desired`].
//!
//! The doc comments of the fields are the user's documentation: they become the descriptions of the JSON Schema.

mod compose;
mod engine;
mod hardware;
mod image;
mod machine;
mod moved;
mod pattern;
mod provider;
mod registry;
mod rollout;
mod store;
mod timeouts;
mod user_data;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::value::Value;

pub use compose::{Compose, Members};
pub use engine::{Engine, EngineSettings, Proxy};
pub use hardware::{Disk, Nic};
pub use image::{Image, ImageSource};
pub use machine::{Machine, Resources, Size, Ssh};
pub use moved::Moved;
pub use provider::Provider;
pub use registry::{Registry, Secret};
pub use rollout::{Most, Rollout};
pub use store::Store;
pub use timeouts::Timeouts;
pub use user_data::{UserData, is_address};

/// Machines, their Docker Engines and the compose projects on them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Machinefile {
    /// The project's name; every object we create carries it. The name of the file's folder unless given.
    #[schemars(regex(pattern = pattern::NAME), extend("patternErrorMessage" = pattern::NAME_MESSAGE))]
    pub name: Option<String>,

    /// Tells two projects of one name apart. `machine init` writes one; changing it makes everything a stranger's.
    #[schemars(regex(pattern = pattern::NAME), extend("patternErrorMessage" = pattern::NAME_MESSAGE))]
    pub id: Option<String>,

    /// Files whose settings lie under this one's, in order: later ones win over earlier ones, this file over all of them. Relative to this file.
    #[schemars(extend("items" = { "type": "string", "format": "path" }))]
    pub include: Option<Vec<String>>,

    /// Settings that earlier layers are not to say: paths such as `machines.web.ports`, in which `*` stands for any key.
    pub exclude: Option<Vec<String>>,

    /// Settings of this file that replace what earlier layers say there, instead of being merged with it.
    #[serde(rename = "override")]
    pub replace: Option<Vec<String>>,

    /// Earlier layers to do without.
    #[schemars(extend("items" = { "type": "string", "enum": ["global", "user", "project", "environment", "command-line", "cloud-init-url", "cloud-init-drive"] }))]
    pub exclude_layers: Option<Vec<String>>,

    /// Settings that count only when the profile is switched on (`--profile NAME`), by its name. They lie over this file's others.
    #[schemars(extend("propertyNames" = pattern::name()))]
    pub profiles: Option<BTreeMap<String, Value>>,

    /// Where more settings are: an http, https or file address of a cloud-config with a `cloud-machine` map. What stands there wins over
    /// the command line. `#sha256=` and a digest behind the address pin it.
    pub cloud_init_url: Option<String>,

    /// Where the project's records and secrets are kept: in your own state folder unless said otherwise.
    pub store: Option<Store>,

    /// Where machines come from, by name. A driver that needs no settings can be used by its own name without an entry here.
    #[serde(default)]
    #[schemars(extend("propertyNames" = pattern::name()))]
    pub providers: Option<BTreeMap<String, Provider>>,

    /// How many of all the project's machines may be away at once. One under `defaults` or a machine counts for its members.
    pub rollout: Option<Rollout>,

    /// What every machine inherits: maps merge by key, everything else (lists and `image` too) a machine replaces.
    pub defaults: Option<Machine>,

    /// The machines, by name. A name alone declares a machine that is all defaults.
    #[schemars(extend("propertyNames" = pattern::name()))]
    pub machines: Option<BTreeMap<String, Option<Machine>>>,

    /// Machines that are called otherwise now: they are renamed instead of being made anew. It does no harm to leave this in.
    pub moved: Option<Vec<Moved>>,

    /// Whether this computer gets a Docker context for each engine: `docker --context PROJECT.MACHINE`. As it is about the computer, the
    /// place for it is rather the user's own settings than a Machinefile that others share.
    #[schemars(extend("default" = false))]
    pub contexts: Option<bool>,

    /// Compose projects that run on single machines, by name.
    #[schemars(extend("propertyNames" = pattern::name()))]
    pub compose: Option<BTreeMap<String, Compose>>,
}
