//! `machine plan`.

use super::args::{Global, Output, Plan};
use super::error::Error;
use super::exit_code::Exit;
use super::project::Project;
use super::terminal::{self, Stream};
use crate::reconcile::Goal;
use crate::report::{self, Detail};

pub(super) async fn run(global: &Global, verb: &Plan) -> Result<Exit, Error> {
    let project = Project::load(global)?;
    let proposal = project.propose(global, Goal::Up).await?;
    let style = terminal::style(global, Stream::Output);
    let detail = if verb.long { Detail::Long } else { Detail::Changes };
    super::project::say(&match verb.output {
        Output::Text => report::plan(&proposal.plan, detail, style),
        Output::Json => report::plan_json(&proposal.plan, project.owner().project.as_str()),
    });
    let pending = verb.detailed_exitcode && !proposal.plan.is_empty();
    Ok(if pending { Exit::Pending } else { Exit::Done })
}
