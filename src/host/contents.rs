//! What we own inside a machine, so that what left the Machinefile is found.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::attributes;
use crate::host::authorized::{self, Authorized};
use crate::host::compose::project::{self, Project};
use crate::host::engine::daemon::{self, Daemon};
use crate::host::filesystem::{self, volume::Volume};
use crate::host::reach::Reach;
use crate::host::registries::{self, Registries};
use crate::id::ResourceId;
use crate::resource::{Context, Failure, Found, Page, Parent, Resource, Source};

/// The listing of one machine.
#[derive(Debug)]
pub(crate) struct Contents {
    reach: Arc<Reach>,
}

impl Contents {
    pub(crate) fn new(reach: &Arc<Reach>) -> Self {
        Self { reach: Arc::clone(reach) }
    }
}

#[async_trait]
impl Source for Contents {
    fn name(&self) -> &str {
        self.reach.id.as_str()
    }

    async fn list(&self, cx: &Context, _from: Option<&str>) -> Result<Page, Failure> {
        // What is on a machine that does not answer is looked for once it does.
        if self.reach.unready(cx).is_some() {
            return Ok(Page::default());
        }
        let facts = self.reach.facts(cx).await.map_err(Failure::new)?;
        let slug = cx.owner.slug();
        let owned = facts.projects.iter().filter(|(_, found)| found.owner == slug);
        let projects = owned.map(|(name, found)| Found {
            id: ResourceId::new(project::KIND, format!("{name}@{}", self.reach.name)),
            attributes: project::attributes(name, found, &facts, std::iter::empty()),
        });
        // Options of ours outlive the Machinefile's word for an engine; its packages may stay.
        let daemon = (facts.has_settings_of_ours() && facts.engine_version().is_some()).then(|| Found {
            id: ResourceId::new(daemon::KIND, &self.reach.name),
            attributes: attributes! { "options": daemon::shown(&facts.applied) },
        });
        let disks = facts.disks.ours().into_iter().map(|name| Found {
            id: ResourceId::new(filesystem::KIND, format!("{}.{name}", self.reach.name)),
            attributes: attributes! { "left": true },
        });
        let id = ResourceId::new(authorized::KIND, &self.reach.name);
        let keys = authorized::observed(&facts).map(|attributes| Found { id, attributes });
        let id = registries::id(&self.reach.name);
        let logins = registries::observed(&facts, &BTreeMap::new()).map(|attributes| Found { id, attributes });
        Ok(Page::whole(projects.chain(daemon).chain(disks).chain(keys).chain(logins).collect()))
    }

    fn revive(&self, found: &Found) -> Option<Arc<dyn Resource>> {
        // Within the host and not the packages or the engine: the Machinefile may no longer speak of them either.
        let parent = Parent::within(self.reach.id.clone());
        if found.id == ResourceId::new(daemon::KIND, &self.reach.name) {
            return Some(Arc::new(Daemon::left(&self.reach, parent)));
        }
        if found.id.kind() == filesystem::KIND {
            let (_, disk) = found.id.name().split_once('.')?;
            return Some(Arc::new(Volume::left(&self.reach, disk)));
        }
        if found.id == ResourceId::new(authorized::KIND, &self.reach.name) {
            return Some(Arc::new(Authorized::left(&self.reach, parent)));
        }
        if found.id == registries::id(&self.reach.name) {
            return Some(Arc::new(Registries::left(&self.reach, parent)));
        }
        let (name, machine) = found.id.name().split_once('@')?;
        let ours = found.id.kind() == project::KIND && machine == self.reach.name.as_str();
        ours.then(|| Arc::new(Project::left(&self.reach, name, parent)) as Arc<dyn Resource>)
    }
}
