//! What a project owns at the engine: four listings, and a closer look at each machine.

use std::collections::BTreeSet;

use bollard::query_parameters::{ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder};
use futures_util::future::try_join_all;

use crate::id::ResourceId;
use crate::provider::docker::engine::{Engine, failure};
use crate::provider::docker::{CONTAINER, Setup, found, label, network, rebuild, remains};
use crate::resource::{Failure, Found};
use crate::value::Attributes;

pub(super) async fn list(setup: &Setup, engine: &Engine) -> Result<Vec<Found>, Failure> {
    let filter = label::filter(setup);
    let containers = ListContainersOptionsBuilder::default().all(true).filters(&filter).build();
    let volumes = ListVolumesOptionsBuilder::default().filters(&filter).build();
    let networks = ListNetworksOptionsBuilder::default().filters(&filter).build();
    let (containers, volumes, networks, kept) = tokio::try_join!(
        async { engine.list_containers(Some(containers)).await.map_err(failure) },
        async { engine.list_volumes(Some(volumes)).await.map_err(failure) },
        async { engine.list_networks(Some(networks)).await.map_err(failure) },
        rebuild::kept(setup, engine),
    )?;
    let of_containers = containers.iter().filter_map(|container| label::resource(container.labels.as_ref()));
    let of_images = kept.iter().filter_map(|image| label::resource(Some(&image.labels)));
    let machines: BTreeSet<_> = of_containers.chain(of_images).filter(|id| id.kind() == CONTAINER).collect();
    let mut listed = try_join_all(machines.into_iter().map(|id| machine(setup, engine, id))).await?;
    for volume in volumes.volumes.into_iter().flatten() {
        let id = label::resource(Some(&volume.labels));
        listed.extend(id.map(|id| Found { id, attributes: Attributes::new() }));
    }
    for network in networks {
        let id = label::resource(network.labels.as_ref());
        listed.extend(id.map(|id| Found { id, attributes: network::listed(network) }));
    }
    listed.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(listed)
}

async fn machine(setup: &Setup, engine: &Engine, id: ResourceId) -> Result<Found, Failure> {
    Ok(match found::find(setup, engine, &id).await? {
        Some(found) => Found { attributes: found.attributes(), id },
        None => Found { id: remains::id(id.name()), attributes: Attributes::new() },
    })
}
