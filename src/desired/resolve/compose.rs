//! Which compose projects run where.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use super::{Members, Scope, order};
use crate::config::file;
use crate::desired::{ComposeProject, normal, quantity};
use crate::id::Name;
use crate::note::{self, Note};
use crate::value::Path;

/// What compose itself looks for, in its order.
const USUAL_FILES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];

const WAIT: Duration = Duration::from_mins(2);

pub(super) fn projects(scope: &mut Scope<'_>, members: &Members) -> BTreeMap<Name, ComposeProject> {
    let written = scope.config.file.compose.clone().unwrap_or_default();
    let project = |(key, written): (String, file::Compose)| {
        let at = Path::root().join("compose").join(&key);
        project(scope, members, &key, written, &at).map(|project| (project.name.clone(), project))
    };
    let projects: BTreeMap<_, _> = written.into_iter().filter_map(project).collect();
    in_order(scope, &projects);
    projects
}

/// That every project named in `after` is there, and that none waits for itself.
fn in_order(scope: &mut Scope<'_>, projects: &BTreeMap<Name, ComposeProject>) {
    let declared = scope.config.file.compose.as_ref();
    let is_declared = |name: &Name| declared.is_some_and(|all| all.contains_key(name.as_str()));
    let mut notes = Vec::new();
    for project in projects.values() {
        for (i, name) in project.after.iter().enumerate().filter(|(_, name)| !is_declared(name)) {
            let note = Note::error(project.at.join("after").join(i), format!("no compose project is called `{name}`"));
            let others: Vec<_> = projects.keys().filter(|other| **other != project.name).map(Name::as_str).collect();
            let known = (!others.is_empty()).then(|| note::suggestion(name.as_str(), others.iter().copied()));
            notes.push(note.hint(known.unwrap_or_else(|| "declare it under `compose`".to_owned())));
        }
        if let Some(way) = way_back(projects, &project.name).filter(|way| way.iter().min() == way.first()) {
            let names: Vec<_> = way.iter().chain(way.first()).map(|name| format!("`{name}`")).collect();
            let message = format!("these compose projects wait for each other: {}", names.join(" → "));
            notes.push(Note::error(project.at.join("after"), message).hint("take one of the names out"));
        }
    }
    scope.notes.extend(notes);
}

/// The shortest way from a project along `after` back to itself, without its end.
fn way_back<'a>(projects: &'a BTreeMap<Name, ComposeProject>, start: &'a Name) -> Option<Vec<&'a Name>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    let mut next = 0;
    while let Some(way) = ways.get(next).cloned() {
        next += 1;
        let last = way.last().and_then(|last| projects.get(*last));
        for name in last.into_iter().flat_map(|project| &project.after) {
            if name == start {
                return Some(way);
            }
            if seen.insert(name) {
                ways.push(way.iter().copied().chain([name]).collect());
            }
        }
    }
    None
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
    let images = paths(scope, &written.images.unwrap_or_default(), &at.join("images"));
    let wait = written.wait.as_deref().map_or(Some(WAIT), quantity::duration).unwrap_or(WAIT);
    let after = order::names(scope, &written.after.unwrap_or_default(), &at.join("after"));
    if note::has_errors(&scope.notes[before..]) {
        return None;
    }
    if on.is_empty() {
        let note = Note::warning(at.join("on"), format!("no machine is left to run `{key}`"));
        scope.note(note.hint("all machines it names have `count: 0`"));
        return None;
    }
    let directory = normal(&directory.or_else(|| files.first()?.parent().map(PathBuf::from))?);
    let profiles = written.profiles.unwrap_or_default();
    let folder = normal(&scope.config.folder);
    let root = if directory.starts_with(&folder) { folder } else { directory.clone() };
    Some(ComposeProject {
        name: name?,
        on,
        files,
        directory,
        root,
        env_files,
        profiles,
        images,
        wait,
        after,
        at: at.clone(),
    })
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
