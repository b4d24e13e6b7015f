//! One resource at a time: desired × observed × recorded, as a table.

use std::collections::BTreeMap;

use crate::graph::{Graph, Node};
use crate::observe::Observed;
use crate::resource::{Change, Disruption, Impact, Observation, diff};
use crate::store::{Intent, Operation, Record, Recorded};
use crate::value::{Attributes, Path, Value};

use super::step::{Action, Blocked, Cause, Hold, Reason, Step};
use super::{Options, Plan, ignore, moves, protect};

/// What one resource needs when its relatives are left out of account.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    Keep,
    Step(Box<Step>),
    Blocked(String),
    /// It is not among what was selected.
    Outside,
    /// It would be deleted or made anew and is protected; the reason.
    Protected(String),
    /// It cannot be seen; the reason.
    Unseen(String),
}

/// One verdict per position of the graph.
pub(super) fn decide(graph: &Graph, observed: &Observed, recorded: &Recorded, options: &Options) -> Vec<Verdict> {
    let mut verdicts = vec![Verdict::Keep; graph.len()];
    for (position, node) in graph.nodes() {
        if !options.is_selected(Some(position)) {
            verdicts[position] = Verdict::Outside;
            continue;
        }
        let id = node.resource.id();
        let absent = *observed.get(id) == Observation::Absent;
        if node.resource.is_group() || (absent && node.wanted && ignore::is_idle(graph, position, observed, options)) {
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
    options: &Options,
) -> Verdict {
    match (node.wanted, observation) {
        (_, Observation::Unreadable(why)) => Verdict::Unseen(why.clone()),
        (false, Observation::Absent) => Verdict::Keep,
        (false, Observation::Present(_)) => {
            if let Some(why) = protect::refusal(node, observation, options) {
                return Verdict::Protected(why);
            }
            Verdict::Step(Box::new(delete(
                node,
                if options.destroying { Reason::Destroying } else { Reason::NotDesired },
            )))
        }
        (true, Observation::Absent) => {
            Verdict::Step(Box::new(create(node, if record.is_some() { Reason::Missing } else { Reason::New })))
        }
        (true, Observation::Present(observed)) => {
            match moves::renamed(compare(node, observed, record, intent, options), node, options) {
                Verdict::Step(step) if step.action == Action::Replace => {
                    protect::instead(step, node, observation, options)
                }
                verdict => verdict,
            }
        }
    }
}

pub(super) fn preview(node: &Node, seen: &Attributes, options: &Options) -> Plan {
    let mut plan = Plan::default();
    match compare(node, seen, None, None, options) {
        Verdict::Step(step) => plan.steps.push(*step),
        Verdict::Blocked(why) => {
            plan.blocked.push(Blocked { resource: node.resource.id().clone(), why: Hold::Refused(why) });
        }
        _ => plan.unchanged = 1,
    }
    plan
}

fn compare(
    node: &Node,
    observed: &Attributes,
    record: Option<&Record>,
    intent: Option<&Intent>,
    options: &Options,
) -> Verdict {
    let mut changes = diff(node.resource.desired(), observed);
    changes.retain(|change| !ignore::is_ignored(node.resource.id(), change, options));
    if changes.is_empty() {
        // A create that was cut off may have left something that only looks whole.
        let cut = intent.is_some_and(|intent| intent.operation == Operation::Create.as_str());
        return if cut { Verdict::Step(Box::new(create(node, Reason::Unfinished))) } else { Verdict::Keep };
    }
    let mut step = Step::new(node, Action::Update, Reason::Differs, Disruption::None);
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
    let remarks = node.resource.remarks().into_iter();
    let changes_it =
        |name: &str| changes.iter().any(|change| change.path.keys().first().is_some_and(|key| key == name));
    step.detail.extend(remarks.filter(|(name, _)| changes_it(name)).map(|(_, text)| text));
    if step.action == Action::Replace {
        step.unknown = node.resource.outputs();
    }
    let stands = |record: &&Record| {
        node.resource.grounds().iter().all(|name| record.attributes.get(*name) == observed.get(*name))
    };
    step.left = record.filter(stands).map(|record| left(&changes, record));
    step.reason = because(&changes, &step);
    step.changes = changes;
    Verdict::Step(Box::new(step))
}

/// What we recorded last of the attributes that change.
fn left(changes: &[Change], record: &Record) -> BTreeMap<Path, Value> {
    let recorded = |change: &Change| Some((change.path.clone(), look_up(&record.attributes, &change.path)?.clone()));
    changes.iter().filter_map(recorded).collect()
}

/// Who made the difference, from what is desired, what is there and what we left.
fn because(changes: &[Change], step: &Step) -> Reason {
    let (mut file, mut outside) = (false, false);
    for change in changes {
        match step.cause(change) {
            None => return Reason::Differs,
            Some(Cause::File) => file = true,
            Some(Cause::Outside) => outside = true,
            Some(Cause::Both) => (file, outside) = (true, true),
        }
    }
    match (file, outside) {
        (true, true) => Reason::Mixed,
        (false, true) => Reason::Drifted,
        _ => Reason::Changed,
    }
}

fn look_up<'a>(attributes: &'a Attributes, path: &Path) -> Option<&'a Value> {
    let (first, rest) = path.keys().split_first()?;
    let found = rest.iter().try_fold(attributes.get(first)?, |value, key| value.get(key))?;
    (!found.is_null()).then_some(found)
}

pub(super) fn create(node: &Node, reason: Reason) -> Step {
    let step = Step::new(node, Action::Create, reason, Disruption::None);
    let detail = node.resource.remarks().into_iter().map(|(_, text)| text).collect();
    let changes = diff(node.resource.desired(), &Attributes::new());
    Step { changes, detail, unknown: node.resource.outputs(), ..step }
}

pub(super) fn delete(node: &Node, reason: Reason) -> Step {
    Step::new(node, Action::Delete, reason, node.resource.deletion())
}
