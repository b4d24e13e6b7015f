//! Which settings are meant: a path in which `*` stands for any key.

use std::fmt;

use super::node::{Node, Tree};
use super::provider::says;
use super::yaml::MAX_DEPTH;
use crate::value::Path;

/// `machines.*.ports`. A key with a dot, a quote or a star in it is written in double quotes: `options."a.b"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Key(String),
    Any,
}

impl Segment {
    fn below<'a>(&self, path: &Path, node: &'a Node) -> Vec<(Path, &'a Node)> {
        match (self, &node.tree) {
            (Self::Key(key), Tree::Map(map)) => map.get(key).map(|node| (path.join(key), node)).into_iter().collect(),
            (Self::Any, Tree::Map(map)) => map.iter().map(|(key, node)| (path.join(key), node)).collect(),
            _ => Vec::new(),
        }
    }
}

/// No path: what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("it is empty")]
    Empty,
    #[error("a key between its dots is empty")]
    EmptyKey,
    #[error("a quote is not closed")]
    Unclosed,
    #[error("a quoted key ends before its dot")]
    AfterQuote,
    #[error("it is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("`*` stands for several settings where one is meant")]
    Several,
}

impl Selector {
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let (selector, end) = Self::scan(text.trim(), None)?;
        debug_assert_eq!(end, text.trim().len(), "without a delimiter a text is read to its end");
        Ok(selector)
    }

    /// Reads up to a delimiter outside quotes, or the end; gives where that is, in bytes.
    pub(super) fn scan(text: &str, delimiter: Option<char>) -> Result<(Self, usize), Invalid> {
        let mut segments = Vec::new();
        let mut at = 0;
        loop {
            let rest = &text[at..];
            if let Some(inner) = rest.strip_prefix('"') {
                let (key, length) = quoted(inner).ok_or(Invalid::Unclosed)?;
                segments.push(Segment::Key(key));
                at += 1 + length;
            } else {
                let length = rest.find(|c| c == '.' || Some(c) == delimiter).unwrap_or(rest.len());
                let key = rest[..length].trim();
                match key {
                    "" if segments.is_empty() && !rest[length..].starts_with('.') => return Err(Invalid::Empty),
                    "" => return Err(Invalid::EmptyKey),
                    "*" => segments.push(Segment::Any),
                    key => segments.push(Segment::Key(key.to_owned())),
                }
                at += length;
            }
            if segments.len() > MAX_DEPTH {
                return Err(Invalid::TooDeep);
            }
            match text[at..].chars().next() {
                None => return Ok((Self(segments), at)),
                Some('.') => at += 1,
                Some(c) if Some(c) == delimiter => return Ok((Self(segments), at)),
                Some(_) => return Err(Invalid::AfterQuote),
            }
        }
    }

    /// Just this setting.
    pub(super) fn exactly(path: &Path) -> Self {
        Self(path.keys().iter().cloned().map(Segment::Key).collect())
    }

    /// The same below a path.
    pub(super) fn below(self, path: &[String]) -> Self {
        Self(path.iter().cloned().map(Segment::Key).chain(self.0).collect())
    }

    /// The first key; empty where any is meant.
    pub(super) fn first(&self) -> &str {
        match self.0.first() {
            Some(Segment::Key(key)) => key,
            _ => "",
        }
    }

    /// Its keys; `None` where any is meant.
    pub(super) fn keys(&self) -> Vec<Option<&str>> {
        let keys = self.0.iter().map(|segment| match segment {
            Segment::Key(key) => Some(key.as_str()),
            Segment::Any => None,
        });
        keys.collect()
    }

    /// The one setting meant.
    pub fn path(&self) -> Result<Path, Invalid> {
        let key = |segment: &Segment| match segment {
            Segment::Key(key) => Ok(key.clone()),
            Segment::Any => Err(Invalid::Several),
        };
        self.0.iter().map(key).collect::<Result<Vec<_>, _>>().map(|keys| keys.into_iter().collect())
    }

    /// Every place of a tree that is meant and says something.
    pub(super) fn matches(&self, root: &Node) -> Vec<Path> {
        let mut found = vec![(Path::root(), root)];
        for segment in &self.0 {
            found = found.into_iter().flat_map(|(path, node)| segment.below(&path, node)).collect();
        }
        found.into_iter().filter(|(path, node)| says(path, node)).map(|(path, _)| path).collect()
    }

    /// Whether a setting is meant.
    #[must_use]
    pub fn covers(&self, path: &Path) -> bool {
        let same = |(segment, key): (&Segment, &String)| match segment {
            Segment::Key(own) => own == key,
            Segment::Any => true,
        };
        self.0.len() == path.keys().len() && self.0.iter().zip(path.keys()).all(same)
    }
}

/// The text up to the closing quote, and how many bytes it and the quote take.
fn quoted(text: &str) -> Option<(String, usize)> {
    let mut key = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((key, at + 1)),
            '\\' => key.push(chars.next()?.1),
            c => key.push(c),
        }
    }
    None
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            match segment {
                Segment::Any => f.write_str("*")?,
                Segment::Key(key) if key.is_empty() || key.contains(['.', '"', '*', '=', '\\', ' ']) => {
                    write!(f, "\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))?;
                }
                Segment::Key(key) => f.write_str(key)?,
            }
        }
        Ok(())
    }
}

/// A path as [`Selector::parse`] reads it.
#[must_use]
pub fn written(path: &Path) -> String {
    Selector::exactly(path).to_string()
}
