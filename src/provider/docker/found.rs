//! A machine's container as the engine shows it.

use std::collections::HashMap;

use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum};
use bollard::query_parameters::{InspectContainerOptions, ListContainersOptionsBuilder};

use crate::attributes;
use crate::id::ResourceId;
use crate::provider::docker::deed::Base;
use crate::provider::docker::engine::{Engine, failure, present};
use crate::provider::docker::isolation::Isolation;
use crate::provider::docker::plan::Plan;
use crate::provider::docker::seed::{self, Record};
use crate::provider::docker::{Setup, label};
use crate::provider::output;
use crate::provider::qemu::access;
use crate::resource::{Failure, mark};
use crate::value::{Attributes, json};

/// The period over which processor time is shared out, in microseconds.
pub(super) const PERIOD: i64 = 100_000;

#[derive(Debug)]
pub(super) struct Found {
    /// What it is called at the engine.
    pub(super) name: String,
    /// By which its labels and volumes are called.
    pub(super) base: Base,
    pub(super) plan: Plan,
    pub(super) power: &'static str,
    pub(super) isolation: Isolation,
    pub(super) host_key: String,
    pub(super) ram: Option<i64>,
    pub(super) cpus: Option<i64>,
    /// The network it is joined to, by the engine's own name for it.
    pub(super) network: Option<String>,
    /// What that network is called.
    joined: Option<String>,
    ssh: Option<String>,
    /// Missing from a container whose making was cut.
    pub(super) seed: Option<Record>,
}

/// The name of a machine's container, and the name of the one that is to take its place.
pub(super) fn names(setup: &Setup, machine: &str) -> [String; 2] {
    let name = label::name(setup, machine);
    let next = format!("{name}_new");
    [name, next]
}

/// The machine's container. One that was about to take its place stands for it once it is gone, and so does one that
/// still has a name of before.
pub(super) async fn find(setup: &Setup, engine: &Engine, machine: &ResourceId) -> Result<Option<Found>, Failure> {
    let base = setup.base(engine, machine.name()).await?;
    let [name, next] = names(setup, machine.name());
    let labels = label::of_machine(&base, machine);
    for name in [&name, &next] {
        if let Some(found) = present(engine.inspect_container(name, None::<InspectContainerOptions>).await)? {
            let theirs = found.config.as_ref().and_then(|config| config.labels.as_ref());
            let own = setup.base_called(machine.name());
            let is_ours = |other: &Base| (&other.owner, &other.provider) == (&own.owner, &own.provider);
            // Of a machine that has another name since a moment ago.
            if label::base(theirs).is_some_and(|other| other != base && is_ours(&other)) {
                continue;
            }
            if !label::are_on(&labels, theirs) {
                let why = format!("container {name} of the engine is not this project's");
                return Err(Failure::new(why).hint("remove or rename it"));
            }
            return Box::pin(Found::of(engine, base, name.clone(), found)).await.map(Some);
        }
    }
    for name in Box::pin(others(engine, &labels)).await? {
        if let Some(found) = present(engine.inspect_container(&name, None::<InspectContainerOptions>).await)? {
            return Box::pin(Found::of(engine, base, name, found)).await.map(Some);
        }
    }
    Ok(None)
}

/// Containers of a machine, whatever they are called; those that were to take the place of another after it.
async fn others(engine: &Engine, labels: &label::Labels) -> Result<Vec<String>, Failure> {
    let filter = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let filter = HashMap::from([("label".to_owned(), filter)]);
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filter).build();
    let found = engine.list_containers(Some(options)).await.map_err(failure)?;
    let names = found.into_iter().filter_map(|container| container.names?.into_iter().next());
    let names = names.map(|name| name.trim_start_matches('/').to_owned()).filter(|name| !name.ends_with("_probe"));
    let mut names: Vec<_> = names.collect();
    names.sort_by_key(|name| name.ends_with("_new"));
    Ok(names)
}

impl Found {
    pub(super) async fn of(
        engine: &Engine,
        base: Base,
        name: String,
        found: ContainerInspectResponse,
    ) -> Result<Self, Failure> {
        let config = found.config.unwrap_or_default();
        let labels = config.labels.unwrap_or_default();
        let written = |name: &str| labels.get(name).map_or("", String::as_str);
        let plan = serde_json::from_str(written(label::PLAN))
            .map_err(|error| Failure::new(format!("label {} of container {name}: {error}", label::PLAN)))?;
        let host = found.host_config.unwrap_or_default();
        let period = host.cpu_period.filter(|period| *period > 0).unwrap_or(PERIOD);
        let nano = host.nano_cpus.filter(|nano| *nano > 0).map(|nano| nano / 1_000_000_000);
        let network = found.network_settings.unwrap_or_default();
        let joined = network.networks.and_then(|networks| networks.into_iter().next());
        let bindings = network.ports.unwrap_or_default();
        let bindings = bindings.get("22/tcp").cloned().flatten().unwrap_or_default();
        let ssh = bindings.into_iter().find(|end| end.host_ip.as_deref() == Some("127.0.0.1"));
        Ok(Self {
            plan,
            power: match found.state.and_then(|state| state.status) {
                Some(ContainerStateStatusEnum::RUNNING | ContainerStateStatusEnum::RESTARTING) => "running",
                Some(ContainerStateStatusEnum::PAUSED) => "paused",
                _ => "stopped",
            },
            isolation: Isolation::parse(written(label::ISOLATION)),
            host_key: written(label::HOST_KEY).to_owned(),
            ram: host.memory.filter(|memory| *memory > 0),
            cpus: host.cpu_quota.filter(|quota| *quota > 0).map(|quota| quota / period).or(nano),
            network: joined.as_ref().and_then(|(_, end)| end.network_id.clone()),
            joined: joined.map(|(name, _)| name),
            ssh: ssh.and_then(|end| end.host_port).map(|port| format!("127.0.0.1:{port}")),
            seed: seed::read(engine, &name).await?,
            name,
            base,
        })
    }

    /// What the machine was told that it is called. The first builds did not write it down, and renamed nothing.
    pub(super) fn host_name(&self) -> &str {
        self.seed.as_ref().and_then(|seed| seed.host_name.as_deref()).unwrap_or(&self.base.machine)
    }

    /// With whether this key of the project is let in.
    pub(super) fn seen(&self, key: Option<&str>) -> Attributes {
        let held = self.seed.as_ref().and_then(|seed| seed.project_key.as_deref());
        let held = if key.is_some() && held == key { access::LET_IN } else { "another one is let in" };
        let mut attributes = self.attributes();
        attributes.insert(access::ATTRIBUTE.into(), json!(held));
        attributes
    }

    pub(super) fn attributes(&self) -> Attributes {
        let mut attributes = self.plan.attributes();
        attributes.extend(attributes! {
            "ram": self.ram,
            "cpus": self.cpus,
            "seed": self.seed.as_ref().map(|seed| seed.inputs.clone()).unwrap_or_default(),
            "privileged": self.isolation == Isolation::Privileged,
            "container": self.name.as_str(),
            "hostname": self.host_name(),
            "joined": self.joined,
        });
        attributes.insert(output::POWER.into(), json!(self.power));
        attributes.insert(output::HOST_KEY.into(), json!(self.host_key));
        let (protect, tags) = self.seed.as_ref().map(|seed| (seed.protect, seed.tags.clone())).unwrap_or_default();
        attributes.extend(mark::attributes(protect, &tags));
        if let Some(ssh) = &self.ssh {
            attributes.insert(output::SSH.into(), json!(ssh));
        }
        attributes
    }
}
