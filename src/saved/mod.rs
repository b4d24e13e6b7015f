//! A plan in a file: the steps, and what they were decided upon. It is carried out as it stands or refused.
//!
//! Bound to it are the project, this program's version, what the Machinefile meant, and what was seen and recorded of every
//! resource that a step touches, needs or takes along. Anything else may change meanwhile.

mod binding;
mod file;

use std::collections::{BTreeMap, BTreeSet, HashSet};

pub use file::{Unusable, is_plan};

use crate::catalog::Catalog;
use crate::id::{Owner, ResourceId};
use crate::plan::{Allowed, Plan, Step};
use crate::reconcile::{Goal, Proposal, Request};
use crate::resource::{Change, Observation, diff};
use crate::selection::{Pattern, Selection};
use crate::value::{Value, json};
use binding::{relations, written};

/// What is known before anything is looked at.
#[derive(Debug)]
pub struct Basis<'a> {
    pub owner: &'a Owner,
    pub catalog: &'a Catalog,
    /// The texts that the settings came from, by name.
    pub texts: BTreeMap<String, String>,
}

/// A plan with what it is bound to.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    owner: String,
    version: String,
    /// Digests of the texts, by name.
    texts: BTreeMap<String, String>,
    /// Digests of what each resource was to be.
    settings: BTreeMap<ResourceId, String>,
    relies: BTreeMap<ResourceId, Relied>,
    steps: Vec<Value>,
    /// What the steps take along.
    vanishing: BTreeSet<ResourceId>,
    /// The losses that were named when the plan was made.
    pub allowed: Allowed,
    /// What it was made for.
    pub aim: Aim,
    /// How many resources it left alone, because they could not be planned or seen.
    pub left_alone: usize,
}

/// What a plan was made for: all of the project or a part of it, to be as the Machinefile asks or to be gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aim {
    pub destroy: bool,
    pub targets: Vec<Pattern>,
    pub excludes: Vec<Pattern>,
}

impl Aim {
    #[must_use]
    pub fn of(request: &Request) -> Self {
        let Selection { targets, excludes } = request.selection.clone();
        Self { destroy: request.goal == Goal::Destroy, targets, excludes }
    }

    /// The request that looks at the same again.
    #[must_use]
    pub fn request(&self, parallel: usize) -> Request {
        let goal = if self.destroy { Goal::Destroy } else { Goal::Up };
        let selection = Selection { targets: self.targets.clone(), excludes: self.excludes.clone() };
        Request { selection, ..Request::new(goal, parallel) }
    }
}

/// What was known of a resource.
#[derive(Clone, Debug, PartialEq)]
struct Relied {
    seen: Observation,
    /// Digest of its record and of an operation that was begun, if there is either.
    written: Option<String>,
}

/// Why a saved plan is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("it is a plan for project `{theirs}`, and this is `{ours}`")]
    Project { theirs: String, ours: String },
    #[error("it was made by `machine` {theirs}, and this is {ours}")]
    Version { theirs: String, ours: String },
    #[error("{} no longer asks for what was planned: {}", texts.join(" and "), names(resources))]
    Settings { texts: Vec<String>, resources: Vec<ResourceId> },
    #[error("what it relies on has moved:\n{}", lines(.0))]
    Stale(Vec<Moved>),
    #[error("another plan would be made now for {}", names(.0))]
    Otherwise(Vec<ResourceId>),
}

/// A resource that is no longer as it was when the plan was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    pub resource: ResourceId,
    /// `power: running → stopped`.
    pub how: Vec<String>,
}

fn names(resources: &[ResourceId]) -> String {
    const SOME: usize = 5;
    let mut names: Vec<_> = resources.iter().take(SOME).map(ToString::to_string).collect();
    if resources.len() > SOME {
        names.push(format!("and {} more", resources.len() - SOME));
    }
    names.join(", ")
}

