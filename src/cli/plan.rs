//! `machine plan`.

use super::args::{Global, Output, Plan};
use super::error::Error;
use super::exit_code::Exit;
use super::project::Project;
use super::terminal::{self, Stream};
use crate::reconcile::{Goal, propose};
use crate::report::{self, Detail};

pub(super) async fn run(global: &Global, verb: &Plan) -> Result<Exit, Error> {
    let project = Project::load(global)?;
    let store = project.existing_store()?;
    let cx = project.context(super::interrupt::token());
    let parallel = usize::from(global.parallel);
    let proposal = propose(&project.catalog, Goal::Up, store.as_deref(), &cx, parallel).await?;
    project.warn_blind(&proposal.sight.blind);
    let style = terminal::style(global, Stream::Output);
    let detail = if verb.long { Detail::Long } else { Detail::Changes };
    super::project::say(&match verb.output {
        Output::Text => report::plan(&proposal.plan, detail, style),
        Output::Json => report::plan_json(&proposal.plan, project.owner().project.as_str()),
    });
    let pending = verb.detailed_exitcode && !proposal.plan.is_empty();
    Ok(if pending { Exit::Pending } else { Exit::Done })
}
