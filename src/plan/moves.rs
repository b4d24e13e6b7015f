//! Things whose machine has another name now: they keep what they are, and our records of them.

use std::collections::BTreeMap;

use crate::graph::Graph;
use crate::id::ResourceId;
use crate::observe::Observed;
use crate::resource::{Disruption, Impact};
use crate::store::{Record, Recorded};

use super::consent::machine_of;
use super::decide::Verdict;
use super::step::{Action, Reason, Step};
use super::{Options, Plan};
use crate::graph::Node;

/// A verdict on what is there under an earlier id.
pub(super) fn renamed(verdict: Verdict, node: &Node, options: &Options) -> Verdict {
    let Some(from) = options.moved.get(node.resource.id()) else { return verdict };
    let (disruption, text) = match node.resource.renaming() {
        Impact::InPlace(disruption, text) => (disruption, text),
        Impact::Replace(disruption) => (disruption.max(Disruption::Replace), None),
        Impact::Refused(why) => return Verdict::Blocked(why),
    };
    let mut step = match verdict {
        Verdict::Keep => Box::new(Step::new(node, Action::Update, Reason::Moved(from.clone()), Disruption::None)),
        Verdict::Step(step) => step,
        other => return other,
    };
    if !matches!(step.reason, Reason::Moved(_)) {
        step.detail.insert(0, Reason::Moved(from.clone()).to_string());
    }
    step.disruption = step.disruption.max(disruption);
    step.detail.extend(text);
    Verdict::Step(step)
}

/// Every step on what is there under an earlier id begins with giving it its own, and our record of that id goes with the step.
pub(super) fn mark(plan: &mut Plan, graph: &Graph, options: &Options) {
    if options.moved.is_empty() {
        return;
    }
    for step in &mut plan.steps {
        step.moved = options.moved.get(&step.resource).cloned().or_else(|| joins(step, graph, options));
    }
    plan.forgotten.retain(|id| !options.moved.values().any(|from| from == id));
}

/// The earlier id that something new of a machine would have, where it cannot be made before the machine has its name.
fn joins(step: &Step, graph: &Graph, options: &Options) -> Option<ResourceId> {
    let own = &graph.node(&step.resource)?.resource;
    if step.action != Action::Create || !own.moves_together() {
        return None;
    }
    let goes_along = |id: &&ResourceId| {
        graph.node(id).is_some_and(|Node { resource, .. }| {
            resource.moves_together() && (resource.machine(), resource.realm()) == (own.machine(), own.realm())
        })
    };
    let from = &options.moved[options.moved.keys().find(goes_along)?];
    step.resource.of_machine(own.machine()?, machine_of(from))
}

/// The records under the ids that things have now, and those that have to be written so before anything else: of what lives inside
/// machines, which nobody has to rename. `None` where no machine was renamed. `names` are what machines may have been called before.
#[must_use]
pub fn follow(
    recorded: &Recorded,
    graph: &Graph,
    observed: &Observed,
    names: &BTreeMap<String, Vec<String>>,
    moved: &BTreeMap<ResourceId, ResourceId>,
) -> Option<(Recorded, Vec<(ResourceId, Record)>)> {
    if names.is_empty() {
        return None;
    }
    let (mut recorded, mut inside) = (recorded.clone(), Vec::new());
    for (_, node) in graph.nodes().filter(|(_, node)| node.wanted) {
        let Some((machine, olds)) = node.resource.machine().and_then(|name| names.get_key_value(name)) else {
            continue;
        };
        let id = node.resource.id();
        let is_within = node.resource.realm().is_none();
        for old in olds.iter().filter_map(|old| id.of_machine(machine, old)) {
            if !is_within && moved.get(id) != Some(&old) {
                continue;
            }
            if let (false, Some(intent)) = (recorded.intents.contains_key(id), recorded.intents.get(&old)) {
                recorded.intents.insert(id.clone(), intent.clone());
            }
            let Some(record) = recorded.records.get(&old).filter(|_| !recorded.records.contains_key(id)) else {
                continue;
            };
            let record = Record { parents: node.resource.parents().to_vec(), ..record.clone() };
            if is_within && observed.get(id).attributes().is_some() {
                inside.push((id.clone(), record.clone()));
            }
            recorded.records.insert(id.clone(), record);
        }
    }
    Some((recorded, inside))
}
