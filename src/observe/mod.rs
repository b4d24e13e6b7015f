//! Reads everything and changes nothing: listings first, then what must be read one by one, parents first.

mod former;
mod observed;
mod survey;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use observed::Observed;

use crate::graph::{self, Graph};
use crate::id::ResourceId;
use crate::resource::{Context, Failure, Resource, Source};
use crate::selection::Selected;
use crate::value::Attributes;

/// One look at the world.
#[derive(Debug)]
pub struct Sight {
    /// What is desired and what was found beside it.
    pub graph: Arc<Graph>,
    pub observed: Observed,
    /// Sources that could not be listed: orphans there are not seen.
    pub blind: Vec<(String, Failure)>,
    /// What was asked for, by position; everything without it.
    pub selected: Option<Selected>,
    /// What is there under another id than it is to have, because its machine was renamed: by the id that it is to have, and under which
    /// it was observed.
    pub moved: BTreeMap<ResourceId, ResourceId>,
}

/// What the listings say of a resource, if anything.
pub type Listed<'a> = dyn Fn(&ResourceId) -> Option<&'a Attributes> + 'a;

/// Chooses from a graph.
pub type Select<'a> = dyn Fn(&Graph, &Listed<'_>) -> Selected + Sync + 'a;

/// What a look needs to know.
pub struct Question<'a> {
    pub desired: &'a [Arc<dyn Resource>],
    /// Known handles to things that are not desired, found without any listing.
    pub orphans: &'a [Arc<dyn Resource>],
    pub sources: &'a [Arc<dyn Source>],
    /// Where we remember making this, if we do and it was at a source: then a listing that does not show it is not believed.
    pub remembered: &'a (dyn Fn(&ResourceId) -> Option<Option<String>> + Sync),
    /// Which part of a graph is looked at; all of it without one. It is given what the listings say of a resource.
    pub select: Option<&'a Select<'a>>,
    /// What machines may have been called before, by their name now.
    pub moved: &'a BTreeMap<String, Vec<String>>,
    /// How many reads may run at once.
    pub parallel: usize,
}

impl std::fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question").field("desired", &self.desired.len()).finish_non_exhaustive()
    }
}

/// Looks at everything. Never fails as a whole: what cannot be read is [`crate::resource::Observation::Unreadable`].
/// The error is a graph that cannot be built.
pub async fn observe(question: &Question<'_>, cx: &Context) -> Result<Sight, graph::Error> {
    let mut survey = survey::survey(question.sources, cx).await;
    let former = former::find(question, &mut survey, cx).await;
    let moved = former::ids(&former);
    let stays = |orphan: &&Arc<dyn Resource>| !moved.values().any(|id| id == orphan.id());
    let mut orphans: Vec<_> = question.orphans.iter().filter(stays).cloned().collect();
    orphans.extend(survey.orphans(question.desired, question.orphans));
    let graph = graph::build(question.desired.to_vec(), orphans.clone())?;

    let mut selected = question.select.map(|select| select(&graph, &|id| survey.anywhere(id)));
    let within = selected.as_ref().map(|selected| selected.seen.as_slice());
    let seen = walk::walk(&graph, within, &mut survey, question, &former, cx).await;
    let mut observed = seen.observed;
    let mut graph = graph;
    if !seen.inside.is_empty() {
        for (resource, attributes) in seen.inside {
            observed.set(resource.id().clone(), crate::resource::Observation::Present(attributes));
            orphans.push(resource);
        }
        graph = graph::build(question.desired.to_vec(), orphans)?;
        // What was looked at has left the survey.
        let listed = |id: &ResourceId| survey.anywhere(id).or_else(|| observed.get(id).attributes());
        selected = question.select.map(|select| select(&graph, &listed));
    }
    let mut blind = survey.into_blind();
    blind.extend(seen.blind);
    Ok(Sight { graph: Arc::new(graph), observed, blind, selected, moved })
}
