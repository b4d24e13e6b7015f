//! One object of the simulated world as a resource: a machine, or the stand-in of what would live on one.

use std::sync::Arc;

use async_trait::async_trait;

use super::world::World;
use crate::id::ResourceId;
use crate::resource::{
    Change, Context, Disruption, Failure, Found, Impact, Observation, Page, Parent, Resource, Source,
};
use crate::value::{Attributes, Value, json};

/// What the world keeps of what an object hangs on.
const PARENTS: &str = "parents";

/// Whose rules decide what a change means.
#[derive(Debug)]
enum Rules {
    Machine,
    Real(Arc<dyn Resource>),
    Unknown,
}

#[derive(Debug)]
pub(super) struct Object {
    id: ResourceId,
    parents: Vec<Parent>,
    desired: Attributes,
    rules: Rules,
    remarks: Vec<(&'static str, String)>,
    source: Listing,
}

/// The handle by which the object names its source.
#[derive(Debug)]
struct Listing {
    name: String,
    world: Arc<World>,
}

impl Object {
    pub(super) fn machine(
        id: ResourceId,
        parents: Vec<Parent>,
        desired: Attributes,
        source: &str,
        world: &Arc<World>,
    ) -> Self {
        Self { id, parents, desired, rules: Rules::Machine, remarks: Vec::new(), source: Listing::new(source, world) }
    }

    /// With something to say about an attribute.
    pub(super) fn remarking(mut self, attribute: &'static str, remark: Option<String>) -> Self {
        self.remarks.extend(remark.map(|remark| (attribute, remark)));
        self
    }

    pub(super) fn standing_in(real: Arc<dyn Resource>, source: &str, world: &Arc<World>) -> Self {
        Self {
            id: real.id().clone(),
            parents: real.parents().to_vec(),
            desired: real.desired().clone(),
            remarks: real.remarks(),
            rules: Rules::Real(real),
            source: Listing::new(source, world),
        }
    }

    pub(super) fn revived(found: &Found, source: &str, world: &Arc<World>) -> Self {
        Self {
            id: found.id.clone(),
            parents: parents_of(&found.attributes),
            desired: Attributes::new(),
            rules: Rules::Unknown,
            remarks: Vec::new(),
            source: Listing::new(source, world),
        }
    }

    fn written(&self) -> Attributes {
        let parents: Vec<_> = self.parents.iter().map(|p| json!([p.link.as_str(), p.id.as_str()])).collect();
        let mut attributes = self.desired.clone();
        attributes.insert(PARENTS.to_owned(), json!(parents));
        attributes
    }
}

impl Listing {
    fn new(name: &str, world: &Arc<World>) -> Self {
        Self { name: name.to_owned(), world: Arc::clone(world) }
    }
}

/// The world remembers what hangs on what, so that an orphan can be taken down in order.
fn parents_of(attributes: &Attributes) -> Vec<Parent> {
    let Some(list) = attributes.get(PARENTS).and_then(Value::as_array) else { return Vec::new() };
    list.iter()
        .filter_map(|pair| {
            let link = crate::resource::Link::parse(pair.get(0)?.as_str()?)?;
            Some(Parent { id: ResourceId::parse(pair.get(1)?.as_str()?)?, link })
        })
        .collect()
}

#[async_trait]
impl Source for Listing {
    fn name(&self) -> &str {
        &self.name
    }

    async fn list(&self, cx: &Context, from: Option<&str>) -> Result<Page, Failure> {
        self.world.list(&cx.owner.slug(), from).await
    }

    fn revive(&self, found: &Found) -> Option<Arc<dyn Resource>> {
        Some(Arc::new(Object::revived(found, &self.name, &self.world)))
    }
}

#[async_trait]
impl Resource for Object {
    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn parents(&self) -> &[Parent] {
        &self.parents
    }

    fn desired(&self) -> &Attributes {
        &self.desired
    }

