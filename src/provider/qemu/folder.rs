//! A folder of ours below the data folder: who owns it, how its files are written and when it goes.
//!
//! `<data>/<project>/<provider>/<machine>/` holds everything of a machine, so that moving a project means moving
//! a folder and losing the cache loses nothing.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::dirs::Dirs;
use crate::id::{Name, Owner};
use crate::resource::Failure;

/// The machine folder of a provider's segment; no machine can be called so.
pub(super) const SEGMENT_FOLDER: &str = ".segment";
/// Unix socket paths end here on every system we run on, the terminating zero included.
const SOCKET_PATH_LIMIT: usize = 104;

/// Whose a folder is; its `owner.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Label {
    pub(super) project: String,
    pub(super) id: Option<String>,
    pub(super) provider: String,
    pub(super) machine: String,
}

#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Where its sockets are.
    runtime: PathBuf,
    /// Nothing above this is ours to remove.
    root: PathBuf,
    runtime_root: PathBuf,
    label: Label,
}

impl Folder {
    pub(super) fn of_machine(dirs: &Dirs, owner: &Owner, provider: &Name, machine: &str) -> Self {
        let path = provider_folder(dirs, owner, provider).join(machine);
        let hash = hex::encode(Sha256::digest(path.as_os_str().as_encoded_bytes()));
        Self {
            runtime: dirs.runtime.join(&hash[..12]),
            root: dirs.data.clone(),
            runtime_root: dirs.runtime.clone(),
            label: Label {
                project: owner.project.to_string(),
                id: owner.id.as_ref().map(ToString::to_string),
                provider: provider.to_string(),
                machine: machine.to_owned(),
            },
            path,
        }
    }

    pub(super) fn machine(&self) -> &str {
        &self.label.machine
    }

    /// As [`Owner::slug`] gives it.
    pub(super) fn owner_slug(&self) -> String {
        let Label { project, id, .. } = &self.label;
        id.as_ref().map_or_else(|| project.clone(), |id| format!("{project}-{id}"))
    }

    pub(super) fn provider(&self) -> &str {
        &self.label.provider
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn runtime(&self) -> &Path {
        &self.runtime
    }

    /// Where a socket goes; the folder is made by [`Folder::prepare_runtime`].
    pub(super) fn socket(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.runtime.join(name);
        if path.as_os_str().len() >= SOCKET_PATH_LIMIT {
            return Err(Failure::new(format!("{} is too long a path for a socket", path.display()))
                .hint("set XDG_RUNTIME_DIR to a folder with a shorter path"));
        }
        Ok(path)
    }

    /// Whether it is there and its label says that it is ours.
    pub(super) fn is_ours(&self) -> Result<bool, Failure> {
        match self.read_json::<Label>("owner.json")? {
            None => Ok(false),
            Some(label) if label == self.label => Ok(true),
            Some(label) => Err(Failure::new(format!(
                "{} belongs to machine {} of project {}",
                self.path.display(),
                label.machine,
                label.project
            ))),
        }
    }

    /// Makes it and labels it.
    pub(super) fn prepare(&self) -> Result<(), Failure> {
        make_private(&self.path)?;
        if !self.is_ours()? {
            self.write_json("owner.json", &self.label)?;
        }
        Ok(())
    }

    pub(super) fn prepare_runtime(&self) -> Result<(), Failure> {
        make_private(&self.runtime_root)?;
        // It may be in a folder that everybody can write to: somebody else's would let them at our machines.
        let meta = fs::metadata(&self.runtime_root).map_err(problem(&self.runtime_root))?;
        if meta.uid() != rustix::process::getuid().as_raw() || meta.mode() & 0o022 != 0 {
            return Err(Failure::new(format!("{} is open to other users", self.runtime_root.display()))
                .hint("remove it, or set XDG_RUNTIME_DIR to a folder of your own"));
        }
        make_private(&self.runtime)
    }

    /// Writes beside and renames, so that a reader sees the old content or the new.
    pub(super) fn write(&self, name: &str, content: &[u8], mode: u32) -> Result<(), Failure> {
        write_file(&self.file(name), content, mode)
    }

    pub(super) fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).expect("our own types have text keys");
        self.write(name, format!("{text}\n").as_bytes(), 0o600)
    }

    /// `None` when there is no such file.
    pub(super) fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Failure> {
        read_json(&self.file(name))
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), Failure> {
        remove_file(&self.file(name))
    }

    /// Whether anything is left that a resource stands for.
    pub(super) fn is_in_use(&self) -> bool {
        let objects = ["seed.img", "vm.json", "segment.json"];
        objects.iter().any(|name| self.file(name).exists()) || !self.disks().is_empty()
    }

    /// Names of the disks in it.
    pub(super) fn disks(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.path) else { return Vec::new() };
        let files = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<_> = files.filter_map(|file| Some(file.strip_suffix(".qcow2")?.to_owned())).collect();
        names.sort();
        names
    }

    /// Removes it with its sockets, and the folders above that it leaves empty, once no resource is left in it.
    pub(super) fn sweep(&self) -> Result<(), Failure> {
        if self.is_in_use() {
            return Ok(());
        }
        remove_tree(&self.runtime)?;
        remove_empty(&self.runtime_root);
        remove_tree(&self.path)?;
        let above = self.path.ancestors().skip(1);
        above.take_while(|path| path.starts_with(&self.root)).for_each(remove_empty);
        Ok(())
    }
}

