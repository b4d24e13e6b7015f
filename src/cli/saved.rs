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
use super::up;
use crate::plan::Allowed;
use crate::reconcile::{Converged, Goal, Proposal, Request};
use crate::report::{self, Detail, Face};
use crate::saved::{Refusal, Saved};
use crate::transport::quote;

/// Writes a plan beside its place and renames it: a file under that name is always whole.
pub(super) fn write(project: &Project, proposal: &Proposal, allowed: Allowed, path: &Path) -> Result<(), Error> {
    let saved = Saved::new(&project.basis(), proposal, allowed);
    // What a link leads to is what is meant, and what is no file (`/dev/null`) is not renamed away.
    let place = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |why: &dyn std::fmt::Display| Error::failed(format!("cannot write {}: {why}", path.display()));
    if place.exists() && !place.is_file() {
        return Err(failed(&"it is no file"));
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
        Error::failed(format!("{name} cannot be carried out: {why}")).hint(format!("machine plan --out {name}"))
    })?;
    let mut project = Project::load(global).await?;
    saved.check_settings(&project.basis()).map_err(|refusal| refused(&project, path, &refusal))?;
    let claim = if verb.dry_run { None } else { Some(claim(&project, global, "apply").await?) };
    let unprotected = verb.allow.allowed().and(&saved.allowed).destroy;
    let request = up::request(global, Goal::Up, &verb.select, &unprotected)?;
    let Some(claim) = claim else {
        let proposal =
            look(global, &mut project, &saved, &request).await?.map_err(|refusal| refused(&project, path, &refusal))?;
        say(&report::plan(&proposal.plan, Detail::Changes, terminal::style(global, Stream::Output)));
        return Ok(if verb.detailed_exitcode && !saved.is_empty() { Exit::Pending } else { Exit::Done });
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
    if saved.is_empty() {
        run.tell("Nothing to do: the plan has no steps.\n");
        return Ok(Exit::Done);
    }
    run.show(&proposal.plan);
    let allowed = verb.allow.allowed().and(&saved.allowed);
    let consent = Consent { yes: verb.yes, allowed, most: verb.max_lost };
    let again = |flags: &str| {
        let words = quote::line(&["apply".to_owned(), path.display().to_string()]);
        project.command(&format!("{words} {flags}"))
    };
    let owner = project.owner().project.as_str();
    if !consent.to(&proposal.plan, owner, false, &run.cancel, &again)? {
        return Ok(up::conclude(project, request, Converged::Declined { changed: false }, run.face, run.style));
    }
    let outcome = run.carry_out(proposal).await;
    if !outcome.is_complete() {
        let exit = up::conclude(project, request, Converged::Partly(outcome), run.face, run.style);
        return Ok(if run.cancel.is_cancelled() { Exit::Interrupted } else { exit });
    }
    run.tell("Done: the plan is carried out.\n");
    if !matches!(run.face, Face::Quiet) {
        say(&project.urls());
    }
    Ok(Exit::Done)
}

fn refused(project: &Project, path: &Path, refusal: &Refusal) -> Error {
    let words = ["plan".to_owned(), "--out".to_owned(), path.display().to_string()];
    Error::failed(format!("{} is not carried out, nothing was changed: {refusal}", path.display()))
        .hint(format!("look at what would be done now: {}", project.command(&quote::line(&words))))
}
