//! The way to a machine's engine from this computer: a socket here, and the process of ours that carries what is said on it.
//!
//! The process is found by asking the socket who listens, so nothing has to be kept that could be wrong.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest as _, Sha256};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{Instant, sleep};

use super::errand::Errand;
use crate::dirs::{Dirs, SOCKET_PATH_LIMIT, is_open_to_others};
use crate::id::{Name, Owner};
use crate::resource::Failure;
use crate::transport::local;

/// The hidden command that becomes the process.
const COMMAND: &str = "docker-tunnel";
/// How long the process may take to listen, or to end.
const START: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// One machine's.
#[derive(Clone, Debug)]
pub struct Passage {
    socket: PathBuf,
    session: Option<Pid>,
}

impl Passage {
    /// Under a name that says whose it is, where that is short enough for a socket. A `session`, by the process that leads it, has one of
    /// its own.
    #[must_use]
    pub fn of(dirs: &Dirs, owner: &Owner, machine: &Name, session: Option<Pid>) -> Self {
        let own = session.map(|pid| format!(".{}", pid.as_raw_nonzero())).unwrap_or_default();
        let named = dirs.runtime.join(format!("{}.{machine}{own}.sock", owner.slug()));
        if named.as_os_str().len() < SOCKET_PATH_LIMIT {
            return Self { socket: named, session };
        }
        let hash = hex::encode(Sha256::digest(named.as_os_str().as_encoded_bytes()));
        Self { socket: dirs.runtime.join(format!("{}.sock", &hash[..12])), session }
    }

    /// For the process that serves this socket.
    pub(super) fn at(socket: PathBuf) -> Self {
        Self { socket, session: None }
    }

    /// As `DOCKER_HOST` has it.
    #[must_use]
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    fn beside(&self, end: &str) -> PathBuf {
        self.socket.with_extension(end)
    }

    /// What the living process carries to, as [`Errand::digest`] gives it.
    pub async fn leads(&self) -> Option<String> {
        self.listener().await?;
        fs::read_to_string(self.beside("to")).ok()
    }

    async fn listener(&self) -> Option<Pid> {
        let stream = UnixStream::connect(&self.socket).await.ok()?;
        let who = stream.peer_cred().ok().filter(|who| who.uid() == rustix::process::getuid().as_raw())?;
        Pid::from_raw(who.pid()?)
    }

    /// Starts the process unless one runs that this errand was given to. It outlives us and our terminal, or ends with its session.
    pub async fn open(&self, errand: &Errand) -> Result<(), Failure> {
        if self.leads().await.as_deref() == Some(&errand.digest()) {
            return Ok(());
        }
        self.close().await?;
        let folder = self.socket.parent().unwrap_or(Path::new("/"));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(problem(folder))?;
        // It may be in a folder that everybody can write to: somebody else's would let them listen in our place.
        let meta = fs::symlink_metadata(folder).map_err(problem(folder))?;
        if !meta.is_dir() || is_open_to_others(&meta) {
            return Err(Failure::new(format!("{} is open to other users", folder.display()))
                .hint("remove it, or set XDG_RUNTIME_DIR to a folder of your own"));
        }
        if self.socket.as_os_str().len() >= SOCKET_PATH_LIMIT {
            return Err(Failure::new(format!("{} is too long a path for a socket", self.socket.display()))
                .hint("set XDG_RUNTIME_DIR to a folder with a shorter path"));
        }
        let program = std::env::current_exe().map_err(problem(Path::new("our own program")))?;
        let mut words = vec![COMMAND.into(), "--socket".into(), self.socket.clone().into_os_string()];
        if let Some(session) = self.session {
            words.extend(["--session".into(), session.as_raw_nonzero().to_string().into()]);
        }
        let log = self.beside("log");
        local::start(&program, &words, &log, errand.to_text().as_bytes()).map_err(problem(&log))?;
        let end = Instant::now() + START;
        while self.leads().await.is_none() {
            if Instant::now() > end {
                let said = fs::read_to_string(&log).unwrap_or_default();
                return Err(Failure::new("the tunnel to the engine does not start").detail(&said));
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Ends the process and removes what it leaves.
    pub async fn close(&self) -> Result<(), Failure> {
        let end = Instant::now() + START;
        while let Some(pid) = self.listener().await {
            if Instant::now() > end {
                return Err(Failure::new(format!("process {} does not end", pid.as_raw_nonzero())).retry(None));
            }
            // One that has just ended is what we want.
            _ = kill_process(pid, Signal::TERM);
            sleep(POLL).await;
        }
        self.sweep().map_err(problem(&self.socket))
    }

    fn sweep(&self) -> io::Result<()> {
        for path in [self.socket.clone(), self.beside("to"), self.beside("log"), self.beside("lock")] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Listens, in the process itself. `None` when another one does.
    pub(super) fn listen(&self, errand: &Errand) -> io::Result<Option<Listening>> {
        let lock = File::options().create(true).append(true).open(self.beside("lock"))?;
        if lock.try_lock().is_err() {
            return Ok(None);
        }
        match fs::remove_file(&self.socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::write(self.beside("to"), errand.digest())?;
        let listener = UnixListener::bind(&self.socket)?;
        fs::set_permissions(&self.socket, Permissions::from_mode(0o600))?;
        Ok(Some(Listening { listener, passage: self.clone(), _lock: lock }))
    }
}

/// The one process that listens. It leaves nothing when it ends.
pub(super) struct Listening {
    pub(super) listener: UnixListener,
    passage: Passage,
    _lock: File,
}

impl Drop for Listening {
    fn drop(&mut self) {
        // Whoever comes next removes what could not be.
        _ = self.passage.sweep();
    }
}

fn problem(path: &Path) -> impl Fn(io::Error) -> Failure {
    move |error| Failure::new(format!("{}: {error}", path.display()))
}
