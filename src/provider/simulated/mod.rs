//! A world in an SQLite file: machines that cost nothing, for tests, demonstrations and benchmarks. The world is not
//! our store: it plays the outside, with latency, faults, rate limits and lagging lists on request, and is drifted by
//! editing its table `objects(id, kind, owner, attributes)`.

mod capabilities;
mod hands;
mod object;
mod size;
mod weather;
mod world;

use std::sync::Arc;

use async_trait::async_trait;

use super::{Driver, Expansion, Opened, Power, Provider, Setting, SettingKind, Site, Stray};
use crate::cloud_init::{budget, encode};
use crate::desired;
use crate::id::{Name, ResourceId};
use crate::note::Note;
use crate::resource::{Context, Failure, Found, Page, Parent, Resource, Source, mark};
use crate::value::{Attributes, Value, json};
use object::Object;
use size::Size;
use weather::Weather;
use world::World;

pub(super) const DRIVER: Driver = Driver {
    name: "simulated",
    doc: "Machines in a table, for tests, demonstrations and benchmarks.",
    settings: &[
        Setting {
            name: "world",
            kind: SettingKind::Path,
            doc: "The SQLite file that holds the world; made when it is not there.",
            default: Some("in the project's data folder"),
        },
        Setting { name: "latency", kind: SettingKind::Duration, doc: "How long each call takes.", default: Some("0s") },
        Setting {
            name: "error-rate",
            kind: SettingKind::Fraction,
            doc: "The part of calls that fail before or after having had their effect.",
            default: Some("0"),
        },
        Setting {
            name: "rate-limit",
            kind: SettingKind::Rate,
            doc: "Calls above this are refused and say when to come back.",
            default: Some("unlimited"),
        },
        Setting {
            name: "list-lag",
            kind: SettingKind::Duration,
            doc: "New objects appear in listings only after this long.",
            default: Some("0s"),
        },
        Setting {
            name: "token",
            kind: SettingKind::Secret,
            doc: "A secret that is looked up before the world is listed, and used for nothing.",
            default: Some("none"),
        },
    ],
    capabilities: capabilities::CAPABILITIES,
    open,
};

const MACHINE: &str = "simulated.machine";
const USER_DATA_LIMIT: usize = 16 << 10;

#[expect(clippy::unnecessary_wraps, reason = "the form of all drivers; this one's settings are checked before")]
fn open(site: &Site<'_>) -> Opened {
    let provider = site.provider;
    let path = match provider.settings.get("world").and_then(Value::as_str) {
        Some(path) => provider.base.join(path),
        None => site.dirs.data.join(site.owner.slug()).join(format!("{}.world", provider.name)),
    };
    let weather = Weather::from_settings(&provider.settings);
    let shared = Arc::new(World::new(path, weather));
    let token = super::setting::secret(provider, "token");
    Ok(Arc::new(Simulated { name: provider.name.to_string(), world: shared, key: site.key.clone(), token }))
}

#[derive(Debug)]
struct Simulated {
    name: String,
    world: Arc<World>,
    key: ResourceId,
    token: Option<desired::Secret>,
}

#[async_trait]
impl Source for Simulated {
    fn name(&self) -> &str {
        &self.name
    }

    async fn list(&self, cx: &Context, from: Option<&str>) -> Result<Page, Failure> {
        if let (Some(token), None) = (&self.token, from) {
            token.reveal().await.map_err(|error| Failure::new(format!("`token` cannot be had: {error}")))?;
        }
        self.world.list(&cx.owner.slug(), from).await
    }

    fn revive(&self, found: &Found) -> Option<Arc<dyn Resource>> {
        let source = Source::name(self);
        Some(Arc::new(Object::revived(found, source, &self.world)))
    }
}

