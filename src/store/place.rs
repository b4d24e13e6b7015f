//! Where a project's records and secrets are: in a folder of this computer, or in a PostgreSQL database that a team
//! shares.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Error, Files, Holder, Lock, Postgres, Sqlite, Store, Vault};

/// How often a waiting run looks whether it is its turn.
const LOOK: Duration = Duration::from_millis(250);

/// How long a run that has just ended may take to be seen as gone by the database.
const FAREWELL: Duration = Duration::from_secs(1);

/// The store of one project, before it is opened.
#[derive(Clone, Debug)]
pub enum Place {
    /// `store.sqlite`, `lock` and `keys/` in this folder.
    Folder(PathBuf),
    Shared(Arc<Postgres>),
}

/// The right to change a project, until released or dropped.
pub struct Claim {
    pub store: Arc<dyn Store>,
    _lock: Option<Lock>,
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Claim")
    }
}

impl Claim {
    /// Lets the next run go on at once. Where that cannot be told, it goes on after a moment.
    pub async fn release(self) {
        _ = self.store.release().await;
    }
}

impl Place {
    /// The store if there is one: looking makes none, and leaves one of an earlier version as it is.
    pub async fn look(&self) -> Result<Option<Arc<dyn Store>>, Error> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join("store.sqlite");
                if !path.try_exists().map_err(|why| unreadable(&path, &why))? {
                    return Ok(None);
                }
                Ok(Some(Arc::new(Sqlite::look(&path)?)))
            }
            Self::Shared(postgres) => Ok(postgres.exists().await?.then(|| Arc::clone(postgres) as Arc<dyn Store>)),
        }
    }

    /// Takes the lock and opens the store. While another run has it, waits as long as `patience` and tells `waiting`
    /// who it is and how long it has waited.
    pub async fn claim(
        &self,
        holder: &Holder,
        patience: Duration,
        mut waiting: impl FnMut(Option<&Holder>, Duration) + Send,
    ) -> Result<Claim, Error> {
        let start = Instant::now();
        let grace = if matches!(self, Self::Shared(_)) { patience.max(FAREWELL) } else { patience };
        loop {
            match self.try_claim(holder).await {
                Err(Error::Locked(other)) if start.elapsed() < grace => {
                    if !patience.is_zero() {
                        waiting(other.as_deref(), start.elapsed());
                    }
                    sleep(LOOK.min(grace)).await;
                }
                result => return result,
            }
        }
    }

    async fn try_claim(&self, holder: &Holder) -> Result<Claim, Error> {
        match self {
            Self::Folder(folder) => {
                let lock = Lock::take(&folder.join("lock"), holder)?;
                let store = Sqlite::open(&folder.join("store.sqlite"))?;
                store.claim(holder).await?;
                Ok(Claim { store: Arc::new(store), _lock: Some(lock) })
            }
            Self::Shared(postgres) => {
                postgres.claim(holder).await?;
                Ok(Claim { store: Arc::clone(postgres) as Arc<dyn Store>, _lock: None })
            }
        }
    }

    /// Forgets a project of which nothing is left. What cannot be removed is found and used by the next run.
    pub async fn clear(&self) {
        match self {
            Self::Folder(folder) => _ = std::fs::remove_dir_all(folder),
            Self::Shared(postgres) => _ = postgres.clear().await,
        }
    }

    /// Where secrets are kept.
    #[must_use]
    pub fn vault(&self) -> Arc<dyn Vault> {
        match self {
            Self::Folder(folder) => Arc::new(Files::new(folder.join("keys"))),
            Self::Shared(postgres) => Arc::clone(postgres) as Arc<dyn Vault>,
        }
    }
}

fn unreadable(path: &std::path::Path, why: &std::io::Error) -> Error {
    Error::Open { path: path.display().to_string(), why: why.to_string() }
}
