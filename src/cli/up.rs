//! `machine up`, and the way from a plan to a done one that it shares with `destroy`.

use std::sync::Arc;

use super::args::{Global, Up};
use super::error::Error;
use super::exit_code::Exit;
use super::project::{Project, say, tell};
use super::terminal::{self, Stream};
use super::{interrupt, prompt};
use crate::apply::Events;
use crate::plan::{Action, Step};
use crate::reconcile::{Converged, Goal, Proposal, converge};
use crate::report::{self, Detail, Reporter, Style};
use crate::resource::Disruption;
use crate::store::Store;

pub(super) async fn run(global: &Global, verb: &Up) -> Result<Exit, Error> {
    let project = Project::load(global)?;
    if verb.dry_run {
        return dry_run(global, &project, Goal::Up, verb.detailed_exitcode).await;
    }
    let mut refusal = None;
    let exit =
        carry_out(global, &project, Goal::Up, |proposal, round| match consent(verb, &project, proposal, round) {
            Ok(yes) => yes,
            Err(error) => {
                refusal = Some(error);
                false
            }
        })
        .await?;
    if let Some(error) = refusal {
        return Err(error);
    }
    if exit == Exit::Done {
        say(&project.urls());
    }
    Ok(exit)
}

/// Whether this plan may be carried out. What was deferred in an earlier round was announced there; only losses are
/// asked about again.
fn consent(verb: &Up, project: &Project, proposal: &Proposal, round: usize) -> Result<bool, Error> {
    let steps = &proposal.plan.steps;
    let unallowed: Vec<_> = steps.iter().filter(|step| loses(step) && !is_allowed(verb, step)).collect();
    let asking = terminal::can_ask() && !verb.yes;
    if let Some(first) = unallowed.first() {
        if asking {
            let name = &project.owner().project;
            return Ok(prompt::typed(
                &format!("Some of this cannot be undone. Type the project's name ({name}): "),
                name.as_str(),
            ));
        }
        let flag = if first.action == Action::Delete { "--allow-destroy" } else { "--allow-replace" };
        let flags: Vec<_> = unallowed.iter().map(|step| format!("{flag} {}", machine_of(step))).collect();
        let mut flags = flags;
        flags.dedup();
        let text = format!("{} would lose data, and -y alone never does that", first.resource);
        return Err(Error::failed(text).hint(format!("if that is meant: machine up -y {}", flags.join(" "))));
    }
    if verb.yes || round > 0 {
        return Ok(true);
    }
    if asking {
        return Ok(prompt::confirm("Go ahead?"));
    }
    Err(Error::failed("there is nobody to ask for consent").hint("run with -y (or MACHINE_YES=true) to go ahead"))
}

fn loses(step: &Step) -> bool {
    step.disruption == Disruption::DataLoss
}

fn is_allowed(verb: &Up, step: &Step) -> bool {
    let names = if step.action == Action::Delete { &verb.allow_destroy } else { &verb.allow_replace };
    names.iter().any(|name| *name == machine_of(step) || *name == step.resource.as_str())
}

/// The machine a resource belongs to, by the form of its name: `web`, `web.data`, `site@web`.
fn machine_of(step: &Step) -> String {
    let name = step.resource.name();
    let name = name.split_once('@').map_or(name, |(_, machine)| machine);
    name.split('.').next().unwrap_or(name).to_owned()
}

pub(super) async fn dry_run(global: &Global, project: &Project, goal: Goal, detailed: bool) -> Result<Exit, Error> {
    let proposal = project.propose(global, goal).await?;
    say(&report::plan(&proposal.plan, Detail::Changes, terminal::style(global, Stream::Output)));
    Ok(if detailed && !proposal.plan.is_empty() { Exit::Pending } else { Exit::Done })
}

/// Locks the project and converges, showing each plan before `consent` is asked.
pub(super) async fn carry_out(
    global: &Global,
    project: &Project,
    goal: Goal,
    mut consent: impl FnMut(&Proposal, usize) -> bool,
) -> Result<Exit, Error> {
    let style = terminal::style(global, Stream::Error);
    let _lock = project.lock()?;
    let store: Arc<dyn Store> = Arc::new(project.open_store()?);
    let reporter = Reporter::new(terminal::face(global), style);
    let events = Events::new(move |event| reporter.show(&event));
    let cancel = interrupt::token();
    let cx = project.context(cancel.clone());
    let show = |proposal: &Proposal, round: usize| {
        project.warn_blind(&proposal.sight.blind);
        tell(&report::plan(&proposal.plan, Detail::Changes, style));
        consent(proposal, round)
    };
    let parallel = usize::from(global.parallel);
    let converged = converge(&project.catalog, goal, &store, &cx, &events, parallel, show).await?;
    Ok(conclude(project, goal, converged, cancel.is_cancelled(), style))
}

fn conclude(project: &Project, goal: Goal, converged: Converged, interrupted: bool, style: Style) -> Exit {
    let again = project.command(if goal == Goal::Up { "up" } else { "destroy" });
    match converged {
        Converged::Fully { changed } => {
            tell(match (goal, changed) {
                (Goal::Up, false) => "Nothing to do: everything is as the Machinefile asks.\n",
                (Goal::Up, true) => "Done: everything is as the Machinefile asks.\n",
                (Goal::Destroy, false) => "Nothing to do: nothing of this project is left.\n",
                (Goal::Destroy, true) => "Done: nothing of this project is left.\n",
            });
            Exit::Done
        }
        Converged::Declined(_) => {
            tell("Nothing was changed.\n");
            Exit::Failed
        }
        Converged::Partly(outcome) => {
            tell(&report::failures(&outcome, &again, style));
            if interrupted { Exit::Interrupted } else { Exit::Failed }
        }
        Converged::Blocked(proposal) => {
            tell(&report::blocked(&proposal.plan, style));
            Exit::Failed
        }
    }
}
