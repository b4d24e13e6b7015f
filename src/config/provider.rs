//! A layer's text as figment sees it: one [`figment::Provider`] per document.
//!
//! figment is the layering engine: maps merge by key, scalars and lists are replaced by the later layer. What it
//! does not know (lines and columns, a bare `key:` that says nothing) is settled here and in the tree of nodes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use figment::value::{Dict, Empty, Map, Tag, Value};
use figment::{Error, Metadata, Profile, Provider};

use super::directive::{Directives, Gone, dropped};
use super::layer::Layer;
use super::node::{Node, Scalar, Tree};
use crate::id::Name;
use crate::value::Path;

/// One text of one layer.
#[derive(Clone, Debug)]
pub struct Document {
    pub layer: Layer,
    /// What it says, in the form of a Machinefile and without what it says about other texts.
    pub root: Node,
    /// The folder that relative paths in it start from, absolute.
    pub base: PathBuf,
    /// The machine that alone it is about.
    pub(super) machine: Option<Name>,
    pub(super) directives: Directives,
    /// What it says at first and otherwise later on, as flags may do.
    pub(super) overruled: Vec<(Path, Node)>,
    /// What later texts drop of it.
    pub(super) gone: Gone,
    /// Its place in the order of loading; figment hands it back with each value.
    pub(super) index: usize,
}

impl Document {
    pub(super) fn new(layer: Layer, root: Node, base: PathBuf) -> Self {
        let (directives, gone) = (Directives::default(), Gone::new());
        Self { layer, root, base, machine: None, directives, overruled: Vec::new(), gone, index: 0 }
    }

    /// What it says at a path before it says otherwise.
    pub(super) fn overruled_at(&self, path: &Path) -> impl Iterator<Item = &Node> {
        self.overruled.iter().filter_map(|(at, node)| {
            let rest = path.keys().strip_prefix(at.keys())?;
            node.find(&rest.iter().cloned().collect())
        })
    }

    /// What it says at a path and no later text dropped.
    pub(super) fn holds(&self, path: &Path) -> Option<&Node> {
        self.root.find(path).filter(|node| says(path, node) && dropped(&self.gone, path).is_none())
    }

    /// The document that a value came from, by what figment kept of it.
    pub(super) fn index_of(metadata: &Metadata) -> Option<usize> {
        metadata.source.as_ref()?.custom()?.parse().ok()
    }
}

impl Provider for Document {
    fn metadata(&self) -> Metadata {
        Metadata::from(self.root.origin.source.name.clone(), self.index.to_string().as_str())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let settings = match &self.root.tree {
            Tree::Map(entries) if !self.gone.contains_key(&Path::root()) => {
                Remaining { gone: &self.gone, at: Path::root() }.dict(entries)
            }
            _ => Dict::new(),
        };
        Ok(Profile::Default.collect(settings))
    }
}

/// Maps whose keys are the user's names: a name alone (`manager:`) declares the thing with nothing said about it.
const NAMED: [&str; 3] = ["providers", "machines", "compose"];

/// Whether a node says something where it stands: a bare `key:` does only where the key is a name.
pub(super) fn says(path: &Path, node: &Node) -> bool {
    !node.is_null() || matches!(path.keys(), [map, _] if NAMED.contains(&map.as_str()))
}

/// What is left of a text, for figment.
struct Remaining<'a> {
    gone: &'a Gone,
    at: Path,
}

impl Remaining<'_> {
    fn dict(&mut self, entries: &BTreeMap<String, Node>) -> Dict {
        let mut dict = Dict::new();
        for (key, node) in entries {
            self.at.push(key);
            if says(&self.at, node) && (self.gone.is_empty() || !self.gone.contains_key(&self.at)) {
                let value = if node.is_null() { Value::Dict(Tag::Default, Dict::new()) } else { self.value(node) };
                dict.insert(key.clone(), value);
            }
            self.at.pop();
        }
        dict
    }

    fn value(&mut self, node: &Node) -> Value {
        match &node.tree {
            Tree::Map(entries) => Value::Dict(Tag::Default, self.dict(entries)),
            tree => plain(tree),
        }
    }
}

/// A value that is no map, or is one inside a list: nothing in it can be dropped by itself.
pub(super) fn plain(tree: &Tree) -> Value {
    match tree {
        Tree::Map(entries) => {
            let said = entries.iter().filter(|(_, node)| !node.is_null());
            Value::Dict(Tag::Default, said.map(|(key, node)| (key.clone(), plain(&node.tree))).collect())
        }
        Tree::List(list) => Value::Array(Tag::Default, list.iter().map(|item| plain(&item.tree)).collect()),
        Tree::Scalar(scalar) => match scalar {
            Scalar::Null => Value::Empty(Tag::Default, Empty::None),
            Scalar::Flag(flag) => Value::from(*flag),
            Scalar::Signed(number) => Value::from(*number),
            Scalar::Unsigned(number) => Value::from(*number),
            Scalar::Float(number) => Value::from(*number),
            Scalar::Text(text) => Value::from(text.clone()),
        },
    }
}
