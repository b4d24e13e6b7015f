//! `${VAR}` in values, from an environment that the caller gives.
//!
//! | written | means |
//! |---|---|
//! | `${VAR}` | the variable's value; unset is an error |
//! | `${VAR:-text}` | `text` when it is unset or empty; `text` may interpolate too |
//! | `${VAR:?why}` | an error that says `why` when it is unset or empty |
//! | `$$` | one `$` |
//!
//! Any other `$` stands for itself. Keys are never interpolated, and what a variable holds is not looked into.
//! A value that is one interpolation and nothing else may be text or what that text means unquoted (`count: "${N}"`,
//! a number): whichever the setting takes. Where both will do, YAML's quoted and block scalars are text.

use std::collections::BTreeMap;
use std::ops::Range;

use super::error::Problem;
use super::node::{Node, Scalar, Tree};
use super::scalar;
use crate::origin::Origin;

/// Variables by name.
pub type Environment = BTreeMap<String, String>;

/// Defaults within defaults.
const MAX_DEPTH: usize = 8;

/// Fills in every value of the tree, and says what could not be.
pub(super) fn interpolate(root: &mut Node, environment: &Environment) -> Vec<Problem> {
    let mut problems = Vec::new();
    root.walk_mut(&mut |node| {
        let Some(text) = node.as_text().filter(|text| text.contains('$')) else { return };
        match expand(text, environment, 0) {
            Ok(filled) => {
                let whole = closing(text).is_some_and(|end| end == text.len());
                if let Err(problem) = fill(node, filled, whole) {
                    problems.push(problem);
                }
            }
            Err(fault) => {
                let origin = locate(&node.origin, &text[fault.at.clone()]);
                let problem = Problem::new(origin, fault.message);
                problems.push(problem.hint(fault.hint));
            }
        }
    });
    problems
}

fn fill(node: &mut Node, filled: String, whole: bool) -> Result<(), Problem> {
    let typed = match scalar::plain(&filled) {
        _ if !whole => None,
        Ok(Scalar::Text(_)) => None,
        Ok(typed) => Some(typed),
        Err(scalar::LeadingZero) if node.quoted => None,
        Err(scalar::LeadingZero) => {
            let message = "a number with a leading zero is read as octal by some programs and as decimal by others";
            return Err(Problem::new(node.origin.clone(), message).hint("quote the interpolation if it is text"));
        }
    };
    let text = Scalar::Text(filled);
    let (value, otherwise) = match typed {
        Some(typed) if node.quoted => (text, Some(typed)),
        Some(typed) => (typed, Some(text)),
        None => (text, None),
    };
    node.tree = Tree::Scalar(value);
    node.otherwise = otherwise;
    Ok(())
}

/// What is wrong with an interpolation, and which bytes of the text it is.
#[derive(Debug)]
struct Fault {
    at: Range<usize>,
    message: String,
    hint: String,
}

fn expand(text: &str, environment: &Environment, depth: usize) -> Result<String, Fault> {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(dollar) = text[at..].find('$').map(|i| at + i) {
        out.push_str(&text[at..dollar]);
        let rest = &text[dollar..];
        if rest.starts_with("$$") {
            out.push('$');
            at = dollar + 2;
        } else if rest.starts_with("${") {
            let whole = dollar..dollar + closing(rest).unwrap_or(rest.len());
            let inner = closing(rest).map(|end| &rest[2..end - 1]);
            let value = inner.ok_or_else(unclosed).and_then(|inner| variable(inner, environment, depth));
            out.push_str(&value.map_err(|(message, hint)| Fault { at: whole.clone(), message, hint })?);
            at = whole.end;
        } else {
            out.push('$');
            at = dollar + 1;
        }
    }
    out.push_str(&text[at..]);
    Ok(out)
}

type Advice = (String, String);

fn unclosed() -> Advice {
    ("`${` without `}`".to_owned(), "close it, or write `$${` for the characters themselves".to_owned())
}

/// The value of `NAME`, `NAME:-default` or `NAME:?why`.
fn variable(inner: &str, environment: &Environment, depth: usize) -> Result<String, Advice> {
    let end = inner.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(inner.len());
    let (name, operator) = inner.split_at(end);
    let known = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let value = environment.get(name);
    if known && operator.is_empty() {
        let hint = || format!("set it, or give a default: `${{{name}:-default}}`");
        return value.cloned().ok_or_else(|| (format!("variable `{name}` is not set"), hint()));
    }
    let value = value.filter(|value| !value.is_empty());
    if known && let Some(default) = operator.strip_prefix(":-") {
        if depth == MAX_DEPTH {
            return Err(("defaults nested too deeply".to_owned(), format!("at most {MAX_DEPTH} within each other")));
        }
        let expand_default = || expand(default, environment, depth + 1).map_err(|fault| (fault.message, fault.hint));
        return value.cloned().map_or_else(expand_default, Ok);
    }
    if known && let Some(why) = operator.strip_prefix(":?") {
        let message = if why.is_empty() {
            format!("variable `{name}` is not set")
        } else {
            format!("variable `{name}` is not set: {why}")
        };
        return value.cloned().ok_or_else(|| (message, format!("set `{name}` in the environment")));
    }
    let message = format!("`${{{inner}}}` is not an interpolation");
    Err((
        message,
        "use `${VAR}`, `${VAR:-default}` or `${VAR:?why}`; write `$${` for the characters themselves".to_owned(),
    ))
}

/// Whether a text says nothing itself: it is interpolations alone, and so are their defaults.
pub(super) fn is_only_variables(text: &str) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let Some(end) = closing(rest) else { return false };
        if let Some((_, default)) = rest[2..end - 1].split_once(":-")
            && !is_only_variables(default)
        {
            return false;
        }
        rest = &rest[end..];
    }
    true
}

/// Where the interpolation that a text begins with ends.
fn closing(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    let mut at = 0;
    if !text.starts_with("${") {
        return None;
    }
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("$$") || rest.starts_with("${") {
            open += usize::from(rest.starts_with("${"));
            at += 2;
        } else {
            if rest.starts_with('}') {
                open -= 1;
                if open == 0 {
                    return Some(at + 1);
                }
            }
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    None
}

/// The interpolation's own bytes where the source shows them as they are, else the whole value's.
fn locate(origin: &Origin, written: &str) -> Origin {
    let start = origin.source.text.get(origin.span.clone()).and_then(|value| value.find(written));
    let span = start.map_or(origin.span.clone(), |start| {
        let start = origin.span.start + start;
        start..start + written.len()
    });
    Origin { span, ..origin.clone() }
}
