//! The program on one page: look, plan, apply, and look again until nothing is left to do.

use std::sync::Arc;

use crate::apply::{Events, Outcome, Tools, apply};
use crate::catalog::Catalog;
use crate::graph;
use crate::id::Name;
use crate::observe::{Question, Sight, observe};
use crate::plan::{Options, Plan, plan};
use crate::resource::{Context, Found, Link, Observation, Outputs, Resource};
use crate::store::{self, Recorded, Store};

/// What to converge to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// What the Machinefile asks for.
    Up,
    /// Nothing of the project left.
    Destroy,
}

/// Why there is no plan, or no way to carry it out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Graph(#[from] graph::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What was seen and what is proposed.
#[derive(Debug)]
pub struct Proposal {
    pub sight: Sight,
    pub plan: Arc<Plan>,
    recorded: Arc<Recorded>,
    context: Context,
}

/// How a convergence ended.
#[derive(Debug)]
pub enum Converged {
    /// Nothing is left to do. Whether anything was done.
    Fully { changed: bool },
    /// The caller did not consent to this plan.
    Declined(Proposal),
    /// Steps failed, were skipped or left undone.
    Partly(Outcome),
    /// What remains cannot be planned.
    Blocked(Proposal),
}

/// How often a plan may uncover things that could not be seen before it was carried out.
const ROUNDS: usize = 6;

/// Looks at the world and plans. Changes nothing.
pub async fn propose(
    catalog: &Catalog,
    goal: Goal,
    store: Option<&dyn Store>,
    cx: &Context,
    parallel: usize,
) -> Result<Proposal, Error> {
    let recorded = match store {
        Some(store) => store.load().await?,
        None => Recorded::default(),
    };
    let context = Context { outputs: Outputs::default(), ..cx.clone() };
    let (desired, orphans) = wanted(catalog, goal, &recorded);
    let question = Question {
        desired: &desired,
        orphans: &orphans,
        sources: &catalog.sources,
        remembered: &|id| recorded.remembers(id),
        parallel,
    };
    let sight = observe(&question, &context).await?;
    let options = Options { destroying: goal == Goal::Destroy };
    let plan = Arc::new(plan(&sight.graph, &sight.observed, &recorded, options));
    Ok(Proposal { sight, plan, recorded: Arc::new(recorded), context })
}

/// Looks at one machine alone, for commands that only need to know where it is. `None` for an unknown name.
pub async fn look_at(catalog: &Catalog, machine: &Name, cx: &Context) -> Option<Observation> {
    let resource = catalog.machine(machine)?;
    Some(resource.read(cx).await)
}

/// Carries a proposal out.
pub async fn carry_out(proposal: &Proposal, store: &Arc<dyn Store>, events: &Events, parallel: usize) -> Outcome {
    let tools = Tools {
        store: Arc::clone(store),
        recorded: Arc::clone(&proposal.recorded),
        context: proposal.context.clone(),
        events: events.clone(),
        parallel,
    };
    apply(&proposal.plan, &proposal.sight.graph, &tools).await
}

/// Plans and applies until a plan is empty. `consent` sees every plan before it is carried out; its second argument
/// counts the rounds from 0.
pub async fn converge(
    catalog: &Catalog,
    goal: Goal,
    store: &Arc<dyn Store>,
    cx: &Context,
    events: &Events,
    parallel: usize,
    mut consent: impl FnMut(&Proposal, usize) -> bool,
) -> Result<Converged, Error> {
    let mut changed = false;
    for round in 0..ROUNDS {
        let proposal = propose(catalog, goal, Some(store.as_ref()), cx, parallel).await?;
        if proposal.plan.steps.is_empty() && proposal.plan.forgotten.is_empty() {
            return Ok(if proposal.plan.is_empty() {
                Converged::Fully { changed }
            } else {
                Converged::Blocked(proposal)
            });
        }
        if !proposal.plan.steps.is_empty() && !consent(&proposal, round) {
            return Ok(Converged::Declined(proposal));
        }
        let outcome = carry_out(&proposal, store, events, parallel).await;
        changed |= outcome.done > 0;
        if !outcome.is_complete() {
            return Ok(Converged::Partly(outcome));
        }
        if proposal.plan.deferred.is_empty() && !proposal.plan.blocked.is_empty() {
            return Ok(Converged::Blocked(proposal));
        }
        if proposal.plan.deferred.is_empty() {
            return Ok(Converged::Fully { changed });
        }
    }
    let proposal = propose(catalog, goal, Some(store.as_ref()), cx, parallel).await?;
    Ok(if proposal.plan.is_empty() { Converged::Fully { changed } } else { Converged::Blocked(proposal) })
}

type Resources = Vec<Arc<dyn Resource>>;

/// What is desired, and handles to what we know of and do not desire: what the catalog would make (when destroying)
/// and what the records remember, so that a listing that lags hides nothing.
fn wanted(catalog: &Catalog, goal: Goal, recorded: &Recorded) -> (Resources, Resources) {
    let mut orphans: Resources = Vec::new();
    let desired = match goal {
        Goal::Up => catalog.resources.clone(),
        Goal::Destroy => {
            let inside =
                |resource: &Arc<dyn Resource>| resource.parents().iter().any(|parent| parent.link == Link::Within);
            orphans.extend(catalog.resources.iter().filter(|r| !r.shared() && !inside(r)).cloned());
            Vec::new()
        }
    };
    let known: std::collections::HashSet<_> =
        desired.iter().chain(&orphans).map(|resource| resource.id().clone()).collect();
    let mut remembered = Vec::new();
    for id in recorded.records.keys().chain(recorded.intents.keys().filter(|id| !recorded.records.contains_key(*id))) {
        if !known.contains(id) {
            let attributes = recorded.records.get(id).map(|record| record.attributes.clone()).unwrap_or_default();
            let found = Found { id: id.clone(), attributes };
            remembered.extend(catalog.sources.iter().find_map(|source| source.revive(&found)));
        }
    }
    orphans.append(&mut remembered);
    (desired, orphans)
}
