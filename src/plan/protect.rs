//! What is protected is not deleted and not made anew, whoever asks for it.

use crate::graph::Node;
use crate::resource::{Change, Disruption, Observation, mark};
use crate::selection::Tags;

use super::Options;
use super::decide::Verdict;
use super::step::{Action, Step};

/// Why this thing may not go; `None` when it may. What is written on the thing counts, and what is about to be.
pub(super) fn refusal(node: &Node, observation: &Observation, options: &Options) -> Option<String> {
    let Observation::Present(observed) = observation else { return None };
    let resource = node.resource.as_ref();
    let asked = mark::is_protected(resource.desired());
    if !asked && !mark::is_protected(observed) {
        return None;
    }
    if options.unprotected.iter().any(|pattern| pattern.matches(resource, &Tags::default())) {
        return None;
    }
    let name = resource.machine().unwrap_or(resource.id().as_str());
    let place = match options.protected_at.get(name) {
        Some(place) => format!("`protect: true` in {place}"),
        None => "`protect: true` is written on it".to_owned(),
    };
    Some(format!("it is protected ({place}): apply `protect: false` first, or give --allow-destroy {name}"))
}

/// What becomes of a replacement: nothing while the thing is protected, and only its protection goes when that is asked
/// in the same breath.
pub(super) fn instead(step: Step, node: &Node, observation: &Observation, options: &Options) -> Verdict {
    match refusal(node, observation, options) {
        None => Verdict::Step(step),
        Some(_) if step.changes.iter().any(is_lifted_by) => Verdict::Step(lifting(step)),
        Some(why) => Verdict::Protected(why),
    }
}

/// Whether a change takes the protection away.
pub(super) fn is_lifted_by(change: &Change) -> bool {
    change.path.keys() == [mark::PROTECT] && change.after.is_none()
}

pub(super) fn is_lifting(step: &Step) -> bool {
    step.action == Action::Update && step.changes.iter().any(is_lifted_by)
}

/// Of a step, the part that takes the protection away; the rest is planned once that is done.
pub(super) fn lifting(mut step: Step) -> Step {
    let whole = step.changes.len();
    step.changes.retain(is_lifted_by);
    let rest = (step.changes.len() < whole).then(|| "the rest follows once it is no longer protected".to_owned());
    step.detail = rest.into_iter().collect();
    Step { action: Action::Update, disruption: Disruption::None, ..step }
}
