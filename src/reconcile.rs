//! The program on one page: look, plan, apply, and look again until nothing is left to do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::apply::{Events, Outcome, Tools, apply};
use crate::catalog::Catalog;
use crate::graph::{self, Graph};
use crate::id::{Name, ResourceId};
use crate::note;
use crate::observe::{Listed, Question, Sight, observe};
use crate::plan::{
    Action, Allowed, Drift, Fate, Fleet, Limit, Options, Plan, Step, demands, drift, follow, machine_of, plan,
};
use crate::resource::{Context, Failure, Found, Link, Observation, Outputs, Resource, Text};
use crate::selection::{Pattern, Selection, Tags};
use crate::store::{self, Record, Recorded, Store, Transition};
use crate::value::Attributes;

/// What to converge to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// What the Machinefile asks for.
    Up,
    /// Nothing of the project left.
    Destroy,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    pub goal: Goal,
    /// What to keep to.
    pub selection: Selection,
    /// What may be deleted or made anew although it is protected.
    pub unprotected: Vec<Pattern>,
    /// How many operations may run at once.
    pub parallel: usize,
}

impl Request {
    /// For everything there is.
    #[must_use]
    pub fn new(goal: Goal, parallel: usize) -> Self {
        Self { goal, selection: Selection::default(), unprotected: Vec::new(), parallel }
    }
}

/// Why there is no plan, or no way to carry it out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Graph(#[from] graph::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("`{pattern}` names nothing of this project")]
    Unmatched { pattern: String, hint: String },
}

/// What was seen and what is proposed.
#[derive(Debug)]
pub struct Proposal {
    pub sight: Sight,
    pub plan: Arc<Plan>,
    options: Options,
    recorded: Arc<Recorded>,
    context: Context,
}

impl Proposal {
    /// What was remembered when it was made.
    #[must_use]
    pub fn recorded(&self) -> &Recorded {
        &self.recorded
    }

    /// Plans again without what loses data or a machine and has not been allowed; the rest goes on.
    #[must_use]
    pub fn withholding(mut self, allowed: &Allowed) -> Self {
        loop {
            let demanded = demands(&self.plan, allowed).steps;
            if demanded.is_empty() {
                return self;
            }
            let flags = demanded.iter().map(|step| (step.resource.clone(), step.flag().unwrap_or_default()));
            self.options.withheld.extend(flags);
            let sight = &self.sight;
            let again = plan(&sight.graph, &sight.observed, &self.recorded, &self.options);
            let Plan { forgotten, confirmed, unseen, .. } = Plan::clone(&self.plan);
            self.plan = Arc::new(Plan { forgotten, confirmed, unseen, ..again });
        }
    }

    /// Words that allow a loss and name nothing that is known or was, with what was probably meant.
    #[must_use]
    pub fn unmatched<'a>(&self, patterns: &'a [Pattern]) -> Vec<(&'a Pattern, String)> {
        let graph = &self.sight.graph;
        let there = || graph.nodes().map(|(_, node)| (node.resource.id(), node.resource.machine()));
        let was = || self.recorded.realms().map(|(id, _)| (id, Some(machine_of(id))));
        let is_empty = |pattern: &&Pattern| !there().chain(was()).any(|(id, machine)| pattern.names(id, machine));
        patterns.iter().filter(is_empty).map(|pattern| (pattern, hint(pattern, graph))).collect()
    }

    /// With the texts behind what changes, for whoever shows the plan: those of so many things as one person reads, and once
    /// where many change alike.
    #[must_use]
    pub async fn with_texts(mut self) -> Self {
        let is_asked =
            |step: &&Step| matches!(step.action, Action::Update | Action::Replace) && !step.changes.is_empty();
        let mut found: BTreeMap<ResourceId, Vec<Text>> = BTreeMap::new();
        let mut asked: Vec<&Step> = Vec::new();
        for step in self.plan.steps.iter().filter(is_asked) {
            let like = |other: &&&Step| other.resource.kind() == step.resource.kind() && other.changes == step.changes;
            if let Some(texts) = asked.iter().find(like).and_then(|other| found.get(&other.resource)) {
                found.insert(step.resource.clone(), texts.clone());
            } else if asked.len() < TEXTS
                && let Some(node) = self.sight.graph.node(&step.resource)
            {
                let texts = node.resource.texts(&step.changes, &self.context).await;
                if !texts.is_empty() {
                    asked.push(step);
                    found.insert(step.resource.clone(), texts);
                }
            }
        }
        if !found.is_empty() {
            let mut plan = Plan::clone(&self.plan);
            for step in &mut plan.steps {
                step.texts = found.remove(&step.resource).unwrap_or_default();
            }
            self.plan = Arc::new(plan);
        }
        self
    }

    /// The same look with another plan made from it.
    #[must_use]
    pub fn keeping(self, plan: Plan) -> Self {
        Self { plan: Arc::new(plan), ..self }
    }

    /// Listens to this token from now on.
    #[must_use]
    pub fn stopped_by(self, cancel: &CancellationToken) -> Self {
        let context = Context { cancel: cancel.clone(), ..self.context };
        Self { context, ..self }
    }
}

