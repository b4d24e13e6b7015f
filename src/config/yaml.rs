//! YAML text to a tree of nodes: YAML 1.2 with its core schema, anchors, aliases and `<<` merge keys.
//!
//! The parser's events are built into nodes here because no loader keeps the place of every value. What would
//! let a small file grow without bound (aliases of aliases) or exhaust the stack (nesting) is limited.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::error::Problem;
use super::node::{Node, Scalar, Tree};
use super::scalar;
use crate::origin::{Origin, Source};

/// Maps and lists within each other.
pub(super) const MAX_DEPTH: usize = 64;
/// Nodes that aliases may add to those written.
const MAX_COPIES: usize = 500_000;

/// Reads one document. The tree is there only when nothing is wrong; a syntax error ends the search for more.
pub(super) fn parse(source: &Arc<Source>) -> Result<Node, Vec<Problem>> {
    match parse_part(source)? {
        (node, problems) if problems.is_empty() => Ok(node),
        (_, problems) => Err(problems),
    }
}

/// As [`parse`], for a text that is only partly ours: what is wrong with values comes beside the tree.
pub(super) fn parse_part(source: &Arc<Source>) -> Result<(Node, Vec<Problem>), Vec<Problem>> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut reader = Reader {
        events: Parser::new_from_str_with_options(&source.text, options),
        source,
        anchors: HashMap::new(),
        copies: 0,
        problems: Vec::new(),
    };
    match reader.document() {
        Ok(node) => Ok((node, reader.problems)),
        Err(fatal) => {
            reader.problems.push(fatal);
            Err(reader.problems)
        }
    }
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    source: &'a Arc<Source>,
    anchors: HashMap<usize, Anchor>,
    copies: usize,
    problems: Vec<Problem>,
}

