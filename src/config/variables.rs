//! The environment as a layer: `MACHINE__MACHINES__WEB__RESOURCES__RAM=4`.
//!
//! `__` stands between keys, `_` for `-`, and case does not count. A key that some file has already is taken as it is
//! written there; others are lower case. What cannot be said so (keys with dots, say) is said with `--set`.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::directive::Directives;
use super::error::Problem;
use super::flag;
use super::interpolate::Environment;
use super::layer::Layer;
use super::node::{Node, Tree};
use super::provider::Document;
use super::shape::Shape;
use super::typed;
use super::validate::EXTENSION;
use super::yaml::MAX_DEPTH;
use crate::note;
use crate::origin::{Origin, Source};
use crate::value::{Path, Value};

/// What the names of such variables begin with.
pub const PREFIX: &str = "MACHINE__";

/// The variable that sets a path.
#[must_use]
pub fn variable(path: &Path) -> String {
    let keys: Vec<_> = path.keys().iter().map(|key| key.to_uppercase().replace('-', "_")).collect();
    format!("{PREFIX}{}", keys.join("__"))
}

/// What the environment sets; `None` when that is nothing. An empty variable says nothing.
pub(super) fn document(
    environment: &Environment,
    schema: &Value,
    before: &[Document],
    base: &std::path::Path,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<Document> {
    let mut root: Option<Node> = None;
    for (name, text) in environment.iter().filter(|(name, text)| name.starts_with(PREFIX) && !text.is_empty()) {
        let source = Arc::new(Source { name: name.clone(), text: text.clone() });
        let whole = 0..text.len();
        let origin = Origin { source: Arc::clone(&source), span: whole.clone(), key: whole.clone() };
        let path = match path(name, schema, before) {
            Ok(path) => path,
            Err(hint) => {
                let source = Arc::new(Source { name: "environment".to_owned(), text: name.clone() });
                let span = 0..name.len();
                let origin = Origin { source, key: span.clone(), span };
                warnings.push(Problem::new(origin, format!("`{name}` sets nothing that is known")).hint(hint));
                continue;
            }
        };
        if flag::is_of_files(&path) {
            problems.push(Problem::new(origin, "only a file can say this").hint(flag::OF_FILES));
            continue;
        }
        match typed::value(&source, whole, &Shape::at(schema, &path)) {
            Ok(node) => {
                let empty = || Node::new(Tree::Map(std::collections::BTreeMap::new()), origin);
                root.get_or_insert_with(empty).lay(path.keys(), node);
            }
            Err(found) => problems.extend(found),
        }
    }
    let mut root = root?;
    let directives = Directives::take(&mut root, problems);
    Some(Document { directives, ..Document::new(Layer::Environment, root, base.to_owned()) })
}

/// The path a variable's name spells, or what to do about it.
fn path(name: &str, schema: &Value, before: &[Document]) -> Result<Path, String> {
    let mut path = Path::root();
    let mut shape = Shape::root(schema);
    for segment in name[PREFIX.len()..].split("__") {
        let spelt = segment.to_lowercase().replace('_', "-");
        let known = shape.keys();
        let written: BTreeSet<_> = before.iter().filter_map(|d| d.root.find(&path)).flat_map(keys).collect();
        let same = |key: &&str| key.to_lowercase().replace('_', "-") == spelt;
        let key = known.iter().copied().find(same).or_else(|| written.iter().copied().find(same)).unwrap_or(&spelt);
        let below = shape.child(key);
        if spelt.is_empty() || spelt.starts_with(EXTENSION) || below.is_unknown() {
            let name = |key: &str| format!("`{}`", variable(&path.join(key)));
            return Err(match note::nearest(&spelt, known.iter().copied()) {
                Some(near) => format!("did you mean {}?", name(near)),
                None if known.is_empty() => format!("nothing can stand below `{}`", variable(&path)),
                None => format!("known here: {}", known.into_iter().map(name).collect::<Vec<_>>().join(", ")),
            });
        }
        path.push(key);
        if path.keys().len() > MAX_DEPTH {
            return Err(format!("nothing is nested deeper than {MAX_DEPTH} levels"));
        }
        shape = below;
    }
    Ok(path)
}

fn keys(node: &Node) -> Vec<&str> {
    match &node.tree {
        Tree::Map(map) => map.keys().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}
