//! A plan for eyes: what, why, what changes, what it disturbs. Never cut, never redrawn; folded only where the
//! terminal ends.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::difference::{Difference, UNKNOWN, difference, is_long, of_text, spread, text_behind, texts_apart};
use super::style::Style;
use super::text::{count, fold, value};
use crate::id::ResourceId;
use crate::plan::{Action, Cause, Loss, Plan, Reason, Rollout, Step};
use crate::resource::{Change, Disruption, Text};

/// How much to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Steps, and the values that change.
    Changes,
    /// The values of new things too.
    Long,
}

/// Where the lines of a step begin.
const INDENT: usize = 8;
/// Names longer than this push their line to the right alone.
const LONGEST_NAME: usize = 48;

/// Ends with a line break.
#[must_use]
pub fn plan(plan: &Plan, detail: Detail, style: Style) -> String {
    let mut text = String::new();
    draw_limit(plan, style, &mut text);
    if plan.is_empty() {
        let aside = aside(plan, detail).map(|more| format!(" {more}.")).unwrap_or_default();
        _ = writeln!(text, "No changes: {} as the Machinefile asks.{aside}", are(plan.unchanged));
        return text;
    }
    let width = plan.steps.iter().map(|step| step.resource.as_str().len()).max().unwrap_or(0).min(LONGEST_NAME);
    let taken = taken_along(plan);
    for step in &plan.steps {
        draw_step(step, width, style, &mut text);
        if step.action != Action::Create || detail == Detail::Long {
            draw_changes(step, style, &mut text);
        }
        if let Some(names) = taken.get(&step.resource) {
            draw_folded(INDENT, "takes along ", names, style, &mut text);
        }
    }
    for (begin, rest) in rollouts(plan) {
        draw_folded(2, &begin, &rest, style, &mut text);
    }
    draw_held(plan, style, &mut text);
    draw_losses(plan, style, &mut text);
    _ = writeln!(text, "\n{}", footer(plan, detail));
    text
}

/// What is left alone because the Machinefile says so, one line each; empty when nothing is.
#[must_use]
pub fn ignored_differences(plan: &Plan) -> String {
    let mut text = String::new();
    for (id, change) in &plan.ignored {
        let name = change.path.to_string();
        let [before, after] = [&change.before, &change.after].map(|side| value(&name, side.as_ref()));
        _ = writeln!(text, "ignored: {id} {name} is {before}, and the Machinefile says {after}");
    }
    text
}

/// What only those hear who ask for it.
fn aside(plan: &Plan, detail: Detail) -> Option<String> {
    let parts = [(plan.ignored.len(), "ignored"), (plan.adopted, "adopted")];
    let parts: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    (detail == Detail::Long && !parts.is_empty()).then(|| parts.join(", "))
}

fn draw_limit(plan: &Plan, style: Style, text: &mut String) {
    if let Some(limit) = limit(plan) {
        _ = writeln!(text, "{}", style.caution(&limit));
    }
}

/// What the plan keeps to, when that is not everything.
pub(super) fn limit(plan: &Plan) -> Option<String> {
    let limit = plan.limit.as_ref()?;
    let mut words = Vec::new();
    if !limit.targets.is_empty() {
        words.push(format!("limited to {}", limit.targets.join(", ")));
    }
    if !limit.excludes.is_empty() {
        words.push(format!("without {}", limit.excludes.join(", ")));
    }
    let left_out = format!("{} left out", count(limit.left_out, "resource"));
    Some(format!("{}: {left_out}", words.join(", ")))
}

fn are(n: usize) -> String {
    if n == 1 { "1 resource is".to_owned() } else { format!("{n} resources are") }
}

/// How the plan goes through machines that are not to be away all at once: `worker: `, `worker-1, then worker-2`.
pub(super) fn rollouts(plan: &Plan) -> Vec<(String, String)> {
    let line = |rollout: &Rollout| {
        let batches: Vec<_> = rollout.batches.iter().map(|batch| batch.join(", ")).collect();
        (format!("{} one after the other: ", rollout.fleet), batches.join(", then "))
    };
    plan.rollouts.iter().map(line).collect()
}

