//! The texts of all layers, one upon the other, as they are found: files with what they include and their profiles.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::directive::{self, Directives};
use super::error::{Error, Problem};
use super::layer::Layer;
use super::node::{Node, Scalar, Tree};
use super::provider::Document;
use super::{Input, STDIN, cover, discover, interpolate, validate};
use crate::note;
use crate::origin::{Origin, Source};

const INCLUDE: &str = "include";
const PROFILES: &str = "profiles";

/// Texts of one run, included ones counted as often as they are.
const MAX_TEXTS: usize = 256;
/// Bytes of all files of one run.
const MAX_BYTES: usize = 64 << 20;

/// What has been read so far.
pub(super) struct Stack<'a> {
    input: &'a Input<'a>,
    pub(super) documents: Vec<Document>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
    /// The profiles that some text has.
    profiles: BTreeSet<String>,
    texts: usize,
    bytes: usize,
}

/// A text that was read, before its parts are put in their places.
struct Opened {
    root: Node,
    base: PathBuf,
}

impl<'a> Stack<'a> {
    pub(super) fn new(input: &'a Input<'a>) -> Self {
        let (documents, problems, warnings) = (Vec::new(), Vec::new(), Vec::new());
        Self { input, documents, problems, warnings, profiles: BTreeSet::new(), texts: 0, bytes: 0 }
    }

    pub(super) fn push(&mut self, document: Document) {
        self.documents.push(Document { index: self.documents.len(), ..document });
    }

    /// Reads a file, first what it includes, last its profiles.
    pub(super) fn file(&mut self, layer: Layer, path: &Path) -> Result<(), Error> {
        let opened = self.open(path)?;
        let from = opened.as_ref().map(|_| self.identity(path));
        opened.map_or(Ok(()), |opened| self.lay(layer, opened, &mut from.into_iter().collect()))
    }

    /// What a file is, however it is named.
    fn identity(&self, path: &Path) -> PathBuf {
        let absolute = self.input.folder.join(path);
        absolute.canonicalize().unwrap_or(absolute)
    }

    /// Reads and parses. `None` when that is not possible and has been noted.
    fn open(&mut self, path: &Path) -> Result<Option<Opened>, Error> {
        let folder = self.input.folder;
        let (name, base, bytes) = if path == Path::new(STDIN) {
            ("<stdin>".to_owned(), folder.to_owned(), self.input.stdin.to_owned())
        } else {
            let name = discover::shown(self.input, path);
            let absolute = folder.join(path);
            let bytes = discover::read(&absolute, &name)?;
            (name, absolute.parent().unwrap_or(folder).to_owned(), bytes)
        };
        self.bytes += bytes.len();
        self.texts += 1;
        if self.bytes > MAX_BYTES || self.texts > MAX_TEXTS {
            return Err(Error::TooMuch { name, texts: MAX_TEXTS, bytes: MAX_BYTES });
        }
        let source = match discover::text(name, bytes) {
            Ok(source) => Arc::new(source),
            Err(problem) => {
                self.problems.push(*problem);
                return Ok(None);
            }
        };
        match discover::parse(&source, path) {
            Ok(root) if matches!(root.tree, Tree::Map(_) | Tree::Scalar(Scalar::Null)) => {
                Ok(Some(Opened { root, base }))
            }
            Ok(root) => {
                let problem = Problem::new(root.origin, "a Machinefile is a map of settings");
                self.problems.push(problem.hint("begin with `machines:` and a machine's name below it"));
                Ok(None)
            }
            Err(problems) => {
                self.problems.extend(cover::unparsed(problems, self.input.schema, false));
                Ok(None)
            }
        }
    }

    fn lay(&mut self, layer: Layer, opened: Opened, from: &mut Vec<PathBuf>) -> Result<(), Error> {
        let Opened { mut root, base } = opened;
        let mut profiles = self.take_profiles(&mut root);
        self.problems.extend(interpolate::interpolate(&mut root, self.input.environment));
        if layer < Layer::Project {
            self.refuse_identity(&mut root, layer);
            for profile in profiles.values_mut() {
                self.refuse_identity(profile, layer);
            }
        }
        for (path, origin) in self.take_includes(&mut root) {
            self.include(layer, &base, &path, &origin, from)?;
        }
        let directives = Directives::take(&mut root, &mut self.problems);
        self.problems.extend(validate::tags(&root));
        let mut active = Vec::new();
        for name in self.input.profiles {
            let Some(mut profile) = profiles.get(name).cloned().filter(|profile| !profile.is_null()) else { continue };
            self.problems.extend(interpolate::interpolate(&mut profile, self.input.environment));
            let directives = Directives::take(&mut profile, &mut self.problems);
            self.problems.extend(validate::tags(&profile));
            active.push(Document { directives, ..Document::new(layer, profile, base.clone()) });
        }
        put_back(&mut root, profiles);
        self.push(Document { directives, ..Document::new(layer, root, base) });
        for document in active {
            self.push(document);
        }
        Ok(())
    }

