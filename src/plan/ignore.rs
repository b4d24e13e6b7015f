//! Differences that are left alone because the Machinefile says so.

use crate::graph::Graph;
use crate::id::ResourceId;
use crate::observe::Observed;
use crate::resource::{Change, Link, diff};
use crate::value::Path;

use super::Options;

/// The attribute by which things are made from an image.
const IMAGE: &str = "image";

/// The attributes of a resource whose difference is left alone.
pub(super) fn of<'a>(id: &ResourceId, options: &'a Options) -> &'a [Path] {
    options.ignored.get(id).map_or(&[], Vec::as_slice)
}

/// Whether a change to what exists is not to be made.
pub(super) fn is_ignored(id: &ResourceId, change: &Change, options: &Options) -> bool {
    let paths = options.ignored.get(id);
    paths.is_some_and(|paths| paths.iter().any(|path| change.path.keys().starts_with(path.keys())))
}

/// Whether what exists does not mind what it was built upon.
pub(super) fn ignores_image(id: &ResourceId, options: &Options) -> bool {
    options.ignored.get(id).is_some_and(|paths| paths.iter().any(|path| path.keys() == [IMAGE]))
}

/// Whether nothing would be made from it: all that is built upon it is there, and does not mind what it was built upon.
pub(super) fn is_idle(graph: &Graph, position: usize, observed: &Observed, options: &Options) -> bool {
    let content = |child: usize, link: Link| {
        let id = graph.at(child).resource.id();
        link == Link::Uses && ignores_image(id, options) && observed.get(id).attributes().is_some()
    };
    let mut children = graph.children(position).peekable();
    children.peek().is_some() && children.all(|(child, link)| content(child, link))
}

/// All that is left alone, in the order of ids.
pub(super) fn differences(graph: &Graph, observed: &Observed, options: &Options) -> Vec<(ResourceId, Change)> {
    let mut found = Vec::new();
    for id in options.ignored.keys().filter(|id| options.is_selected(graph.position(id))) {
        let Some(node) = graph.node(id).filter(|node| node.wanted) else { continue };
        let Some(seen) = observed.get(id).attributes() else { continue };
        let changes = diff(node.resource.desired(), seen).into_iter().filter(|change| is_ignored(id, change, options));
        found.extend(changes.map(|change| (id.clone(), change)));
    }
    found
}
