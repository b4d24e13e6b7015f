//! Docker's own list of contexts on this computer, as its client keeps it: a folder for each, called by the digest of the
//! context's name (`docker/cli`, `cli/context/store`).

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Under the client's folder.
const FOLDER: &str = "contexts/meta";
const FILE: &str = "meta.json";
/// Whose it is, among what the client keeps for others.
const OWNER: &str = "machine.owner";
const RESOURCE: &str = "machine.resource";

const NOWHERE: [ErrorKind; 3] = [ErrorKind::NotFound, ErrorKind::NotADirectory, ErrorKind::PermissionDenied];

/// Where the client of this user has its contexts.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    folder: PathBuf,
}

/// One context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    /// As `DOCKER_HOST` has it.
    pub(super) host: String,
    pub(super) description: String,
    /// The project's, where it is ours.
    pub(super) owner: Option<String>,
    /// What it is called in a plan, without its kind.
    pub(super) resource: String,
}

impl Shelf {
    /// `$DOCKER_CONFIG`, or `~/.docker`.
    pub(super) fn of_user() -> Option<Self> {
        let set = std::env::var_os("DOCKER_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
        let home = || etcetera::home_dir().ok().map(|home| home.join(".docker"));
        set.or_else(home).map(|client| Self::at(&client))
    }

    pub(super) fn at(client: &Path) -> Self {
        Self { folder: client.join(FOLDER) }
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.join(hex::encode(Sha256::digest(name)))
    }

    pub(super) fn get(&self, name: &str) -> io::Result<Option<Entry>> {
        read(&self.place(name).join(FILE))
    }

    /// Beside its place and then renamed.
    pub(super) fn put(&self, entry: &Entry) -> io::Result<()> {
        let place = self.place(&entry.name);
        fs::DirBuilder::new().recursive(true).mode(0o755).create(&place)?;
        let meta = json!({
            "Name": entry.name,
            "Metadata": { "Description": entry.description, OWNER: entry.owner, RESOURCE: entry.resource },
            "Endpoints": { "docker": { "Host": entry.host, "SkipTLSVerify": false } },
        });
        let mut file = tempfile::NamedTempFile::new_in(&place)?;
        file.write_all(meta.to_string().as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(place.join(FILE))?;
        Ok(())
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_dir_all(self.place(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Those of a project; what cannot be read is somebody else's.
    pub(super) fn owned(&self, owner: &str) -> io::Result<Vec<Entry>> {
        let entries = match fs::read_dir(&self.folder) {
            // Where we may not look there is none of ours.
            Err(error) if NOWHERE.contains(&error.kind()) => return Ok(Vec::new()),
            entries => entries?,
        };
        let all = entries.flatten().filter_map(|entry| read(&entry.path().join(FILE)).ok().flatten());
        Ok(all.filter(|entry| entry.owner.as_deref() == Some(owner)).collect())
    }
}

fn read(path: &Path) -> io::Result<Option<Entry>> {
    let bytes = match fs::read(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        bytes => bytes?,
    };
    let meta: Value = serde_json::from_slice(&bytes)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(Some(Entry {
        name: text(&meta["Name"]),
        host: text(&meta["Endpoints"]["docker"]["Host"]),
        description: text(&meta["Metadata"]["Description"]),
        owner: meta["Metadata"][OWNER].as_str().map(str::to_owned),
        resource: text(&meta["Metadata"][RESOURCE]),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_found_by_its_owner_until_it_is_removed() {
        let home = tempfile::TempDir::new().unwrap();
        let shelf = Shelf::at(&home.path().join("docker"));
        let entry = |name: &str, owner: Option<&str>| Entry {
            name: name.into(),
            host: "unix:///run/a.sock".into(),
            description: "machine web of project shop".into(),
            owner: owner.map(str::to_owned),
            resource: "web".into(),
        };
        let (ours, theirs) = (entry("shop.web", Some("shop-x7k2")), entry("other", None));
        for entry in [&ours, &theirs] {
            shelf.put(entry).unwrap();
            assert_eq!(shelf.get(&entry.name).unwrap().as_ref(), Some(entry));
        }
        fs::create_dir(home.path().join("docker/contexts/meta/empty")).unwrap();
        assert_eq!(shelf.owned("shop-x7k2").unwrap(), [ours]);
        shelf.remove("shop.web").unwrap();
        shelf.remove("shop.web").unwrap();
        assert!(shelf.owned("shop-x7k2").unwrap().is_empty() && shelf.get("other").unwrap().is_some());
    }
}
