//! Virtual machines on this computer, by QEMU alone: no daemon, no privileges, nothing to set up.
//!
//! A machine is a folder (see [`folder`]) that holds its disks, its seed and what was last started; a project's
//! machines share a segment, a switch of our own. Everything is found again by looking into those folders.

mod accelerator;
pub(super) mod access;
pub(super) mod binary;
mod build;
mod capabilities;
mod card;
mod catalogue;
mod command_line;
mod disk;
mod download;
mod drive;
mod expand;
mod folder;
mod image;
mod import;
mod list;
mod monitor;
mod network_config;
mod plug;
mod power;
mod process;
mod qcow2;
mod seed;
mod segment;
mod settings;
pub(super) mod store;
pub mod switch;
pub(super) mod user_data;
mod vfat;
mod vm;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::OnceCell;

use crate::desired;
use crate::dirs::Dirs;
use crate::id::{Name, Owner, ResourceId};
use crate::note::Note;
use crate::provider::{Driver, Expansion, Power, Provider, Site, Stray};
use crate::resource::{Context, Failure, Found, Page, Resource, Source};

use accelerator::Accelerator;
use folder::Folder;
use settings::Settings;

/// The embedded default.
pub const DRIVER: Driver = Driver {
    name: "qemu",
    doc: "Virtual machines on this computer; needs only QEMU 7.2 or newer.",
    settings: settings::SETTINGS,
    capabilities: capabilities::CAPABILITIES,
    open,
};

const IMAGE: &str = "qemu.image";
const DISK: &str = "qemu.disk";
const SEED: &str = "qemu.seed";
const SEGMENT: &str = "qemu.segment";
const VM: &str = "qemu.vm";

/// What every resource of one provider shares.
#[derive(Clone, Debug)]
struct Setup {
    owner: Owner,
    dirs: Dirs,
    provider: Name,
    key: ResourceId,
    settings: Settings,
    /// The accelerator that was found to work.
    accelerator: OnceCell<Accelerator>,
    /// Each thing of a machine asks for the whole of it to be renamed.
    renaming: Arc<Mutex<()>>,
}

impl Setup {
    fn folder(&self, machine: &str) -> Folder {
        Folder::of_machine(&self.dirs, &self.owner, &self.provider, machine)
    }

    /// Gives all that the machine of an id has here to the name that the machine has now.
    fn rename(&self, from: &ResourceId, to: &str) -> Result<(), Failure> {
        let _turn = self.renaming.lock().expect("no holder panics");
        let from = from.name().split('.').next().unwrap_or_default();
        self.folder(from).give_to(to)
    }

    /// The folder that a machine is in, be it still under an earlier name.
    fn home_of(&self, machine: &desired::Machine) -> Folder {
        let names = std::iter::once(&machine.name).chain(&machine.former);
        let mut there = names.map(|name| self.folder(name.as_str())).filter(|folder| folder.is_ours().unwrap_or(false));
        there.next().unwrap_or_else(|| self.folder(machine.name.as_str()))
    }

    fn segment_id(&self) -> ResourceId {
        ResourceId::new(SEGMENT, &self.provider)
    }
}

#[derive(Debug)]
struct Qemu {
    setup: Arc<Setup>,
}

fn open(site: &Site<'_>) -> Result<Arc<dyn Provider>, Vec<Note>> {
    let settings = Settings::read(site.provider)?;
    let setup = Setup {
        owner: site.owner.clone(),
        dirs: site.dirs.clone(),
        provider: site.provider.name.clone(),
        key: site.key.clone(),
        settings,
        accelerator: OnceCell::new(),
        renaming: Arc::default(),
    };
    Ok(Arc::new(Qemu { setup: Arc::new(setup) }))
}

#[async_trait]
impl Source for Qemu {
    fn name(&self) -> &str {
        self.setup.provider.as_str()
    }

    async fn list(&self, _cx: &Context, _from: Option<&str>) -> Result<Page, Failure> {
        list::list(&self.setup).await.map(Page::whole)
    }

    fn revive(&self, found: &Found) -> Option<Arc<dyn Resource>> {
        list::revive(&self.setup, found)
    }
}

#[async_trait]
impl Provider for Qemu {
    fn expand(&self, machine: &desired::Machine) -> Result<Expansion, Vec<Note>> {
        expand::expand(&self.setup, machine)
    }

    async fn power(&self, machine: &Name, power: Power, cx: &Context) -> Result<(), Failure> {
        power::power(&self.setup, machine.as_str(), power, cx).await
    }

    async fn examine(&self, object: &str, machine: &Name, cx: &Context) -> Result<Option<Stray>, Failure> {
        import::examine(&self.setup, object, machine.as_str(), cx).await
    }

    async fn adopt(&self, object: &str, machine: &Name, cx: &Context) -> Result<(), Failure> {
        import::adopt(&self.setup, object, machine.as_str(), cx).await
    }
}
