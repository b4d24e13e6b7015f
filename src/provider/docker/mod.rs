//! Containers as machines: systemd, an SSH server and a Docker Engine of their own in a container of this computer's
//! engine. They start in seconds, and share the computer's kernel.
//!
//! Everything is found again by the labels on it. The project's machines share a network of the engine; on it each has
//! its address among them beside the one that the engine gives.

mod archive;
mod build;
mod capabilities;
mod container;
mod create;
mod deed;
mod engine;
mod execute;
mod found;
mod image;
mod import;
mod isolation;
mod label;
mod list;
mod network;
mod plan;
mod power;
mod rebuild;
mod remains;
mod seed;
mod settings;
mod volume;

use std::sync::{Arc, RwLock};

use async_trait::async_trait;
use tokio::sync::{Mutex, OnceCell};

use crate::desired;
use crate::dirs::Dirs;
use crate::id::{Name, Owner, ResourceId};
use crate::note::Note;
use crate::provider::{Driver, Expansion, Opened, Power, Provider, Site, Stray};
use crate::resource::{Context, Failure, Found, Page, Resource, Source};

use container::Container;
use deed::Deeds;
use engine::Engine;
use image::{ImageResource, Recipe};
use isolation::Isolation;
use network::Network;
use remains::Remains;
use settings::Settings;
use volume::Volume;

/// Machines at the price of a container.
pub const DRIVER: Driver = Driver {
    name: "docker",
    doc: "Containers as machines on this computer's Docker Engine: they start in seconds and share its kernel.",
    settings: settings::SETTINGS,
    capabilities: capabilities::CAPABILITIES,
    open,
};

const IMAGE: &str = "docker.image";
const NETWORK: &str = "docker.network";
/// A disk.
const VOLUME: &str = "docker.volume";
/// What the engine in a machine keeps.
const STORE: &str = "docker.store";
const CONTAINER: &str = "docker.container";
const REMAINS: &str = "docker.remains";

/// The disk a machine boots from: the container's own layer.
const ROOT: &str = "root";
/// Where the engine in a machine keeps its data: overlays cannot lie on the container's own layer.
const ENGINE_DATA: &str = "/var/lib/docker";

/// What every resource of one provider shares.
#[derive(Debug)]
struct Setup {
    owner: Owner,
    dirs: Dirs,
    provider: Name,
    key: ResourceId,
    settings: Settings,
    idle: bool,
    engine: OnceCell<Engine>,
    isolation: OnceCell<Isolation>,
    /// As they were read last.
    deeds: RwLock<Option<Arc<Deeds>>>,
    /// One writes deeds at a time.
    turn: Mutex<()>,
}

impl Setup {
    /// Connects at the first call.
    async fn engine(&self) -> Result<&Engine, Failure> {
        self.engine.get_or_try_init(|| Engine::connect(&self.settings)).await
    }

    fn network_id(&self) -> ResourceId {
        ResourceId::new(NETWORK, &self.provider)
    }
}

/// A provider, and the source that its resources name.
#[derive(Clone, Debug)]
struct Docker {
    setup: Arc<Setup>,
}

fn open(site: &Site<'_>) -> Opened {
    let setup = Setup {
        owner: site.owner.clone(),
        dirs: site.dirs.clone(),
        provider: site.provider.name.clone(),
        key: site.key.clone(),
        settings: Settings::read(site.provider)?,
        idle: site.idle,
        engine: OnceCell::new(),
        isolation: OnceCell::new(),
        deeds: RwLock::default(),
        turn: Mutex::default(),
    };
    Ok(Arc::new(Docker { setup: Arc::new(setup) }))
}

#[async_trait]
impl Source for Docker {
    fn name(&self) -> &str {
        self.setup.provider.as_str()
    }

    async fn list(&self, _cx: &Context, _from: Option<&str>) -> Result<Page, Failure> {
        match self.setup.engine().await {
            Ok(engine) => list::list(&self.setup, engine).await.map(Page::whole),
            // On most computers there is none, and nobody asks for one.
            Err(_) if self.setup.idle => Ok(Page::default()),
            Err(failure) => Err(failure),
        }
    }

