//! From what is desired to resources: the list of expansions, in order.

mod group;
mod ignored;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::catalog::group::Group;
use crate::cloud_init::{budget, encode};
use crate::desired::{ComposeProject, Desired, Fleet, Machine, Timeouts};
use crate::dirs::Dirs;
use crate::host::{self, Contexts, Drives, Hosts};
use crate::id::{Name, ResourceId};
use crate::keyring::{self, Key, Keyring};
use crate::note::{Note, suggestion};
use crate::provider::{self, DRIVERS, Driver, Provider, Site, setting};
use crate::resource::{Limits, Resource, Source, Times, Work};
use crate::transport::ssh::Connections;
use crate::value::Path;

/// Everything a project is made of, ready to be linked.
#[derive(Clone, Debug)]
pub struct Catalog {
    pub resources: Vec<Arc<dyn Resource>>,
    /// What was seen of CLOUD-INIT drives attached to the machines, once they were looked at.
    pub drives: Drives,
    /// Where orphans are looked for.
    pub sources: Vec<Arc<dyn Source>>,
    pub providers: BTreeMap<Name, Arc<dyn Provider>>,
    /// The resource that stands for each running machine.
    pub machines: BTreeMap<Name, ResourceId>,
    /// Where `protect: true` is written, by machine.
    pub protected: BTreeMap<String, String>,
    /// What machines may have been called before, by their name now.
    pub moved: BTreeMap<String, Vec<String>>,
    /// Machines that are not to be away all at once.
    pub fleets: Vec<Fleet>,
    /// Attributes whose difference is left alone, by resource.
    pub ignored: BTreeMap<ResourceId, Vec<Path>>,
}

impl Catalog {
    /// The resource that stands for a running machine.
    #[must_use]
    pub fn machine(&self, name: &Name) -> Option<&Arc<dyn Resource>> {
        let id = self.machines.get(name)?;
        self.resources.iter().find(|resource| resource.id() == id)
    }
}

/// The drivers as far as a Machinefile knows of them.
#[must_use]
pub fn drivers() -> Vec<crate::desired::Driver<'static>> {
    let needs = |driver: &Driver| driver.settings.iter().any(|setting| setting.default.is_none());
    let known = |driver: &Driver| crate::desired::Driver {
        name: driver.name,
        needs_settings: needs(driver),
        capabilities: driver.capabilities,
    };
    DRIVERS.iter().map(known).collect()
}

/// What the Machinefile lets a run ask of each provider, and how long it lets things take.
#[must_use]
pub fn limits(desired: &Desired) -> Limits {
    let budget =
        |(name, provider): (&Name, &crate::desired::Provider)| (name.to_string(), setting::budget(&provider.settings));
    let times = desired.machines.values().map(|machine| (machine.name.to_string(), times_of(&machine.timeouts)));
    let times = times.filter(|(_, times)| !times.is_empty());
    Limits::new(desired.providers.iter().map(budget).collect(), times.collect(), times_of(&desired.timeouts))
}

fn times_of(written: &Timeouts) -> Times {
    let Timeouts { create, read, update, delete } = *written;
    let all = [(Work::Create, create), (Work::Read, read), (Work::Update, update), (Work::Delete, delete)];
    all.into_iter().filter_map(|(work, time)| Some((work, time?))).collect()
}

