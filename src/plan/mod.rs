//! What to do, and why: a pure function of what is desired, what was observed and what we remember.
//! No clock, no randomness, no files, no network.

mod confirm;
mod consent;
mod decide;
mod drift;
mod handover;
mod ignore;
mod moves;
mod protect;
mod rollout;
mod schedule;
mod sequence;
mod step;

pub use consent::{Allowed, Demands, Loss, MOST, demands, machine_of};
pub use drift::{Drift, Fate, drift};
pub use handover::Handover;
pub use moves::follow;
pub use rollout::{Fleet, Rollout, is_kept};
pub use schedule::{Gate, Phase, Schedule};
pub use step::{Action, Blocked, Cause, Deferred, Hold, Reason, Step, Summary, Vanishing};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::graph::{Graph, Node};
use crate::id::ResourceId;
use crate::observe::Observed;
use crate::resource::{Change, Resource};
use crate::selection::Pattern;
use crate::store::{Record, Recorded};
use crate::value::{Attributes, Path};

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
    /// How many of these are there with our label while no record told of them.
    pub adopted: usize,
    /// Sources that could not be listed, with the reason: what is no longer wanted there is not seen.
    pub unseen: Vec<(String, String)>,
    /// What it keeps to, when it is not about everything.
    pub limit: Option<Limit>,
    /// What only one thing can have, given up by one step and taken by a later one.
    pub handovers: Vec<Handover>,
    /// Machines that are disturbed a few at a time.
    pub rollouts: Vec<Rollout>,
    /// Differences that the Machinefile says to leave alone.
    pub ignored: Vec<(ResourceId, Change)>,
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

/// What a plan is for, and what it may do.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Steps of these would take something that nobody has allowed: they are left alone, for the flag that allows it.
    pub withheld: BTreeMap<ResourceId, String>,
    /// Nothing is desired because everything is to go, not because it left the Machinefile.
    pub destroying: bool,
    /// Protected or not, these may be deleted and made anew.
    pub unprotected: Vec<Pattern>,
    /// Where `protect: true` is written, by machine.
    pub protected_at: BTreeMap<String, String>,
    /// Attributes whose difference is left alone, by resource.
    pub ignored: BTreeMap<ResourceId, Vec<Path>>,
    /// Machines of which only so many may be away at once.
    pub fleets: Vec<Fleet>,
    /// What is there under another id than it is to have, by the latter.
    pub moved: BTreeMap<ResourceId, ResourceId>,
    /// By position, what may be changed; everything without it.
    pub selected: Option<Vec<bool>>,
    /// What the selection was told.
    pub limit: Option<Limit>,
}

impl Options {
    /// What is in no graph is selected with everything only.
    fn is_selected(&self, position: Option<usize>) -> bool {
        self.selected.as_ref().is_none_or(|selected| position.is_some_and(|position| selected[position]))
    }
}

/// What a plan keeps to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    pub targets: Vec<String>,
    pub excludes: Vec<String>,
    /// How many known resources are left out.
    pub left_out: usize,
}

/// What the next plan would do to a resource by itself if this were what is there.
#[must_use]
pub fn preview(resource: &Arc<dyn Resource>, seen: &Attributes, options: &Options) -> Plan {
    decide::preview(&Node { resource: Arc::clone(resource), wanted: true }, seen, options)
}

/// Plans every resource of the graph.
#[must_use]
pub fn plan(graph: &Graph, observed: &Observed, recorded: &Recorded, options: &Options) -> Plan {
    let verdicts = decide::decide(graph, observed, recorded, options);
    let mut conflicts = BTreeMap::new();
    let mut plan = loop {
        let mut plan = sequence::sequence(graph, observed, recorded, &verdicts, &conflicts, options);
        let (handovers, found) = handover::handovers(&plan, graph, observed);
        if found.is_empty() {
            plan.handovers = handovers;
            break plan;
        }
        conflicts.extend(found);
    };
    moves::mark(&mut plan, graph, options);
    plan.ignored = ignore::differences(graph, observed, options);
    plan.steps = handover::in_order(plan.steps, graph, &plan.handovers);
    plan.rollouts = rollout::rollouts(&plan, graph, observed, options);
    plan.confirmed = confirm::confirmed(graph, observed, recorded, &plan);
    let adopted = confirm::adopted(graph, observed, recorded, &plan);
    plan.adopted = adopted.iter().filter(|(id, _)| options.is_selected(graph.position(id))).count();
    plan.confirmed.extend(adopted);
    plan.confirmed.retain(|(id, _)| options.is_selected(graph.position(id)));
    plan
}
