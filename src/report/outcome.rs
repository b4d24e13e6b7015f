//! How a run ended: what failed with its last remote lines, what was skipped because of it, what to type next.

use std::fmt::Write as _;

use super::style::Style;
use super::text::count;
use crate::apply::Outcome;
use crate::plan::Plan;

/// What did not work, for the end of a run. Empty when everything did; otherwise ends with a line break.
#[must_use]
pub fn failures(outcome: &Outcome, again: &str, style: Style) -> String {
    let mut text = String::new();
    for (resource, failure) in &outcome.failed {
        _ = writeln!(text, "{} {resource}: {failure}", style.bad("failed"));
        for line in &failure.detail {
            _ = writeln!(text, "  │ {line}");
        }
        if let Some(hint) = &failure.hint {
            _ = writeln!(text, "  hint: {hint}");
        }
    }
    for (resource, because) in &outcome.skipped {
        _ = writeln!(text, "{} {resource}, because {because} failed", style.faint("skipped"));
    }
    if let Some(error) = &outcome.store {
        _ = writeln!(text, "{} {error}", style.bad("stopped:"));
        if let Some(hint) = error.hint() {
            _ = writeln!(text, "  hint: {hint}");
        }
    }
    if text.is_empty() && outcome.left == 0 {
        return text;
    }
    let left = if outcome.left > 0 { format!(", {} not started", outcome.left) } else { String::new() };
    let (done, failed, skipped) = (count(outcome.done, "step"), outcome.failed.len(), outcome.skipped.len());
    _ = writeln!(text, "{done} done, {failed} failed, {skipped} skipped{left}.");
    _ = writeln!(text, "What is done stays done; to go on from here: {}", style.command(again));
    text
}

/// That a saved plan is done, and what it never was about. Ends with a line break.
#[must_use]
pub fn carried_out(left_alone: usize, look: &str) -> String {
    match left_alone {
        0 => "Done: the plan is carried out.\n".to_owned(),
        left => format!("Done: the plan is carried out. It left {} alone: {look}\n", count(left, "resource")),
    }
}

/// What could not be planned. Ends with a line break.
#[must_use]
pub fn blocked(plan: &Plan, style: Style) -> String {
    let mut text = String::new();
    for blocked in &plan.blocked {
        _ = writeln!(text, "{} {}: {}", style.bad("blocked"), blocked.resource, blocked.why);
    }
    for deferred in &plan.deferred {
        _ = writeln!(text, "{} {}: waits for {}", style.caution("unseen"), deferred.resource, deferred.until);
    }
    text
}
