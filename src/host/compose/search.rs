//! Finds what belongs to a project, beginning with its compose files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::desired::{self, ComposeProject};
use crate::host::compose::bundle::{Bundle, Error};
use crate::host::compose::context::Ignored;
use crate::host::compose::paths::{self, Unfilled, Variables};
use crate::host::compose::reference::{
    self, Build, Entry, Extends, Include, Reference, References, Use, Written, is_remote,
};

const MAX_DEPTH: usize = 64;

pub(super) fn search(project: &ComposeProject, mut bundle: Bundle) -> Result<Bundle, Error> {
    bundle.directory = bundle.relative(&project.directory)?;
    let mut search = Search {
        bundle,
        project,
        seen: BTreeSet::new(),
        told: BTreeSet::new(),
        entries: BTreeMap::new(),
        uses: BTreeSet::new(),
    };
    let default = project.directory.join(".env");
    let default = (project.env_files.is_empty() && default.is_file()).then_some(default);
    let variables = search.env_files(project.env_files.iter().chain(&default), &Variables::new())?;
    for file in &project.files {
        let place = Place { file, base: &project.directory, variables: &variables };
        search.compose_file(&place)?;
    }
    let Search { mut bundle, entries, uses, .. } = search;
    let seen = uses.into_iter().filter_map(|(entry, service)| Some((service, entries.get(&entry)?.clone())));
    bundle.mounts.extend(seen);
    Ok(bundle)
}

/// A compose file and what its words mean.
#[derive(Clone, Copy)]
struct Place<'a> {
    file: &'a Path,
    /// Where relative paths start.
    base: &'a Path,
    variables: &'a Variables,
}

struct Search<'a> {
    bundle: Bundle,
    project: &'a ComposeProject,
    /// Files read, with where their paths start and which service was read for which: two that include each other end.
    seen: BTreeSet<(PathBuf, PathBuf, String)>,
    /// Variables that were warned of.
    told: BTreeSet<String>,
    /// The file of each config and secret.
    entries: BTreeMap<Entry, String>,
    /// Which of them containers of a service see.
    uses: BTreeSet<(Entry, String)>,
}

