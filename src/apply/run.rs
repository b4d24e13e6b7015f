//! The one loop: start what is ready, wait for what ends, record after each.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::operation::{Error, operate};
use super::{Event, Outcome, Tools};
use crate::graph::Graph;
use crate::id::ResourceId;
use crate::plan::{Action, Phase, Plan, Schedule};
use crate::store::Transition;

/// Carries out every step of `plan` that its parents allow. When the context is cancelled, what runs is awaited and
/// nothing new is started.
pub async fn apply(plan: &Arc<Plan>, graph: &Graph, tools: &Tools) -> Outcome {
    let (effective, effects) = mpsc::unbounded_channel();
    let mut run = Run {
        plan,
        graph,
        tools,
        schedule: Schedule::new(plan, graph),
        tasks: JoinSet::new(),
        effective,
        effects,
        closing: HashSet::new(),
        outcome: Outcome::default(),
        skipped: HashSet::new(),
        stopping: false,
        settled: 0,
    };
    tools.events.send(Event::Began { steps: plan.steps.len() });
    run.remember().await;
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

/// An operation had its effect.
struct Effect {
    vertex: usize,
    started: Instant,
}

struct Run<'a> {
    plan: &'a Arc<Plan>,
    graph: &'a Graph,
    tools: &'a Tools,
    schedule: Schedule,
    tasks: JoinSet<Ended>,
    /// Vertices whose operation had its effect and whose record is on its way to the disk: what comes next has begun.
    closing: HashSet<usize>,
    effective: mpsc::UnboundedSender<Effect>,
    effects: mpsc::UnboundedReceiver<Effect>,
    outcome: Outcome,
    skipped: HashSet<ResourceId>,
    stopping: bool,
    /// Steps that ended, well or not, or were skipped.
    settled: usize,
}

impl Run<'_> {
    async fn remember(&mut self) {
        let gone = self.plan.forgotten.iter().map(|id| Transition::Gone { id: id.clone() });
        let hold =
            self.plan.confirmed.iter().map(|(id, record)| Transition::Hold { id: id.clone(), record: record.clone() });
        let written = join_all(gone.chain(hold).map(|transition| self.tools.store.write(transition))).await;
        self.outcome.store = written.into_iter().find_map(Result::err);
    }

    async fn walk(&mut self) {
        loop {
            self.start_ready();
            let ended = tokio::select! {
                biased;
                Some(effect) = self.effects.recv() => {
                    self.close(&effect);
                    continue;
                }
                ended = self.tasks.join_next() => ended,
                () = self.tools.context.cancel.cancelled(), if !self.stopping => {
                    self.stopping = true;
                    self.tools.events.send(Event::Stopping { running: self.tasks.len() });
                    continue;
                }
            };
            match ended {
                Some(Ok(ended)) => {
                    // Its own effect may have arrived since the channel was looked at.
                    while let Ok(effect) = self.effects.try_recv() {
                        self.close(&effect);
                    }
                    self.settle(ended);
                }
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
        while self.tasks.len() - self.closing.len() < self.tools.parallel.max(1) {
            let Some(vertex) = self.schedule.queue.take() else { break };
            let Some((step, phase)) = self.schedule.step(vertex, self.plan) else {
                self.schedule.queue.finish(vertex);
                self.note_skipped();
                continue;
            };
            let resource = Arc::clone(&self.graph.node(&step.resource).expect("steps are of the graph").resource);
            if phase == Phase::Down || step.action != Action::Replace {
                self.tools.events.send(Event::Started { resource: step.resource.clone(), action: step.action });
            }
            let (tools, step, effective) = (self.tools.clone(), step.clone(), self.effective.clone());
            self.tasks.spawn(async move {
                let started = Instant::now();
                // A run that no longer listens has no next step to begin.
                let effective = || _ = effective.send(Effect { vertex, started });
                let result = operate(&tools, resource, &step, phase, effective).await;
                Ended { vertex, result, started }
            });
        }
    }

    fn close(&mut self, effect: &Effect) {
        self.closing.insert(effect.vertex);
        self.finish(effect.vertex, effect.started);
    }

    fn finish(&mut self, vertex: usize, started: Instant) {
        self.schedule.queue.finish(vertex);
        let (step, phase) = self.schedule.step(vertex, self.plan).expect("only steps run");
        if step.action == Action::Replace && phase == Phase::Down {
            return;
        }
        self.outcome.done += 1;
        self.settled += 1;
        let (resource, action, took) = (step.resource.clone(), step.action, started.elapsed());
        self.tools.events.send(Event::Finished { resource, action, took });
    }

    fn settle(&mut self, ended: Ended) {
        let closed = self.closing.remove(&ended.vertex);
        let (step, _) = self.schedule.step(ended.vertex, self.plan).expect("only steps run");
        let (resource, action, took) = (step.resource.clone(), step.action, ended.started.elapsed());
        match ended.result {
            Ok(()) if closed => {}
            Ok(()) => self.finish(ended.vertex, ended.started),
            Err(Error::Operation(failure)) => {
                self.schedule.queue.fail(ended.vertex);
                self.settled += 1;
                let event = Event::Failed { resource: resource.clone(), action, took, failure: failure.clone() };
                self.tools.events.send(event);
                self.outcome.failed.push((resource, failure));
            }
            Err(Error::Store(error)) => {
                if !closed {
                    self.schedule.queue.fail(ended.vertex);
                }
                self.outcome.store = Some(error);
            }
        }
        self.note_skipped();
    }

    fn note_skipped(&mut self) {
        for skipped in self.schedule.queue.take_skipped() {
            let Some((step, _)) = self.schedule.step(skipped.vertex, self.plan) else { continue };
            let Some((cause, _)) = self.schedule.step(skipped.because, self.plan) else { continue };
            // The halves of a replace are one step.
            if step.resource == cause.resource || !self.skipped.insert(step.resource.clone()) {
                continue;
            }
            let (resource, because) = (step.resource.clone(), cause.resource.clone());
            self.settled += 1;
            self.tools.events.send(Event::Skipped { resource: resource.clone(), because: because.clone() });
            self.outcome.skipped.push((resource, because));
        }
    }
}
