//! What a project owns at the engine: four listings, and a closer look at each machine.

use std::collections::BTreeSet;

use bollard::query_parameters::{ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder};
use futures_util::future::try_join_all;

use crate::id::ResourceId;
use crate::provider::docker::deed::Base;
use crate::provider::docker::engine::{Engine, failure};
use crate::provider::docker::{CONTAINER, Setup, found, label, network, rebuild, remains};
use crate::resource::{Failure, Found};
use crate::value::Attributes;

pub(super) async fn list(setup: &Setup, engine: &Engine) -> Result<Vec<Found>, Failure> {
    let deeds = setup.read_deeds(engine).await?;
    let own = setup.base_called("");
    let mut places = BTreeSet::from([(own.owner.clone(), own.provider.clone())]);
    places.extend(deeds.held(setup).map(|(base, _)| (base.owner.clone(), base.provider.clone())));
    let looks = places.iter().map(|(owner, provider)| things(engine, owner, provider));
    let things: Vec<_> = try_join_all(looks).await?.into_iter().flatten().collect();
    // A deed about nothing stands for what is left of a machine.
    let is_idle = |base: &Base| things.iter().all(|(of, _)| of != base);
    let idle = deeds.held(setup).filter(|(base, _)| is_idle(base));
    let mut machines: BTreeSet<_> = idle.map(|(_, to)| ResourceId::new(CONTAINER, &to.machine)).collect();
    let mut listed = Vec::new();
    for (base, id) in things {
        let Some(to) = deeds.holder(&base).filter(|to| (&to.owner, &to.provider) == (&own.owner, &own.provider)) else {
            continue;
        };
        let Some(id) = id.of_machine(&base.machine, &to.machine) else { continue };
        match id.kind() {
            CONTAINER => _ = machines.insert(id),
            _ => listed.push(Found { id, attributes: Attributes::new() }),
        }
    }
    listed.extend(try_join_all(machines.into_iter().map(|id| machine(setup, engine, id))).await?);
    let networks = ListNetworksOptionsBuilder::default().filters(&label::filter(&own.owner, &own.provider)).build();
    for network in engine.list_networks(Some(networks)).await.map_err(failure)? {
        let id = label::resource(network.labels.as_ref());
        listed.extend(id.map(|id| Found { id, attributes: network::listed(network) }));
    }
    listed.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(listed)
}

/// What carries a provider's labels and is of a machine: as which machine it was made, and its id in those days. What is left of
/// a machine without a container stands for one.
async fn things(engine: &Engine, owner: &str, provider: &str) -> Result<Vec<(Base, ResourceId)>, Failure> {
    let filter = label::filter(owner, provider);
    let containers = ListContainersOptionsBuilder::default().all(true).filters(&filter).build();
    let volumes = ListVolumesOptionsBuilder::default().filters(&filter).build();
    let (containers, volumes, kept) = tokio::try_join!(
        async { engine.list_containers(Some(containers)).await.map_err(failure) },
        async { engine.list_volumes(Some(volumes)).await.map_err(failure) },
        rebuild::kept(engine, owner, provider),
    )?;
    let volumes = volumes.volumes.unwrap_or_default();
    let labels = containers.iter().filter_map(|container| container.labels.as_ref());
    let labels =
        labels.chain(volumes.iter().map(|volume| &volume.labels)).chain(kept.iter().map(|image| &image.labels));
    Ok(labels.filter_map(|labels| Some((label::base(Some(labels))?, label::resource(Some(labels))?))).collect())
}

async fn machine(setup: &Setup, engine: &Engine, id: ResourceId) -> Result<Found, Failure> {
    Ok(match found::find(setup, engine, &id).await? {
        Some(found) => Found { attributes: found.attributes(), id },
        None => Found { id: remains::id(id.name()), attributes: Attributes::new() },
    })
}
