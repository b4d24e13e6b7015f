//! The one loop: start what is ready, wait for what ends, record after each.

use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;

use super::operation::{Error, operate};
use super::{Event, Outcome, Tools};
use crate::graph::Graph;
use crate::plan::{Phase, Plan, Schedule};
use crate::store::Transition;

/// Carries out every step of `plan` that its parents allow. When the context is cancelled, what runs is awaited and
/// nothing new is started.
pub async fn apply(plan: &Arc<Plan>, graph: &Graph, tools: &Tools) -> Outcome {
    let mut run = Run {
        plan,
        graph,
        tools,
        schedule: Schedule::new(plan, graph),
        tasks: JoinSet::new(),
        outcome: Outcome::default(),
        stopping: false,
        settled: 0,
    };
    tools.events.send(Event::Began { steps: plan.steps.len() });
    run.forget().await;
    run.walk().await;
    let outcome = run.outcome;
    let (failed, skipped) = (outcome.failed.len(), outcome.skipped.len());
    tools.events.send(Event::Ended { done: outcome.done, failed, skipped, left: outcome.left });
    outcome
}

struct Ended {
    vertex: usize,
    result: Result<(), Error>,
    started: Instant,
}

struct Run<'a> {
    plan: &'a Arc<Plan>,
    graph: &'a Graph,
    tools: &'a Tools,
    schedule: Schedule,
    tasks: JoinSet<Ended>,
    outcome: Outcome,
    stopping: bool,
    /// Steps that ended, well or not, or were skipped.
    settled: usize,
}

impl Run<'_> {
    async fn forget(&mut self) {
        for id in &self.plan.forgotten {
            if let Err(error) = self.tools.store.write(Transition::Gone { id: id.clone() }).await {
                self.outcome.store = Some(error);
                return;
            }
        }
    }

    async fn walk(&mut self) {
        loop {
            self.start_ready();
            let ended = tokio::select! {
                ended = self.tasks.join_next() => ended,
                () = self.tools.context.cancel.cancelled(), if !self.stopping => {
                    self.stopping = true;
                    self.tools.events.send(Event::Stopping { running: self.tasks.len() });
                    continue;
                }
            };
            match ended {
                Some(Ok(ended)) => self.settle(ended),
                Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
                None => break,
            }
        }
        self.outcome.left = self.plan.steps.len() - self.settled;
    }

    fn start_ready(&mut self) {
        if self.tools.context.cancel.is_cancelled() || self.outcome.store.is_some() {
            return;
        }
        while self.tasks.len() < self.tools.parallel.max(1) {
            let Some(vertex) = self.schedule.queue.take() else { break };
            let Some((step, phase)) = self.schedule.step(vertex, self.plan) else {
                self.schedule.queue.finish(vertex);
                self.note_skipped();
                continue;
            };
            let resource = Arc::clone(&self.graph.node(&step.resource).expect("steps are of the graph").resource);
            if phase == Phase::Down || step.action != crate::plan::Action::Replace {
                self.tools.events.send(Event::Started { resource: step.resource.clone(), action: step.action });
            }
            let (tools, step) = (self.tools.clone(), step.clone());
            self.tasks.spawn(async move {
                let started = Instant::now();
                let result = operate(&tools, resource, &step, phase).await;
                Ended { vertex, result, started }
            });
        }
    }

    fn settle(&mut self, ended: Ended) {
        let (step, phase) = self.schedule.step(ended.vertex, self.plan).expect("only steps run");
        let (resource, action, took) = (step.resource.clone(), step.action, ended.started.elapsed());
        match ended.result {
            Ok(()) => {
                self.schedule.queue.finish(ended.vertex);
                let half = action == crate::plan::Action::Replace && phase == Phase::Down;
                if !half {
                    self.outcome.done += 1;
                    self.settled += 1;
                    self.tools.events.send(Event::Finished { resource, action, took });
                }
            }
            Err(Error::Operation(failure)) => {
                self.schedule.queue.fail(ended.vertex);
                self.settled += 1;
                let event = Event::Failed { resource: resource.clone(), action, took, failure: failure.clone() };
                self.tools.events.send(event);
                self.outcome.failed.push((resource, failure));
            }
            Err(Error::Store(error)) => {
                self.schedule.queue.fail(ended.vertex);
                self.outcome.store = Some(error);
            }
        }
        self.note_skipped();
    }

    fn note_skipped(&mut self) {
        for skipped in self.schedule.queue.take_skipped() {
            let Some((step, phase)) = self.schedule.step(skipped.vertex, self.plan) else { continue };
            let Some((cause, _)) = self.schedule.step(skipped.because, self.plan) else { continue };
            let second_half = step.action == crate::plan::Action::Replace && phase == Phase::Up;
            if step.resource == cause.resource || (second_half && self.was_skipped(&step.resource)) {
                continue;
            }
            let (resource, because) = (step.resource.clone(), cause.resource.clone());
            self.settled += 1;
            self.tools.events.send(Event::Skipped { resource: resource.clone(), because: because.clone() });
            self.outcome.skipped.push((resource, because));
        }
    }

    fn was_skipped(&self, id: &crate::id::ResourceId) -> bool {
        self.outcome.skipped.iter().any(|(resource, _)| resource == id)
    }
}
