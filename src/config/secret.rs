//! Secrets among the settings: where the schema says `writeOnly`, a literal is never shown; nor are the password and the
//! tokens of an address, wherever it stands, and what somebody else's setting calls a secret.

use std::borrow::Cow;
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
    redact(&mut value, &shape, named_secret(schema, at));
    value
}

/// The first key of a path that names a secret where the schema says nothing of what may stand there: an option of a
/// program that is not ours.
fn named_secret<'k>(schema: &Value, path: &'k Path) -> Option<&'k str> {
    let mut shape = Shape::root(schema);
    path.keys().iter().map(String::as_str).find(|key| {
        shape = shape.child(key);
        names_secret(key, &shape)
    })
}

fn names_secret(key: &str, shape: &Shape<'_>) -> bool {
    shape.is_free() && crate::cover::names_secret(key)
}

/// `secret` is the key that names what is below it one.
fn redact(value: &mut Value, shape: &Shape<'_>, secret: Option<&str>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Object(map) if shape.is_secret() && is_reference(map.keys().map(String::as_str), shape) => {}
        literal if shape.is_secret() => *literal = REDACTED.into(),
        Value::Object(map) => {
            for (key, value) in map {
                let child = shape.child(key);
                let secret = secret.or(Some(key.as_str()).filter(|key| names_secret(key, &child)));
                redact(value, &child, secret);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, &shape.child("0"), secret)),
        Value::String(text) => {
            let shown = if shape.is_free() { crate::cover::setting(secret, text) } else { tokenless(text) };
            if let Some(shown) = shown {
                *text = if shown == crate::cover::STARS { REDACTED.to_owned() } else { shown };
            }
        }
        Value::Number(_) if secret.is_some() => *value = REDACTED.into(),
        Value::Number(_) => {}
    }
}

fn tokenless(text: &str) -> Option<String> {
    match crate::cover::without_tokens(text) {
        Cow::Borrowed(_) => None,
        Cow::Owned(shown) => Some(shown),
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
    /// What stands behind keys that name secrets to somebody else.
    named: Vec<Origin>,
    /// What a guest is sent: it may hold any secret.
    sent: Vec<Origin>,
}

/// Covers up literals in the texts that messages quote from, before any is quoted.
pub(super) fn guard(documents: &mut [Document], schema: &Value, problems: &mut [Problem], warnings: &mut Vec<Problem>) {
    let mut found = Found::default();
    let mut sources: Vec<Arc<Source>> = Vec::new();
    for document in &*documents {
        let filled = document.layer <= Layer::Project;
        let mut walk = |node: &Node| {
            node.walk(&mut |node| {
                if !sources.iter().rev().any(|source| Arc::ptr_eq(source, &node.origin.source)) {
                    sources.push(Arc::clone(&node.origin.source));
                }
            });
        };
        look(&document.root, &Shape::root(schema), filled, &mut found);
        walk(&document.root);
        for (path, node) in &document.overruled {
            if is_secret(schema, path) || named_secret(schema, path).is_some() {
                found.named.push(node.origin.clone());
            }
            look(node, &Shape::at(schema, path), filled, &mut found);
            walk(node);
        }
    }
    let mut told = Vec::new();
    for old in sources {
        let ours = |origin: &&Origin| Arc::ptr_eq(&origin.source, &old);
        let literals: Vec<_> = found.literals.iter().filter(ours).map(|origin| origin.span.clone()).collect();
        let named = found.named.iter().filter(ours).map(|origin| origin.span.clone());
        let sent = found.sent.iter().filter(ours).map(|origin| cover::after_first_line(&old.text, &origin.span));
        let spans: Vec<_> =
            literals.iter().cloned().chain(named).chain(sent).chain(crate::cover::tokens(&old.text)).collect();
        if spans.is_empty() {
            continue;
        }
        let new = Arc::new(Source { name: old.name.clone(), text: cover::starred(&old.text, spans.iter().cloned()) });
        for document in &mut *documents {
            let nodes = std::iter::once(&mut document.root).chain(document.overruled.iter_mut().map(|(_, node)| node));
            for node in nodes {
                node.walk_mut(&mut |node| cover::replace(&mut node.origin, &old, &new));
            }
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
        Tree::Map(map) => {
            for (key, node) in map {
                let child = shape.child(key);
                if names_secret(key, &child) && !node.is_null() {
                    found.named.push(node.origin.clone());
                }
                look(node, &child, filled, found);
            }
        }
        Tree::List(items) => items.iter().for_each(|node| look(node, &shape.child("0"), filled, found)),
        // A text of several lines where a path may stand is the content itself.
        Tree::Scalar(Scalar::Text(text)) if text.contains('\n') && shape.is_path() => {
            found.sent.push(node.origin.clone());
        }
        Tree::Scalar(Scalar::Text(text)) if shape.is_free() && crate::cover::setting(None, text).is_some() => {
            found.named.push(node.origin.clone());
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
