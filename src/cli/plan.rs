//! `machine plan`.

use super::args::{Form, Global, Plan};
use super::error::Error;
use super::exit_code::Exit;
use super::project::Project;
use super::terminal::{self, Stream};
use super::{refresh, saved};
use crate::reconcile::Goal;
use crate::report::{self, Detail};

pub(super) async fn run(global: &Global, verb: &Plan) -> Result<Exit, Error> {
    if verb.refresh_only {
        return refresh::show(global, verb).await;
    }
    let mut project = Project::load(global).await?;
    let goal = if verb.destroy { Goal::Destroy } else { Goal::Up };
    let request = super::up::request(global, goal, &verb.select, &verb.allow.allow_destroy)?;
    let proposal = project.propose(global, &request).await?.with_texts().await;
    project.warn_unmatched(&proposal, &verb.allow.allowed());
    let style = terminal::style(global, Stream::Output);
    let detail = if verb.long { Detail::Long } else { Detail::Changes };
    let name = project.owner().project.as_str();
    super::project::say(&match verb.output {
        Form::Text => report::plan(&proposal.plan, detail, style),
        Form::Json => report::plan_json(&proposal.plan, name),
        Form::Markdown => report::plan_markdown(&proposal.plan, name),
    });
    if let Some(path) = &verb.out {
        saved::write(&project, &request, &proposal, verb.allow.allowed(), path)?;
    }
    let pending = verb.detailed_exitcode && !proposal.plan.is_empty();
    Ok(if pending { Exit::Pending } else { Exit::Done })
}
