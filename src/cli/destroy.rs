//! `machine destroy`.

use super::args::{Destroy, Global};
use super::claim::claim;
use super::error::Error;
use super::exit_code::Exit;
use super::project::Project;
use super::{prompt, terminal, up};
use crate::reconcile::Goal;

pub(super) async fn run(global: &Global, verb: &Destroy) -> Result<Exit, Error> {
    let mut project = Project::load(global).await?;
    let request = up::request(global, Goal::Destroy, &verb.select, &verb.unprotected)?;
    if verb.dry_run {
        return up::dry_run(global, &mut project, &request, false).await;
    }
    if !verb.yes && !terminal::can_ask() {
        return Err(Error::failed("there is nobody to ask for consent")
            .hint("run with -y (or MACHINE_YES=true) to delete everything of this project"));
    }
    let name = project.owner().project.clone();
    let what = if request.selection.is_everything() { "all of it" } else { "what is shown" };
    let question = format!("This deletes {what}. Type the project's name ({name}): ");
    let claim = claim(&project, global, "destroy").await?;
    let exit = up::carry_out(global, &project, &request, &claim.store, |_, _, cancel| {
        verb.yes || prompt::typed(&question, name.as_str(), cancel)
    })
    .await;
    if matches!(exit, Ok(Exit::Done)) && request.selection.is_everything() {
        project.remove_state().await;
    }
    claim.release().await;
    exit
}
