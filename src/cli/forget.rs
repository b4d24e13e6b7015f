//! `machine forget`: a machine stays as it is and is no longer ours.

use std::sync::Arc;

use super::args::{Forget, Global};
use super::claim::claim;
use super::error::Error;
use super::exit_code::Exit;
use super::project::{Project, tell};
use super::{interrupt, prompt, terminal};
use crate::id::ResourceId;
use crate::reconcile::{Goal, Request, propose};
use crate::resource::{Context, Link, Observation, Resource};
use crate::store::{Store, Transition};

pub(super) async fn run(global: &Global, verb: &Forget) -> Result<Exit, Error> {
    let project = Project::load(global).await?;
    let name = verb.resource.strip_prefix("machines.").unwrap_or(&verb.resource);
    let declared = project.catalog.machines.keys().any(|machine| machine.as_str() == name);
    if declared && !verb.still_declared {
        let error = Error::failed(format!("`{name}` is in the Machinefile, and the next plan would make another one"));
        return Err(error.hint("take it out first, or give --still-declared"));
    }
    let claim = claim(&project, global, "forget").await?;
    let exit = forget(&project, name, verb, &claim.store).await;
    claim.release().await;
    exit
}

async fn forget(project: &Project, name: &str, verb: &Forget, store: &Arc<dyn Store>) -> Result<Exit, Error> {
    let cx = project.context(interrupt::token());
    let request = Request::new(Goal::Destroy, 16);
    let proposal = propose(&project.catalog, &request, Some(store.as_ref()), &cx).await?;
    let (graph, observed) = (&proposal.sight.graph, &proposal.sight.observed);
    let of_it = |resource: &Arc<dyn Resource>| resource.machine() == Some(name) && !resource.is_group();
    let all: Vec<_> = graph.nodes().map(|(_, node)| Arc::clone(&node.resource)).filter(of_it).collect();
    let there = |resource: &&Arc<dyn Resource>| matches!(observed.get(resource.id()), Observation::Present(_));
    let labelled: Vec<_> = all.iter().filter(there).filter(|resource| resource.realm().is_some()).collect();
    let records: Vec<_> = proposal
        .recorded()
        .realms()
        .map(|(id, _)| id)
        .filter(|id| id.of_machine(name, name).is_some())
        .cloned()
        .collect();
    if labelled.is_empty() && records.is_empty() {
        return Err(Error::failed(format!("nothing of this project is called `{name}`"))
            .hint("`machine status` lists what there is"));
    }
    tell(&format!("These stay as they are and are no longer this project's: {}\n", names(&labelled)));
    if !verb.yes {
        if !terminal::can_ask() {
            return Err(Error::failed("there is nobody to ask for consent").hint("run with -y (or MACHINE_YES=true)"));
        }
        if !prompt::confirm(&format!("Forget {name}?"), &cx.cancel) {
            tell("Nothing was changed.\n");
            return Ok(Exit::Failed);
        }
    }
    let by_hand = disown(&labelled, &cx).await?;
    for id in &records {
        store.write(Transition::Gone { id: id.clone() }).await?;
    }
    tell(&format!("{name} is forgotten. To remove it by hand:\n"));
    for line in by_hand {
        tell(&format!("  {line}\n"));
    }
    Ok(Exit::Done)
}

/// What hangs on others first: a run that is cut leaves the rest to be found by its label.
async fn disown(resources: &[&Arc<dyn Resource>], cx: &Context) -> Result<Vec<String>, Error> {
    let mut by_hand = Vec::new();
    for resource in resources.iter().rev() {
        let line = resource.disown(cx).await?;
        let lives_inside = resource.parents().iter().any(|parent| parent.link == Link::Within);
        if !lives_inside && !by_hand.contains(&line) {
            by_hand.push(line);
        }
    }
    Ok(by_hand)
}

fn names(resources: &[&Arc<dyn Resource>]) -> String {
    resources.iter().map(|resource| ResourceId::to_string(resource.id())).collect::<Vec<_>>().join(", ")
}
