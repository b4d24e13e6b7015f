//! The part of a look that goes resource by resource, parents first, siblings in parallel.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::former::Former;
use super::survey::{self, Survey};
use super::{Observed, Question};
use crate::graph::{Graph, Node, Queue};
use crate::resource::{Context, Failure, Link, Observation, Resource, Work, overdue};
use crate::value::Attributes;

#[derive(Default)]
pub(super) struct Seen {
    pub(super) observed: Observed,
    /// Orphans found inside other resources, with what they are.
    pub(super) inside: Vec<(Arc<dyn Resource>, Attributes)>,
    pub(super) blind: Vec<(String, Failure)>,
}

/// Looks at what is `within`, by position; at everything without it.
pub(super) async fn walk(
    graph: &Graph,
    within: Option<&[bool]>,
    survey: &mut Survey,
    question: &Question<'_>,
    former: &Former,
    cx: &Context,
) -> Seen {
    let mut queue = Queue::new(graph.len());
    for (position, _) in graph.nodes() {
        for (parent, _) in graph.parents(position) {
            queue.need(parent, position);
        }
    }
    queue.start();
    let mut seen = Seen::default();
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < question.parallel.max(1) {
            let Some(position) = queue.take() else { break };
            if within.is_some_and(|within| !within[position]) {
                queue.finish(position);
            } else if let Some(observation) = known(graph, position, survey, question, &seen.observed) {
                note(graph, position, observation, &mut seen.observed, cx);
                queue.finish(position);
            } else {
                let resource = &graph.at(position).resource;
                let resource = Arc::clone(former.get(resource.id()).unwrap_or(resource));
                running.push(async move { (position, look(resource.as_ref(), cx).await) });
            }
        }
        let Some((position, look)) = running.next().await else { break };
        let observation = remains(graph.at(position), look.observation, survey);
        note(graph, position, observation, &mut seen.observed, cx);
        seen.blind.extend(look.blind);
        seen.inside.extend(look.inside.into_iter().filter(|(resource, _)| !graph.contains(resource.id())));
        queue.finish(position);
    }
    seen
}

/// What can be said without asking: below an absent parent nothing is, behind an unreadable one nothing is seen, and
/// a listing answers for what it covers.
fn known(
    graph: &Graph,
    position: usize,
    survey: &mut Survey,
    question: &Question<'_>,
    observed: &Observed,
) -> Option<Observation> {
    for (parent, link) in graph.parents(position) {
        let parent = graph.at(parent).resource.id();
        match observed.get(parent) {
            Observation::Absent if link == Link::Within => return Some(Observation::Absent),
            Observation::Unreadable(why) if link == Link::Within => return Some(Observation::Unreadable(why.clone())),
            _ => {}
        }
    }
    let resource = &graph.at(position).resource;
    if resource.is_group() {
        return Some(Observation::Present(Attributes::new()));
    }
    let realm = resource.realm()?;
    if let Some(other) = survey.elsewhere(resource.id(), realm) {
        return Some(Observation::Unreadable(format!(
            "it is still at provider `{other}`: take it out of the Machinefile, run `machine up`, then put it back"
        )));
    }
    let source = resource.listed_by()?;
    if let Some(failure) = survey.failure(source.name()) {
        return Some(Observation::Unreadable(failure.to_string()));
    }
    match survey.take(resource.id(), source.name()) {
        Some(attributes) => Some(Observation::Present(attributes)),
        None => match (question.remembered)(resource.id()) {
            None => Some(Observation::Absent),
            Some(Some(other)) if other != realm && !question.sources.iter().any(|source| source.name() == other) => {
                Some(Observation::Unreadable(format!(
                    "it was made at provider `{other}`, which the Machinefile no longer declares: declare it again, \
                     with the machine there, until it is deleted"
                )))
            }
            Some(_) => None,
        },
    }
}

struct Look {
    observation: Observation,
    inside: Vec<(Arc<dyn Resource>, Attributes)>,
    blind: Vec<(String, Failure)>,
}

async fn look(resource: &dyn Resource, cx: &Context) -> Look {
    let observation = read(resource, cx).await;
    let mut look = Look { observation, inside: Vec::new(), blind: Vec::new() };
    let (Observation::Present(attributes), Some(source)) = (&look.observation, resource.contents()) else {
        return look;
    };
    cx.outputs.set(resource.id().clone(), attributes.clone());
    match survey::list(source, cx).await {
        Ok(found) => {
            for item in found {
                if let Some(resource) = source.revive(&item) {
                    look.inside.push((resource, item.attributes));
                }
            }
        }
        Err(failure) => look.blind.push((source.name().to_owned(), failure)),
    }
    look
}

async fn read(resource: &dyn Resource, cx: &Context) -> Observation {
    let _turn = cx.limits.turn(resource.realm()).await;
    let time = cx.limits.time(resource, Work::Read);
    let read = tokio::time::timeout(time, resource.read(cx)).await;
    read.unwrap_or_else(|_| Observation::Unreadable(overdue(resource, Work::Read, time).to_string()))
}

/// What a source lists and is nonetheless not there was cut short while it was made or deleted. To make it is to complete it;
/// where it is unwanted, what is left of it has to go.
fn remains(node: &Node, observation: Observation, survey: &Survey) -> Observation {
    match (observation, survey.anywhere(node.resource.id())) {
        (Observation::Absent, Some(listed)) if !node.wanted => Observation::Present(listed.clone()),
        (observation, _) => observation,
    }
}

fn note(graph: &Graph, position: usize, observation: Observation, observed: &mut Observed, cx: &Context) {
    let id = graph.at(position).resource.id();
    // Nobody asks for the outputs of what nothing hangs on.
    if let (Observation::Present(attributes), Some(_)) = (&observation, graph.children(position).next()) {
        cx.outputs.set(id.clone(), attributes.clone());
    }
    observed.set(id.clone(), observation);
}
