//! `docker.remains/<machine>`: what is left at the engine of a machine whose container is gone: root file systems that
//! were kept of it, a probe that was cut, a deed about nothing.

use async_trait::async_trait;

use crate::id::ResourceId;
use crate::provider::docker::{CONTAINER, Docker, REMAINS, isolation, rebuild};
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource, Source};
use crate::value::Attributes;

/// It is only ever there to be deleted.
#[derive(Debug)]
pub(super) struct Remains {
    id: ResourceId,
    machine: ResourceId,
    place: Docker,
    desired: Attributes,
}

pub(super) fn id(machine: &str) -> ResourceId {
    ResourceId::new(REMAINS, machine)
}

impl Remains {
    pub(super) fn new(place: &Docker, machine: &str) -> Self {
        let of = ResourceId::new(CONTAINER, machine);
        Self { id: id(machine), machine: of, place: place.clone(), desired: Attributes::new() }
    }
}

#[async_trait]
impl Resource for Remains {
    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn parents(&self) -> &[Parent] {
        &[]
    }

    fn desired(&self) -> &Attributes {
        &self.desired
    }

    fn impact(&self, _change: &Change, _observed: &Attributes) -> Impact {
        Impact::InPlace(Disruption::None, None)
    }

    fn deletion(&self) -> Disruption {
        Disruption::None
    }

    fn listed_by(&self) -> Option<&dyn Source> {
        Some(&self.place)
    }

    async fn read(&self, cx: &Context) -> Observation {
        match self.place.list(cx, None).await {
            Ok(listed) if listed.found.iter().any(|found| found.id == self.id) => {
                Observation::Present(Attributes::new())
            }
            Ok(_) => Observation::Absent,
            Err(failure) => Observation::Unreadable(failure.message),
        }
    }

    async fn create(&self, _cx: &Context) -> Result<Attributes, Failure> {
        Err(Failure::new("nothing says what it should be"))
    }

    async fn update(&self, cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        self.create(cx).await
    }

    /// What a new container of the machine stands on is in use and stays.
    async fn delete(&self, _cx: &Context) -> Result<(), Failure> {
        let engine = self.place.setup.engine().await?;
        isolation::remove(engine, &isolation::probe_name(&self.place.setup, &self.machine)).await?;
        let base = self.place.setup.base(engine, self.machine.name()).await?;
        rebuild::sweep_images(engine, &base).await?;
        self.place.setup.sweep_deeds(engine, self.machine.name()).await
    }
}
