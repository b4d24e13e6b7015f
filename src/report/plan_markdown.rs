//! A plan for a pull request: what loses data first, one folded section per step.

use std::fmt::Write as _;

use super::difference::{Difference, UNKNOWN, is_long, of_text, spread, texts_apart};
use super::plan::{counts, limit, losses, rollouts, taken_along, told, why};
use super::text::{count, value};
use crate::plan::{Action, Plan, Step};

/// GitHub's and GitLab's Markdown. Ends with a line break; the same plan gives the same bytes.
#[must_use]
pub fn plan_markdown(plan: &Plan, project: &str) -> String {
    let mut text = String::new();
    if plan.is_empty() {
        let are = count(plan.unchanged, "resource");
        _ = writeln!(text, "### `{project}`: no changes\n\n{are} as the Machinefile asks.");
        draw_limit(plan, &mut text);
        draw_held(plan, &mut text);
        return text;
    }
    _ = writeln!(text, "### `{project}`: {}", counts(plan));
    draw_limit(plan, &mut text);
    draw_losses(plan, &mut text);
    let taken = taken_along(plan);
    for step in &plan.steps {
        draw_step(step, taken.get(&step.resource).map(String::as_str), &mut text);
    }
    for (begin, rest) in rollouts(plan) {
        _ = writeln!(text, "\n{}", escape(&(begin + &rest)));
    }
    draw_held(plan, &mut text);
    _ = writeln!(text, "\n{} unchanged.", count(plan.unchanged, "resource"));
    text
}

fn draw_limit(plan: &Plan, text: &mut String) {
    if let Some(limit) = limit(plan) {
        _ = writeln!(text, "\n> [!NOTE]\n> {}", escape(&limit));
    }
}

fn draw_losses(plan: &Plan, text: &mut String) {
    for (title, steps) in losses(plan) {
        _ = writeln!(text, "\n> [!CAUTION]\n> **{title}**");
        for step in steps {
            let flag = step.flag().map(|flag| format!(": `{flag}`")).unwrap_or_default();
            _ = writeln!(text, "> - `{}` ({}){flag}", step.resource, step.action.as_str());
        }
    }
}

fn draw_step(step: &Step, taken: Option<&str>, text: &mut String) {
    let action = step.action.as_str();
    let head = format!("<code>{}</code> <b>{}</b> {action}: {}", step.symbol(), step.resource, escape(&why(step)));
    let mut body = String::new();
    for change in &step.changes {
        draw_change(step, change, &mut body);
    }
    for behind in texts_apart(step) {
        let (why, lines) = of_text(behind).map_or_else(|why| (why, Vec::new()), |lines| (String::new(), lines));
        _ = writeln!(body, "# {}{why}", behind.path);
        body.extend(lines.iter().flat_map(|line| [line.as_str(), "\n"]));
    }
    if matches!(step.action, Action::Create | Action::Replace) {
        for name in step.unknown {
            _ = writeln!(body, "+ {name}: {UNKNOWN}");
        }
    }
    _ = writeln!(text, "\n<details><summary>{head}</summary>");
    if !body.is_empty() {
        let fence = fence(&body);
        _ = writeln!(text, "\n{fence}diff\n{body}{fence}");
    }
    if let Some(names) = taken {
        _ = writeln!(text, "\nTakes along: {}", escape(names));
    }
    _ = writeln!(text, "\n</details>");
}

fn draw_change(step: &Step, change: &crate::resource::Change, body: &mut String) {
    let name = change.path.to_string();
    if step.action == Action::Create {
        if is_long(change.after.as_ref()) {
            _ = writeln!(body, "+ {name}:");
            for line in spread(change.after.as_ref()).lines() {
                _ = writeln!(body, "+   {line}");
            }
        } else {
            _ = writeln!(body, "+ {name}: {}", value(&name, change.after.as_ref()));
        }
        return;
    }
    let (told, whose) = told(step, change);
    match told {
        Difference::Line { before, after } => {
            if change.before.is_some() {
                _ = writeln!(body, "- {name}: {before}");
            }
            match &change.after {
                Some(_) => _ = writeln!(body, "+ {name}: {after}{whose}"),
                None => _ = writeln!(body, "# {name} goes{whose}"),
            }
        }
        Difference::Lines(lines) => {
            _ = writeln!(body, "# {name}{whose}");
            for line in lines {
                _ = writeln!(body, "{line}");
            }
        }
    }
}

fn draw_held(plan: &Plan, text: &mut String) {
    if plan.deferred.is_empty() && plan.blocked.is_empty() && plan.unseen.is_empty() {
        return;
    }
    _ = writeln!(text, "\nNot planned:\n");
    for deferred in &plan.deferred {
        _ = writeln!(text, "- `{}` is seen once `{}` is done", deferred.resource, deferred.until);
    }
    for blocked in &plan.blocked {
        _ = writeln!(text, "- `{}` is blocked: {}", blocked.resource, escape(&blocked.why.to_string()));
    }
    for (source, why) in &plan.unseen {
        _ = writeln!(text, "- `{source}` could not be listed: {}", escape(why));
    }
}

/// Longer than any run of backticks inside.
fn fence(body: &str) -> String {
    let (mut longest, mut run) = (2, 0);
    for character in body.chars() {
        run = if character == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    "`".repeat(longest + 1)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
