//! `machine plan --out FILE` and `machine apply FILE`.

use std::io::Write as _;
use std::path::Path;

use super::args::{Global, Up};
use super::claim::claim;
use super::consent::Consent;
use super::error::Error;
use super::exit_code::Exit;
use super::project::{Project, say, tell};
use super::run::Run;
use super::terminal::{self, Stream};
use super::{destroy, up};
use crate::plan::Allowed;
use crate::reconcile::{Converged, Goal, Proposal, Request};
use crate::report::{self, Detail, Face};
use crate::saved::{Refusal, Saved, is_plan};
use crate::transport::quote;

/// Writes a plan beside its place and renames it: a file under that name is always whole.
pub(super) fn write(
    project: &Project,
    request: &Request,
    proposal: &Proposal,
    allowed: Allowed,
    path: &Path,
) -> Result<(), Error> {
    let saved = Saved::new(&project.basis(), request, proposal, allowed);
    // What a link leads to is what is meant, and what is no file (`/dev/null`) is not renamed away.
    let place = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |why: &dyn std::fmt::Display| Error::failed(format!("cannot write {}: {why}", path.display()));
    if place.exists() && !place.is_file() {
        return Err(failed(&"it is no file"));
    }
    if std::fs::read(&place).is_ok_and(|there| !there.is_empty() && !is_plan(&String::from_utf8_lossy(&there))) {
        return Err(failed(&"it holds something else than a saved plan").hint("name another file, or remove that one"));
    }
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|why| failed(&why))?;
    file.write_all(saved.to_text().as_bytes()).map_err(|why| failed(&why))?;
    file.as_file().sync_all().map_err(|why| failed(&why))?;
    file.persist(&place).map_err(|why| failed(&why.error))?;
    let words = ["apply".to_owned(), path.display().to_string()];
    tell(&format!("To carry out exactly this: {}\n", project.command(&quote::line(&words))));
    Ok(())
}

pub(super) async fn run(global: &Global, verb: &Up, path: &Path) -> Result<Exit, Error> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|why| Error::failed(format!("cannot read {name}: {why}")))?;
    let saved = Saved::parse(&text).map_err(|why| {
        Error::failed(format!("{name} cannot be carried out: {why}")).hint("`machine plan --out FILE` writes one")
    })?;
    let mut project = Project::load(global).await?;
    saved.check_settings(&project.basis()).map_err(|refusal| refused(&project, path, &refusal))?;
    let claim = if verb.dry_run { None } else { Some(claim(&project, global, "apply").await?) };
    let unprotected = verb.allow.allowed().and(&saved.allowed).destroy;
    let request = Request { unprotected, ..saved.aim.request(usize::from(global.parallel)) };
    let Some(claim) = claim else {
        let proposal =
            look(global, &mut project, &saved, &request).await?.map_err(|refusal| refused(&project, path, &refusal))?;
        let proposal = proposal.with_texts().await;
        say(&report::plan(&proposal.plan, Detail::Changes, terminal::style(global, Stream::Output)));
        return Ok(if verb.detailed_exitcode && !proposal.plan.steps.is_empty() { Exit::Pending } else { Exit::Done });
    };
    let run = Run::new(global, &claim.store);
    let exit = match look(global, &mut project, &saved, &request).await {
        Ok(Ok(proposal)) => carry_out(&run, verb, &project, &saved, proposal, &request, path).await,
        Ok(Err(refusal)) => Err(refused(&project, path, &refusal)),
        Err(error) => Err(error),
    };
    claim.release().await;
    exit
}

/// A fresh look with the saved steps and no others, if they still hold.
async fn look(
    global: &Global,
    project: &mut Project,
    saved: &Saved,
    request: &Request,
) -> Result<Result<Proposal, Refusal>, Error> {
    let fresh = project.propose(global, request).await?;
    // What stands on machines' drives is known only now.
    let same = saved.check_settings(&project.basis());
    Ok(same.and_then(|()| saved.check_world(&fresh)).map(|plan| fresh.keeping(plan)))
}

async fn carry_out(
    run: &Run,
    verb: &Up,
    project: &Project,
    saved: &Saved,
    proposal: Proposal,
    request: &Request,
    path: &Path,
) -> Result<Exit, Error> {
    if proposal.plan.steps.is_empty() {
        run.tell("Nothing to do: the plan has no steps, or all of them are done.\n");
        return Ok(Exit::Done);
    }
    let proposal = proposal.with_texts().await;
    run.show(&proposal.plan);
    let allowed = verb.allow.allowed().and(&saved.allowed);
    let consent = Consent { yes: verb.yes, allowed, most: verb.max_lost };
    let words = quote::line(&["apply".to_owned(), path.display().to_string()]);
    let again = |flags: &str| project.command(&format!("{words} {flags}"));
    let owner = project.owner().project.as_str();
    let agreed = match request.goal {
        Goal::Up => consent.to(&proposal.plan, owner, false, &run.cancel, &again)?,
        Goal::Destroy => destroy::agreed(verb.yes, request, owner, &run.cancel)?,
    };
    if !agreed {
        let declined = Converged::Declined { changed: false };
        return Ok(up::conclude(project, request, declined, &words, run.face, run.style));
    }
    let outcome = run.carry_out(proposal).await;
    if !outcome.is_complete() {
        let exit = up::conclude(project, request, Converged::Partly(outcome), &words, run.face, run.style);
        return Ok(if run.cancel.is_cancelled() { Exit::Interrupted } else { exit });
    }
    run.tell(&report::carried_out(saved.left_alone, &project.command("plan")));
    if !matches!(run.face, Face::Quiet) && request.goal == Goal::Up {
        say(&project.urls());
    }
    Ok(Exit::Done)
}

fn refused(project: &Project, path: &Path, refusal: &Refusal) -> Error {
    Error::failed(format!("{} is not carried out, nothing was changed: {refusal}", path.display()))
        .hint(format!("look at what would be done now: {}", project.command("plan")))
}
