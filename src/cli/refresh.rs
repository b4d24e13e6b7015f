//! `machine plan --refresh-only` and `machine up --refresh-only`.

use super::args::{Form, Global, Plan};
use super::claim::claim;
use super::error::Error;
use super::exit_code::Exit;
use super::project::{Project, say, tell};
use super::terminal::{self, Stream};
use crate::plan::{Drift, drift};
use crate::reconcile::{Goal, Request, refresh};
use crate::report;
use crate::store::Store;

/// Shows what the world changed against the records.
pub(super) async fn show(global: &Global, verb: &Plan) -> Result<Exit, Error> {
    let mut project = Project::load(global).await?;
    let proposal = project.propose(global, &Request::new(Goal::Up, global.parallel.into())).await?;
    let drifts = drift(&proposal.sight.graph, &proposal.sight.observed, proposal.recorded());
    say(&match verb.output {
        Form::Json => report::drift_json(&drifts, project.owner().project.as_str()),
        Form::Text | Form::Markdown => report::drift(&drifts, terminal::style(global, Stream::Output)),
    });
    Ok(match (proposal.sight.blind.is_empty(), drifts.is_empty()) {
        (false, _) => Exit::Failed,
        (true, false) if verb.detailed_exitcode => Exit::Pending,
        _ => Exit::Done,
    })
}

/// What was found, and whether everything could be looked at.
async fn follow(global: &Global, project: &mut Project, store: &dyn Store) -> Result<(Vec<Drift>, bool), Error> {
    let proposal = project.propose(global, &Request::new(Goal::Up, global.parallel.into())).await?;
    Ok((refresh(&proposal, store).await?, proposal.sight.blind.is_empty()))
}

/// Writes it into the records. The world stays as it is, so nobody is asked.
pub(super) async fn record(global: &Global) -> Result<Exit, Error> {
    let mut project = Project::load(global).await?;
    let claim = claim(&project, global, "up").await?;
    let drifts = follow(global, &mut project, claim.store.as_ref()).await;
    claim.release().await;
    let (drifts, complete) = drifts?;
    let style = terminal::style(global, Stream::Error);
    tell(&report::drift(&drifts, style));
    tell(&report::refreshed(drifts.len()));
    Ok(if complete { Exit::Done } else { Exit::Failed })
}
