//! One machine, whatever provider makes it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Card, Disk, Engine, Image, Registry, Timeouts};
use crate::cloud_init::Piece;
use crate::id::Name;
use crate::value::Path;

#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// The full name; also its host name.
    pub name: Name,
    /// What it may have been called before.
    pub former: Vec<Name>,
    /// Key into [`super::Desired::providers`].
    pub provider: Name,
    pub image: Image,
    /// Shared by the members of a counted machine.
    pub resources: Arc<Resources>,
    /// `None` when the Machinefile says `engine: false`.
    pub engine: Option<Engine>,
    /// Logins at registries, by address.
    pub registries: Vec<Registry>,
    /// Ports of the computer the command runs on that lead into a local machine.
    pub ports: Vec<Forward>,
    pub ssh: Ssh,
    /// The user's own parts of the cloud-init user-data.
    pub user_data: Vec<Piece>,
    /// How long operations on it may take.
    pub timeouts: Timeouts,
    /// Where `protect: true` is written, such as `Machinefile.yaml:7`; `None` when the machine may go.
    pub protect: Option<String>,
    /// Settings within the machine, `resources.cpus`, that are left alone once it is there.
    pub ignore: Vec<Path>,
    /// The user's own words for it.
    pub tags: BTreeMap<String, String>,
    /// Its address on the project's segment.
    pub address: Ipv4Addr,
    /// What comes first: names of machines, or of counted ones for all their members.
    pub depends_on: Vec<Name>,
    /// Where it is declared: `machines.web`.
    pub at: Path,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Resources {
    /// Bytes of memory.
    pub ram: u64,
    pub cpus: u32,
    /// By name; the one the machine boots from is always there and always called `root` here.
    pub disks: BTreeMap<Name, Disk>,
    /// Network cards that something is said about.
    pub cards: BTreeMap<Name, Card>,
}

/// `address:port` here leads to `target` in the machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Forward {
    pub address: Ipv4Addr,
    pub port: u16,
    pub target: u16,
    pub protocol: Protocol,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    Tcp,
    Udp,
}

/// How the machine is reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Ssh {
    /// The account we create and log in as; it may use `sudo` without a password.
    pub user: Name,
    /// Public keys let in beside the project's own, in OpenSSH's one-line form.
    pub authorized_keys: Vec<String>,
    /// The user's own private key instead of the project's; its public half must be let in.
    pub identity: Option<PathBuf>,
    /// Try the keys of the running SSH agent too.
    pub agent: bool,
    /// How long a new or started machine may take to answer, on hardware.
    pub wait: Duration,
}
