//! The order in which a plan's steps may run, as vertices of a [`Queue`]: every resource has one on the way down
//! (deletes, children first) and one on the way up (creates and updates, parents first).

use std::collections::HashMap;

use super::Plan;
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

/// The queue of one plan and what its vertices mean.
#[derive(Debug)]
pub struct Schedule {
    pub queue: Queue,
    resources: usize,
    /// Index into the plan's steps by graph position.
    steps: Vec<Option<usize>>,
}

impl Schedule {
    /// Edges follow the graph; their number is that of the graph, not of pairs of steps.
    #[must_use]
    pub fn new(plan: &Plan, graph: &Graph) -> Self {
        let by_id: HashMap<&ResourceId, usize> =
            plan.steps.iter().enumerate().map(|(index, step)| (&step.resource, index)).collect();
        let resources = graph.len();
        let mut queue = Queue::new(resources * 2);
        let mut steps = vec![None; resources];
        for (position, node) in graph.nodes() {
            let (down, up) = (position, resources + position);
            let step = by_id.get(node.resource.id()).copied();
            steps[position] = step;
            match step.map(|index| plan.steps[index].action) {
                Some(Action::Replace) => queue.need(down, up),
                _ => queue.order(down, up),
            }
            for (parent, _) in graph.parents(position) {
                queue.need(down, parent);
                queue.need(resources + parent, up);
            }
        }
        for handover in &plan.handovers {
            let (Some(from), Some(to)) = (graph.position(&handover.from), graph.position(&handover.to)) else {
                continue;
            };
            let updates = steps[from].is_some_and(|index| plan.steps[index].action == Action::Update);
            let goes = steps[to].is_some_and(|index| plan.steps[index].action == Action::Delete);
            queue.need(if updates { resources + from } else { from }, if goes { to } else { resources + to });
        }
        queue.start();
        Self { queue, resources, steps }
    }

    /// Where in the plan the step of a vertex stands.
    #[must_use]
    pub fn index(&self, vertex: usize) -> Option<usize> {
        self.steps[vertex % self.resources]
    }

    /// The step a vertex belongs to and its half; `None` for a vertex that only carries order.
    #[must_use]
    pub fn step<'a>(&self, vertex: usize, plan: &'a Plan) -> Option<(&'a Step, Phase)> {
        let (position, phase) =
            if vertex < self.resources { (vertex, Phase::Down) } else { (vertex - self.resources, Phase::Up) };
        let step = &plan.steps[self.steps[position]?];
        let here = match step.action {
            Action::Delete => phase == Phase::Down,
            Action::Create | Action::Update => phase == Phase::Up,
            Action::Replace => true,
        };
        here.then_some((step, phase))
    }
}