fn lines(moved: &[Moved]) -> String {
    let line = |moved: &Moved| format!("  {}  {}", moved.resource, moved.how.join(", "));
    moved.iter().map(line).collect::<Vec<_>>().join("\n")
}

impl Saved {
    #[must_use]
    pub fn new(basis: &Basis<'_>, request: &Request, proposal: &Proposal, allowed: Allowed) -> Self {
        let (sight, recorded) = (&proposal.sight, proposal.recorded());
        let stepped: HashSet<_> = proposal.plan.steps.iter().map(|step| &step.resource).collect();
        let known = |id: &ResourceId| Relied {
            seen: sight.observed.get(id).clone(),
            written: written(recorded, id, stepped.contains(id)),
        };
        let relies = relations(&sight.graph, &proposal.plan).into_iter().map(|id| (id.clone(), known(&id))).collect();
        Self {
            owner: basis.owner.slug(),
            version: VERSION.to_owned(),
            texts: binding::texts(basis),
            settings: binding::settings(basis.catalog),
            relies,
            steps: proposal.plan.steps.iter().map(program).collect(),
            vanishing: proposal.plan.vanishing.iter().map(|gone| gone.resource.clone()).collect(),
            allowed,
            aim: Aim::of(request),
            left_alone: proposal.plan.blocked.len() + proposal.plan.deferred.len(),
        }
    }

    /// What must be looked at before it is carried out.
    pub fn relies(&self) -> impl Iterator<Item = &ResourceId> {
        self.relies.keys()
    }

    /// Whether it is for this project, and the project is still meant to be what it was.
    pub fn check_settings(&self, basis: &Basis<'_>) -> Result<(), Refusal> {
        let ours = basis.owner.slug();
        if self.owner != ours {
            return Err(Refusal::Project { theirs: self.owner.clone(), ours });
        }
        if self.version != VERSION {
            return Err(Refusal::Version { theirs: self.version.clone(), ours: VERSION.to_owned() });
        }
        let resources = differing(&self.settings, &binding::settings(basis.catalog));
        if resources.is_empty() {
            return Ok(());
        }
        let mut texts = differing(&self.texts, &binding::texts(basis));
        if texts.is_empty() {
            texts.push("a file, variable or flag that the Machinefile names".to_owned());
        }
        Err(Refusal::Settings { texts, resources })
    }

    /// The steps of this plan that are still to be done and no others, from a fresh look; refused when that look shows
    /// anything else than the plan was made upon. What an earlier run carried out of it is passed over.
    pub fn check_world(&self, fresh: &Proposal) -> Result<Plan, Refusal> {
        let resource_of = |step: &Value| step["resource"].as_str().map(str::to_owned);
        let all = self.steps.iter().filter_map(|step| Some((resource_of(step)?, step)));
        let open = open(&fresh.plan);
        let (done, wanted): (BTreeMap<_, _>, BTreeMap<_, _>) = all.partition(|(id, _)| is_done(id, fresh, &open));
        let relied = self.relies.iter().filter(|(id, _)| !done.contains_key(id.as_str()));
        let mut moved: Vec<_> =
            relied.filter_map(|(id, was)| was.moved(id, fresh, wanted.contains_key(id.as_str()))).collect();
        if !moved.is_empty() {
            moved.sort_by(|a, b| a.resource.cmp(&b.resource));
            return Err(Refusal::Stale(moved));
        }
        let mut plan = Plan::clone(&fresh.plan);
        plan.steps.retain(|step| wanted.get(step.resource.as_str()).is_some_and(|saved| **saved == program(step)));
        if plan.steps.len() != wanted.len() {
            let kept: Vec<_> = plan.steps.iter().map(|step| step.resource.as_str()).collect();
            let lost = wanted.keys().filter(|id| !kept.contains(&id.as_str()));
            return Err(Refusal::Otherwise(lost.filter_map(|id| ResourceId::parse(id)).collect()));
        }
        plan.forgotten.clear();
        plan.blocked.clear();
        plan.deferred.clear();
        plan.vanishing.retain(|gone| wanted.contains_key(gone.with.as_str()));
        let gone: BTreeSet<_> = plan.vanishing.iter().map(|gone| gone.resource.clone()).collect();
        let is_there = |id: &&ResourceId| *fresh.sight.observed.get(id) != Observation::Absent;
        let meant: BTreeSet<_> = self.vanishing.iter().filter(is_there).cloned().collect();
        if gone != meant {
            return Err(Refusal::Otherwise(gone.symmetric_difference(&meant).cloned().collect()));
        }
        Ok(plan)
    }
}

