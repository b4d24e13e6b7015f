//! The order in which a plan's steps may run, as vertices of a [`Queue`]: every resource has one on the way down
//! (deletes, children first) and one on the way up (creates and updates, parents first).

use std::collections::{HashMap, HashSet};

use super::Plan;
use super::rollout;
use super::step::{Action, Step};
use crate::graph::{Graph, Queue};
use crate::id::ResourceId;

/// What a vertex stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The delete, or the first half of a replace.
    Down,
    /// The create or update, or the second half of a replace.
    Up,
}

/// Machines that have to be well before the next of their fleet are disturbed.
#[derive(Clone, Debug)]
pub struct Gate {
    pub machines: Vec<String>,
    /// Which of the plan's rollouts it belongs to.
    pub rollout: usize,
}

/// The queue of one plan and what its vertices mean.
#[derive(Debug)]
pub struct Schedule {
    pub queue: Queue,
    resources: usize,
    /// Index into the plan's steps by graph position.
    steps: Vec<Option<usize>>,
    /// The vertices behind those of the resources.
    gates: Vec<Gate>,
}

impl Schedule {
    /// Edges follow the graph; their number is that of the graph, not of pairs of steps.
    #[must_use]
    pub fn new(plan: &Plan, graph: &Graph) -> Self {
        let steps = Steps::of(plan, graph);
        let resources = graph.len();
        let gates = gates(plan);
        let mut queue = Queue::new(resources * 2 + gates.len());
        let rolled: HashSet<&str> =
            plan.rollouts.iter().flat_map(|rollout| rollout.batches.iter().flatten()).map(String::as_str).collect();
        edges(plan, graph, &steps, &|machine| rolled.contains(machine), |first, then, hard| {
            if hard { queue.need(first, then) } else { queue.order(first, then) }
        });
        if !gates.is_empty() {
            close(&mut queue, plan, graph, &steps, &gates);
        }
        queue.start();
        Self { queue, resources, steps: steps.at, gates }
    }

    /// Where in the plan the step of a vertex stands.
    #[must_use]
    pub fn index(&self, vertex: usize) -> Option<usize> {
        if vertex < self.resources * 2 { self.steps[vertex % self.resources] } else { None }
    }

    /// The step a vertex belongs to and its half; `None` for a vertex that is none.
    #[must_use]
    pub fn step<'a>(&self, vertex: usize, plan: &'a Plan) -> Option<(&'a Step, Phase)> {
        let step = &plan.steps[self.index(vertex)?];
        let phase = if vertex < self.resources { Phase::Down } else { Phase::Up };
        is_in(step.action, phase).then_some((step, phase))
    }

    /// What a vertex asks before others begin.
    #[must_use]
    pub fn gate(&self, vertex: usize) -> Option<&Gate> {
        self.gates.get(vertex.checked_sub(self.resources * 2)?)
    }
}

/// Whether an action has a part on the way down, or up.
fn is_in(action: Action, phase: Phase) -> bool {
    match action {
        Action::Delete => phase == Phase::Down,
        Action::Create | Action::Update => phase == Phase::Up,
        Action::Replace => true,
    }
}

/// Which resources have a step.
pub(super) struct Steps<'a> {
    plan: &'a Plan,
    resources: usize,
    /// Index into the plan's steps by graph position.
    at: Vec<Option<usize>>,
}

impl<'a> Steps<'a> {
    pub(super) fn of(plan: &'a Plan, graph: &Graph) -> Self {
        let by_id: HashMap<&ResourceId, usize> =
            plan.steps.iter().enumerate().map(|(index, step)| (&step.resource, index)).collect();
        let mut at = vec![None; graph.len()];
        for (position, node) in graph.nodes() {
            at[position] = by_id.get(node.resource.id()).copied();
        }
        Self { plan, resources: graph.len(), at }
    }