#[async_trait]
impl Provider for Simulated {
    fn expand(&self, machine: &desired::Machine) -> Result<Expansion, Vec<Note>> {
        let asked = machine.resources.ram;
        let size = Size::holding(asked).map_err(|largest| {
            let problem = format!("no simulated machine has more memory than size {largest}");
            vec![Note::error(machine.at.join("resources").join("ram"), problem)]
        })?;
        let id = ResourceId::new(MACHINE, &machine.name);
        let parents = std::iter::once(Parent::after(self.key.clone())).chain(super::comes_after(machine)).collect();
        let object = Object::machine(id.clone(), parents, desired_attributes(machine, size), &self.name, &self.world)
            .remarking("ram", size.remark(asked));
        let device = |name: &Name| (name.clone(), format!("/dev/disk/by-id/virtio-{name}"));
        let devices = machine.resources.disks.keys().map(device).collect();
        Ok(Expansion { resources: vec![Arc::new(object)], machine: id, devices })
    }

    async fn power(&self, machine: &Name, power: Power, cx: &Context) -> Result<(), Failure> {
        let state = if matches!(power, Power::Start | Power::Restart) { "running" } else { "stopped" };
        let id = ResourceId::new(MACHINE, machine);
        self.world.merge(&cx.owner.slug(), &id, &Attributes::from([("power".to_owned(), json!(state))])).await
    }

    async fn examine(&self, object: &str, _machine: &Name, _cx: &Context) -> Result<Option<Stray>, Failure> {
        let (owner, id) = parse(object)?;
        let found = self.world.find(owner, &id).await?;
        Ok(found.map(|(owner, attributes)| Stray { owner: (!owner.is_empty()).then_some(owner), attributes }))
    }

    async fn adopt(&self, object: &str, machine: &Name, cx: &Context) -> Result<(), Failure> {
        let (owner, id) = parse(object)?;
        let Some((owner, _)) = self.world.find(owner, &id).await? else { return Ok(()) };
        self.world.hand_over(&owner, id.name(), &cx.owner.slug(), machine.as_str()).await
    }

    /// As narrow as EC2 is.
    fn user_data_limit(&self) -> Option<usize> {
        Some(USER_DATA_LIMIT)
    }

    /// A machine without an engine is only itself.
    fn lodges(&self, machine: &desired::Machine) -> bool {
        machine.engine.is_some()
    }

    fn lodge(&self, real: Arc<dyn Resource>) -> Arc<dyn Resource> {
        Arc::new(Object::standing_in(real, &self.name, &self.world))
    }
}

/// `web`, `simulated.machine/web`, or either with the project that it belongs to: `shop:web`.
fn parse(object: &str) -> Result<(Option<&str>, ResourceId), Failure> {
    let (owner, name) = object.split_once(':').map_or((None, object), |(owner, name)| (Some(owner), name));
    let id = if name.contains('/') { ResourceId::parse(name) } else { Some(ResourceId::new(MACHINE, name)) };
    match id {
        Some(id) if id.kind() == MACHINE => Ok((owner, id)),
        _ => Err(Failure::new(format!("`{object}` is no machine of the world")).hint("name it as in its table: `web`")),
    }
}

fn desired_attributes(machine: &desired::Machine, memory: Size) -> Attributes {
    let disks: Attributes =
        machine.resources.disks.iter().map(|(name, disk)| (name.to_string(), json!(disk.size()))).collect();
    let image = match &machine.image {
        desired::Image::Catalogue(name) => name.clone(),
        desired::Image::Path(path) => path.display().to_string(),
        desired::Image::Url { url, digest } => format!("{} {digest}", crate::cover::without_tokens(url)),
        desired::Image::Build(build) => format!("build {} {}", build.release, build.packages.join(" ")),
    };
    let size = encode(&machine.user_data, "").len();
    let user_data = (!machine.user_data.is_empty()).then(|| budget(size, Some(USER_DATA_LIMIT)));
    let ports: serde_json::Map<_, _> =
        machine.ports.iter().map(|forward| (world::listen(forward), json!(forward.target))).collect();
    let mut attributes = crate::attributes! {
        "image": image,
        "ram": memory.bytes(),
        "cpus": machine.resources.cpus,
        "disks": disks,
        "ports": if ports.is_empty() { Value::Null } else { ports.into() },
        "address": machine.address.to_string(),
        "power": "running",
        "user-data": user_data,
    };
    attributes.extend(mark::attributes(machine.protect.is_some(), &machine.tags));
    attributes
}
