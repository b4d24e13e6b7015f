//! The command line as a layer.

use std::collections::BTreeMap;
use std::path::Path as FilePath;
use std::sync::Arc;

use super::directive::Directives;
use super::error::Problem;
use super::layer::Layer;
use super::node::{Node, Tree};
use super::provider::Document;
use super::selector::{self, Selector};
use super::shape::{self, Shape};
use super::{cover, typed};
use crate::note;
use crate::origin::{Origin, Source};
use crate::value::{Path, Value};

/// A flag that stands for settings, and what was typed behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// As it is typed: `--set`.
    pub name: &'static str,
    pub text: String,
    pub kind: FlagKind,
}

/// What a flag's text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagKind {
    /// `path=value`.
    Assignment,
    /// The value of one setting, by its path.
    Value(&'static str),
    /// The path of settings that earlier layers are not to say.
    Exclusion,
}

/// All flags are one text: of two that set one thing the later counts. `None` when there are none.
pub(super) fn document(
    flags: &[Flag],
    schema: &Value,
    base: &FilePath,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<Document> {
    let (_, origin) = source(flags.first()?);
    let mut root = Node::new(Tree::Map(BTreeMap::new()), origin);
    let (mut excluded, mut earlier) = (Vec::new(), Vec::new());
    for flag in flags {
        match flag.kind {
            FlagKind::Exclusion => excluded.extend(exclusion(flag, problems)),
            FlagKind::Assignment | FlagKind::Value(_) => match setting(flag, schema) {
                Ok((path, node)) => {
                    if let Some((at, said)) = overruled(&root, &path, &node) {
                        warnings.push(told_again(&said, &path, &node));
                        earlier.push((at, said));
                    }
                    root.lay(path.keys(), node);
                }
                Err(found) => problems.extend(cover::unparsed(found, schema, false)),
            },
        }
    }
    let mut directives = Directives::take(&mut root, problems);
    directives.also_exclude(excluded, problems);
    Some(Document { directives, overruled: earlier, ..Document::new(Layer::CommandLine, root, base.to_owned()) })
}

/// What an earlier flag said where a later one says otherwise.
fn overruled(root: &Node, path: &Path, by: &Node) -> Option<(Path, Node)> {
    let (at, earlier) = (1..=path.keys().len()).find_map(|keys| {
        let at = path.up_to(keys);
        let node = root.find(&at).filter(|node| !matches!(node.tree, Tree::Map(_)))?;
        Some((at, node))
    })?;
    (earlier != by && !earlier.is_null()).then(|| (at, earlier.clone()))
}

fn told_again(earlier: &Node, path: &Path, by: &Node) -> Problem {
    let said = selector::written(path);
    let message = format!(
        "`{said}` of `{}` is not in effect: `{}` says it again",
        earlier.origin.source.name, by.origin.source.name
    );
    Problem::new(earlier.origin.clone(), message).also(by.origin.clone(), "this wins").hint("leave one of them out")
}

fn source(flag: &Flag) -> (Arc<Source>, Origin) {
    let source = Arc::new(Source { name: flag.name.to_owned(), text: flag.text.clone() });
    let whole = 0..flag.text.len();
    (Arc::clone(&source), Origin { source, span: whole.clone(), key: whole })
}

fn exclusion(flag: &Flag, problems: &mut Vec<Problem>) -> Option<(Selector, Origin)> {
    let (_, origin) = source(flag);
    match Selector::parse(&flag.text) {
        Ok(selector) => Some((selector, origin)),
        Err(why) => {
            let problem = Problem::new(origin, format!("this is no path of a setting: {why}"));
            problems.push(problem.hint("write keys with dots between them: `machines.web.ports`"));
            None
        }
    }
}

fn setting(flag: &Flag, schema: &Value) -> Result<(Path, Node), Vec<Problem>> {
    let (source, origin) = source(flag);
    let (selector, start) = match flag.kind {
        FlagKind::Value(path) => (Selector::exactly(&Path::parse(path)), 0),
        _ => match Selector::scan(&flag.text, Some('=')) {
            Ok((selector, end)) if end < flag.text.len() => (selector, end + 1),
            Ok(_) => {
                let problem = Problem::new(origin, "there is no `=` and no value behind it");
                return Err(vec![problem.hint("write `--set machines.web.resources.ram=4`")]);
            }
            Err(why) => {
                return Err(vec![Problem::new(origin, format!("this begins with no path of a setting: {why}"))]);
            }
        },
    };
    let key = 0..start.saturating_sub(1);
    let path = selector.path().map_err(|why| vec![Problem::new(origin.clone(), why.to_string())])?;
    if is_of_files(&path) {
        let problem = Problem::new(Origin { span: key, ..origin }, "only a file can say this");
        return Err(vec![problem.hint(OF_FILES)]);
    }
    check(schema, &path).map_err(|hint| {
        // What would be set may be a secret.
        let source = Arc::new(Source { name: source.name.clone(), text: flag.text[key.clone()].to_owned() });
        let problem = Problem::new(Origin { source, span: key.clone(), key: key.clone() }, "no such setting");
        vec![hint.into_iter().fold(problem, Problem::hint)]
    })?;
    let mut node = typed::value(&source, start..flag.text.len(), &Shape::at(schema, &path))?;
    if !key.is_empty() {
        node.origin.key = key;
    }
    Ok((path, node))
}

pub(super) const OF_FILES: &str = "write it in the Machinefile, or name files with `-f` and profiles with `--profile`";

/// Whether it is about files, which are read before anything else speaks.
pub(super) fn is_of_files(path: &Path) -> bool {
    path.keys().first().is_some_and(|key| key == "include" || key == "profiles")
}

/// Whether a path can be written at all; the error says what may have been meant.
fn check(schema: &Value, path: &Path) -> Result<(), Option<String>> {
    shape::known(schema, path).map(|_| ()).map_err(|(at, keys)| {
        let key = &path.keys()[at.keys().len()];
        let near = note::nearest(key, keys.iter().map(String::as_str));
        let near = near.map(|near| format!("did you mean `{}`?", selector::written(&at.join(near))));
        let list = || (!keys.is_empty()).then(|| note::suggestion(key, keys.iter().map(String::as_str)));
        near.or_else(list)
    })
}

/// An assignment as it may be shown: a secret's value is left open.
#[must_use]
pub fn without_secret(schema: &Value, text: &str) -> String {
    let path = Selector::scan(text, Some('=')).ok().and_then(|(selector, end)| Some((selector.path().ok()?, end)));
    match path {
        Some((path, end)) if (0..=path.keys().len()).any(|n| Shape::at(schema, &path.up_to(n)).is_secret()) => {
            format!("{}=…", &text[..end])
        }
        _ => text.to_owned(),
    }
}
