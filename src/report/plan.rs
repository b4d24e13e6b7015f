//! A plan for eyes: what, why, what changes, what it disturbs. Never cut, never redrawn.

use std::fmt::Write as _;

use super::style::Style;
use super::text::{count, value};
use crate::plan::{Action, Plan, Step};
use crate::resource::{Change, Disruption};

/// How much to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Steps, and the values that change.
    Changes,
    /// The values of new things too.
    Long,
}

/// Ends with a line break.
#[must_use]
pub fn plan(plan: &Plan, detail: Detail, style: Style) -> String {
    let mut text = String::new();
    if plan.is_empty() {
        _ = writeln!(text, "No changes: {} as the Machinefile asks.", are(plan.unchanged));
        return text;
    }
    let width = plan.steps.iter().map(|step| step.resource.as_str().len()).max().unwrap_or(0).min(48);
    for step in &plan.steps {
        draw_step(step, width, detail, style, &mut text);
    }
    draw_unseen(plan, style, &mut text);
    draw_losses(plan, style, &mut text);
    _ = writeln!(text, "\n{}", footer(plan));
    text
}

fn are(n: usize) -> String {
    if n == 1 { "1 resource is".to_owned() } else { format!("{n} resources are") }
}

fn draw_step(step: &Step, width: usize, detail: Detail, style: Style, text: &mut String) {
    let symbol = style.action(step.action, &format!("{:>3}", step.action.symbol()));
    let mut why = step.reason.to_string();
    for more in &step.detail {
        _ = write!(why, " · {more}");
    }
    if step.detail.is_empty()
        && matches!(step.disruption, Disruption::Reload | Disruption::Restart | Disruption::Reboot)
    {
        _ = write!(why, " · {}", step.disruption.as_str());
    }
    let id = format!("{:<width$}", step.resource);
    let action = style.action(step.action, &format!("{:<7}", step.action.as_str()));
    _ = writeln!(text, "{symbol} {} {action} {}", style.strong(&id), style.faint(&why));
    if step.action != Action::Create || detail == Detail::Long {
        let name_width = step.changes.iter().map(|change| change.path.to_string().len()).max().unwrap_or(0);
        for change in &step.changes {
            draw_change(step.action, change, name_width, style, text);
        }
    }
}

fn draw_change(action: Action, change: &Change, width: usize, style: Style, text: &mut String) {
    let name = change.path.to_string();
    let after = value(&name, change.after.as_ref());
    if action == Action::Create {
        _ = writeln!(text, "        {name:<width$}  {after}");
        return;
    }
    let before = value(&name, change.before.as_ref());
    _ = writeln!(text, "        {name:<width$}  {} → {}", style.bad(&before), style.good(&after));
}

fn draw_unseen(plan: &Plan, style: Style, text: &mut String) {
    for deferred in &plan.deferred {
        let why = format!("seen once {} is done", deferred.until);
        _ = writeln!(text, "  ? {} {}", deferred.resource, style.faint(&why));
    }
    for blocked in &plan.blocked {
        _ = writeln!(
            text,
            "  ! {} {}",
            style.strong(blocked.resource.as_str()),
            style.bad(&format!("blocked: {}", blocked.why))
        );
    }
}

/// What cannot be got back stands apart.
fn draw_losses(plan: &Plan, style: Style, text: &mut String) {
    let mut losses = plan.steps.iter().filter(|step| step.disruption == Disruption::DataLoss).peekable();
    if losses.peek().is_none() {
        return;
    }
    _ = writeln!(text, "\n{}", style.bad("These lose data for good:"));
    for step in losses {
        _ = writeln!(text, "    {} ({})", step.resource, step.action.as_str());
    }
}

fn footer(plan: &Plan) -> String {
    let sum = plan.summary();
    let mut parts = vec![
        format!("{} to create", sum.create),
        format!("{} to change", sum.update),
        format!("{} to replace", sum.replace),
        format!("{} to delete", sum.delete),
    ];
    if !plan.deferred.is_empty() {
        parts.push(format!("{} to be seen", plan.deferred.len()));
    }
    if !plan.blocked.is_empty() {
        parts.push(format!("{} blocked", plan.blocked.len()));
    }
    format!("Plan: {}; {} unchanged.", parts.join(", "), count(plan.unchanged, "resource"))
}