/// Opens the providers and expands every machine with what runs on it. All findings are reported, not the first.
pub fn expand(desired: &Desired, dirs: &Dirs, keyring: &Arc<Keyring>) -> Result<(Catalog, Vec<Note>), Vec<Note>> {
    let key = keyring::id(&desired.owner);
    let mut notes = Vec::new();
    let providers = open_providers(desired, dirs, &key, &mut notes);
    if crate::note::has_errors(&notes) {
        return Err(notes);
    }
    let idle = idle_providers(desired, dirs, &key);
    let contexts = Contexts::new(dirs, &desired.owner);
    let hosts = Hosts::over_ssh(Connections::default(), key.clone(), Arc::clone(keyring));
    let hosts = Arc::new(hosts.with_contexts(contexts.clone().filter(|_| desired.contexts)));
    let mut catalog = Catalog {
        resources: vec![Arc::new(Key::new(keyring, &desired.owner))],
        drives: hosts.drives(),
        sources: providers
            .values()
            .chain(&idle)
            .map(|provider| Arc::clone(provider) as Arc<dyn Source>)
            .chain(contexts.map(|contexts| Arc::new(contexts) as Arc<dyn Source>))
            .collect(),
        providers,
        machines: BTreeMap::new(),
        protected: desired.machines.iter().filter_map(|(n, m)| Some((n.to_string(), m.protect.clone()?))).collect(),
        moved: desired
            .moved
            .iter()
            .map(|(name, olds)| (name.to_string(), olds.iter().map(Name::to_string).collect()))
            .collect(),
        fleets: desired.fleets.clone(),
        ignored: BTreeMap::new(),
    };
    let peers = desired.machines.values().map(|machine| (machine.name.clone(), machine.address)).collect();
    for machine in desired.machines.values() {
        expand_machine(desired, machine, &peers, &hosts, &mut catalog, &mut notes);
    }
    catalog.resources.extend(groups(desired, &catalog));
    keep_first(&mut catalog.resources);
    if crate::note::has_errors(&notes) { Err(notes) } else { Ok((catalog, notes)) }
}

fn open_providers(
    desired: &Desired,
    dirs: &Dirs,
    key: &ResourceId,
    notes: &mut Vec<Note>,
) -> BTreeMap<Name, Arc<dyn Provider>> {
    let drivers: HashMap<&str, &Driver> = DRIVERS.iter().map(|driver| (driver.name, driver)).collect();
    let mut providers = BTreeMap::new();
    for provider in desired.providers.values() {
        let Some(driver) = drivers.get(provider.driver.as_str()) else {
            let known = suggestion(&provider.driver, DRIVERS.iter().map(|driver| driver.name));
            let message = format!("there is no driver `{}`", provider.driver);
            notes.push(Note::error(provider.at.join("driver"), message).hint(known));
            continue;
        };
        let before = notes.len();
        check_settings(driver, provider, notes);
        if notes.len() > before {
            continue;
        }
        match (driver.open)(&Site { owner: &desired.owner, dirs, provider, key, idle: false }) {
            Ok(opened) => _ = providers.insert(provider.name.clone(), opened),
            Err(more) => notes.extend(more),
        }
    }
    providers
}

/// Drivers that need no settings and that no machine uses now: one may have, before the last edit.
fn idle_providers(desired: &Desired, dirs: &Dirs, key: &ResourceId) -> Vec<Arc<dyn Provider>> {
    let is_idle = |driver: &&Driver| {
        driver.settings.iter().all(|setting| setting.default.is_some())
            && desired.providers.keys().all(|name| name.as_str() != driver.name)
    };
    let open = |driver: &Driver| {
        let name = Name::new(driver.name).ok()?;
        let provider = crate::desired::Provider {
            name,
            driver: driver.name.to_owned(),
            settings: BTreeMap::new(),
            base: std::path::PathBuf::from("/"),
            at: Path::root(),
        };
        (driver.open)(&Site { owner: &desired.owner, dirs, provider: &provider, key, idle: true }).ok()
    };
    DRIVERS.iter().filter(is_idle).filter_map(open).collect()
}

