//! What we keep on a machine that can be reached: that it is ready, its names and filesystems, its Docker Engine and the
//! compose projects on it.
//!
//! Everything here is read by one script per machine and run ([`facts`](self)), and changed by scripts that need nobody at
//! the other end once they have begun.

mod access;
mod authorized;
mod cloud_init;
mod compose;
mod contents;
mod context;
mod drives;
mod engine;
mod facts;
mod filesystem;
mod names;
mod reach;
mod ready;
mod registries;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use secrecy::SecretString;

pub use context::{Contexts, Errand, Passage, name as context_name, serve as serve_tunnel};
pub use drives::{Drives, Seen};

pub use compose::bundle::{Bundle, Error as BundleError};

use crate::cloud_init::drive::{self, Search, Why};
use crate::desired::{ComposeProject, Disk, Machine, Medium, ROOT, Secret};
use crate::host::access::Access;
use crate::host::authorized::Authorized;
use crate::host::compose::project::{self, Project};
use crate::host::engine::{daemon::Daemon, options, package::Packages};
use crate::host::filesystem::{Fills, volume::Volume};
use crate::host::names::Names;
use crate::host::reach::Reach;
use crate::host::ready::Ready;
use crate::host::registries::Registries;
use crate::id::{Name, ResourceId};
use crate::keyring::Keyring;
use crate::note::Note;
use crate::resource::Resource;
use crate::transport::Transport;
use crate::transport::ssh::{Connections, Endpoint};

/// A password, or why it cannot be had.
type Password = Result<SecretString, String>;

type Dial = dyn Fn(Endpoint) -> Arc<dyn Transport> + Send + Sync;

/// How machines are reached: a way to connect and the holder of the project's private key.
pub struct Hosts {
    dial: Box<Dial>,
    key: ResourceId,
    keyring: Arc<Keyring>,
    drives: Drives,
    passwords: tokio::sync::Mutex<Vec<(Secret, Password)>>,
    contexts: Option<Contexts>,
}

impl std::fmt::Debug for Hosts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hosts").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Hosts {
    /// Over SSH. `key` is the resource that makes the private key in the keyring.
    #[must_use]
    pub fn over_ssh(connections: Connections, key: ResourceId, keyring: Arc<Keyring>) -> Self {
        Self::new(move |endpoint| connections.get(endpoint), key, keyring)
    }

    /// What was seen of CLOUD-INIT drives attached to machines.
    #[must_use]
    pub fn drives(&self) -> Drives {
        self.drives.clone()
    }

    /// Through whatever `dial` connects to.
    pub fn new(
        dial: impl Fn(Endpoint) -> Arc<dyn Transport> + Send + Sync + 'static,
        key: ResourceId,
        keyring: Arc<Keyring>,
    ) -> Self {
        Self {
            dial: Box::new(dial),
            key,
            keyring,
            drives: Drives::default(),
            passwords: tokio::sync::Mutex::default(),
            contexts: None,
        }
    }

    /// Looks a password up, once in a run however many machines it is for: a program may be asked that asks a person.
    async fn password(&self, secret: &Secret) -> Password {
        let mut known = self.passwords.lock().await;
        if let Some((_, password)) = known.iter().find(|(other, _)| other == secret) {
            return password.clone();
        }
        let password = secret.reveal().await.map_err(|why| why.to_string());
        known.push((secret.clone(), password.clone()));
        password
    }

    /// Each engine gets one of these on this computer.
    #[must_use]
    pub fn with_contexts(self, contexts: Option<Contexts>) -> Self {
        Self { contexts, ..self }
    }
}

/// The disks made of files here that are labelled as holding settings. What cannot be read here may still be one.
fn drives_of(machine: &Machine) -> Vec<String> {
    let is_drive = |disk: &Disk| {
        let Medium::File(file) = &disk.medium else { return false };
        let found = drive::find(&Search::In(vec![file.clone()]));
        let others =
            found.troubles.iter().any(|trouble| matches!(trouble.why, Why::OtherLabel(_) | Why::Unreadable(_)));
        !others
    };
    let disks = machine.resources.disks.iter().filter(|(_, disk)| is_drive(disk));
    disks.map(|(name, _)| name.to_string()).collect()
}

