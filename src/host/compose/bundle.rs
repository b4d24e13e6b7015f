//! Everything a compose project needs from this computer: found, hashed, packed.
//!
//! Files keep the places that they have to each other, symbolic links stay links, and nothing is taken from outside of the
//! project's root. Of a file's mode it matters whether its owner may run it and whether it is nobody else's: the rest depends
//! on who checked it out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::desired::{self, ComposeProject};
use crate::host::compose::search;

/// A bundle travels in one piece; what is larger than this belongs into an image or a volume.
const MAX_BYTES: u64 = 256 << 20;
const MAX_FILES: usize = 10_000;
/// Links that lead to links.
const MAX_HOPS: usize = 40;

/// What the digest of a symbolic link begins with; where it leads comes behind.
pub(super) const LINK: &str = "link to ";

/// Why a project cannot be bundled.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub message: String,
    pub hint: Option<String>,
}

impl Error {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    pub(super) fn io(path: &Path, error: &io::Error) -> Self {
        Self::new(format!("{}: {error}", path.display()))
    }
}

/// The files of a project, by path relative to its root.
#[derive(Debug, Default)]
pub struct Bundle {
    pub(super) root: PathBuf,
    /// Where relative paths in the compose files start, relative to the root.
    pub(super) directory: String,
    /// `sha256:…`, with ` executable` behind it where the owner may run the file and ` private` where nobody else may read
    /// it; or `link to …`.
    pub digests: BTreeMap<String, String>,
    /// Services whose containers mount a file as such: they see a new version only when made anew.
    pub mounts: BTreeSet<(String, String)>,
    /// Folders that are mounted, which may be empty.
    pub folders: BTreeSet<String>,
    pub builds: bool,
    /// Files with variables and secrets: nothing of them is shown.
    pub covered: BTreeSet<String>,
    /// Files that compose itself reads.
    pub compose: BTreeSet<String>,
    /// What will not be as it is here, with what to do about it.
    pub warnings: Vec<(String, &'static str)>,
    bytes: u64,
}

impl Bundle {
    /// Reads the project's files. Nothing is kept in memory but their digests.
    pub fn collect(project: &ComposeProject) -> Result<Self, Error> {
        search::search(project, Self { root: desired::normal(&project.root), ..Self::default() })
    }

    /// A path of the project as the machine will know it: relative to the root.
    pub fn relative(&self, path: &Path) -> Result<String, Error> {
        let path = desired::normal(path);
        let outside = || {
            Error::new(format!("{} is outside of {}", path.display(), self.root.display())).hint(
                "nothing is taken from outside of the Machinefile's folder, or of the compose project's `directory`",
            )
        };
        let relative = path.strip_prefix(&self.root).map_err(|_| outside())?;
        let text = relative.to_str().ok_or_else(|| Error::new(format!("{} is not UTF-8", path.display())))?;
        if text.contains(['\n', '\\']) {
            return Err(Error::new(format!("the name {text:?} cannot be shipped: no line breaks or backslashes")));
        }
        Ok(text.to_owned())
    }

    /// A compressed tar of the files under `content/`, and of `more` beside it. Fails when a file has changed since it was
    /// collected: what was planned would not be what is done.
    pub fn pack(&self, more: &[(&str, String)]) -> Result<Vec<u8>, Error> {
        let broken = |error: &io::Error| Error::new(format!("packing failed: {error}"));
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, text) in more {
            append(&mut tar, name, text.as_bytes(), 0o600).map_err(|e| broken(&e))?;
        }
        for (name, digest) in &self.digests {
            let (now, content) = read(&self.root.join(name))?;
            if now != *digest {
                return Err(
                    Error::new(format!("{name} has changed since the plan was made")).hint("run the command again")
                );
            }
            let place = format!("content/{name}");
            let appended = match digest.strip_prefix(LINK) {
                Some(target) => link(&mut tar, &place, target),
                None => append(&mut tar, &place, &content, mode(digest)),
            };
            appended.map_err(|e| broken(&e))?;
        }
        tar.into_inner().and_then(GzEncoder::finish).map_err(|e| broken(&e))
    }

    /// The content of a file as it was collected.
    pub(super) fn content(&self, name: &str) -> Result<Vec<u8>, String> {
        let (digest, content) = read(&self.root.join(name)).map_err(|error| error.message)?;
        let is_same = self.digests.get(name) == Some(&digest);
        if is_same { Ok(content) } else { Err("it has changed since it was looked at".to_owned()) }
    }

