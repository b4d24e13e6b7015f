//! What only one thing can have at a time goes from hand to hand: who gives it up comes before who takes it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::graph::Graph;
use crate::id::ResourceId;
use crate::observe::Observed;
use crate::resource::{Observation, Resource};

use super::Plan;
use super::step::{Action, Hold, Step, Vanishing};

/// Something that one step gives up and another takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handover {
    /// `port 8080/tcp`.
    pub what: String,
    pub from: ResourceId,
    pub to: ResourceId,
}

/// The handovers among steps, in their order, and the steps that cannot have what they take: two things that wait for
/// each other, or what something holds that has no step to give it up.
pub(super) fn handovers(
    plan: &Plan,
    graph: &Graph,
    observed: &Observed,
) -> (Vec<Handover>, BTreeMap<ResourceId, Hold>) {
    let steps = &plan.steps;
    let (mut found, mut conflicts): (Vec<Handover>, _) = (Vec::new(), BTreeMap::new());
    let taken: Vec<_> = steps.iter().flat_map(|step| takes_of(step, graph, observed)).collect();
    if taken.is_empty() {
        return (found, conflicts);
    }
    let holders = holders(&taken, graph, observed);
    let mut given: HashMap<_, _> = steps.iter().flat_map(|step| gives_of(step, graph, observed)).collect();
    given.extend(plan.vanishing.iter().flat_map(|gone| vanishes_with(gone, plan, graph, observed)));
    for (what, step) in taken {
        let Some(holder) = holders.get(&what).filter(|holder| **holder != step.resource) else { continue };
        let hold = match given.get(&what) {
            None => Hold::Taken { what, by: holder.clone() },
            Some(from)
                if from.action == Action::Update && comes_before(&step.resource, &from.resource, graph, &found) =>
            {
                Hold::Swap { what, with: holder.clone() }
            }
            Some(from) => {
                found.push(Handover { what, from: from.resource.clone(), to: step.resource.clone() });
                continue;
            }
        };
        conflicts.insert(step.resource.clone(), hold);
    }
    (found, conflicts)
}

/// Who has each of these now.
fn holders(taken: &[(String, &Step)], graph: &Graph, observed: &Observed) -> HashMap<String, ResourceId> {
    let wanted: BTreeSet<_> = taken.iter().map(|(what, _)| what.as_str()).collect();
    let resources = graph.nodes().map(|(_, node)| node.resource.as_ref());
    let all = resources.flat_map(|resource| held(resource, observed).into_iter().map(|what| (what, resource.id())));
    all.filter(|(what, _)| wanted.contains(what.as_str())).map(|(what, id)| (what, id.clone())).collect()
}

fn takes_of<'a>(step: &'a Step, graph: &Graph, observed: &Observed) -> Vec<(String, &'a Step)> {
    let claims = graph.node(&step.resource).map(|node| takes(step, node.resource.as_ref(), observed));
    claims.into_iter().flatten().map(|what| (what, step)).collect()
}

fn gives_of<'a>(step: &'a Step, graph: &Graph, observed: &Observed) -> Vec<(String, &'a Step)> {
    let claims = graph.node(&step.resource).map(|node| gives(step, node.resource.as_ref(), observed));
    claims.into_iter().flatten().map(|what| (what, step)).collect()
}

fn vanishes_with<'a>(gone: &Vanishing, plan: &'a Plan, graph: &Graph, observed: &Observed) -> Vec<(String, &'a Step)> {
    let claims = graph.node(&gone.resource).map(|node| held(node.resource.as_ref(), observed));
    let claims = claims.filter(|claims| !claims.is_empty());
    let root = claims.is_some().then(|| plan.steps.iter().find(|step| step.resource == gone.with)).flatten();
    claims.into_iter().flatten().filter_map(|what| Some((what, root?))).collect()
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
        Action::Delete => resource.awaits().into_iter().collect(),
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

/// Puts takers of what an update gives up behind it, everything else where it was.
pub(super) fn in_order(steps: Vec<Step>, graph: &Graph, handovers: &[Handover]) -> Vec<Step> {
    let place: HashMap<_, _> = steps.iter().enumerate().map(|(n, step)| (step.resource.clone(), n)).collect();
    if handovers.iter().all(|handover| place[&handover.from] < place[&handover.to]) {
        return steps;
    }
    let mut after = vec![Vec::new(); steps.len()];
    for (n, step) in steps.iter().enumerate() {
        let Some(position) = graph.position(&step.resource) else { continue };
        let place = |position: usize| place.get(graph.at(position).resource.id()).copied();
        if step.action == Action::Delete {
            let children = graph.children(position).filter_map(|(child, _)| place(child));
            after[n].extend(children.filter(|child| steps[*child].action == Action::Delete));
        } else {
            after[n].extend(graph.parents(position).filter_map(|(parent, _)| place(parent)));
        }
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