fn check_settings(driver: &Driver, provider: &crate::desired::Provider, notes: &mut Vec<Note>) {
    for (name, value) in &provider.settings {
        let path = provider.at.join(name);
        let Some(known) = driver.all_settings().find(|setting| setting.name == name) else {
            let message = format!("the driver `{}` has no setting `{name}`", driver.name);
            let hint = suggestion(name, driver.all_settings().map(|setting| setting.name));
            notes.push(Note::error(path, message).at_key().hint(hint));
            continue;
        };
        if let Err(expected) = setting::check(known.kind, value) {
            notes.push(Note::error(path, format!("`{name}` takes {expected}")).hint(known.doc));
        }
    }
    for needed in driver.settings.iter().filter(|setting| setting.default.is_none()) {
        if !provider.settings.contains_key(needed.name) {
            let message = format!("the driver `{}` needs the setting `{}`", driver.name, needed.name);
            notes.push(Note::error(provider.at.clone(), message).hint(needed.doc));
        }
    }
}

fn expand_machine(
    desired: &Desired,
    machine: &Machine,
    peers: &BTreeMap<Name, std::net::Ipv4Addr>,
    hosts: &Arc<Hosts>,
    catalog: &mut Catalog,
    notes: &mut Vec<Note>,
) {
    let Some(provider) = catalog.providers.get(&machine.provider).cloned() else { return };
    notes.extend(too_much(machine, provider.user_data_limit()));
    let expansion = match provider.expand(machine) {
        Ok(expansion) => expansion,
        Err(more) => return notes.extend(more),
    };
    let first = catalog.resources.len();
    catalog.resources.extend(expansion.resources);
    let projects: Vec<_> = desired.compose.values().filter(|project| project.on.contains(&machine.name)).collect();
    if provider.lodges(machine) {
        let (inside, more) = host::expand(machine, &expansion.machine, &projects, peers, hosts, &expansion.devices);
        notes.extend(more);
        catalog.resources.extend(inside.into_iter().map(|real| provider.lodge(real)));
    } else {
        notes.extend(projects.iter().map(|project| host::no_engine(machine, project)));
    }
    if !machine.ignore.is_empty() {
        let attributes =
            |r: &Arc<dyn Resource>| (r.id().clone(), ignored::of(r.as_ref(), &expansion.machine, &machine.ignore));
        let found = catalog.resources[first..].iter().map(attributes).filter(|(_, paths)| !paths.is_empty());
        catalog.ignored.extend(found);
    }
    catalog.machines.insert(machine.name.clone(), expansion.machine);
}

/// What machines and projects wait for: that those of a name are up.
fn groups(desired: &Desired, catalog: &Catalog) -> Vec<Arc<dyn Resource>> {
    let up = |name: &Name| {
        let machine = desired.machines.get(name)?;
        let lodges = catalog.providers.get(&machine.provider)?.lodges(machine);
        if lodges { Some(host::ready(name)) } else { catalog.machines.get(name).cloned() }
    };
    let group = |(name, members): (&Name, &Vec<Name>)| -> Arc<dyn Resource> {
        Arc::new(Group::new(provider::group(name), members.iter().filter_map(up)))
    };
    let projects = desired.compose.values();
    let first = projects.clone().flat_map(|project| &project.after).collect::<BTreeSet<_>>();
    let everywhere = |project: &ComposeProject| -> Arc<dyn Resource> {
        let (id, members) = host::everywhere(project);
        Arc::new(Group::new(id, members))
    };
    let earlier = projects.filter(|project| first.contains(&project.name)).map(everywhere);
    desired.groups.iter().map(group).chain(earlier).collect()
}

/// The finding that a machine's user-data is larger than its provider takes.
fn too_much(machine: &Machine, limit: Option<usize>) -> Option<Note> {
    let limit = limit?;
    let size = encode(&machine.user_data, "").len();
    let message = format!("the user-data is too large: {}", budget(size, Some(limit)));
    let hint = "let it `#include` an address, or write less";
    (size > limit).then(|| Note::error(machine.at.join("cloud-init"), message).hint(hint))
}

/// What several machines share is expanded by each of them.
fn keep_first(resources: &mut Vec<Arc<dyn Resource>>) {
    let mut seen = HashSet::new();
    resources.retain(|resource| seen.insert(resource.id().clone()));
}