pub(super) fn provider_folder(dirs: &Dirs, owner: &Owner, provider: &Name) -> PathBuf {
    dirs.data.join(owner.slug()).join(provider.as_str())
}

/// Turns an error of the file system into one that names the file.
pub(super) fn problem(path: &Path) -> impl Fn(io::Error) -> Failure {
    move |error| {
        let failure = Failure::new(format!("{}: {error}", path.display()));
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => failure.hint("make room on that file system"),
            ErrorKind::PermissionDenied => failure.hint("the folder must belong to the user who runs the command"),
            _ => failure,
        }
    }
}

pub(super) fn make_private(path: &Path) -> Result<(), Failure> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(problem(path))
}

/// Under a name of its own beside the file and then renamed: resources of one machine write at the same time.
pub(super) fn write_file(path: &Path, content: &[u8], mode: u32) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || {
        let permissions = fs::Permissions::from_mode(mode);
        let mut file = tempfile::Builder::new().prefix(".new-").permissions(permissions).tempfile_in(folder)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(problem(path))
}

pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Failure> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(problem(path)(error)),
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| Failure::new(format!("{} is damaged: {error}", path.display())))
}

pub(super) fn remove_file(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(problem(path)(error)),
        _ => Ok(()),
    }
}

pub(super) fn remove_tree(path: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(problem(path)(error)),
        _ => Ok(()),
    }
}

/// A folder that is not empty stays, which is what we want.
fn remove_empty(path: &Path) {
    let _ = fs::remove_dir(path);
}

#[cfg(test)]
mod tests {
    use super::{Folder, Label};

    #[test]
    fn resources_of_one_machine_may_label_its_folder_at_the_same_time() {
        let home = tempfile::TempDir::new().unwrap();
        for round in 0..50 {
            let path = home.path().join(round.to_string());
            let label = Label { project: "p".into(), id: None, provider: "q".into(), machine: "m".into() };
            let (root, runtime) = (home.path().to_owned(), home.path().join("run"));
            let folder = Folder { runtime_root: runtime.clone(), path, runtime, root, label };
            std::thread::scope(|scope| {
                let tries: Vec<_> = (0..4).map(|_| scope.spawn(|| folder.prepare())).collect();
                for thread in tries {
                    thread.join().unwrap().unwrap();
                }
            });
            assert!(folder.is_ours().unwrap());
        }
    }
}
