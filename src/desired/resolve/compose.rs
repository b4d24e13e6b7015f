//! Which compose projects run where.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Members, Scope};
use crate::config::file;
use crate::desired::ComposeProject;
use crate::id::Name;
use crate::note::{self, Note};
use crate::value::Path;

/// What compose itself looks for, in its order.
const USUAL_FILES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];

pub(super) fn projects(scope: &mut Scope<'_>, members: &Members) -> BTreeMap<Name, ComposeProject> {
    let written = scope.config.file.compose.clone().unwrap_or_default();
    let project = |(key, written): (String, file::Compose)| {
        let at = Path::root().join("compose").join(&key);
        project(scope, members, &key, written, &at).map(|project| (project.name.clone(), project))
    };
    written.into_iter().filter_map(project).collect()
}

fn project(
    scope: &mut Scope<'_>,
    members: &Members,
    key: &str,
    written: file::Compose,
    at: &Path,
) -> Option<ComposeProject> {
    let before = scope.notes.len();
    let name = scope.name(key, at);
    let on = machines(scope, members, written.on, &at.join("on"));
    let directory = written.directory.as_ref().map(|path| scope.path(path, &at.join("directory")));
    let files = files(scope, written.files, directory.as_ref(), at);
    let env_files = paths(scope, &written.env_files.unwrap_or_default(), &at.join("env-files"));
    if note::has_errors(&scope.notes[before..]) {
        return None;
    }
    if on.is_empty() {
        let note = Note::warning(at.join("on"), format!("no machine is left to run `{key}`"));
        scope.note(note.hint("all machines it names have `count: 0`"));
        return None;
    }
    let directory = directory.or_else(|| files.first()?.parent().map(PathBuf::from))?;
    let profiles = written.profiles.unwrap_or_default();
    Some(ComposeProject { name: name?, on, files, directory, env_files, profiles, at: at.clone() })
}

/// The machines named, each once, in the order in which they are named.
fn machines(scope: &mut Scope<'_>, members: &Members, on: Option<file::Members>, at: &Path) -> Vec<Name> {
    let written = match on {
        Some(file::Members::One(name)) => vec![(name, at.clone())],
        Some(file::Members::Several(names)) => {
            names.into_iter().enumerate().map(|(i, name)| (name, at.join(i))).collect()
        }
        None => Vec::new(),
    };
    let mut on = Vec::new();
    for (name, at) in written {
        let found = Name::new(&name).ok().and_then(|name| members.get(&name));
        if let Some(found) = found {
            let new: Vec<_> = found.iter().filter(|name| !on.contains(*name)).cloned().collect();
            on.extend(new);
        } else if !is_declared(scope, &name) {
            let note = Note::error(at, format!("no machine is called `{name}`"));
            scope.note(note.hint(note::suggestion(&name, members.keys().map(Name::as_str))));
        }
    }
    on
}

/// Whether a machine is in the file, though something is wrong with it that has been said already.
fn is_declared(scope: &Scope<'_>, name: &str) -> bool {
    scope.config.file.machines.as_ref().is_some_and(|machines| machines.contains_key(name))
}

fn files(scope: &mut Scope<'_>, written: Option<Vec<String>>, directory: Option<&PathBuf>, at: &Path) -> Vec<PathBuf> {
    if let Some(written) = written {
        return paths(scope, &written, &at.join("files"));
    }
    let folder = directory.cloned().unwrap_or_else(|| scope.config.base(at).to_owned());
    let found = USUAL_FILES.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        let note = Note::error(at.clone(), format!("no compose file in `{}`", folder.display())).at_key();
        scope.note(note.hint("name it: `files: [path/to/compose.yaml]`"));
    }
    found.into_iter().collect()
}

/// Files that must be there.
fn paths(scope: &mut Scope<'_>, written: &[String], at: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for (i, written) in written.iter().enumerate() {
        let at = at.join(i);
        let path = scope.path(written, &at);
        if !path.is_file() {
            let note = Note::error(at, format!("no file `{written}`"));
            scope.note(note.hint(format!("looked for {}", path.display())));
        }
        paths.push(path);
    }
    paths
}
