//! `machine start`, `stop`, `kill` and `restart`: what a plan does not do, since they go against the Machinefile.

use futures_util::future::join_all;

use super::args::{Global, Names};
use super::claim::claim;
use super::error::Error;
use super::exit_code::Exit;
use super::project::{Project, tell};
use crate::provider::Power;

pub(super) async fn run(global: &Global, verb: &Names, power: Power) -> Result<Exit, Error> {
    let project = Project::load(global).await?;
    let names = project.machines_named(&verb.names)?;
    let claim = claim(&project, global, verb_of(power)).await?;
    let cx = project.context(super::interrupt::token());
    let results = join_all(names.iter().map(|name| {
        let machine = &project.desired.machines[name];
        let provider = &project.catalog.providers[&machine.provider];
        let cx = &cx;
        async move {
            let _turn = cx.limits.turn(Some(machine.provider.as_str())).await;
            provider.power(name, power, cx).await
        }
    }))
    .await;
    let mut exit = Exit::Done;
    for (name, result) in names.iter().zip(results) {
        match result {
            Ok(()) => tell(&format!("{name} {}\n", past(power))),
            Err(failure) => {
                tell(&format!("{name}: {failure}\n"));
                if let Some(hint) = failure.hint {
                    tell(&format!("  hint: {hint}\n"));
                }
                exit = Exit::Failed;
            }
        }
    }
    claim.release().await;
    Ok(exit)
}

fn verb_of(power: Power) -> &'static str {
    match power {
        Power::Start => "start",
        Power::Stop => "stop",
        Power::Kill => "kill",
        Power::Restart => "restart",
    }
}

fn past(power: Power) -> &'static str {
    match power {
        Power::Start => "started",
        Power::Stop => "stopped",
        Power::Kill => "killed",
        Power::Restart => "restarted",
    }
}