    fn step(&self, position: usize) -> Option<&'a Step> {
        Some(&self.plan.steps[self.at[position]?])
    }

    /// Whether something is done at a vertex.
    pub(super) fn is_step(&self, vertex: usize) -> bool {
        let phase = if vertex < self.resources { Phase::Down } else { Phase::Up };
        self.step(vertex % self.resources).is_some_and(|step| is_in(step.action, phase))
    }

    /// The vertex at which a resource's step begins.
    pub(super) fn first(&self, position: usize) -> Option<usize> {
        let goes = is_in(self.step(position)?.action, Phase::Down);
        Some(if goes { position } else { self.resources + position })
    }
}

/// What comes before what, and whether its failure is passed on. Machines that are rolled are not deleted all together before any of
/// them is made again: what nothing happens to, and to nothing above it, does not hold their ways down and up apart.
pub(super) fn edges(
    plan: &Plan,
    graph: &Graph,
    steps: &Steps<'_>,
    is_rolled: &dyn Fn(&str) -> bool,
    mut add: impl FnMut(usize, usize, bool),
) {
    let resources = graph.len();
    let mut stirs = vec![false; resources];
    for (position, node) in graph.nodes() {
        let (down, up) = (position, resources + position);
        let action = steps.step(position).map(|step| step.action);
        stirs[position] = action.is_some() || graph.parents(position).any(|(parent, _)| stirs[parent]);
        add(down, up, action == Some(Action::Replace));
        let machine = node.resource.machine().filter(|machine| is_rolled(machine));
        for (parent, _) in graph.parents(position) {
            let leaves = machine.is_some() && graph.at(parent).resource.machine() != machine;
            if !leaves || stirs[parent] {
                add(down, parent, true);
            }
            add(resources + parent, up, true);
        }
    }
    for handover in &plan.handovers {
        let (Some(from), Some(to)) = (graph.position(&handover.from), graph.position(&handover.to)) else {
            continue;
        };
        let updates = steps.step(from).is_some_and(|step| step.action == Action::Update);
        let goes = steps.step(to).is_some_and(|step| step.action == Action::Delete);
        add(if updates { resources + from } else { from }, if goes { to } else { resources + to }, true);
    }
}

/// One between each two batches.
fn gates(plan: &Plan) -> Vec<Gate> {
    let of = |(rollout, plan): (usize, &rollout::Rollout)| {
        let gated = plan.batches.len().saturating_sub(1);
        let gate = move |batch: &Vec<String>| Gate { machines: batch.clone(), rollout };
        plan.batches[..gated].iter().map(gate).collect::<Vec<_>>()
    };
    plan.rollouts.iter().enumerate().flat_map(of).collect()
}

/// A gate comes after all that is done to its machines and before the next ones are disturbed.
fn close(queue: &mut Queue, plan: &Plan, graph: &Graph, steps: &Steps<'_>, gates: &[Gate]) {
    let resources = graph.len();
    let mut positions: HashMap<&str, Vec<usize>> = HashMap::new();
    for (position, node) in graph.nodes().filter(|(position, _)| steps.step(*position).is_some()) {
        if let Some(machine) = node.resource.machine() {
            positions.entry(machine).or_default().push(position);
        }
    }
    let of = |machines: &[String]| -> Vec<usize> {
        machines.iter().filter_map(|machine| positions.get(machine.as_str())).flatten().copied().collect()
    };
    let is_disturbed =
        |position: &usize| steps.step(*position).is_some_and(|step| rollout::disturbs(step, graph.at(*position)));
    let mut gate = 0;
    for (rollout, plan) in plan.rollouts.iter().enumerate() {
        for pair in plan.batches.windows(2) {
            let vertex = resources * 2 + gate;
            for vertex_of_step in of(&pair[0]).into_iter().flat_map(|position| [position, resources + position]) {
                if steps.is_step(vertex_of_step) {
                    queue.need(vertex_of_step, vertex);
                }
            }
            for first in of(&pair[1]).iter().filter(|position| is_disturbed(position)) {
                queue.need(vertex, steps.first(*first).expect("it has a step"));
            }
            if gate > 0 && gates[gate - 1].rollout == rollout {
                queue.need(vertex - 1, vertex);
            }
            gate += 1;
        }
    }
}