/// What goes with each step, named.
pub(super) fn taken_along(plan: &Plan) -> BTreeMap<&ResourceId, String> {
    let mut taken: BTreeMap<_, String> = BTreeMap::new();
    for gone in &plan.vanishing {
        let names = taken.entry(&gone.with).or_default();
        if !names.is_empty() {
            names.push_str(", ");
        }
        names.push_str(gone.resource.as_str());
    }
    taken
}

/// Why the step is there and what it disturbs.
pub(super) fn why(step: &Step) -> String {
    let mut why = step.reason.to_string();
    for more in &step.detail {
        _ = write!(why, " · {more}");
    }
    if step.detail.is_empty()
        && matches!(step.disruption, Disruption::Reload | Disruption::Restart | Disruption::Reboot)
    {
        _ = write!(why, " · {}", step.disruption.as_str());
    }
    why
}

fn draw_step(step: &Step, width: usize, style: Style, text: &mut String) {
    let symbol = style.action(step.action, &format!("{:>3}", step.symbol()));
    let id = format!("{:<width$}", step.resource);
    let action = style.action(step.action, &format!("{:<7}", step.action.as_str()));
    let column = 3 + 1 + id.len() + 1 + 7 + 1;
    let why = fold(&why(step), column, column, style.width).map(|line| style.faint(&line)).collect::<Vec<_>>();
    let gap = format!("\n{:column$}", "");
    _ = writeln!(text, "{symbol} {} {action} {}", style.strong(&id), why.join(&gap));
}

fn draw_changes(step: &Step, style: Style, text: &mut String) {
    let names = step.changes.iter().map(|change| change.path.to_string().len());
    let width = names.chain(step.unknown.iter().map(|name| name.len())).max().unwrap_or(0);
    for change in &step.changes {
        if step.action == Action::Create {
            draw_value(change, width, style, text);
        } else {
            draw_change(step, change, width, style, text);
        }
    }
    for behind in texts_apart(step) {
        draw_text(behind, style, text);
    }
    let has_news = matches!(step.action, Action::Create | Action::Replace);
    for name in step.unknown.iter().filter(|_| has_news) {
        _ = writeln!(text, "{:INDENT$}{name:<width$}  {}", "", style.faint(UNKNOWN));
    }
}

fn draw_value(change: &Change, width: usize, style: Style, text: &mut String) {
    let name = change.path.to_string();
    if is_long(change.after.as_ref()) {
        _ = writeln!(text, "{:INDENT$}{name}", "");
        for line in spread(change.after.as_ref()).lines() {
            _ = writeln!(text, "{:INDENT$}    {line}", "");
        }
        return;
    }
    let column = INDENT + width + 2;
    let lines: Vec<_> = fold(&value(&name, change.after.as_ref()), column, column, style.width).collect();
    _ = writeln!(text, "{:INDENT$}{name:<width$}  {}", "", lines.join(&format!("\n{:column$}", "")));
}

fn draw_change(step: &Step, change: &Change, width: usize, style: Style, text: &mut String) {
    let name = change.path.to_string();
    let (told, whose) = told(step, change);
    match told {
        Difference::Line { before, after } => {
            let column = INDENT + width + 2;
            let length = column + before.chars().count() + 3 + after.chars().count() + whose.chars().count();
            let apart = style.width.is_some_and(|end| length > end);
            let arrow = if apart { format!("\n{:column$}→ ", "") } else { " → ".to_owned() };
            let (before, after) = (style.bad(&before), style.good(&after));
            _ = writeln!(text, "{:INDENT$}{name:<width$}  {before}{arrow}{after}{}", "", style.faint(&whose));
        }
        Difference::Lines(lines) => {
            _ = writeln!(text, "{:INDENT$}{name}{}", "", style.faint(&whose));
            draw_lines(lines, style, text);
        }
    }
}

fn draw_lines(lines: Vec<String>, style: Style, text: &mut String) {
    for line in lines {
        let line = match line.as_bytes().first() {
            Some(b'+') => style.good(&line),
            Some(b'-') => style.bad(&line),
            Some(b'@' | b'(') => style.faint(&line),
            _ => line,
        };
        _ = writeln!(text, "{:INDENT$}    {line}", "");
    }
}

