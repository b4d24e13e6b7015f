//! TOML text to a tree of nodes.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeFloat, DeInteger, DeTable, DeValue};

use super::error::Problem;
use super::node::{Node, Scalar, Tree};
use super::yaml::MAX_DEPTH;
use crate::origin::{Origin, Source};

/// Reads a document; several errors are reported at once.
pub(super) fn parse(source: &Arc<Source>) -> Result<Node, Vec<Problem>> {
    let (table, mut errors) = DeTable::parse_recoverable(&source.text);
    let mut reader = Reader { source, problems: Vec::new() };
    if errors.is_empty() {
        let whole = 0..source.text.trim_end().len();
        let root = reader.map(table.into_inner(), whole.clone(), whole, 1);
        return if reader.problems.is_empty() { Ok(root) } else { Err(reader.problems) };
    }
    errors.sort_by_key(|error| error.span().map(|span| span.start));
    let problem = |error: &toml::de::Error| {
        let message = format!("not TOML: {}", error.message().trim_end().replace('\n', ", "));
        let span = error.span().unwrap_or_default();
        let filled = source.text.get(span.start..).is_some_and(|rest| rest.starts_with("${"));
        let problem = Problem::new(reader.at(span), message);
        if filled { problem.hint("quote what is filled in: \"${VAR}\"") } else { problem }
    };
    Err(errors.iter().map(problem).collect())
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn at(&self, span: Range<usize>) -> Origin {
        Origin { source: Arc::clone(self.source), key: span.clone(), span }
    }

    fn map(&mut self, table: DeTable<'_>, span: Range<usize>, key: Range<usize>, depth: usize) -> Node {
        let mut entries = BTreeMap::new();
        for (key, value) in table {
            let node = self.node(value, Some(key.span()), depth + 1);
            entries.insert(key.into_inner().into_owned(), node);
        }
        Node::new(Tree::Map(entries), Origin { key, ..self.at(span) })
    }

    fn node(&mut self, value: Spanned<DeValue<'_>>, key: Option<Range<usize>>, depth: usize) -> Node {
        let written = value.span();
        // A table that only dotted keys or deeper headers imply stands nowhere itself: its key is all there is to show.
        let span = if written.is_empty() { key.clone().unwrap_or(written) } else { written };
        let key = key.unwrap_or_else(|| span.clone());
        if depth > MAX_DEPTH {
            self.problems.push(Problem::new(self.at(span.clone()), format!("nested deeper than {MAX_DEPTH} levels")));
            return Node::new(Tree::Scalar(Scalar::Null), self.at(span));
        }
        let tree = match value.into_inner() {
            DeValue::Table(table) => return self.map(table, span, key, depth),
            DeValue::Array(list) => Tree::List(list.into_iter().map(|item| self.node(item, None, depth + 1)).collect()),
            DeValue::String(text) => Tree::Scalar(Scalar::Text(text.into_owned())),
            DeValue::Boolean(flag) => Tree::Scalar(Scalar::Flag(flag)),
            DeValue::Integer(number) => Tree::Scalar(integer(&number)),
            DeValue::Float(number) => Tree::Scalar(Scalar::Float(float(&number))),
            DeValue::Datetime(time) => Tree::Scalar(Scalar::Text(time.to_string())),
        };
        Node::new(tree, Origin { key, ..self.at(span) })
    }
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