    /// By the form of its name: what stands on a machine is called after it.
    fn machine(&self) -> Option<&str> {
        match &self.rules {
            Rules::Real(real) => real.machine(),
            Rules::Machine | Rules::Unknown => {
                let name = self.id.name();
                let name = name.split_once('@').map_or(name, |(_, machine)| machine);
                name.split('.').next()
            }
        }
    }

    fn remarks(&self) -> Vec<(&'static str, String)> {
        self.remarks.clone()
    }

    fn claims(&self, attributes: &Attributes) -> Vec<String> {
        if self.id.kind() == super::MACHINE { super::world::ports(attributes).collect() } else { Vec::new() }
    }

    fn impact(&self, change: &Change, observed: &Attributes) -> Impact {
        match &self.rules {
            Rules::Real(real) => real.impact(change, observed),
            Rules::Machine => machine_impact(change),
            Rules::Unknown => Impact::InPlace(Disruption::None, None),
        }
    }

    fn renaming(&self) -> Impact {
        Impact::InPlace(Disruption::None, None)
    }

    fn is_machine(&self) -> bool {
        self.id.kind() == super::MACHINE
    }

    fn deletion(&self) -> Disruption {
        match &self.rules {
            Rules::Real(real) => real.deletion(),
            Rules::Machine => Disruption::DataLoss,
            Rules::Unknown if self.id.kind() == super::MACHINE => Disruption::DataLoss,
            Rules::Unknown => Disruption::Replace,
        }
    }

    fn listed_by(&self) -> Option<&dyn Source> {
        Some(&self.source)
    }

    async fn read(&self, cx: &Context) -> Observation {
        match self.source.world.get(&cx.owner.slug(), &self.id).await {
            Ok(Some(attributes)) => Observation::Present(attributes),
            Ok(None) => Observation::Absent,
            Err(failure) => Observation::Unreadable(failure.to_string()),
        }
    }

    async fn create(&self, cx: &Context) -> Result<Attributes, Failure> {
        self.source.world.put(&cx.owner.slug(), &self.id, self.written(), &self.parents).await
    }

    async fn update(&self, cx: &Context, changes: &[Change]) -> Result<Attributes, Failure> {
        let parents = self.written().remove(PARENTS).expect("written above");
        self.source.world.change(&cx.owner.slug(), &self.id, changes, (PARENTS, parents)).await
    }

    async fn delete(&self, cx: &Context) -> Result<(), Failure> {
        self.source.world.remove(&cx.owner.slug(), &self.id).await
    }

    async fn disown(&self, cx: &Context) -> Result<String, Failure> {
        self.source.world.disown(&cx.owner.slug(), &self.id).await
    }

    async fn rename(&self, from: &ResourceId, cx: &Context) -> Result<(), Failure> {
        let parents = self.written().remove(PARENTS).expect("written above");
        self.source.world.rename(&cx.owner.slug(), from, &self.id, (PARENTS, parents)).await
    }
}

fn machine_impact(change: &Change) -> Impact {
    match change.path.keys().first().map(String::as_str) {
        Some("image") => Impact::Replace(Disruption::DataLoss),
        Some("ram" | "cpus") => Impact::InPlace(Disruption::Reboot, Some("restarts the machine".to_owned())),
        Some("disks") => disk_impact(change),
        Some("power") => Impact::InPlace(Disruption::None, Some("starts the machine".to_owned())),
        _ => Impact::InPlace(Disruption::None, None),
    }
}

fn disk_impact(change: &Change) -> Impact {
    let size = |value: &Option<Value>| value.as_ref().and_then(Value::as_u64).unwrap_or(0);
    if size(&change.after) < size(&change.before) {
        let disk = change.path.keys().last().map_or("", String::as_str);
        return Impact::Refused(format!("disk `{disk}` cannot shrink"));
    }
    Impact::InPlace(Disruption::None, None)
}
