//! A folder of ours below the data folder: who owns it, how its files are written and when it goes.
//!
//! `<data>/<project>/<provider>/<machine>/` holds everything of a machine, so that moving a project means moving
//! a folder and losing the cache loses nothing. Whose a folder is stands in its label: a machine that gets another name keeps the
//! folder that it was made in, and runs on while its label changes.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::dirs::{Dirs, SOCKET_PATH_LIMIT, is_open_to_others};
use crate::id::{Name, Owner};
use crate::resource::Failure;

/// The machine folder of a provider's segment; no machine can be called so.
pub(super) const SEGMENT_FOLDER: &str = ".segment";
const LABEL: &str = "owner.json";

/// Whose a folder is; its `owner.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Label {
    pub(super) project: String,
    pub(super) id: Option<String>,
    pub(super) provider: String,
    pub(super) machine: String,
    /// What the machine's hardware addresses were chosen from, where that is not what the folder is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<String>,
    /// It was let go, and nobody has it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) forgotten: bool,
}

impl Label {
    /// Whether both say that a folder is the same machine's.
    fn is(&self, other: &Self) -> bool {
        (&self.machine, self.forgotten) == (&other.machine, other.forgotten) && self.is_beside(other)
    }

    /// Whether both are of the same project and provider.
    fn is_beside(&self, other: &Self) -> bool {
        (&self.project, &self.id, &self.provider) == (&other.project, &other.id, &other.provider)
    }

    /// As [`Owner::slug`] gives it.
    pub(super) fn owner_slug(&self) -> String {
        self.id.as_ref().map_or_else(|| self.project.clone(), |id| format!("{}-{id}", self.project))
    }
}

#[derive(Clone, Debug)]
pub(super) struct Folder {
    /// Where the provider has its folders.
    home: PathBuf,
    /// Nothing above this is ours to remove.
    root: PathBuf,
    runtime_root: PathBuf,
    label: Label,
}

impl Folder {
    pub(super) fn of_machine(dirs: &Dirs, owner: &Owner, provider: &Name, machine: &str) -> Self {
        Self {
            home: provider_folder(dirs, owner, provider),
            root: dirs.data.clone(),
            runtime_root: dirs.runtime.clone(),
            label: Label {
                project: owner.project.to_string(),
                id: owner.id.as_ref().map(ToString::to_string),
                provider: provider.to_string(),
                machine: machine.to_owned(),
                origin: None,
                forgotten: false,
            },
        }
    }

    pub(super) fn machine(&self) -> &str {
        &self.label.machine
    }

    pub(super) fn provider(&self) -> &str {
        &self.label.provider
    }

    /// The folder that carries its label; where there is none, the one that it would be made in.
    pub(super) fn path(&self) -> PathBuf {
        let usual = self.home.join(self.machine());
        let label = label_in(&usual);
        if label.as_ref().is_some_and(|label| self.label.is(label)) {
            return usual;
        }
        if let Some(path) = self.beside().find_map(|(path, label)| self.label.is(&label).then_some(path)) {
            return path;
        }
        // A name that was another machine's once: that one's folder is called so.
        let is_taken = label.is_some_and(|label| label.is_beside(&self.label));
        let others = (2..).map(|n| self.home.join(format!("{}_{n}", self.machine())));
        let mut free = std::iter::once(usual.clone()).filter(|_| !is_taken).chain(others.filter(|path| !path.exists()));
        free.next().unwrap_or(usual)
    }

    /// The provider's folders, with their labels.
    fn beside(&self) -> impl Iterator<Item = (PathBuf, Label)> {
        let paths = fs::read_dir(&self.home).into_iter().flatten().flatten().map(|entry| entry.path());
        paths.filter_map(|path| label_in(&path).map(|label| (path, label)))
    }

