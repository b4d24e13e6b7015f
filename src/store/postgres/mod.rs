//! The store in a PostgreSQL database that a team shares. A task of its own writes; whatever waits when it turns round is
//! committed together.
//!
//! A run that changes a project holds its claim: a numbered row that it renews, and a lock of its session. Whoever comes
//! next takes the claim over once the session is gone or has been silent for the time of the lease; from then on nothing
//! is written in the name of the old number.

mod rows;
mod schema;
mod session;
mod target;
mod trouble;

use std::collections::{HashSet, VecDeque};
use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

pub use target::Target;

use super::{Error, Holder, Recorded, Store, Transition, Vault};
use session::{Answer, Job, Session};
use trouble::Trouble;

/// How many transitions one transaction takes at most.
const BATCH: usize = 1024;

/// Between attempts to reach a server that went away.
const PAUSE: Duration = Duration::from_millis(200);

/// A question with a place for its answer.
enum Request {
    Exists(oneshot::Sender<Result<bool, Error>>),
    Claim(Holder, oneshot::Sender<Result<(), Error>>),
    Release(oneshot::Sender<Result<(), Error>>),
    Load(oneshot::Sender<Result<Recorded, Error>>),
    Write(Transition, oneshot::Sender<Result<(), Error>>),
    Get(String, oneshot::Sender<Result<Option<Vec<u8>>, Error>>),
    Put { name: String, content: Vec<u8>, replace: bool, reply: oneshot::Sender<Result<(), Error>> },
    Remove(String, oneshot::Sender<Result<(), Error>>),
    Clear(oneshot::Sender<Result<(), Error>>),
}

/// Records, journal and secrets of one project. Nothing is connected before the first question.
#[derive(Debug)]
pub struct Postgres {
    target: Target,
    project: String,
    requests: OnceLock<mpsc::UnboundedSender<Request>>,
}

impl Postgres {
    /// `project` is the owner's slug.
    #[must_use]
    pub fn new(target: Target, project: &str) -> Self {
        Self { target, project: project.to_owned(), requests: OnceLock::new() }
    }

    /// Whether anything was ever kept in this database. Changes nothing.
    pub async fn exists(&self) -> Result<bool, Error> {
        self.ask(Request::Exists).await
    }

