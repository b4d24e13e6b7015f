//! A compose file as a tree in which everything knows its line.
//!
//! Nothing is judged here but the form: what the keys mean is the business of those who ask for them.

use std::collections::HashMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput};

/// Maps and lists within each other.
const MAX_DEPTH: usize = 64;
/// What aliases may make of a text.
const MAX_NODES: usize = 200_000;

/// A value and the line, from 1, on which it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) line: usize,
    tree: Tree,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Tree {
    Nothing,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// A fault of a text, and the line it is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) why: String,
}

/// Reads one document. An empty text is an empty map.
pub(super) fn parse(text: &str) -> Result<Node, Fault> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    let events = Parser::new_from_str_with_options(text, options);
    Reader { events, anchors: HashMap::new(), nodes: 0 }.document()
}

impl Node {
    /// What a map says under a key; `None` for nothing.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let (_, value) = self.map().find(|(name, _)| *name == key)?;
        (value.tree != Tree::Nothing).then_some(value)
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Tree::Text(text) = &self.tree { Some(text) } else { None }
    }

    /// The entries of a map; none of what is no map.
    pub(super) fn map(&self) -> impl Iterator<Item = (&str, &Self)> {
        let entries = if let Tree::Map(entries) = &self.tree { entries.as_slice() } else { &[] };
        entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The items of a list; a single text is one item, a map is none of its own.
    pub(super) fn items(&self) -> impl Iterator<Item = &Self> {
        let list = if let Tree::List(list) = &self.tree { list.as_slice() } else { &[] };
        let single = matches!(self.tree, Tree::Text(_)).then_some(self);
        list.iter().chain(single)
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self.tree, Tree::Map(_))
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.tree == Tree::Nothing
    }

    /// Every text in it that is a value.
    pub(super) fn values(&self) -> Vec<(&str, usize)> {
        match &self.tree {
            Tree::Nothing => Vec::new(),
            Tree::Text(text) => vec![(text, self.line)],
            Tree::List(list) => list.iter().flat_map(Self::values).collect(),
            Tree::Map(map) => map.iter().flat_map(|(_, node)| node.values()).collect(),
        }
    }

    fn size(&self) -> usize {
        1 + match &self.tree {
            Tree::Nothing | Tree::Text(_) => 0,
            Tree::List(list) => list.iter().map(Self::size).sum(),
            Tree::Map(map) => map.iter().map(|(_, node)| node.size()).sum(),
        }
    }
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Node, Fault> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentEnd => {}
                Event::StreamEnd => return Ok(root.unwrap_or(Node { line: 1, tree: Tree::Map(Vec::new()) })),
                Event::DocumentStart(..) if root.is_none() => {}
                Event::DocumentStart(..) => return Err(fault(&span, "a second document in one file")),
                event => root = Some(self.node(event, &span, 1)?),
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Fault> {
        match self.events.next() {
            Some(Ok(pair)) => Ok(pair),
            Some(Err(error)) => Err(syntax(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Result<Node, Fault> {
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err(fault(span, "nested too deeply, or aliases expand to too much"));
        }
        let (tree, anchor, tag) = match event {
            Event::Scalar(text, style, anchor, tag) => (scalar(text.into_owned(), style), anchor, tag),
            Event::SequenceStart(_, anchor, tag) => (self.list(depth)?, anchor, tag),
            Event::MappingStart(_, anchor, tag) => (self.map(depth)?, anchor, tag),
            Event::Alias(id) => {
                let node = self.anchors.get(&id).ok_or_else(|| fault(span, "an alias of what it stands in"))?;
                self.nodes += node.size();
                return Ok(node.clone());
            }
            _ => return Err(fault(span, "no value where one is expected")),
        };
        // `!reset` takes away what an earlier file said, whatever stands beside it.
        let is_reset = tag.is_some_and(|tag| tag.to_string() == "!reset");
        let node = Node { line: line(span), tree: if is_reset { Tree::Nothing } else { tree } };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Tree, Fault> {
        let mut list = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Tree::List(list)),
                (event, span) => list.push(self.node(event, &span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Tree, Fault> {
        let (mut map, mut merged) = (Vec::<(String, Node)>::new(), Vec::new());
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key = self.node(event, &span, depth + 1)?;
            let (event, value_span) = self.next()?;
            let value = self.node(event, &value_span, depth + 1)?;
            match key.tree {
                Tree::Text(key) if key == "<<" => merged.push(value),
                Tree::Text(key) if map.iter().any(|(other, _)| *other == key) => {
                    return Err(fault(&span, &format!("key `{key}` appears twice")));
                }
                Tree::Text(key) => map.push((key, value)),
                _ => return Err(fault(&span, "a key must be text")),
            }
        }
        for node in merged {
            let parts = if let Tree::List(list) = node.tree { list } else { vec![node] };
            let entries =
                parts.into_iter().filter_map(|part| if let Tree::Map(map) = part.tree { Some(map) } else { None });
            for (key, value) in entries.flatten() {
                if !map.iter().any(|(other, _)| *other == key) {
                    map.push((key, value));
                }
            }
        }
        Ok(Tree::Map(map))
    }
}

fn scalar(text: String, style: ScalarStyle) -> Tree {
    let is_nothing = style == ScalarStyle::Plain && matches!(text.as_str(), "" | "~" | "null");
    if is_nothing { Tree::Nothing } else { Tree::Text(text) }
}

fn line(span: &Span) -> usize {
    span.start.line()
}

fn fault(span: &Span, why: &str) -> Fault {
    Fault { line: line(span), why: why.to_owned() }
}

fn syntax(error: &ScanError) -> Fault {
    Fault { line: error.marker().line(), why: format!("not YAML: {}", error.info()) }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn everything_knows_its_line_and_merge_keys_are_filled_in() {
        let root = parse("a: &x\n  b: [1,\n    two]\nc:\n  <<: *x\n  d: !reset [4]\n  e: ~\n").unwrap();
        let c = root.get("c").unwrap();
        let values: Vec<_> = c.get("b").unwrap().items().map(|item| (item.text().unwrap(), item.line)).collect();
        assert_eq!(values, [("1", 2), ("two", 3)]);
        assert!(c.get("d").is_none() && c.get("e").is_none());
    }

    #[test]
    fn a_fault_names_its_line() {
        assert_eq!(parse("a: 1\nb: [\n").unwrap_err().line, 2);
        assert_eq!(parse("a: 1\na: 2\n").unwrap_err().line, 2);
        let lines = ('b'..='j').zip('a'..='i').map(|(this, last)| {
            let aliases = vec![format!("*{last}"); 9].join(",");
            format!("{this}: &{this} [{aliases}]")
        });
        let first = std::iter::once("a: &a [x,x,x,x,x,x,x,x,x]".to_owned());
        let bomb = first.chain(lines).collect::<Vec<_>>().join("\n");
        assert!(parse(&bomb).unwrap_err().why.contains("aliases"));
    }
}