/// Of so many things the texts are read that change.
const TEXTS: usize = 16;

/// How a convergence ended.
#[derive(Debug)]
pub enum Converged {
    /// Nothing is left to do. Whether anything was done.
    Fully { changed: bool },
    /// All that could be seen is as it should be, but these sources could not be listed.
    Blindly(Vec<(String, Failure)>),
    /// The caller did not consent to this plan. Whether an earlier one was carried out.
    Declined { changed: bool },
    /// Steps failed, were skipped or left undone.
    Partly(Outcome),
    /// What remains cannot be planned.
    Blocked(Proposal),
    /// Something changes back as often as it is put right.
    Unsettled(Proposal),
    /// The user asked to stop between two rounds.
    Stopped,
}

/// How often a plan may uncover things that could not be seen before it was carried out.
const ROUNDS: usize = 6;

/// Looks at the world and plans. Changes nothing. It is an error when a target names nothing.
pub async fn propose(
    catalog: &Catalog,
    request: &Request,
    store: Option<&dyn Store>,
    cx: &Context,
) -> Result<Proposal, Error> {
    let proposal = look(catalog, request, store, cx).await?;
    if request.selection.is_everything() {
        return Ok(proposal);
    }
    let (graph, recorded) = (&proposal.sight.graph, &proposal.recorded);
    let tags = Tags::of(graph, |id| known(recorded, id).or_else(|| proposal.sight.observed.get(id).attributes()));
    match request.selection.unmatched(graph, &tags) {
        Some(pattern) => Err(unmatched(pattern, graph)),
        None => Ok(proposal),
    }
}

async fn look(
    catalog: &Catalog,
    request: &Request,
    store: Option<&dyn Store>,
    cx: &Context,
) -> Result<Proposal, Error> {
    let recorded = match store {
        Some(store) => store.load().await?,
        None => Recorded::default(),
    };
    let context = Context { outputs: Outputs::default(), ..cx.clone() };
    let selection = &request.selection;
    let (desired, orphans) = wanted(catalog, request, &recorded);
    let select = |graph: &Graph, listed: &Listed<'_>| {
        selection.of(graph, &Tags::of(graph, |id| known(&recorded, id).or_else(|| listed(id))))
    };
    let nothing_moved = BTreeMap::new();
    let near = request.goal == Goal::Up && is_near(selection, &desired, &orphans, &recorded)?;
    let question = Question {
        desired: &desired,
        orphans: &orphans,
        sources: if near { &[] } else { &catalog.sources },
        remembered: &|id| recorded.realm(id).map(|realm| realm.map(str::to_owned)),
        moved: if request.goal == Goal::Up { &catalog.moved } else { &nothing_moved },
        select: (!selection.is_everything()).then_some(&select),
        parallel: request.parallel,
    };
    let mut sight = observe(&question, &context).await?;
    let options = options(catalog, request, &sight);
    let followed = follow(&recorded, &sight.graph, &sight.observed, question.moved, &sight.moved);
    let (recorded, inside) = followed.unwrap_or((recorded, Vec::new()));
    let mut plan = plan(&sight.graph, &sight.observed, &recorded, &options);
    plan.confirmed.extend(inside);
    if selection.is_everything() {
        sight.blind.extend(undeclared(catalog, &recorded));
    }
    keep_unseen(&mut plan, &recorded, &sight, catalog);
    plan.unseen = sight.blind.iter().map(|(source, why)| (source.clone(), why.to_string())).collect();
    let plan = Arc::new(plan);
    Ok(Proposal { sight, plan, options, recorded: Arc::new(recorded), context })
}

