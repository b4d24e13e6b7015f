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

/// What becomes of a replacement: nothing while the thing is protected. Only the mark changes where that is asked in the
/// same breath: taken away, the rest follows; put on, it holds from then on.
pub(super) fn instead(step: Box<Step>, node: &Node, observation: &Observation, options: &Options) -> Verdict {
    match refusal(node, observation, options) {
        None => Verdict::Step(step),
        Some(_) if is_marking(&step) => Verdict::Step(Box::new(marking(*step))),
        Some(why) => Verdict::Protected(why),
    }
}

fn is_mark(change: &Change) -> bool {
    change.path.keys() == [mark::PROTECT]
}

/// Whether a step puts the protection on or takes it away, whatever else it does.
pub(super) fn is_marking(step: &Step) -> bool {
    matches!(step.action, Action::Update | Action::Replace) && step.changes.iter().any(is_mark)
}

/// Of a step, the part that is about the protection.
pub(super) fn marking(mut step: Step) -> Step {
    let whole = step.changes.len();
    step.changes.retain(is_mark);
    let taken = step.changes.iter().all(|change| change.after.is_none());
    let rest = match (step.changes.len() < whole, taken) {
        (false, _) => None,
        (true, true) => Some("the rest follows once it is no longer protected"),
        (true, false) => Some("from now on it is not made anew, so the rest is not done"),
    };
    step.detail = rest.map(str::to_owned).into_iter().collect();
    Step { action: Action::Update, disruption: Disruption::None, ..step }
}
