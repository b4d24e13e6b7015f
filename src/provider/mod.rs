//! Where machines come from: the driver contract and the table of drivers.

mod cidr;
mod debian;
pub mod docker;
pub mod qemu;
pub mod setting;
mod simulated;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::desired;
use crate::dirs::Dirs;
use crate::id::{Name, Owner, ResourceId};
use crate::note::Note;
use crate::resource::{Context, Failure, Parent, Resource, Source};
use crate::value::{Attributes, Value, plain};

/// Attributes that every provider's machine resource shows once it runs; [`crate::host`] relies on them.
pub mod output {
    /// `running` or `stopped`.
    pub const POWER: &str = "power";
    /// `address:port` that answers SSH from here.
    pub const SSH: &str = "ssh";
    /// The machine's public host key, `ssh-ed25519 AAAA…`.
    pub const HOST_KEY: &str = "host-key";
    /// Its address among the project's machines.
    pub const ADDRESS: &str = "address";
    /// A local file that collects the machine's console, for showing its end when a boot fails.
    pub const CONSOLE: &str = "console";
    /// How many times longer than on hardware things take (6 under emulation); time limits are multiplied by it.
    pub const PATIENCE: &str = "patience";
}

/// The vertex that stands for all machines of a name, one or counted: it holds once they are up.
#[must_use]
pub fn group(name: &Name) -> ResourceId {
    ResourceId::new("machines", name)
}

/// What a machine's resource hangs on for the machines that come before it.
pub fn comes_after(machine: &desired::Machine) -> impl Iterator<Item = Parent> {
    machine.depends_on.iter().map(|name| Parent::after(group(name)))
}

/// What a machine with ports of this computer takes of it, whatever address they listen on, and its address on the segment.
fn claims(machine: &Attributes) -> Vec<String> {
    let ports = machine.get("ports").and_then(Value::as_object);
    let port = |listen: &String| Some(format!("port {}", listen.rsplit_once(':')?.1));
    let mut claims: Vec<_> = ports.into_iter().flat_map(|ports| ports.keys()).filter_map(port).collect();
    claims.extend(machine.get("address").map(|address| format!("address {}", plain(address))));
    claims
}

/// What a driver is given to open a provider with.
#[derive(Clone, Debug)]
pub struct Site<'a> {
    pub owner: &'a Owner,
    pub dirs: &'a Dirs,
    pub provider: &'a desired::Provider,
    /// The resource whose outputs hold the project's public key under `public-key`.
    pub key: &'a ResourceId,
    /// No machine uses it now; it is asked for what an earlier Machinefile left there.
    pub idle: bool,
}

/// The value a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingKind {
    Text,
    /// Relative to the file that names it.
    Path,
    /// `100ms`, `2s`, `5m`.
    Duration,
    /// `50/s`, `100/m`, `5000/h`.
    Rate,
    /// Between 0 and 1.
    Fraction,
    Integer,
    /// From 1.
    Count,
    Flag,
    /// A reference, or the secret written out: [`setting::secret`].
    Secret,
}

/// A setting of a driver: feeds validation, the schema and the documentation.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub name: &'static str,
    pub kind: SettingKind,
    /// One sentence.
    pub doc: &'static str,
    /// As shown to users; `None` when it must be given.
    pub default: Option<&'static str>,
}

/// What every provider takes beside its driver's own settings: see [`crate::catalog::limits`].
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: setting::RATE,
        kind: SettingKind::Rate,
        doc: "How many calls may begin in any second (`10/s`), minute (`100/m`) or hour (`5000/h`).",
        default: Some("unlimited"),
    },
    Setting {
        name: setting::CONCURRENCY,
        kind: SettingKind::Count,
        doc: "How many operations may run there at once, within `--parallel`.",
        default: Some("unlimited"),
    },
];

/// What a machine is made of at a provider.
#[derive(Debug)]
pub struct Expansion {
    pub resources: Vec<Arc<dyn Resource>>,
    /// The one that stands for the running machine and shows the [`output`] attributes.
    pub machine: ResourceId,
    /// Where the machine finds each disk, by paths that last.
    pub devices: std::collections::BTreeMap<Name, String>,
}

/// What can be done to a machine's power outside a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    Start,
    /// Asks the guest, and takes the power away when it does not comply in time.
    Stop,
    Kill,
    Restart,
}

/// Something at a provider that may become a machine of the project.
#[derive(Clone, Debug, PartialEq)]
pub struct Stray {
    /// The project whose label it carries; `None` for what is nobody's.
    pub owner: Option<String>,
    /// As the machine's resource would show it.
    pub attributes: Attributes,
}

/// A provider that is set up: it expands machines and lists what it holds.
#[async_trait]
pub trait Provider: Source {
    /// The resources of one machine. Findings name settings that this driver cannot carry out.
    fn expand(&self, machine: &desired::Machine) -> Result<Expansion, Vec<Note>>;

    /// Does it to a machine that exists; doing what is already so succeeds.
    async fn power(&self, machine: &Name, power: Power, cx: &Context) -> Result<(), Failure>;

    /// What is there under the provider's own name for it, as this machine. Changes nothing.
    async fn examine(&self, _object: &str, _machine: &Name, _cx: &Context) -> Result<Option<Stray>, Failure> {
        Err(Failure::new(format!("provider `{}` cannot take over what it did not make for this project", self.name())))
    }

    /// Puts our label on it, as this machine. May be called again after having been cut anywhere.
    async fn adopt(&self, object: &str, machine: &Name, cx: &Context) -> Result<(), Failure> {
        self.examine(object, machine, cx).await.map(drop)
    }

    /// Bytes of user-data that it hands to a machine; `None` where nothing is too much.
    fn user_data_limit(&self) -> Option<usize> {
        None
    }

    /// Whether anything can live on this machine of its.
    fn lodges(&self, _machine: &desired::Machine) -> bool {
        true
    }

    /// What stands on a machine for a resource that belongs there: the resource itself where machines are real, a
    /// stand-in where they are not.
    fn lodge(&self, real: Arc<dyn Resource>) -> Arc<dyn Resource> {
        real
    }
}

/// A provider that is set up, or what is wrong with its settings.
pub type Opened = Result<Arc<dyn Provider>, Vec<Note>>;

/// A type of provider.
#[derive(Clone, Copy, Debug)]
pub struct Driver {
    pub name: &'static str,
    pub doc: &'static str,
    pub settings: &'static [Setting],
    /// How it takes each setting of a machine.
    pub capabilities: &'static [desired::Capability],
    pub open: fn(&Site<'_>) -> Opened,
}

impl Driver {
    /// All that a provider of it takes.
    pub fn all_settings(&self) -> impl Iterator<Item = &'static Setting> + Clone {
        self.settings.iter().chain(SETTINGS)
    }
}

/// Every driver there is.
pub const DRIVERS: &[Driver] = &[qemu::DRIVER, docker::DRIVER, simulated::DRIVER];
