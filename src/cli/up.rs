//! `machine up`, and the way from a plan to a done one that it shares with `destroy`.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::args::{Global, Up};
use super::claim::claim;
use super::consent::Consent;
use super::error::Error;
use super::exit_code::Exit;
use super::project::{Project, say, tell};
use super::run::Run;
use super::terminal::{self, Stream};
use super::{refresh, saved, watch};
use crate::reconcile::{Converged, Goal, Proposal, converge};
use crate::report::{self, Detail, Face, Style};
use crate::store::Store;

pub(super) async fn run(global: &Global, verb: &Up) -> Result<Exit, Error> {
    if let Some(path) = &verb.plan {
        return saved::run(global, verb, path).await;
    }
    if verb.refresh_only {
        return refresh::record(global).await;
    }
    if let Some(seconds) = verb.watch {
        return watch::run(global, verb, seconds).await;
    }
    let mut project = Project::load(global).await?;
    if verb.dry_run {
        return dry_run(global, &mut project, Goal::Up, verb.detailed_exitcode).await;
    }
    let claim = claim(&project, global, "up").await?;
    let consent = Consent { yes: verb.yes, allowed: verb.allow.allowed(), most: verb.max_lost };
    let mut refusal = None;
    let exit = carry_out(global, &project, Goal::Up, &claim.store, |proposal, round, cancel| {
        match consent.of(&project, proposal, round, cancel) {
            Ok(yes) => yes,
            Err(error) => {
                refusal = Some(error);
                false
            }
        }
    })
    .await;
    claim.release().await;
    let exit = exit?;
    if let Some(error) = refusal {
        return Err(error);
    }
    if exit == Exit::Done {
        say(&project.urls());
    }
    Ok(exit)
}

pub(super) async fn dry_run(global: &Global, project: &mut Project, goal: Goal, detailed: bool) -> Result<Exit, Error> {
    let proposal = project.propose(global, goal).await?;
    say(&report::plan(&proposal.plan, Detail::Changes, terminal::style(global, Stream::Output)));
    Ok(if detailed && !proposal.plan.is_empty() { Exit::Pending } else { Exit::Done })
}

/// How often what stands on machines' drives may change the project while it is carried out.
const MOST_LOOKS: usize = 3;

/// Converges a project whose lock is held, showing each plan before `consent` is asked.
pub(super) async fn carry_out(
    global: &Global,
    project: &Project,
    goal: Goal,
    store: &Arc<dyn Store>,
    mut consent: impl FnMut(&Proposal, usize, &CancellationToken) -> bool,
) -> Result<Exit, Error> {
    let run = Run::new(global, store);
    let parallel = usize::from(global.parallel);
    let mut newer: Option<Project> = None;
    let mut done = false;
    // What stands on the drive of a new machine is known only once it runs: then the plan goes on from there.
    for look in 0.. {
        let current = newer.as_ref().unwrap_or(project);
        let cx = current.context(run.cancel.clone());
        let mut outdated = false;
        let show = |proposal: &Proposal, round: usize| {
            outdated = goal == Goal::Up && look < MOST_LOOKS && current.is_outdated();
            if outdated {
                return false;
            }
            if matches!(run.face, Face::Tty | Face::Plain) {
                current.warn_blind(&proposal.sight.blind);
            }
            run.show(&proposal.plan);
            consent(proposal, round, &run.cancel)
        };
        let converged = converge(&current.catalog, goal, &run.store, &cx, &run.events, parallel, show).await?;
        let settled = matches!(converged, Converged::Fully { .. });
        if goal == Goal::Up
            && look < MOST_LOOKS
            && (outdated || settled)
            && let Some(revised) = current.revised(global, None).await?
        {
            done |= matches!(converged, Converged::Fully { changed: true } | Converged::Declined { changed: true });
            newer = Some(revised);
            continue;
        }
        let converged = match converged {
            Converged::Fully { changed } => Converged::Fully { changed: changed || done },
            other => other,
        };
        let exit = conclude(current, goal, converged, run.face, run.style);
        return Ok(if run.cancel.is_cancelled() && exit != Exit::Done { Exit::Interrupted } else { exit });
    }
    unreachable!("the last look is final")
}

/// Says how it ended. Programs read it from the events and the exit code.
pub(super) fn conclude(project: &Project, goal: Goal, converged: Converged, face: Face, style: Style) -> Exit {
    let again = project.command(if goal == Goal::Up { "up" } else { "destroy" });
    let (text, exit) = match converged {
        Converged::Fully { changed } => {
            if matches!(face, Face::Quiet) {
                return Exit::Done;
            }
            let begin = if changed { "Done" } else { "Nothing to do" };
            let rest = match goal {
                Goal::Up => "everything is as the Machinefile asks",
                Goal::Destroy => "nothing of this project is left",
            };
            (format!("{begin}: {rest}.\n"), Exit::Done)
        }
        Converged::Declined { changed: false } => ("Nothing was changed.\n".to_owned(), Exit::Failed),
        Converged::Declined { changed: true } => {
            ("What was shown before is done; this last part is not.\n".to_owned(), Exit::Failed)
        }
        Converged::Partly(outcome) => (report::failures(&outcome, &again, style), Exit::Failed),
        Converged::Blocked(proposal) => (report::blocked(&proposal.plan, style), Exit::Failed),
        Converged::Unsettled(proposal) => {
            let plan = report::plan(&proposal.plan, Detail::Changes, style);
            (format!("This comes back as often as it is put right:\n{plan}"), Exit::Failed)
        }
        Converged::Blindly(sources) => {
            let names: Vec<_> = sources.iter().map(|(name, why)| format!("{name} ({why})")).collect();
            (format!("What is left there could not be seen: {}. Then: {again}\n", names.join(", ")), Exit::Failed)
        }
        Converged::Stopped => (format!("Stopped. To go on from here: {again}\n"), Exit::Interrupted),
    };
    if !matches!(face, Face::Json) {
        tell(&text);
    }
    exit
}
