//! `docker.volume/<machine>.<disk>` and `docker.store/<machine>`: volumes of the engine. They outlive the container, and
//! what is on them lies on the engine's own file system, whose room they share.

use async_trait::async_trait;
use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::RemoveVolumeOptions;

use crate::id::ResourceId;
use crate::provider::docker::deed::Base;
use crate::provider::docker::engine::{failure, present, settled};
use crate::provider::docker::{Docker, STORE, VOLUME, label};
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource, Source};
use crate::value::Attributes;

#[derive(Debug)]
pub(super) struct Volume {
    id: ResourceId,
    place: Docker,
    /// What it is at the engine, whatever its machine is called.
    part: Part,
    desired: Attributes,
}

#[derive(Debug)]
enum Part {
    Disk(String),
    Store,
}

pub(super) fn disk_id(machine: &str, disk: &str) -> ResourceId {
    ResourceId::new(VOLUME, format_args!("{machine}.{disk}"))
}

pub(super) fn store_id(machine: &str) -> ResourceId {
    ResourceId::new(STORE, machine)
}

pub(super) fn disk_name(base: &Base, disk: &str) -> String {
    format!("{}.{disk}", base.name())
}

/// No disk can be called so.
pub(super) fn store_name(base: &Base) -> String {
    format!("{}._engine", base.name())
}

impl Volume {
    pub(super) fn disk(place: &Docker, machine: &str, disk: &str) -> Self {
        let part = Part::Disk(disk.to_owned());
        Self { id: disk_id(machine, disk), place: place.clone(), part, desired: Attributes::new() }
    }

    /// Where the engine in the machine keeps its images and volumes.
    pub(super) fn store(place: &Docker, machine: &str) -> Self {
        Self { id: store_id(machine), place: place.clone(), part: Part::Store, desired: Attributes::new() }
    }

    /// What it is called at the engine.
    fn name(&self, base: &Base) -> String {
        match &self.part {
            Part::Disk(disk) => disk_name(base, disk),
            Part::Store => store_name(base),
        }
    }

    fn own_machine(&self) -> &str {
        self.id.name().split('.').next().unwrap_or_default()
    }

    /// Its name, when it is there.
    async fn find(&self) -> Result<Option<String>, Failure> {
        let setup = &self.place.setup;
        let engine = setup.engine().await?;
        let base = setup.base(engine, self.own_machine()).await?;
        let name = self.name(&base);
        let Some(found) = present(engine.inspect_volume(&name).await)? else { return Ok(None) };
        if label::are_on(&label::of_machine(&base, &self.id), Some(&found.labels)) {
            return Ok(Some(name));
        }
        Err(Failure::new(format!("volume {name} of the engine is not this project's")).hint("remove or rename it"))
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
        Some(self.own_machine())
    }

    fn desired(&self) -> &Attributes {
        &self.desired
    }

    fn renaming(&self) -> Impact {
        Impact::InPlace(Disruption::None, None)
    }

    fn moves_together(&self) -> bool {
        true
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
        match self.find().await {
            Ok(Some(_)) => Observation::Present(Attributes::new()),
            Ok(None) => Observation::Absent,
            Err(failure) => Observation::Unreadable(failure.message),
        }
    }

    async fn create(&self, _cx: &Context) -> Result<Attributes, Failure> {
        let setup = &self.place.setup;
        let engine = setup.engine().await?;
        // Nobody takes the deed for one of a machine that is gone before the volume is there.
        let _turn = setup.turn.lock().await;
        let base = setup.claim(engine, self.own_machine()).await?;
        if self.find().await?.is_none() {
            let request = VolumeCreateRequest {
                name: Some(self.name(&base)),
                labels: Some(label::of_machine(&base, &self.id)),
                ..VolumeCreateRequest::default()
            };
            engine.create_volume(request).await.map_err(failure)?;
        }
        Ok(Attributes::new())
    }

    async fn update(&self, cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        self.create(cx).await
    }

    async fn disown(&self, _cx: &Context) -> Result<String, Failure> {
        self.place.setup.let_go(self.own_machine()).await
    }

    async fn rename(&self, from: &ResourceId, _cx: &Context) -> Result<(), Failure> {
        self.place.setup.rename(from, self.own_machine()).await
    }

    async fn delete(&self, _cx: &Context) -> Result<(), Failure> {
        let engine = self.place.setup.engine().await?;
        if let Some(name) = self.find().await? {
            settled(engine.remove_volume(&name, None::<RemoveVolumeOptions>).await)?;
        }
        self.place.setup.sweep_deeds(engine, self.own_machine()).await
    }
}
