//! How commands and files reach a machine: one trait, and SSH behind it.

pub mod http;
pub mod local;
pub mod quote;
pub mod ssh;
pub mod text;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::AsyncReadExt as _;

/// What to run: an argument vector, never a shell line. Scripts of ours go through [`Command::script`].
#[derive(Clone, Debug)]
pub struct Command {
    pub argv: Vec<String>,
    pub stdin: Vec<u8>,
    /// A file of this computer that follows on standard input.
    pub attachment: Option<Attachment>,
    /// Run as root; through `sudo -n` where the login is another user.
    pub root: bool,
    /// Give up after this long without the command having ended.
    pub timeout: Duration,
}

impl Command {
    /// As root, five minutes at most.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            stdin: Vec::new(),
            attachment: None,
            root: true,
            timeout: Duration::from_mins(5),
        }
    }

    /// A POSIX shell script on standard input, with positional arguments.
    pub fn script<S: Into<String>>(text: &str, arguments: impl IntoIterator<Item = S>) -> Self {
        let argv = ["sh", "-s", "--"].into_iter().map(Into::into).chain(arguments.into_iter().map(Into::into));
        Self { stdin: text.as_bytes().to_vec(), ..Self::new(argv.collect::<Vec<String>>()) }
    }

    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    #[must_use]
    pub fn attach(self, attachment: Attachment) -> Self {
        Self { attachment: Some(attachment), ..self }
    }

    #[must_use]
    pub fn stdin(self, stdin: impl Into<Vec<u8>>) -> Self {
        Self { stdin: stdin.into(), ..self }
    }
}

/// A file that is sent piece by piece, however large it is.
#[derive(Clone, Debug)]
pub struct Attachment {
    pub path: PathBuf,
    /// Bytes sent until now.
    pub sent: Arc<AtomicU64>,
}

impl Attachment {
    const PIECE: usize = 256 << 10;

    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, sent: Arc::default() }
    }

    async fn open(&self) -> io::Result<tokio::fs::File> {
        self.sent.store(0, Ordering::Relaxed);
        tokio::fs::File::open(&self.path).await
    }

    /// The next piece; empty at the end.
    async fn next(&self, file: &mut tokio::fs::File) -> io::Result<Vec<u8>> {
        let mut piece = vec![0; Self::PIECE];
        let length = file.read(&mut piece).await?;
        piece.truncate(length);
        self.sent.fetch_add(length as u64, Ordering::Relaxed);
        Ok(piece)
    }
}

/// What a command left behind. Text that is not UTF-8 is replaced lossily.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// The exit status; 128 + n for signal n.
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    #[must_use]
    pub fn success(&self) -> bool {
        self.status == 0
    }
}

/// Why a machine could not be talked to. A command that ran and failed is not an error here.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("{address} does not answer: {why}")]
    Unreachable { address: String, why: String },
    #[error("{address} has another host key than the one we gave it ({got})")]
    HostKey { address: String, got: String },
    #[error("{address} lets none of our keys in as {user}")]
    Denied { address: String, user: String },
    #[error("`{command}` had not ended after {} s", after.as_secs())]
    Timeout { command: String, after: Duration },
    #[error("{path} cannot be written on {address}: {why}")]
    Write { address: String, path: String, why: String },
    #[error("connection to {address} lost: {why}")]
    Lost { address: String, why: String },
}

/// Told each line that a command says. Spelt out, because `async_trait` would give a bare `&str` one lifetime for all calls.
pub type Lines<'a> = dyn for<'l> FnMut(&'l str) + Send + 'a;

/// A machine that can be talked to.
#[async_trait]
pub trait Transport: Send + Sync {
    async fn run(&self, command: &Command) -> Result<Output, Error>;

    /// Like `run`, handing each line of either stream to `line` as it comes.
    async fn stream(&self, command: &Command, line: &mut Lines<'_>) -> Result<Output, Error>;

    /// Makes the next command go over a connection that is made for it.
    async fn renew(&self) {}

    /// Writes a file beside its place and renames it over, with this mode, owned by root.
    async fn put(&self, path: &str, content: &[u8], mode: u32) -> Result<(), Error>;
}
