//! Operations that were cut off and turn out to have been done.

use std::collections::HashSet;

use super::Plan;
use crate::graph::Graph;
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
    let steps = plan.steps.iter().map(|step| &step.resource);
    let blocked = plan.blocked.iter().map(|blocked| &blocked.resource);
    let deferred = plan.deferred.iter().map(|deferred| &deferred.resource);
    let open: HashSet<_> = steps.chain(blocked).chain(deferred).collect();
    let confirm = |(id, intent): (&ResourceId, &Intent)| {
        let node = graph.node(id).filter(|node| node.wanted && !open.contains(id))?;
        let Observation::Present(attributes) = observed.get(id) else { return None };
        let token = recorded.records.get(id).map_or(&intent.token, |record| &record.token).clone();
        let realm = node.resource.realm().map(str::to_owned);
        let parents = node.resource.parents().to_vec();
        Some((id.clone(), Record { attributes: attributes.clone(), parents, token, realm }))
    };
    recorded.intents.iter().filter_map(confirm).collect()
}
