//! Where secrets are kept, as they are given: encrypted or not, the vault does not know.

use std::fmt::Debug;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::Error;

/// Secrets of one project by name.
#[async_trait]
pub trait Vault: Debug + Send + Sync {
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error>;

    /// Keeps what is there already, perhaps from another run.
    async fn add(&self, name: &str, content: &[u8]) -> Result<(), Error>;

    async fn replace(&self, name: &str, content: &[u8]) -> Result<(), Error>;

    async fn remove(&self, name: &str) -> Result<(), Error>;

    /// Where it is, for messages.
    fn place(&self, name: &str) -> String;

    /// The file that holds it, where it is one.
    fn file(&self, _name: &str) -> Option<PathBuf> {
        None
    }
}

/// A file per secret that only its owner may read. Files, and not a table of the records: those may be thrown away.
#[derive(Clone, Debug)]
pub struct Files {
    folder: PathBuf,
}

impl Files {
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Whole and on disk beside its place.
    fn beside(&self, name: &str, content: &[u8]) -> std::io::Result<PathBuf> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let beside = self.path(&format!("{name}.new-{}", std::process::id()));
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(content)?;
        file.sync_all()?;
        Ok(beside)
    }

    fn link(&self, name: &str, content: &[u8]) -> std::io::Result<()> {
        let beside = self.beside(name, content)?;
        let linked = fs::hard_link(&beside, self.path(name));
        fs::remove_file(&beside)?;
        match linked {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => fs::File::open(&self.folder)?.sync_all(),
        }
    }

    fn rename(&self, name: &str, content: &[u8]) -> std::io::Result<()> {
        fs::rename(self.beside(name, content)?, self.path(name))?;
        fs::File::open(&self.folder)?.sync_all()
    }
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> Error {
    move |why| Error::Write { path: path.display().to_string(), why: why.to_string() }
}

#[async_trait]
impl Vault for Files {
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path(name);
        match fs::read(&path) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(why) => Err(Error::Open { path: path.display().to_string(), why: why.to_string() }),
        }
    }

    async fn add(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        self.link(name, content).map_err(failed(&self.path(name)))
    }

    async fn replace(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        self.rename(name, content).map_err(failed(&self.path(name)))
    }

    async fn remove(&self, name: &str) -> Result<(), Error> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(&self.path(name))(error)),
            _ => Ok(()),
        }
    }

    fn place(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn file(&self, name: &str) -> Option<PathBuf> {
        Some(self.path(name))
    }
}
