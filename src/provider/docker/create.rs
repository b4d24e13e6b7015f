//! Making a container: what it is to the engine, and how it is started.

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType, PortBinding, PortMap};
use bollard::query_parameters::{CreateContainerOptionsBuilder, InspectContainerOptions, StartContainerOptions};

use crate::id::ResourceId;
use crate::provider::docker::deed::Base;
use crate::provider::docker::engine::{Engine, failure};
use crate::provider::docker::found::PERIOD;
use crate::provider::docker::isolation::{self, Isolation};
use crate::provider::docker::plan::Plan;
use crate::provider::docker::{Docker, ENGINE_DATA, label, network, volume};
use crate::resource::Failure;

const BOOT: &str = include_str!("boot.sh");
/// Tells systemd to shut down.
const STOP: &str = "SIGRTMIN+3";
/// An init that cannot run ends at once.
const MOMENT: Duration = Duration::from_millis(300);

/// A container to be made.
#[derive(Clone, Debug)]
pub(super) struct Blueprint<'a> {
    pub(super) id: &'a ResourceId,
    /// By which its labels and volumes are called.
    pub(super) base: &'a Base,
    pub(super) plan: &'a Plan,
    /// Of the image at the engine.
    pub(super) image: String,
    pub(super) isolation: Isolation,
    pub(super) host_key: String,
    pub(super) limits: Limits,
}

/// What the machine may take, changed while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Bytes.
    pub(super) ram: i64,
    pub(super) cpus: i64,
}

impl Limits {
    pub(super) fn quota(self) -> i64 {
        self.cpus * PERIOD
    }
}

impl Blueprint<'_> {
    /// Makes it, stopped.
    pub(super) async fn make(&self, place: &Docker, engine: &Engine, name: &str) -> Result<(), Failure> {
        let options = CreateContainerOptionsBuilder::default().name(name).build();
        engine.create_container(Some(options), self.body(place)).await.map(drop).map_err(failure)
    }

    fn body(&self, place: &Docker) -> ContainerCreateBody {
        let mut labels = label::of_machine(self.base, self.id);
        let plan = serde_json::to_string(self.plan).expect("plain data");
        labels.insert(label::PLAN.into(), plan);
        labels.insert(label::HOST_KEY.into(), self.host_key.clone());
        labels.insert(label::ISOLATION.into(), self.isolation.to_string());
        let ports = self.ports();
        let boot = ["/bin/sh", "-c", BOOT, "boot", &self.plan.end(), &self.plan.init];
        ContainerCreateBody {
            image: Some(self.image.clone()),
            hostname: Some(self.id.name().to_owned()),
            entrypoint: Some(boot.map(str::to_owned).into()),
            cmd: Some(Vec::new()),
            // By which systemd and cloud-init know where they are.
            env: Some(vec!["container=docker".into()]),
            user: Some("root".into()),
            working_dir: Some("/".into()),
            labels: Some(labels),
            stop_signal: Some(STOP.into()),
            exposed_ports: Some(ports.keys().cloned().collect()),
            host_config: Some(self.host_config(place, ports)),
            ..ContainerCreateBody::default()
        }
    }

    fn host_config(&self, place: &Docker, ports: PortMap) -> HostConfig {
        let folder = |options: &str| format!("mode={options}");
        let tmpfs = HashMap::from([
            ("/run".to_owned(), folder("755")),
            ("/run/lock".to_owned(), folder("1777")),
            ("/tmp".to_owned(), folder("1777,exec")),
        ]);
        HostConfig {
            memory: Some(self.limits.ram),
            // A machine has no swap.
            memory_swap: Some(self.limits.ram),
            // A quota may be more than there is, a number of processors may not.
            cpu_period: Some(PERIOD),
            cpu_quota: Some(self.limits.quota()),
            network_mode: Some(network::name(place)),
            port_bindings: Some(ports),
            mounts: Some(self.mounts()),
            tmpfs: Some(tmpfs),
            ..self.isolation.configuration()
        }
    }

    fn mounts(&self) -> Vec<Mount> {
        let mount = |source: String, target: &str| Mount {
            source: Some(source),
            target: Some(target.to_owned()),
            typ: Some(MountType::VOLUME),
            ..Mount::default()
        };
        let store = mount(volume::store_name(self.base), ENGINE_DATA);
        let disks = self.plan.disks.iter().map(|(disk, path)| mount(volume::disk_name(self.base, disk), path));
        std::iter::once(store).chain(disks).collect()
    }

    /// The declared ones, and one for SSH that the engine chooses.
    fn ports(&self) -> PortMap {
        let mut ports = PortMap::new();
        let ssh = ("22/tcp".to_owned(), "127.0.0.1".to_owned(), String::new());
        for (port, address, at) in std::iter::once(ssh).chain(self.plan.published()) {
            let end = PortBinding { host_ip: Some(address), host_port: Some(at) };
            ports.entry(port).or_default().get_or_insert_default().push(end);
        }
        ports
    }
}

/// Starts a container, and makes sure that it stays up for a moment.
pub(super) async fn start(engine: &Engine, name: &str, machine: &str) -> Result<(), Failure> {
    engine.start_container(name, None::<StartContainerOptions>).await.map_err(|error| {
        let failure = failure(error);
        Failure { message: format!("{machine} does not start: {}", failure.message), ..failure }
    })?;
    tokio::time::sleep(MOMENT).await;
    let found = engine.inspect_container(name, None::<InspectContainerOptions>).await.map_err(failure)?;
    if found.state.and_then(|state| state.running) == Some(true) {
        return Ok(());
    }
    Err(Failure::new(format!("{machine} stopped as soon as it was started"))
        .detail(&isolation::logs(engine, name).await)
        .hint("the image needs systemd, or another init that the provider's `init` names"))
}
