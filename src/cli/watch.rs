//! `machine up --watch SECONDS`: rounds that never overlap, each from a fresh look at the Machinefile and the world.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::args::{Global, Up};
use super::claim::claim;
use super::error::Error;
use super::exit_code::Exit;
use super::project::{Project, tell};
use super::run::Run;
use super::{interrupt, terminal, up};
use crate::apply::{Events, Outcome};
use crate::plan::{Blocked, Hold, Plan};
use crate::reconcile::{Goal, Request, propose};
use crate::report::Face;

/// How often a round may find that its own steps uncovered more to do.
const TURNS: usize = 6;
/// Failing rounds wait longer each time, up to this.
const LONGEST: Duration = Duration::from_mins(10);

/// What a round came to.
struct Round {
    /// `update simulated.machine/web`.
    done: Vec<String>,
    /// What waits for a flag.
    withheld: Vec<String>,
    failed: Option<Outcome>,
    blocked: Vec<Blocked>,
}

pub(super) async fn run(global: &Global, verb: &Up, seconds: u64) -> Result<Exit, Error> {
    let interval = Duration::from_secs(seconds);
    let cancel = interrupt::token();
    let (mut wait, mut known) = (interval, Vec::new());
    if !matches!(terminal::face(global), Face::Json | Face::Quiet) {
        tell(&format!("Looking every {seconds} s. Ctrl-C ends it.\n"));
    }
    loop {
        let cut = match round(global, verb, &cancel).await {
            Ok(round) => {
                let failed = round.failed.is_some();
                wait = if failed { longer(wait, interval) } else { interval };
                known = say(global, round, &known, wait);
                failed
            }
            Err(error) => {
                wait = longer(wait, interval);
                _ = error.tell(global);
                false
            }
        };
        if cancel.is_cancelled() {
            return Ok(if cut { Exit::Interrupted } else { Exit::Done });
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = cancel.cancelled() => return Ok(Exit::Done),
        }
    }
}

fn longer(wait: Duration, interval: Duration) -> Duration {
    (wait * 2).min(LONGEST.max(interval))
}

/// Converges what can be converged without asking, the Machinefile read anew.
async fn round(global: &Global, verb: &Up, cancel: &CancellationToken) -> Result<Round, Error> {
    let mut project = Project::load(global).await?;
    let claim = claim(&project, global, "up").await?;
    let mut run = Run::stopped_by(cancel.clone(), global, &claim.store);
    if !matches!(run.face, Face::Json) {
        run.events = Events::silent();
    }
    let request = up::request(global, Goal::Up, &verb.select, &verb.allow.allow_destroy);
    let round = match request {
        Ok(request) => converge(global, &mut project, verb, &request, &run).await,
        Err(error) => Err(error),
    };
    claim.release().await;
    round
}

async fn converge(
    global: &Global,
    project: &mut Project,
    verb: &Up,
    request: &Request,
    run: &Run,
) -> Result<Round, Error> {
    let cancel = &run.cancel;
    let cx = project.context(cancel.clone());
    let mut round = Round { done: Vec::new(), withheld: Vec::new(), failed: None, blocked: Vec::new() };
    for _ in 0..TURNS {
        let looking = propose(&project.catalog, request, Some(run.store.as_ref()), &cx);
        let proposal = tokio::select! {
            proposal = looking => proposal?,
            () = cancel.cancelled() => return Ok(round),
        };
        if let Some(revised) = project.revised(global, Some(&proposal)).await? {
            *project = revised;
            continue;
        }
        let proposal = proposal.withholding(&verb.allow.allowed());
        (round.withheld, round.blocked) = held(&proposal.plan);
        if cancel.is_cancelled() || proposal.plan.changes_nothing() {
            return Ok(round);
        }
        let steps = proposal.plan.steps.iter();
        let steps: Vec<_> = steps.map(|step| (step.resource.clone(), step.action.as_str())).collect();
        let outcome = run.carry_out(proposal).await;
        let missed = |id| {
            outcome.failed.iter().any(|(failed, _)| failed == id)
                || outcome.skipped.iter().any(|(skipped, _)| skipped == id)
        };
        let done = steps.iter().filter(|(id, _)| outcome.left == 0 && !missed(id));
        round.done.extend(done.map(|(id, action)| format!("{action} {id}")));
        if !outcome.is_complete() {
            round.failed = Some(outcome);
            return Ok(round);
        }
    }
    Ok(round)
}

/// What needs a flag, in words, and what is blocked for other reasons.
fn held(plan: &Plan) -> (Vec<String>, Vec<Blocked>) {
    let (withheld, blocked): (Vec<_>, Vec<_>) =
        plan.blocked.iter().cloned().partition(|blocked| matches!(blocked.why, Hold::Consent(_)));
    (withheld.iter().map(|blocked| format!("{}: {}", blocked.resource, blocked.why)).collect(), blocked)
}

/// One line for a round that changed something, and what is held back or blocked when that is news.
fn say(global: &Global, round: Round, known: &[String], wait: Duration) -> Vec<String> {
    let style = terminal::style(global, terminal::Stream::Error);
    let mut held = round.withheld;
    held.extend(round.blocked.iter().map(|blocked| format!("{}: blocked: {}", blocked.resource, blocked.why)));
    if matches!(terminal::face(global), Face::Json) {
        return held;
    }
    if !round.done.is_empty() && !matches!(terminal::face(global), Face::Quiet) {
        tell(&format!("{} {}\n", style.good("done:"), round.done.join(", ")));
    }
    for news in held.iter().filter(|news| !known.contains(news)) {
        tell(&format!("{} {news}\n", style.caution("left alone:")));
    }
    if let Some(outcome) = &round.failed {
        for (resource, failure) in &outcome.failed {
            tell(&format!("{} {resource}: {failure}\n", style.bad("failed:")));
        }
        if let Some(error) = &outcome.store {
            tell(&format!("{} {error}\n", style.bad("failed:")));
        }
        tell(&format!("Looking again after {} s.\n", wait.as_secs()));
    }
    held
}