/// Writes what was seen into the records, and forgets what is gone. The world stays as it is. What it found is returned.
pub async fn refresh(proposal: &Proposal, store: &dyn Store) -> Result<Vec<Drift>, store::Error> {
    let (sight, recorded) = (&proposal.sight, &proposal.recorded);
    let drifts = drift(&sight.graph, &sight.observed, recorded);
    for Drift { resource: id, fate } in &drifts {
        let Some(node) = sight.graph.node(id) else { continue };
        let transition = match (fate, sight.observed.get(id)) {
            (Fate::Changed(_) | Fate::Found, Observation::Present(seen)) => {
                let token = recorded.records.get(id).map(|record| record.token.clone()).unwrap_or_default();
                let (parents, realm) = (node.resource.parents().to_vec(), node.resource.realm().map(str::to_owned));
                Transition::Hold {
                    id: id.clone(),
                    record: Record { attributes: seen.clone().into(), parents, token, realm },
                }
            }
            _ => Transition::Gone { id: id.clone() },
        };
        store.write(transition).await?;
    }
    Ok(drifts)
}

fn options(catalog: &Catalog, request: &Request, sight: &Sight) -> Options {
    let texts = |patterns: &[Pattern]| patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect();
    let Selection { targets, excludes } = &request.selection;
    Options {
        destroying: request.goal == Goal::Destroy,
        unprotected: request.unprotected.clone(),
        protected_at: catalog.protected.clone(),
        ignored: catalog.ignored.clone(),
        fleets: catalog
            .fleets
            .iter()
            .map(|fleet| Fleet {
                name: fleet.name.to_string(),
                machines: fleet.machines.iter().map(Name::to_string).collect(),
                most: fleet.most,
            })
            .collect(),
        moved: sight.moved.clone(),
        selected: sight.selected.as_ref().map(|selected| selected.acted.clone()),
        limit: (!request.selection.is_everything()).then(|| Limit {
            targets: texts(targets),
            excludes: texts(excludes),
            left_out: 0,
        }),
        ..Options::default()
    }
}

fn known<'a>(recorded: &'a Recorded, id: &ResourceId) -> Option<&'a Attributes> {
    recorded.records.get(id).map(|record| &*record.attributes)
}

/// Whether all that targets name is remembered and little: then it is read by itself, and no source is listed.
fn is_near(
    selection: &Selection,
    desired: &Resources,
    orphans: &Resources,
    recorded: &Recorded,
) -> Result<bool, graph::Error> {
    if selection.targets.is_empty() {
        return Ok(false);
    }
    let graph = graph::build(desired.clone(), orphans.clone())?;
    let tags = Tags::of(&graph, |id| known(recorded, id));
    let selected = selection.of(&graph, &tags);
    let seen = || graph.nodes().filter(|(position, _)| selected.seen[*position]).map(|(_, node)| &node.resource);
    // The same id in another realm would be another thing, and nobody would have looked for it.
    let is_known = |resource: &Arc<dyn Resource>| match (resource.realm(), recorded.realm(resource.id())) {
        (None, _) => true,
        (realm, recorded) => recorded.is_some_and(|recorded| recorded == realm),
    };
    Ok(selection.unmatched(&graph, &tags).is_none() && seen().count() <= FEW && seen().all(is_known))
}

/// So many reads are no worse than a listing.
const FEW: usize = 64;

fn unmatched(pattern: &Pattern, graph: &Graph) -> Error {
    Error::Unmatched { pattern: pattern.as_str().to_owned(), hint: hint(pattern, graph) }
}

