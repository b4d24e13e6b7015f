//! What the world did without us: what was seen against what was recorded. What is desired plays no part.

use crate::graph::Graph;
use crate::id::ResourceId;
use crate::observe::Observed;
use crate::resource::{Change, Observation, moved};
use crate::store::Recorded;

/// What became of a resource since it was recorded.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// `before` is what was recorded, `after` what is there.
    Changed(Vec<Change>),
    Gone,
    /// It carries our label, and no record tells of it.
    Found,
}

impl Fate {
    /// One word for programs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Changed(_) => "changed",
            Self::Gone => "gone",
            Self::Found => "found",
        }
    }
}

/// A resource that is not as recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    pub resource: ResourceId,
    pub fate: Fate,
}

/// In the order of the graph. What cannot be read has no fate, and what one of our own runs was cut off at is for the next
/// one to end.
#[must_use]
pub fn drift(graph: &Graph, observed: &Observed, recorded: &Recorded) -> Vec<Drift> {
    let mut drifts = Vec::new();
    for (_, node) in graph.nodes().filter(|(_, node)| !node.resource.is_group()) {
        let id = node.resource.id();
        if recorded.intents.contains_key(id) {
            continue;
        }
        let fate = match (recorded.records.get(id), observed.get(id)) {
            (Some(_), Observation::Absent) => Fate::Gone,
            (None, Observation::Present(_)) => Fate::Found,
            (Some(record), Observation::Present(seen)) => {
                let mut changes = moved(&record.attributes, seen);
                // What it stands on says so itself.
                let grounds = node.resource.grounds();
                changes.retain(|change| !change.path.keys().first().is_some_and(|key| grounds.contains(&key.as_str())));
                if changes.is_empty() {
                    continue;
                }
                Fate::Changed(changes)
            }
            (_, Observation::Unreadable(_)) | (None, Observation::Absent) => continue,
        };
        drifts.push(Drift { resource: id.clone(), fate });
    }
    drifts
}
