//! The store in one SQLite file. A thread of its own writes; whatever waits when it turns round is committed together.

mod file;
mod rows;

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::{Error, Holder, Recorded, Store, Transition};

/// How many transitions one transaction takes at most.
const BATCH: usize = 1024;
/// How long the end of an operation waits for others to share its commit.
const LULL: Duration = Duration::from_millis(2);

enum Request {
    Claim(Holder, oneshot::Sender<Result<(), Error>>),
    Load(oneshot::Sender<Result<Recorded, Error>>),
    Write(Transition, oneshot::Sender<Result<(), Error>>),
}

/// Records and journal of one project in one file.
#[derive(Debug)]
pub struct Sqlite {
    requests: Option<mpsc::Sender<Request>>,
    writer: Option<JoinHandle<()>>,
    path: PathBuf,
}

impl Sqlite {
    /// Opens or makes the file, and brings one of an earlier version to the current format. An empty, cut or foreign file
    /// is an error, never "nothing recorded".
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::with(path, file::open(path)?)
    }

    /// Opens a file that is there, to look at it: one of an earlier version is read as it is.
    pub fn look(path: &Path) -> Result<Self, Error> {
        Self::with(path, file::look(path)?)
    }

    fn with(path: &Path, connection: Connection) -> Result<Self, Error> {
        let writer = Writer { connection, path: path.to_owned(), opened: file::identity(path), run: None };
        let (requests, inbox) = mpsc::channel();
        let writer = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.serve(&inbox))
            .map_err(|why| Error::Open { path: path.display().to_string(), why: why.to_string() })?;
        Ok(Self { requests: Some(requests), writer: Some(writer), path: path.to_owned() })
    }

    async fn ask<T>(&self, request: Request, answer: oneshot::Receiver<Result<T, Error>>) -> Result<T, Error> {
        let gone = || Error::Write { path: self.path.display().to_string(), why: "the writer has ended".to_owned() };
        self.requests.as_ref().ok_or_else(gone)?.send(request).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// What waits is written and the file closed before this process opens, moves or deletes it again.
impl Drop for Sqlite {
    fn drop(&mut self) {
        drop(self.requests.take());
        // A writer that panicked has said so.
        _ = self.writer.take().map(JoinHandle::join);
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn claim(&self, holder: &Holder) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Claim(holder.clone(), reply), answer).await
    }

    async fn load(&self) -> Result<Recorded, Error> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Load(reply), answer).await
    }

    async fn write(&self, transition: Transition) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Write(transition, reply), answer).await
    }
}

/// The one that uses the connection.
struct Writer {
    connection: Connection,
    path: PathBuf,
    opened: Option<file::Identity>,
    /// Our claim.
    run: Option<i64>,
}

impl Writer {
    fn serve(mut self, inbox: &mpsc::Receiver<Request>) {
        while let Ok(first) = inbox.recv() {
            let mut loads = Vec::new();
            let mut writes = Vec::new();
            // Nothing in the world waits for the end of an operation to be on disk; what begins next shares its commit.
            let mut patient = true;
            let mut next = Some(first);
            while let Some(request) = next {
                patient &= matches!(&request, Request::Write(transition, _) if !matches!(transition, Transition::Begin { .. }));
                match request {
                    Request::Claim(holder, reply) => _ = reply.send(self.claim(&holder)),
                    Request::Load(reply) => loads.push(reply),
                    Request::Write(transition, reply) => writes.push((transition, reply)),
                }
                if writes.len() == BATCH {
                    break;
                }
                next = inbox.try_recv().ok();
                if next.is_none() && patient {
                    next = inbox.recv_timeout(LULL).ok();
                }
            }
            if !writes.is_empty() {
                let outcome = self.commit(writes.iter().map(|(transition, _)| transition));
                for (_, reply) in writes {
                    _ = reply.send(outcome.clone());
                }
            }
            for reply in loads {
                let outcome = rows::load(&self.connection).map_err(|why| self.error(&why));
                _ = reply.send(outcome);
            }
        }
    }

    fn claim(&mut self, holder: &Holder) -> Result<(), Error> {
        let run = rows::begin_run(&self.connection, &holder.to_text()).map_err(|why| self.error(&why))?;
        self.run = Some(run);
        Ok(())
    }

    fn commit<'a>(&mut self, all: impl Iterator<Item = &'a Transition>) -> Result<(), Error> {
        // SQLite goes on writing to a file that nobody can find any more.
        if file::identity(&self.path) != self.opened {
            let why = "it was removed or replaced while this run was using it".to_owned();
            return Err(Error::Write { path: self.path.display().to_string(), why });
        }
        let written =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|transaction| {
                if let Some(holder) = self.run.map_or(Ok(None), |run| rows::later_run(&transaction, run))? {
                    return Ok(Err(Error::Fenced(Holder::parse(&holder).map(Box::new))));
                }
                for transition in all {
                    rows::write(&transaction, transition)?;
                }
                transaction.commit().map(Ok)
            });
        written.map_err(|why| self.error(&why))?
    }

    fn error(&self, why: &rusqlite::Error) -> Error {
        let (path, damage) = (self.path.display().to_string(), file::is_damage(why));
        let why = why.to_string();
        if damage { Error::Damaged { path, why } } else { Error::Write { path, why } }
    }
}