/// What was probably meant by a word that names nothing.
fn hint(pattern: &Pattern, graph: &Graph) -> String {
    let machines: BTreeSet<_> = graph.nodes().filter_map(|(_, node)| node.resource.machine()).collect();
    let ids: Vec<_> = graph.nodes().map(|(_, node)| node.resource.id().as_str()).collect();
    let text = pattern.as_str();
    match (text.starts_with("tag:"), text.contains('/')) {
        (true, _) => "tags stand below a machine's `tags:`".to_owned(),
        (_, true) => note::suggestion(text, ids),
        _ => note::suggestion(text, machines),
    }
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
    let (plan, graph) = (Arc::clone(&proposal.plan), Arc::clone(&proposal.sight.graph));
    // Among the tasks that it waits for, where it costs least to be woken; they end with whoever asked.
    let run = AbortOnDropHandle::new(tokio::spawn(async move { apply(&plan, &graph, &tools).await }));
    run.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// Plans and applies until a plan is empty: what a round changed is looked at again. `consent` sees every plan before it is carried out; its second argument
/// counts the rounds from 0.
pub async fn converge(
    catalog: &Catalog,
    request: &Request,
    store: &Arc<dyn Store>,
    cx: &Context,
    events: &Events,
    mut consent: impl FnMut(&Proposal, usize) -> bool,
) -> Result<Converged, Error> {
    let mut changed = false;
    for round in 0..ROUNDS {
        if cx.cancel.is_cancelled() {
            return Ok(Converged::Stopped);
        }
        // A target that was deleted names nothing any more.
        let proposal = match round {
            0 => propose(catalog, request, Some(store.as_ref()), cx).await?,
            _ => look(catalog, request, Some(store.as_ref()), cx).await?,
        };
        if proposal.plan.changes_nothing() {
            return Ok(settled(request.goal, proposal, changed));
        }
        let is_told = !proposal.plan.steps.is_empty() || proposal.plan.adopted > 0;
        let proposal = if is_told { proposal.with_texts().await } else { proposal };
        if is_told && !consent(&proposal, round) {
            return Ok(Converged::Declined { changed });
        }
        let outcome = carry_out(&proposal, store, events, request.parallel).await;
        changed |= outcome.done > 0;
        if !outcome.is_complete() {
            return Ok(Converged::Partly(outcome));
        }
    }
    let proposal = look(catalog, request, Some(store.as_ref()), cx).await?;
    Ok(if proposal.plan.steps.is_empty() {
        settled(request.goal, proposal, changed)
    } else {
        Converged::Unsettled(proposal)
    })
}

/// What it means that there is no step left.
fn settled(goal: Goal, proposal: Proposal, changed: bool) -> Converged {
    if !proposal.plan.is_empty() {
        Converged::Blocked(proposal)
    } else if goal == Goal::Destroy && !proposal.sight.blind.is_empty() {
        Converged::Blindly(proposal.sight.blind)
    } else {
        Converged::Fully { changed }
    }
}

/// Providers that made something of this project and that the Machinefile no longer speaks of.
fn undeclared(catalog: &Catalog, recorded: &Recorded) -> Vec<(String, Failure)> {
    let is_known = |realm: &str| catalog.sources.iter().any(|source| source.name() == realm);
    let realms: BTreeSet<_> =
        recorded.realms().filter_map(|(_, realm)| realm).filter(|realm| !is_known(realm)).collect();
    let gone = |realm: &str| {
        let why = Failure::new("the Machinefile no longer declares it, and it still holds machines of this project");
        (realm.to_owned(), why.hint("put it back until they are deleted"))
    };
    realms.into_iter().map(gone).collect()
}

/// What could not be looked for is not forgotten.
fn keep_unseen(plan: &mut Plan, recorded: &Recorded, sight: &Sight, catalog: &Catalog) {
    let was_asked = |realm: &str| {
        catalog.sources.iter().any(|source| source.name() == realm)
            && !sight.blind.iter().any(|(name, _)| name == realm)
    };
    let unseen: BTreeSet<_> = recorded
        .realms()
        .filter(|(_, realm)| realm.is_some_and(|realm| !was_asked(realm)))
        .map(|(id, _)| id.clone())
        .collect();
    plan.forgotten.retain(|id| !unseen.contains(id));
}

type Resources = Vec<Arc<dyn Resource>>;

/// What is desired, and handles to what we know of and do not desire: what the catalog would make (when destroying)
/// and what the records remember, so that a listing that lags hides nothing.
///
/// What lives inside something else goes with it, unless a part of the project is selected that may be just that.
fn wanted(catalog: &Catalog, request: &Request, recorded: &Recorded) -> (Resources, Resources) {
    let mut orphans: Resources = Vec::new();
    let desired = match request.goal {
        Goal::Up => catalog.resources.clone(),
        Goal::Destroy => {
            let inside =
                |resource: &Arc<dyn Resource>| resource.parents().iter().any(|parent| parent.link == Link::Within);
            let all = !request.selection.is_everything();
            orphans.extend(catalog.resources.iter().filter(|r| !r.shared() && (all || !inside(r))).cloned());
            Vec::new()
        }
    };
    let known: std::collections::HashSet<_> =
        desired.iter().chain(&orphans).map(|resource| resource.id().clone()).collect();
    let mut remembered = Vec::new();
    for (id, realm) in recorded.realms().filter(|(id, _)| !known.contains(*id)) {
        let Some(source) = catalog.sources.iter().find(|source| Some(source.name()) == realm) else { continue };
        let attributes = recorded.records.get(id).map(|record| (*record.attributes).clone()).unwrap_or_default();
        remembered.extend(source.revive(&Found { id: id.clone(), attributes }));
    }
    orphans.append(&mut remembered);
    (desired, orphans)
}
