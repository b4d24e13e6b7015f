//! `machines/<name>`, `compose/<name>`: all machines of a name or a project on all its machines, as one vertex that others come
//! after.

use async_trait::async_trait;

use crate::id::ResourceId;
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource};
use crate::value::Attributes;

#[derive(Debug)]
pub(super) struct Group {
    id: ResourceId,
    parents: Vec<Parent>,
    desired: Attributes,
}

impl Group {
    /// `members` are the resources that tell of each that it is up.
    pub(super) fn new(id: ResourceId, members: impl IntoIterator<Item = ResourceId>) -> Self {
        Self { id, parents: members.into_iter().map(Parent::after).collect(), desired: Attributes::new() }
    }
}

#[async_trait]
impl Resource for Group {
    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn parents(&self) -> &[Parent] {
        &self.parents
    }

    fn desired(&self) -> &Attributes {
        &self.desired
    }

    fn impact(&self, _change: &Change, _observed: &Attributes) -> Impact {
        Impact::InPlace(Disruption::None, None)
    }

    fn is_group(&self) -> bool {
        true
    }

    async fn read(&self, _cx: &Context) -> Observation {
        Observation::Present(Attributes::new())
    }

    async fn create(&self, _cx: &Context) -> Result<Attributes, Failure> {
        Ok(Attributes::new())
    }

    async fn update(&self, _cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        Ok(Attributes::new())
    }

    async fn delete(&self, _cx: &Context) -> Result<(), Failure> {
        Ok(())
    }
}
