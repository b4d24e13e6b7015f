//! What is fixed when a container is made changes by making it anew from its own root file system: the machine restarts,
//! and has everything it had.

use bollard::models::ContainerConfig;
use bollard::query_parameters::{
    CommitContainerOptionsBuilder, ListImagesOptionsBuilder, RemoveImageOptions, RenameContainerOptionsBuilder,
};

use crate::provider::docker::create::Blueprint;
use crate::provider::docker::deed::Base;
use crate::provider::docker::engine::{Engine, failure, settled};
use crate::provider::docker::found::names;
use crate::provider::docker::{Docker, isolation, label, power};
use crate::resource::{Context, Failure};

/// Leaves a stopped container under the machine's name. May be cut anywhere: until the old container is gone it stands
/// for the machine, from then on the new one does.
pub(super) async fn rebuild(
    place: &Docker,
    engine: &Engine,
    blueprint: Blueprint<'_>,
    cx: &Context,
) -> Result<(), Failure> {
    let machine = blueprint.id.name();
    let [name, next] = names(&place.setup, machine);
    power::stop(engine, &name, machine, cx).await?;
    cx.progress.say(format!("making the container of {machine} anew"));
    isolation::remove(engine, &next).await?;
    let options = CommitContainerOptionsBuilder::default().container(&name).build();
    let image = engine.commit_container(options, ContainerConfig::default()).await.map_err(failure)?.id;
    Blueprint { image, ..blueprint }.make(place, engine, &next).await?;
    isolation::remove(engine, &name).await?;
    take_over(engine, &next, &name).await?;
    sweep_images(engine, blueprint.base).await
}

/// Gives the container that was to take the machine's place its name.
pub(super) async fn take_over(engine: &Engine, next: &str, name: &str) -> Result<(), Failure> {
    let options = RenameContainerOptionsBuilder::default().name(name).build();
    engine.rename_container(next, options).await.map_err(failure)
}

/// Removes the root file systems that were kept of a machine and that no container stands on.
pub(super) async fn sweep_images(engine: &Engine, machine: &Base) -> Result<(), Failure> {
    for image in kept(engine, &machine.owner, &machine.provider).await? {
        if label::base(Some(&image.labels)).as_ref() != Some(machine) {
            continue;
        }
        let removed = engine.remove_image(&image.id, None::<RemoveImageOptions>, None).await.map(drop);
        match removed {
            // In use, or below one that is.
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 409, .. }) => {}
            removed => settled(removed)?,
        }
    }
    Ok(())
}

/// Root file systems of a provider's machines.
pub(super) async fn kept(
    engine: &Engine,
    owner: &str,
    provider: &str,
) -> Result<Vec<bollard::models::ImageSummary>, Failure> {
    let options = ListImagesOptionsBuilder::default().filters(&label::filter(owner, provider)).build();
    engine.list_images(Some(options)).await.map_err(failure)
}
