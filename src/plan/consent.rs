//! What nobody gets without having named it: lost data, and machines that go or are made anew.

use std::collections::BTreeSet;

use super::Plan;
use super::step::{Action, Reason, Step};
use crate::id::ResourceId;
use crate::resource::Disruption;
use crate::selection::Pattern;

/// How many machines one plan may take away on the strength of a typed project name alone.
pub const MOST: usize = 3;

/// What the user has let happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// May be made anew.
    pub replace: Vec<Pattern>,
    /// May be deleted, and made anew.
    pub destroy: Vec<Pattern>,
}

impl Allowed {
    /// Whether a step has been named.
    #[must_use]
    pub fn covers(&self, step: &Step) -> bool {
        let replacing = if step.action == Action::Delete { &[][..] } else { &self.replace };
        self.destroy
            .iter()
            .chain(replacing)
            .any(|pattern| pattern.names(&step.resource, Some(machine_of(&step.resource))))
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.replace.extend(other.replace.iter().cloned());
        self.destroy.extend(other.destroy.iter().cloned());
        self
    }
}

/// The machine a resource belongs to, by the form of its name: `web`, `web.data`, `site@web`.
#[must_use]
pub fn machine_of(resource: &ResourceId) -> &str {
    let name = resource.name();
    let name = name.split_once('@').map_or(name, |(_, machine)| machine);
    name.split('.').next().unwrap_or(name)
}

/// What a step takes that its owner may miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// A machine goes or is made anew; what is kept elsewhere stays.
    Machine,
    /// Data that exists nowhere else goes.
    Data,
}

impl Step {
    /// What is lost by it, if anything.
    #[must_use]
    pub fn loss(&self) -> Option<Loss> {
        let goes = matches!(self.action, Action::Delete | Action::Replace);
        match self.disruption {
            Disruption::DataLoss => Some(Loss::Data),
            _ if self.machine && goes => Some(Loss::Machine),
            _ => None,
        }
    }

    /// The flag that allows its loss, `--allow-destroy web`; none where nothing is lost, or everything was asked to go.
    #[must_use]
    pub fn flag(&self) -> Option<String> {
        self.loss().filter(|_| self.reason != Reason::Destroying)?;
        let flag = if self.action == Action::Delete { "--allow-destroy" } else { "--allow-replace" };
        Some(format!("{flag} {}", machine_of(&self.resource)))
    }
}

/// What of a plan still needs naming.
#[derive(Debug)]
pub struct Demands<'a> {
    pub steps: Vec<&'a Step>,
    /// How many machines all of it takes away, named or not.
    pub machines: usize,
}

impl Demands<'_> {
    /// The flags that would allow all of it, each once, in order.
    #[must_use]
    pub fn flags(&self) -> Vec<String> {
        let flags: BTreeSet<_> = self.steps.iter().filter_map(|step| step.flag()).collect();
        flags.into_iter().collect()
    }
}

/// What `allowed` leaves unnamed.
#[must_use]
pub fn demands<'a>(plan: &'a Plan, allowed: &Allowed) -> Demands<'a> {
    let losses = plan.steps.iter().filter(|step| step.loss().is_some());
    let machines: BTreeSet<_> = losses.clone().map(|step| machine_of(&step.resource)).collect();
    Demands { steps: losses.filter(|step| !allowed.covers(step)).collect(), machines: machines.len() }
}
