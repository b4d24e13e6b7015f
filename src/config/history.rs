//! Where every value came from, and what it took the place of.

use std::collections::{BTreeMap, BTreeSet};

use super::error::Problem;
use super::file::is_address;
use super::layer::Layer;
use super::merged::Config;
use super::node::{Node, Scalar, Tree};
use super::provider::{Document, says};
use super::secret::{self, Literals};
use super::shape::Shape;
use super::validate::{EXTENSION, json_of};
use super::{directive, policy, selector};
use crate::origin::Origin;
use crate::value::{Path, Value};

/// What stands where a secret may not be shown.
pub const REDACTED: &str = "<redacted>";

/// A value as one text says it.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    pub layer: Layer,
    pub origin: Origin,
    pub value: Value,
    /// Where a later text drops it.
    pub dropped: Option<Origin>,
    /// Whether it is a list that adds to what others say, and takes the place of nothing.
    pub adds: bool,
}

/// A setting that has no parts of its own: a scalar, a list, an empty map; or an item of a list that layers add to.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    pub path: Path,
    pub value: Value,
    pub layer: Layer,
    pub origin: Origin,
    /// What it took the place of, the latest first.
    pub shadowed: Vec<Said>,
}

/// What one layer makes different.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    pub path: Path,
    /// Without the layer.
    pub before: Option<Value>,
    /// With it.
    pub after: Option<Value>,
    /// Where the layer says so; for what it drops, where it says that.
    pub origin: Option<Origin>,
}

impl Config {
    /// Every leaf of the merged configuration, in the order of paths. Secrets are shown only with `secrets`.
    #[must_use]
    pub fn leaves(&self, schema: &Value, secrets: bool) -> Vec<Leaf> {
        let mut found = Vec::new();
        self.collect(&self.settings, &mut Path::root(), true, &mut |path, value| {
            let Some((document, node)) = self.written(path) else { return };
            let literals = if secrets { Literals::Shown } else { Literals::Hidden };
            let mut shadowed = self.said(path, schema, literals);
            shadowed.retain(|said| said.origin != node.origin || said.layer != document.layer);
            shadowed.reverse();
            found.push(Leaf {
                path: path.clone(),
                value: secret::redacted(value, schema, path, literals),
                layer: document.layer,
                origin: node.origin.clone(),
                shadowed,
            });
        });
        found
    }

    /// What every text says at a path, in the order of loading.
    #[must_use]
    pub fn chain(&self, path: &Path, schema: &Value, secrets: bool) -> Vec<Said> {
        let literals = if secrets { Literals::Shown } else { Literals::Hidden };
        self.said(path, schema, literals)
    }

    fn said(&self, path: &Path, schema: &Value, literals: Literals) -> Vec<Said> {
        if let Some(parent) = path.parent().filter(policy::is_added)
            && let Some(items) = policy::items(&self.documents, &parent)
        {
            let index = path.keys().last().and_then(|index| index.parse::<usize>().ok());
            let item = index.and_then(|index| items.get(index));
            let said = |(document, node): &(&Document, &Node)| {
                let value = secret::redacted(&plain(node), schema, path, literals);
                Said { layer: document.layer, origin: node.origin.clone(), value, dropped: None, adds: false }
            };
            return item.map(said).into_iter().collect();
        }
        let added = policy::is_added(path) && policy::items(&self.documents, path).is_some();
        let said = |document: &Document, node: &Node, adds: bool| {
            let value = secret::redacted(&plain(node), schema, path, literals);
            let dropped = directive::dropped(&document.gone, path).cloned();
            let adds = adds && value.is_array() && dropped.is_none();
            Said { layer: document.layer, origin: node.origin.clone(), value, dropped, adds }
        };
        let mut found = Vec::new();
        for document in &self.documents {
            found.extend(document.overruled_at(path).map(|node| said(document, node, false)));
            let node = document.root.find(path).filter(|node| says(path, node));
            found.extend(node.map(|node| said(document, node, added)));
        }
        found
    }

    /// The merged settings, as they can be loaded again: secrets as `secrets` says, paths of files absolute, and the
    /// project's name in it.
    #[must_use]
    pub fn dump(&self, schema: &Value, secrets: bool, name: &str) -> Value {
        let literals = if secrets { Literals::Shown } else { Literals::Hidden };
        let mut dump = secret::redacted(&self.settings, schema, &Path::root(), literals);
        self.make_loadable(&mut dump, &mut Path::root(), schema);
        let compose = dump.get_mut("compose").and_then(Value::as_object_mut);
        for (project, settings) in compose.into_iter().flatten() {
            // Without either the folder is that of the text which declares the project.
            if settings["files"].is_null() && settings["directory"].is_null() {
                let base = self.base(&Path::parse("compose").join(project));
                settings["directory"] = base.display().to_string().into();
            }
        }
        if let Value::Object(settings) = &mut dump {
            settings.insert("name".to_owned(), name.into());
        }
        dump
    }