/// A text that stands behind several changes, below them.
fn draw_text(behind: &Text, style: Style, text: &mut String) {
    let name = &behind.path;
    match of_text(behind) {
        Ok(lines) => {
            _ = writeln!(text, "{:INDENT$}{name}", "");
            draw_lines(lines, style, text);
        }
        Err(why) => _ = writeln!(text, "{:INDENT$}{name}{}", "", style.faint(&why)),
    }
}

/// A change, by the lines of the text behind it where they may be shown, and what is said beside it.
pub(super) fn told(step: &Step, change: &Change) -> (Difference, String) {
    let whose = whose(step, change);
    match text_behind(step, change).map(of_text) {
        Some(Ok(lines)) => (Difference::Lines(lines), whose),
        Some(Err(why)) => (difference(change), whose + &why),
        None => (difference(change), whose),
    }
}

/// Whose change it is, where the step's reason does not say it.
fn whose(step: &Step, change: &Change) -> String {
    match (step.cause(change), &step.reason) {
        (Some(Cause::File), Reason::Mixed) => "  (in the Machinefile)".to_owned(),
        (Some(Cause::Outside), Reason::Mixed) => "  (without us)".to_owned(),
        (Some(Cause::Both), _) => {
            let left = value(&change.path.to_string(), step.left_aside(change));
            format!("  (we left {})", left.lines().next().unwrap_or_default())
        }
        _ => String::new(),
    }
}

fn draw_folded(indent: usize, begin: &str, rest: &str, style: Style, text: &mut String) {
    let hanging = indent + begin.chars().count();
    let gap = format!("\n{:hanging$}", "");
    let lines = fold(rest, hanging, hanging, style.width).map(|line| style.faint(&line)).collect::<Vec<_>>();
    _ = writeln!(text, "{:indent$}{}{}", "", style.faint(begin), lines.join(&gap));
}

fn draw_held(plan: &Plan, style: Style, text: &mut String) {
    for deferred in &plan.deferred {
        let why = format!("seen once {} is done", deferred.until);
        _ = writeln!(text, "  ? {} {}", deferred.resource, style.faint(&why));
    }
    for blocked in &plan.blocked {
        let begin = format!("  ! {} ", blocked.resource);
        let why = format!("blocked: {}", blocked.why);
        let lines = fold(&why, begin.chars().count(), INDENT, style.width);
        let lines = lines.map(|line| style.bad(&line)).collect::<Vec<_>>().join(&format!("\n{:INDENT$}", ""));
        _ = writeln!(text, "  ! {} {lines}", style.strong(blocked.resource.as_str()));
    }
}

/// What cannot be got back stands apart, with the flag that allows it.
fn draw_losses(plan: &Plan, style: Style, text: &mut String) {
    for (title, steps) in losses(plan) {
        _ = writeln!(text, "\n{}", style.bad(title));
        let width = steps.iter().map(|step| step.resource.as_str().len()).max().unwrap_or(0).min(LONGEST_NAME);
        for step in steps {
            let line = format!("    {:<width$}  {:<7}  ", step.resource, step.action.as_str());
            _ = match step.flag() {
                Some(flag) => writeln!(text, "{line}{}", style.faint(&flag)),
                None => writeln!(text, "{}", line.trim_end()),
            };
        }
    }
}

/// Steps that take something, under their title, the worst first.
pub(super) fn losses(plan: &Plan) -> Vec<(&'static str, Vec<&Step>)> {
    let of = |loss: Loss| plan.steps.iter().filter(|step| step.loss() == Some(loss)).collect::<Vec<_>>();
    let parts =
        [("These lose data for good:", of(Loss::Data)), ("These machines go or are made anew:", of(Loss::Machine))];
    parts.into_iter().filter(|(_, steps)| !steps.is_empty()).collect()
}

/// `2 to create, 0 to change, …`.
pub(super) fn counts(plan: &Plan) -> String {
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
    parts.join(", ")
}

fn footer(plan: &Plan, detail: Detail) -> String {
    let aside = aside(plan, detail).map(|more| format!(", {more}")).unwrap_or_default();
    format!("Plan: {}; {} unchanged{aside}.", counts(plan), count(plan.unchanged, "resource"))
}
