//! `machine destroy`.

use tokio_util::sync::CancellationToken;

use super::args::{Destroy, Global};
use super::claim::claim;
use super::error::Error;
use super::exit_code::Exit;
use super::project::Project;
use super::{prompt, terminal, up};
use crate::reconcile::{Goal, Request};

pub(super) async fn run(global: &Global, verb: &Destroy) -> Result<Exit, Error> {
    let mut project = Project::load(global).await?;
    let request = up::request(global, Goal::Destroy, &verb.select, &verb.unprotected)?;
    if verb.dry_run {
        return up::dry_run(global, &mut project, &request, false).await;
    }
    askable(verb.yes)?;
    let name = project.owner().project.clone();
    let claim = claim(&project, global, "destroy").await?;
    let exit = up::carry_out(global, &project, &request, &claim.store, |_, _, cancel| {
        verb.yes || ask(&request, name.as_str(), cancel)
    })
    .await;
    if matches!(exit, Ok(Exit::Done)) && request.selection.is_everything() {
        project.remove_state().await;
    }
    claim.release().await;
    exit
}

/// Whether all that a request names may go: it is its own consent, given by `-y` or by the project's name.
pub(super) fn agreed(yes: bool, request: &Request, project: &str, cancel: &CancellationToken) -> Result<bool, Error> {
    askable(yes)?;
    Ok(yes || ask(request, project, cancel))
}

fn askable(yes: bool) -> Result<(), Error> {
    if yes || terminal::can_ask() {
        return Ok(());
    }
    Err(prompt::nobody("to delete everything of this project"))
}

fn ask(request: &Request, project: &str, cancel: &CancellationToken) -> bool {
    let what = if request.selection.is_everything() { "all of it" } else { "what is shown" };
    prompt::typed(&format!("This deletes {what}. Type the project's name ({project}): "), project, cancel)
}