    fn take_profiles(&mut self, root: &mut Node) -> BTreeMap<String, Node> {
        let Tree::Map(entries) = &mut root.tree else { return BTreeMap::new() };
        match entries.get_mut(PROFILES).map(|node| &mut node.tree) {
            Some(Tree::Map(profiles)) => {
                self.profiles.extend(profiles.keys().cloned());
                std::mem::take(profiles)
            }
            _ => BTreeMap::new(),
        }
    }

    /// A name or id for all projects of a computer would make them one: each would delete what the others have.
    fn refuse_identity(&mut self, root: &mut Node, layer: Layer) {
        let Tree::Map(entries) = &mut root.tree else { return };
        for key in ["name", "id"] {
            if let Some(node) = entries.remove(key).filter(|node| !node.is_null()) {
                let message = format!("`{key}` cannot be set for all projects of a {}", of(layer));
                let hint =
                    "write it in the project's Machinefile: projects of one name and id delete each other's machines";
                self.problems.push(Problem::new(node.origin, message).at_key().hint(hint));
            }
        }
    }

    fn take_includes(&mut self, root: &mut Node) -> Vec<(String, Origin)> {
        let Tree::Map(entries) = &mut root.tree else { return Vec::new() };
        let node = entries.remove(INCLUDE);
        node.map(|node| directive::texts(&node, INCLUDE, &mut self.problems)).unwrap_or_default()
    }

    fn include(
        &mut self,
        layer: Layer,
        base: &Path,
        path: &str,
        origin: &Origin,
        from: &mut Vec<PathBuf>,
    ) -> Result<(), Error> {
        let home = self.input.environment.get("HOME");
        let path = match (path.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => Path::new(home).join(rest),
            _ => base.join(path).components().collect(),
        };
        let identity = self.identity(&path);
        if from.contains(&identity) {
            let problem = Problem::new(origin.clone(), "this file includes itself");
            let chain: Vec<_> = from.iter().chain([&identity]).map(|path| discover::shown(self.input, path)).collect();
            self.problems.push(problem.hint(format!("take one of these out: {}", chain.join(" → "))));
            return Ok(());
        }
        let opened = match self.open(&path) {
            Ok(opened) => opened,
            Err(Error::Unreadable { name, cause }) => {
                let problem = Problem::new(origin.clone(), format!("cannot read `{name}`: {cause}"));
                let hint = Error::Unreadable { name, cause }.hint().map(str::to_owned);
                self.problems.push(hint.into_iter().fold(problem, Problem::hint));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        from.push(identity);
        let laid = opened.map_or(Ok(()), |opened| self.lay(layer, opened, from));
        from.pop();
        laid
    }

    /// Profiles that were asked for and are nowhere.
    pub(super) fn check_profiles(&mut self) {
        for name in self.input.profiles {
            if !self.profiles.contains(name) {
                let source = Arc::new(Source { name: "--profile".to_owned(), text: name.clone() });
                let origin = Origin { source, span: 0..name.len(), key: 0..name.len() };
                let problem = Problem::new(origin, format!("no file has a profile `{name}`"));
                let hint = if self.profiles.is_empty() {
                    "declare it: `profiles: { NAME: { … } }` with settings of a Machinefile in it".to_owned()
                } else {
                    note::suggestion(name, self.profiles.iter().map(String::as_str))
                };
                self.problems.push(problem.hint(hint));
            }
        }
    }
}

fn of(layer: Layer) -> &'static str {
    if layer == Layer::Global { "computer" } else { "user" }
}

/// Profiles stay where they are to be judged, but for what only holds when they are switched on: directives, tags
/// and what variables fill in.
fn put_back(root: &mut Node, mut profiles: BTreeMap<String, Node>) {
    for profile in profiles.values_mut() {
        _ = Directives::take(profile, &mut Vec::new());
        profile.walk_mut(&mut |node| {
            if let Tree::List(items) = &mut node.tree {
                items.retain(|item| !is_variable(item));
            }
            if is_variable(node) {
                node.tree = Tree::Scalar(Scalar::Null);
            }
        });
    }
    if let Tree::Map(entries) = &mut root.tree
        && let Some(node) = entries.get_mut(PROFILES)
        && matches!(node.tree, Tree::Map(_))
    {
        node.tree = Tree::Map(profiles);
    }
}

fn is_variable(node: &Node) -> bool {
    node.as_text().is_some_and(|text| text.contains("${"))
}
