//! Everything a compose project needs from this computer: found, hashed, packed.
//!
//! Symbolic links are followed as long as they stay inside the project directory; the machine gets what they lead to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::desired::ComposeProject;
use crate::host::compose::context::Ignored;
use crate::host::compose::paths::{self, Variables};
use crate::host::compose::yaml::{self, Build, Reference, Use};

/// A bundle travels in one piece; what is larger than this belongs into an image or a volume.
const MAX_BYTES: u64 = 256 << 20;
const MAX_FILES: usize = 10_000;
const MAX_DEPTH: usize = 64;

/// Why a project cannot be bundled.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub message: String,
    pub hint: Option<String>,
}

impl Error {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    fn io(path: &Path, error: &io::Error) -> Self {
        Self::new(format!("{}: {error}", path.display()))
    }
}

/// The files of a project, by path relative to the project directory.
#[derive(Debug, Default)]
pub struct Bundle {
    directory: PathBuf,
    /// `sha256:…`, with ` executable` behind it where the owner may run the file.
    pub digests: BTreeMap<String, String>,
    /// Services whose containers mount a file as such: they see a new version only when made anew.
    pub mounts: BTreeSet<(String, String)>,
    pub builds: bool,
    /// Files with variables and secrets: nothing of them is shown.
    pub covered: BTreeSet<String>,
    /// Files that compose itself reads.
    pub compose: BTreeSet<String>,
    bytes: u64,
}

impl Bundle {
    /// Reads the project's files. Nothing is kept in memory but their digests.
    pub fn collect(project: &ComposeProject) -> Result<Self, Error> {
        let directory = fs::canonicalize(&project.directory).map_err(|error| Error::io(&project.directory, &error))?;
        let mut search = Search {
            bundle: Self { directory, ..Self::default() },
            variables: Variables::new(),
            seen: BTreeSet::new(),
        };
        search.env_files(project)?;
        for file in &project.files {
            let file = search.inside(file)?;
            let base = search.bundle.directory.clone();
            search.compose_file(&file, &base)?;
        }
        Ok(search.bundle)
    }

    /// A path of the project as the machine will know it: relative to the project directory.
    pub fn relative(&self, path: &Path) -> Result<String, Error> {
        let real = real(path)?;
        let outside = || {
            Error::new(format!("{} is outside the project directory {}", path.display(), self.directory.display()))
                .hint("set the compose project's `directory` to a folder that holds everything it uses")
        };
        let relative = real.strip_prefix(&self.directory).map_err(|_| outside())?;
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
            let (content, digest_now, executable) = read(&self.directory.join(name))?;
            if digest_now != *digest {
                return Err(
                    Error::new(format!("{name} has changed since the plan was made")).hint("run the command again")
                );
            }
            let permissions = if executable { 0o755 } else { 0o644 };
            append(&mut tar, &format!("content/{name}"), &content, permissions).map_err(|e| broken(&e))?;
        }
        tar.into_inner().and_then(GzEncoder::finish).map_err(|e| broken(&e))
    }

    /// The content of a file as it was collected.
    pub(super) fn content(&self, name: &str) -> Result<Vec<u8>, String> {
        let (content, digest, _) = read(&self.directory.join(name)).map_err(|error| error.message)?;
        let is_same = self.digests.get(name) == Some(&digest);
        if is_same { Ok(content) } else { Err("it has changed since it was looked at".to_owned()) }
    }

    fn add(&mut self, path: &Path) -> Result<String, Error> {
        let name = self.relative(path)?;
        if !self.digests.contains_key(&name) {
            self.bytes += fs::metadata(path).map_err(|error| Error::io(path, &error))?.len();
            if self.bytes > MAX_BYTES || self.digests.len() >= MAX_FILES {
                return Err(Error::new(format!(
                    "the project is larger than {} MiB or {MAX_FILES} files at {name}",
                    MAX_BYTES >> 20
                ))
                .hint("leave files out with `.dockerignore`, or mount less"));
            }
            let (_, digest, _) = read(path)?;
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

/// Content, digest and whether it may be run.
fn read(path: &Path) -> Result<(Vec<u8>, String, bool), Error> {
    let failed = |error: io::Error| Error::io(path, &error);
    let content = fs::read(path).map_err(failed)?;
    let executable = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o100 != 0;
    let mark = if executable { " executable" } else { "" };
    let digest = format!("sha256:{}{mark}", hex::encode(Sha256::digest(&content)));
    Ok((content, digest, executable))
}

/// The path with its folder's symbolic links resolved, but not its own: that is where it lies.
fn real(path: &Path) -> Result<PathBuf, Error> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(path.to_owned()) };
    let folder = fs::canonicalize(folder).map_err(|error| Error::io(path, &error))?;
    Ok(folder.join(name))
}

struct Search {
    bundle: Bundle,
    variables: Variables,
    /// Compose files read, so that two that include each other end.
    seen: BTreeSet<PathBuf>,
}

impl Search {
    fn env_files(&mut self, project: &ComposeProject) -> Result<(), Error> {
        let default = self.bundle.directory.join(".env");
        let default = (project.env_files.is_empty() && default.is_file()).then_some(default);
        for file in project.env_files.iter().cloned().chain(default) {
            let file = self.inside(&file)?;
            let name = self.bundle.add(&file)?;
            self.bundle.covered.insert(name);
            let text = fs::read_to_string(&file).map_err(|error| Error::io(&file, &error))?;
            self.variables.extend(paths::variables(&text));
        }
        Ok(())
    }

