//! What a text says about other texts: which settings of earlier ones it does without.
//!
//! `exclude: [path]` drops what earlier texts say there; `override: [path]` drops it where this text says something
//! itself, so that nothing is merged; `exclude-layers: [layer]` drops whole layers. YAML's `!reset` and `!override`
//! are the first two at the value itself.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use super::error::Problem;
use super::foreign;
use super::layer::Layer;
use super::node::{Node, Tree};
use super::provider::{Document, says};
use super::selector::Selector;
use crate::note;
use crate::origin::Origin;
use crate::value::Path;

pub(super) const EXCLUDE: &str = "exclude";
pub(super) const OVERRIDE: &str = "override";
pub(super) const EXCLUDE_LAYERS: &str = "exclude-layers";

const RESET_TAG: &str = "!reset";
const OVERRIDE_TAG: &str = "!override";

/// What says whose every object is.
const IDENTITY: [&str; 2] = ["name", "id"];
const WHOSE: &str = "a project's name and id are whose everything is: its own files, variables and flags give them";

/// Whether `name` or `id` itself is meant.
fn identity(selector: &Selector) -> Option<&'static str> {
    let path = selector.path().ok()?;
    IDENTITY.into_iter().find(|key| path == Path::root().join(key))
}

/// What one text asks for, each with its place.
#[derive(Clone, Debug, Default)]
pub(super) struct Directives {
    exclude: Vec<(Selector, Origin)>,
    replace: Vec<(Selector, Origin)>,
    layers: Vec<(Layer, Origin)>,
}

impl Directives {
    /// What `--exclude-path` adds.
    pub(super) fn also_exclude(&mut self, exclude: Vec<(Selector, Origin)>, problems: &mut Vec<Problem>) {
        self.exclude.extend(exclude);
        self.keep_identity(problems);
    }

    /// Takes them out of a text, and says what is wrong with them.
    pub(super) fn take(root: &mut Node, problems: &mut Vec<Problem>) -> Self {
        let mut found = Self::default();
        if let Tree::Map(entries) = &mut root.tree {
            let mut texts = |key| entries.remove(key).map(|node| texts(&node, key, problems)).unwrap_or_default();
            let (exclude, replace, layers) = (texts(EXCLUDE), texts(OVERRIDE), texts(EXCLUDE_LAYERS));
            found.exclude = exclude.into_iter().filter_map(|text| selector(text, problems)).collect();
            found.replace = replace.into_iter().filter_map(|text| selector(text, problems)).collect();
            found.layers = layers.into_iter().filter_map(|text| layer(text, problems)).collect();
        }
        found.take_tags(root, &Path::root(), problems);
        found.keep_identity(problems);
        found
    }

    /// Nobody does without what says whose everything is.
    fn keep_identity(&mut self, problems: &mut Vec<Problem>) {
        self.exclude.retain(|(selector, origin)| {
            let named = identity(selector);
            if let Some(key) = named {
                problems.push(Problem::new(origin.clone(), format!("`{key}` cannot be excluded")).hint(WHOSE));
            }
            named.is_none()
        });
    }

    pub(super) fn excluded(&self) -> &[(Selector, Origin)] {
        &self.exclude
    }

    pub(super) fn replaced(&self) -> &[(Selector, Origin)] {
        &self.replace
    }

    pub(super) fn layers(&self) -> &[(Layer, Origin)] {
        &self.layers
    }

    pub(super) fn origins_mut(&mut self) -> impl Iterator<Item = &mut Origin> {
        let selected = self.exclude.iter_mut().chain(&mut self.replace).map(|(_, origin)| origin);
        selected.chain(self.layers.iter_mut().map(|(_, origin)| origin))
    }

    fn take_tags(&mut self, node: &mut Node, at: &Path, problems: &mut Vec<Problem>) {
        let ours = node.tag.take_if(|tag| matches!(&**tag, RESET_TAG | OVERRIDE_TAG));
        if let Some(tag) = ours {
            let list = if *tag == *RESET_TAG { &mut self.exclude } else { &mut self.replace };
            list.push((Selector::exactly(at), node.origin.clone()));
            if *tag == *RESET_TAG {
                *node = Node::new(Tree::Scalar(super::node::Scalar::Null), node.origin.clone());
            }
        }
        match &mut node.tree {
            Tree::Map(map) => map.iter_mut().for_each(|(key, node)| self.take_tags(node, &at.join(key), problems)),
            Tree::List(list) => {
                for item in list {
                    let mut inside = Self::default();
                    inside.take_tags(item, at, problems);
                    for (_, origin) in inside.exclude.into_iter().chain(inside.replace) {
                        let problem = Problem::new(origin, "a list is replaced as a whole, so its items take no tag");
                        problems.push(problem.hint("put the tag before the list, or leave it out"));
                    }
                }
            }
            Tree::Scalar(_) => {}
        }
    }
}

/// The texts of a list, or of one text alone.
pub(super) fn texts(node: &Node, key: &str, problems: &mut Vec<Problem>) -> Vec<(String, Origin)> {
    let items = match &node.tree {
        _ if node.is_null() => return Vec::new(),
        Tree::List(items) => items.iter().collect(),
        _ => vec![node],
    };
    let text = |item: &Node| {
        let text = item.as_text().map(|text| (text.to_owned(), item.origin.clone()));
        if text.is_none() {
            problems.push(Problem::new(item.origin.clone(), format!("`{key}` takes a list of texts")));
        }
        text
    };
    items.into_iter().filter_map(text).collect()
}

