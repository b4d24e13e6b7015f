//! Docker contexts on this computer: `docker --context shop.web` talks to the engine of machine `web`.
//!
//! Behind each is a socket and a process of ours, so that any number of commands share a few SSH connections whose host key is
//! pinned, and the user's own SSH settings are not touched.

mod errand;
mod passage;
mod serve;
mod shelf;

use std::sync::Arc;

use async_trait::async_trait;

pub use errand::Errand;
pub use passage::Passage;
pub use serve::serve;

use crate::attributes;
use crate::dirs::Dirs;
use crate::host::engine::daemon;
use crate::host::reach::Reach;
use crate::id::{Kind, Name, Owner, ResourceId};
use crate::resource::{
    Change, Context, Disruption, Failure, Found, Impact, Observation, Page, Parent, Resource, Source,
};
use crate::value::Attributes;
use shelf::{Entry, Shelf};

const KIND: Kind = "docker.context";

/// What all contexts of a project share.
#[derive(Debug)]
struct Setup {
    shelf: Shelf,
    dirs: Dirs,
    owner: Owner,
}

/// The list of a project's contexts on this computer.
#[derive(Clone, Debug)]
pub struct Contexts {
    setup: Arc<Setup>,
}

impl Contexts {
    /// `None` where there is no home folder for Docker's settings.
    #[must_use]
    pub fn new(dirs: &Dirs, owner: &Owner) -> Option<Self> {
        let setup = Setup { shelf: Shelf::of_user()?, dirs: dirs.clone(), owner: owner.clone() };
        Some(Self { setup: Arc::new(setup) })
    }

    /// That of a machine's engine.
    pub(crate) fn of(&self, reach: &Arc<Reach>) -> Arc<dyn Resource> {
        let after = vec![Parent::after(ResourceId::new(daemon::KIND, &reach.name))];
        Arc::new(DockerContext::new(&self.setup, &reach.name, after, Some(Arc::clone(reach))))
    }
}

#[async_trait]
impl Source for Contexts {
    fn name(&self) -> &'static str {
        "docker contexts"
    }

    async fn list(&self, cx: &Context, _from: Option<&str>) -> Result<Page, Failure> {
        let owned = self.setup.shelf.owned(&cx.owner.slug()).map_err(|error| unusable(&error))?;
        let found = owned.into_iter().filter_map(|entry| Name::new(&entry.resource).ok());
        let found = found.map(|machine| Found { id: ResourceId::new(KIND, &machine), attributes: Attributes::new() });
        Ok(Page::whole(found.collect()))
    }

    fn revive(&self, found: &Found) -> Option<Arc<dyn Resource>> {
        let machine = Name::new(found.id.name()).ok().filter(|_| found.id.kind() == KIND)?;
        Some(Arc::new(DockerContext::new(&self.setup, &machine, Vec::new(), None)))
    }
}

#[derive(Debug)]
struct DockerContext {
    id: ResourceId,
    parents: Vec<Parent>,
    desired: Attributes,
    setup: Arc<Setup>,
    machine: Name,
    passage: Passage,
    /// `None` for one that is only there to be removed.
    reach: Option<Arc<Reach>>,
}

fn unusable(error: &std::io::Error) -> Failure {
    Failure::new(format!("docker's contexts cannot be used: {error}"))
        .hint("DOCKER_CONFIG or ~/.docker must be a folder of the user who runs the command")
}

impl DockerContext {
    fn new(setup: &Arc<Setup>, machine: &Name, parents: Vec<Parent>, reach: Option<Arc<Reach>>) -> Self {
        let passage = Passage::of(&setup.dirs, &setup.owner, machine, None);
        Self {
            id: ResourceId::new(KIND, machine),
            parents,
            desired: attributes! {
                "name": name(&setup.owner, machine), "host": passage.host(), "tunnel": "running",
            },
            setup: Arc::clone(setup),
            machine: machine.clone(),
            passage,
            reach,
        }
    }

    fn errand(&self, cx: &Context) -> Result<Errand, Failure> {
        let reach = self.reach.as_ref().ok_or_else(|| Failure::new("nothing says where it leads"))?;
        Ok(Errand { machine: self.machine.to_string(), endpoint: reach.endpoint(cx)? })
    }

    fn entry(&self) -> Entry {
        let Setup { owner, .. } = self.setup.as_ref();
        Entry {
            name: name(owner, &self.machine),
            host: self.passage.host(),
            description: format!("machine {} of project {}", self.machine, owner.project),
            owner: Some(owner.slug()),
            resource: self.machine.to_string(),
        }
    }

    fn found(&self) -> Result<Option<Entry>, Failure> {
        self.setup.shelf.get(&name(&self.setup.owner, &self.machine)).map_err(|error| unusable(&error))
    }

    async fn look(&self, cx: &Context) -> Result<Option<Attributes>, Failure> {
        let leads = self.passage.leads().await;
        let Some(entry) = self.found()? else { return Ok(None) };
        if entry.owner.as_deref() != Some(&self.setup.owner.slug()) {
            return Err(stranger(&entry));
        }
        let tunnel = match (leads, self.errand(cx)) {
            (None, _) => "stopped",
            (Some(leads), Ok(errand)) if leads != errand.digest() => "leads elsewhere",
            (Some(_), _) => "running",
        };
        Ok(Some(attributes! { "name": entry.name, "host": entry.host, "tunnel": tunnel }))
    }
}

/// What a machine's context is called: `shop.web`.
#[must_use]
pub fn name(owner: &Owner, machine: &Name) -> String {
    format!("{}.{machine}", owner.project)
}

fn stranger(entry: &Entry) -> Failure {
    let name = &entry.name;
    Failure::new(format!("there is a docker context `{name}` that is not this project's"))
        .hint(format!("if nobody needs it: docker context rm {name}"))
}

#[async_trait]
impl Resource for DockerContext {
    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn parents(&self) -> &[Parent] {
        &self.parents
    }

    fn machine(&self) -> Option<&str> {
        Some(self.machine.as_str())
    }

    fn desired(&self) -> &Attributes {
        &self.desired
    }

    fn impact(&self, change: &Change, _observed: &Attributes) -> Impact {
        let text = change.path.starts_with("tunnel").then(|| "starts the tunnel to the engine".to_owned());
        Impact::InPlace(Disruption::None, text)
    }

    fn deletion(&self) -> Disruption {
        Disruption::None
    }

    async fn read(&self, cx: &Context) -> Observation {
        match self.look(cx).await {
            Ok(Some(attributes)) => Observation::Present(attributes),
            Ok(None) => Observation::Absent,
            Err(failure) => Observation::Unreadable(failure.message),
        }
    }

    async fn create(&self, cx: &Context) -> Result<Attributes, Failure> {
        if let Some(entry) = self.found()?.filter(|entry| entry.owner != self.entry().owner) {
            return Err(stranger(&entry));
        }
        // First where it is found again, then the process.
        self.setup.shelf.put(&self.entry()).map_err(|error| unusable(&error))?;
        self.passage.open(&self.errand(cx)?).await?;
        Ok(self.desired.clone())
    }

    async fn update(&self, cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        self.create(cx).await
    }

    /// The list is last: what it names is found again.
    async fn delete(&self, _cx: &Context) -> Result<(), Failure> {
        self.passage.close().await?;
        match self.found()? {
            Some(entry) if entry.owner == self.entry().owner => {
                self.setup.shelf.remove(&entry.name).map_err(|error| unusable(&error))
            }
            _ => Ok(()),
        }
    }
}
