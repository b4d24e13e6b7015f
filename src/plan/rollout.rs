//! Machines that are disturbed a few at a time: the next of them only once those before are well again.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};

use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;

use super::schedule::{self, Steps};
use super::step::{Action, Step};
use super::{Options, Plan, ignore};
use crate::graph::{Graph, Node};
use crate::id::ResourceId;
use crate::observe::Observed;
use crate::resource::{Disruption, diff};
use crate::value::Path;

/// Machines of which no more than `most` are to be away at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// What its machines have in common: the name of a counted machine, or the project's.
    pub name: String,
    pub machines: BTreeSet<String>,
    pub most: usize,
}

/// How a plan goes through a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    pub fleet: String,
    /// Machines that are disturbed together, one group after the other.
    pub batches: Vec<Vec<String>>,
    /// Where what is kept on them may go on being other than asked for: it was before, and no step of this plan changes that.
    pub excused: BTreeMap<ResourceId, Vec<Path>>,
}

/// Those of more machines than may be away at once.
pub(super) fn rollouts(plan: &Plan, graph: &Graph, observed: &Observed, options: &Options) -> Vec<Rollout> {
    let disturbed = disturbed(plan, graph);
    let of = |fleet: &Fleet| disturbed.keys().filter(|name| fleet.machines.contains(**name)).count();
    let fleets: Vec<_> = options.fleets.iter().filter(|fleet| of(fleet) > fleet.most.max(1)).collect();
    if fleets.is_empty() {
        return Vec::new();
    }
    let units = units(plan, graph, &disturbed);
    let roll = |fleet: &&Fleet| {
        let batches = batches(fleet, &units);
        let gated: BTreeSet<_> = batches.iter().rev().skip(1).flatten().map(String::as_str).collect();
        Rollout { fleet: fleet.name.clone(), excused: excused(plan, graph, observed, options, &gated), batches }
    };
    fleets.iter().map(roll).filter(|rollout| rollout.batches.len() > 1).collect()
}

/// Whether a machine that is there is away for a while.
pub(super) fn disturbs(step: &Step, node: &Node) -> bool {
    let changes = matches!(step.action, Action::Update | Action::Replace);
    node.wanted && changes && step.disruption >= Disruption::Restart
}

/// The machines that are away for a while, each with the steps that do it.
fn disturbed<'a>(plan: &'a Plan, graph: &'a Graph) -> BTreeMap<&'a str, Vec<&'a Step>> {
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for step in &plan.steps {
        if let Some(node) = graph.node(&step.resource).filter(|node| disturbs(step, node))
            && let Some(machine) = node.resource.machine()
        {
            found.entry(machine).or_default().push(step);
        }
    }
    found
}

/// Machines that cannot be taken apart, because each has a step that waits for one of another's, in an order in
/// which none waits for a later one. Where there is a choice, by name and number.
fn units<'a>(plan: &Plan, graph: &'a Graph, disturbed: &BTreeMap<&'a str, Vec<&Step>>) -> Vec<Vec<&'a str>> {
    let mut machines: Vec<&str> = disturbed.keys().copied().collect();
    machines.sort_by_key(|name| numbered(name));
    let place: HashMap<_, _> = machines.iter().enumerate().map(|(place, name)| (*name, place)).collect();
    let steps = Steps::of(plan, graph);
    let mut next = vec![Vec::new(); graph.len() * 2];
    schedule::edges(plan, graph, &steps, &|machine| place.contains_key(machine), |first, then, _| {
        next[first].push(then);
    });

    let mut waits = DiGraph::<usize, (), u32>::new();
    let nodes: Vec<_> = (0..machines.len()).map(|place| waits.add_node(place)).collect();
    for (name, causes) in disturbed {
        let mut open: Vec<_> = causes.iter().filter_map(|step| steps.first(graph.position(&step.resource)?)).collect();
        let mut seen: HashSet<usize> = open.iter().copied().collect();
        while let Some(vertex) = open.pop() {
            let owner = steps.is_step(vertex).then(|| graph.at(vertex % graph.len()).resource.machine()).flatten();
            if let Some(other) = owner.and_then(|machine| place.get(machine)).filter(|other| **other != place[name]) {
                waits.update_edge(nodes[place[name]], nodes[*other], ());
            }
            open.extend(next[vertex].iter().copied().filter(|vertex| seen.insert(*vertex)));
        }
    }
    in_order(&waits).into_iter().map(|unit| unit.into_iter().map(|place| machines[place]).collect()).collect()
}