/// What of a plan is not as it should be.
fn open(plan: &Plan) -> HashSet<&ResourceId> {
    let steps = plan.steps.iter().map(|step| &step.resource);
    let blocked = plan.blocked.iter().map(|blocked| &blocked.resource);
    steps.chain(blocked).chain(plan.deferred.iter().map(|deferred| &deferred.resource)).collect()
}

/// Whether a resource is as the plan would leave it, so that there is no step for it any more.
fn is_done(id: &str, fresh: &Proposal, open: &HashSet<&ResourceId>) -> bool {
    let Some(id) = ResourceId::parse(id).filter(|id| !open.contains(id)) else { return false };
    match (fresh.sight.graph.node(&id), fresh.sight.observed.get(&id)) {
        (Some(node), Observation::Present(seen)) if node.wanted => diff(node.resource.desired(), seen).is_empty(),
        (Some(node), Observation::Absent) => !node.wanted,
        (None, Observation::Absent) => true,
        _ => false,
    }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Relied {
    fn moved(&self, id: &ResourceId, fresh: &Proposal, has_step: bool) -> Option<Moved> {
        let mut how = match (&self.seen, fresh.sight.observed.get(id)) {
            (Observation::Present(was), Observation::Present(is)) => {
                crate::resource::moved(was, is).iter().map(sentence).collect()
            }
            (was, is) if was == is => Vec::new(),
            (was, is) => vec![format!("{} → {}", state(was), state(is))],
        };
        if how.is_empty() && self.written != written(fresh.recorded(), id, has_step) {
            how.push("another run has changed it or seen it anew".to_owned());
        }
        (!how.is_empty()).then(|| Moved { resource: id.clone(), how })
    }
}

fn sentence(change: &Change) -> String {
    let text = |value: Option<&Value>| value.map_or_else(|| "(none)".to_owned(), crate::value::plain);
    format!("{}: {} → {}", change.path, text(change.before.as_ref()), text(change.after.as_ref()))
}

fn state(observation: &Observation) -> String {
    match observation {
        Observation::Present(_) => "present".to_owned(),
        Observation::Absent => "absent".to_owned(),
        Observation::Unreadable(why) => format!("unreadable ({why})"),
    }
}

/// A step with all its operands, to be compared and to be read by people.
fn program(step: &Step) -> Value {
    let change =
        |change: &Change| json!({"path": change.path.to_string(), "before": change.before, "after": change.after});
    json!({
        "resource": step.resource.as_str(),
        "action": step.action.as_str(),
        "reason": step.reason.to_string(),
        "disruption": step.disruption.as_str(),
        "detail": step.detail,
        "changes": step.changes.iter().map(change).collect::<Vec<_>>(),
    })
}

/// The keys whose values are not the same in both.
fn differing<K: Ord + Clone>(a: &BTreeMap<K, String>, b: &BTreeMap<K, String>) -> Vec<K> {
    let mut keys: Vec<_> = a.iter().filter(|(key, value)| b.get(*key) != Some(*value)).map(|(key, _)| key).collect();
    keys.extend(b.keys().filter(|key| !a.contains_key(*key)));
    keys.sort();
    keys.into_iter().cloned().collect()
}
