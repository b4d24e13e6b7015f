//! How much of the computer a container is let at: as little as a nested engine works with.

use std::collections::HashMap;
use std::fmt;

use bollard::models::{ContainerCreateBody, HostConfig, HostConfigCgroupnsModeEnum};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, LogsOptionsBuilder, RemoveContainerOptionsBuilder, StartContainerOptions,
    WaitContainerOptions,
};
use futures_util::StreamExt as _;

use crate::id::ResourceId;
use crate::provider::docker::engine::{Engine, failure, settled};
use crate::provider::docker::{Setup, label};
use crate::resource::Failure;

const PROBE: &str = include_str!("probe.sh");

/// What systemd, cloud-init and an engine need. Not among them, for one: loading kernel modules, the clock, raising
/// limits, raw access to devices.
const CAPABILITIES: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_ADMIN",
    "SYS_CHROOT",
    "SYS_NICE",
    "SYS_PTRACE",
    "SYS_TTY_CONFIG",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isolation {
    /// Some capabilities, no devices, no system call filter.
    Confined,
    Privileged,
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Confined => "confined",
            Self::Privileged => "privileged",
        })
    }
}

impl Isolation {
    pub(super) fn of(privileged: bool) -> Self {
        if privileged { Self::Privileged } else { Self::Confined }
    }

    pub(super) fn parse(text: &str) -> Self {
        Self::of(text == "privileged")
    }

    /// The part of a container's configuration that decides on it.
    pub(super) fn configuration(self) -> HostConfig {
        let shared = HostConfig { cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE), ..HostConfig::default() };
        if self == Self::Privileged {
            return HostConfig { privileged: Some(true), ..shared };
        }
        let options = ["seccomp=unconfined", "apparmor=unconfined", "label=disable"];
        HostConfig {
            cap_drop: Some(vec!["ALL".into()]),
            cap_add: Some(CAPABILITIES.iter().map(ToString::to_string).collect()),
            security_opt: Some(options.map(str::to_owned).into()),
            // systemd and a nested engine set kernel parameters of their own network.
            masked_paths: Some(Vec::new()),
            readonly_paths: Some(Vec::new()),
            ..shared
        }
    }
}

/// The least that works, tried once with the image of a machine that is about to be made.
pub(super) async fn choose(
    setup: &Setup,
    engine: &Engine,
    image: &str,
    machine: &ResourceId,
) -> Result<Isolation, Failure> {
    if let Some(privileged) = setup.settings.privileged {
        return Ok(Isolation::of(privileged));
    }
    let least = || async {
        let Err(failure) = probe(setup, engine, image, machine, Isolation::Confined).await else {
            return Ok(Isolation::Confined);
        };
        match probe(setup, engine, image, machine, Isolation::Privileged).await {
            Ok(()) => Ok(Isolation::Privileged),
            Err(_) => Err(failure),
        }
    };
    setup.isolation.get_or_try_init(least).await.copied()
}

pub(super) fn probe_name(setup: &Setup, machine: &ResourceId) -> String {
    format!("{}_probe", label::name(setup, machine.name()))
}

async fn probe(
    setup: &Setup,
    engine: &Engine,
    image: &str,
    machine: &ResourceId,
    isolation: Isolation,
) -> Result<(), Failure> {
    let name = probe_name(setup, machine);
    remove(engine, &name).await?;
    let outcome = run(setup, engine, image, machine, isolation, &name).await;
    remove(engine, &name).await?;
    let (status, said) = outcome?;
    if status == 0 {
        return Ok(());
    }
    Err(Failure::new(format!("a {isolation} container of the image is no place for a Docker Engine"))
        .detail(&said)
        .hint("the image needs sh, mount and ip; an engine inside a container or without root may allow too little"))
}

async fn run(
    setup: &Setup,
    engine: &Engine,
    image: &str,
    machine: &ResourceId,
    isolation: Isolation,
    name: &str,
) -> Result<(i64, String), Failure> {
    let body = ContainerCreateBody {
        image: Some(image.to_owned()),
        entrypoint: Some(["/bin/sh", "-c", PROBE].map(str::to_owned).into()),
        cmd: Some(Vec::new()),
        labels: Some(label::of_machine(&setup.base(engine, machine.name()).await?, machine)),
        host_config: Some(HostConfig {
            network_mode: Some("none".into()),
            tmpfs: Some(HashMap::from([("/run".into(), String::new())])),
            ..isolation.configuration()
        }),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptionsBuilder::default().name(name).build();
    engine.create_container(Some(options), body).await.map_err(failure)?;
    if let Err(error) = engine.start_container(name, None::<StartContainerOptions>).await {
        return Ok((-1, error.to_string()));
    }
    let ended = Box::pin(engine.wait_container(name, None::<WaitContainerOptions>)).next().await;
    let status = match ended {
        Some(Ok(ended)) => ended.status_code,
        Some(Err(bollard::errors::Error::DockerContainerWaitError { code, .. })) => code,
        Some(Err(error)) => return Err(failure(error)),
        None => -1,
    };
    Ok((status, logs(engine, name).await))
}

/// The end of what a container said.
pub(super) async fn logs(engine: &Engine, container: &str) -> String {
    let options = LogsOptionsBuilder::default().stdout(true).stderr(true).tail("20").build();
    let parts = engine.logs(container, Some(options));
    parts.filter_map(|part| async move { Some(part.ok()?.to_string()) }).collect().await
}

/// With the volumes that have no name; the machine's own are kept.
pub(super) async fn remove(engine: &Engine, container: &str) -> Result<(), Failure> {
    let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    settled(engine.remove_container(container, Some(options)).await)
}