/// What waits for each other together, and the first of it first.
fn in_order(waits: &DiGraph<usize, (), u32>) -> Vec<Vec<usize>> {
    let mut units: Vec<Vec<usize>> =
        tarjan_scc(waits).into_iter().map(|unit| unit.into_iter().map(|node| waits[node]).collect()).collect();
    for unit in &mut units {
        unit.sort_unstable();
    }
    units.sort();
    let unit_of: HashMap<usize, usize> =
        units.iter().enumerate().flat_map(|(unit, places)| places.iter().map(move |place| (*place, unit))).collect();
    let mut after = vec![BTreeSet::new(); units.len()];
    let mut open = vec![0usize; units.len()];
    for edge in waits.edge_indices() {
        let (from, to) = waits.edge_endpoints(edge).expect("an edge of it");
        let (from, to) = (unit_of[&waits[from]], unit_of[&waits[to]]);
        if from != to && after[from].insert(to) {
            open[to] += 1;
        }
    }
    let mut ready: BinaryHeap<_> = (0..units.len()).filter(|unit| open[*unit] == 0).map(Reverse).collect();
    let mut order = Vec::new();
    while let Some(Reverse(unit)) = ready.pop() {
        for later in &after[unit] {
            open[*later] -= 1;
            if open[*later] == 0 {
                ready.push(Reverse(*later));
            }
        }
        order.push(std::mem::take(&mut units[unit]));
    }
    order
}

/// `worker-2` before `worker-10`.
fn numbered(name: &str) -> (&str, u64) {
    let base = name.trim_end_matches(|c: char| c.is_ascii_digit());
    (base, name[base.len()..].parse().unwrap_or_default())
}

fn batches(fleet: &Fleet, units: &[Vec<&str>]) -> Vec<Vec<String>> {
    let mut batches: Vec<Vec<String>> = Vec::new();
    for unit in units {
        let own: Vec<_> = unit.iter().filter(|name| fleet.machines.contains(**name)).map(|&name| name.into()).collect();
        match batches.last_mut() {
            _ if own.is_empty() => {}
            Some(batch) if batch.len() + own.len() <= fleet.most => batch.extend(own),
            _ => batches.push(own),
        }
    }
    batches
}

fn excused(
    plan: &Plan,
    graph: &Graph,
    observed: &Observed,
    options: &Options,
    machines: &BTreeSet<&str>,
) -> BTreeMap<ResourceId, Vec<Path>> {
    let steps: HashMap<_, _> = plan.steps.iter().map(|step| (&step.resource, step)).collect();
    let kept = graph.nodes().map(|(_, node)| node).filter(|node| is_kept(node, machines));
    let differs = |node: &Node| {
        let id = node.resource.id();
        let differing = match (steps.get(id), observed.get(id).attributes()) {
            (Some(_), None) => Vec::new(),
            (None, None) => vec![Path::root()],
            (step, Some(seen)) => {
                let changes = diff(node.resource.desired(), seen);
                let stays =
                    |path: &Path| step.is_none_or(|step| step.changes.iter().all(|change| change.path != *path));
                changes.into_iter().map(|change| change.path).filter(stays).collect()
            }
        };
        let ignored = ignore::of(id, options).iter().cloned();
        let all: Vec<_> = differing.into_iter().chain(ignored).collect();
        (!all.is_empty()).then(|| (id.clone(), all))
    };
    kept.filter_map(differs).collect()
}

/// Whether it tells of one of these machines how it is.
#[must_use]
pub fn is_kept(node: &Node, machines: &BTreeSet<&str>) -> bool {
    let is_theirs = node.resource.machine().is_some_and(|machine| machines.contains(machine));
    node.wanted && is_theirs && !node.resource.is_group()
}
