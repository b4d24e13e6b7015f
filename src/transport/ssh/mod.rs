//! SSH: one connection per endpoint, shared by every command that runs there.
//!
//! The host key is known before the first connection and nothing else is accepted. A connection that died is made
//! anew before the next command; a command that had started is never run twice.

mod channel;
mod identity;
mod session;
mod tunnel;
mod upload;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use crate::transport::{Command, Error, Lines, Output, Transport, quote};
pub use identity::{Held, Identity, Key};
use session::Session;
pub use tunnel::Tunnel;

/// Channels open at once on one connection; OpenSSH's `MaxSessions` is 10 and others may be using theirs.
const CHANNELS: usize = 8;

/// The longest a connection may take, key exchange on a slow machine included.
const CONNECT: Duration = Duration::from_mins(1);

/// Where a machine answers, and as whom we log in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// `host:port`.
    pub address: String,
    pub user: String,
    /// The one host key accepted: `ssh-ed25519 AAAA…`.
    pub host_key: String,
    pub identity: Identity,
}

/// Every connection of a run, by endpoint.
#[derive(Debug, Default)]
pub struct Connections(Mutex<BTreeMap<Endpoint, Arc<Ssh>>>);

impl Connections {
    /// The transport to an endpoint; nothing is connected before its first use.
    #[must_use]
    pub fn get(&self, endpoint: Endpoint) -> Arc<Ssh> {
        let mut all = self.0.lock().expect("no holder panics");
        Arc::clone(all.entry(endpoint).or_insert_with_key(|endpoint| Arc::new(Ssh::new(endpoint.clone()))))
    }
}

/// [`Transport`] over SSH.
#[derive(Debug)]
pub struct Ssh {
    endpoint: Endpoint,
    session: tokio::sync::Mutex<Option<Arc<Session>>>,
    channels: Semaphore,
}

impl Ssh {
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, session: tokio::sync::Mutex::default(), channels: Semaphore::new(CHANNELS) }
    }

    fn is_root(&self) -> bool {
        self.endpoint.user == "root"
    }

    fn shell_line(&self, command: &Command) -> String {
        let line = quote::line(&command.argv);
        if command.root && !self.is_root() { format!("sudo -n -- {line}") } else { line }
    }

    /// The live session, or a new one.
    async fn session(&self) -> Result<Arc<Session>, Error> {
        let mut held = self.session.lock().await;
        if let Some(session) = held.as_ref().filter(|session| session.is_alive()) {
            return Ok(Arc::clone(session));
        }
        let session = Arc::new(Session::connect(&self.endpoint).await?);
        *held = Some(Arc::clone(&session));
        Ok(session)
    }

    /// An open channel. A connection found dead only now is made anew once: nothing has been started on it yet.
    async fn open(&self) -> Result<session::Channel, Error> {
        let session = self.session().await?;
        if let Ok(channel) = session.channel().await {
            return Ok(channel);
        }
        self.forget(&session).await;
        let session = self.session().await?;
        session.channel().await.map_err(|error| self.lost(error))
    }

    async fn forget(&self, dead: &Arc<Session>) {
        let mut held = self.session.lock().await;
        if held.as_ref().is_some_and(|session| Arc::ptr_eq(session, dead)) {
            *held = None;
        }
    }

    async fn open_within(&self, limit: Duration) -> Result<session::Channel, Error> {
        timeout(limit, self.open()).await.unwrap_or_else(|_| {
            Err(Error::Unreachable {
                address: self.endpoint.address.clone(),
                why: format!("no answer within {} s", limit.as_secs()),
            })
        })
    }

    fn lost(&self, why: impl std::fmt::Display) -> Error {
        Error::Lost { address: self.endpoint.address.clone(), why: why.to_string() }
    }
}

#[async_trait]
impl Transport for Ssh {
    async fn run(&self, command: &Command) -> Result<Output, Error> {
        self.stream(command, &mut |_| ()).await
    }

    async fn stream(&self, command: &Command, line: &mut Lines<'_>) -> Result<Output, Error> {
        let deadline = Instant::now() + command.timeout;
        let late = || Error::Timeout { command: name(command), after: command.timeout };
        let _turn = timeout_at(deadline, self.channels.acquire()).await.map_err(|_| late())?;
        let channel = self.open_within(command.timeout.min(CONNECT)).await?;
        let shell_line = self.shell_line(command);
        let exchange = channel::exchange(channel, &shell_line, command, line);
        timeout_at(deadline, exchange).await.map_err(|_| late())?.map_err(|why| self.lost(why))
    }

    async fn renew(&self) {
        *self.session.lock().await = None;
    }

    async fn put(&self, path: &str, content: &[u8], mode: u32) -> Result<(), Error> {
        let staged = {
            let _turn = self.channels.acquire().await.map_err(|error| self.lost(error))?;
            let channel = self.open_within(CONNECT).await?;
            upload::stage(channel, content).await.map_err(|why| self.lost(why))?
        };
        let output = self.run(&upload::settle(&staged, path, mode)).await?;
        if output.success() {
            return Ok(());
        }
        let (address, why) = (self.endpoint.address.clone(), output.stderr.trim().to_owned());
        Err(Error::Write { address, path: path.to_owned(), why })
    }
}

/// What messages call a command: its first words, never its input.
fn name(command: &Command) -> String {
    command.argv.iter().take(2).map(String::as_str).collect::<Vec<_>>().join(" ")
}
