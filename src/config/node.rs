//! What a configuration text says, as a tree in which every value knows where it stands.

use std::collections::BTreeMap;

use crate::origin::Origin;
use crate::value::Path;

/// A value, its place, and what its notation said beside it.
#[derive(Clone, Debug)]
pub struct Node {
    pub tree: Tree,
    pub origin: Origin,
    /// A YAML tag outside the core schema, as written: `!reset`.
    pub tag: Option<Box<str>>,
    /// Whether it is a quoted or block scalar of YAML.
    pub quoted: bool,
    /// For a value that was one interpolation: what else it can mean, text or not text.
    pub otherwise: Option<Scalar>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(BTreeMap<String, Node>),
}

/// A value without parts.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    Null,
    Flag(bool),
    Signed(i64),
    /// Only what is too large for `Signed`.
    Unsigned(u64),
    Float(f64),
    Text(String),
}

/// Two nodes are equal when they mean the same, wherever they stand.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.tree == other.tree && self.tag == other.tag
    }
}

impl Node {
    #[must_use]
    pub fn new(tree: Tree, origin: Origin) -> Self {
        Self { tree, origin, tag: None, quoted: false, otherwise: None }
    }

    #[must_use]
    pub fn is_null(&self) -> bool {
        self.tree == Tree::Scalar(Scalar::Null)
    }

    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.tree {
            Tree::Scalar(Scalar::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The value under a key of a map, or at an index of a list.
    #[must_use]
    pub fn child(&self, key: &str) -> Option<&Self> {
        match &self.tree {
            Tree::Map(map) => map.get(key),
            Tree::List(list) => list.get(key.parse::<usize>().ok()?),
            Tree::Scalar(_) => None,
        }
    }

    #[must_use]
    pub fn find(&self, path: &Path) -> Option<&Self> {
        path.keys().iter().try_fold(self, |node, key| node.child(key))
    }

    /// Puts a node at a path, making the maps on the way. Maps are laid together, anything else is replaced.
    pub fn lay(&mut self, path: &[String], node: Self) {
        let empty = |origin: &Origin| Self::new(Tree::Map(BTreeMap::new()), origin.clone());
        match (path, &mut self.tree, node) {
            ([], Tree::Map(own), Self { tree: Tree::Map(other), .. }) => {
                for (key, node) in other {
                    match own.get_mut(&key) {
                        Some(own) => own.lay(&[], node),
                        None => _ = own.insert(key, node),
                    }
                }
            }
            ([], _, node) => *self = node,
            ([first, rest @ ..], Tree::Map(own), node) => {
                own.entry(first.clone()).or_insert_with(|| empty(&node.origin)).lay(rest, node);
            }
            (path, _, node) => {
                self.tree = Tree::Map(BTreeMap::new());
                self.lay(path, node);
            }
        }
    }

    /// Itself and everything below it, parents first.
    pub fn walk(&self, visit: &mut impl FnMut(&Self)) {
        visit(self);
        match &self.tree {
            Tree::Map(map) => map.values().for_each(|node| node.walk(visit)),
            Tree::List(list) => list.iter().for_each(|node| node.walk(visit)),
            Tree::Scalar(_) => {}
        }
    }

    /// As [`Node::walk`], to change what is found.
    pub fn walk_mut(&mut self, visit: &mut impl FnMut(&mut Self)) {
        visit(self);
        match &mut self.tree {
            Tree::Map(map) => map.values_mut().for_each(|node| node.walk_mut(visit)),
            Tree::List(list) => list.iter_mut().for_each(|node| node.walk_mut(visit)),
            Tree::Scalar(_) => {}
        }
    }

    /// How many nodes there are in it, and how deep they nest.
    #[must_use]
    pub fn measure(&self) -> (usize, usize) {
        let mut children: Box<dyn Iterator<Item = &Self>> = match &self.tree {
            Tree::Map(map) => Box::new(map.values()),
            Tree::List(list) => Box::new(list.iter()),
            Tree::Scalar(_) => Box::new(std::iter::empty()),
        };
        let (size, depth) =
            children.by_ref().map(Self::measure).fold((0, 0), |(size, depth), (s, d)| (size + s, depth.max(d)));
        (size + 1, depth + 1)
    }
}
