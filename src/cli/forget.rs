//! `machine forget`: a machine stays as it is and is no longer ours.

use std::sync::Arc;

use super::args::{Forget, Global};
use super::claim::claim;
use super::error::Error;
use super::exit_code::Exit;
use super::project::{Project, tell};
use super::{interrupt, prompt};
use crate::custody::Leaving;
use crate::reconcile::{Goal, Request, propose};
use crate::store::Store;

pub(super) async fn run(global: &Global, verb: &Forget) -> Result<Exit, Error> {
    let project = Project::load(global).await?;
    let name = verb.resource.strip_prefix("machines.").unwrap_or(&verb.resource);
    let declared = project.catalog.machines.keys().any(|machine| machine.as_str() == name);
    if declared && !verb.still_declared {
        let error = Error::failed(format!("`{name}` is in the Machinefile, and the next plan would make another one"));
        return Err(error.hint("take it out first, or give --still-declared"));
    }
    let claim = claim(&project, global, "forget").await?;
    let exit = forget(&project, name, verb, &claim.store).await;
    claim.release().await;
    exit
}

async fn forget(project: &Project, name: &str, verb: &Forget, store: &Arc<dyn Store>) -> Result<Exit, Error> {
    let cx = project.context(interrupt::token());
    let request = Request::new(Goal::Destroy, 16);
    let proposal = propose(&project.catalog, &request, Some(store.as_ref()), &cx).await?;
    let leaving = Leaving::of(&proposal, name);
    if leaving.is_empty() {
        return Err(Error::failed(format!("nothing of this project is called `{name}`"))
            .hint("`machine status` lists what there is"));
    }
    tell(&format!("These stay as they are and are no longer this project's: {}\n", names(&leaving)));
    if !verb.yes && !prompt::agreed(&format!("Forget {name}?"), &cx.cancel)? {
        tell("Nothing was changed.\n");
        return Ok(Exit::Failed);
    }
    let by_hand = leaving.let_go(store.as_ref(), &cx).await?;
    tell(&format!("{name} is forgotten. To remove it by hand:\n"));
    for line in by_hand {
        tell(&format!("  {line}\n"));
    }
    Ok(Exit::Done)
}

fn names(leaving: &Leaving) -> String {
    leaving.ids().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