    /// The path below the project directory; what it leads to must lie there too.
    fn inside(&self, path: &Path) -> Result<PathBuf, Error> {
        let name = self.bundle.relative(&paths::normal(path))?;
        let path = self.bundle.directory.join(name);
        match fs::canonicalize(&path) {
            Ok(target) if !target.starts_with(&self.bundle.directory) => Err(Error::new(format!(
                "{} leads to {}, outside the project directory",
                path.display(),
                target.display()
            ))
            .hint("copy it into the project, or set the compose project's `directory` higher up")),
            Err(error) => Err(Error::io(&path, &error)),
            Ok(_) => Ok(path),
        }
    }

    fn compose_file(&mut self, file: &Path, base: &Path) -> Result<(), Error> {
        let name = self.bundle.add(file)?;
        self.bundle.compose.insert(name);
        if !self.seen.insert(file.to_owned()) {
            return Ok(());
        }
        let text = fs::read_to_string(file).map_err(|error| Error::io(file, &error))?;
        let found = yaml::references(&text).map_err(|why| Error::new(format!("{}: {why}", file.display())))?;
        for reference in &found.files {
            self.reference(reference, base, file)?;
        }
        for build in &found.builds {
            self.build(build, base, file)?;
        }
        Ok(())
    }

    /// The path on this computer, or `None` for one that is the machine's own.
    fn locate(&self, written: &str, base: &Path, file: &Path) -> Result<Option<PathBuf>, Error> {
        let path = paths::interpolate(written, &self.variables).map_err(|why| {
            Error::new(format!("{}: {why}", file.display())).hint("set it in `.env` or in a file of `env-files`")
        })?;
        let elsewhere = path.starts_with(['/', '~']);
        Ok((!elsewhere).then(|| paths::normal(&base.join(path))))
    }

    fn reference(&mut self, reference: &Reference, base: &Path, file: &Path) -> Result<(), Error> {
        let Some(path) = self.locate(&reference.path, base, file)? else {
            if reference.used == Use::Mount {
                return Ok(());
            }
            return Err(Error::new(format!("{}: `{}` is an absolute path", file.display(), reference.path))
                .hint("write it relative to the project directory"));
        };
        // The engine makes an empty folder of a mount that is not there, as it would here.
        if !path.exists() && matches!(reference.used, Use::MayRead | Use::Mount) {
            return Ok(());
        }
        let path = self.inside(&path)?;
        if reference.used == Use::Compose {
            let base = path.parent().expect("a file lies in a folder").to_owned();
            return self.compose_file(&path, &base);
        }
        if path.is_dir() {
            let known: BTreeSet<_> = self.bundle.digests.keys().cloned().collect();
            self.folder(&path, &Ignored::nothing(), 0)?;
            if reference.covered {
                self.bundle.covered.extend(self.bundle.digests.keys().filter(|name| !known.contains(*name)).cloned());
            }
            return Ok(());
        }
        let name = self.bundle.add(&path)?;
        if reference.covered {
            self.bundle.covered.insert(name.clone());
        }
        self.bundle.mounts.extend(reference.services.iter().map(|service| (service.clone(), name.clone())));
        Ok(())
    }

    fn build(&mut self, build: &Build, base: &Path, file: &Path) -> Result<(), Error> {
        if build.context.contains("://") || build.context.starts_with("git@") {
            return Ok(());
        }
        self.bundle.builds = true;
        let Some(context) = self.locate(&build.context, base, file)? else {
            return Err(Error::new(format!(
                "{}: the build context `{}` is an absolute path",
                file.display(),
                build.context
            ))
            .hint("write it relative to the project directory"));
        };
        let context = self.inside(&context)?;
        let dockerfile = build.dockerfile.as_deref().unwrap_or("Dockerfile");
        let named = context.join(format!("{dockerfile}.dockerignore"));
        let rules = if named.is_file() { named } else { context.join(".dockerignore") };
        // The engine is given both in any case.
        for always in [&rules, &paths::normal(&context.join(dockerfile))] {
            if always.is_file() {
                let always = self.inside(always)?;
                self.bundle.add(&always)?;
            }
        }
        let ignored = match fs::read_to_string(&rules) {
            Ok(text) => {
                Ignored::parse(&context, &text).map_err(|why| Error::new(format!("{}: {why}", rules.display())))?
            }
            Err(_) => Ignored::nothing(),
        };
        self.folder(&context, &ignored, 0)
    }

    fn folder(&mut self, folder: &Path, ignored: &Ignored, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(Error::new(format!(
                "{} is nested too deeply, or a symbolic link leads in a circle",
                folder.display()
            )));
        }
        let failed = |error: io::Error| Error::io(folder, &error);
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let (skip, skip_all) = (ignored.leaves_out(&path), ignored.leaves_out_all_of(&path));
            if skip_all || (skip && !path.is_dir()) {
                continue;
            }
            let path = self.inside(&path)?;
            if path.is_dir() {
                self.folder(&path, ignored, depth + 1)?;
            } else if path.is_file() {
                self.bundle.add(&path)?;
            }
        }
        Ok(())
    }
}
