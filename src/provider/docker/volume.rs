//! `docker.volume/<machine>.<disk>` and `docker.store/<machine>`: volumes of the engine. They outlive the container, and
//! what is on them lies on the engine's own file system, whose room they share.

use async_trait::async_trait;
use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::RemoveVolumeOptions;

use crate::id::ResourceId;
use crate::provider::docker::engine::{failure, present, settled};
use crate::provider::docker::{Docker, STORE, VOLUME, label};
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource, Source};
use crate::value::Attributes;

#[derive(Debug)]
pub(super) struct Volume {
    id: ResourceId,
    place: Docker,
    /// What it is called at the engine.
    name: String,
    desired: Attributes,
}

pub(super) fn disk_id(machine: &str, disk: &str) -> ResourceId {
    ResourceId::new(VOLUME, format_args!("{machine}.{disk}"))
}

pub(super) fn store_id(machine: &str) -> ResourceId {
    ResourceId::new(STORE, machine)
}

pub(super) fn disk_name(place: &Docker, machine: &str, disk: &str) -> String {
    label::name(&place.setup, &format!("{machine}.{disk}"))
}

/// No disk can be called so.
pub(super) fn store_name(place: &Docker, machine: &str) -> String {
    label::name(&place.setup, &format!("{machine}._engine"))
}

impl Volume {
    pub(super) fn disk(place: &Docker, machine: &str, disk: &str) -> Self {
        let name = disk_name(place, machine, disk);
        Self { id: disk_id(machine, disk), place: place.clone(), name, desired: Attributes::new() }
    }

    /// Where the engine in the machine keeps its images and volumes.
    pub(super) fn store(place: &Docker, machine: &str) -> Self {
        let name = store_name(place, machine);
        Self { id: store_id(machine), place: place.clone(), name, desired: Attributes::new() }
    }

    async fn exists(&self) -> Result<bool, Failure> {
        let engine = self.place.setup.engine().await?;
        let Some(found) = present(engine.inspect_volume(&self.name).await)? else { return Ok(false) };
        if label::is(&self.place.setup, &self.id, Some(&found.labels)) {
            return Ok(true);
        }
        let why = format!("volume {} of the engine is not this project's", self.name);
        Err(Failure::new(why).hint("remove or rename it"))
    }
}

#[async_trait]
impl Resource for Volume {
    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn parents(&self) -> &[Parent] {
        &[]
    }

    fn machine(&self) -> Option<&str> {
        self.id.name().split('.').next()
    }

    fn desired(&self) -> &Attributes {
        &self.desired
    }

    fn impact(&self, _change: &Change, _observed: &Attributes) -> Impact {
        Impact::InPlace(Disruption::None, None)
    }

    fn deletion(&self) -> Disruption {
        Disruption::DataLoss
    }

    fn listed_by(&self) -> Option<&dyn Source> {
        Some(&self.place)
    }

    async fn read(&self, _cx: &Context) -> Observation {
        match self.exists().await {
            Ok(true) => Observation::Present(Attributes::new()),
            Ok(false) => Observation::Absent,
            Err(failure) => Observation::Unreadable(failure.message),
        }
    }

    async fn create(&self, _cx: &Context) -> Result<Attributes, Failure> {
        if !self.exists().await? {
            let request = VolumeCreateRequest {
                name: Some(self.name.clone()),
                labels: Some(label::of(&self.place.setup, &self.id)),
                ..VolumeCreateRequest::default()
            };
            self.place.setup.engine().await?.create_volume(request).await.map_err(failure)?;
        }
        Ok(Attributes::new())
    }

    async fn update(&self, cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        self.create(cx).await
    }

    async fn delete(&self, _cx: &Context) -> Result<(), Failure> {
        if !self.exists().await? {
            return Ok(());
        }
        let engine = self.place.setup.engine().await?;
        settled(engine.remove_volume(&self.name, None::<RemoveVolumeOptions>).await)
    }
}
