//! `machine import`: what exists already becomes a machine of the project.

use super::args::{Global, Import};
use super::claim::claim;
use super::error::Error;
use super::exit_code::Exit;
use super::project::{Project, say, tell};
use super::terminal::{self, Stream};
use super::{interrupt, prompt};
use crate::custody::take_over;
use crate::id::Name;
use crate::keyring;
use crate::plan::{Options, preview};
use crate::provider::Stray;
use crate::reconcile::look_at;
use crate::report::{self, Detail};
use crate::resource::{Context, Observation};
use crate::store::Store;

pub(super) async fn run(global: &Global, verb: &Import) -> Result<Exit, Error> {
    let project = Project::load(global).await?;
    let name = project.machine_called(&verb.resource)?;
    let claim = claim(&project, global, "import").await?;
    let exit = import(global, &project, &name, verb, claim.store.as_ref()).await;
    claim.release().await;
    exit
}

async fn import(
    global: &Global,
    project: &Project,
    name: &Name,
    verb: &Import,
    store: &dyn Store,
) -> Result<Exit, Error> {
    let cx = project.context(interrupt::token());
    let resource = project.catalog.machine(name).expect("it is one of the machines");
    match look_at(&project.catalog, name, &cx).await {
        Some(Observation::Absent) | None => {}
        Some(Observation::Present(_)) => {
            let error = Error::failed(format!("{} is there already", resource.id()));
            return Err(error.hint(format!("`machine forget {name}` lets it go first")));
        }
        Some(Observation::Unreadable(why)) => {
            return Err(Error::failed(format!("{} cannot be seen: {why}", resource.id())));
        }
    }
    let machine = &project.desired.machines[name];
    let provider = &project.catalog.providers[&machine.provider];
    see_key(project, &cx).await;
    let found = provider.examine(&verb.object, name, &cx).await?;
    let found = found
        .ok_or_else(|| Error::failed(format!("there is no `{}` at provider `{}`", verb.object, machine.provider)))?;
    check_owner(project, &found, verb)?;
    let options = Options { ignored: project.catalog.ignored.clone(), ..Options::default() };
    let next = preview(resource, &found.attributes, &options);
    let owner = found.owner.as_ref().map_or_else(|| "nobody's".to_owned(), |owner| format!("of project {owner}"));
    say(&format!(
        "Found {} at {}, {owner}. As {} the next plan would say of it:\n",
        verb.object,
        machine.provider,
        resource.id()
    ));
    say(&report::plan(&next, Detail::Changes, terminal::style(global, Stream::Output)));
    if !verb.yes && !prompt::agreed(&format!("Take it over as {name}?"), &cx.cancel)? {
        tell("Nothing was changed.\n");
        return Ok(Exit::Failed);
    }
    take_over(&project.catalog, name, &verb.object, store, &cx).await?;
    tell(&format!("{} is adopted as {}. What it lacks: {}\n", verb.object, resource.id(), project.command("plan")));
    Ok(Exit::Done)
}

/// Whether a machine lets the project's key in shows by what that is.
async fn see_key(project: &Project, cx: &Context) {
    let id = keyring::id(project.owner());
    let Some(key) = project.catalog.resources.iter().find(|resource| *resource.id() == id) else { return };
    if let Observation::Present(attributes) = key.read(cx).await {
        cx.outputs.set(id, attributes);
    }
}

/// What is ours already needs no import, and what is another project's is taken only when that is said.
fn check_owner(project: &Project, found: &Stray, verb: &Import) -> Result<(), Error> {
    match &found.owner {
        Some(owner) if *owner == project.owner().slug() => {
            let error = Error::failed(format!("`{}` is this project's already", verb.object));
            Err(error.hint("`moved:` in the Machinefile gives a machine another name"))
        }
        Some(owner) if !verb.from_project => {
            let error = Error::failed(format!("`{}` belongs to project {owner}", verb.object));
            Err(error.hint("take it out of that project's Machinefile first; then --from-project takes it over"))
        }
        _ => Ok(()),
    }
}
