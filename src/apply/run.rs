//! The one loop: start what is ready, wait for what ends, record after each.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::gate;
use super::hold::Hold;
use super::lanes::{Lanes, Start};
use super::operation::{Error, Job, operate};
use super::{Event, Outcome, Tools};
use crate::graph::Graph;
use crate::id::ResourceId;
use crate::plan::{Action, Phase, Plan, Schedule};
use crate::store::Transition;

/// Carries out every step of `plan` that its parents allow. When the context is cancelled, what runs is awaited and
/// nothing new is started.
pub async fn apply(plan: &Arc<Plan>, graph: &Graph, tools: &Tools) -> Outcome {
    let (words, heard) = mpsc::unbounded_channel();
    let mut run = Run {
        plan,
        graph,
        tools,
        schedule: Schedule::new(plan, graph),
        lanes: Lanes::default(),
        places: Arc::new(Semaphore::new(tools.parallel.clamp(1, Semaphore::MAX_PERMITS))),
        tasks: JoinSet::new(),
        words,
        heard,
        closing: HashSet::new(),
        unwell: HashMap::new(),
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

/// What running operations tell the loop.
pub(super) enum Word {
    /// One had its effect.
    Effective { vertex: usize, started: Instant },
    /// One waits to try again and gave up its place.
    Rests,
}

struct Run<'a> {
    plan: &'a Arc<Plan>,
    graph: &'a Graph,
    tools: &'a Tools,
    schedule: Schedule,
    /// What could start.
    lanes: Lanes,
    places: Arc<Semaphore>,
    tasks: JoinSet<Ended>,
    /// Vertices whose operation had its effect and whose record is on its way to the disk: what comes next has begun.
    closing: HashSet<usize>,
    /// Gates that never opened, and what was not well there.
    unwell: HashMap<usize, ResourceId>,
    words: mpsc::UnboundedSender<Word>,
    heard: mpsc::UnboundedReceiver<Word>,
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
            let opens = self.start_ready();
            if self.tasks.is_empty() && opens.is_none() {
                break;
            }
            let ended = tokio::select! {
                biased;
                Some(word) = self.heard.recv() => {
                    self.hear(&word);
                    continue;
                }
                Some(ended) = self.tasks.join_next() => ended,
                () = sleep_until(opens.unwrap_or_else(tokio::time::Instant::now)), if opens.is_some() => continue,
                () = self.tools.context.cancel.cancelled(), if !self.stopping => {
                    self.stopping = true;
                    self.tools.events.send(Event::Stopping { running: self.tasks.len() });
                    continue;
                }
            };
            match ended {
                Ok(ended) => {
                    // Its own effect may have arrived since the channel was looked at.
                    while let Ok(word) = self.heard.try_recv() {
                        self.hear(&word);
                    }
                    self.settle(ended);
                }
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            }
        }
        self.outcome.left = self.plan.steps.len() - self.settled;
    }

    /// Starts what may start. When there is a place left for what waits for its provider alone: until when.
    fn start_ready(&mut self) -> Option<tokio::time::Instant> {
        if self.tools.context.cancel.is_cancelled() || self.outcome.store.is_some() {
            return None;
        }
        self.sort_ready();
        while let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            let Start { vertex, turn } = match self.lanes.take() {
                Ok(start) => start,
                Err(opens) => return opens,
            };
            let (step, phase) = self.schedule.step(vertex, self.plan).expect("only steps are in lanes");
            let resource = Arc::clone(&self.graph.node(&step.resource).expect("steps are of the graph").resource);
            let hold = Hold::new(&self.places, &self.words, place, turn);
            if phase == Phase::Down || step.action != Action::Replace {
                self.tools.events.send(Event::Started { resource: step.resource.clone(), action: step.action });
            }
            let (tools, plan, words) = (self.tools.clone(), Arc::clone(self.plan), self.words.clone());
            let step = self.schedule.index(vertex).expect("a step");
            self.tasks.spawn(async move {
                let started = Instant::now();
                // A run that no longer listens has no next step to begin.
                let effective = || _ = words.send(Word::Effective { vertex, started });
                let job = Job { resource, step: &plan.steps[step], phase, hold };
                let result = operate(&tools, job, effective).await;
                Ended { vertex, result, started }
            });
        }
        None
    }

    /// Everything that waits for nothing of ours into its provider's lane.
    fn sort_ready(&mut self) {
        let mut ready = Vec::new();
        while let Some(vertex) = self.schedule.queue.take() {
            if self.schedule.step(vertex, self.plan).is_some() {
                ready.push(vertex);
            } else if let Some(gate) = self.schedule.gate(vertex) {
                let (tools, kept) = (self.tools.clone(), gate::kept(gate, self.plan, self.graph));
                self.tasks.spawn(async move {
                    let started = Instant::now();
                    let result = gate::wait(&tools, &kept).await.map_err(|(unwell, why)| Error::Unwell(unwell, why));
                    Ended { vertex, result, started }
                });
            } else {
                self.schedule.queue.finish(vertex);
                self.note_skipped();
            }
        }
        let lane = |vertex: usize| {
            let (step, _) = self.schedule.step(vertex, self.plan).expect("only steps are ready");
            (vertex, self.graph.node(&step.resource).and_then(|node| node.resource.realm()))
        };
        self.lanes.add(ready.into_iter().map(lane).collect(), &self.tools.context.limits);
    }

    fn hear(&mut self, word: &Word) {
        if let Word::Effective { vertex, started } = word {
            self.closing.insert(*vertex);
            self.finish(*vertex, *started);
        }
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

    /// The machines at a gate are well, or one is not.
    fn settle_gate(&mut self, ended: Ended) {
        if let Err(Error::Unwell(resource, failure)) = ended.result {
            self.schedule.queue.fail(ended.vertex);
            let (action, took) = (Action::Update, ended.started.elapsed());
            let event = Event::Failed { resource: resource.clone(), action, took, failure: failure.clone() };
            self.tools.events.send(event);
            self.unwell.insert(ended.vertex, resource.clone());
            self.outcome.failed.push((resource, failure));
        } else {
            self.schedule.queue.finish(ended.vertex);
        }
        self.note_skipped();
    }

    fn settle(&mut self, ended: Ended) {
        if self.schedule.gate(ended.vertex).is_some() {
            return self.settle_gate(ended);
        }
        let closed = self.closing.remove(&ended.vertex);
        let (step, _) = self.schedule.step(ended.vertex, self.plan).expect("only steps run");
        let (resource, action, took) = (step.resource.clone(), step.action, ended.started.elapsed());
        match ended.result {
            Ok(()) if closed => {}
            Ok(()) => self.finish(ended.vertex, ended.started),
            Err(Error::Operation(failure) | Error::Unwell(_, failure)) => {
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
            let cause = self.schedule.step(skipped.because, self.plan).map(|(step, _)| &step.resource);
            let Some(cause) = cause.or_else(|| self.unwell.get(&skipped.because)) else { continue };
            // The halves of a replace are one step.
            if step.resource == *cause || !self.skipped.insert(step.resource.clone()) {
                continue;
            }
            let (resource, because) = (step.resource.clone(), cause.clone());
            self.settled += 1;
            self.tools.events.send(Event::Skipped { resource: resource.clone(), because: because.clone() });
            self.outcome.skipped.push((resource, because));
        }
    }
}
