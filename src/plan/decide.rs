//! One resource at a time: desired × observed × recorded, as a table.

use crate::graph::{Graph, Node};
use crate::observe::Observed;
use crate::resource::{Change, Disruption, Impact, Observation, diff};
use crate::store::{Intent, Operation, Record, Recorded};
use crate::value::Attributes;

use super::Options;
use super::step::{Action, Reason, Step};

/// What one resource needs when its relatives are left out of account.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    Keep,
    Step(Step),
    Blocked(String),
    /// It cannot be seen; the reason.
    Unseen(String),
}

/// One verdict per position of the graph.
pub(super) fn decide(graph: &Graph, observed: &Observed, recorded: &Recorded, options: Options) -> Vec<Verdict> {
    let mut verdicts = vec![Verdict::Keep; graph.len()];
    for (position, node) in graph.nodes() {
        let id = node.resource.id();
        if node.resource.is_group() {
            continue;
        }
        verdicts[position] = one(node, observed.get(id), recorded.records.get(id), recorded.intents.get(id), options);
    }
    verdicts
}

fn one(
    node: &Node,
    observation: &Observation,
    record: Option<&Record>,
    intent: Option<&Intent>,
    options: Options,
) -> Verdict {
    match (node.wanted, observation) {
        (_, Observation::Unreadable(why)) => Verdict::Unseen(why.clone()),
        (false, Observation::Absent) => Verdict::Keep,
        (false, Observation::Present(_)) => {
            Verdict::Step(delete(node, if options.destroying { Reason::Destroying } else { Reason::NotDesired }))
        }
        (true, Observation::Absent) => {
            Verdict::Step(create(node, if record.is_some() { Reason::Missing } else { Reason::New }))
        }
        (true, Observation::Present(observed)) => compare(node, observed, record, intent),
    }
}

fn compare(node: &Node, observed: &Attributes, record: Option<&Record>, intent: Option<&Intent>) -> Verdict {
    let changes = diff(node.resource.desired(), observed);
    if changes.is_empty() {
        // A create that was cut off may have left something that only looks whole.
        let cut = intent.is_some_and(|intent| intent.operation == Operation::Create.as_str());
        return if cut { Verdict::Step(create(node, Reason::Unfinished)) } else { Verdict::Keep };
    }
    let mut step = Step {
        resource: node.resource.id().clone(),
        action: Action::Update,
        reason: if drifted(&changes, record) { Reason::Drifted } else { Reason::Changed },
        disruption: Disruption::None,
        detail: Vec::new(),
        changes: Vec::new(),
    };
    let mut details = Vec::new();
    for change in &changes {
        match node.resource.impact(change, observed) {
            Impact::InPlace(disruption, detail) => {
                step.disruption = step.disruption.max(disruption);
                details.extend(detail.map(|text| (disruption, text)));
            }
            Impact::Replace(disruption) => {
                step.action = Action::Replace;
                step.disruption = step.disruption.max(disruption).max(Disruption::Replace);
            }
            Impact::Refused(why) => return Verdict::Blocked(why),
        }
    }
    // A restart says all there is to say about a reload beside it.
    details.retain(|(disruption, _)| *disruption == step.disruption);
    details.dedup();
    step.detail = details.into_iter().map(|(_, text)| text).collect();
    step.changes = changes;
    Verdict::Step(step)
}

/// Whether every change undoes something that happened since we last wrote: what is desired now is what we recorded then.
fn drifted(changes: &[Change], record: Option<&Record>) -> bool {
    let Some(record) = record else { return false };
    changes.iter().all(|change| look_up(&record.attributes, change).as_ref() == change.after.as_ref())
}

fn look_up(attributes: &Attributes, change: &Change) -> Option<serde_json::Value> {
    let (first, rest) = change.path.keys().split_first()?;
    let mut value = attributes.get(first)?;
    for key in rest {
        value = value.get(key)?;
    }
    Some(value.clone())
}

pub(super) fn create(node: &Node, reason: Reason) -> Step {
    let changes = diff(node.resource.desired(), &Attributes::new());
    let resource = node.resource.id().clone();
    Step { resource, action: Action::Create, reason, changes, disruption: Disruption::None, detail: Vec::new() }
}

pub(super) fn delete(node: &Node, reason: Reason) -> Step {
    Step {
        resource: node.resource.id().clone(),
        action: Action::Delete,
        reason,
        changes: Vec::new(),
        disruption: node.resource.deletion(),
        detail: Vec::new(),
    }
}
