//! What only one thing can have at a time goes from hand to hand: who gives it up comes before who takes it.

use std::collections::{BTreeSet, HashMap};

use crate::graph::Graph;
use crate::id::ResourceId;
use crate::observe::Observed;
use crate::resource::{Observation, Resource};

use super::step::{Action, Step};

/// Something that one step gives up and another takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handover {
    /// `port 8080/tcp`.
    pub what: String,
    pub from: ResourceId,
    pub to: ResourceId,
}

/// The handovers among steps, in their order. Two that wait for each other cannot both be kept: the later one is left out.
pub(super) fn handovers(steps: &[Step], graph: &Graph, observed: &Observed) -> Vec<Handover> {
    let mut given = HashMap::new();
    for step in steps {
        let Some(node) = graph.node(&step.resource) else { continue };
        given.extend(gives(step, node.resource.as_ref(), observed).into_iter().map(|what| (what, step)));
    }
    let mut found: Vec<Handover> = Vec::new();
    for step in if given.is_empty() { &[] } else { steps } {
        let Some(node) = graph.node(&step.resource) else { continue };
        for what in takes(step, node.resource.as_ref(), observed) {
            let Some(from) = given.get(&what).filter(|from| from.resource != step.resource) else { continue };
            if from.action == Action::Update && comes_before(&step.resource, &from.resource, graph, &found) {
                continue;
            }
            found.push(Handover { what, from: from.resource.clone(), to: step.resource.clone() });
        }
    }
    found
}

fn held(resource: &dyn Resource, observed: &Observed) -> BTreeSet<String> {
    match observed.get(resource.id()) {
        Observation::Present(attributes) => resource.claims(attributes).into_iter().collect(),
        Observation::Absent | Observation::Unreadable(_) => BTreeSet::new(),
    }
}

fn wanted(resource: &dyn Resource) -> BTreeSet<String> {
    resource.claims(resource.desired()).into_iter().collect()
}

fn gives(step: &Step, resource: &dyn Resource, observed: &Observed) -> BTreeSet<String> {
    match step.action {
        Action::Create => BTreeSet::new(),
        Action::Delete | Action::Replace => held(resource, observed),
        Action::Update => &held(resource, observed) - &wanted(resource),
    }
}

fn takes(step: &Step, resource: &dyn Resource, observed: &Observed) -> BTreeSet<String> {
    match step.action {
        Action::Delete => BTreeSet::new(),
        Action::Create | Action::Replace => wanted(resource),
        Action::Update => &wanted(resource) - &held(resource, observed),
    }
}

/// Whether on the way up `first` comes before `then`, as its ancestor or by what is handed over.
fn comes_before(first: &ResourceId, then: &ResourceId, graph: &Graph, known: &[Handover]) -> bool {
    let (Some(start), Some(goal)) = (graph.position(first), graph.position(then)) else { return false };
    let (mut next, mut seen) = (vec![start], BTreeSet::from([start]));
    while let Some(position) = next.pop() {
        if position == goal {
            return true;
        }
        let id = graph.at(position).resource.id();
        let handed = known.iter().filter(|handover| handover.from == *id).filter_map(|h| graph.position(&h.to));
        next.extend(graph.children(position).map(|(child, _)| child).chain(handed).filter(|p| seen.insert(*p)));
    }
    false
}

/// Puts takers of what an update gives up behind it, everything else where it was. Deletes stand first already.
pub(super) fn in_order(steps: Vec<Step>, graph: &Graph, handovers: &[Handover]) -> Vec<Step> {
    let place: HashMap<_, _> = steps.iter().enumerate().map(|(n, step)| (step.resource.clone(), n)).collect();
    if handovers.iter().all(|handover| place[&handover.from] < place[&handover.to]) {
        return steps;
    }
    let mut after = vec![Vec::new(); steps.len()];
    for (n, step) in steps.iter().enumerate().filter(|(_, step)| step.action != Action::Delete) {
        let Some(position) = graph.position(&step.resource) else { continue };
        let parents = graph.parents(position).filter_map(|(parent, _)| place.get(graph.at(parent).resource.id()));
        after[n].extend(parents.copied());
    }
    for handover in handovers {
        after[place[&handover.to]].push(place[&handover.from]);
    }
    let mut steps: Vec<_> = steps.into_iter().map(Some).collect();
    let mut ordered = Vec::with_capacity(steps.len());
    for n in 0..steps.len() {
        place_after(n, &after, &mut steps, &mut ordered);
    }
    ordered
}

fn place_after(n: usize, after: &[Vec<usize>], steps: &mut [Option<Step>], ordered: &mut Vec<Step>) {
    let Some(step) = steps[n].take() else { return };
    for earlier in &after[n] {
        place_after(*earlier, after, steps, ordered);
    }
    ordered.push(step);
}
