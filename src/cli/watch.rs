//! `machine up --watch SECONDS`: rounds that never overlap, each from a fresh look at the Machinefile and the world.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::args::{Global, Up};
use super::claim::claim;
use super::error::Error;
use super::exit_code::Exit;
use super::project::{Project, tell};
use super::run::Run;
use super::{interrupt, prompt, terminal, up};
use crate::apply::{Event, Events, Outcome};
use crate::id::ResourceId;
use crate::plan::{Blocked, Hold};
use crate::reconcile::{Goal, Proposal, Request, propose};
use crate::report::Face;

/// How often a round may find that its own steps uncovered more to do.
const TURNS: usize = 6;
/// Failing rounds wait longer each time, up to this.
const LONGEST: Duration = Duration::from_mins(10);

/// What a round came to.
#[derive(Default)]
struct Round {
    /// `update simulated.machine/web`.
    done: Vec<String>,
    /// What waits for a flag, what is blocked for other reasons, and what could not be looked at.
    held: Vec<String>,
    failed: Option<Outcome>,
    /// Whether some provider could not be listed.
    blind: bool,
}

/// What was said before and is no news.
#[derive(Default)]
struct Known {
    /// Warnings about the Machinefile.
    said: String,
    held: Vec<String>,
}

pub(super) async fn run(global: &Global, verb: &Up, seconds: u64) -> Result<Exit, Error> {
    let interval = Duration::from_secs(seconds);
    let cancel = interrupt::token();
    let (mut wait, mut known) = (interval, Known::default());
    for n in 0_usize.. {
        let cut = match round(global, verb, n == 0, &mut known, &cancel).await {
            Ok(round) => {
                let failed = round.failed.is_some();
                wait = if failed || round.blind { longer(wait, interval) } else { interval };
                say(global, round, &mut known, wait);
                failed
            }
            // What is wrong from the beginning is not waited for.
            Err(error) if n == 0 => return Err(error),
            Err(error) => {
                wait = longer(wait, interval);
                _ = error.tell(global);
                false
            }
        };
        if n == 0 && !matches!(terminal::face(global), Face::Json | Face::Quiet) {
            tell(&format!("Looking every {seconds} s. Ctrl-C ends it.\n"));
        }
        if cancel.is_cancelled() {
            return Ok(if cut { Exit::Interrupted } else { Exit::Done });
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = cancel.cancelled() => break,
        }
    }
    Ok(Exit::Done)
}

fn longer(wait: Duration, interval: Duration) -> Duration {
    (wait * 2).min(LONGEST.max(interval))
}

/// Converges what can be converged without asking, the Machinefile read anew. Only the first round asks.
async fn round(
    global: &Global,
    verb: &Up,
    first: bool,
    known: &mut Known,
    cancel: &CancellationToken,
) -> Result<Round, Error> {
    let mut project = Project::load_silently(global).await?;
    if project.said != known.said {
        tell(&project.said);
        known.said.clone_from(&project.said);
    }
    let claim = claim(&project, global, "up").await?;
    let run = Run::stopped_by(cancel.clone(), global, &claim.store);
    let request = up::request(global, Goal::Up, &verb.select, &verb.allow.allow_destroy);
    let round = match request {
        Ok(request) => converge(global, &mut project, verb, &request, run, first, known).await,
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
    mut run: Run,
    first: bool,
    known: &Known,
) -> Result<Round, Error> {
    let done = listen(&mut run);
    let cx = project.context(run.cancel.clone());
    let mut round = Round::default();
    for turn in 0..TURNS {
        let looking = propose(&project.catalog, request, Some(run.store.as_ref()), &cx);
        let proposal = tokio::select! {
            proposal = looking => proposal?,
            () = run.cancel.cancelled() => break,
        };
        if let Some(revised) = project.revised(global, Some(&proposal)).await? {
            *project = revised;
            continue;
        }
        let proposal = proposal.withholding(&verb.allow.allowed());
        round.blind = !proposal.sight.blind.is_empty();
        round.held = held(&proposal);
        let is_news = !proposal.plan.changes_nothing() || round.held.iter().any(|held| !known.held.contains(held));
        if is_news && matches!(run.face, Face::Json) {
            run.show(&proposal.plan);
        }
        if run.cancel.is_cancelled() || proposal.plan.changes_nothing() {
            break;
        }
        if first && turn == 0 && !verb.yes && !proposal.plan.steps.is_empty() {
            run.show(&proposal.plan);
            if !ask(&run)? {
                return Err(Error::failed("nothing was changed"));
            }
        }
        let steps: Vec<_> = proposal.plan.steps.iter().map(|step| (step.resource.clone(), step.action)).collect();
        let outcome = run.carry_out(proposal).await;
        let done = std::mem::take(&mut *done.lock().expect(LISTENS));
        let done = steps.iter().filter(|(resource, _)| done.contains(resource));
        round.done.extend(done.map(|(resource, action)| format!("{} {resource}", action.as_str())));
        if !outcome.is_complete() {
            round.failed = Some(outcome);
            break;
        }
    }
    Ok(round)
}

const LISTENS: &str = "nobody panics while listening";

/// What is finished from now on. Programs go on reading every event, people only what a round came to.
fn listen(run: &mut Run) -> Arc<Mutex<HashSet<ResourceId>>> {
    let done: Arc<Mutex<HashSet<_>>> = Arc::default();
    let (list, all, is_json) = (Arc::clone(&done), run.events.clone(), matches!(run.face, Face::Json));
    run.events = Events::new(move |event| {
        if let Event::Finished { resource, .. } = &event {
            list.lock().expect(LISTENS).insert(resource.clone());
        }
        if is_json {
            all.send(event);
        }
    });
    done
}

fn ask(run: &Run) -> Result<bool, Error> {
    prompt::agreed("Go ahead, and from then on without asking?", &run.cancel)
}

/// What needs a flag, what is blocked for other reasons, and where nobody could look, in words.
fn held(proposal: &Proposal) -> Vec<String> {
    let words = |blocked: &Blocked| match &blocked.why {
        Hold::Consent(_) => format!("{}: {}", blocked.resource, blocked.why),
        _ => format!("{}: blocked: {}", blocked.resource, blocked.why),
    };
    let blind = proposal.sight.blind.iter().map(|(source, why)| format!("{source}: cannot be listed: {why}"));
    proposal.plan.blocked.iter().map(words).chain(blind).collect()
}

/// One line for a round that changed something, and what is held back when that is news.
fn say(global: &Global, round: Round, known: &mut Known, wait: Duration) {
    let style = terminal::style(global, terminal::Stream::Error);
    let before = std::mem::replace(&mut known.held, round.held);
    if matches!(terminal::face(global), Face::Json) {
        return;
    }
    if !round.done.is_empty() && !matches!(terminal::face(global), Face::Quiet) {
        tell(&format!("{} {}\n", style.good("done:"), round.done.join(", ")));
    }
    for news in known.held.iter().filter(|news| !before.contains(news)) {
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
}
