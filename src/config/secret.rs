//! Secrets among the settings: where the schema says `writeOnly`, a literal is never shown; nor is the password in an
//! address, wherever it stands.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::error::Problem;
use super::history::REDACTED;
use super::layer::Layer;
use super::node::{Node, Scalar, Tree};
use super::provider::Document;
use super::shape::Shape;
use super::{cover, interpolate};
use crate::origin::{Origin, Source};
use crate::value::{Path, Value};

/// Whether literals at secret places are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Literals {
    Shown,
    Hidden,
}

/// Whether a value at a path is a secret or a part of one. The parts of a reference to a secret are none.
pub(super) fn is_secret(schema: &Value, path: &Path) -> bool {
    let mut shape = Shape::root(schema);
    for key in path.keys() {
        if shape.is_secret() {
            return !is_reference([key.as_str()], &shape);
        }
        shape = shape.child(key);
    }
    shape.is_secret()
}

/// A value with the literals at secret places below it covered up. References to secrets are none.
pub(super) fn redacted(value: &Value, schema: &Value, at: &Path, literals: Literals) -> Value {
    if literals == Literals::Shown {
        return value.clone();
    }
    let shape = Shape::at(schema, at);
    if is_secret(schema, at) && !shape.is_secret() && !value.is_null() {
        return REDACTED.into();
    }
    let mut value = value.clone();
    redact(&mut value, &shape);
    value
}

fn redact(value: &mut Value, shape: &Shape<'_>) {
    match value {
        Value::Null => {}
        Value::Object(map) if shape.is_secret() && is_reference(map.keys().map(String::as_str), shape) => {}
        literal if shape.is_secret() => *literal = REDACTED.into(),
        Value::Object(map) => map.iter_mut().for_each(|(key, value)| redact(value, &shape.child(key))),
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, &shape.child("0"))),
        Value::String(text) => *text = cover::without_passwords(text).into_owned(),
        _ => {}
    }
}

/// The variables that references to secrets name.
pub(super) fn variables(value: &Value, shape: &Shape<'_>, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) if shape.is_secret() => {
            found.extend(map.get("env").and_then(Value::as_str).map(str::to_owned));
        }
        Value::Object(map) => map.iter().for_each(|(key, value)| variables(value, &shape.child(key), found)),
        _ => {}
    }
}

/// Whether a map at a secret place says where the secret is, by keys that the schema knows.
fn is_reference<'k>(keys: impl IntoIterator<Item = &'k str>, shape: &Shape<'_>) -> bool {
    let known = shape.keys();
    let mut keys = keys.into_iter().peekable();
    keys.peek().is_some() && keys.all(|key| known.is_empty() || known.contains(key))
}

/// What messages may not quote.
#[derive(Default)]
struct Found {
    /// Secrets that are written out.
    literals: Vec<Origin>,
    /// What a guest is sent: it may hold any secret.
    sent: Vec<Origin>,
}

/// Covers up literals in the texts that messages quote from, before any is quoted.
pub(super) fn guard(documents: &mut [Document], schema: &Value, problems: &mut [Problem], warnings: &mut Vec<Problem>) {
    let mut found = Found::default();
    let mut sources: Vec<Arc<Source>> = Vec::new();
    for document in &*documents {
        look(&document.root, &Shape::root(schema), document.layer <= Layer::Project, &mut found);
        document.root.walk(&mut |node| {
            if !sources.iter().rev().any(|source| Arc::ptr_eq(source, &node.origin.source)) {
                sources.push(Arc::clone(&node.origin.source));
            }
        });
    }
    let mut told = Vec::new();
    for old in sources {
        let ours = |origin: &&Origin| Arc::ptr_eq(&origin.source, &old);
        let literals: Vec<_> = found.literals.iter().filter(ours).map(|origin| origin.span.clone()).collect();
        let sent = found.sent.iter().filter(ours).map(|origin| cover::after_first_line(&old.text, &origin.span));
        let spans: Vec<_> = literals.iter().cloned().chain(sent).chain(cover::passwords(&old.text)).collect();
        if spans.is_empty() {
            continue;
        }
        let new = Arc::new(Source { name: old.name.clone(), text: cover::starred(&old.text, spans.iter().cloned()) });
        for document in &mut *documents {
            document.root.walk_mut(&mut |node| cover::replace(&mut node.origin, &old, &new));
            document.directives.origins_mut().for_each(|origin| cover::replace(origin, &old, &new));
        }
        problems.iter_mut().chain(warnings.iter_mut()).for_each(|problem| cover::hide(problem, &old, &new, &spans));
        told.extend(literals.into_iter().map(|span| written_out(&new, span)));
    }
    warnings.extend(told);
}

fn written_out(source: &Arc<Source>, span: Range<usize>) -> Problem {
    let origin = Origin { source: Arc::clone(source), key: span.clone(), span };
    let problem = Problem::new(origin, "a secret is written out here");
    problem.hint("refer to it instead: `{ env: NAME }`, `{ file: PATH }` or `{ command: [PROGRAM, …] }`")
}

/// Literals that stand in the text as they are: what a variable holds does not. `filled` says whether variables are
/// filled in there.
fn look(node: &Node, shape: &Shape<'_>, filled: bool, found: &mut Found) {
    if shape.is_secret() {
        let is_literal = match &node.tree {
            Tree::Map(map) => !is_reference(map.keys().map(String::as_str), shape),
            Tree::List(_) => true,
            // Of a profile that is not switched on, variables are left out.
            Tree::Scalar(Scalar::Null) => filled && written(node).contains("${") && !is_filled_in(node),
            Tree::Scalar(_) => !(filled && is_filled_in(node)),
        };
        found.literals.extend(is_literal.then(|| node.origin.clone()));
        return;
    }
    match &node.tree {
        Tree::Map(map) => map.iter().for_each(|(key, node)| look(node, &shape.child(key), filled, found)),
        Tree::List(items) => items.iter().for_each(|node| look(node, &shape.child("0"), filled, found)),
        // A text of several lines where a path may stand is the content itself.
        Tree::Scalar(Scalar::Text(text)) if text.contains('\n') && shape.is_path() => {
            found.sent.push(node.origin.clone());
        }
        Tree::Scalar(_) => {}
    }
}

fn written(node: &Node) -> &str {
    node.origin.source.text.get(node.origin.span.clone()).unwrap_or_default()
}

/// Whether all of a value is what variables hold.
fn is_filled_in(node: &Node) -> bool {
    let text = written(node).trim().trim_matches(['"', '\'']);
    !text.is_empty() && interpolate::is_only_variables(text)
}
