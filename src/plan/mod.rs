//! What to do, and why: a pure function of what is desired, what was observed and what we remember.
//! No clock, no randomness, no files, no network.

mod confirm;
mod consent;
mod decide;
mod drift;
mod schedule;
mod sequence;
mod step;

pub use consent::{Allowed, Demands, Loss, MOST, demands, machine_of};
pub use drift::{Drift, Fate, drift};
pub use schedule::{Phase, Schedule};
pub use step::{Action, Blocked, Cause, Deferred, Hold, Reason, Step, Summary, Vanishing};

use std::collections::BTreeMap;

use crate::graph::Graph;
use crate::id::ResourceId;
use crate::observe::Observed;
use crate::store::{Record, Recorded};

/// A proposal. Steps stand in an order in which they could be carried out one by one.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub steps: Vec<Step>,
    /// Not as desired and left alone, with the reason.
    pub blocked: Vec<Blocked>,
    /// Cannot be seen before other steps are done; planned in the next round.
    pub deferred: Vec<Deferred>,
    /// Gone with what they live in, without a step of their own.
    pub vanishing: Vec<Vanishing>,
    /// Recorded once, gone now and wanted no more: only their records go.
    pub forgotten: Vec<ResourceId>,
    /// Done by an operation that was cut off before that was written down: only their records are renewed.
    pub confirmed: Vec<(ResourceId, Record)>,
    /// Sources that could not be listed, with the reason: what is no longer wanted there is not seen.
    pub unseen: Vec<(String, String)>,
    /// How many resources are as desired.
    pub unchanged: usize,
}

impl Plan {
    /// Nothing to do, nothing unknown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.blocked.is_empty() && self.deferred.is_empty()
    }

    /// Whether carrying it out changes nothing, not even what we remember.
    #[must_use]
    pub fn changes_nothing(&self) -> bool {
        self.steps.is_empty() && self.forgotten.is_empty() && self.confirmed.is_empty()
    }

    /// How many steps of each kind.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary::of(&self.steps)
    }
}

/// What a plan is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Steps of these would take something that nobody has allowed: they are left alone, for the flag that allows it.
    pub withheld: BTreeMap<ResourceId, String>,
    /// Nothing is desired because everything is to go, not because it left the Machinefile.
    pub destroying: bool,
}

/// Plans every resource of the graph.
#[must_use]
pub fn plan(graph: &Graph, observed: &Observed, recorded: &Recorded, options: &Options) -> Plan {
    let verdicts = decide::decide(graph, observed, recorded, options);
    let mut plan = sequence::sequence(graph, observed, recorded, &verdicts, &options.withheld);
    plan.confirmed = confirm::confirmed(graph, observed, recorded, &plan);
    plan
}
