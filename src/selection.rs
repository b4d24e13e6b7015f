//! Which part of a project a command is about: what `--target` and `--exclude` name, with what that needs.

use std::collections::HashMap;
use std::str::FromStr;

use globset::{Glob, GlobMatcher};

use crate::graph::Graph;
use crate::id::ResourceId;
use crate::resource::{Link, Resource, mark};
use crate::value::{Attributes, Value, plain};

/// One word that names resources: a machine (a counted one's name means its members), a resource's id, either with `*`
/// and `?`, or `tag:KEY[=VALUE]` for the machines that carry it.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Tag { key: String, value: Option<String> },
    Resource(GlobMatcher),
    Machine(GlobMatcher),
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl FromStr for Pattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// A text that is no [`Pattern`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no pattern: {1}")]
pub struct InvalidPattern(String, String);

impl Pattern {
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let invalid = |why: &dyn std::fmt::Display| InvalidPattern(text.to_owned(), why.to_string());
        let what = if let Some(tag) = text.strip_prefix("tag:") {
            let (key, value) = tag.split_once('=').map_or((tag, None), |(key, value)| (key, Some(value.to_owned())));
            if key.is_empty() {
                return Err(invalid(&"a tag is written tag:KEY or tag:KEY=VALUE"));
            }
            What::Tag { key: key.to_owned(), value }
        } else {
            // A comma parts words where these are given, so braces could never hold two.
            let plain = text.replace('{', "[{]").replace('}', "[}]");
            let glob = Glob::new(&plain).map_err(|error| invalid(error.kind()))?.compile_matcher();
            if text.contains('/') { What::Resource(glob) } else { What::Machine(glob) }
        };
        Ok(Self { text: text.to_owned(), what })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it names a resource, or the machine that belongs to. No tag names anything by itself.
    #[must_use]
    pub fn names(&self, resource: &ResourceId, machine: Option<&str>) -> bool {
        match &self.what {
            What::Resource(glob) => glob.is_match(resource.as_str()),
            What::Machine(glob) => machine.is_some_and(|name| glob.is_match(name) || is_member(name, &self.text)),
            What::Tag { .. } => false,
        }
    }

    #[must_use]
    pub fn is_tag(&self) -> bool {
        matches!(self.what, What::Tag { .. })
    }

    #[must_use]
    pub fn matches(&self, resource: &dyn Resource, tags: &Tags) -> bool {
        match &self.what {
            What::Resource(_) | What::Machine(_) => self.names(resource.id(), resource.machine()),
            What::Tag { key, value } => {
                let found = resource.machine().and_then(|name| tags.0.get(name)).and_then(|tags| tags.get(key));
                found.is_some_and(|found| value.as_ref().is_none_or(|value| *value == plain(found)))
            }
        }
    }
}

/// Whether `name` is a member of the counted machine `base`: `worker-2` is one of `worker`.
fn is_member(name: &str, base: &str) -> bool {
    let number = name.strip_prefix(base).and_then(|rest| rest.strip_prefix('-'));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The tags of machines, by name.
#[derive(Clone, Debug, Default)]
pub struct Tags(HashMap<String, serde_json::Map<String, Value>>);

impl Tags {
    /// What the Machinefile says counts before what is written on the machines, as far as `known` has that.
    #[must_use]
    pub fn of<'a>(graph: &Graph, known: impl Fn(&ResourceId) -> Option<&'a Attributes>) -> Self {
        let mut tags = HashMap::new();
        for (_, node) in graph.nodes() {
            let resource = &node.resource;
            let Some(machine) = resource.machine() else { continue };
            let said = resource.desired().get(mark::TAGS).or_else(|| known(resource.id())?.get(mark::TAGS));
            if let Some(Value::Object(said)) = said {
                tags.insert(machine.to_owned(), said.clone());
            }
        }
        Self(tags)
    }
}

/// What a command was told to keep to. The default keeps to nothing less than everything.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    pub targets: Vec<Pattern>,
    pub excludes: Vec<Pattern>,
}

/// The selected resources, by position in a graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// These may be changed.
    pub acted: Vec<bool>,
    /// These have to be looked at for it.
    pub seen: Vec<bool>,
}

impl Selection {
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.targets.is_empty() && self.excludes.is_empty()
    }

    /// What is wanted comes with all it needs, what is to go with all that needs it; what is excluded takes along what
    /// could not be done without it.
    #[must_use]
    pub fn of(&self, graph: &Graph, tags: &Tags) -> Selected {
        let mut acted = vec![self.targets.is_empty(); graph.len()];
        spread(graph, &positions(&self.targets, graph, tags), &mut acted, true);
        spread(graph, &positions(&self.excludes, graph, tags), &mut acted, false);
        let mut seen = acted.clone();
        let selected: Vec<_> = acted.iter().enumerate().filter(|(_, acted)| **acted).map(|(at, _)| at).collect();
        walk(&selected, &mut seen, true, |at| graph.parents(at).map(|(parent, _)| parent).collect());
        Selected { acted, seen }
    }

    /// The first word that names nothing of a graph.
    #[must_use]
    pub fn unmatched(&self, graph: &Graph, tags: &Tags) -> Option<&Pattern> {
        let names = |pattern: &&Pattern| graph.nodes().any(|(_, node)| pattern.matches(node.resource.as_ref(), tags));
        self.targets.iter().chain(&self.excludes).find(|pattern| !names(pattern))
    }
}

fn positions(patterns: &[Pattern], graph: &Graph, tags: &Tags) -> Vec<usize> {
    let named = |resource: &dyn Resource| patterns.iter().any(|pattern| pattern.matches(resource, tags));
    if patterns.is_empty() {
        return Vec::new();
    }
    graph.nodes().filter(|(_, node)| named(node.resource.as_ref())).map(|(at, _)| at).collect()
}

/// Marks `from` and all it takes along. To take in goes to what is needed first, to leave out to what cannot be without.
fn spread(graph: &Graph, from: &[usize], marks: &mut [bool], mark: bool) {
    walk(from, marks, mark, |at| {
        let wanted = graph.at(at).wanted;
        let alike = |other: &usize| graph.at(*other).wanted == wanted;
        if wanted == mark {
            graph.parents(at).map(|(parent, _)| parent).filter(alike).collect()
        } else {
            let machine = graph.at(at).resource.machine();
            // What only came later can be without it, unless both are of one machine.
            let hangs_on = |(child, link): &(usize, Link)| {
                let of_one = machine.is_some() && graph.at(*child).resource.machine() == machine;
                !mark || *link != Link::After || of_one
            };
            graph.children(at).filter(hangs_on).map(|(child, _)| child).filter(alike).collect()
        }
    });
}

fn walk(from: &[usize], marks: &mut [bool], mark: bool, next: impl Fn(usize) -> Vec<usize>) {
    let mut been = vec![false; marks.len()];
    let mut open = from.to_vec();
    while let Some(at) = open.pop() {
        if !std::mem::replace(&mut been[at], true) {
            marks[at] = mark;
            open.extend(next(at));
        }
    }
}