/// A node that has a name, and its measure.
struct Anchor {
    node: Node,
    size: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Node, Problem> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentEnd => {}
                Event::StreamEnd => break,
                Event::DocumentStart(..) if root.is_some() => {
                    return Err(Problem::new(self.at(&span), "a second document in one file")
                        .hint("keep one document per file; several files are layered with `-f FILE -f FILE`"));
                }
                Event::DocumentStart(..) => self.anchors.clear(),
                event => root = Some(self.node(event, &span, 1)?),
            }
        }
        let empty = Origin { source: Arc::clone(self.source), span: 0..0, key: 0..0 };
        Ok(root.unwrap_or_else(|| Node::new(Tree::Scalar(Scalar::Null), empty)))
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Problem> {
        match self.events.next() {
            Some(Ok(pair)) => Ok(pair),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Result<Node, Problem> {
        if depth > MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(Problem::new(self.at(span), message));
        }
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => (self.scalar(&text, style, tag.as_deref(), span), anchor),
            Event::SequenceStart(_, anchor, tag) => {
                let (list, end) = self.list(depth)?;
                (self.collection(Tree::List(list), span, end, tag.as_deref()), anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                let (map, end) = self.map(depth)?;
                (self.collection(Tree::Map(map), span, end, tag.as_deref()), anchor)
            }
            Event::Alias(id) => return self.alias(id, span, depth),
            other => unreachable!("the parser's own order of events forbids {other:?} here"),
        };
        if anchor != 0 {
            let (size, depth) = node.measure();
            self.anchors.insert(anchor, Anchor { node: node.clone(), size, depth });
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<(Vec<Node>, usize), Problem> {
        let mut list = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok((list, bytes(&span).end));
            }
            list.push(self.node(event, &span, depth + 1)?);
        }
    }

    fn map(&mut self, depth: usize) -> Result<(BTreeMap<String, Node>, usize), Problem> {
        let mut map = BTreeMap::<String, Node>::new();
        let mut merged = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                self.merge(&mut map, merged);
                return Ok((map, bytes(&span).end));
            }
            let is_merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, 0, None) if text == "<<");
            let key = self.key(event, &span, depth)?;
            let (event, value_span) = self.next()?;
            let mut value = self.node(event, &value_span, depth + 1)?;
            value.origin.key = bytes(&span);
            let Some(key) = key else { continue };
            if is_merge {
                merged.push(value);
            } else if let Some(first) = map.get(&key) {
                let problem = Problem::new(value.origin.clone(), format!("key `{key}` appears twice")).at_key();
                let first = Origin { span: first.origin.key.clone(), ..first.origin.clone() };
                self.problems.push(problem.also(first, "first here").hint("remove one of them"));
            } else {
                map.insert(key, value);
            }
        }
    }

    /// A key's text as written, so that `on:` and `26:` are what they look like. `None` when it is no text.
    fn key(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Result<Option<String>, Problem> {
        if let Event::Scalar(text, _, 0, _) = event {
            return Ok(Some(text.into_owned()));
        }
        let node = self.node(event, span, depth + 1)?;
        let text = match &node.tree {
            Tree::Scalar(Scalar::Text(text)) => Some(text.clone()),
            Tree::Scalar(_) => self.source.text.get(node.origin.span.clone()).map(str::to_owned),
            _ => None,
        };
        if text.is_none() {
            self.problems.push(Problem::new(self.at(span), "a key must be text, not a map or a list"));
        }
        Ok(text)
    }

    /// `<<`: what the map does not say itself comes from the named maps, of several the first that says it.
    fn merge(&mut self, map: &mut BTreeMap<String, Node>, merged: Vec<Node>) {
        for node in merged {
            let parts = match node.tree {
                Tree::List(list) => list,
                _ => vec![node],
            };
            for part in parts {
                let Tree::Map(entries) = part.tree else {
                    let problem = Problem::new(part.origin, "`<<` merges maps, and this is none");
                    self.problems.push(problem.hint("write `<<: *name`, where `&name` marks a map"));
                    continue;
                };
                for (key, value) in entries {
                    map.entry(key).or_insert(value);
                }
            }
        }
    }

    fn alias(&mut self, id: usize, span: &Span, depth: usize) -> Result<Node, Problem> {
        let here = self.at(span);
        let Some(anchor) = self.anchors.get(&id) else {
            return Err(Problem::new(here, "this alias stands inside what it names"));
        };
        let (size, nested) = (anchor.size, anchor.depth);
        self.spend(size, depth + nested - 1, &here)?;
        Ok(self.anchors[&id].node.clone())
    }

    fn spend(&mut self, size: usize, depth: usize, at: &Origin) -> Result<(), Problem> {
        self.copies += size;
        if self.copies > MAX_COPIES {
            let message = format!("aliases expand to more than {MAX_COPIES} values");
            return Err(Problem::new(at.clone(), message).hint("aliases of aliases multiply: name fewer of them"));
        }
        if depth > MAX_DEPTH {
            return Err(Problem::new(at.clone(), format!("nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: &Span) -> Node {
        let origin = self.at(span);
        let plain = style == ScalarStyle::Plain;
        let core = tag.and_then(Tag::core_suffix);
        let value = match core {
            Some("str") => Ok(Scalar::Text(text.to_owned())),
            Some(_) => scalar::plain(text),
            None if plain => scalar::plain(text),
            None => Ok(Scalar::Text(text.to_owned())),
        };
        let value = value.unwrap_or_else(|scalar::LeadingZero| {
            self.problems.push(leading_zero(origin.clone(), text));
            Scalar::Null
        });
        if let Some(core) = core
            && !suits(core, &value)
        {
            self.problems.push(Problem::new(origin.clone(), format!("`{text}` is not what `!!{core}` says")));
        }
        let quoted = !plain || core == Some("str");
        Node { quoted, tag: custom(tag), ..Node::new(Tree::Scalar(value), origin) }
    }

    fn collection(&self, tree: Tree, start: &Span, end: usize, tag: Option<&Tag>) -> Node {
        let start = bytes(start).start;
        let text = self.source.text.get(start..end).unwrap_or_default();
        let origin = self.origin(start..start + text.trim_end().len());
        Node { tag: custom(tag), ..Node::new(tree, origin) }
    }

    fn at(&self, span: &Span) -> Origin {
        self.origin(bytes(span))
    }

    fn origin(&self, span: Range<usize>) -> Origin {
        Origin { source: Arc::clone(self.source), key: span.clone(), span }
    }

    fn syntax(&self, error: &ScanError) -> Problem {
        let text = &self.source.text;
        let at = error.marker().byte_offset().unwrap_or_default().min(text.len());
        let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let indent = &text[line..][..text[line..].find(|c: char| c != ' ' && c != '\t').unwrap_or(0)];
        if let Some(tab) = indent.find('\t') {
            let tab = line + tab;
            return Problem::new(self.origin(tab..tab + 1), "a tab cannot indent YAML").hint("indent with spaces");
        }
        let problem = Problem::new(self.origin(at..at), format!("not YAML: {}", error.info()));
        if text[..at].ends_with('$') || text[at..].starts_with("${") {
            return problem.hint("quote what is filled in within `{ }` and `[ ]`: \"${VAR}\"");
        }
        problem
    }
}

fn bytes(span: &Span) -> Range<usize> {
    span.byte_range().unwrap_or_default()
}

fn custom(tag: Option<&Tag>) -> Option<Box<str>> {
    tag.filter(|tag| tag.core_suffix().is_none()).map(|tag| tag.to_string().into())
}

fn suits(core: &str, value: &Scalar) -> bool {
    match core {
        "null" => *value == Scalar::Null,
        "bool" => matches!(value, Scalar::Flag(_)),
        "int" => matches!(value, Scalar::Signed(_) | Scalar::Unsigned(_)),
        "float" => matches!(value, Scalar::Float(_) | Scalar::Signed(_) | Scalar::Unsigned(_)),
        _ => true,
    }
}

fn leading_zero(origin: Origin, text: &str) -> Problem {
    let message = format!("`{text}` is read as octal by some programs and as decimal by others");
    let octal = text.trim_start_matches(['+', '-', '0']);
    Problem::new(origin, message).hint(format!("quote it for text, or write `0o{octal}` for an octal number"))
}
