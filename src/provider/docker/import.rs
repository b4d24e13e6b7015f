//! Taking over a container that is there: one that was let go, or another project's.

use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::InspectContainerOptions;

use crate::provider::Stray;
use crate::provider::docker::deed::Base;
use crate::provider::docker::engine::{Engine, present};
use crate::provider::docker::found::Found;
use crate::provider::docker::{CONTAINER, ENGINE_DATA, Setup, label, seed};
use crate::resource::{Context, Failure};

/// What the engine calls so, by name or id, and as which machine it was made.
async fn find(setup: &Setup, engine: &Engine, object: &str) -> Result<Option<(String, Base, Found)>, Failure> {
    let own = setup.base_called(object).name();
    for name in [object, &own] {
        let Some(found) = present(engine.inspect_container(name, None::<InspectContainerOptions>).await)? else {
            continue;
        };
        let name = found.name.as_deref().unwrap_or(name).trim_start_matches('/').to_owned();
        let lacks = lacks(engine, &name, &found).await?;
        let labels = found.config.as_ref().and_then(|config| config.labels.as_ref());
        let Some(base) = label::base(labels).filter(|_| lacks.is_empty()) else { return Err(unfit(&name, &lacks)) };
        let found = Found::of(engine, base.clone(), name.clone(), found).await?;
        return Ok(Some((name, base, found)));
    }
    Ok(None)
}

fn unfit(name: &str, lacks: &[&str]) -> Failure {
    let why = format!("container {name} cannot be a machine of a project: it lacks {}", lacks.join("; "));
    Failure::new(why)
        .hint(format!("`docker commit {name} IMAGE` makes an image of it, for a machine with `image: IMAGE`"))
}

/// What a machine has and this does not.
async fn lacks(engine: &Engine, name: &str, found: &ContainerInspectResponse) -> Result<Vec<&'static str>, Failure> {
    let labels = found.config.as_ref().and_then(|config| config.labels.as_ref());
    let is_machine = label::resource(labels).is_some_and(|id| id.kind() == CONTAINER);
    let told = is_machine && labels.is_some_and(|labels| labels.contains_key(label::PLAN));
    let ports = found.network_settings.as_ref().and_then(|network| network.ports.as_ref());
    let ends = ports.and_then(|ports| ports.get("22/tcp")).and_then(Option::as_ref).into_iter().flatten();
    let stops = found.state.as_ref().and_then(|state| state.running) != Some(true);
    let answers = stops || ends.into_iter().any(|end| end.host_ip.as_deref() == Some("127.0.0.1"));
    let mounts = found.mounts.iter().flatten();
    let keeps =
        mounts.into_iter().any(|mount| mount.destination.as_deref() == Some(ENGINE_DATA) && mount.name.is_some());
    let seeded = seed::read(engine, name).await?.is_some();
    let needs = [
        (told, "the labels by which this program knows what it made"),
        (answers, "a port 22 that is published at 127.0.0.1"),
        (keeps, "a volume at /var/lib/docker"),
        (seeded, "a seed of cloud-init and a host key from this program"),
    ];
    Ok(needs.into_iter().filter(|(has, _)| !has).map(|(_, what)| what).collect())
}

pub(super) async fn examine(setup: &Setup, object: &str, cx: &Context) -> Result<Option<Stray>, Failure> {
    let engine = setup.engine().await?;
    let deeds = setup.read_deeds(engine).await?;
    let Some((_, base, found)) = find(setup, engine, object).await? else { return Ok(None) };
    let key = cx.output(&setup.key, "public-key");
    let attributes = found.seen(key.as_ref().and_then(|key| key.as_str()));
    Ok(Some(Stray { owner: deeds.holder(&base).map(|holder| holder.owner), attributes }))
}

pub(super) async fn adopt(setup: &Setup, object: &str, machine: &str) -> Result<(), Failure> {
    let engine = setup.engine().await?;
    let Some((_, base, _)) = find(setup, engine, object).await? else { return Ok(()) };
    setup.take_over(&base, machine).await
}
