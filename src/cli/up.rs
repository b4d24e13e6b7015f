//! `machine up`, and the way from a plan to a done one that it shares with `destroy`.

use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use super::args::{Global, Select, Up};
use super::claim::claim;
use super::consent::Consent;
use super::error::Error;
use super::exit_code::Exit;
use super::project::{Project, say, tell};
use super::run::Run;
use super::terminal::{self, Stream};
use super::{refresh, saved, watch};
use crate::apply::{Event, Events};
use crate::reconcile::{Converged, Goal, Proposal, Request, converge};
use crate::report::{self, Detail, Face, Pulse, Style};
use crate::selection::{Pattern, Selection};
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
    let request = request(global, Goal::Up, &verb.select, &verb.allow.allow_destroy)?;
    if verb.dry_run {
        return dry_run(global, &mut project, &request, verb.detailed_exitcode).await;
    }
    let claim = claim(&project, global, "up").await?;
    let consent = Consent { yes: verb.yes, allowed: verb.allow.allowed(), most: verb.max_lost };
    let mut refusal = None;
    let exit = carry_out(global, &project, &request, &claim.store, |proposal, round, cancel| {
        if round == 0 {
            project.warn_unmatched(proposal, &consent.allowed);
        }
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

/// What the flags of a command ask for.
pub(super) fn request(global: &Global, goal: Goal, select: &Select, unprotected: &[Pattern]) -> Result<Request, Error> {
    let parse = |texts: &[String]| texts.iter().map(|text| Pattern::parse(text)).collect::<Result<Vec<_>, _>>();
    let parse = |texts: &[String]| parse(texts).map_err(|error| Error::usage(error.to_string()));
    let selection = Selection { targets: parse(&select.target)?, excludes: parse(&select.exclude)? };
    Ok(Request { selection, unprotected: unprotected.to_vec(), ..Request::new(goal, usize::from(global.parallel)) })
}

pub(super) async fn dry_run(
    global: &Global,
    project: &mut Project,
    request: &Request,
    detailed: bool,
) -> Result<Exit, Error> {
    let proposal = project.propose(global, request).await?.with_texts().await;
    say(&report::plan(&proposal.plan, Detail::Changes, terminal::style(global, Stream::Output)));
    Ok(if detailed && !proposal.plan.is_empty() { Exit::Pending } else { Exit::Done })
}

/// How often what stands on machines' drives may change the project while it is carried out.
const MOST_LOOKS: usize = 3;

/// Converges a project whose lock is held, showing each plan before `consent` is asked.
pub(super) async fn carry_out(
    global: &Global,
    project: &Project,
    request: &Request,
    store: &Arc<dyn Store>,
    mut consent: impl FnMut(&Proposal, usize, &CancellationToken) -> bool,
) -> Result<Exit, Error> {
    let run = Run::new(global, store);
    let mut newer: Option<Project> = None;
    let mut done = false;
    // What stands on the drive of a new machine is known only once it runs: then the plan goes on from there.
    for look in 0.. {
        let current = newer.as_ref().unwrap_or(project);
        let cx = current.context(run.cancel.clone());
        let mut outdated = false;
        let looking = Arc::new(Mutex::new(Some(current.looking(run.face))));
        let events = looking_again(&run.events, &looking, run.face, current.size());
        let show = |proposal: &Proposal, round: usize| {
            drop(looking.lock().expect("no holder panics").take());
            if matches!(run.face, Face::Tty | Face::Plain) {
                tell(&adopted(proposal));
            }
            // Only records are written.
            if proposal.plan.steps.is_empty() {
                return true;
            }
            outdated = request.goal == Goal::Up && look < MOST_LOOKS && current.is_outdated();
            if outdated {
                return false;
            }
            if matches!(run.face, Face::Tty | Face::Plain) {
                current.warn_blind(&proposal.sight.blind);
            }
            run.show(&proposal.plan);
            consent(proposal, round, &run.cancel)
        };
        let converged = converge(&current.catalog, request, &run.store, &cx, &events, show).await?;
        drop(looking.lock().expect("no holder panics").take());
        let settled = matches!(converged, Converged::Fully { .. });
        if request.goal == Goal::Up
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
        let words = if request.goal == Goal::Up { "up" } else { "destroy" };
        let exit = conclude(current, request, converged, words, run.face, run.style);
        return Ok(if run.cancel.is_cancelled() && exit != Exit::Done { Exit::Interrupted } else { exit });
    }
    unreachable!("the last look is final")
}

/// What was found that no record told of; empty when everything was on record.
fn adopted(proposal: &Proposal) -> String {
    match proposal.plan.adopted {
        0 => String::new(),
        1 => "adopted: 1 resource that is there with our label and was in no record\n".to_owned(),
        n => format!("adopted: {n} resources that are there with our label and were in no record\n"),
    }
}

/// The same events; after the last of an apply, the look that follows it gives signs of life.
fn looking_again(events: &Events, looking: &Arc<Mutex<Option<Pulse>>>, face: Face, machines: (usize, usize)) -> Events {
    let (events, looking) = (events.clone(), Arc::clone(looking));
    Events::new(move |event| {
        let ended = matches!(event, Event::Ended { .. });
        events.send(event);
        if ended {
            *looking.lock().expect("no holder panics") = Some(Pulse::looking(face, machines.0, machines.1));
        }
    })
}

/// Says how it ended. Programs read it from the events and the exit code.
/// `words` are those that go on from here.
pub(super) fn conclude(
    project: &Project,
    request: &Request,
    converged: Converged,
    words: &str,
    face: Face,
    style: Style,
) -> Exit {
    let again = project.command(words);
    let (text, exit) = match converged {
        Converged::Fully { changed } => {
            if matches!(face, Face::Quiet) {
                return Exit::Done;
            }
            let begin = if changed { "Done" } else { "Nothing to do" };
            let rest = match (request.goal, request.selection.is_everything()) {
                (Goal::Up, true) => "everything is as the Machinefile asks",
                (Goal::Up, false) => "what was selected is as the Machinefile asks",
                (Goal::Destroy, true) => "nothing of this project is left",
                (Goal::Destroy, false) => "nothing of what was selected is left",
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