    /// Forgets the project of which nothing is left.
    pub async fn clear(&self) -> Result<(), Error> {
        self.ask(Request::Clear).await
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Request) -> Result<T, Error> {
        let requests = self.requests.get_or_init(|| {
            let (requests, inbox) = mpsc::unbounded_channel();
            tokio::spawn(Writer::new(self.target.clone(), self.project.clone()).serve(inbox));
            requests
        });
        let gone = || self.target.unreachable("the writer has ended".to_owned());
        let (reply, answer) = oneshot::channel();
        requests.send(request(reply)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

#[async_trait]
impl Store for Postgres {
    async fn claim(&self, holder: &Holder) -> Result<(), Error> {
        self.ask(|reply| Request::Claim(holder.clone(), reply)).await
    }

    async fn release(&self) -> Result<(), Error> {
        self.ask(Request::Release).await
    }

    async fn load(&self) -> Result<Recorded, Error> {
        self.ask(Request::Load).await
    }

    async fn write(&self, transition: Transition) -> Result<(), Error> {
        self.ask(|reply| Request::Write(transition, reply)).await
    }
}

#[async_trait]
impl Vault for Postgres {
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.ask(|reply| Request::Get(name.to_owned(), reply)).await
    }

    async fn add(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        let (name, content) = (name.to_owned(), content.to_owned());
        self.ask(|reply| Request::Put { name, content, replace: false, reply }).await
    }

    async fn replace(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        let (name, content) = (name.to_owned(), content.to_owned());
        self.ask(|reply| Request::Put { name, content, replace: true, reply }).await
    }

    async fn remove(&self, name: &str) -> Result<(), Error> {
        self.ask(|reply| Request::Remove(name.to_owned(), reply)).await
    }

    fn place(&self, name: &str) -> String {
        format!("{} (machine.secrets, project {}, name {name})", self.target.name(), self.project)
    }
}

/// The one that uses the connection.
struct Writer {
    target: Target,
    project: String,
    session: Option<Session>,
    /// The number of our claim.
    fence: Option<i64>,
}

impl Writer {
    fn new(target: Target, project: String) -> Self {
        Self { target, project, session: None, fence: None }
    }

    async fn serve(mut self, mut inbox: mpsc::UnboundedReceiver<Request>) {
        let mut beat = interval(self.target.lease_time() / 4);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut waiting = VecDeque::new();
        loop {
            if waiting.is_empty() {
                tokio::select! {
                    request = inbox.recv() => match request {
                        Some(request) => waiting.push_back(request),
                        None => return,
                    },
                    _ = beat.tick(), if self.fence.is_some() => {
                        // A claim that was lost is told to whoever writes next.
                        _ = self.perform(Job::Renew).await;
                        continue;
                    }
                }
            }
            while let Ok(request) = inbox.try_recv() {
                waiting.push_back(request);
            }
            self.turn(&mut waiting).await;
        }
    }

    /// Answers what waits at the front: one request, or as many writes of different resources as there are.
    async fn turn(&mut self, waiting: &mut VecDeque<Request>) {
        let mut seen = HashSet::new();
        let (mut batch, mut replies) = (Vec::new(), Vec::new());
        while let Some(request) = waiting.pop_front() {
            match request {
                Request::Write(transition, reply) if batch.len() < BATCH && seen.insert(transition.id().clone()) => {
                    batch.push(transition);
                    replies.push(reply);
                }
                other if batch.is_empty() => return self.answer(other).await,
                other => {
                    waiting.push_front(other);
                    break;
                }
            }
        }
        let outcome = self.perform(Job::Commit(&batch)).await.map(drop);
        for reply in replies {
            _ = reply.send(outcome.clone());
        }
    }

    async fn answer(&mut self, request: Request) {
        match request {
            Request::Exists(reply) => {
                let answer = self.perform(Job::Exists).await;
                _ = reply.send(answer.map(|answer| matches!(answer, Answer::Whether(true))));
            }
            Request::Claim(holder, reply) => {
                self.fence = None;
                let answer = self.perform(Job::Claim(&holder, self.target.lease_time())).await;
                if let Ok(Answer::Fence(fence)) = answer {
                    self.fence = Some(fence);
                }
                _ = reply.send(answer.map(drop));
            }
            Request::Release(reply) => {
                let answer = self.perform(Job::Release).await.map(drop);
                self.fence = None;
                _ = reply.send(answer);
            }
            Request::Load(reply) => {
                let recorded =
                    |answer| if let Answer::Recorded(recorded) = answer { recorded } else { Recorded::default() };
                _ = reply.send(self.perform(Job::Load).await.map(recorded));
            }
            Request::Write(transition, reply) => {
                _ = reply.send(self.perform(Job::Commit(&[transition])).await.map(drop));
            }
            Request::Get(name, reply) => {
                let secret = |answer| if let Answer::Secret(secret) = answer { secret } else { None };
                _ = reply.send(self.perform(Job::Get(&name)).await.map(secret));
            }
            Request::Put { name, content, replace, reply } => {
                let job = Job::Put { name: &name, content: &content, replace };
                _ = reply.send(self.perform(job).await.map(drop));
            }
            Request::Remove(name, reply) => _ = reply.send(self.perform(Job::Remove(&name)).await.map(drop)),
            Request::Clear(reply) => _ = reply.send(self.perform(Job::Clear).await.map(drop)),
        }
    }

    /// Does it on the connection there is, or on a new one. Every job can be done twice, so one that was cut off is done
    /// again; a run that holds a claim tries for the time of its lease.
    async fn perform(&mut self, job: Job<'_>) -> Result<Answer, Error> {
        let start = Instant::now();
        let patience = if self.fence.is_some() { self.target.lease_time() } else { Duration::ZERO };
        let mut fresh = self.session.is_none();
        loop {
            let why = match self.attempt(&job).await {
                Ok(answer) => return Ok(answer),
                Err(Trouble::Final(error)) => return Err(error),
                Err(Trouble::Refused(why)) => return Err(Error::Write { path: self.target.name(), why }),
                Err(Trouble::Lost(why)) => why,
            };
            self.session = None;
            if fresh && start.elapsed() >= patience {
                return Err(self.target.unreachable(why));
            }
            if fresh {
                sleep(PAUSE).await;
            }
            fresh = true;
        }
    }

    async fn attempt(&mut self, job: &Job<'_>) -> Result<Answer, Trouble> {
        let session = match &mut self.session {
            Some(session) => session,
            none => {
                let mut session = Session::open(&self.target, &self.project).await?;
                if let Some(fence) = self.fence {
                    session.resume(fence).await?;
                }
                none.insert(session)
            }
        };
        session.perform(self.fence, job, &self.target.name()).await
    }
}
