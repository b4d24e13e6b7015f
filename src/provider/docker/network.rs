//! `docker.network/<provider>`: the network of the engine that a project's machines are on.

use async_trait::async_trait;
use bollard::models::{Ipam, IpamConfig, Network as Inspected, NetworkCreateRequest};
use bollard::query_parameters::InspectNetworkOptions;

use crate::id::ResourceId;
use crate::provider::docker::engine::{Engine, failure, present, settled};
use crate::provider::docker::{Docker, label};
use crate::resource::{Change, Context, Disruption, Failure, Impact, Observation, Parent, Resource, Source};
use crate::value::{Attributes, json};

#[derive(Debug)]
pub(super) struct Network {
    id: ResourceId,
    place: Docker,
    desired: Attributes,
}

/// What it is called at the engine.
pub(super) fn name(place: &Docker) -> String {
    label::name(&place.setup, place.setup.provider.as_str())
}

impl Network {
    pub(super) fn new(place: &Docker) -> Self {
        let network = place.setup.settings.network;
        let desired = network.map(|network| ("network".to_owned(), json!(network.to_string())));
        Self { id: place.setup.network_id(), place: place.clone(), desired: desired.into_iter().collect() }
    }

    async fn look(&self) -> Result<Option<Attributes>, Failure> {
        let engine = self.place.setup.engine().await?;
        let name = name(&self.place);
        let found = present(engine.inspect_network(&name, None::<InspectNetworkOptions>).await)?;
        let Some(found) = found else { return Ok(None) };
        if !label::are_on(&label::of_provider(&self.place.setup, &self.id), found.labels.as_ref()) {
            let why = format!("network {name} of the engine is not this project's");
            return Err(Failure::new(why).hint("remove or rename it"));
        }
        Ok(Some(observed(found.ipam)))
    }
}

/// The engine's own name for it; `None` when it is not there.
pub(super) async fn id(place: &Docker, engine: &Engine) -> Result<Option<String>, Failure> {
    let found = present(engine.inspect_network(&name(place), None::<InspectNetworkOptions>).await)?;
    Ok(found.and_then(|network| network.id))
}

fn observed(ipam: Option<Ipam>) -> Attributes {
    let subnet = ipam.and_then(|ipam| ipam.config?.into_iter().next()?.subnet);
    crate::attributes! { "network": subnet }
}

pub(super) fn listed(network: Inspected) -> Attributes {
    observed(network.ipam)
}

#[async_trait]
impl Resource for Network {
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
        let why =
            "a network that machines are on keeps its addresses: destroy the machines first, or take `network` back";
        Impact::Refused(why.into())
    }

    fn deletion(&self) -> Disruption {
        Disruption::None
    }

    fn listed_by(&self) -> Option<&dyn Source> {
        Some(&self.place)
    }

    async fn read(&self, _cx: &Context) -> Observation {
        match self.look().await {
            Ok(Some(attributes)) => Observation::Present(attributes),
            Ok(None) => Observation::Absent,
            Err(failure) => Observation::Unreadable(failure.message),
        }
    }

    async fn create(&self, _cx: &Context) -> Result<Attributes, Failure> {
        if let Some(attributes) = self.look().await? {
            return Ok(attributes);
        }
        let subnet = self.place.setup.settings.network;
        let config = subnet.map(|subnet| IpamConfig { subnet: Some(subnet.to_string()), ..IpamConfig::default() });
        let request = NetworkCreateRequest {
            name: name(&self.place),
            driver: Some("bridge".into()),
            ipam: config.map(|config| Ipam { config: Some(vec![config]), ..Ipam::default() }),
            labels: Some(label::of_provider(&self.place.setup, &self.id)),
            ..NetworkCreateRequest::default()
        };
        let engine = self.place.setup.engine().await?;
        engine.create_network(request).await.map_err(|error| {
            let failure = failure(error);
            if failure.message.contains("overlaps") {
                failure.hint("choose other addresses with the provider's `network`")
            } else {
                failure
            }
        })?;
        self.look().await?.ok_or_else(|| Failure::new(format!("network {} vanished", name(&self.place))))
    }

    async fn update(&self, cx: &Context, _changes: &[Change]) -> Result<Attributes, Failure> {
        self.create(cx).await
    }

    async fn delete(&self, _cx: &Context) -> Result<(), Failure> {
        if self.look().await?.is_none() {
            return Ok(());
        }
        let removed = settled(self.place.setup.engine().await?.remove_network(&name(&self.place)).await);
        removed.map_err(|failure| {
            if failure.message.contains("active endpoints") {
                failure.hint("a container that is no machine of the project any more is on it: remove that first")
            } else {
                failure
            }
        })
    }
}