impl Search<'_> {
    /// What files of variables say, of which later ones count more, under what is `known`.
    fn env_files<'f>(
        &mut self,
        files: impl IntoIterator<Item = &'f PathBuf>,
        known: &Variables,
    ) -> Result<Variables, Error> {
        let mut own = Variables::new();
        for file in files {
            let found = self.bundle.follow(file)?.ok_or_else(|| Error::new(format!("no file {}", file.display())))?;
            let name = self.bundle.add(&found)?;
            self.bundle.covered.insert(name);
            paths::extend(&mut own, &text(&found)?, known);
        }
        own.extend(known.clone());
        Ok(own)
    }

    fn compose_file(&mut self, place: &Place<'_>) -> Result<(), Error> {
        let found = self.bundle.follow(place.file)?;
        let found = found.ok_or_else(|| Error::new(format!("no file {}", place.file.display())))?;
        if !self.seen.insert((found.clone(), place.base.to_owned(), String::new())) {
            return Ok(());
        }
        let name = self.bundle.add(&found)?;
        self.bundle.compose.insert(name);
        let references = reference::references(&text(&found)?, &self.project.profiles);
        let references = references.map_err(|fault| self.error(place, fault.line, &fault.why))?;
        self.take(&references, place)?;
        references.includes.iter().try_for_each(|include| self.include(include, place))
    }

    fn extended(&mut self, place: &Place<'_>, extends: &Extends) -> Result<(), Error> {
        let Extends { service, by, .. } = extends;
        if !self.seen.insert((place.file.to_owned(), place.base.to_owned(), format!("{by} {service}"))) {
            return Ok(());
        }
        let name = self.bundle.add(place.file)?;
        self.bundle.compose.insert(name);
        let references = reference::of_service(&text(place.file)?, service, by);
        let references = references.map_err(|fault| self.error(place, fault.line, &fault.why))?;
        self.take(&references, place)
    }

    fn take(&mut self, found: &References, place: &Place<'_>) -> Result<(), Error> {
        if let Some((what, hint)) = found.refused.first() {
            return Err(self.error(place, what.line, &what.text).hint(*hint));
        }
        self.variables(found, place)?;
        self.uses.extend(found.uses.iter().cloned());
        for reference in &found.files {
            self.reference(reference, place)?;
        }
        for build in &found.builds {
            self.build(build, place)?;
        }
        for extends in &found.extends {
            let Some(file) = self.find(&extends.file, place, extends.idle)? else { continue };
            let base = folder_of(&file);
            self.extended(&Place { file: &file, base: &base, variables: place.variables }, extends)?;
        }
        Ok(())
    }

    /// Compose fills in nothing for a variable that is not set, with a warning that nobody sees on the machine.
    fn variables(&mut self, found: &References, place: &Place<'_>) -> Result<(), Error> {
        const HINT: &str =
            "set it in `.env` or a file of `env-files`: this computer's environment is not the machine's";
        for written in &found.texts {
            match paths::interpolate(&written.text, place.variables) {
                Ok(_) | Err(Unfilled::Unclear(_)) => {}
                Err(why @ Unfilled::Required(_)) => {
                    return Err(self.error(place, written.line, &why.to_string()).hint(HINT));
                }
                Err(Unfilled::Unset(name)) => self.warn(place, written.line, name, "nothing is filled in", HINT),
            }
        }
        for passed in found.passed.iter().filter(|passed| !place.variables.contains_key(&passed.text)) {
            self.warn(place, passed.line, passed.text.clone(), "nothing is passed on", HINT);
        }
        Ok(())
    }

    fn warn(&mut self, place: &Place<'_>, line: usize, variable: String, then: &str, hint: &'static str) {
        let message = self.error(place, line, &format!("`{variable}` is set nowhere, so {then}")).message;
        if self.told.insert(variable) {
            self.bundle.warnings.push((message, hint));
        }
    }

    fn include(&mut self, include: &Include, place: &Place<'_>) -> Result<(), Error> {
        let [first, ..] = &include.paths[..] else { return Ok(()) };
        if include.paths.iter().any(|path| is_remote(&path.text)) {
            return Ok(());
        }
        let files = include.paths.iter().map(|path| self.required(path, place)).collect::<Result<Vec<_>, _>>()?;
        let base = match &include.directory {
            Some(directory) => self.locate(directory, place)?.unwrap_or_else(|| PathBuf::from(&directory.text)),
            None => folder_of(&self.locate(first, place)?.expect("it was found")),
        };
        let named = include.env_files.iter().filter(|file| file.text != "/dev/null");
        let mut env_files = named.map(|file| self.required(file, place)).collect::<Result<Vec<_>, _>>()?;
        let default = base.join(".env");
        env_files.extend((include.env_files.is_empty() && default.is_file()).then_some(default));
        let variables = self.env_files(&env_files, place.variables)?;
        files.iter().try_for_each(|file| self.compose_file(&Place { file, base: &base, variables: &variables }))
    }

    fn reference(&mut self, reference: &Reference, place: &Place<'_>) -> Result<(), Error> {
        let may_lack = reference.idle || matches!(reference.used, Use::MayRead | Use::Mount);
        if reference.used == Use::Mount && self.locate(&reference.path, place)?.is_none() {
            return Ok(());
        }
        let Some(path) = self.find(&reference.path, place, may_lack)? else {
            // The engine makes an empty folder of a mount that is not there, as it would here; of a secret it cannot.
            let is_file = reference.covered && reference.used == Use::Mount && !reference.idle;
            return if is_file { self.required(&reference.path, place).map(drop) } else { Ok(()) };
        };
        // A link that is turned elsewhere leads to what a container does not see before it is made anew.
        if let Some((service, from)) = reference.service.as_ref().zip(self.locate(&reference.path, place)?) {
            let links = self.bundle.way(&from)?.map(|(_, links)| links).unwrap_or_default();
            self.bundle.mounts.extend(links.into_iter().map(|link| (service.clone(), link)));
        }
        let known: BTreeSet<_> = self.bundle.digests.keys().cloned().collect();
        if path.is_dir() {
            let name = self.bundle.relative(&path)?;
            self.bundle.folders.insert(name);
            self.folder(&path, &path, &Ignored::default(), 0)?;
        } else {
            let name = self.bundle.add(&path)?;
            self.bundle.mounts.extend(reference.service.iter().map(|service| (service.clone(), name.clone())));
            self.entries.extend(reference.entry.iter().map(|entry| (entry.clone(), name.clone())));
            self.bundle.covered.extend(reference.covered.then_some(name));
        }
        if reference.covered {
            self.bundle.covered.extend(self.bundle.digests.keys().filter(|name| !known.contains(*name)).cloned());
        }
        Ok(())
    }

    fn build(&mut self, build: &Build, place: &Place<'_>) -> Result<(), Error> {
        if let Some(layout) = build.context.text.strip_prefix("oci-layout://") {
            let why = format!("the image layout `{layout}` is not taken along");
            return Err(self.error(place, build.context.line, &why).hint("use a folder, or an image"));
        }
        self.bundle.builds |= !build.idle;
        if is_remote(&build.context.text) {
            return Ok(());
        }
        let Some(context) = self.find(&build.context, place, build.idle)? else { return Ok(()) };
        if !context.is_dir() {
            let why = format!("the build context `{}` is no folder", build.context.text);
            return Err(self.error(place, build.context.line, &why));
        }
        let mut rules = context.join(".dockerignore");
        if let Some(written) = &build.dockerfile {
            let inside = Place { base: &context, ..*place };
            let Some(dockerfile) = self.find(written, &inside, build.idle)? else { return Ok(()) };
            self.bundle.add(&dockerfile)?;
            let own = PathBuf::from(format!("{}.dockerignore", dockerfile.display()));
            rules = if own.is_file() { own } else { rules };
        }
        // The engine is given both in any case.
        let ignored = match self.bundle.follow(&rules)? {
            None => Ignored::default(),
            Some(rules) => {
                self.bundle.add(&rules)?;
                Ignored::parse(&text(&rules)?)
                    .map_err(|(line, why)| Error::new(format!("{}:{line}: {why}", rules.display())))?
            }
        };
        self.folder(&context, &context, &ignored, 0)
    }

    fn folder(&mut self, top: &Path, folder: &Path, ignored: &Ignored, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(Error::new(format!("{} is nested too deeply", folder.display())));
        }
        let failed = |error: io::Error| Error::io(folder, &error);
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            let name = path.strip_prefix(top).expect("it lies there").to_string_lossy();
            if entry.file_type().map_err(failed)?.is_dir() {
                if !ignored.leaves_out_all_of(&name) {
                    self.folder(top, &path, ignored, depth + 1)?;
                }
            } else if !ignored.leaves_out(&name) {
                self.bundle.add(&path)?;
            }
        }
        Ok(())
    }

    /// The path on this computer, or `None` for one that is the machine's own.
    fn locate(&self, written: &Written, place: &Place<'_>) -> Result<Option<PathBuf>, Error> {
        let path = paths::interpolate(&written.text, place.variables).map_err(|why| {
            self.error(place, written.line, &why.to_string()).hint("set it in `.env` or in a file of `env-files`")
        })?;
        let elsewhere = path.starts_with(['/', '~']);
        Ok((!elsewhere).then(|| desired::normal(&place.base.join(path))))
    }

    /// Where it lies in truth; `None` for what is not there and `may_lack`.
    fn find(&mut self, written: &Written, place: &Place<'_>, may_lack: bool) -> Result<Option<PathBuf>, Error> {
        let Some(path) = self.locate(written, place)? else {
            let why = format!("`{}` is an absolute path", written.text);
            return Err(self.error(place, written.line, &why).hint("write it relative to the project directory"));
        };
        let found = self.bundle.follow(&path);
        let found = found.map_err(|e| Error { message: self.error(place, written.line, &e.message).message, ..e })?;
        match found {
            None if !may_lack => Err(self
                .error(place, written.line, &format!("no file or folder `{}`", written.text))
                .hint(format!("looked for {}", path.display()))),
            found => Ok(found),
        }
    }

    fn required(&mut self, written: &Written, place: &Place<'_>) -> Result<PathBuf, Error> {
        Ok(self.find(written, place, false)?.expect("it must be there"))
    }

    fn error(&self, place: &Place<'_>, line: usize, why: &str) -> Error {
        let name = self.bundle.relative(place.file).unwrap_or_else(|_| place.file.display().to_string());
        Error::new(format!("{name}:{line}: {why}"))
    }
}

fn folder_of(file: &Path) -> PathBuf {
    file.parent().expect("a file lies in a folder").to_owned()
}

fn text(file: &Path) -> Result<String, Error> {
    fs::read_to_string(file).map_err(|error| Error::io(file, &error))
}
