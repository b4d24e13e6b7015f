//! Lists that layers add to. Every other list a later layer replaces.

use std::sync::LazyLock;

use figment::value::{Dict, Tag, Value};

use super::node::{Node, Tree};
use super::provider::{Document, plain};
use super::selector::Selector;
use crate::value::Path;

/// The paths of lists whose items add up over the layers, each item once, in the order of the layers.
pub const ADDED: [&str; 5] = [
    "defaults.mandatory",
    "defaults.ssh.authorized-keys",
    "machines.*.mandatory",
    "machines.*.ssh.authorized-keys",
    "moved",
];

static SELECTORS: LazyLock<Vec<Selector>> =
    LazyLock::new(|| ADDED.iter().map(|path| Selector::parse(path).expect("the table holds paths")).collect());

/// Whether items add up there.
#[must_use]
pub fn is_added(path: &Path) -> bool {
    SELECTORS.iter().any(|selector| selector.covers(path))
}

/// The items that several texts add up to at a path, each with the text it is from; `None` when there is one text alone.
pub(super) fn items<'a>(documents: &'a [Document], path: &Path) -> Option<Vec<(&'a Document, &'a Node)>> {
    let mut lists = Vec::new();
    for document in documents {
        match document.holds(path) {
            Some(Node { tree: Tree::List(items), .. }) => lists.push((document, items)),
            // What is no list replaces the lists before it.
            Some(_) => lists.clear(),
            None => {}
        }
    }
    if lists.len() < 2 {
        return None;
    }
    let mut found: Vec<(&Document, &Node)> = Vec::new();
    for (document, items) in lists {
        for item in items {
            if !found.iter().any(|(_, earlier)| *earlier == item) {
                found.push((document, item));
            }
        }
    }
    Some(found)
}

/// Puts the sums in place of what figment left, which is the last list.
pub(super) fn add_up(documents: &[Document], merged: &mut Dict) {
    let mut paths: Vec<_> =
        documents.iter().flat_map(|document| SELECTORS.iter().flat_map(|s| s.matches(&document.root))).collect();
    paths.sort();
    paths.dedup();
    for path in paths {
        let Some(items) = items(documents, &path) else { continue };
        if let Some(value @ Value::Array(..)) = find_mut(merged, path.keys()) {
            *value = Value::Array(Tag::Default, items.iter().map(|(_, item)| plain(&item.tree)).collect());
        }
    }
}

fn find_mut<'a>(dict: &'a mut Dict, keys: &[String]) -> Option<&'a mut Value> {
    let (first, rest) = keys.split_first()?;
    match (dict.get_mut(first)?, rest) {
        (value, []) => Some(value),
        (Value::Dict(_, dict), rest) => find_mut(dict, rest),
        _ => None,
    }
}
