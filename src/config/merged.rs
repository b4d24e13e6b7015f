//! The merged configuration, in which every value knows the text it is from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use figment::value::{Dict, Value};
use figment::{Figment, Profile, Provider as _};

use super::error::Problem;
use super::file::Machinefile;
use super::layer::Layer;
use super::member::Members;
use super::node::{Node, Scalar, Tree};
use super::provider::Document;
use super::validate::{EXTENSION, Verdict};
use super::{directive, policy};
use crate::origin::{Origin, Source};
use crate::value::{Path, Value as Json};

/// The configuration: its typed form, and where each part of it was written.
#[derive(Debug)]
pub struct Config {
    pub file: Machinefile,
    /// The folder of the first file: the project's folder.
    pub folder: PathBuf,
    /// What the schema finds wrong. Then `file` lacks it and is only good for finding more.
    pub problems: Vec<Problem>,
    /// What the texts say that has no effect, or not the one meant.
    pub warnings: Vec<Problem>,
    /// What `file` lacks for being wrong.
    pub faults: Vec<Path>,
    /// What was merged, with what is wrong in it.
    pub(super) settings: Json,
    pub(super) documents: Vec<Document>,
    pub(super) merged: Dict,
    pub(super) members: Members,
    figment: Figment,
    /// Stands for the text of a project that has none.
    nothing: Document,
}

impl Config {
    /// Every text that was read, by its name; what variables and flags say by the names of their layers.
    #[must_use]
    pub fn contents(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for document in &self.documents {
            let source = &document.root.origin.source;
            if !matches!(document.layer, Layer::Environment | Layer::CommandLine) {
                found.insert(source.name.clone(), source.text.clone());
                continue;
            }
            let mut lines = BTreeSet::new();
            document.root.walk(&mut |node| {
                let source = &node.origin.source;
                lines.insert(format!("{} {}\n", source.name, source.text));
            });
            found.insert(document.layer.to_string(), lines.into_iter().collect());
        }
        found
    }

    /// Lays the documents one over the other.
    pub(super) fn merge(documents: Vec<Document>, folder: PathBuf, members: Members) -> Self {
        let figment = documents.iter().fold(Figment::new(), |figment, document| figment.merge(document));
        let mut profiles = figment.data().expect("the providers of documents cannot fail");
        let mut merged = profiles.remove(&Profile::Default).unwrap_or_default();
        policy::add_up(&documents, &mut merged);
        let source = Arc::new(Source { name: "nothing".to_owned(), text: String::new() });
        let nothing = Node::new(Tree::Scalar(Scalar::Null), Origin { source, span: 0..0, key: 0..0 });
        Self {
            file: Machinefile::default(),
            nothing: Document::new(Layer::Project, nothing, folder.clone()),
            folder,
            problems: Vec::new(),
            warnings: Vec::new(),
            faults: Vec::new(),
            settings: Json::Null,
            documents,
            members,
            merged,
            figment,
        }
    }

    pub(super) fn judged(&mut self, verdict: Verdict) {
        let Verdict { file, settings, problems, faults } = verdict;
        (self.file, self.settings, self.problems, self.faults) = (file, settings, problems, faults);
    }

    /// Where the value in effect at a path was written, by the layer that won: at the path itself, or where a machine inherits it from.
    #[must_use]
    pub fn origin(&self, path: &Path) -> Option<&Origin> {
        self.in_effect(path).map(|(_, node)| &node.origin)
    }

    /// As [`Config::origin`]; for what is written nowhere, its nearest written ancestor.
    #[must_use]
    pub fn nearest_origin(&self, path: &Path) -> &Origin {
        &self.nearest(path).1.origin
    }

    /// The folder that a relative path, written as the value at `path`, starts from.
    #[must_use]
    pub fn base(&self, path: &Path) -> &FilePath {
        &self.nearest(path).0.base
    }

    /// The layer that the value in effect at a path comes from.
    #[must_use]
    pub fn layer(&self, path: &Path) -> Option<Layer> {
        self.in_effect(path).map(|(document, _)| document.layer)
    }

    /// For a machine's setting that is not written: where it is inherited from.
    #[must_use]
    pub fn inherited(&self, path: &Path) -> Option<Path> {
        let [machines, name, rest @ ..] = path.keys() else { return None };
        if machines != "machines" {
            return None;
        }
        let base = self.members.get(name).map(String::as_str).or_else(|| self.member_of(name));
        let base = base.map(|base| vec![machines.clone(), base.to_owned()]);
        let above = base.into_iter().chain((!rest.is_empty()).then(|| vec!["defaults".to_owned()]));
        above.map(|above| above.iter().chain(rest).cloned().collect()).find(|path| self.written(path).is_some())
    }

    /// The variables that files fill in, by what is written in them.
    #[must_use]
    pub fn variables(&self) -> BTreeSet<String> {
        let files = self.documents.iter().filter(|document| document.layer <= Layer::Project);
        let mut found = BTreeSet::new();
        for text in files.map(|document| &document.root.origin.source.text) {
            for rest in text.split("${").skip(1) {
                let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                if !name.is_empty() {
                    found.insert(name);
                }
            }
        }
        found
    }

