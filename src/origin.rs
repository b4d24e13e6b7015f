//! Where a value was written: layer, source and byte span.

use std::ops::Range;
use std::sync::Arc;

/// A named text that values were read from: a file, standard input, the environment.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// What messages call it: a path as the user would type it, or `<stdin>`.
    pub name: String,
    pub text: String,
}

/// The place of one value and of the key that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub source: Arc<Source>,
    /// Bytes of the value.
    pub span: Range<usize>,
    /// Bytes of the key; equal to `span` for list items and the document itself.
    pub key: Range<usize>,
}

impl Origin {
    /// Line and column of the value, both from 1; the column counts characters.
    #[must_use]
    pub fn line_column(&self) -> (usize, usize) {
        line_column(&self.source.text, self.span.start)
    }
}

/// Line and column (from 1, in characters) of a byte offset; an offset past the end is the end.
#[must_use]
pub fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |i| i + 1);
    (line, before[start..].chars().count() + 1)
}