    fn make_loadable(&self, value: &mut Value, at: &mut Path, schema: &Value) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    at.push(key);
                    self.make_loadable(value, at, schema);
                    at.pop();
                }
            }
            Value::Array(items) => {
                for (i, value) in items.iter_mut().enumerate() {
                    at.push(i);
                    self.make_loadable(value, at, schema);
                    at.pop();
                }
            }
            Value::String(text) => {
                let path = Shape::at(schema, at).is_path();
                if path && !text.contains('\n') && !text.starts_with(['#', '~', '/']) && !is_address(text) {
                    let absolute: std::path::PathBuf = self.base(at).join(&*text).components().collect();
                    *text = absolute.display().to_string();
                }
                *text = loadable(text);
            }
            _ => {}
        }
    }

    /// Visits every leaf; with `items`, each item of a list that several texts add up to.
    fn collect(&self, value: &Value, at: &mut Path, items: bool, found: &mut impl FnMut(&Path, &Value)) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                for (key, value) in map {
                    at.push(key);
                    self.collect(value, at, items, found);
                    at.pop();
                }
            }
            Value::Array(list) if items && policy::is_added(at) && policy::items(&self.documents, at).is_some() => {
                for (i, value) in list.iter().enumerate() {
                    at.push(i);
                    found(at, value);
                    at.pop();
                }
            }
            _ if at.keys().is_empty() => {}
            leaf => found(at, leaf),
        }
    }

    /// The variables that references to secrets name.
    #[must_use]
    pub fn secret_variables(&self, schema: &Value) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        secret::variables(&self.settings, &Shape::root(schema), &mut found);
        found
    }

    /// What a layer makes different from what all the others come to.
    #[must_use]
    pub fn difference(&self, layer: Layer, schema: &Value, secrets: bool) -> Vec<Difference> {
        let literals = if secrets { Literals::Shown } else { Literals::Hidden };
        let leaves = |config: &Self| {
            let settings = secret::redacted(&json_of(&config.merged, &mut Vec::new()), schema, &Path::root(), literals);
            let mut leaves = BTreeMap::new();
            let mut at = Path::root();
            config
                .collect(&settings, &mut at, false, &mut |path, value| _ = leaves.insert(path.clone(), value.clone()));
            leaves.retain(|path, _| !path.starts_with("profiles"));
            leaves
        };
        let mut others: Vec<_> = self.documents.iter().filter(|document| document.layer != layer).cloned().collect();
        for (index, document) in others.iter_mut().enumerate() {
            (document.index, document.gone) = (index, directive::Gone::new());
        }
        _ = directive::apply(&mut others);
        let (mut before, after) =
            (leaves(&Self::merge(others, self.folder.clone(), self.members.clone())), leaves(self));
        let mut found = Vec::new();
        for (path, value) in after {
            let old = before.remove(&path);
            if old.as_ref() != Some(&value) {
                let origin = self.written(&path).map(|(_, node)| node.origin.clone());
                found.push(Difference { path, before: old, after: Some(value), origin });
            }
        }
        let gone = before.into_iter().map(|(path, value)| {
            let origin = self.dropped(&path).cloned();
            Difference { path, before: Some(value), after: None, origin }
        });
        found.extend(gone);
        found.sort_by(|a, b| a.path.cmp(&b.path));
        // A map that was empty and is not any more, or the other way round, is told by what is in it.
        let parents: BTreeSet<_> = found.iter().filter_map(|difference| difference.path.parent()).collect();
        found.retain(|difference| !parents.contains(&difference.path));
        found
    }
}

/// A text that interpolation gives back as it is.
fn loadable(text: &str) -> String {
    if text.contains("${") || text.contains("$$") { text.replace('$', "$$") } else { text.to_owned() }
}

fn plain(node: &Node) -> Value {
    match &node.tree {
        Tree::Map(map) => {
            let said = map.iter().filter(|(key, node)| !node.is_null() && !key.starts_with(EXTENSION));
            Value::Object(said.map(|(key, node)| (key.clone(), plain(node))).collect())
        }
        Tree::List(items) => items.iter().map(plain).collect(),
        Tree::Scalar(scalar) => match scalar {
            Scalar::Null => Value::Null,
            Scalar::Flag(flag) => Value::from(*flag),
            Scalar::Signed(number) => Value::from(*number),
            Scalar::Unsigned(number) => Value::from(*number),
            Scalar::Float(number) => Value::from(*number),
            Scalar::Text(text) => Value::from(text.as_str()),
        },
    }
}

/// What was typed on the command line and is not in effect: the two layers above it had another word.
pub(super) fn overruled(config: &Config) -> Vec<Problem> {
    let mut warnings = Vec::new();
    for document in config.documents.iter().filter(|document| document.layer == Layer::CommandLine) {
        let mut said = Vec::new();
        leaves_of(&document.root, &mut Path::root(), &mut said);
        for (path, origin) in said {
            let path_text = selector::written(&path);
            let flag = &origin.source.name;
            if let Some(by) = directive::dropped(&document.gone, &path) {
                let above =
                    config.documents.iter().any(|d| d.layer > Layer::CommandLine && d.root.origin.source == by.source);
                if above {
                    let message = format!("`{path_text}` of `{flag}` is dropped by a later layer");
                    warnings.push(Problem::new(origin, message).also(by.clone(), "dropped here"));
                }
                continue;
            }
            let later = config.documents.iter().filter(|d| d.layer > Layer::CommandLine);
            let own = document.root.find(&path);
            if policy::is_added(&path) {
                continue;
            }
            if let Some((winner, node)) = later.filter_map(|d| Some((d, d.holds(&path)?))).next_back()
                && Some(node) != own
            {
                let message =
                    format!("`{path_text}` of `{flag}` is not in effect: layer `{}` says otherwise", winner.layer);
                let problem = Problem::new(origin, message).also(node.origin.clone(), "this wins");
                let hint = format!(
                    "the order of layers is fixed; run with `--exclude-layer {}` to leave it out",
                    winner.layer
                );
                warnings.push(problem.hint(hint));
            }
        }
    }
    warnings
}

fn leaves_of(node: &Node, at: &mut Path, found: &mut Vec<(Path, Origin)>) {
    match &node.tree {
        Tree::Map(map) => {
            for (key, node) in map {
                at.push(key);
                leaves_of(node, at, found);
                at.pop();
            }
        }
        _ if node.is_null() => {}
        _ => found.push((at.clone(), node.origin.clone())),
    }
}
