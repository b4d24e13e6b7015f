//! A layer's text as figment sees it: one [`figment::Provider`] per document.
//!
//! figment is the layering engine: maps merge by key, scalars and lists are replaced by the later layer. What it
//! does not know (lines and columns, a bare `key:` that says nothing) is settled here and in the tree of nodes.

use std::path::PathBuf;

use figment::value::{Dict, Empty, Map, Tag, Value};
use figment::{Error, Metadata, Profile, Provider};

use super::layer::Layer;
use super::node::{Node, Scalar, Tree};

/// One text of one layer.
#[derive(Clone, Debug)]
pub struct Document {
    pub layer: Layer,
    pub root: Node,
    /// The folder that relative paths in it start from, absolute.
    pub base: PathBuf,
    /// Its place in the order of loading; figment hands it back with each value.
    pub(super) index: usize,
}

impl Document {
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
            Tree::Map(entries) => dict(entries, 0, false),
            _ => Dict::new(),
        };
        Ok(Profile::Default.collect(settings))
    }
}

/// Maps whose keys are the user's names: a name alone (`manager:`) declares the thing with nothing said about it.
const NAMED: [&str; 3] = ["providers", "machines", "compose"];

fn dict(entries: &std::collections::BTreeMap<String, Node>, depth: usize, named: bool) -> Dict {
    let value = |(key, node): (&String, &Node)| {
        if node.is_null() {
            return named.then(|| (key.clone(), Value::Dict(Tag::Default, Dict::new())));
        }
        let inside = depth == 0 && NAMED.contains(&key.as_str());
        Some((key.clone(), to_value(node, depth + 1, inside)))
    };
    entries.iter().filter_map(value).collect()
}

fn to_value(node: &Node, depth: usize, named: bool) -> Value {
    match &node.tree {
        Tree::Map(entries) => Value::Dict(Tag::Default, dict(entries, depth, named)),
        Tree::List(list) => {
            Value::Array(Tag::Default, list.iter().map(|item| to_value(item, depth + 1, false)).collect())
        }
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