    /// The paths, from `at` on, of all that is set there, inherited or not. What is `false` or empty is not set.
    #[must_use]
    pub fn settings(&self, at: &Path) -> Vec<Path> {
        let mut found = BTreeSet::new();
        let mut bases = vec![at.clone()];
        if let [machines, name, ..] = at.keys()
            && machines == "machines"
        {
            bases.push(Path::parse("defaults"));
            bases.extend(self.members.get(name).map(|base| Path::parse(machines).join(base)));
        }
        for base in bases {
            let tree = base.keys().iter().try_fold(&self.merged, |dict, key| dict.get(key)?.as_dict());
            if let Some(tree) = tree {
                leaves(tree, &Path::root(), &mut found);
            }
        }
        found.into_iter().collect()
    }

    /// Of a machine that is written only in what its own drive says: the counted machine that it is one of.
    #[must_use]
    pub fn counted(&self, member: &str) -> Option<&str> {
        self.members.get(member).map(String::as_str)
    }

    /// Whether there is a machine of this name: declared, or one of several that are.
    #[must_use]
    pub fn has_machine(&self, name: &str) -> bool {
        self.merged_machines().any(|own| own == name) || self.member_of(name).is_some()
    }

    /// The names that machines are declared by.
    pub fn merged_machines(&self) -> impl Iterator<Item = &str> {
        self.merged
            .get("machines")
            .and_then(Value::as_dict)
            .into_iter()
            .flat_map(|dict| dict.keys().map(String::as_str))
    }

    /// The counted machine that a name is one of: `web-2` of `web` with `count: 2`.
    fn member_of(&self, name: &str) -> Option<&str> {
        let (base, number) = name.rsplit_once('-')?;
        let machines = self.file.machines.as_ref()?;
        let (base, machine) = machines.get_key_value(base).filter(|_| !machines.contains_key(name))?;
        let inherited = || self.file.defaults.as_ref()?.count;
        let count = machine.as_ref().and_then(|machine| machine.count).or_else(inherited)?;
        number.parse::<u32>().is_ok_and(|n| (1..=count).contains(&n) && n.to_string() == number).then_some(base)
    }

    /// Where it is said that what some text says at a path is dropped.
    pub(super) fn dropped(&self, path: &Path) -> Option<&Origin> {
        let said = self.documents.iter().filter(|document| document.root.find(path).is_some());
        said.filter_map(|document| directive::dropped(&document.gone, path)).next_back()
    }

    fn nearest(&self, path: &Path) -> (&Document, &Node) {
        std::iter::successors(Some(path.clone()), Path::parent)
            .find_map(|path| self.in_effect(&path))
            .or_else(|| self.main().map(|document| (document, &document.root)))
            .unwrap_or((&self.nothing, &self.nothing.root))
    }

    /// The project's own text, after what it includes and before what its flags and profiles say.
    fn main(&self) -> Option<&Document> {
        let own = |document: &&Document| document.layer == Layer::Project && document.base == self.folder;
        self.documents.iter().find(own).or_else(|| self.documents.first())
    }

    fn in_effect(&self, path: &Path) -> Option<(&Document, &Node)> {
        self.written(path).or_else(|| self.written(&self.inherited(path)?))
    }

    pub(super) fn written(&self, path: &Path) -> Option<(&Document, &Node)> {
        let (first, rest) = path.keys().split_first()?;
        for depth in 1..path.keys().len() {
            let list: Path = path.keys()[..depth].iter().cloned().collect();
            if policy::is_added(&list)
                && let Some(items) = policy::items(&self.documents, &list)
            {
                let (document, item) = *items.get(path.keys()[depth].parse::<usize>().ok()?)?;
                return Some((document, item.find(&path.keys()[depth + 1..].iter().cloned().collect())?));
            }
        }
        let value = rest.iter().try_fold(self.merged.get(first)?, |value, key| match value {
            Value::Dict(_, dict) => dict.get(key),
            Value::Array(_, list) => list.get(key.parse::<usize>().ok()?),
            _ => None,
        })?;
        let document = match self.figment.get_metadata(value.tag()) {
            Some(metadata) => &self.documents[Document::index_of(metadata)?],
            // A list that several texts add up to: the last of them had the last word.
            None => self.documents.iter().rev().find(|document| document.holds(path).is_some())?,
        };
        Some((document, document.root.find(path)?))
    }
}

fn leaves(dict: &Dict, at: &Path, found: &mut BTreeSet<Path>) {
    for (key, value) in dict.iter().filter(|(key, _)| !key.starts_with(EXTENSION)) {
        let path = at.join(key);
        match value {
            Value::Dict(_, dict) => leaves(dict, &path, found),
            Value::Array(_, list) if list.is_empty() => {}
            Value::Bool(_, false) | Value::Empty(..) => {}
            _ => _ = found.insert(path),
        }
    }
}
