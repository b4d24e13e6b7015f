//! Secrets among the settings: where the schema says `writeOnly`, a literal is never shown.

use std::ops::Range;
use std::sync::Arc;

use super::error::Problem;
use super::history::REDACTED;
use super::node::{Node, Scalar, Tree};
use super::provider::Document;
use super::shape::Shape;
use crate::origin::Source;
use crate::value::{Path, Value};

/// Whether literals at secret places are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Literals {
    Shown,
    Hidden,
}

pub(super) fn is_secret(schema: &Value, path: &Path) -> bool {
    Shape::at(schema, path).is_secret()
}

/// A value with the literals at secret places below it covered up. References to secrets are none.
pub(super) fn redacted(value: &Value, schema: &Value, at: &Path, literals: Literals) -> Value {
    if literals == Literals::Shown {
        return value.clone();
    }
    let mut value = value.clone();
    cover(&mut value, &Shape::at(schema, at));
    value
}

fn cover(value: &mut Value, shape: &Shape<'_>) {
    match value {
        Value::Object(map) => map.iter_mut().for_each(|(key, value)| cover(value, &shape.child(key))),
        Value::Array(items) => items.iter_mut().for_each(|item| cover(item, &shape.child("0"))),
        Value::Null => {}
        literal if shape.is_secret() => *literal = REDACTED.into(),
        _ => {}
    }
}

/// Covers up literals in the text that messages quote from, before any is quoted.
pub(super) fn guard(document: &mut Document, schema: &Value, problems: &mut [Problem], warnings: &mut Vec<Problem>) {
    let mut literals = Vec::new();
    find(&document.root, &Shape::root(schema), &mut literals);
    if literals.is_empty() {
        return;
    }
    let mut sources: Vec<Arc<Source>> = literals.iter().map(|(source, _)| Arc::clone(source)).collect();
    sources.dedup_by(|a, b| Arc::ptr_eq(a, b));
    for old in sources {
        let spans = literals.iter().filter(|(source, _)| Arc::ptr_eq(source, &old)).map(|(_, span)| span.clone());
        let new = Arc::new(Source { name: old.name.clone(), text: starred(&old.text, spans) });
        let replace = |source: &mut Arc<Source>| {
            if Arc::ptr_eq(source, &old) {
                *source = Arc::clone(&new);
            }
        };
        document.root.walk_mut(&mut |node| replace(&mut node.origin.source));
        document.directives.origins_mut().for_each(|origin| replace(&mut origin.source));
        for problem in problems.iter_mut().chain(warnings.iter_mut()) {
            replace(&mut problem.origin.source);
            problem.also.iter_mut().for_each(|also| replace(&mut also.0.source));
        }
    }
    let mut told = Vec::new();
    find(&document.root, &Shape::root(schema), &mut told);
    for (source, span) in told {
        let origin = crate::origin::Origin { source, key: span.clone(), span };
        let problem = Problem::new(origin, "a secret is written out here");
        warnings.push(
            problem.hint("refer to it instead: `{ env: NAME }`, `{ file: PATH }` or `{ command: [PROGRAM, …] }`"),
        );
    }
}

/// Literals that stand in the text as they are: what a variable holds does not.
fn find(node: &Node, shape: &Shape<'_>, literals: &mut Vec<(Arc<Source>, Range<usize>)>) {
    match &node.tree {
        Tree::Map(map) => map.iter().for_each(|(key, node)| find(node, &shape.child(key), literals)),
        Tree::List(items) => items.iter().for_each(|node| find(node, &shape.child("0"), literals)),
        Tree::Scalar(Scalar::Null) => {}
        Tree::Scalar(_) if shape.is_secret() => {
            let written = node.origin.source.text.get(node.origin.span.clone()).unwrap_or_default();
            if !written.contains("${") {
                literals.push((Arc::clone(&node.origin.source), node.origin.span.clone()));
            }
        }
        Tree::Scalar(_) => {}
    }
}

/// The same text with stars for the bytes of some spans; lines stay lines.
fn starred(text: &str, spans: impl Iterator<Item = Range<usize>>) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for span in spans {
        for byte in bytes.get_mut(span).into_iter().flatten().filter(|byte| !matches!(byte, b'\n' | b'\r')) {
            *byte = b'*';
        }
    }
    String::from_utf8(bytes).expect("whole values are covered, and so whole characters")
}