fn selector((text, origin): (String, Origin), problems: &mut Vec<Problem>) -> Option<(Selector, Origin)> {
    match Selector::parse(&text) {
        Ok(selector) => Some((selector, origin)),
        Err(why) => {
            let problem = Problem::new(origin, format!("`{text}` is no path of a setting: {why}"));
            problems.push(problem.hint("write keys with dots between them: `machines.web.ports`, `machines.*.ports`"));
            None
        }
    }
}

fn layer((text, origin): (String, Origin), problems: &mut Vec<Problem>) -> Option<(Layer, Origin)> {
    let layer = Layer::from_str(&text);
    if let Err(unknown) = &layer {
        let hint = note::suggestion(&text, Layer::ALL.map(Layer::as_str));
        problems.push(Problem::new(origin.clone(), unknown.to_string()).hint(hint));
    }
    Some((layer.ok()?, origin))
}

/// Lets every text drop what it excludes of those before it; what a text excludes in vain is told.
pub(super) fn apply(documents: &mut [Document]) -> Vec<Problem> {
    let mut warnings = Vec::new();
    for index in 0..documents.len() {
        let (before, rest) = documents.split_at_mut(index);
        let document = &rest[0];
        for (selector, origin) in &document.directives.exclude {
            let mut found = 0;
            for earlier in before.iter_mut() {
                let mut paths = selector.matches(&earlier.root);
                paths.retain(|path| !IDENTITY.iter().any(|key| *path == Path::root().join(key)));
                found += paths.len();
                earlier.gone.extend(paths.into_iter().map(|path| (path, origin.clone())));
            }
            if found == 0 {
                warnings.push(in_vain(selector, origin, before, document));
            }
        }
        for (selector, origin) in &document.directives.replace {
            let paths = selector.matches(&document.root);
            if paths.is_empty() {
                let message = format!("nothing is said here at `{selector}`, so nothing is overridden");
                warnings.push(Problem::new(origin.clone(), message).hint("`exclude` drops without a replacement"));
            }
            for earlier in before.iter_mut() {
                let meant = |path: &&Path| earlier.root.find(path).is_some_and(|node| says(path, node));
                let paths: Vec<_> = paths.iter().filter(meant).cloned().collect();
                earlier.gone.extend(paths.into_iter().map(|path| (path, origin.clone())));
            }
        }
        for (layer, origin) in &document.directives.layers {
            if *layer > document.layer {
                let message = format!("layer `{layer}` is loaded after this one and cannot be excluded here");
                warnings
                    .push(Problem::new(origin.clone(), message).hint(format!("run with `--exclude-layer {layer}`")));
            }
            for earlier in before.iter_mut().filter(|earlier| earlier.layer == *layer) {
                let foreign = document.layer.is_foreign();
                let dropped = if foreign { foreign::droppable(&earlier.root) } else { vec![Path::root()] };
                earlier.gone.extend(dropped.into_iter().map(|path| (path, origin.clone())));
            }
        }
    }
    warnings
}

/// Nothing was there to be excluded: what may have been meant.
fn in_vain(selector: &Selector, origin: &Origin, before: &[Document], document: &Document) -> Problem {
    let problem = Problem::new(origin.clone(), format!("no earlier layer says anything at `{selector}`"));
    if !selector.matches(&document.root).is_empty() {
        return problem.hint("it is said in this text itself: take it out there");
    }
    if let Ok(path) = selector.path() {
        if let [machines, _, rest @ ..] = path.keys()
            && machines == "machines"
            && !rest.is_empty()
        {
            let inherited: Path = std::iter::once("defaults".to_owned()).chain(rest.iter().cloned()).collect();
            if before.iter().any(|earlier| earlier.root.find(&inherited).is_some_and(|node| !node.is_null())) {
                let inherited = super::selector::written(&inherited);
                return problem
                    .hint(format!("the machine inherits it from `{inherited}`, which can be excluded for all"));
            }
        }
        if let Some(near) = near(&path, before) {
            return problem.hint(format!("did you mean `{}`?", super::selector::written(&near)));
        }
    }
    problem.hint("take it out, or look at `machine audit --dump-config --origins`")
}

/// The path with its first unknown key replaced by the most similar known one.
fn near(path: &Path, before: &[Document]) -> Option<Path> {
    let mut at = Path::root();
    for (i, key) in path.keys().iter().enumerate() {
        let known = before.iter().filter_map(|earlier| match &earlier.root.find(&at)?.tree {
            Tree::Map(map) => Some(map.iter().filter(|(_, node)| !node.is_null()).map(|(key, _)| key.as_str())),
            _ => None,
        });
        let known: Vec<_> = known.flatten().collect();
        if known.contains(&key.as_str()) {
            at = at.join(key);
            continue;
        }
        let mut fixed: Vec<String> = at.keys().to_vec();
        fixed.push(note::nearest(key, known)?.to_owned());
        fixed.extend(path.keys()[i + 1..].iter().cloned());
        return Some(fixed.into_iter().collect());
    }
    None
}

/// What later texts dropped of one: by path, with the place that says so.
pub(super) type Gone = BTreeMap<Path, Origin>;

/// Where it is said that a path or something above it is dropped.
pub(super) fn dropped<'a>(gone: &'a Gone, path: &Path) -> Option<&'a Origin> {
    if gone.is_empty() {
        return None;
    }
    std::iter::successors(Some(path.clone()), Path::parent).find_map(|path| gone.get(&path))
}