    fn revive(&self, found: &Found) -> Option<Arc<dyn Resource>> {
        let name = found.id.name();
        Some(match found.id.kind() {
            CONTAINER => Arc::new(Container::revived(self, name, &found.attributes)),
            REMAINS => Arc::new(Remains::new(self, name)),
            NETWORK => Arc::new(Network::new(self)),
            STORE => Arc::new(Volume::store(self, name)),
            VOLUME => {
                let (machine, disk) = name.split_once('.')?;
                Arc::new(Volume::disk(self, machine, disk))
            }
            _ => return None,
        })
    }
}

#[async_trait]
impl Provider for Docker {
    fn expand(&self, machine: &desired::Machine) -> Result<Expansion, Vec<Note>> {
        let recipe = match Recipe::of(&machine.image) {
            Ok(recipe) => recipe,
            Err(why) => return Err(vec![why.at(machine.at.join("image"))]),
        };
        let notes = check(&self.setup, machine);
        if crate::note::has_errors(&notes) {
            return Err(notes);
        }
        let name = machine.name.as_str();
        let mut resources: Vec<Arc<dyn Resource>> = vec![
            Arc::new(ImageResource::new(self, recipe.clone())),
            Arc::new(Network::new(self)),
            Arc::new(Volume::store(self, name)),
        ];
        for disk in machine.resources.disks.keys().filter(|disk| disk.as_str() != ROOT) {
            resources.push(Arc::new(Volume::disk(self, name, disk.as_str())));
        }
        let container = Container::new(self, machine, recipe);
        let id = container.id().clone();
        resources.push(Arc::new(container));
        Ok(Expansion { resources, machine: id, devices: std::collections::BTreeMap::new() })
    }

    async fn power(&self, machine: &Name, power: Power, cx: &Context) -> Result<(), Failure> {
        power::power(&self.setup, machine.as_str(), power, cx).await
    }

    async fn examine(&self, object: &str, _machine: &Name, cx: &Context) -> Result<Option<Stray>, Failure> {
        import::examine(&self.setup, object, cx).await
    }

    async fn adopt(&self, object: &str, machine: &Name, _cx: &Context) -> Result<(), Failure> {
        import::adopt(&self.setup, object, machine.as_str()).await
    }
}

/// With less, neither systemd nor an engine starts.
const LEAST_RAM: u64 = 128 << 20;

fn check(setup: &Setup, machine: &desired::Machine) -> Vec<Note> {
    let mut notes = Vec::new();
    let resources = machine.at.join("resources");
    for (name, disk) in machine.resources.disks.iter().filter(|(name, _)| name.as_str() != ROOT) {
        let at = resources.join("disks").join(name);
        if disk.size().is_none() {
            let problem = format!("disk `{name}` cannot be had: a container has volumes, no drives and no image files");
            notes.push(Note::error(at, problem));
            continue;
        }
        match disk.mount.as_deref() {
            None => {
                let problem = format!("disk `{name}` has no mount point, and a container has no device to show it as");
                notes.push(Note::error(at, problem).hint("say where with `mount`"));
            }
            Some(mount) if !mount.starts_with('/') || mount == "/" || mount == ENGINE_DATA => {
                let problem = format!("disk `{name}` cannot be mounted at `{mount}` in a container");
                notes.push(Note::error(at.join("mount"), problem));
            }
            Some(_) => {}
        }
    }
    if machine.resources.ram < LEAST_RAM {
        notes.push(Note::error(resources.join("ram"), "a machine needs at least 128 MiB of memory"));
    }
    let segment = setup.settings.segment;
    if !segment.contains(machine.address) {
        let problem = format!("{} is not an address of the segment {segment}", machine.address);
        notes.push(Note::error(machine.at.join("address"), problem));
    }
    notes
}
