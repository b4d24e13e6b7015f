//! What was seen of every resource in one look at the world.

use std::collections::HashMap;

use crate::id::ResourceId;
use crate::resource::Observation;

/// One observation per resource of the graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed(HashMap<ResourceId, Observation>);

impl Observed {
    /// What was never looked at is absent.
    #[must_use]
    pub fn get(&self, id: &ResourceId) -> &Observation {
        self.0.get(id).unwrap_or(&Observation::Absent)
    }

    pub fn set(&mut self, id: ResourceId, observation: Observation) {
        self.0.insert(id, observation);
    }
}

impl FromIterator<(ResourceId, Observation)> for Observed {
    fn from_iter<I: IntoIterator<Item = (ResourceId, Observation)>>(observations: I) -> Self {
        Self(observations.into_iter().collect())
    }
}