    /// What it is called, which is no machine's other name.
    pub(super) fn base(&self) -> String {
        self.path().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// What the machine's hardware addresses are chosen from, the same as long as it lives.
    pub(super) fn origin(&self) -> String {
        let path = self.path();
        let name = || path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let kept = label_in(&path).and_then(|label| label.origin);
        kept.unwrap_or_else(|| format!("{}/{}", self.label.owner_slug(), name()))
    }

    /// Gives the folder another machine's name, at once and for all that is in it. Nothing, where it is not there.
    pub(super) fn give_to(&self, machine: &str) -> Result<(), Failure> {
        let path = self.path();
        match read_json::<Label>(&path.join(LABEL))? {
            Some(label) if self.label.is(&label) => {
                let to = Self { label: Label { machine: machine.to_owned(), ..self.label.clone() }, ..self.clone() };
                if to.is_ours()? {
                    let why = format!("{} is a machine `{machine}` already", to.path().display());
                    return Err(Failure::new(why).hint("remove or rename one of the two"));
                }
                write_json(&path.join(LABEL), &Label { machine: machine.to_owned(), ..label })
            }
            _ => Ok(()),
        }
    }

    /// Lets it go with all that is in it: from then on it is nobody's. Where it is, or was before it had been let go.
    pub(super) fn let_go(&self) -> Result<PathBuf, Failure> {
        let path = self.path();
        match read_json::<Label>(&path.join(LABEL))? {
            Some(label) if self.label.is(&label) => {
                write_json(&path.join(LABEL), &Label { forgotten: true, ..label })?;
                Ok(path)
            }
            _ => Ok(Self { label: Label { forgotten: true, ..self.label.clone() }, ..self.clone() }.path()),
        }
    }

    /// One that is there under the name that a user gives it, `web`, `PROJECT/web` or `PROJECT/PROVIDER/web`, whoever it belongs to.
    pub(super) fn called(&self, object: &str) -> Option<Self> {
        let parts: Vec<_> = object.split('/').filter(|part| !part.starts_with('.')).collect();
        let path = match parts[..] {
            [folder] => self.home.join(folder),
            [project, folder] => self.root.join(project).join(self.provider()).join(folder),
            [project, provider, folder] => self.root.join(project).join(provider).join(folder),
            _ => return None,
        };
        let label = label_in(&path)?;
        Some(Self { home: path.parent()?.to_owned(), label, ..self.clone() })
    }

    /// The project that it belongs to; `None` where it was let go.
    pub(super) fn holder(&self) -> Option<String> {
        (!self.label.forgotten).then(|| self.label.owner_slug())
    }

    /// Whether it would have to be moved to become this one.
    pub(super) fn is_apart_from(&self, other: &Self) -> bool {
        self.home != other.home
    }

    /// Makes another folder, whoever had it, this one. Cut in the middle it is nobody's, and found where it is then.
    pub(super) fn take_over(&self, other: &Self) -> Result<(), Failure> {
        let (origin, from) = (other.origin(), other.path());
        let mut path = from.clone();
        if other.is_apart_from(self) {
            write_json(
                &from.join(LABEL),
                &Label { forgotten: true, origin: Some(origin.clone()), ..other.label.clone() },
            )?;
            path = self.path();
            make_private(&self.home)?;
            fs::rename(&from, &path).map_err(problem(&from))?;
            let above = from.ancestors().skip(1);
            above.take_while(|path| path.starts_with(&self.root)).for_each(remove_empty);
        }
        write_json(&path.join(LABEL), &Label { origin: Some(origin), ..self.label.clone() })
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(super) fn runtime(&self) -> PathBuf {
        self.runtime_of(&self.path())
    }

    fn runtime_of(&self, path: &Path) -> PathBuf {
        let hash = hex::encode(Sha256::digest(path.as_os_str().as_encoded_bytes()));
        self.runtime_root.join(&hash[..12])
    }

    /// Where a socket goes; the folder is made by [`Folder::prepare_runtime`].
    pub(super) fn socket(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.runtime().join(name);
        if path.as_os_str().len() >= SOCKET_PATH_LIMIT {
            return Err(Failure::new(format!("{} is too long a path for a socket", path.display()))
                .hint("set XDG_RUNTIME_DIR to a folder with a shorter path"));
        }
        Ok(path)
    }

    /// Whether it is there and its label says that it is ours.
    pub(super) fn is_ours(&self) -> Result<bool, Failure> {
        let path = self.path();
        match read_json::<Label>(&path.join(LABEL))? {
            None => Ok(false),
            Some(label) if self.label.is(&label) => Ok(true),
            Some(label) => Err(foreign(&path, &label)),
        }
    }

    /// Makes it and labels it.
    pub(super) fn prepare(&self) -> Result<(), Failure> {
        let path = self.path();
        make_private(&path)?;
        if !self.is_ours()? {
            write_json(&path.join(LABEL), &self.label)?;
        }
        Ok(())
    }

    pub(super) fn prepare_runtime(&self) -> Result<(), Failure> {
        make_private(&self.runtime_root)?;
        // It may be in a folder that everybody can write to: somebody else's would let them at our machines.
        let meta = fs::metadata(&self.runtime_root).map_err(problem(&self.runtime_root))?;
        if is_open_to_others(&meta) {
            return Err(Failure::new(format!("{} is open to other users", self.runtime_root.display()))
                .hint("remove it, or set XDG_RUNTIME_DIR to a folder of your own"));
        }
        make_private(&self.runtime())
    }

    /// Writes beside and renames, so that a reader sees the old content or the new.
    pub(super) fn write(&self, name: &str, content: &[u8], mode: u32) -> Result<(), Failure> {
        write_file(&self.file(name), content, mode)
    }

    pub(super) fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), Failure> {
        write_json(&self.file(name), value)
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
        let Ok(entries) = fs::read_dir(self.path()) else { return Vec::new() };
        let files = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<_> = files.filter_map(|file| Some(file.strip_suffix(".qcow2")?.to_owned())).collect();
        names.sort();
        names
    }

    /// Removes it with its sockets, and the folders above that it leaves empty, once no resource is left in it. The label
    /// goes last: what is left after a cut is still known to be ours.
    pub(super) fn sweep(&self) -> Result<(), Failure> {
        if self.is_in_use() {
            return Ok(());
        }
        let path = self.path();
        remove_tree(&self.runtime_of(&path))?;
        remove_empty(&self.runtime_root);
        for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
            match entry.file_type() {
                _ if entry.file_name() == LABEL => {}
                Ok(kind) if kind.is_dir() => remove_tree(&entry.path())?,
                _ => remove_file(&entry.path())?,
            }
        }
        remove_tree(&path)?;
        let above = path.ancestors().skip(1);
        above.take_while(|path| path.starts_with(&self.root)).for_each(remove_empty);
        Ok(())
    }
}

