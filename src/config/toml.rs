//! TOML text to a tree of nodes.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeFloat, DeInteger, DeTable, DeValue};

use super::error::Problem;
use super::node::{Node, Scalar, Tree};
use crate::origin::{Origin, Source};

/// Reads a document; several syntax errors are reported at once.
pub(super) fn parse(source: &Arc<Source>) -> Result<Node, Vec<Problem>> {
    let (table, mut errors) = DeTable::parse_recoverable(&source.text);
    if errors.is_empty() {
        let whole = 0..source.text.trim_end().len();
        return Ok(map(source, table.into_inner(), whole.clone(), whole));
    }
    errors.sort_by_key(|error| error.span().map(|span| span.start));
    let problem = |error: &toml::de::Error| {
        let origin = at(source, error.span().unwrap_or_default());
        Problem::new(origin, format!("not TOML: {}", error.message().trim_end().replace('\n', ", ")))
    };
    Err(errors.iter().map(problem).collect())
}

fn at(source: &Arc<Source>, span: Range<usize>) -> Origin {
    Origin { source: Arc::clone(source), key: span.clone(), span }
}

fn map(source: &Arc<Source>, table: DeTable<'_>, span: Range<usize>, key: Range<usize>) -> Node {
    let entries: BTreeMap<_, _> = table
        .into_iter()
        .map(|(key, value)| {
            let node = node(source, value, Some(key.span()));
            (key.into_inner().into_owned(), node)
        })
        .collect();
    Node::new(Tree::Map(entries), Origin { source: Arc::clone(source), span, key })
}

fn node(source: &Arc<Source>, value: Spanned<DeValue<'_>>, key: Option<Range<usize>>) -> Node {
    let written = value.span();
    // A table that only dotted keys or deeper headers imply stands nowhere itself: its key is all there is to show.
    let span = if written.is_empty() { key.clone().unwrap_or(written) } else { written };
    let key = key.unwrap_or_else(|| span.clone());
    let tree = match value.into_inner() {
        DeValue::Table(table) => return map(source, table, span, key),
        DeValue::Array(list) => Tree::List(list.into_iter().map(|item| node(source, item, None)).collect()),
        DeValue::String(text) => Tree::Scalar(Scalar::Text(text.into_owned())),
        DeValue::Boolean(flag) => Tree::Scalar(Scalar::Flag(flag)),
        DeValue::Integer(number) => Tree::Scalar(integer(&number)),
        DeValue::Float(number) => Tree::Scalar(Scalar::Float(float(&number))),
        DeValue::Datetime(time) => Tree::Scalar(Scalar::Text(time.to_string())),
    };
    Node::new(tree, Origin { source: Arc::clone(source), span, key })
}

/// Beyond 64 bits an integer is a float, as in JSON.
fn integer(number: &DeInteger<'_>) -> Scalar {
    let (digits, radix) = (number.as_str(), number.radix());
    i64::from_str_radix(digits, radix)
        .map(Scalar::Signed)
        .or_else(|_| u64::from_str_radix(digits, radix).map(Scalar::Unsigned))
        .unwrap_or_else(|_| Scalar::Float(digits.parse().unwrap_or(f64::INFINITY)))
}

fn float(number: &DeFloat<'_>) -> f64 {
    number.as_str().parse().unwrap_or(f64::NAN)
}
