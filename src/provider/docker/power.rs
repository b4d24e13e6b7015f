//! Starting and stopping a machine's container.

use std::time::Duration;

use bollard::errors::Error;
use bollard::query_parameters::{KillContainerOptions, StopContainerOptionsBuilder};

use crate::id::ResourceId;
use crate::provider::Power;
use crate::provider::docker::create::start;
use crate::provider::docker::engine::{Engine, failure, settled};
use crate::provider::docker::found::{Found, find};
use crate::provider::docker::{CONTAINER, Setup};
use crate::resource::{Context, Failure};

/// How long a machine may take to shut down.
const GRACE: Duration = Duration::from_secs(30);

/// Asks systemd to shut down; the engine takes the power away when it does not in time.
pub(super) async fn stop(engine: &Engine, name: &str, machine: &str, cx: &Context) -> Result<(), Failure> {
    cx.progress.say(format!("shutting {machine} down"));
    let seconds = i32::try_from(GRACE.as_secs()).expect("half a minute");
    let options = StopContainerOptionsBuilder::default().t(seconds).build();
    settled(engine.stop_container(name, Some(options)).await)
}

/// Lets a container run that is there, whatever state it is in.
pub(super) async fn run(engine: &Engine, found: &Found, machine: &str, cx: &Context) -> Result<(), Failure> {
    match found.power {
        "running" => Ok(()),
        "paused" => settled(engine.unpause_container(&found.name).await),
        _ => {
            cx.progress.say(format!("starting {machine}"));
            start(engine, &found.name, machine).await
        }
    }
}

async fn kill(engine: &Engine, name: &str) -> Result<(), Failure> {
    match engine.kill_container(name, None::<KillContainerOptions>).await {
        // It does not run.
        Err(Error::DockerResponseServerError { status_code: 409, .. }) => Ok(()),
        killed => killed.map_err(failure),
    }
}

/// Outside a plan, for a machine that exists.
pub(super) async fn power(setup: &Setup, machine: &str, power: Power, cx: &Context) -> Result<(), Failure> {
    let engine = setup.engine().await?;
    let id = ResourceId::new(CONTAINER, machine);
    let absent = || Failure::new(format!("{machine} does not exist")).hint("`machine up` creates it");
    let found = find(setup, engine, &id).await?.ok_or_else(absent)?;
    match power {
        Power::Start => run(engine, &found, machine, cx).await,
        Power::Stop => stop(engine, &found.name, machine, cx).await,
        Power::Kill => kill(engine, &found.name).await,
        Power::Restart => {
            stop(engine, &found.name, machine, cx).await?;
            start(engine, &found.name, machine).await
        }
    }
}
