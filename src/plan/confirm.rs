//! What is as it should be and was never written down: operations that were cut off and turn out to have been done, and things
//! that carry our label and that no record tells of.

use std::collections::HashSet;

use super::Plan;
use crate::graph::{Graph, Node};
use crate::id::ResourceId;
use crate::observe::Observed;
use crate::resource::Observation;
use crate::store::{Intent, Record, Recorded};

/// What is as desired although an operation on it was begun and never ended: what was seen becomes its record.
pub(super) fn confirmed(
    graph: &Graph,
    observed: &Observed,
    recorded: &Recorded,
    plan: &Plan,
) -> Vec<(ResourceId, Record)> {
    if recorded.intents.is_empty() {
        return Vec::new();
    }
    let open = open(plan);
    let confirm = |(id, intent): (&ResourceId, &Intent)| {
        let node = graph.node(id).filter(|node| node.wanted && !open.contains(id))?;
        let Observation::Present(attributes) = observed.get(id) else { return None };
        let token = recorded.records.get(id).map_or(&intent.token, |record| &record.token).clone();
        let realm = node.resource.realm().map(str::to_owned);
        let parents = node.resource.parents().to_vec();
        Some((id.clone(), Record { attributes: attributes.clone().into(), parents, token, realm }))
    };
    recorded.intents.iter().filter_map(confirm).collect()
}

/// What is there as desired without any record of ours, as in a fresh clone: what was seen becomes its record.
pub(super) fn adopted(
    graph: &Graph,
    observed: &Observed,
    recorded: &Recorded,
    plan: &Plan,
) -> Vec<(ResourceId, Record)> {
    let unknown = |node: &&Node| {
        let resource = &node.resource;
        node.wanted && resource.realm().is_some() && !resource.shared() && !recorded.remembers(resource.id())
    };
    let unknown: Vec<_> = graph.nodes().map(|(_, node)| node).filter(unknown).collect();
    if unknown.is_empty() {
        return Vec::new();
    }
    let open = open(plan);
    let adopt = |node: &Node| {
        let resource = &node.resource;
        let attributes = observed.get(resource.id()).attributes().filter(|_| !open.contains(resource.id()))?.clone();
        let (parents, realm) = (resource.parents().to_vec(), resource.realm().map(str::to_owned));
        Some((resource.id().clone(), Record { attributes: attributes.into(), parents, token: String::new(), realm }))
    };
    unknown.into_iter().filter_map(adopt).collect()
}

/// What is not left as it is.
fn open(plan: &Plan) -> HashSet<&ResourceId> {
    let steps = plan.steps.iter().map(|step| &step.resource);
    let blocked = plan.blocked.iter().map(|blocked| &blocked.resource);
    let deferred = plan.deferred.iter().map(|deferred| &deferred.resource);
    steps.chain(blocked).chain(deferred).collect()
}