    /// Where a path leads, with each link on the way taken along; `None` where nothing is.
    pub(super) fn follow(&mut self, path: &Path) -> Result<Option<PathBuf>, Error> {
        Ok(self.way(path)?.map(|(found, _)| found))
    }

    /// The same with the names of these links.
    pub(super) fn way(&mut self, path: &Path) -> Result<Option<(PathBuf, Vec<String>)>, Error> {
        self.relative(path)?;
        let mut links = Vec::new();
        let mut found = self.root.clone();
        let mut rest = desired::normal(path).strip_prefix(&self.root).expect("it lies there").to_owned();
        while let Some(first) = rest.iter().next().map(PathBuf::from) {
            rest = rest.iter().skip(1).collect();
            let next = desired::normal(&found.join(first));
            let kind = match fs::symlink_metadata(&next) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                other => other.map_err(|error| Error::io(&next, &error))?,
            };
            if !kind.is_symlink() {
                found = next;
                continue;
            }
            let target = fs::read_link(&next).map_err(|error| Error::io(&next, &error))?;
            let leads = || format!("{} leads to {}", next.display(), target.display());
            if links.len() >= MAX_HOPS {
                return Err(Error::new(format!("{}, in a circle", leads())));
            }
            let is_inside = self.relative(&found.join(&target)).is_ok();
            if target.is_absolute() || !is_inside {
                return Err(Error::new(format!("{}, which is not taken along", leads()))
                    .hint(format!("let it be a relative link to something in {}", self.root.display())));
            }
            links.push(self.add(&next)?);
            rest = target.join(rest);
        }
        Ok(Some((found, links)))
    }

    /// Takes a file or a link along.
    pub(super) fn add(&mut self, path: &Path) -> Result<String, Error> {
        let name = self.relative(path)?;
        if !self.digests.contains_key(&name) {
            self.bytes += fs::symlink_metadata(path).map_err(|error| Error::io(path, &error))?.len();
            if self.bytes > MAX_BYTES || self.digests.len() >= MAX_FILES {
                return Err(Error::new(format!(
                    "the project is larger than {} MiB or {MAX_FILES} files at {name}",
                    MAX_BYTES >> 20
                ))
                .hint("leave files out with `.dockerignore`, or mount less"));
            }
            let (digest, _) = read(path)?;
            self.digests.insert(name.clone(), digest);
        }
        Ok(name)
    }
}

fn append(tar: &mut tar::Builder<impl Write>, name: &str, content: &[u8], mode: u32) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(mode);
    tar.append_data(&mut header, name, content)
}

fn link(tar: &mut tar::Builder<impl Write>, name: &str, target: &str) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    header.set_mode(0o777);
    tar.append_link(&mut header, name, target)
}

/// The digest of what is at a path, and a file's content.
fn read(path: &Path) -> Result<(String, Vec<u8>), Error> {
    let failed = |error: io::Error| Error::io(path, &error);
    let found = fs::symlink_metadata(path).map_err(failed)?;
    if found.is_symlink() {
        let target = fs::read_link(path).map_err(failed)?;
        let target = target.to_str().filter(|target| !target.contains('\n'));
        let target =
            target.ok_or_else(|| Error::new(format!("{} leads to no name that can be sent", path.display())))?;
        return Ok((format!("{LINK}{target}"), Vec::new()));
    }
    if !found.is_file() {
        return Err(Error::new(format!("{} is no file, folder or link and cannot be sent", path.display())));
    }
    let content = fs::read(path).map_err(failed)?;
    let digest = hex::encode(Sha256::digest(&content));
    Ok((digest_of(&digest, found.permissions().mode()), content))
}

/// What a file is in attributes: the digest of its content, and what of its mode counts.
pub(super) fn digest_of(hex: &str, mode: u32) -> String {
    let executable = if mode & 0o100 == 0 { "" } else { " executable" };
    let private = if is_private(mode) { " private" } else { "" };
    format!("sha256:{hex}{executable}{private}")
}

/// Whether nobody but the owner may do anything.
fn is_private(mode: u32) -> bool {
    [0o070, 0o007].iter().all(|others| mode & others == 0)
}

fn mode(digest: &str) -> u32 {
    let runs = if digest.contains(" executable") { 0o755 } else { 0o644 };
    if digest.ends_with(" private") { runs & 0o700 } else { runs }
}