/// The resource that says that a machine can be worked on.
#[must_use]
pub fn ready(machine: &Name) -> ResourceId {
    ResourceId::new(ready::KIND, machine)
}

/// The vertex that stands for a compose project on all its machines, and what it stands for.
#[must_use]
pub fn everywhere(project: &ComposeProject) -> (ResourceId, Vec<ResourceId>) {
    let on = project.on.iter().map(|machine| project::on(project.name.as_str(), machine));
    (project::everywhere(&project.name), on.collect())
}

/// What is done in the machine with its disks, the one it runs from aside.
fn volumes(
    reach: &Arc<Reach>,
    machine: &Machine,
    devices: &BTreeMap<Name, String>,
) -> impl Iterator<Item = Arc<dyn Resource>> {
    let others = machine.resources.disks.iter().filter(|(name, _)| name.as_str() != ROOT);
    others.filter_map(|(name, disk)| {
        let volume = Volume::new(reach, name, disk, devices.get(name)?)?;
        Some(Arc::new(volume) as Arc<dyn Resource>)
    })
}

/// The resources on one machine, parents first. `devices` are paths in it that last, by disk. Reads the compose projects' files; findings name what cannot be done.
pub fn expand(
    machine: &Machine,
    machine_resource: &ResourceId,
    projects: &[&ComposeProject],
    peers: &BTreeMap<Name, Ipv4Addr>,
    hosts: &Arc<Hosts>,
    devices: &BTreeMap<Name, String>,
) -> (Vec<Arc<dyn Resource>>, Vec<Note>) {
    let reach = Arc::new(Reach::new(machine, machine_resource, hosts));
    let mut resources: Vec<Arc<dyn Resource>> =
        vec![Arc::new(Ready::new(&reach, &hosts.key, drives_of(machine))), Arc::new(Names::new(&reach, peers))];
    if machine.ssh.identity.is_some() || machine.ssh.agent {
        resources.push(Arc::new(Access::new(&reach, &hosts.key)));
    }
    if !machine.ssh.authorized_keys.is_empty() {
        resources.push(Arc::new(Authorized::new(&reach, &machine.ssh.authorized_keys)));
    }
    let volumes: Vec<_> = volumes(&reach, machine, devices).collect();
    let kept: Vec<_> = volumes.iter().map(|volume| volume.id().clone()).collect();
    resources.extend(volumes);
    resources.push(Arc::new(Fills::new(&reach)));
    if !machine.registries.is_empty() {
        resources.push(Arc::new(Registries::new(&reach, &machine.registries)));
    }
    let mut notes = Vec::new();
    if let Some(engine) = &machine.engine {
        notes.extend(options::check(engine));
        resources.push(Arc::new(Packages::new(&reach, engine, !projects.is_empty(), &kept)));
        resources.push(Arc::new(Daemon::new(&reach, engine)));
        resources.extend(hosts.contexts.iter().map(|contexts| contexts.of(&reach)));
    }
    for project in projects {
        if machine.engine.is_none() {
            notes.push(no_engine(machine, project));
            continue;
        }
        match Project::new(&reach, project, !machine.registries.is_empty()) {
            Ok(resource) => {
                let warning = |(message, hint): &(String, &str)| {
                    Note::warning(project.at.clone(), message.clone()).hint(*hint).at_key()
                };
                notes.extend(resource.warnings().iter().map(warning));
                resources.push(Arc::new(resource));
            }
            Err(error) => notes.push(Note { hint: error.hint, ..Note::error(project.at.clone(), error.message) }),
        }
    }
    (resources, notes)
}

/// The finding that a project has nothing to run on.
#[must_use]
pub fn no_engine(machine: &Machine, project: &ComposeProject) -> Note {
    let message = format!("`{}` has no engine to run compose project `{}`", machine.name, project.name);
    Note::error(project.at.join("on"), message)
        .hint(format!("remove `engine: false` from `{}`, or name another machine", machine.at))
}