/// The label in a folder, where one can be read.
fn label_in(path: &Path) -> Option<Label> {
    read_json(&path.join(LABEL)).ok().flatten()
}

/// A folder that a listing came upon, when it is ours; nobody's is left alone. An empty one is what a cut left before the label
/// was written or after it was removed.
pub(super) fn listed(setup: &Folder, path: &Path) -> Result<Option<Folder>, Failure> {
    match read_json::<Label>(&path.join(LABEL))? {
        Some(label) if label.forgotten || label.machine.is_empty() => Ok(None),
        Some(label) if label.is_beside(&setup.label) => Ok(Some(Folder { label, ..setup.clone() })),
        Some(label) => Err(foreign(path, &label)),
        None if fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none()) => {
            let machine = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            Ok(Some(Folder { label: Label { machine, ..setup.label.clone() }, ..setup.clone() }))
        }
        None => Ok(None),
    }
}

fn foreign(path: &Path, label: &Label) -> Failure {
    let Label { machine, project, .. } = label;
    Failure::new(format!("{} belongs to machine {machine} of project {project}", path.display()))
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).expect("our own types have text keys");
    write_file(path, format!("{text}\n").as_bytes(), 0o600)
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
    use std::path::Path;

    use super::{Folder, LABEL, Label, label_in};

    fn folder(home: &Path, machine: &str) -> Folder {
        let label = Label {
            project: "p".into(),
            id: None,
            provider: "q".into(),
            machine: machine.into(),
            origin: None,
            forgotten: false,
        };
        Folder { home: home.join("p/q"), root: home.to_owned(), runtime_root: home.join("run"), label }
    }

    #[test]
    fn a_folder_keeps_its_place_when_its_machine_gets_another_name() {
        let home = tempfile::TempDir::new().unwrap();
        let [web, www] = ["web", "www"].map(|name| folder(home.path(), name));
        web.prepare().unwrap();
        let (path, origin) = (web.path(), web.origin());
        for _ in 0..2 {
            web.give_to("www").unwrap();
            assert!(!web.is_ours().unwrap() && www.is_ours().unwrap());
        }
        assert_eq!((www.path(), www.origin()), (path, origin.clone()));
        assert!(web.path().ends_with("web_2"), "another machine of that name gets a folder of its own");
        assert_ne!(web.origin(), origin);
        web.prepare().unwrap();
        assert!(web.give_to("www").unwrap_err().message.contains("is a machine `www` already"));
        www.sweep().unwrap();
        assert!(web.path().ends_with("web_2") && web.is_ours().unwrap());
    }

    #[test]
    fn a_folder_that_was_let_go_is_nobodys_until_it_is_taken_over() {
        let home = tempfile::TempDir::new().unwrap();
        let [web, www] = ["web", "www"].map(|name| folder(home.path(), name));
        web.prepare().unwrap();
        let (path, origin) = (web.path(), web.origin());
        for _ in 0..2 {
            assert_eq!(web.let_go().unwrap(), path);
            assert!(!web.is_ours().unwrap() && web.path().ends_with("web_2"));
        }
        let found = www.called("web").unwrap();
        assert_eq!((found.holder(), found.path()), (None, path.clone()));
        www.take_over(&found).unwrap();
        assert_eq!((www.is_ours().unwrap(), www.path(), www.origin()), (true, path, origin.clone()));
        let mut other = folder(home.path(), "front");
        (other.home, other.label.project) = (home.path().join("o/q"), "o".into());
        let found = other.called("p/q/web").unwrap();
        assert_eq!((found.holder().as_deref(), found.is_apart_from(&other)), (Some("p"), true));
        other.take_over(&found).unwrap();
        assert!(other.is_ours().unwrap() && other.path() == home.path().join("o/q/front"));
        assert_eq!(other.origin(), origin);
        assert!(!home.path().join("p").exists());
    }

    #[test]
    fn a_label_of_the_first_builds_is_still_read() {
        let home = tempfile::TempDir::new().unwrap();
        let web = folder(home.path(), "web");
        std::fs::create_dir_all(web.path()).unwrap();
        let text = r#"{ "project": "p", "id": null, "provider": "q", "machine": "web" }"#;
        std::fs::write(web.file(LABEL), text).unwrap();
        assert!(web.is_ours().unwrap() && label_in(&web.path()).unwrap() == web.label);
    }

    #[test]
    fn resources_of_one_machine_may_label_its_folder_at_the_same_time() {
        let home = tempfile::TempDir::new().unwrap();
        for round in 0..50 {
            let folder = folder(home.path(), &format!("m{round}"));
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
